"""`package --per-shot` with the real packager."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import av
import m3u8
import pytest

import vmafx_tune
from tests.support.browser import Browser
from tests.support.cli import Outcome, command, run_cli
from vmafx_tune import shell
from vmafx_tune.choices import PerShot
from vmafx_tune.cli.common import saved_ladder
from vmafx_tune.errors import ToolNotFoundError, UsageError
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.options import PackageOptions
from vmafx_tune.package.packager import find_packager
from vmafx_tune.shots import detection

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

pytestmark = pytest.mark.skipif(
    find_spec("scenedetect") is None, reason="PySceneDetect, of the extra [shots], is not here"
)
N_FRAMES, SEGMENTS = 128, [0, 50, 100]
# Segments begin at 50 and 100; what is cut there would be too short to the other side.
FIRST_FRAMES = [0, 37, 50, 78, 100]
CODECS = ("libx264", "libx265", "libsvtav1")
LADDER = ("--preset", "ultrafast", "--gop", "1", "--crf-step", "2", "--min-bitrate-gap", "0")
TWO_RUNGS = ("-t", "60,85", "--resolutions", "192x108,128x72", "--max-rungs", "2")
ONE_RUNG = ("-t", "85", "--resolutions", "192x108", "--max-rungs", "1")
PER_SHOT = ("--per-shot", "--min-shot", "0.4", "--segment", "2", "--audio", "none")


@dataclass(frozen=True)
class Desk:
    """A folder with a film of three shots and its ladders."""

    here: Path

    def package(self, *arguments: str, output: str) -> Outcome:
        return run_cli("package", *PER_SHOT, *arguments, "-o", output, cwd=self.here)

    def joined(self, package: str, rendition: dict[str, Any], target: Path) -> Path:
        """Write the segments of a rendition one after the other, as a player fetches them."""
        folder = self.here / package / "video" / rendition["name"]
        playlist = m3u8.load(str(folder / "index.m3u8"))
        names = [playlist.segments[0].init_section.uri, *(each.uri for each in playlist.segments)]
        target.write_bytes(b"".join((folder / name).read_bytes() for name in names))
        return target


@pytest.fixture(scope="module")
def desk(clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    try:
        find_packager(None, ProcessRunner())
    except ToolNotFoundError as error:
        pytest.skip(str(error))
    here = tmp_path_factory.mktemp("shots")
    shutil.copy(clips.three_shots(), here / "film.mkv")
    first, *others = CODECS
    for codecs, size in ((first, TWO_RUNGS), (",".join(others), ONE_RUNG)):
        asked = ("-r", "film.mkv", "-c", codecs, *LADDER, *size, "-o", "{codec}.json")
        done = run_cli("ladder", *asked, cwd=here)
        assert done.exit_code == 0, done.stderr
    return Desk(here)


@pytest.fixture(scope="module")
def packaged(desk: Desk) -> dict[str, Any]:
    done = desk.package(*(f"{codec}.json" for codec in CODECS), output="title")
    assert done.exit_code == 0, done.stderr
    document: dict[str, Any] = done.document
    return document


@pytest.fixture(scope="module")
def renditions(packaged: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = packaged["renditions"]
    return found


def test_each_rung_reaches_its_score_and_the_cheaper_encode_is_delivered(
    packaged: dict[str, Any], renditions: list[dict[str, Any]]
) -> None:
    found = [rendition["per_shot"] for rendition in renditions if rendition["per_shot"]]

    assert {rendition["encoder"] for rendition in renditions} == set(CODECS)
    assert any(shots["delivered"] for shots in found)
    for rendition in renditions:
        shots = rendition["per_shot"]
        if shots is None or not shots["delivered"]:
            note = f"Rendition '{rendition['name']}' keeps its single setting."
            assert any(note in each for each in packaged["notes"])
            continue
        assert shots["saving_percent"] > 0
        assert shots["vmaf_score"] == rendition["vmaf"] >= rendition["ladder_vmaf"] - 1e-4
        assert [shot["first_frame"] for shot in shots["shots"]] == FIRST_FRAMES


def test_segments_begin_together_in_all_rungs(
    desk: Desk, renditions: list[dict[str, Any]], tmp_path: Path
) -> None:
    lengths = set()
    for rendition in renditions:
        uri = desk.here / "title/video" / rendition["name"] / "index.m3u8"
        lengths.add(tuple(segment.duration for segment in m3u8.load(str(uri)).segments))
        packets = measure_packets(desk.joined("title", rendition, tmp_path / "joined.mp4"))
        starts = [index for index, is_key in enumerate(packets.keyframes) if is_key]
        assert set(SEGMENTS) <= set(starts)
        if rendition["per_shot"] and rendition["per_shot"]["delivered"]:
            assert set(FIRST_FRAMES) <= set(starts)
    assert lengths == {(2.0, 2.0, 1.12)}


def test_the_segments_hold_the_packets_that_were_scored(
    desk: Desk, renditions: list[dict[str, Any]], tmp_path: Path
) -> None:
    for rendition in renditions:
        joined = desk.joined("title", rendition, tmp_path / "joined.mp4")
        assert measure_packets(joined).sha256 == rendition["video_sha256"]
        score = run_cli("score", str(desk.here / "film.mkv"), str(joined)).document["score"]
        assert score == pytest.approx(rendition["vmaf"], abs=0.05)


def test_rungs_play_from_every_shot_to_the_end(
    desk: Desk, renditions: list[dict[str, Any]], tmp_path: Path, ffmpeg_exe: Path
) -> None:
    for rendition in renditions:
        joined = desk.joined("title", rendition, tmp_path / "joined.mp4")
        line = [str(ffmpeg_exe), "-v", "warning", "-xerror", "-i", str(joined), "-f", "null", "-"]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        whole = _decoded(joined, 0)
        assert [frame.time for frame in whole] == pytest.approx([i / 25 for i in range(N_FRAMES)])
        for first in FIRST_FRAMES:
            rest = _decoded(joined, first)
            assert rest[0].time == pytest.approx(first / 25)
            assert (rest[0].to_ndarray() == whole[first].to_ndarray()).all()
            assert len(rest) == N_FRAMES - first


def _decoded(path: Path, first: int) -> list[av.VideoFrame]:
    """Decode from a frame on, as a player does that seeks there."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(int(first / 25 / (stream.time_base or 1)), stream=stream)
        return [frame for frame in container.decode(video=0) if frame.time >= (first - 0.5) / 25]


def test_the_commands_give_the_very_packets(
    desk: Desk, renditions: list[dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copy(desk.here / "film.mkv", tmp_path)
    rendition = next(each for each in renditions if each["per_shot"]["delivered"])
    shots = rendition["per_shot"]
    for line in (*(shot["encode_command"] for shot in shots["shots"]), shots["join_command"]):
        subprocess.run(shell.split(line), cwd=tmp_path, check=True, capture_output=True)
    joined = tmp_path / shell.split(shots["join_command"])[-1]
    assert measure_packets(joined).sha256 == rendition["video_sha256"]


def test_rungs_play_in_a_browser(desk: Desk, packaged: dict[str, Any]) -> None:
    del packaged
    seen = Browser.installed().play(desk.here / "title", "hls.js")
    assert seen.get("failed") is None, seen
    assert (seen["reached"], seen["errors"], seen["ended"]) == (seen["order"], [], True)


def test_a_run_that_is_killed_goes_on_where_it_ended(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "packager"
    broken.write_text("#!/bin/sh\n[ $1 = --version ] && echo packager version v0 || exit 1\n")
    broken.chmod(0o755)
    asked = ("libx264.json", *PER_SHOT, "-o", "again", "--no-cache")
    with subprocess.Popen(
        [*command("package", *asked), "--progress", "json"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=desk.here,
    ) as run:
        assert run.stderr is not None
        # The single settings of all rungs are encoded then, and the shots of one of them.
        jobs: dict[str, None] = {}
        for line in run.stderr:
            job = json.loads(line).get("job", "")
            jobs |= {job.rpartition(" ")[0]: None} if job[-1:].isdigit() else {}
            if len(jobs) == 2:
                break
        run.kill()
    assert not (desk.here / "again").exists()
    failed = run_cli("package", *asked, "--packager", str(broken), cwd=desk.here)
    assert failed.exit_code == 1
    done = run_cli("package", *asked, "--progress", "json", cwd=desk.here)
    assert done.exit_code == 0, done.stderr
    assert all(rendition["reused"] for rendition in done.document["renditions"])
    events = list(map(json.loads, done.stderr.splitlines()))
    begun = {event["job"] for event in events if event["event"] == "job_started"}
    assert begun == {"cuts", "package"}
    planned = (event for event in events if event["event"] == "job_planned")
    left = {event["job"]: event["probes_expected"] for event in planned}
    assert len(left) == 2
    assert not any(left.values())


def test_caps_hold_from_shot_to_shot(desk: Desk, tmp_path: Path) -> None:
    caps = ("--maxrate-factor", "1.1", "--bufsize-factor", "1")
    done = desk.package("libx264.json", *caps, output="capped")
    assert done.exit_code == 0, done.stderr
    for rendition in done.document["renditions"]:
        shots = rendition["per_shot"]
        for shot in shots["shots"]:
            assert "-maxrate" in shot["encode_command"]
        packets = measure_packets(desk.joined("capped", rendition, tmp_path / "joined.mp4"))
        level = full = 1000 * rendition["bufsize_kbits"]
        for size in packets.sizes_bytes:
            level -= 8 * size
            assert level >= 0
            level = min(full, level + 1000 * rendition["maxrate_kbps"] / 25)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (("--min-shot", "0"), 2, "--min-shot 0 is not a valid length"),
        (("--per-shot=equal",), 2, "'equal' is not one of 'slope', 'constant'"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    desk: Desk, arguments: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    done = desk.package("libx264.json", *arguments, output="wrong")
    assert (done.exit_code, done.stdout) == (exit_code, "")
    assert sentence in " ".join(done.stderr.split())
    assert not list(desk.here.glob("*wrong*"))


def test_a_ladder_that_does_not_tell_its_preset_is_refused(desk: Desk) -> None:
    ladder = json.loads((desk.here / "libx264.json").read_text(encoding="utf-8"))
    (desk.here / "old.json").write_text(json.dumps(ladder | {"encoding": None}), encoding="utf-8")
    done = desk.package("old.json", output="wrong")
    assert done.exit_code == 2
    assert "does not tell its preset" in " ".join(done.stderr.split())
    assert not list(desk.here.glob("*wrong*"))


def test_a_source_of_one_segment_keeps_its_single_settings(
    clips: ClipFactory, tmp_path: Path, desk: Desk
) -> None:
    del desk
    shutil.copy(clips.moving(n_frames=24), tmp_path / "film.mp4")
    asked = ("-r", "film.mp4", "-t", "60", "--resolutions", "160x90", "-o", "ladder.json")
    assert run_cli("ladder", *asked, "--preset", "ultrafast", cwd=tmp_path).exit_code == 0
    done = run_cli("package", "ladder.json", "-o", "out", "--per-shot", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "The source is one shot" in " ".join(done.stderr.split())
    assert [each["per_shot"] for each in done.document["renditions"]] == [None]


def test_without_the_extra_nothing_is_begun(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(desk.here)
    monkeypatch.setattr(detection, "find_spec", lambda _: None)
    ladder = saved_ladder("libx264.json")

    with pytest.raises(ToolNotFoundError, match=r"vmafx-tune\[shots\]") as caught:
        vmafx_tune.package(
            [ladder], tmp_path / "out", options=PackageOptions(per_shot=PerShot.SLOPE)
        )

    assert caught.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_a_shortest_shot_without_shots_is_refused(desk: Desk, tmp_path: Path) -> None:
    ladder = saved_ladder(str(desk.here / "libx264.json"))

    with pytest.raises(UsageError, match="--min-shot requires --per-shot"):
        vmafx_tune.package([ladder], tmp_path / "out", options=PackageOptions(min_shot_s=2))


def test_a_mode_that_there_is_not_is_refused(desk: Desk, tmp_path: Path) -> None:
    ladder = saved_ladder(str(desk.here / "libx264.json"))
    options = PackageOptions(per_shot="equal")  # type: ignore[arg-type] # as from untyped code

    with pytest.raises(UsageError, match="'equal' is not one of slope, constant"):
        vmafx_tune.package([ladder], tmp_path / "out", options=options)
