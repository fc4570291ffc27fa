"""Reads a ladder back from its JSON, whoever wrote it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from vmafx_tune._version import __version__
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.selection_options import default_choice
from vmafx_tune.model import HDR_TRANSFERS
from vmafx_tune.reports.json_input import UnreadableError, parse_object, refuse_value, validated
from vmafx_tune.results.ladder import LadderCell, LadderPoint, LadderResult, MeasuredEncode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.results.ladder import Encode

__all__ = ["read_ladder"]

_SCHEMA_VERSION = 1
_UNTOLD = "It failed, and the saved ladder does not say why."
# A field that only the document of that command has.
_OTHER_DOCUMENTS = {
    "rows": "compare",
    "bisect_samples": "search",
    "distorted": "score",
    "encoders": "encoders",
    "checks": "doctor",
}


def read_ladder(text: str, name: str = "the ladder") -> LadderResult:
    """Read a ladder from the JSON that `ladder` writes, or another tool by the same contract.

    What only vmafx-tune writes may be missing: it is None or empty in the result. Where the probes
    are missing, they are what cloud, hull and renditions tell of.

    Args:
        text: The document.
        name: What messages call it.

    Returns:
        A result whose own document is the same text, where this version of vmafx-tune wrote it.

    Raises:
        InvalidLadderError: It is not a ladder, or one that makes no sense.
    """
    try:
        return _completed(_read(parse_object(text)))
    except UnreadableError as error:
        raise InvalidLadderError(f"No ladder can be read from {name}: it {error}.") from error


def _read(data: dict[str, Any]) -> LadderResult:
    version = data.get("schema_version")
    if "cloud" not in data:
        other = next((_OTHER_DOCUMENTS[field] for field in data if field in _OTHER_DOCUMENTS), None)
        hint = f"; it looks like a result of {other}" if other else ""
        raise UnreadableError(f"has no cloud{hint}")
    if isinstance(version, int) and version > _SCHEMA_VERSION:
        raise UnreadableError(
            f"was written by a newer vmafx-tune (schema {version}; this one knows "
            f"{_SCHEMA_VERSION}). Update vmafx-tune"
        )
    return validated(LadderResult, data)


def _completed(read: LadderResult) -> LadderResult:
    """Fill in what follows from the rest."""
    targets = tuple(sorted(set(read.target_vmafs)))
    _check_size(read)
    read = replace(
        read,
        tool_version=__version__,
        target_vmafs=targets,
        cloud=tuple(_cells(read, targets)),
        renditions=tuple(
            replace(rung, name=f"{rung.resolution}-{rung.crf:g}") if rung.name is None else rung
            for rung in read.renditions
        ),
        hdr=read.source.color_transfer in HDR_TRANSFERS,
        selection=read.selection or default_choice(targets),
    )
    return replace(read, probes=tuple(_probes(read)))


def _check_size(read: LadderResult) -> None:
    sides = {"width": read.source.width, "height": read.source.height}
    for name, side in sides.items():
        if side is None and any(sides.values()):
            refuse_value(side, f"source.{name}", "a whole number from 1 to 65536")


def _cells(read: LadderResult, targets: tuple[float, ...]) -> Iterator[LadderCell]:
    grid = [(size, target) for size in read.resolutions for target in targets]
    for index, cell in enumerate(read.cloud):
        target = cell.target_vmaf
        if target is None and len(grid) == len(read.cloud) and grid[index][0] == cell.resolution:
            target = grid[index][1]
        if target is None:
            raise UnreadableError(
                f"has no cloud[{index}].target_vmaf, and its place does not tell it"
            )
        yield _cell(cell, target, f"cloud[{index}]")


def _cell(cell: LadderCell, target: float, where: str) -> LadderCell:
    if not cell.ok:
        error = _UNTOLD if cell.error is None else cell.error
        failed = LadderCell.failed(cell.resolution, target, error)
        return replace(failed, error_kind=cell.error_kind, note=cell.note)
    if cell.bitrate_kbps is None or cell.bitrate_kbps <= 0:
        refuse_value(cell.bitrate_kbps, f"{where}.bitrate_kbps", "a number above 0")
    if cell.vmaf is None:
        refuse_value(cell.vmaf, f"{where}.vmaf", "a number")
    return replace(cell, target_vmaf=target, error=None)


def _probes(read: LadderResult) -> Iterator[LadderPoint]:
    """List every encode that the ladder tells of, each once, by the fullest account of it."""
    answers = tuple(cell for cell in read.cloud if cell.ok)
    order: tuple[Encode | LadderCell, ...] = (*read.probes, *answers, *read.hull, *read.renditions)
    fullest: tuple[Encode | LadderCell, ...] = (
        *answers,
        *read.hull,
        *read.renditions,
        *read.probes,
    )
    found = {(encode.resolution, encode.crf): encode for encode in fullest}
    for place in dict.fromkeys((encode.resolution, encode.crf) for encode in order):
        yield _probe(found[place])


def _probe(encode: Encode | LadderCell) -> LadderPoint:
    if isinstance(encode, LadderPoint):
        return encode
    names = (field.name for field in fields(MeasuredEncode) if hasattr(encode, field.name))
    return LadderPoint(**{name: getattr(encode, name) for name in names})
