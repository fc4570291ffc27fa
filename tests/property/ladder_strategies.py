"""Hypothesis strategies for whole results of `ladder`, and for JSON that is almost one."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.unit.reports.ladder_factories import hull_of, rung_of
from vmafx_tune import shell
from vmafx_tune._version import __version__
from vmafx_tune.choices import Sampling, ScoreAt, Spacing
from vmafx_tune.model import PoolMethod, Resolution
from vmafx_tune.results.ladder import (
    LadderCell,
    LadderPoint,
    LadderResult,
    LadderSource,
)
from vmafx_tune.results.measurement import PooledScores
from vmafx_tune.results.rung_choice import RungChoice

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["json_values", "ladder_results"]

# Lone surrogates are what undecodable bytes of file names become.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)
SIDES = st.integers(1, 8192)
SIZES = st.builds(Resolution, SIDES, SIDES)
VMAFS = st.floats(0, 110)
POOLED = st.builds(PooledScores, **{each.name: VMAFS for each in fields(PooledScores)})
SPANS = st.floats(0, 1e5)
QUALITIES = st.one_of(st.integers(0, 63).map(float), st.integers(0, 6300).map(lambda n: n / 100))
RATES = st.fractions(Fraction(1, 10), 1000, max_denominator=10_000)


def _optional(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.one_of(st.none(), values)


def _points() -> SearchStrategy[LadderPoint]:
    return st.builds(
        LadderPoint,
        width=SIDES,
        height=SIDES,
        crf=QUALITIES,
        bitrate_kbps=st.floats(0.001, 1e6),
        vmaf=VMAFS,
        peak_bitrate_kbps=_optional(st.floats(0.001, 1e6)),
        codecs=TEXTS,
        encode_command=_optional(st.lists(TEXTS, max_size=4).map(shell.join)),
        vmaf_pooled=_optional(POOLED),
        size_bytes=_optional(st.integers(0, 2**50)),
        encode_time_ms=_optional(SPANS),
        score_time_ms=_optional(SPANS),
        encoder_version=TEXTS,
    )


def _encode(point: LadderPoint) -> tuple[Resolution, float]:
    return (point.resolution, point.crf)


def _cells(points: tuple[LadderPoint, ...]) -> SearchStrategy[LadderCell]:
    kinds = st.sampled_from(("unreachable", "left_out", "failed"))
    failed = st.builds(LadderCell.failed, SIZES, VMAFS, TEXTS, kinds)
    if not points:
        return failed
    ok = st.builds(
        lambda point, target, note: LadderCell.answered(
            point.resolution,
            target,
            crf=point.crf,
            bitrate_kbps=point.bitrate_kbps,
            vmaf=point.vmaf,
            note=note,
        ),
        st.sampled_from(points),
        VMAFS,
        _optional(TEXTS),
    )
    return st.one_of(ok, failed)


@st.composite
def _choices(draw: DrawFn) -> RungChoice:
    min_vmaf, max_vmaf = draw(_limits(VMAFS))
    min_bitrate_kbps, max_bitrate_kbps = draw(_limits(st.floats(0, 1e6)))
    throughput = draw(_optional(TEXTS))
    return RungChoice(
        spacing=draw(st.sampled_from(Spacing)) if throughput is not None else Spacing.KNEE,
        max_rungs=draw(st.integers(1, 20)),
        min_bitrate_gap_kbps=draw(st.floats(0, 5000)),
        vmaf_step=draw(st.floats(0.01, 50)),
        min_vmaf=min_vmaf,
        max_vmaf=max_vmaf,
        min_bitrate_kbps=min_bitrate_kbps,
        max_bitrate_kbps=max_bitrate_kbps,
        throughput=throughput,
        safety_factor=draw(st.floats(0.01, 1)),
        mixed_resolutions=draw(st.booleans()),
        include=draw(st.lists(SIZES, max_size=1).map(tuple)),
        allow=draw(st.lists(SIZES, max_size=3).map(tuple)),
        min_top=draw(_optional(SIZES)),
        min_bottom=draw(_optional(SIZES)),
        min_step_ratio=draw(_optional(st.floats(1, 2))),
        max_step_ratio=draw(_optional(st.floats(2, 9))),
        min_rungs=draw(_optional(st.just(1))),
    )


def _limits(values: SearchStrategy[float]) -> SearchStrategy[tuple[float | None, float | None]]:
    """A lower and an upper limit, either of which may be missing."""
    ends = st.tuples(values, values).map(sorted)
    return st.builds(
        lambda ends, low, high: (ends[0] if low else None, ends[1] if high else None),
        ends,
        st.booleans(),
        st.booleans(),
    )


@st.composite
def _sources(draw: DrawFn) -> LadderSource:
    size = draw(_optional(SIZES))
    return LadderSource(
        width=size and size.width,
        height=size and size.height,
        frame_rate=draw(_optional(RATES)),
        n_frames=draw(_optional(st.integers(1, 2**40))),
        pix_fmt=draw(_optional(TEXTS)),
        color_transfer=draw(_optional(st.sampled_from(("bt709", "smpte2084")))),
    )


@st.composite
def ladder_results(draw: DrawFn) -> LadderResult:
    """Any ladder that could have been measured, and what is left of one that tells little."""
    points = tuple(draw(st.lists(_points(), max_size=6, unique_by=_encode)))
    rungs = st.builds(rung_of, st.sampled_from(points or (None,)), TEXTS, _optional(VMAFS))
    source = draw(_sources())
    cells = tuple(draw(st.lists(_cells(points), max_size=6)))
    return LadderResult(
        schema_version=1,
        tool_version=__version__,
        src=draw(TEXTS.map(Path)),
        source=source,
        hdr=source.color_transfer == "smpte2084",
        encoder=draw(TEXTS),
        target_vmafs=tuple(sorted(draw(st.sets(st.integers(0, 110).map(float), max_size=4)))),
        resolutions=tuple(draw(st.lists(SIZES, max_size=4))),
        cloud=cells,
        probes=points,
        hull=hull_of(points, cells),
        renditions=tuple(draw(st.lists(rungs, max_size=3))) if points else (),
        notes=tuple(draw(st.lists(TEXTS, max_size=2))),
        selection=draw(_choices()),
        wall_time_ms=draw(SPANS),
        display=draw(_optional(SIZES)),
        sampling=draw(_optional(st.sampled_from(Sampling))),
        score_at=draw(_optional(st.sampled_from(ScoreAt))),
        model=draw(TEXTS),
        pool=draw(_optional(st.sampled_from(PoolMethod))),
        subsample=draw(_optional(st.integers(1, 50))),
        gop_frames=draw(_optional(st.integers(1, 1000))),
        segment_duration=draw(_optional(RATES)),
        ffmpeg_bin=draw(_optional(TEXTS.map(Path))),
        ffmpeg_version=draw(TEXTS),
        backend=draw(TEXTS),
        backend_version=draw(TEXTS),
    )


def json_values(max_leaves: int = 8) -> SearchStrategy[Any]:
    """Anything that `json.dumps` takes, NaN and huge numbers among it."""
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from((10**400, -1, 0, 2**53 + 1)),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(("1280x720", "1/0", "knee", "'")),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=max_leaves,
    )
