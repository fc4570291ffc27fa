"""What every renderer reads out of a comparison: ranks, differences, failures, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.reports import facts, text
from vmafx_tune.reports.facts import (
    HDR_NOTE,
    describe_chunks,
    describe_sample,
    encode_commands,
    notes,
    proof,
    setting,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow
    from vmafx_tune.results.search import ProbeSummary

__all__ = [
    "answer_proof",
    "answer_setting",
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


def ranked_rows(result: CompareResult, target: float) -> list[tuple[CompareRow, float | None]]:
    """List the rows of one target in their order, failed ones last.

    Args:
        result: The comparison.
        target: One of `result.targets`.

    Returns:
        Each row with its bitrate against the best one's, or the anchor's, as a difference in
        percent; None where either is missing.
    """
    rows = [row for row in result.rows if row.target_vmaf == target]
    reference_kbps = min(
        (
            row.bitrate_kbps
            for row in rows
            if row.bitrate_kbps is not None and result.anchor in {None, row.codec}
        ),
        default=None,
    )
    return [(row, _percent_against(reference_kbps, row.bitrate_kbps)) for row in rows]


def _percent_against(reference_kbps: float | None, bitrate_kbps: float | None) -> float | None:
    if not reference_kbps or bitrate_kbps is None:
        return None
    return (bitrate_kbps / reference_kbps - 1) * 100


def answer_setting(row: CompareRow) -> str:
    """Write a row's quality setting, for a table."""
    return setting(row.codec, row.best_crf) if row.ok else text.ABSENT


def answer_proof(row: CompareRow) -> str:
    """Show what proves a row's answer; empty where it has none."""
    return proof(row) if row.ok else ""


def status(row: CompareRow) -> str:
    """Say in a word or two how a row of a comparison ended."""
    if not row.ok:
        return row.error_kind or "failed"
    return "ok" if row.proven else "ok, unproven"


def failures(result: CompareResult) -> list[tuple[str, str]]:
    """List the encoders and targets that failed, each with its sentence, each sentence once."""
    targets: dict[tuple[str, str], list[float]] = {}
    for row in result.rows:
        if row.error is not None:
            targets.setdefault((row.codec, row.error), []).append(row.target_vmaf)
    return [
        (f"{encoder} at {_numbers(missed_targets)}", error)
        for (encoder, error), missed_targets in targets.items()
    ]


def remarks(result: CompareResult) -> list[str]:
    """List what a reader of a comparison should know about its rows and its source."""
    targets: dict[tuple[str, str], list[float]] = {}
    for row in result.rows:
        for message in notes(row):
            targets.setdefault((row.codec, message), []).append(row.target_vmaf)
    of_rows = [
        f"{encoder} at {_numbers(noted)}: {message}"
        for (encoder, message), noted in targets.items()
    ]
    return [*result.notes, *of_rows, *([HDR_NOTE] if result.hdr else [])]


def encoder_versions(result: CompareResult) -> list[tuple[str, str]]:
    """List each encoder with its version, where a probe tells it."""
    versions = {row.codec: row.encoder_version for row in result.rows if row.encoder_version}
    return [(name, versions[name]) for name in result.codecs if name in versions]


def curve_of(result: CompareResult, encoder: str) -> list[ProbeSummary]:
    """Collect one encoder's probes over all targets, each once, best quality first."""
    rows = (row for row in result.rows if row.codec == encoder)
    found = {probe.crf: probe for row in rows for probe in row.bisect_samples}
    return sorted(found.values(), key=lambda probe: -probe.bitrate_kbps)


def scorer(result: CompareResult) -> str:
    """Name what scored a comparison."""
    return facts.scorer(result.backend, result.backend_version)


def bd_overlap(bd: BdRate) -> str:
    """Tell the VMAF interval that a BD-rate was integrated over."""
    return (
        text.ABSENT
        if bd.overlap is None
        else " to ".join(text.vmaf(end, 1) for end in (bd.overlap.lo, bd.overlap.hi))
    )


def heading(result: CompareResult) -> str:
    """Say what a comparison is about, in a line without the source's name."""
    return f"Fewest bits for VMAF {_numbers(result.targets)}"


def _numbers(numbers: Sequence[float]) -> str:
    return text.enumerated([text.given(number) for number in numbers])


def samples(result: CompareResult) -> list[tuple[str, str]]:
    """List what stood for the source, by encoder and target where that was verified."""
    told = {
        f"{row.codec}, {text.given(row.target_vmaf)}": describe_sample(row)
        for row in result.rows
        if row.sample
    }
    distinct = set(told.values())
    if len(distinct) == 1:
        return [("Sample", distinct.pop())]
    return [("Sample", f"{who}: {what}") for who, what in told.items()]


def chunks(result: CompareResult) -> str:
    """Say what each encode is made of; empty where it is of one piece."""
    chunk_frames = next((row.chunk_frames for row in result.rows if row.chunk_frames), None)
    return describe_chunks(chunk_frames, result.source.frame_rate)


def commands(result: CompareResult) -> list[tuple[str, Sequence[str]]]:
    """List the commands that reproduce the answers, by encoder and target."""
    return [
        command
        for row in result.rows
        for command in encode_commands(f"{row.codec}, VMAF {text.given(row.target_vmaf)}", row)
    ]
