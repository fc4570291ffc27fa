"""The options that commands and API calls share: one frozen dataclass for each concern.

A field's default, flags and help are declared here once; the command line and its documentation are
generated from them.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

from vmafx_tune.choices import HlsScore, PerShot, PoolMethod, SearchStrategy, Spacing
from vmafx_tune.frozen import frozen

__all__ = [
    "DEFAULT_ENCODERS",
    "DEFAULT_LADDER_TARGETS",
    "DEFAULT_TARGET",
    "BatchOptions",
    "CapOptions",
    "ClusterOptions",
    "DeliveryOptions",
    "EncodingOptions",
    "GateOptions",
    "PackageOptions",
    "RungOptions",
    "ScoringOptions",
    "ShotOptions",
    "SourceOptions",
    "ToolOptions",
    "option",
    "option_group",
]

T = TypeVar("T")

DEFAULT_ENCODERS = ("libx264", "libx265")
"""Default encoders of a comparison; the first is the default of searches and ladders."""

DEFAULT_TARGET = 85.0
"""Default target of a search or a comparison."""

DEFAULT_LADDER_TARGETS = (75.0, 85.0, 95.0)
"""Targets of a ladder, which needs several."""


def option(*flags: str, default: Any, help: str, **more: Any) -> Any:  # noqa: A002 - Typer's word
    """Declare a dataclass field that is also a command-line option.

    Args:
        flags: How it is spelled on the command line.
        default: The field's default.
        help: One sentence for `--help` and the documentation.
        more: Passed on to `typer.Option`.
    """
    return field(default=default, metadata={"flags": flags, "help": help, **more})


def _points(text: str) -> float:
    from vmafx_tune.parsing import parse_limit

    return parse_limit(text, in_percent=False)


def _percent(text: str) -> float:
    from vmafx_tune.parsing import parse_limit

    return parse_limit(text, in_percent=True)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
def option_group(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose annotations are read at run time by the command line."""
    return frozen(cls, kw_only=True)


@option_group
class ToolOptions:
    """Tools: which programs run, and where they work."""

    ffmpeg: Path | None = option(
        "--ffmpeg",
        default=None,
        metavar="PATH",
        help="ffmpeg to use. Default: VMAFX_FFMPEG, else the bundled build, else PATH.",
    )
    vmaf: Path | None = option(
        "--vmaf",
        default=None,
        metavar="PATH",
        help="vmaf program to use with --backend vmaf. Default: VMAFX_VMAF_BINARY.",
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
        help="Kill a tool that makes no progress for this long.",
    )
    cache: bool = option(
        "--cache/--no-cache",
        default=True,
        help="Read and write the cache of measured encodes.",
    )
    refresh: bool = option(
        "--refresh",
        default=False,
        help="Measure again, and replace what is cached.",
    )


@option_group
class ClusterOptions:
    """Cluster: where probes are run."""

    cluster: str | None = option(
        "--cluster",
        default=None,
        metavar="ADDRESS",
        help="Run probes on the workers of this Dask scheduler: tcp://HOST:PORT. Default: "
        "VMAFX_CLUSTER, else this machine.",
    )
    cluster_timeout_s: float = option(
        "--cluster-timeout",
        default=10.0,
        metavar="SECONDS",
        min=0.1,
        help="How long to wait for the scheduler and a first worker. A worker that sends no "
        "heartbeat for three times as long is given no more work.",
    )
    cluster_priority: int = option(
        "--cluster-priority",
        default=0,
        metavar="N",
        help="Priority among the runs that share a cluster: probes of those with a higher number "
        "start first. May be negative.",
    )


@option_group
class SourceOptions:
    """Source: how it is read; the geometry is for headerless .yuv files only."""

    filter: str | None = option(
        "--filter",
        default=None,
        metavar="CHAIN",
        help="ffmpeg filters for the source, as for -vf. Their output is what is encoded and what "
        "encodes are compared with.",
    )
    crop: str | None = option(
        "--crop",
        default=None,
        metavar="auto|W:H:X:Y",
        help="Crop the source; auto detects black bars and removes them.",
    )
    deinterlace: bool = option(
        "--deinterlace",
        default=False,
        help="Deinterlace the source with bwdif, one frame per two fields.",
    )

    size: str | None = option(
        "--size", default=None, metavar="WxH", help="Frame size of .yuv files."
    )
    pix_fmt: str = option(
        "--pix-fmt", default="yuv420p", metavar="FORMAT", help="Pixel format of .yuv files."
    )
    fps: str = option(
        "--fps",
        default="25",
        metavar="RATE",
        help="Frame rate of .yuv files, such as 25, 29.97 or 30000/1001.",
    )
    video_stream: int | None = option(
        "--video-stream",
        default=None,
        metavar="N",
        min=0,
        help="Video stream to read, from 0, not counting cover art. Default: the file's default "
        "stream, else its first.",
    )
    allow_damage: bool = option(
        "--allow-damage",
        default=False,
        help="Accept a source that does not decode cleanly, and note it in the result.",
    )


@option_group
class ScoringOptions:
    """Scoring: how encodes are compared with the source."""

    model: str | None = option(
        "--model",
        default=None,
        metavar="NAME|FILE",
        help="VMAF model. Default: vmaf_v0.6.1, or vmaf_4k_v0.6.1 from 2160 lines up.",
    )
    display: str | None = option(
        "--display",
        default=None,
        metavar="WxH",
        help="Display resolution: both clips are scaled to it before scoring. Default: the "
        "source's size.",
    )
    backend: str = option(
        "--backend",
        default="auto",
        metavar="NAME",
        help="Scoring backend: auto, libvmaf, ffmpeg or vmaf. auto picks the fastest one that has "
        "the model.",
    )
    pool: PoolMethod = option(
        "--pool",
        default=PoolMethod.MEAN,
        help="How to pool frame scores; p1 and p5 are percentiles of the worst frames.",
    )
    subsample: int = option(
        "--subsample",
        default=1,
        metavar="N",
        min=1,
        help="Score every Nth frame only. The result is then an estimate.",
    )
    threads: int | None = option(
        "--threads", default=None, metavar="N", min=1, help="Threads of each encode and each score."
    )
    allow_hdr: bool = option(
        "--allow-hdr",
        default=False,
        help="Accept PQ and HLG sources, for which no VMAF model is validated.",
    )


@option_group
class EncodingOptions:
    """Encoding: how trial encodes are made, and which settings are tried."""

    preset: str | None = option(
        "--preset",
        default=None,
        metavar="NAME",
        help="Encoder preset: x264's names work for every encoder, as do the encoder's own.",
    )
    crf_lo: float | None = option(
        "--crf-lo",
        default=None,
        metavar="Q",
        help="Lowest value of the quality knob to try. Requires --crf-hi.",
    )
    crf_hi: float | None = option(
        "--crf-hi",
        default=None,
        metavar="Q",
        help="Highest value of the quality knob to try. Requires --crf-lo.",
    )
    crf_step: float = option(
        "--crf-step", default=1.0, metavar="Q", help="Step between values of the knob."
    )
    max_iter: int = option(
        "--max-iter", default=12, metavar="N", min=1, help="Maximum number of probes per search."
    )
    strategy: SearchStrategy = option(
        "--strategy",
        default=SearchStrategy.INTERPOLATE,
        help="How a search picks its next probe: by interpolation, or by bisection.",
    )
    sample: str | None = option(
        "--sample",
        default=None,
        metavar="NxSECONDS",
        help="Measure a sample of N parts of this length, chosen by content: 6x10s. The answer is "
        "then an estimate, with its error.",
    )
    verify: bool = option(
        "--verify",
        default=False,
        help="With --sample: start from the estimate, then prove the answer on the whole clip.",
    )
    chunk_s: float | None = option(
        "--chunk",
        default=None,
        metavar="SECONDS",
        help="Encode and score the clip in parallel chunks of this length, each starting with a "
        "keyframe. The answer is measured on the joined chunks.",
    )
    depth: int | None = option(
        "--depth",
        default=None,
        metavar="8|10",
        help="Bit depth of the encodes. Default: the source's, or the highest the encoder "
        "supports.",
    )
    encoder_args: str = option(
        "--encoder-args",
        default="",
        metavar="ARGS",
        help='More ffmpeg output options, such as "-tune film -g 48".',
    )


@option_group
class DeliveryOptions:
    """Delivery: what the output holds beside the encoded video, and when it is written."""

    audio: str = option(
        "--audio",
        default="copy",
        metavar="copy|none|CODEC:KBPS",
        help="Audio: copy, none, or encode each stream, as in opus:128, aac:160 or flac.",
    )
    subtitles: str = option(
        "--subtitles",
        default="copy",
        metavar="copy|none",
        help="Subtitles: copy, or none. Text is converted where the container needs that.",
    )
    best_effort: bool = option(
        "--best-effort",
        default=False,
        help="Deliver the best encode even if it misses the target (exit code 3).",
    )
    max_size_percent: float | None = option(
        "--max-size-percent",
        default=None,
        metavar="P",
        help="Highest bitrate allowed, in percent of the source's video. Nothing is written above "
        "it (exit code 3).",
    )
    force: bool = option("--force", default=False, help="Overwrite an existing output.")
    tag: bool = option(
        "--tag/--no-tag",
        default=True,
        help="Write encoder, settings and versions into the output as a tag.",
    )


@option_group
class CapOptions:
    """Caps: what encodes may have at most, where players must not stall."""

    maxrate_factor: float | None = option(
        "--maxrate-factor",
        default=None,
        metavar="FACTOR",
        help="Cap the bitrate of each encode at this multiple of its average. Default: no cap, or "
        "that of a saved ladder.",
    )
    bufsize_factor: float | None = option(
        "--bufsize-factor",
        default=None,
        metavar="SECONDS",
        help="Buffer of the cap, in seconds of the average bitrate. Default: twice "
        "--maxrate-factor.",
    )


@option_group
class BatchOptions:
    """Batch: which files, and how many at once."""

    recursive: bool = option(
        "--recursive", default=False, help="Also look in folders within folders."
    )
    patterns: str | None = option(
        "--include",
        default=None,
        metavar="PATTERN,…",
        help="In folders, take the files whose names match, such as '*.mkv'. Default: those with "
        "the suffix of a video.",
    )
    jobs: int | None = option(
        "--jobs",
        default=None,
        metavar="N",
        min=1,
        help="Files to work on in parallel. Default: as many as keep the cores busy.",
    )
    watch: bool = option(
        "--watch",
        default=False,
        help="Keep running, and take files that arrive later, until interrupted.",
    )


@option_group
class ShotOptions:
    """Shots: settings of their own."""

    per_shot: PerShot | None = option(
        "--per-shot",
        default=None,
        metavar="slope|constant",
        help="Cut the source at scene changes, and give each shot a setting of its own if the "
        "whole then takes fewer bits. slope, which --per-shot alone means, takes the fewest; "
        "constant keeps the quality of all shots equal. Needs the extra [shots].",
    )
    min_shot_s: float | None = option(
        "--min-shot",
        default=None,
        metavar="SECONDS",
        help="With --per-shot: merge shots that are shorter than this. Default: 1.",
    )


@option_group
class PackageOptions(ShotOptions):
    """Package: what the folder holds, and how it is made."""

    segment_s: float = option(
        "--segment",
        default=6.0,
        metavar="SECONDS",
        help="Length of segments; the nearest whole number of GOPs is taken.",
    )
    audio: str = option(
        "--audio",
        default="aac:128",
        metavar="CODEC:KBPS,…",
        help="Audio: forms that each language is delivered in, such as aac:128,aac:64; or copy, or "
        "none.",
    )
    subtitles: bool = option(
        "--subtitles/--no-subtitles",
        default=True,
        help="Deliver text subtitles, as WebVTT.",
    )
    verify: bool = option(
        "--verify/--no-verify",
        default=True,
        help="Score each delivery encode, as the ladder's were.",
    )
    hls_score: HlsScore = option(
        "--hls-score",
        default=HlsScore.TIER,
        help="SCORE of HLS variants: tier is one value per codec, vmaf one per rendition, with "
        "which some players stay at the top one.",
    )
    jobs: int | None = option(
        "--jobs",
        default=None,
        metavar="N",
        min=1,
        help="Renditions to encode in parallel. Default: as many as keep the cores busy.",
    )
    packager: Path | None = option(
        "--packager",
        default=None,
        metavar="PATH",
        help="Shaka Packager to use. Default: that of the extra [package], else PATH.",
    )
    packager_args: str = option(
        "--packager-args",
        default="",
        metavar="ARGS",
        help="More arguments for Shaka Packager, such as those for encryption.",
    )
    player: bool = option(
        "--player",
        default=False,
        help="Add a page that plays the folder, with the bitrate and VMAF of the rendition shown.",
    )
    force: bool = option("--force", default=False, help="Replace an existing folder.")


@option_group
class GateOptions:
    """Gate: how much worse than the baseline a result may be, and what it must reach.

    `none` (`math.inf` in Python) lifts a limit.
    """

    max_drop: float | None = option(
        "--max-drop",
        default=None,
        metavar="VMAF",
        parser=_points,
        help="How far a pooled score may drop. Default: 0.5.",
    )
    max_frame_drop: float | None = option(
        "--max-frame-drop",
        default=None,
        metavar="VMAF",
        parser=_points,
        help="How far the score of a frame may drop. Default: 5, where both results of score have "
        "--frames.",
    )
    max_bitrate_increase: float | None = option(
        "--max-bitrate-increase",
        default=None,
        metavar="PERCENT",
        parser=_percent,
        help="How much more bitrate a target may take, of search and compare. Default: 2%.",
    )
    max_bd_rate: float | None = option(
        "--max-bd-rate",
        default=None,
        metavar="PERCENT",
        parser=_percent,
        help="BD-rate against the baseline, of compare with several targets and of the hull of "
        "ladder. Default: 1%.",
    )
    max_time_increase: float | None = option(
        "--max-time-increase",
        default=None,
        metavar="PERCENT",
        parser=_percent,
        help="How much more time it may take. Default: any.",
    )
    min_vmaf: float | None = option(
        "--min-vmaf",
        default=None,
        metavar="VMAF",
        help="Pooled score that each encode must reach; of a ladder, the top rung.",
    )
    min_p5: float | None = option(
        "--min-p5",
        default=None,
        metavar="VMAF",
        help="5th percentile of the frame scores that it must reach.",
    )


@option_group
class RungOptions:
    """Rungs: how they are chosen; None keeps the default, or a saved ladder's value."""

    max_rungs: int | None = option(
        "--max-rungs", default=None, metavar="N", help="Maximum number of rungs. Default: 6."
    )
    spacing: Spacing | None = option(
        "--spacing",
        default=None,
        help="How rungs are picked from the hull. Default: knee, or optimal with --throughput.",
    )
    min_bitrate_gap_kbps: float | None = option(
        "--min-bitrate-gap",
        default=None,
        metavar="KBPS",
        help="Minimum distance between the bitrates of adjacent rungs, or a quarter of the lower "
        "one where that is less. Default: 100.",
    )
    vmaf_step: float | None = option(
        "--vmaf-step",
        default=None,
        metavar="VMAF",
        help="VMAF between rungs, with --spacing vmaf. Default: 6, about one just-noticeable "
        "difference.",
    )
    min_vmaf: float | None = option(
        "--min-vmaf",
        default=None,
        metavar="VMAF",
        help="Lowest VMAF of a rung. Default: the lowest target.",
    )
    max_vmaf: float | None = option(
        "--max-vmaf",
        default=None,
        metavar="VMAF",
        help="End the ladder at the first rung that reaches this. Default: 95, or the highest "
        "target.",
    )
    min_bitrate_kbps: float | None = option(
        "--min-bitrate", default=None, metavar="KBPS", help="Lowest bitrate of a rung."
    )
    max_bitrate_kbps: float | None = option(
        "--max-bitrate", default=None, metavar="KBPS", help="Highest bitrate of a rung."
    )
    throughput: str | None = option(
        "--throughput",
        default=None,
        metavar="MEDIAN:SIGMA|FILE",
        help="Viewers' throughput, for --spacing optimal: a log-normal distribution such as "
        "4000:0.8, with the median in kb/s, or a CSV file of measured kb/s.",
    )
    safety_factor: float | None = option(
        "--safety-factor",
        default=None,
        metavar="SHARE",
        help="Share of the throughput that players use, for --spacing optimal. Default: 1.",
    )
    mixed_resolutions: bool | None = option(
        "--mixed-resolutions/--no-mixed-resolutions",
        default=None,
        help="Allow a rung with fewer pixels than the rung below it. Default: resolution never "
        "drops as bitrate rises.",
    )
    include: str | None = option(
        "--include",
        default=None,
        metavar="WxH,...",
        help="Sizes that some rung must have; they are measured too.",
    )
    allow: str | None = option(
        "--allow",
        default=None,
        metavar="WxH,...",
        help="The only sizes that rungs may have, beside those of --include.",
    )
    min_top: str | None = option(
        "--min-top",
        default=None,
        metavar="WxH",
        help="The top rung is at least as wide or as high as this.",
    )
    min_bottom: str | None = option(
        "--min-bottom",
        default=None,
        metavar="WxH",
        help="The bottom rung is at least as wide or as high as this.",
    )
    step_ratio: str | None = option(
        "--step-ratio",
        default=None,
        metavar="LOW:HIGH",
        help="Range of the factors between the bitrates of adjacent rungs: 1.5:2.5.",
    )
    rungs_between: str | None = option(
        "--rungs-between",
        default=None,
        metavar="LEAST:MOST",
        help="Range of the number of rungs, in place of --max-rungs: 3:8.",
    )
