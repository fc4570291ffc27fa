"""The options that commands and API calls share: one frozen dataclass for each concern.

A field's default, flags and help stand here once; the command line and its documentation are made
from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

from vmafx_tune.choices import PoolMethod, SearchStrategy, Spacing

__all__ = [
    "DEFAULT_ENCODERS",
    "DEFAULT_LADDER_TARGETS",
    "DEFAULT_TARGET",
    "ClusterOptions",
    "EncodingOptions",
    "RungOptions",
    "ScoringOptions",
    "SourceOptions",
    "ToolOptions",
    "option",
    "option_group",
]

T = TypeVar("T")

DEFAULT_ENCODERS = ("libx264", "libx265")
"""What is compared where nothing is named; the first is what is searched, and fills ladders."""

DEFAULT_TARGET = 85.0
"""Pooled score that a search or a comparison reaches where none is named."""

DEFAULT_LADDER_TARGETS = (75.0, 85.0, 95.0)
"""Those of a ladder, which needs several."""


def option(*flags: str, default: Any, help: str, **more: Any) -> Any:  # noqa: A002 - Typer's word
    """Declare a dataclass field that is a command-line option too.

    Args:
        flags: How it is spelled on the command line.
        default: The field's default.
        help: One sentence for `--help` and the documentation.
        more: Passed on to `typer.Option`.
    """
    return field(default=default, metadata={"flags": flags, "help": help, **more})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
def option_group(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose annotations are read at run time by the command line."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@option_group
class ToolOptions:
    """Which programs run, and where they work."""

    ffmpeg: Path | None = option(
        "--ffmpeg",
        default=None,
        metavar="PATH",
        help="ffmpeg to run. Default: VMAFX_FFMPEG, the installed build, then PATH.",
    )
    vmaf: Path | None = option(
        "--vmaf",
        default=None,
        metavar="PATH",
        help="vmaf program for --backend vmaf. Default: VMAFX_VMAF_BINARY.",
    )
    work_dir: Path | None = option(
        "--work-dir",
        default=None,
        metavar="DIR",
        help="Folder for trial encodes. Default: the system's temporary folder.",
    )
    timeout_s: float = option(
        "--timeout",
        default=600.0,
        metavar="SECONDS",
        min=0.1,
        help="Stop a tool that makes no progress for this long.",
    )
    cache: bool = option(
        "--cache/--no-cache",
        default=True,
        help="Use what earlier runs measured, and which encoders opened.",
    )
    refresh: bool = option(
        "--refresh",
        default=False,
        help="Measure again what is cached, and replace it.",
    )


@option_group
class ClusterOptions:
    """Where trial encodes are made."""

    cluster: str | None = option(
        "--cluster",
        default=None,
        metavar="ADDRESS",
        help="Scheduler of a Dask cluster that makes them: tcp://HOST:PORT. Default: "
        "VMAFX_CLUSTER, else this machine.",
    )
    cluster_timeout_s: float = option(
        "--cluster-timeout",
        default=10.0,
        metavar="SECONDS",
        min=0.1,
        help="How long to wait for the scheduler, and for a first worker. A worker gets no work "
        "after three times that without a heartbeat.",
    )


@option_group
class SourceOptions:
    """How sources are read; the geometry is for headerless .yuv files only."""

    filter: str | None = option(
        "--filter",
        default=None,
        metavar="CHAIN",
        help="ffmpeg filters to put before the source, as for -vf; what leaves them is encoded, "
        "and is what encodes are compared with.",
    )
    crop: str | None = option(
        "--crop",
        default=None,
        metavar="auto|W:H:X:Y",
        help="Part of the source's pictures to use; auto finds black bars and leaves them out.",
    )
    deinterlace: bool = option(
        "--deinterlace",
        default=False,
        help="Deinterlace the source, one frame for every two fields (bwdif).",
    )

    size: str | None = option(
        "--size", default=None, metavar="WxH", help="Picture size of .yuv files."
    )
    pix_fmt: str = option(
        "--pix-fmt", default="yuv420p", metavar="FORMAT", help="Pixel format of .yuv files."
    )
    fps: str = option(
        "--fps",
        default="25",
        metavar="RATE",
        help="Frame rate of .yuv files: 25, 29.97, 30000/1001.",
    )
    video_stream: int | None = option(
        "--video-stream",
        default=None,
        metavar="N",
        min=0,
        help="Video stream to read, from 0, cover pictures not counted. Default: the file's "
        "default stream, else its first.",
    )
    allow_damage: bool = option(
        "--allow-damage",
        default=False,
        help="Use sources that do not decode cleanly, and say so in the result.",
    )


@option_group
class ScoringOptions:
    """How clips are scored."""

    model: str | None = option(
        "--model",
        default=None,
        metavar="NAME|FILE",
        help="VMAF model. Default: vmaf_v0.6.1, from 2160 lines on vmaf_4k_v0.6.1.",
    )
    display: str | None = option(
        "--display",
        default=None,
        metavar="WxH",
        help="Size at which viewers watch, and at which clips are compared. Default: the source's.",
    )
    backend: str = option(
        "--backend",
        default="auto",
        metavar="NAME",
        help="auto, libvmaf, ffmpeg or vmaf. auto takes the fastest that has the model.",
    )
    pool: PoolMethod = option(
        "--pool",
        default=PoolMethod.MEAN,
        help="How frame scores become one; p5 and p1 look at the worst frames.",
    )
    subsample: int = option(
        "--subsample",
        default=1,
        metavar="N",
        min=1,
        help="Score only one frame in N; the result is an estimate.",
    )
    threads: int | None = option(
        "--threads", default=None, metavar="N", min=1, help="Threads for each encode and score."
    )
    allow_hdr: bool = option(
        "--allow-hdr",
        default=False,
        help="Score PQ and HLG sources, for which VMAF is not validated.",
    )


@option_group
class EncodingOptions:
    """How trial encodes are made, and which are tried."""

    preset: str | None = option(
        "--preset",
        default=None,
        metavar="NAME",
        help="x264's preset names work for every encoder; so do an encoder's own.",
    )
    crf_lo: float | None = option(
        "--crf-lo",
        default=None,
        metavar="Q",
        help="Lowest value of the quality knob; with --crf-hi.",
    )
    crf_hi: float | None = option(
        "--crf-hi",
        default=None,
        metavar="Q",
        help="Highest value of the quality knob; with --crf-lo.",
    )
    crf_step: float = option(
        "--crf-step", default=1.0, metavar="Q", help="Distance between values of the knob."
    )
    max_iter: int = option(
        "--max-iter", default=12, metavar="N", min=1, help="Probes that one search may make."
    )
    strategy: SearchStrategy = option(
        "--strategy",
        default=SearchStrategy.INTERPOLATE,
        help="Where a search measures next: at the estimated crossing, or half-way.",
    )
    sample: str | None = option(
        "--sample",
        default=None,
        metavar="NxSECONDS",
        help="Measure N parts of the clip, chosen by content, each this long: 6x10s. The answer "
        "is then an estimate, with its error.",
    )
    verify: bool = option(
        "--verify",
        default=False,
        help="With --sample: start from the estimate, measure the whole clip and prove the answer.",
    )
    chunk_s: float | None = option(
        "--chunk",
        default=None,
        metavar="SECONDS",
        help="Encode and score the clip in chunks of this length, side by side, each beginning "
        "with a keyframe. The answer is that of the chunks joined.",
    )
    depth: int | None = option(
        "--depth",
        default=None,
        metavar="8|10",
        help="Bits per sample of the encodes. Default: the source's, as far as the encoder goes.",
    )
    encoder_args: str = option(
        "--encoder-args",
        default="",
        metavar="ARGS",
        help='Further ffmpeg output options, as in "-tune film -g 48".',
    )


@option_group
class RungOptions:
    """Choice of rungs; what is left out keeps its default, or a saved ladder's value."""

    max_rungs: int | None = option(
        "--max-rungs", default=None, metavar="N", help="Rungs at most. Default: 6."
    )
    spacing: Spacing | None = option(
        "--spacing",
        default=None,
        help="Which points of the hull become rungs. Default: knee, or optimal with --throughput.",
    )
    min_bitrate_gap: float | None = option(
        "--min-bitrate-gap",
        default=None,
        metavar="KBPS",
        help="Least distance between the bitrates of neighbours, or a quarter of the lower one "
        "where that is less. Default: 100.",
    )
    vmaf_step: float | None = option(
        "--vmaf-step",
        default=None,
        metavar="VMAF",
        help="From rung to rung, with --spacing vmaf. Default: 6, about what viewers notice.",
    )
    min_vmaf: float | None = option(
        "--min-vmaf",
        default=None,
        metavar="VMAF",
        help="No rung scores less. Default: the lowest target.",
    )
    max_vmaf: float | None = option(
        "--max-vmaf",
        default=None,
        metavar="VMAF",
        help="The first rung to reach this is the top one. Default: 95, or the highest target.",
    )
    min_bitrate: float | None = option(
        "--min-bitrate", default=None, metavar="KBPS", help="No rung has a lower bitrate."
    )
    max_bitrate: float | None = option(
        "--max-bitrate", default=None, metavar="KBPS", help="No rung has a higher bitrate."
    )
    throughput: str | None = option(
        "--throughput",
        default=None,
        metavar="MEDIAN:SIGMA|FILE",
        help="Viewers, for --spacing optimal: a log-normal distribution, as 4000:0.8, with the "
        "median in kb/s; or a CSV file of measured kb/s, with weights if there are any.",
    )
    safety_factor: float | None = option(
        "--safety-factor",
        default=None,
        metavar="SHARE",
        help="Share of the throughput that players dare to use, for --spacing optimal. Default: 1.",
    )
    mixed_resolutions: bool | None = option(
        "--mixed-resolutions/--no-mixed-resolutions",
        default=None,
        help="Allow a rung with fewer pixels than a rung below it. Default: the picture never gets "
        "smaller as the bitrate rises.",
    )
