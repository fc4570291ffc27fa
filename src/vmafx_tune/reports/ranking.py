"""What every renderer reads out of a comparison: ranks, differences, failures, curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.reports import text
from vmafx_tune.reports.facts import (
    HDR_NOTE,
    Backend,
    describe_chunks,
    describe_sample,
    encode_commands,
    encoder_version_of,
    notes,
    samples_of,
    setting,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.model import Probe
    from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow

__all__ = [
    "RankedRow",
    "bd_overlap",
    "curve_of",
    "encoder_versions",
    "failures",
    "heading",
    "ranked_rows",
    "remarks",
    "samples",
    "scorer",
    "status",
]


@dataclass(frozen=True, slots=True)
class RankedRow:
    """A row of a comparison with its place among those of the same target.

    Attributes:
        rank: From 1, by bitrate; None for a failed row.
        versus_percent: Bitrate against the baseline's; None where either is missing.
        answer: The probe that the row stands for; None for a failed row.
    """

    row: CompareRow
    rank: int | None
    versus_percent: float | None
    answer: Probe | None

    @property
    def setting(self) -> str:
        """The answer's quality setting, for a table."""
        return setting(self.row.encoder, self.answer.quality) if self.answer else text.ABSENT


def ranked_rows(result: CompareResult, target: float) -> list[RankedRow]:
    """Rank the rows of one target, failed ones last.

    Args:
        result: Its rows are in their order already.
        target: One of `result.targets`.
    """
    rows = [row for row in result.rows if row.target == target]
    answers = [row.search.answer if row.ok and row.search else None for row in rows]
    reference_kbps = _reference_kbps(result.anchor, rows, answers)
    return [
        RankedRow(
            row=row,
            rank=rank if answer else None,
            versus_percent=_percent_against(reference_kbps, answer),
            answer=answer,
        )
        for rank, (row, answer) in enumerate(zip(rows, answers, strict=True), start=1)
    ]


def _reference_kbps(
    anchor: str | None, rows: list[CompareRow], answers: list[Probe | None]
) -> float | None:
    candidates = [
        answer.bitrate_kbps
        for row, answer in zip(rows, answers, strict=True)
        if answer and anchor in {None, row.encoder}
    ]
    return min(candidates, default=None)


def _percent_against(reference_kbps: float | None, answer: Probe | None) -> float | None:
    if not reference_kbps or answer is None:
        return None
    return (answer.bitrate_kbps / reference_kbps - 1) * 100


def status(row: CompareRow) -> str:
    """Say in a word or two how a row of a comparison ended."""
    if not row.ok:
        return row.error_kind or "failed"
    return "ok" if row.search and row.search.proven else "ok, unproven"


def failures(result: CompareResult) -> list[tuple[str, str]]:
    """List the encoders and targets that failed, each with its sentence, each sentence once."""
    targets: dict[tuple[str, str], list[float]] = {}
    for row in result.rows:
        if row.error is not None:
            targets.setdefault((row.encoder, row.error), []).append(row.target)
    return [
        (f"{encoder} at {_numbers(missed_targets)}", error)
        for (encoder, error), missed_targets in targets.items()
    ]


def remarks(result: CompareResult) -> list[str]:
    """List what a reader of a comparison should know about its rows and its source."""
    targets: dict[tuple[str, str], list[float]] = {}
    for row in result.rows:
        for message in notes(row.search) if row.search else ():
            targets.setdefault((row.encoder, message), []).append(row.target)
    of_rows = [
        f"{encoder} at {_numbers(noted)}: {message}"
        for (encoder, message), noted in targets.items()
    ]
    return [*result.notes, *of_rows, *([HDR_NOTE] if result.source.is_hdr else [])]


def encoder_versions(result: CompareResult) -> list[tuple[str, str]]:
    """List each encoder with its version, where a probe tells it."""
    told = [(row.encoder, encoder_version_of(row.search)) for row in result.rows]
    versions = {encoder: version for encoder, version in told if version}
    return [(name, versions[name]) for name in result.encoders if name in versions]


def curve_of(result: CompareResult, encoder: str) -> list[tuple[Probe, float]]:
    """Collect one encoder's probes over all targets, each once, best quality first.

    Returns:
        Probes with their pooled scores.
    """
    found: dict[float, tuple[Probe, float]] = {}
    for row in result.rows:
        if row.encoder == encoder and row.search:
            found.update((probe.quality, (probe, score)) for probe, score in samples_of(row.search))
    return sorted(found.values(), key=lambda point: -point[0].bitrate_kbps)


def scorer(result: CompareResult) -> str:
    """Name what scored a comparison."""
    return str(Backend(result.backend, result.backend_version))


def bd_overlap(bd: BdRate) -> str:
    """Tell the VMAF interval that a BD-rate was integrated over."""
    return (
        text.ABSENT if bd.overlap is None else " to ".join(text.vmaf(end, 1) for end in bd.overlap)
    )


def heading(result: CompareResult) -> str:
    """Say what a comparison is about, in a line without the source's name."""
    return f"Fewest bits for VMAF {_numbers(result.targets)}"


def _numbers(numbers: Sequence[float]) -> str:
    return text.enumerated([text.given(number) for number in numbers])


def samples(result: CompareResult) -> list[tuple[str, str]]:
    """List what stood for the source, by encoder and target where that was verified."""
    told = {
        f"{row.encoder}, {text.given(row.target)}": describe_sample(row.search)
        for row in result.rows
        if row.search and row.search.sample
    }
    distinct = set(told.values())
    if len(distinct) == 1:
        return [("Sample", distinct.pop())]
    return [("Sample", f"{who}: {what}") for who, what in told.items()]


def chunks(result: CompareResult) -> str:
    """Say what each encode is made of; empty where it is of one piece."""
    searches = (row.search for row in result.rows if row.search)
    chunk_frames = next((search.chunk_frames for search in searches), None)
    return describe_chunks(chunk_frames, result.source.frame_rate)


def commands(result: CompareResult) -> list[tuple[str, Sequence[str]]]:
    """List the commands that reproduce the answers, by encoder and target."""
    return [
        command
        for row in result.rows
        if row.ok and row.search and row.search.answer
        for command in encode_commands(
            f"{row.encoder}, VMAF {text.given(row.target)}", row.search.answer
        )
    ]
