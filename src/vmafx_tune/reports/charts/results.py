"""Which chart a result has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune.reports import ladder_facts, ranking, score_facts, search_facts
from vmafx_tune.reports.charts.frame_scores import frame_scores, points_for
from vmafx_tune.reports.charts.rate_quality import ChartPoint, Series, rate_quality

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from vmafx_tune.model import Resolution
    from vmafx_tune.reports.charts.style import Chart
    from vmafx_tune.results.batch import BatchResult
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.ladder import Encode, LadderResult
    from vmafx_tune.results.record import Result
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.results.search import ProbeSummary, SearchResult

__all__ = ["chart_of", "title_of"]

_ANSWERS = "Ringed probes are answers."
_ESTIMATED = "Points are probes; an answer that is an estimate is not drawn."


def chart_of(result: Result, n_charts: int = 1) -> Chart | None:
    """Describe the chart of a result; None for one without anything to draw.

    Args:
        result: What to draw.
        n_charts: How many charts share a page: with many, curves of frames have fewer points.
    """
    shown: Any = result
    match result.command:
        case "score":
            return _score(shown, n_charts)
        case "search" | "encode":
            return _search(shown)
        case "compare":
            return _compare(shown)
        case "ladder":
            return _ladder(shown)
        case "batch":
            return _batch(shown)
        case _:
            return None


def title_of(result: Result) -> str:
    """Say in a line what a result with a chart is, and of what."""
    shown: Any = result
    match result.command:
        case "score":
            return f"{score_facts.heading(shown)}: {shown.distorted.name}"
        case "compare":
            return f"{ranking.heading(shown)}: {shown.src.name}"
        case "ladder":
            return f"{ladder_facts.heading(shown)}: {shown.src.name}"
        case _:
            return f"{search_facts.heading(shown)}: {shown.src.name}"


def _score(result: ScoreResult, n_charts: int) -> Chart | None:
    frames, frame_rate = score_facts.frames(result), result.frame_rate
    if not frames or frame_rate is None:
        return None
    sheet = score_facts.worst_sheet(result)
    return frame_scores(result, frames, frame_rate, sheet, most_points=points_for(n_charts))


def _search(result: SearchResult) -> Chart | None:
    answers = {result.best_crf} if result.ok else {}
    told = "The ringed probe is the answer." if result.is_measured else _ESTIMATED
    points = _points(result.bisect_samples, answers)
    return rate_quality(
        [Series(result.codec, result.codec, points)],
        (result.target_vmaf,),
        hint=told,
    )


def _compare(result: CompareResult) -> Chart | None:
    answers = {(row.codec, row.best_crf) for row in result.rows if row.ok}
    series = [
        Series(
            encoder,
            encoder,
            _points(
                ranking.curve_of(result, encoder),
                {crf for codec, crf in answers if codec == encoder},
            ),
        )
        for encoder in result.codecs
    ]
    measured = all(row.is_measured for row in result.rows)
    return rate_quality(series, result.targets, hint=_ANSWERS if measured else _ESTIMATED)


def _batch(result: BatchResult) -> Chart | None:
    """Show the answers of all sources, where each has one."""
    points: dict[str, list[ChartPoint]] = {}
    for file in result.files:
        answer = (file.codec, file.bitrate_kbps, file.vmaf_score, file.best_crf)
        codec, kbps, vmaf, crf = answer
        if codec is not None and kbps is not None and vmaf is not None and crf is not None:
            points.setdefault(codec, []).append(ChartPoint(kbps, vmaf, crf, source=file.name))
    return rate_quality(
        [Series(codec, codec, tuple(answers)) for codec, answers in points.items()],
        sorted({file.target_vmaf for file in result.files if file.target_vmaf is not None}),
        hint="Each point is the answer of a source"
        f"{', or an estimate of it' if any(file.estimated for file in result.files) else ''}.",
        joined=False,
    )


def _points(probes: Iterable[ProbeSummary], answers: Container[float]) -> tuple[ChartPoint, ...]:
    return tuple(
        ChartPoint(probe.bitrate_kbps, probe.vmaf_score, probe.crf, probe.crf in answers)
        for probe in probes
    )


def _ladder(result: LadderResult) -> Chart | None:
    numbers = {
        (rung.resolution, rung.crf): str(number)
        for number, rung in enumerate(result.renditions, start=1)
    }

    def point(encode: Encode) -> ChartPoint:
        tag = numbers.get((encode.resolution, encode.crf), "")
        return ChartPoint(encode.bitrate_kbps, encode.vmaf, encode.crf, bool(tag), tag)

    def series(size: Resolution, encodes: Iterable[Encode]) -> Series:
        return Series(str(size), result.encoder, tuple(map(point, encodes)))

    by_size = ladder_facts.points_by_resolution(result)
    return rate_quality(
        [series(size, encodes) for size, encodes in by_size.items()],
        (),
        hint="The thick line is the hull; numbered points are rungs.",
        hull=[point(encode) for encode in result.hull],
        one_line_per="Resolution",
    )
