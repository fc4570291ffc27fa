"""`vmafx-tune encode` against `ab-av1 auto-encode`: processor time from the source to the file.

Both encode the same clip with the same ffmpeg, encoder, preset, pixel format and target, with empty
caches, and copy the audio; a long one is sampled by both, in six parts of ten seconds. Ours
measures the whole file that it delivers; the score of the other's is measured afterwards, beside
it. Needs `ab-av1` (`cargo install ab-av1 --locked`) and `ffprobe` on PATH, and the folder of clips
as `VMAFX_BENCHMARK_MEDIA`; it is left out with a word otherwise.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from _rows import Row

from vmafx_tune.session import Session

__all__ = ["MEASURES", "encodes", "sampled_encodes"]

TARGET = "93"
ENCODERS = {"libx264": "medium", "libx265": "medium", "libsvtav1": "8"}
LONG_S = 300
_BAR = 0.7


def encodes(folder: Path, rounds: int) -> list[Row]:
    """Processor time of ours in that of ab-av1, in the geometric mean over clips and encoders."""
    media = os.environ.get("VMAFX_BENCHMARK_MEDIA")
    if not (shutil.which("ab-av1") and shutil.which("ffprobe") and media):
        print("ab-av1, ffprobe or VMAFX_BENCHMARK_MEDIA is missing, so they are not measured.")
        return []
    clips = _clips(media)
    ratios = [
        _compare(clip, encoder, folder, sampled=clip.stem == "long")
        for clip in (*clips, _long_clip(clips, folder))
        for encoder in ENCODERS
        for _ in range(max(1, rounds // 7))
    ]
    what = f"`encode` against `ab-av1 auto-encode`, VMAF {TARGET}: processor time"
    return [Row(what, statistics.geometric_mean(ratios), _BAR)]


def sampled_encodes(folder: Path, rounds: int) -> list[Row]:
    """Processor time of `encode --sample` in that of `encode`, on five minutes."""
    media = os.environ.get("VMAFX_BENCHMARK_MEDIA")
    if not media:
        print("VMAFX_BENCHMARK_MEDIA is missing, so they are not measured.")
        return []
    clip = _long_clip(_clips(media), folder)
    runs = [
        (_ours(clip, "libx264", folder, "--sample", "6x10s"), _ours(clip, "libx264", folder))
        for _ in range(max(1, rounds // 7))
    ]
    for sampled, whole in runs:
        print(f"long, libx264: {sampled[0]:.1f} s with a sample, {whole[0]:.1f} s without")
    ratio = statistics.geometric_mean(sampled[0] / whole[0] for sampled, whole in runs)
    return [Row("`encode --sample 6x10s` against `encode`, 5 min: processor time", ratio, 0.67)]


def _clips(media: str) -> list[Path]:
    return sorted(Path(media).glob("*.mp4"))


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
    preset, output = ENCODERS[encoder], folder / "output.mkv"
    ours_s, result = _ours(clip, encoder, folder, *(("--sample", "6x10s") if sampled else ()))
    programs = _empty(folder / "programs")
    (programs / "ffmpeg").symlink_to(Session().ffmpeg.path)
    theirs_s, _ = _cpu_s(
        [
            "ab-av1", "auto-encode", "-i", str(clip), "-o", str(output), "-e", encoder,
            "--preset", preset, "--min-vmaf", TARGET, "--pix-format", "yuv420p", "--cache", "false",
            "--max-encoded-percent", "1000", "--vmaf-scale", "none", "--temp-dir", str(folder),
            # Its default is one of 20 s, which says nothing of a long source.
            *(("--samples", "6", "--sample-duration", "10s") if sampled else ()),
        ],
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )  # fmt: skip
    ratio = ours_s / theirs_s
    print(
        f"{clip.stem}, {encoder}: {ours_s:.1f} s against {theirs_s:.1f} s ({ratio:.2f}); VMAF "
        f"{result['vmaf_score']:.2f} at {result['bitrate_kbps']:.0f} kb/s against "
        f"{_score(clip, output):.2f} at {output.stat().st_size / 125 / _duration_s(result):.0f}"
    )
    return ratio


def _ours(clip: Path, encoder: str, folder: Path, *options: str) -> tuple[float, Any]:
    """Encode with an empty cache; returns the processor time in seconds, and the result."""
    cpu_s, told = _cpu_s(
        [
            sys.executable, "-m", "vmafx_tune", "encode", "-r", str(clip),
            "-o", str(folder / "output.mkv"), "-c", encoder, "-t", TARGET,
            "--preset", ENCODERS[encoder], "--force", "--quiet",
            "--encoder-args", "-pix_fmt yuv420p", *options,
        ],
        VMAFX_CACHE_DIR=str(_empty(folder / "cache")),
    )  # fmt: skip
    return cpu_s, json.loads(told)


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


def _cpu_s(argv: list[str], **environ: str) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        argv, check=True, capture_output=True, text=True, env={**os.environ, **environ}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu_s, done.stdout


MEASURES = (encodes, sampled_encodes)
