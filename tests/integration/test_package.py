"""`package`: from saved ladders to a folder that players open, with the real packager."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import m3u8
import numpy as np
import pytest
from mpegdash.parser import MPEGDASHParser

from tests.support.cli import Outcome, run_cli
from vmafx_tune import shell
from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.package.packager import find_packager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.node_readers import NodeReaders

# Few pictures a second, so that a tiny clip has several segments: 3003/500 s each but the last,
# which has a single frame.
RATE, N_FRAMES = Fraction(6000, 1001), 73
SECONDS = float(N_FRAMES / RATE)
QUICK = ("--preset", "ultrafast", "--crf-step", "10", "--min-bitrate-gap", "0", "--max-rungs", "2")
SIZES = "160x90,96x54"
SUBTITLES = """\
1
00:00:01,000 --> 00:00:02,500
First

2
00:00:08,000 --> 00:00:09,000
Second
"""


@pytest.fixture(scope="module", autouse=True)
def packager() -> None:
    """Skips where there is no Shaka Packager."""
    try:
        find_packager(None, ProcessRunner())
    except ToolNotFoundError as error:
        pytest.skip(str(error))


@dataclass(frozen=True)
class Desk:
    """A directory with a source and saved ladders, in which packages are made."""

    here: Path

    def measure(self, codec: str, *options: str, source: str = "My film.mkv") -> None:
        asked = ("-r", source, "-c", codec, "-t", "40,90", "--resolutions", SIZES)
        done = run_cli("ladder", *asked, *QUICK, *options, "-o", f"{codec}.json", cwd=self.here)
        assert done.exit_code == 0, done.stderr

    def package(self, *arguments: str, output: str = "title") -> Outcome:
        return run_cli("package", *arguments, "-o", output, cwd=self.here)

    def edit(self, name: str, **changes: Any) -> None:
        path = self.here / name
        document = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(document | changes), encoding="utf-8")


@pytest.fixture(scope="module")
def film(clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with a beep at 6 s in two languages, text subtitles and an attachment."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "en.srt").write_text(SUBTITLES, encoding="utf-8")
    (folder / "font.ttf").write_bytes(b"font")
    clip = clips.moving(n_frames=N_FRAMES, rate=RATE)
    beep = f"sine=frequency=880:duration={SECONDS},volume='between(t,6,6.2)':eval=frame"
    clips.run(
        *("-i", str(clip), "-f", "lavfi", "-i", beep, "-f", "lavfi", "-i", beep),
        *("-i", str(folder / "en.srt"), "-map", "0:v", "-map", "1", "-map", "2", "-map", "3"),
        *("-c:v", "copy", "-c:a:0", "flac", "-c:a:1", "aac", "-c:s", "srt"),
        *("-attach", str(folder / "font.ttf"), "-metadata:s:t", "mimetype=font/ttf"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:a:1", "title=Deutsch, laut", "-metadata:s:s:0", "language=eng"),
        str(folder / "My film.mkv"),
    )
    return folder / "My film.mkv"


@pytest.fixture(scope="module")
def desk(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Ladders of AVC in one piece and HEVC in chunks."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    shutil.copy(film, desk.here / "My film.mkv")
    desk.measure("libx264")
    desk.measure("libx265", "--chunk", "6")
    return desk


@dataclass(frozen=True)
class Packaged:
    """A package, and what the command printed of it."""

    folder: Path
    result: dict[str, Any]

    @property
    def master(self) -> Any:
        return m3u8.load(str(self.folder / "master.m3u8"))

    def playlist(self, uri: str) -> Any:
        return m3u8.load(str(self.folder / uri))

    def joined(self, uri: str, target: Path) -> Path:
        """Write the segments of a media playlist one after the other."""
        place = (self.folder / uri).parent
        playlist = self.playlist(uri)
        names = [playlist.segments[0].init_section.uri, *(each.uri for each in playlist.segments)]
        target.write_bytes(b"".join((place / name).read_bytes() for name in names))
        return target


@pytest.fixture(scope="module")
def packaged(desk: Desk) -> Packaged:
    done = desk.package("libx264.json", "libx265.json", "--audio", "aac:96,aac:48")
    assert done.exit_code == 0, done.stderr
    return Packaged(desk.here / "title", done.document)


def test_both_ladders_are_in_one_playlist_with_each_form_of_audio(packaged: Packaged) -> None:
    variants = {(one.uri, one.stream_info.audio) for one in packaged.master.playlists}
    assert len(variants) == 2 * len(packaged.result["renditions"]) == 8
    codecs = {one.stream_info.codecs.partition(".")[0] for one in packaged.master.playlists}
    assert codecs == {"avc1", "hvc1"}


def test_nothing_but_the_folder_is_left(desk: Desk, packaged: Packaged) -> None:
    names = {"My film.mkv", "libx264.json", "libx265.json", "title"}
    assert {path.name for path in desk.here.iterdir()} == names
    assert {path.name for path in packaged.folder.iterdir()} == {
        *("master.m3u8", "manifest.mpd", "video", "audio", "text"),
    }


def test_bitrates_are_those_of_the_files(packaged: Packaged) -> None:
    sound: dict[str, list[tuple[float, float]]] = {}
    for one in packaged.master.media:
        sound.setdefault(one.group_id, []).append(_rates(packaged, one.uri))
    text = sound["subtitles"][0][0]
    for variant in packaged.master.playlists:
        info = variant.stream_info
        peak, average = _rates(packaged, variant.uri)
        peak += text + max(each[0] for each in sound[info.audio])
        average += text + max(each[1] for each in sound[info.audio])
        assert info.bandwidth >= info.average_bandwidth
        assert info.bandwidth == pytest.approx(peak, rel=0.02)
        assert info.average_bandwidth == pytest.approx(average, rel=0.02)


def _rates(packaged: Packaged, uri: str) -> tuple[float, float]:
    """The highest bitrate of one segment or two, but not of a short last one; and the average."""
    playlist = packaged.playlist(uri)
    place = (packaged.folder / uri).parent
    sizes = [(place / each.uri).stat().st_size for each in playlist.segments]
    seconds = [each.duration for each in playlist.segments]
    single = [8 * size / s for size, s in zip(sizes, seconds, strict=True) if s > 3]
    ends = [8 * sum(sizes[-2:]) / sum(seconds[-2:])] if seconds[-1] < 3 else []
    return max(*single, *ends), 8 * sum(sizes) / sum(seconds)


def test_segments_hold_the_packets_that_were_scored(packaged: Packaged, tmp_path: Path) -> None:
    for rendition in packaged.result["renditions"]:
        uri = f"video/{rendition['name']}/index.m3u8"
        packets = measure_packets(packaged.joined(uri, tmp_path / "joined.mp4"))
        assert packets.sha256 == rendition["video_sha256"]
        assert packets.n_packets == N_FRAMES
        assert [index for index, is_key in enumerate(packets.keyframes) if is_key][::3] == [
            *range(0, N_FRAMES, 36)
        ]


def test_the_segments_score_what_the_result_says(
    packaged: Packaged, desk: Desk, tmp_path: Path
) -> None:
    for rendition in packaged.result["renditions"]:
        uri = f"video/{rendition['name']}/index.m3u8"
        joined = packaged.joined(uri, tmp_path / "joined.mp4")
        score = run_cli("score", str(desk.here / "My film.mkv"), str(joined)).document["score"]
        assert score == pytest.approx(rendition["vmaf"], abs=0.05)
        # The ladder scored HEVC in chunks, at whose starts there is no motion.
        assert rendition["vmaf"] == pytest.approx(rendition["ladder_vmaf"], abs=0.2)
    assert packaged.result["notes"] == []


def test_key_frames_have_playlists_of_their_own(packaged: Packaged) -> None:
    iframes = packaged.master.iframe_playlists
    assert len(iframes) == len(packaged.result["renditions"])
    for one in iframes:
        playlist = packaged.playlist(one.uri)
        assert playlist.is_i_frames_only
        assert all(segment.byterange for segment in playlist.segments)
        assert one.iframe_stream_info.bandwidth > 0


def test_audio_is_in_step_with_the_picture(packaged: Packaged, tmp_path: Path) -> None:
    for track in packaged.result["audio"]:
        uri = f"audio/{track['name']}/index.m3u8"
        start_s = _start_of_beep(packaged.joined(uri, tmp_path / "joined.mp4"))
        assert start_s == pytest.approx(6.0, abs=0.03)


def _start_of_beep(path: Path) -> float:
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()).max(axis=0) > 0.02)
            if loud.size:
                assert frame.time is not None
                return frame.time + float(loud[0]) / frame.sample_rate
    raise AssertionError("There is no beep.")


def test_languages_and_titles_are_in_both_manifests(packaged: Packaged) -> None:
    sound = [one for one in packaged.master.media if one.type == "AUDIO"]
    assert {(one.language, one.name, one.default) for one in sound} == {
        ("en", "eng", "YES"),
        ("de", "Deutsch laut", "NO"),
    }
    sets = MPEGDASHParser.parse(str(packaged.folder / "manifest.mpd")).periods[0].adaptation_sets
    assert {one.lang for one in sets if one.content_type == "audio"} == {"en", "de"}


def test_subtitles_are_text_on_the_clock_of_the_picture(packaged: Packaged) -> None:
    (track,) = (one for one in packaged.master.media if one.type == "SUBTITLES")
    playlist = packaged.playlist(track.uri)
    place = (packaged.folder / track.uri).parent
    texts = [(place / each.uri).read_text(encoding="utf-8") for each in playlist.segments]
    assert "00:00:01.000 --> 00:00:02.500" in texts[0]
    assert "First" in texts[0]
    assert "00:00:08.000 --> 00:00:09.000" in texts[1]


def test_what_is_left_out_has_a_reason(packaged: Packaged) -> None:
    assert [each["reason"] for each in packaged.result["dropped"]] == [
        "HLS and DASH have no attachment streams."
    ]


def test_parsers_for_node_read_both_manifests_without_a_warning(
    packaged: Packaged, node: NodeReaders
) -> None:
    hls = node.read("hls", packaged.folder / "master.m3u8")
    dash = node.read("dash", packaged.folder / "manifest.mpd")
    assert hls["warnings"] == dash["warnings"] == []
    names = {f"video/{one['name']}/index.m3u8" for one in packaged.result["renditions"]}
    read = hls["hlsParser"]["variants"]
    assert {one["uri"] for one in read if "iframes" not in one["uri"]} == names
    found = {name["uri"] for one in dash["playlists"] for name in one["segments"]}
    assert found == {
        str(path.relative_to(packaged.folder)) for path in packaged.folder.glob("video/*/*.m4s")
    }


def test_every_variant_plays_to_its_end(packaged: Packaged) -> None:
    for variant in packaged.master.playlists:
        with av.open(str(packaged.folder / variant.uri)) as container:
            sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
        assert sizes == [variant.stream_info.resolution] * N_FRAMES


def test_caps_bound_the_encodes(desk: Desk) -> None:
    done = desk.package(
        "libx264.json", "--maxrate-factor", "1", "--bufsize-factor", "1", output="capped"
    )
    assert done.exit_code == 0, done.stderr
    for rendition in done.document["renditions"]:
        words = shell.split(rendition["encode_command"])
        assert words[-5:-1:2] == ("-maxrate", "-bufsize")
        assert int(words[-4]) == pytest.approx(1000 * rendition["maxrate_kbps"], abs=1)
        # A segment of 6 s has what is in the buffer at its start, and what flows in.
        assert rendition["bandwidth_bps"] < 1000 * rendition["maxrate_kbps"] * (1 + 1 / 6) * 1.2


def test_a_folder_that_is_not_empty_is_replaced_only_if_asked(desk: Desk) -> None:
    folder, link = desk.here / "folder", desk.here / "full"
    folder.mkdir()
    link.symlink_to("folder")
    (folder / "mine.txt").touch()
    refused = desk.package("libx264.json", output="full")
    assert (refused.exit_code, (folder / "mine.txt").exists()) == (2, True)
    assert "Use --force to replace it" in refused.stderr
    done = desk.package("libx264.json", "--force", "--no-verify", "--audio", "none", output="full")
    assert done.exit_code == 0, done.stderr
    assert link.is_symlink()
    assert not (folder / "mine.txt").exists()
    assert done.document["audio"] == []
    assert {one["vmaf"] for one in done.document["renditions"]} == {None}
    assert "AUDIO" not in (folder / "master.m3u8").read_text(encoding="utf-8")


def test_a_name_that_no_folder_can_have_is_one_sentence(desk: Desk) -> None:
    done = desk.package("libx264.json", output="n" * 260)
    assert done.exit_code == 1
    assert "cannot be written: File name too long." in done.stderr


@pytest.mark.parametrize("output", [".", "..", "/"])
def test_a_folder_with_the_source_in_it_is_never_replaced(
    desk: Desk, output: str, tmp_path: Path
) -> None:
    done = desk.package("libx264.json", "--force", output=output)
    assert done.exit_code == 2
    assert "is in the output" in done.stderr
    shutil.copy(desk.here / "libx264.json", tmp_path)
    done = desk.package(str(tmp_path / "libx264.json"), "--force", output=output)
    assert done.exit_code in {1, 2}
    assert "Name a" in done.stderr
    assert (desk.here / "My film.mkv").exists()


def test_a_run_that_failed_goes_on_where_it_ended(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "packager"
    broken.write_text("#!/bin/sh\n[ $1 = --version ] && echo packager version v0 || exit 1\n")
    broken.chmod(0o755)
    failed = desk.package("libx264.json", "--packager", str(broken), output="again")
    assert failed.exit_code == 1
    assert "Shaka Packager failed" in failed.stderr
    assert not (desk.here / "again").exists()
    assert (desk.here / ".again.vmafx-tune").is_dir()
    done = desk.package("libx264.json", output="again")
    assert [one["reused"] for one in done.document["renditions"]] == [True, True]
    assert not (desk.here / ".again.vmafx-tune").exists()


def test_an_encode_that_was_damaged_meanwhile_is_made_again(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "packager"
    broken.write_text("#!/bin/sh\n[ $1 = --version ] && echo packager version v0 || exit 1\n")
    broken.chmod(0o755)
    desk.package("libx264.json", "--packager", str(broken), output="mended")
    work = desk.here / ".mended.vmafx-tune"
    first = min(work.glob("*.mp4"))
    first.write_bytes(first.read_bytes()[:-100])
    done = desk.package("libx264.json", output="mended")
    assert sorted(one["reused"] for one in done.document["renditions"]) == [False, True]


def test_packages_of_two_runs_are_the_same(desk: Desk) -> None:
    for name in ("one", "two"):
        assert desk.package("libx264.json", output=name).exit_code == 0
    files = [
        {str(path.relative_to(desk.here / name)): path.read_bytes() for path in _files(desk, name)}
        for name in ("one", "two")
    ]
    assert files[0] == files[1]


def _files(desk: Desk, name: str) -> list[Path]:
    return [path for path in (desk.here / name).rglob("*") if path.is_file()]


def test_encryption_is_left_to_the_packager(desk: Desk) -> None:
    keys = "label=:key_id=00000000000000000000000000000001:key=00000000000000000000000000000002"
    arguments = f"--enable_raw_key_encryption --keys {keys} --protection_scheme cbcs --clear_lead 0"
    done = desk.package(
        "libx264.json", "--no-verify", "--packager-args", arguments, output="locked"
    )
    assert done.exit_code == 0, done.stderr
    folder = desk.here / "locked"
    assert "cenc:default_KID" in (folder / "manifest.mpd").read_text(encoding="utf-8")
    playlist = next(folder.glob("video/*/index.m3u8")).read_text(encoding="utf-8")
    assert "METHOD=SAMPLE-AES" in playlist


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("--segment", "1"), 2, "--segment 1 is shorter than the GOPs of the ladder, 2.002 s"),
        (("--packager", "nowhere"), 4, "nowhere"),
        (("--audio", "mp3"), 2, "--audio 'mp3' is not valid"),
        (("--packager-args", "--nonsense"), 2, "Unknown command line flag 'nonsense'"),
        (("--packager-args", "--keys x --enable_raw_key_encryption"), 1, "Shaka Packager failed"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    desk: Desk, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    done = desk.package("libx264.json", *arguments, output="wrong")
    assert (done.exit_code, message in done.stderr) == (exit_code, True), done.stderr
    assert not (desk.here / "wrong").exists()
    shutil.rmtree(desk.here / ".wrong.vmafx-tune", ignore_errors=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"src": "gone.mkv"}, "The source 'gone.mkv' of the ladder is not there"),
        ({"renditions": []}, "has no rungs"),
        ({"gop_frames": None}, "has no length of GOPs"),
        ({"encoder": "libvvenc"}, "does not take what libvvenc writes (vvc)"),
    ],
)
def test_a_ladder_that_cannot_be_packaged_is_one_sentence(
    desk: Desk, changes: dict[str, Any], message: str
) -> None:
    shutil.copy(desk.here / "libx264.json", desk.here / "other.json")
    desk.edit("other.json", **changes)
    done = desk.package("other.json", output="wrong")
    assert done.exit_code in {1, 2}
    assert message in done.stderr
    assert not list(desk.here.glob(".wrong*"))


def test_a_source_that_has_changed_is_not_encoded(desk: Desk, clips: ClipFactory) -> None:
    here = desk.here / "changed"
    here.mkdir()
    shutil.copy(desk.here / "libx264.json", here)
    shutil.copy(clips.moving(n_frames=N_FRAMES, rate=RATE, suffix=".mkv"), here / "My film.mkv")
    done = Desk(here).package("libx264.json")
    assert done.exit_code == 1
    assert "has changed since the ladder was measured: its content is another one" in done.stderr


def test_a_source_without_audio_has_video_alone(clips: ClipFactory, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    shutil.copy(clips.moving(n_frames=N_FRAMES, rate=RATE), tmp_path / "mute.mp4")
    desk.measure("libx264", source="mute.mp4")
    done = desk.package("libx264.json", "--format", "table")
    assert done.exit_code == 0, done.stderr
    assert re.search(r"Audio +none", done.stdout)


def test_of_three_languages_the_one_that_cannot_be_decoded_is_left_out(
    film: Path, clips: ClipFactory, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    three = tmp_path / "three.mkv"
    clips.run(
        *("-i", str(film), "-f", "lavfi", "-i", "sine=duration=8"),
        *("-map", "0:v", "-map", "0:a", "-map", "1", "-map", "0:s", "-c", "copy"),
        *("-c:a:2", "aac", "-metadata:s:a:2", "language=fra", str(three)),
    )
    damaged = bytearray(three.read_bytes())
    # A codec that nobody knows, in Matroska's own words.
    start = damaged.index(b"A_FLAC")
    damaged[start : start + 6] = b"A_XLAC"
    (tmp_path / "My film.mkv").write_bytes(damaged)
    desk.measure("libx264")
    done = desk.package("libx264.json", "--no-verify")
    assert done.exit_code == 0, done.stderr
    assert [one["language"] for one in done.document["audio"]] == ["deu", "fra"]
    assert [one["reason"] for one in done.document["dropped"] if one["type"] == "audio"] == [
        "ffmpeg does not know its codec."
    ]
    master = (desk.here / "title/master.m3u8").read_text(encoding="utf-8")
    sound = [line for line in master.splitlines() if "TYPE=AUDIO" in line]
    assert re.findall('LANGUAGE="([^"]+)"', "".join(sound)) == ["de", "fr"]
