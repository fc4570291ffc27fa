"""What every renderer reads out of a comparison: ranks, differences, failures, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.reports import facts
from vmafx_tune.reports.facts import (
    HDR_NOTE,
    Heading,
    Sheet,
    describe_chunks,
    describe_sample,
    encode_commands,
    notes,
    proof,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow
    from vmafx_tune.results.search import ProbeSummary

__all__ = [
    "answer_setting",
    "bd_reasons",
    "bd_sheets",
    "chunks",
    "circumstances",
    "commands",
    "curve_of",
    "encode_time_ms",
    "failures",
    "heading",
    "remarks",
    "scorer",
    "status",
    "target_sheet",
]


def _percent_against(reference_kbps: float | None, bitrate_kbps: float | None) -> float | None:
    if not reference_kbps or bitrate_kbps is None:
        return None
    return (bitrate_kbps / reference_kbps - 1) * 100


def answer_setting(row: CompareRow) -> str:
    """Write a row's quality setting, for a table."""
    return facts.setting_of(row) if row.ok else formatting.ABSENT


def status(row: CompareRow) -> str:
    """Say in a word or two how a row of a comparison ended."""
    if not row.ok:
        return row.error_kind or "failed"
    if row.estimate is not None:
        return "ok, estimated"
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
    marked = any(map(_side_by_side, result.rows))
    return [
        *result.notes,
        *of_rows,
        *([HDR_NOTE] if result.hdr else []),
        *([facts.SIDE_BY_SIDE] if marked else []),
    ]


def circumstances(result: CompareResult) -> list[tuple[str, str]]:
    """List under which circumstances a comparison was made; what is not known is empty."""
    return [
        ("Source", facts.describe_source(result.source, result.src)),
        ("Model", f"{result.model}, {result.pool.value} at {result.display}"),
        ("Compared in", facts.compared_in(result.comparison)),
        ("Scored by", scorer(result)),
        ("ffmpeg", result.ffmpeg_version),
        *_encoder_versions(result),
        ("Answers", facts.limit_of(result)),
        *_samples(result),
        ("Chunks", chunks(result)),
        ("Took", formatting.duration(result.wall_time_ms)),
    ]


def target_sheet(result: CompareResult, target: float) -> Sheet:
    """Tabulate the rows of one target in their order, failed ones last.

    Bitrates stand against the best row's, or the anchor's.
    """
    headings = (
        Heading("#"),
        Heading("Codec", number=False),
        Heading("CRF"),
        Heading("VMAF"),
        Heading("kb/s"),
        Heading(f"vs {'anchor' if result.anchor else 'best'}"),
        Heading("Encode"),
        Heading("Speed", rank=1),
        Heading("Next worse"),
    )
    rows = [row for row in result.rows if row.target_vmaf == target]
    against_kbps = min(
        (
            row.bitrate_kbps
            for row in rows
            if row.bitrate_kbps is not None and result.anchor in {None, row.codec}
        ),
        default=None,
    )
    return Sheet(
        headings,
        tuple(_row_cells(result, row, against_kbps) for row in rows),
        tuple("failed" if not row.ok else "best" if row.rank == 1 else "" for row in rows),
    ).without_unknown(result.source)


def _row_cells(
    result: CompareResult, row: CompareRow, against_kbps: float | None
) -> tuple[str, ...]:
    return (
        str(row.rank or formatting.ABSENT),
        row.codec,
        answer_setting(row),
        facts.vmaf_of(row),
        facts.bitrate_of(row),
        formatting.percent(_percent_against(against_kbps, row.bitrate_kbps)),
        *facts.encode_times(result.source, row.encode_time_ms, side_by_side=_side_by_side(row)),
        proof(row) if row.ok else status(row),
    )


def _side_by_side(row: CompareRow) -> bool:
    return any(probe.side_by_side for probe in row.bisect_samples if probe.crf == row.best_crf)


def encode_time_ms(row: CompareRow) -> str:
    """Write how long a row's encode took in milliseconds, marked where others ran meanwhile."""
    if row.encode_time_ms is None:
        return formatting.ABSENT
    return f"{row.encode_time_ms:.0f}{'*' if _side_by_side(row) else ''}"


def bd_sheets(result: CompareResult) -> list[tuple[str, Sheet]]:
    """Tabulate BD-rates, each table under its title: against the anchor, and all of them."""
    against = [(f"BD-rate against {result.anchor}", _bd_sheet(result.bd_rate))]
    matrix = [("BD-rate of each against each", _bd_matrix_sheet(result))]
    return [*(against if result.bd_rate else []), *(matrix if result.bd_matrix else [])]


def _bd_matrix_sheet(result: CompareResult) -> Sheet:
    """Tabulate the BD-rate of each encoder, in rows, against each other one, in columns."""
    percents = {(bd.codec, bd.anchor): bd.percent for bd in result.bd_matrix}
    names = dict.fromkeys(bd.codec for bd in result.bd_matrix)
    return Sheet(
        (Heading("Codec", number=False), *(Heading(f"vs {anchor}") for anchor in names)),
        tuple(
            (name, *(formatting.percent(percents.get((name, anchor))) for anchor in names))
            for name in names
        ),
    )


def bd_reasons(result: CompareResult) -> list[str]:
    """List why BD-rates are missing, for each pair of encoders once."""
    reasons = {
        frozenset((bd.codec, bd.anchor)): bd.reason
        for bd in (*result.bd_matrix, *result.bd_rate)
        if bd.reason
    }
    return [*reasons.values()]


def _bd_sheet(bd_rates: Sequence[BdRate]) -> Sheet:
    """Tabulate BD-rates."""
    headings = (
        Heading("Codec", number=False),
        Heading("Anchor", number=False),
        Heading("BD-rate"),
        Heading("VMAF overlap"),
        Heading("Points"),
    )
    return Sheet(headings, tuple(_bd_cells(bd) for bd in bd_rates))


def _bd_cells(bd: BdRate) -> tuple[str, ...]:
    return (
        bd.codec,
        bd.anchor,
        formatting.percent(bd.percent),
        _overlap(bd),
        f"{bd.points.codec} / {bd.points.anchor}",
    )


def _encoder_versions(result: CompareResult) -> list[tuple[str, str]]:
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


def _overlap(bd: BdRate) -> str:
    """Tell the VMAF interval that a BD-rate was integrated over."""
    return (
        formatting.ABSENT
        if bd.overlap is None
        else " to ".join(formatting.vmaf(end, 1) for end in (bd.overlap.lo, bd.overlap.hi))
    )


def heading(result: CompareResult) -> str:
    """Say what a comparison is about, in a line without the source's name."""
    return f"Fewest bits for VMAF {_numbers(result.targets)}"


def _numbers(numbers: Sequence[float]) -> str:
    return formatting.listed([formatting.given(number) for number in numbers])


def _samples(result: CompareResult) -> list[tuple[str, str]]:
    """List what stood for the source, by encoder and target where that was verified."""
    told = {
        f"{row.codec}, {formatting.given(row.target_vmaf)}": describe_sample(row)
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
    return describe_chunks(chunk_frames, facts.rate_of(result.source))


def commands(result: CompareResult) -> list[tuple[str, Sequence[str]]]:
    """List the commands that reproduce the answers, by encoder and target."""
    return [
        command
        for row in result.rows
        for command in encode_commands(
            f"{row.codec}, VMAF {formatting.given(row.target_vmaf)}", row
        )
    ]
