"""`encoders` and `doctor` for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.reports.tables import Column, FirstThatFits, facts_grid, grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.machine import (
        CacheEntry,
        CacheResult,
        DoctorCheck,
        DoctorResult,
        EncodersResult,
        EncoderStatus,
    )

__all__ = ["cache_parts", "doctor_parts", "encoders_parts"]

_SHOWN_IN_FULL = 3
_HIGHER_IS_BETTER = "A higher value of the knob is better quality."
_NAME = Column("Encoder", left=True)
_ALIASES = Column("Aliases", left=True)
_CODEC = Column("Codec", left=True)
_KNOB = Column("Knob, range (default)", left=True)
_STEP = Column("Step")
_PRESETS = Column("Presets", left=True)
_HERE = Column("Here", left=True)
_VERSION = Column("Version", left=True)
_LAYOUTS = (
    (_NAME, _ALIASES, _CODEC, _KNOB, _STEP, _PRESETS, _HERE, _VERSION),
    (_NAME, _ALIASES, _CODEC, _KNOB, _STEP, _PRESETS, _HERE),
    (_NAME, _ALIASES, _KNOB, _PRESETS, _HERE),
    (_NAME, _KNOB, _PRESETS, _HERE),
)


def encoders_parts(result: EncodersResult) -> Iterator[Part]:
    """Lay out the registry with what opens here, then remarks on single ones."""
    if result.ffmpeg_bin is not None:
        yield plain(f"ffmpeg {result.ffmpeg_version} ({result.ffmpeg_bin})")
        yield ""
    rows = [_encoder_cells(encoder) for encoder in result.encoders]
    yield FirstThatFits([_columns_of(layout, rows) for layout in _LAYOUTS])
    for remark, names in _notes(result).items():
        yield ""
        yield plain(f"{', '.join(names)}: {remark}", "dim")


def doctor_parts(result: DoctorResult) -> Iterator[Part]:
    """Lay out the checks, each with what to do about it."""
    columns = (
        Column("", left=True),
        Column("Check", left=True),
        Column("Found", left=True, folds=True),
        Column("Where", left=True, folds=True),
    )
    yield grid(columns, [_check_cells(check) for check in result.checks])
    for check in result.checks:
        if check.advice:
            yield ""
            yield plain(f"{check.name}: {check.advice}", "" if check.ok else "yellow")


def _columns_of(layout: Sequence[Column], rows: Sequence[dict[Column, Text]]) -> RenderableType:
    return grid(layout, [[row[column] for column in layout] for row in rows])


def _encoder_cells(encoder: EncoderStatus) -> dict[Column, Text]:
    style = "" if encoder.opens else "dim"
    cells = {
        _NAME: encoder.name,
        _ALIASES: ", ".join(encoder.aliases),
        _CODEC: encoder.codec,
        _KNOB: f"{encoder.knob} {encoder.lo:g} to {encoder.hi:g} ({encoder.default:g})",
        _STEP: f"{encoder.increment:g}",
        _PRESETS: _presets(encoder.presets),
        _HERE: _here(encoder),
        _VERSION: encoder.version,
    }
    return {column: plain(cell, style) for column, cell in cells.items()} | {
        _HERE: plain(_here(encoder), "green" if encoder.opens else "dim")
    }


def _presets(presets: Sequence[str]) -> str:
    if len(presets) <= _SHOWN_IN_FULL:
        return ", ".join(presets)
    return f"{presets[0]} … {presets[-1]}"


def _here(encoder: EncoderStatus) -> str:
    if encoder.opens:
        return "yes"
    return "no" if encoder.compiled else "absent"


def _notes(result: EncodersResult) -> dict[str, list[str]]:
    """Names of the encoders that each remark is true of."""
    names: dict[str, list[str]] = {}
    for encoder in result.encoders:
        if encoder.higher_is_better:
            names.setdefault(_HIGHER_IS_BETTER, []).append(encoder.name)
        if encoder.reason:
            names.setdefault(encoder.reason, []).append(encoder.name)
    return names


def _check_cells(check: DoctorCheck) -> list[Text]:
    return [
        _mark(check),
        plain(check.name),
        plain(check.value or formatting.ABSENT),
        plain(check.detail),
    ]


def _mark(check: DoctorCheck) -> Text:
    if check.ok:
        return plain("✓", "green")
    return plain("✗", "red") if check.required else plain("!", "yellow")


_COLUMNS = (
    Column("Source", left=True, folds=True),
    Column("Encoder", left=True),
    Column("Quality"),
    Column("Size"),
    Column("kb/s"),
    Column("VMAF"),
    Column("Last used", left=True),
    Column("Takes"),
)
_ITSELF = "itself"


def cache_parts(result: CacheResult) -> Iterator[Part]:
    """Lay out the entries where they are listed, then the store as a whole."""
    if result.entries:
        yield grid(_COLUMNS, [_cells(entry) for entry in result.entries])
        yield ""
    yield facts_grid(
        [
            ("Store", str(result.path)),
            ("Entries", f"{result.n_entries:,}"),
            ("Damaged", f"{result.n_damaged:,}" if result.n_damaged else ""),
            ("Removed", f"{result.n_removed:,}" if result.n_removed else ""),
            ("Takes", f"{formatting.file_size(result.size_bytes)} of {_limit(result)}"),
            ("Set aside as damaged", "\n".join(map(str, result.damaged))),
        ]
    )


def _limit(result: CacheResult) -> str:
    return formatting.file_size(result.limit_bytes)


def _cells(entry: CacheEntry) -> list[str]:
    used = datetime.fromisoformat(entry.used_at).astimezone()
    return [
        entry.src,
        entry.codec or _ITSELF,
        formatting.ABSENT if entry.crf is None else formatting.quality(entry.crf),
        entry.size,
        formatting.bitrate(entry.bitrate_kbps),
        formatting.vmaf(entry.vmaf_score),
        f"{used:%Y-%m-%d %H:%M}",
        formatting.file_size(entry.stored_bytes),
    ]
