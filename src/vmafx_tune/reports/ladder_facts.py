"""What every renderer reads out of a ladder: rungs, the grid of cells, failures, circumstances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.choices import Sampling, ScoreAt, Spacing
from vmafx_tune.formatting import counted, listed
from vmafx_tune.reports import facts
from vmafx_tune.reports.facts import Heading, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import (
        Encode,
        LadderCell,
        LadderPoint,
        LadderResult,
        LadderRung,
    )
    from vmafx_tune.results.rung_choice import RungChoice

__all__ = [
    "cell_sheet",
    "circumstances",
    "commands",
    "failures",
    "heading",
    "point_text",
    "points_by_resolution",
    "remarks",
    "rung_sheet",
    "why_empty",
]


def heading(result: LadderResult) -> str:
    """Say what was found, in a line without the source's name."""
    count = len(result.renditions)
    if not count:
        return f"No rungs with {result.encoder}"
    return f"Ladder of {count} {'rung' if count == 1 else 'rungs'} with {result.encoder}"


def why_empty(result: LadderResult) -> str | None:
    """Say why a ladder has no rungs; None where it has some."""
    if result.renditions:
        return None
    count = len(result.probes)
    if not count:
        return "There are no rungs: nothing was measured."
    measured = "the one encode that was" if count == 1 else f"all {count} encodes that were"
    if result.hull:
        return f"There are no rungs: the limits rule out {measured} measured."
    return f"There are no rungs: {measured} measured lack a finite score or a bitrate."


def circumstances(result: LadderResult) -> list[tuple[str, str]]:
    """List under which circumstances a ladder was made; what is not known has an empty value."""
    backend = facts.scorer(result.backend, result.backend_version) if result.backend else ""
    return [
        ("Source", facts.describe_title(result)),
        ("Encoder", _joined(result.encoder, _encoder_version(result))),
        ("Model", _model(result)),
        ("Scored", _where_scored(result)),
        ("Compared in", facts.compared_in(result.comparison)),
        ("Encodes", _encodes(result)),
        ("Sampling", _sampling(result)),
        ("Sample", facts.describe_parts(result.sample)),
        ("Chunks", facts.describe_chunks(result.chunk_frames, result.source.frame_rate)),
        ("Rungs", _choice(result.selection)),
        ("Scored by", backend),
        ("ffmpeg", result.ffmpeg_version),
        ("Took", _joined(formatting.duration(result.wall_time_ms), _counted(result))),
    ]


def rung_sheet(result: LadderResult) -> Sheet:
    """Tabulate the rungs, without the columns that nothing is known for."""
    headings = (
        Heading("#"),
        Heading("Resolution", number=False),
        Heading(_knob_title(result.encoder)),
        Heading("kb/s"),
        Heading("Peak", rank=3),
        Heading("VMAF"),
        Heading("p5", rank=2),
        Heading("Min", rank=4),
        Heading("Target", rank=1),
        Heading("Codecs", number=False, rank=5),
    )
    rows = tuple(
        _rung_cells(number, rung) for number, rung in enumerate(result.renditions, start=1)
    )
    return Sheet(headings, rows).without_unknown(None)


def cell_sheet(result: LadderResult, targets: Sequence[float] | None = None) -> Sheet:
    """Tabulate the cells: a row for each resolution, a column for each target.

    Args:
        result: The ladder.
        targets: Those to show; all where none are given.
    """
    shown = result.target_vmafs if targets is None else targets
    cells = {(cell.resolution, cell.target): cell for cell in result.cloud}
    best = _best_scores(result.probes)
    adaptive = result.sampling is Sampling.ADAPTIVE
    rows = tuple(
        (
            str(size),
            *(
                _cell_text(cells.get((size, target)), best.get(size), adaptive=adaptive)
                for target in shown
            ),
        )
        for size in result.resolutions
    )
    columns = (Heading(f"VMAF {formatting.given(target)}") for target in shown)
    return Sheet((Heading("Resolution", number=False), *columns), rows)


def failures(result: LadderResult) -> list[tuple[str, str]]:
    """List the cells that failed, each sentence once; those that were left out are remarks.

    Of the targets that one resolution cannot reach the lowest one speaks for all: what does not
    reach it does not reach the others.
    """
    missed: dict[Resolution, list[LadderCell]] = {}
    broken: dict[str, list[LadderCell]] = {}
    for cell in result.cloud:
        if cell.error_kind == "unreachable":
            missed.setdefault(cell.resolution, []).append(cell)
        elif cell.error is not None and cell.error_kind != "left_out":
            broken.setdefault(cell.error, []).append(cell)
    lowest = ((cells, min(cells, key=_target).error or "") for cells in missed.values())
    told = [*lowest, *((cells, error) for error, cells in broken.items())]
    return [(_places(result, cells), error) for cells, error in told]


def remarks(result: LadderResult) -> list[str]:
    """List what a reader of a ladder should know about its rungs, its cells and its source."""
    noted: dict[str, list[LadderCell]] = {}
    for cell in result.cloud:
        message = cell.error if cell.error_kind == "left_out" else cell.note if cell.ok else None
        if message:
            noted.setdefault(message, []).append(cell)
    of_cells = [f"{_places(result, cells)}: {note}" for note, cells in noted.items()]
    return [*result.notes, *of_cells, *([facts.HDR_NOTE] if result.hdr else [])]


def commands(result: LadderResult) -> list[tuple[str, Sequence[str]]]:
    """List the encode commands of the rungs that have one, each with what it gives."""
    return [
        command
        for number, rung in enumerate(result.renditions, start=1)
        for command in facts.encode_commands(f"{number}: {point_text(result, rung)}", rung)
    ]


def point_text(result: LadderResult, point: Encode) -> str:
    """Say what an encode is, in a line."""
    return (
        f"{point.resolution} {facts.knob(result.encoder)} {formatting.quality(point.crf)}, "
        f"{formatting.bitrate(point.bitrate_kbps)} kb/s, VMAF {formatting.vmaf(point.vmaf)}"
    )


def points_by_resolution(result: LadderResult) -> dict[Resolution, tuple[Encode, ...]]:
    """Group all encodes, each once: the result's resolutions in their order, then any others.

    A saved ladder may know of points of the hull that are no cell's answer.
    """
    points: tuple[Encode, ...] = (*result.renditions, *result.hull, *result.probes)
    encodes = {(point.resolution, point.crf): point for point in (*result.probes, *points)}
    sizes = dict.fromkeys((*result.resolutions, *(size for size, _ in encodes)))
    return {
        size: tuple(point for (of, _), point in encodes.items() if of == size) for size in sizes
    }


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _counted(result: LadderResult) -> str:
    n_encodes = len(result.probes)
    encodes = counted(n_encodes, "encode")
    known = 0 if result.new_probes is None else n_encodes - result.new_probes
    return f"{encodes}, {known} cached" if known > 0 else encodes


def _encoder_version(result: LadderResult) -> str:
    versions = (point.encoder_version for point in result.probes)
    return next((version for version in versions if version), "")


def _model(result: LadderResult) -> str:
    every = f"every {result.subsample}. frame" if (result.subsample or 1) > 1 else ""
    return _joined(result.model, result.pool.value if result.pool else "", every)


def _sampling(result: LadderResult) -> str:
    if result.sampling is None:
        return ""
    guides = f", guided by {listed(result.guided_by)}" if result.guided_by else ""
    return f"{result.sampling.value}{guides}"


def _where_scored(result: LadderResult) -> str:
    if result.score_at is ScoreAt.RENDITION:
        return "at each rendition's own size"
    return f"at {result.display}, the display size" if result.display else ""


def _encodes(result: LadderResult) -> str:
    if result.gop_frames is None:
        return ""
    rate, segment_s = result.source.frame_rate, result.segment_duration
    seconds = f" ({float(result.gop_frames / rate):.4g} s)" if rate else ""
    segments = f"peaks over segments of {float(segment_s):.4g} s" if segment_s else ""
    gops = f"closed GOPs of {counted(result.gop_frames, 'frame')}{seconds}"
    return _joined(gops, segments, _caps(result))


def _caps(result: LadderResult) -> str:
    if result.maxrate_factor is None or result.bufsize_factor is None:
        return ""
    return (
        f"capped at {result.maxrate_factor:g} times the average, with a buffer of "
        f"{result.bufsize_factor:g} s"
    )


def _choice(choice: RungChoice | None) -> str:
    if choice is None:
        return ""
    step = f" of {choice.vmaf_step:g} points" if choice.spacing is Spacing.VMAF else ""
    viewers = choice.throughput if choice.spacing is Spacing.OPTIMAL else None
    return _joined(
        f"spacing {choice.spacing.value}{step}",
        f"for a throughput of {viewers}" if viewers else "",
        f"{choice.safety_factor:g} of it used" if viewers and choice.safety_factor != 1 else "",
        f"at most {choice.max_rungs}",
        _least_gap(choice.min_bitrate_gap_kbps),
        _limits("VMAF", choice.min_vmaf, choice.max_vmaf),
        _limits("kb/s", choice.min_bitrate_kbps, choice.max_bitrate_kbps),
        "mixed resolutions" if choice.mixed_resolutions else "",
    )


def _least_gap(kbps: float) -> str:
    return f"at least {formatting.given(kbps)} kb/s or a quarter apart" if kbps else ""


def _limits(unit: str, low: float | None, high: float | None) -> str:
    ends = [
        f"{word} {formatting.given(end)}"
        for word, end in (("from", low), ("up to", high))
        if end is not None
    ]
    return f"{unit} {' '.join(ends)}" if ends else ""


def _knob_title(encoder: str) -> str:
    name = facts.knob(encoder)
    return "CRF" if name == "crf" else name


def _rung_cells(number: int, rung: LadderRung) -> tuple[str, ...]:
    pooled = rung.vmaf_pooled
    return (
        str(number),
        str(rung.resolution),
        formatting.quality(rung.crf),
        formatting.bitrate(rung.bitrate_kbps),
        formatting.bitrate(rung.peak_bitrate_kbps),
        formatting.vmaf(rung.vmaf),
        formatting.vmaf(pooled.p5 if pooled else None),
        formatting.vmaf(pooled.min if pooled else None),
        formatting.ABSENT if rung.target_vmaf is None else formatting.given(rung.target_vmaf),
        rung.codecs or formatting.ABSENT,
    )


def _best_scores(points: Iterable[LadderPoint]) -> dict[Resolution, float]:
    best: dict[Resolution, float] = {}
    for point in points:
        if math.isfinite(point.vmaf):
            best[point.resolution] = max(point.vmaf, best.get(point.resolution, point.vmaf))
    return best


def _cell_text(cell: LadderCell | None, best: float | None, *, adaptive: bool) -> str:
    if cell is None:
        return formatting.ABSENT
    if cell.ok:
        bound = "≤ " if adaptive and cell.note else ""
        return (
            f"{bound}{formatting.rough_bitrate(cell.bitrate_kbps)} @ {formatting.quality(cell.crf)}"
        )
    if cell.error_kind == "left_out":
        return "left out"
    if cell.error_kind != "unreachable":
        return "failed"
    return (
        "missed"
        if best is None or best >= cell.target
        else f"max {formatting.vmaf(best, target=cell.target)}"
    )


def _target(cell: LadderCell) -> float:
    return cell.target


def _places(result: LadderResult, cells: Sequence[LadderCell]) -> str:
    """Name cells, those of one resolution together."""
    if len(cells) == len(result.cloud) > 1:
        return "Every cell"
    targets: dict[Resolution, list[str]] = {}
    for cell in cells:
        targets.setdefault(cell.resolution, []).append(formatting.given(cell.target))
    return "; ".join(_lines_of(targets))


def _lines_of(targets: dict[Resolution, list[str]]) -> Iterator[str]:
    for size, missed in targets.items():
        yield f"{size} at {formatting.listed(missed)}"
