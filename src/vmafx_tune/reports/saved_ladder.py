"""Reads a ladder back from its JSON, whoever wrote it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from vmafx_tune._version import __version__
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.formatting import encodable, one_line
from vmafx_tune.ladder.rung_options import default_choice
from vmafx_tune.model import HDR_TRANSFERS
from vmafx_tune.results.ladder import LadderCell, LadderPoint, LadderResult, MeasuredEncode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.results.ladder import Encode
    from vmafx_tune.results.record import Record

__all__ = [
    "UnreadableError",
    "parse_object",
    "read_ladder",
    "refuse_value",
    "validated",
]

RecordT = TypeVar("RecordT", bound="Record")

# Up to here every whole number is a float too, so that all programs read the same one.
_MAX_NUMBER = 2**53
_MAX_SHOWN = 40
_WANTED: Mapping[str, str] = {
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "path_type": "a text",
    "tuple_type": "a list",
    "dataclass_type": "an object",
}


class UnreadableError(ValueError):
    """A text does not hold what it should; the message is a clause that "it" stands before."""


def parse_object(text: str) -> dict[str, Any]:
    """Parse strict JSON (RFC 8259) that holds an object.

    Raises:
        UnreadableError: It is empty, not JSON, nested too deeply, no object, or holds a number that
            no measurement gives.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if not text.strip():
        raise UnreadableError("is empty")
    parsed = _parsed(text)
    if not isinstance(parsed, dict):
        raise UnreadableError(f"holds {_shown(parsed)}, where an object belongs")
    return parsed


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text, parse_int=_whole_number, parse_float=_number, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"is not JSON from line {error.lineno}, column {error.colno} on"
        ) from error
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error


def validated(record: type[RecordT], data: Mapping[str, Any]) -> RecordT:
    """Read parsed JSON as a record, without turning one type of JSON into another.

    Raises:
        UnreadableError: A field is missing, of the wrong type, or out of its range.
    """
    try:
        text = encodable(json.dumps(data, ensure_ascii=False))
        kind: Any = record
        read: RecordT = _adapter(kind).validate_json(text, strict=True)
        return read
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error
    except ValidationError as error:
        # Of a place that takes several types, the last fault names the widest of them.
        faults = {_where(fault["loc"], data): fault for fault in error.errors(include_url=False)}
        where, fault = next(iter(faults.items()))
        if fault["type"] == "json_invalid":
            raise UnreadableError("is nested too deeply") from error
        if fault["type"] == "missing":
            raise UnreadableError(f"has no {where}") from error
        context = fault.get("ctx", {})
        told = context.get("error") or context.get("expected", "something else")
        refuse_value(fault["input"], where, _WANTED.get(fault["type"], str(told)), cause=error)


@cache
def _adapter(record: Any) -> TypeAdapter[Any]:
    # Making one takes longer than reading a document with it.
    return TypeAdapter(record)


def refuse_value(
    value: object, where: str, wanted: str, *, cause: Exception | None = None
) -> NoReturn:
    """Say that a value does not belong where it is.

    Args:
        value: What is there.
        where: Its place, such as `cloud[3].vmaf`.
        wanted: What belongs there, with its article.
        cause: What was raised when the value was looked at.

    Raises:
        UnreadableError: Always.
    """
    raise UnreadableError(f"has {_shown(value)} as {where}, where {wanted} belongs") from cause


def _where(location: Sequence[int | str], data: Any) -> str:
    """Write a place as `cloud[3].vmaf`, without pydantic's names for the members of a union."""
    where = ""
    for step in location:
        if isinstance(data, list) and isinstance(step, int):
            where, data = f"{where}[{step}]", data[step]
        elif isinstance(data, dict):
            where, data = f"{where}.{step}", data.get(str(step))
    return where.removeprefix(".")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _clipped(json.dumps(value, ensure_ascii=False))


def _clipped(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _whole_number(text: str) -> int:
    _number(text)  # first, as Python refuses to make an int of some thousand digits
    return int(text)


def _number(text: str) -> int | float:
    number = float(text)
    if abs(number) > _MAX_NUMBER:
        raise UnreadableError(f"holds the number {_clipped(text)}, which is absurd")
    # JSON has one type of number: for some writers 1280 is 1280.0.
    return int(number) if number.is_integer() else number


def _refuse_constant(text: str) -> NoReturn:
    raise UnreadableError(f"holds {text}, which is not JSON")


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
