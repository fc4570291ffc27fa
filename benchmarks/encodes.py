"""`encode` against `ab-av1 auto-encode`, and `search` against `ab-av1 crf-search`.

Both encode the same clip with the same ffmpeg, encoder, preset, pixel format and target, with empty
caches, and copy the audio; a long one is sampled by both, in six parts of ten seconds. Ours
measures the whole file that it delivers; the score of the other's is measured afterwards, beside
it. Searches are of clips that ab-av1 measures whole. Needs `ab-av1` (`cargo install ab-av1
--locked`) and `ffprobe` on PATH, and the folder of clips as `VMAFX_BENCHMARK_MEDIA`; it is left out
with a word otherwise.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from _rows import Row

from vmafx_tune.session import Session

__all__ = ["MEASURES", "crf_searches", "encodes", "sampled_encodes"]

TARGET = "93"
ENCODERS = {"libx264": "medium", "libx265": "medium", "libsvtav1": "8"}
LONG_S = 300
_BAR = 0.6
# Of longer ones, ab-av1 takes a sample unless it is told not to.
_WHOLE_S = 20


class Took(NamedTuple):
    """What a program took, and printed."""

    cpu_s: float
    wall_s: float
    printed: str


def encodes(folder: Path, rounds: int) -> list[Row]:
    """Processor time of ours in that of ab-av1, in the geometric mean over clips and encoders."""
    clips = _clips("ab-av1", "ffprobe")
    if not clips:
        return []
    ratios = [
        _compare(clip, encoder, folder, sampled=clip.stem == "long")
        for clip in (*clips, _long_clip(clips, folder))
        for encoder in ENCODERS
        for _ in range(max(1, rounds // 7))
    ]
    what = f"`encode` against `ab-av1 auto-encode`, VMAF {TARGET}: processor time"
    return [Row(what, statistics.geometric_mean(ratios), _BAR)]


def crf_searches(folder: Path, rounds: int) -> list[Row]:
    """Time of ours in that of ab-av1, in the geometric mean over short clips and encoders."""
    reader = Session().reader
    clips = [
        clip for clip in _clips("ab-av1", "ffprobe") if reader.source(clip).duration_s <= _WHOLE_S
    ]
    if not clips:
        return []
    found = [
        _compare_searches(clip, encoder, folder)
        for clip in clips
        for encoder in ENCODERS
        for _ in range(max(1, rounds // 7))
    ]
    what = f"`search` against `ab-av1 crf-search`, VMAF {TARGET}, {len(clips)} whole clips"
    return [
        Row(f"{what}: {unit}", statistics.geometric_mean(ratios), _BAR)
        for unit, ratios in zip(("processor time", "time"), zip(*found, strict=True), strict=True)
    ]


def sampled_encodes(folder: Path, rounds: int) -> list[Row]:
    """Processor time of `encode --sample` in that of `encode`, on five minutes."""
    clips = _clips()
    if not clips:
        return []
    clip = _long_clip(clips, folder)
    runs = [
        (_ours(clip, "libx264", folder, "--sample", "6x10s"), _ours(clip, "libx264", folder))
        for _ in range(max(1, rounds // 7))
    ]
    for sampled, whole in runs:
        print(f"long, libx264: {sampled[0]:.1f} s with a sample, {whole[0]:.1f} s without")
    ratio = statistics.geometric_mean(sampled[0] / whole[0] for sampled, whole in runs)
    return [Row("`encode --sample 6x10s` against `encode`, 5 min: processor time", ratio, 0.67)]


def _clips(*programs: str) -> list[Path]:
    """List the clips to measure; none where something that it takes is missing."""
    media = os.environ.get("VMAFX_BENCHMARK_MEDIA")
    if media and all(map(shutil.which, programs)):
        return sorted(Path(media).glob("*.mp4"))
    print(f"{' or '.join([*programs, 'VMAFX_BENCHMARK_MEDIA'])} is missing: not measured.")
    return []


def _long_clip(clips: list[Path], folder: Path) -> Path:
    """Join the clips, over and over, to five minutes of one size."""
    path = folder / "long.mp4"
    shape = "scale=640:360:force_original_aspect_ratio=increase,crop=640:360,setsar=1,fps=25"
    inputs = [word for clip in clips for word in ("-stream_loop", "9", "-i", str(clip))]
    chains = [f"[{i}:v]{shape},trim=duration=100[v{i}]" for i in range(len(clips))]
    joined = "".join(f"[v{i}]" for i in range(len(clips)))
    graph = ";".join([*chains, f"{joined}concat=n={len(clips)}"])
    subprocess.run(
        [
            str(Session().ffmpeg.path), "-v", "error", "-y", *inputs, "-filter_complex", graph,
            "-t", str(LONG_S), "-c:v", "libx264", "-preset", "veryfast", "-crf", "14",
            "-pix_fmt", "yuv420p", str(path),
        ],
        check=True,
    )  # fmt: skip
    return path


def _compare(clip: Path, encoder: str, folder: Path, *, sampled: bool) -> float:
    output = folder / "output.mkv"
    ours_s, result = _ours(clip, encoder, folder, *(("--sample", "6x10s") if sampled else ()))
    # Its default is one of 20 s, which says nothing of a long source.
    sample = ("--samples", "6", "--sample-duration", "10s") if sampled else ()
    theirs = _theirs("auto-encode", clip, encoder, folder, "-o", str(output), *sample)
    ratio = ours_s / theirs.cpu_s
    print(
        f"{clip.stem}, {encoder}: {ours_s:.1f} s against {theirs.cpu_s:.1f} s ({ratio:.2f}); VMAF "
        f"{result['vmaf_score']:.2f} at {result['bitrate_kbps']:.0f} kb/s against "
        f"{_score(clip, output):.2f} at {output.stat().st_size / 125 / _duration_s(result):.0f}"
    )
    return ratio


def _compare_searches(clip: Path, encoder: str, folder: Path) -> tuple[float, float]:
    ours = _run_ours("search", clip, encoder, folder)
    theirs = _theirs("crf-search", clip, encoder, folder)
    ratios = ours.cpu_s / theirs.cpu_s, ours.wall_s / theirs.wall_s
    result = json.loads(ours.printed)
    print(
        f"{clip.stem}, {encoder}: {ours.cpu_s:.1f} s against {theirs.cpu_s:.1f} s "
        f"({ratios[0]:.2f}, by the clock {ratios[1]:.2f}); crf {result['best_crf']:g}, VMAF "
        f"{result['vmaf_score']:.2f}, against {' '.join(theirs.printed.split())}"
    )
    return ratios


def _ours(clip: Path, encoder: str, folder: Path, *options: str) -> tuple[float, Any]:
    """Encode with an empty cache; returns the processor time in seconds, and the result."""
    output = ("-o", str(folder / "output.mkv"), "--force")
    took = _run_ours("encode", clip, encoder, folder, *output, *options)
    return took.cpu_s, json.loads(took.printed)


def _run_ours(command: str, clip: Path, encoder: str, folder: Path, *options: str) -> Took:
    return _took(
        [
            sys.executable, "-m", "vmafx_tune", command, "-r", str(clip), "-c", encoder,
            "-t", TARGET, "--preset", ENCODERS[encoder], "--quiet",
            "--encoder-args", "-pix_fmt yuv420p", *options,
        ],
        VMAFX_CACHE_DIR=str(_empty(folder / "cache")),
    )  # fmt: skip


def _theirs(command: str, clip: Path, encoder: str, folder: Path, *options: str) -> Took:
    programs = _empty(folder / "programs")
    (programs / "ffmpeg").symlink_to(Session().ffmpeg.path)
    return _took(
        [
            "ab-av1", command, "-i", str(clip), "-e", encoder, "--preset", ENCODERS[encoder],
            "--min-vmaf", TARGET, "--pix-format", "yuv420p", "--cache", "false",
            "--max-encoded-percent", "1000", "--vmaf-scale", "none", "--temp-dir", str(folder),
            *options,
        ],
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )  # fmt: skip


def _duration_s(result: Any) -> float:
    duration_s: float = result["output"]["verified"]["duration_s"]
    return duration_s


def _score(reference: Path, distorted: Path) -> float:
    line = [sys.executable, "-m", "vmafx_tune", "score", str(reference), str(distorted)]
    done = subprocess.run([*line, "--format", "json"], check=True, capture_output=True)
    score: float = json.loads(done.stdout)["score"]
    return score


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _took(argv: list[str], **environ: str) -> Took:
    before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        argv, check=True, capture_output=True, text=True, env={**os.environ, **environ}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(cpu_s, time.monotonic() - begun_s, done.stdout)


MEASURES = (encodes, crf_searches, sampled_encodes)
