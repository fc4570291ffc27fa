"""`vmafx-tune encode` against `ab-av1 auto-encode`: processor time from the source to the file.

Both encode the same clip with the same ffmpeg, encoder, preset, pixel format and target, with empty
caches, and copy the audio. Ours measures the whole file that it delivers; the score of the other's
is measured afterwards, beside it. Needs `ab-av1` (`cargo install ab-av1 --locked`) and `ffprobe` on
PATH, and the folder of clips as `VMAFX_BENCHMARK_MEDIA`; it is left out with a word otherwise.
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

from _rows import Row

from vmafx_tune.session import Session

__all__ = ["MEASURES", "encodes"]

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
    clips = sorted(Path(media).glob("*.mp4"))
    ratios = [
        _compare(clip, encoder, folder, sampled=clip.stem == "long")
        for clip in (*clips, _long_clip(clips, folder))
        for encoder in ENCODERS
        for _ in range(max(1, rounds // 7))
    ]
    what = f"`encode` against `ab-av1 auto-encode`, VMAF {TARGET}: processor time"
    return [Row(what, statistics.geometric_mean(ratios), _BAR)]


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
    sample = ("--sample", "6x10s") if sampled else ()
    ours_s, told = _cpu_s(
        [
            sys.executable, "-m", "vmafx_tune", "encode", "-r", str(clip), "-o", str(output),
            "-c", encoder, "-t", TARGET, "--preset", preset, "--force", "--quiet",
            "--encoder-args", "-pix_fmt yuv420p", *sample,
        ],
        VMAFX_CACHE_DIR=str(_empty(folder / "cache")),
    )  # fmt: skip
    programs = _empty(folder / "programs")
    (programs / "ffmpeg").symlink_to(Session().ffmpeg.path)
    theirs_s, _ = _cpu_s(
        [
            "ab-av1", "auto-encode", "-i", str(clip), "-o", str(output), "-e", encoder,
            "--preset", preset, "--min-vmaf", TARGET, "--pix-format", "yuv420p", "--cache", "false",
        ],
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )  # fmt: skip
    result, ratio = json.loads(told), ours_s / theirs_s
    print(
        f"{clip.stem}, {encoder}: {ours_s:.1f} s against {theirs_s:.1f} s ({ratio:.2f}); VMAF "
        f"{result['vmaf_score']:.2f} at {result['bitrate_kbps']:.0f} kb/s against "
        f"{_score(clip, output):.2f} at {output.stat().st_size / 125 / _duration_s(result):.0f}"
    )
    return ratio


def _duration_s(result: dict[str, dict[str, dict[str, float]]]) -> float:
    return result["output"]["verified"]["duration_s"]


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


MEASURES = (encodes,)
