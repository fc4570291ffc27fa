"""Packages of sources of all kinds: what their manifests say is what is in the files."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import m3u8
import pytest
from mpegdash.parser import MPEGDASHParser

from tests.support.cli import command, run_cli
from tests.support.full_sources import FullSources, beep_after_flash_s, flash_s
from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import Resolution
from vmafx_tune.package.packager import find_packager
from vmafx_tune.package.work_folder import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.clips import ClipFactory

# A GOP of a quarter of a second, so that a clip of a second has several segments.
QUICK = ("-t", "60", "--preset", "ultrafast", "--crf-step", "10", "--max-rungs", "1")
GOP = ("--gop", "0.25")


@pytest.fixture(scope="module", autouse=True)
def packager() -> None:
    """Skips where there is no Shaka Packager."""
    try:
        find_packager(None, ProcessRunner())
    except ToolNotFoundError as error:
        pytest.skip(str(error))


def rate(text: str, frames: int) -> Callable[[ClipFactory], Path]:
    return lambda clips: clips.moving(n_frames=frames, rate=Fraction(text))


SOURCES: dict[str, tuple[Callable[[ClipFactory], Path], str, str]] = {
    # What it is, its frame rate in both manifests. All but one end with a segment of a frame.
    "29.97": (rate("30000/1001", 33), "29.970", "30000/1001"),
    "59.94": (rate("60000/1001", 61), "59.940", "60000/1001"),
    "portrait": (lambda clips: clips.portrait(), "25.000", "25"),
    "anamorphic": (lambda clips: clips.anamorphic(), "25.000", "25"),
    "hdr10": (lambda clips: clips.hdr_pq(), "25.000", "25"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_manifests_say_what_is_in_the_files(kind: str, clips: ClipFactory, tmp_path: Path) -> None:
    make, hls_rate, dash_rate = SOURCES[kind]
    source = make(clips)
    size = f"{_size(source)}"
    codec = "libx265" if kind == "hdr10" else "libx264"
    asked = ("-r", str(source), "-c", codec, "--allow-hdr", "--resolutions", size, *QUICK, *GOP)
    assert run_cli("ladder", *asked, "-o", "l.json", cwd=tmp_path).exit_code == 0
    done = run_cli("package", "l.json", "-o", "title", "--segment", "0.25", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    (variant,) = m3u8.load(str(tmp_path / "title/master.m3u8")).playlists
    info, folder = variant.stream_info, (tmp_path / "title" / variant.uri).parent
    peak, average = _measured(folder)
    assert info.bandwidth >= info.average_bandwidth
    assert info.bandwidth == pytest.approx(peak, rel=0.1)
    assert info.average_bandwidth == pytest.approx(average, rel=0.1)
    assert "x".join(map(str, info.resolution)) == size
    assert info.video_range == ("PQ" if kind == "hdr10" else "SDR")
    text = (tmp_path / "title/master.m3u8").read_text(encoding="utf-8")
    assert f"FRAME-RATE={hls_rate}," in text
    (period,) = MPEGDASHParser.parse(str(tmp_path / "title/manifest.mpd")).periods
    video = period.adaptation_sets[0]
    assert (video.frame_rate or video.representations[0].frame_rate) == dash_rate
    assert video.representations[0].bandwidth == pytest.approx(peak, rel=0.1)
    assert done.document["renditions"][0]["vmaf"] is not None


def _size(source: Path) -> Resolution:
    with av.open(str(source)) as container:
        video = container.streams.video[0]
        return Resolution(video.width, video.height)


def _measured(folder: Path) -> tuple[float, float]:
    """Peak and average by RFC 8216bis, 4.4.6.2, from what the file system says."""
    playlist = m3u8.load(str(folder / "index.m3u8"))
    parts = [(8 * (folder / one.uri).stat().st_size, one.duration) for one in playlist.segments]
    target = float(playlist.target_duration)
    rates = [sum(bits for bits, _ in parts) / sum(s for _, s in parts)]
    for start in range(len(parts)):
        for end in range(start + 1, len(parts) + 1):
            seconds = sum(s for _, s in parts[start:end])
            if 0.5 * target <= seconds <= 1.5 * target:
                rates.append(sum(bits for bits, _ in parts[start:end]) / seconds)
    return max(rates), rates[0]


@pytest.mark.parametrize(
    "options", [(), ("--chunk", "0.5"), ("--filter", "trim=start=0.8")], ids="".join
)
def test_all_tracks_are_in_step_where_the_video_begins_last(
    options: tuple[str, ...], clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path
) -> None:
    late, source = FullSources(tmp_path, ffmpeg_exe)["late-video.mp4"], tmp_path / "late.mkv"
    # The picture is white from 1.5 s on, and the tone is heard from 1 s on.
    (tmp_path / "line.srt").write_text("1\n00:00:01,500 --> 00:00:01,700\nWhite\n")
    streams = ("-i", str(late), "-i", str(tmp_path / "line.srt"), "-map", "0", "-map", "1")
    clips.run(*streams, "-c", "copy", str(source))
    asked = ("-r", "late.mkv", "-c", "libx264", "--resolutions", "160x90", *QUICK, *GOP, *options)
    assert run_cli("ladder", *asked, "-o", "l.json", cwd=tmp_path).exit_code == 0
    done = run_cli("package", "l.json", "-o", "title", "--no-verify", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr

    package = tmp_path / "title"
    apart_s = beep_after_flash_s(package / "master.m3u8")
    assert apart_s == pytest.approx(beep_after_flash_s(source), abs=0.03)
    (text,) = package.glob("text/*/1.vtt")
    assert f"{flash_s(package / 'master.m3u8'):06.3f} --> " in text.read_text(encoding="utf-8")
    # Both manifests have the same segments.
    dash = (package / "manifest.mpd").read_text(encoding="utf-8")
    assert "presentationTimeOffset" not in dash
    assert re.findall('<S t="([0-9]+)"', dash) == ["0"] * dash.count("<SegmentTimeline>")


@pytest.mark.parametrize(
    ("begins_s", "ends_s", "lost"),
    [
        (0, 1.2, None),
        (0, 1.6, "0.60 s after it ends"),
        (0.52, 1.6, "0.52 s before the video begins"),
        (0.52, 2.1, "0.52 s before the video begins and 0.58 s after it ends"),
    ],
)
@pytest.mark.parametrize("audio", ["aac:64", "copy"])
def test_audio_without_pictures_is_left_out_with_a_note(
    audio: str, begins_s: float, ends_s: float, lost: str | None, clips: ClipFactory, tmp_path: Path
) -> None:
    source = tmp_path / "source.mkv"
    sound = ("-f", "lavfi", "-i", f"sine=duration={ends_s}", "-map", "0", "-map", "1")
    video = ("-itsoffset", str(begins_s), "-i", str(clips.moving(n_frames=25)))
    clips.run(*video, *sound, "-c:v", "copy", "-c:a", "flac", str(source))
    asked = ("-r", "source.mkv", "-c", "libx264", "--resolutions", "160x90", *QUICK, *GOP)
    assert run_cli("ladder", *asked, "-o", "l.json", cwd=tmp_path).exit_code == 0
    how = ("--no-verify", "--audio", audio)
    done = run_cli("package", "l.json", "-o", "title", *how, cwd=tmp_path)

    assert done.exit_code == 0, done.stderr
    said = [] if lost is None else [f"The audio stream 1 loses {lost}."]
    assert done.document["notes"] == said


@pytest.fixture
def desk(clips: ClipFactory, tmp_path: Path) -> Path:
    shutil.copy(clips.moving(n_frames=50, size=Resolution(320, 180)), tmp_path / "source.mp4")
    asked = ("-r", "source.mp4", "-c", "libx264", "-t", "40,60,80", "--preset", "ultrafast")
    sizes = ("--resolutions", "320x180", "--crf-step", "5", "--min-bitrate-gap", "0")
    assert run_cli("ladder", *asked, *sizes, "-o", "l.json", cwd=tmp_path).exit_code == 0
    return tmp_path


def test_a_run_that_is_killed_anywhere_goes_on_and_makes_the_same_folder(desk: Path) -> None:
    assert run_cli("package", "l.json", "-o", "whole", cwd=desk).exit_code == 0
    wanted = _content(desk / "whole")
    argv = command("package", "l.json", "-o", "title", "--jobs", "1")
    finished: set[str] = set()
    for milliseconds in range(100, 2100, 100):
        child = subprocess.Popen(
            argv,
            cwd=desk,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            child.communicate(timeout=milliseconds / 1000)
            break
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.communicate()
        assert not (desk / "title").exists() or _content(desk / "title") == wanted
        kept = _finished(desk)
        assert finished <= kept or (desk / "title").exists()
        finished = kept
    if not (desk / "title").exists():
        done = run_cli("package", "l.json", "-o", "title", cwd=desk)
        assert done.exit_code == 0, done.stderr
        assert sum(one["reused"] for one in done.document["renditions"]) >= len(finished)
    assert _content(desk / "title") == wanted
    assert not list(desk.glob(".title*"))
    assert not list(desk.glob("vmafx-tune-*"))


def _finished(desk: Path) -> set[str]:
    return {path.stem for path in desk.glob(".title.vmafx-tune/*.json")}


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_two_runs_do_not_make_one_package_at_once(desk: Path) -> None:
    with WorkFolder(desk / "title"):
        done = run_cli("package", "l.json", "-o", "title", cwd=desk)
    assert done.exit_code == 1
    assert "Another run is making this package" in done.stderr


def test_a_full_disk_is_one_sentence(desk: Path) -> None:
    # A limit on the size of files stands for a disk without room.
    script = 'ulimit -f 8; exec "$@"'
    argv = ["sh", "-c", script, "sh", *command("package", "l.json", "-o", "title", "--no-verify")]
    done = subprocess.run(argv, cwd=desk, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (desk / "title").exists()
