"""Results of `ladder` with realistic values, built the same way every time."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.reports.factories import FFMPEG, MODEL, SIZE, VERSIONS
from vmafx_tune import shell
from vmafx_tune._version import __version__
from vmafx_tune.choices import Sampling, ScoreAt, SearchStrategy, Spacing
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.run import catalogue
from vmafx_tune.ladder.rung_options import default_choice
from vmafx_tune.model import PoolMethod, Resolution
from vmafx_tune.options import RungOptions
from vmafx_tune.results.ladder import (
    Encode,
    HullPoint,
    LadderCell,
    LadderPoint,
    LadderResult,
    LadderRung,
    LadderSource,
    MeasuredEncode,
)
from vmafx_tune.results.measurement import PooledScores
from vmafx_tune.results.rung_choice import RungChoice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.results.catalogue import CatalogueResult

ENCODER = "libx264"
TARGETS = (70.0, 85.0, 95.0)
SIZES = (SIZE, Resolution(960, 540), Resolution(640, 360))
# (crf, kb/s, VMAF): large renditions win the high bitrates, small ones the low, as on real titles.
MEASURED = {
    SIZES[0]: (
        (23.0, 2830.5, 95.31),
        (24.0, 2466.1, 94.42),
        (31.0, 975.25, 85.62),
        (32.0, 853.9, 84.18),
        (38.0, 401.3, 70.44),
    ),
    SIZES[1]: (
        (14.0, 3105.75, 95.08),
        (26.0, 861.3, 85.21),
        (35.0, 318.6, 71.2),
        (36.0, 283.4, 69.3),
    ),
    SIZES[2]: ((4.0, 6204.5, 91.27), (17.0, 1012.7, 85.07), (31.0, 243.1, 71.04)),
}
CODECS = dict(zip(SIZES, ("avc1.64001F", "avc1.64001F", "avc1.64001E"), strict=True))
# The quality of each cell's answer, by ascending target.
ANSWERS = {SIZES[0]: (38.0, 31.0, 23.0), SIZES[1]: (35.0, 26.0, 14.0), SIZES[2]: (31.0, 17.0, None)}
UNREACHABLE = (
    "VMAF 95 is not reached at 640x360; the best is 91.27 at crf 4, 6,204.5 kb/s. Lower the target."
)
LEFT_OUT = "Left out: it has no place on the hull."
NOT_PROVEN = "Not proven to be the cheapest step."
FAILED = "ffmpeg ended with 1: Error while opening encoder."
NOTES = (
    "Rungs less than a factor of 1.5 apart add little: 2466 and 2830 kb/s.",
    (
        "Switches between rungs more than a factor of 2.5 apart are visible: 243 and 861; 861 and "
        "2466 kb/s."
    ),
)
TOP_IS_MISSING = (
    "The top of the ladder is missing: no point reaches VMAF 95. The best one is VMAF 91.27 at "
    "6204 kb/s; sample at a higher target or resolution to reach it."
)
CHOICE = RungChoice(
    spacing=Spacing.KNEE,
    max_rungs=6,
    min_bitrate_gap_kbps=100.0,
    vmaf_step=6.0,
    min_vmaf=None,
    max_vmaf=95.0,
    min_bitrate_kbps=None,
    max_bitrate_kbps=None,
    throughput=None,
    safety_factor=1.0,
)


def rendition_name(size: Resolution, quality: float, path: str) -> str:
    return f"{Path(path).stem}.{size}.{ENCODER}.crf{quality:g}"


def command(size: Resolution, quality: float, path: str) -> tuple[str, ...]:
    return (
        str(FFMPEG), "-hide_banner", "-i", path, "-map", "0:v:0",
        "-vf", f"scale={size.width}:{size.height}:flags=lanczos", "-c:v", ENCODER,
        "-preset", "medium", "-crf", f"{quality:g}", "-g", "50", "-keyint_min", "50",
        "-sc_threshold", "0", "-an", f"{rendition_name(size, quality, path)}.mp4",
    )  # fmt: skip


def ladder_point(
    size: Resolution, quality: float, path: str = "clips/seeking.mp4", **changes: Any
) -> LadderPoint:
    """One encode out of `MEASURED`, with everything that is known of a fresh one."""
    bitrate_kbps, vmaf = next(rest for crf, *rest in MEASURED[size] if crf == quality)
    point = LadderPoint(
        width=size.width,
        height=size.height,
        crf=quality,
        bitrate_kbps=bitrate_kbps,
        vmaf=vmaf,
        peak_bitrate_kbps=round(bitrate_kbps * 1.375, 6),
        codecs=CODECS[size],
        encode_command=shell.join(command(size, quality, path)),
        vmaf_pooled=_pooled(vmaf),
        size_bytes=round(bitrate_kbps * 7500),
        encode_time_ms=12500 - quality * 125,
        score_time_ms=4750.0,
        encoder_version=VERSIONS[ENCODER],
    )
    return replace(point, **changes)


def bare_point(size: Resolution, quality: float, bitrate_kbps: float, vmaf: float) -> LadderPoint:
    """One encode, of which little is known."""
    return LadderPoint(
        width=size.width, height=size.height, crf=quality, bitrate_kbps=bitrate_kbps, vmaf=vmaf
    )


def ladder_points(path: str = "clips/seeking.mp4") -> tuple[LadderPoint, ...]:
    return tuple(ladder_point(size, crf, path) for size in SIZES for crf, _, _ in MEASURED[size])


def ladder_cells(path: str = "clips/seeking.mp4") -> tuple[LadderCell, ...]:
    """Nine cells, of which the smallest size at the highest target is out of reach."""
    return tuple(
        _cell(size, target, quality, path)
        for size in SIZES
        for target, quality in zip(TARGETS, ANSWERS[size], strict=True)
    )


def ladder_result(path: str = "clips/seeking.mp4", **changes: Any) -> LadderResult:
    """Three resolutions at three targets, of which one cell is unreachable; four rungs.

    Args:
        path: The source.
        changes: Fields of the result that are to differ.
    """
    points, cells = ladder_points(path), ladder_cells(path)
    result = LadderResult(
        schema_version=1,
        tool_version=__version__,
        src=Path(path),
        source=ladder_source(),
        encoder=ENCODER,
        target_vmafs=TARGETS,
        resolutions=SIZES,
        cloud=cells,
        probes=points,
        hull=hull_of(points, cells),
        renditions=(
            _rung(SIZES[2], 31.0, 70.0, path),
            _rung(SIZES[1], 26.0, 85.0, path),
            _rung(SIZES[0], 24.0, None, path),
            _rung(SIZES[0], 23.0, 95.0, path),
        ),
        notes=NOTES,
        selection=CHOICE,
        wall_time_ms=147250.0,
        display=SIZE,
        sampling=Sampling.GRID,
        score_at=ScoreAt.DISPLAY,
        model=MODEL.name,
        pool=PoolMethod.MEAN,
        subsample=1,
        gop_frames=50,
        segment_duration=Fraction(6),
        ffmpeg_bin=FFMPEG,
        ffmpeg_version="8.0",
        backend="ffmpeg",
        backend_version="3.2.0",
        strategy=SearchStrategy.INTERPOLATE,
        new_probes=len(points),
    )
    return replace(result, **changes)


def ladder_source(**changes: Any) -> LadderSource:
    source = LadderSource(
        width=SIZE.width,
        height=SIZE.height,
        frame_rate=Fraction(25),
        n_frames=1500,
        pix_fmt="yuv420p",
        color_transfer="bt709",
    )
    return replace(source, **changes)


def hull_of(
    points: Iterable[LadderPoint], cells: Iterable[LadderCell] = ()
) -> tuple[HullPoint, ...]:
    """The upper hull, each point with the highest target that it is the answer to."""
    targets: dict[tuple[Resolution, float], float] = {}
    for cell in cells:
        key = (cell.resolution, cell.crf)
        targets[key] = max(cell.target, targets.get(key, 0.0))
    return tuple(
        HullPoint(
            width=point.width,
            height=point.height,
            crf=point.crf,
            bitrate_kbps=point.bitrate_kbps,
            vmaf=point.vmaf,
            target_vmaf=targets.get((point.resolution, point.crf)),
        )
        for point in upper_hull(tuple(points))
    )


def unreachable_ladder_result(**changes: Any) -> LadderResult:
    """One resolution, one target, out of reach: no cell is ok, but what was measured is a rung."""
    point = ladder_point(SIZES[2], 4.0)
    result = ladder_result(
        target_vmafs=(95.0,),
        resolutions=SIZES[2:],
        cloud=(_cell(SIZES[2], 95.0, None, "clips/seeking.mp4"),),
        probes=(point,),
        hull=hull_of([point]),
        renditions=(_rung(SIZES[2], 4.0, None, "clips/seeking.mp4"),),
        notes=(TOP_IS_MISSING,),
        new_probes=0,
    )
    return replace(result, **changes)


def adaptive_ladder_result(**changes: Any) -> LadderResult:
    """A ladder of the same points, with one cell left out and one answer that is not proven."""

    def sampled(cell: LadderCell) -> LadderCell:
        if cell.resolution == SIZES[1] and cell.target == TARGETS[-1]:
            return LadderCell.failed(cell.resolution, cell.target, LEFT_OUT, "left_out")
        if cell.resolution == SIZES[0] and cell.target == TARGETS[0]:
            return replace(cell, note=NOT_PROVEN)
        return cell

    result = ladder_result(sampling=Sampling.ADAPTIVE, strategy=None)
    cells = tuple(map(sampled, result.cloud))
    return replace(result, cloud=cells, hull=hull_of(result.probes, cells), **changes)


def catalogue_result() -> CatalogueResult:
    """Two titles with one ladder, of which the second takes more bits the larger it is."""
    seeking, fields_ = ladder_result(), ladder_result("clips/fields.mp4")
    costly = tuple(
        replace(point, bitrate_kbps=point.bitrate_kbps * (2 + point.width / 1000))
        for point in fields_.probes
    )
    found = catalogue([seeking, replace(fields_, probes=costly)], RungOptions(max_rungs=4))
    return replace(found, tool_version=__version__)


def failed_ladder_result(**changes: Any) -> LadderResult:
    """Every cell failed before anything was measured: no points, no hull, no rungs."""
    cells = tuple(LadderCell.failed(size, target, FAILED) for size in SIZES for target in TARGETS)
    result = ladder_result(cloud=cells, probes=(), hull=(), renditions=(), notes=(), backend="")
    return replace(result, backend_version="", new_probes=0, **changes)


def bare_ladder_result(**changes: Any) -> LadderResult:
    """What is left of `ladder_result` in a saved ladder with the contract's fields only."""
    bare = {
        _encode(point): bare_point(point.resolution, point.crf, point.bitrate_kbps, point.vmaf)
        for point in ladder_points()
    }
    full = ladder_result()
    told = [_encode(cell) for cell in full.cloud if cell.ok]
    told += [_encode(point) for point in full.hull]
    result = LadderResult(
        schema_version=1,
        tool_version=__version__,
        src=full.src,
        encoder=full.encoder,
        target_vmafs=full.target_vmafs,
        resolutions=full.resolutions,
        cloud=tuple(replace(cell, points=(), error_kind=None) for cell in full.cloud),
        probes=tuple(bare[encode] for encode in dict.fromkeys(told)),
        hull=full.hull,
        renditions=tuple(
            rung_of(bare[_encode(rung)], f"{rung.resolution}-{rung.crf:g}", frame_rate=None)
            for rung in full.renditions
        ),
        selection=default_choice(full.target_vmafs),
        wall_time_ms=full.wall_time_ms,
    )
    return replace(result, **changes)


def _encode(point: Encode | LadderCell) -> tuple[Resolution, float]:
    return (point.resolution, point.crf)


def _pooled(vmaf: float) -> PooledScores:
    lower = (vmaf - 6, vmaf - 4, vmaf - 2.5)
    values = (vmaf, vmaf - 0.25, vmaf - 9, min(vmaf + 3, 100.0), *lower)
    names = ("mean", "harmonic_mean", "min", "max", "p1", "p5", "p10")
    return PooledScores(**{n: round(v, 6) for n, v in zip(names, values, strict=True)})


def _cell(size: Resolution, target: float, quality: float | None, path: str) -> LadderCell:
    if quality is None:
        missed = LadderCell.failed(size, target, UNREACHABLE, "unreachable")
        return replace(missed, points=(ladder_point(size, 4.0, path),))
    answer = ladder_point(size, quality, path)
    return LadderCell.answered(
        size,
        target,
        crf=quality,
        bitrate_kbps=answer.bitrate_kbps,
        vmaf=answer.vmaf,
        points=(answer,),
    )


def rung_of(
    point: LadderPoint, name: str, target: float | None = None, frame_rate: float | None = 25.0
) -> LadderRung:
    shared = {field.name: getattr(point, field.name) for field in fields(MeasuredEncode)}
    return LadderRung(**shared, name=name, target_vmaf=target, frame_rate=frame_rate)


def _rung(size: Resolution, quality: float, target: float | None, path: str) -> LadderRung:
    return rung_of(ladder_point(size, quality, path), rendition_name(size, quality, path), target)
