"""Seeded damage to media files, and what a command may do with what is left of them."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.media.pyav import lenient_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["FORMATS", "Verdict", "examine", "make_sources", "mutations"]

_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-g", "8")
FORMATS: dict[str, tuple[str, ...]] = {
    "mp4": (*_X264, "-movflags", "+faststart"),
    "mkv": ("-c:v", "ffv1"),
    "ts": _X264,
    "avi": ("-c:v", "mpeg4", "-q:v", "3"),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M"),
    "y4m": (),
    "mxf": ("-c:v", "mpeg2video", "-q:v", "3"),
    "mov": ("-c:v", "mjpeg", "-q:v", "3"),
}
"""ffmpeg's output options for each kind of file."""

_TIMEOUT_S = 20
_LIMIT_S = 240


@dataclass(frozen=True)
class Verdict:
    """How a command took a damaged file.

    Attributes:
        kind: `refused`, `sound` for a file that decodes as the whole one does, `unnoticed` for one
            that its decoder takes without a complaint, or what must not be: `traceback`, `hang`,
            `false_proof`, `silent`.
        detail: The command and the end of what it printed.
    """

    kind: str
    detail: str


def make_sources(folder: Path, ffmpeg: Path) -> dict[str, Path]:
    """Encode a tiny clip in each format."""
    sources = {}
    for suffix, options in FORMATS.items():
        path = folder / f"whole.{suffix}"
        clip = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=0.8")
        argv = [str(ffmpeg), "-v", "error", "-y", *clip, "-pix_fmt", "yuv420p", *options]
        if suffix == "mov":
            argv[-1:] = [argv[-1], "-color_range", "pc"]
        subprocess.run([*argv, str(path)], check=True, stdin=subprocess.DEVNULL)
        sources[suffix] = path
    return sources


def mutations(sources: dict[str, Path], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of damaged files; the same ones for the same seed."""
    chance = random.Random(seed)
    kinds = (_truncated, _flipped, _zeroed, _swapped, _misnamed)
    for number in range(count):
        suffix = list(sources)[number % len(sources)]
        kind = kinds[number // len(sources) % len(kinds)]
        data = kind(bytearray(sources[suffix].read_bytes()), chance, sources)
        yield f"{number:03}-{kind.__name__.strip('_')}.{suffix}", bytes(data)


def examine(command: Sequence[str], whole: Path, damaged: Path) -> Verdict:
    """Run a command on a damaged file and judge what it does.

    Args:
        command: `score` or `search`, and its options.
        whole: What the file was.
        damaged: What has become of it.
    """
    paths = (str(whole), str(damaged)) if command[0] == "score" else ("-r", str(damaged))
    program = (sys.executable, "-m", "vmafx_tune", command[0], *paths, *command[1:])
    argv = [*program, "--timeout", str(_TIMEOUT_S)]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=_LIMIT_S, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Verdict("hang", " ".join(argv))
    said = f"{' '.join(argv)}\n{done.stderr[-600:]}"
    if "Traceback" in done.stderr or done.returncode not in {0, 1, 2, 3, 4}:
        return Verdict("traceback", said)
    if done.returncode in {1, 2, 4}:
        # A refusal is one sentence, and no result.
        is_plain = done.stderr.count("vmafx-tune: error:") == 1 and not done.stdout
        return Verdict("refused" if is_plain else "silent", said)
    if _complains(damaged):
        return Verdict("false_proof", said)
    return Verdict("sound", said)


def _complains(path: Path) -> bool:
    """Whether libav says, in any way that it has, that a file does not decode cleanly."""
    import av

    try:
        with av.open(str(path), **lenient_tags()) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            started = False
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    if started:
                        return True
                    continue
                started = started or bool(frames)
                if any(frame.is_corrupt for frame in frames):
                    return True
    except (av.FFmpegError, IndexError):
        return True
    return False


def _truncated(data: bytearray, chance: random.Random, _: dict[str, Path]) -> bytearray:
    return data[: chance.randrange(1, len(data))]


def _flipped(data: bytearray, chance: random.Random, _: dict[str, Path]) -> bytearray:
    for _bit in range(chance.choice((1, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _zeroed(data: bytearray, chance: random.Random, _: dict[str, Path]) -> bytearray:
    start = chance.randrange(len(data))
    length = min(chance.choice((4, 300, 5000)), len(data) - start)
    data[start : start + length] = bytes(length)
    return data


def _swapped(data: bytearray, chance: random.Random, _: dict[str, Path]) -> bytearray:
    size = chance.choice((16, 188, 1024))
    one, other = (chance.randrange(max(1, len(data) - size)) for _place in range(2))
    first, second = data[one : one + size], data[other : other + size]
    data[one : one + size], data[other : other + size] = second, first
    return data


def _misnamed(data: bytearray, chance: random.Random, sources: dict[str, Path]) -> bytearray:
    """The head of another kind of file, or noise."""
    other = sources[chance.choice(list(sources))].read_bytes()
    length = chance.choice((8, 64, 512))
    head = other[:length] if chance.random() < 0.7 else chance.randbytes(length)
    data[:length] = head
    return data
