"""`ladder` on small clips: what it prints, and that it is true."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import m3u8
import pytest

from tests.support.cli import Outcome, command, run_cli, without
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

SIZES = "--resolutions", "320x180,160x90"
FAST = "--preset", "ultrafast", "--crf-lo", "15", "--crf-hi", "45"
EVERYTHING = "--min-bitrate-gap", "0", "--gop", "0.4"


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=25, size=Resolution(320, 180))


@pytest.fixture(scope="module")
def built(source: Path) -> Outcome:
    """A ladder of two sizes at two targets; shared by the tests that look at its parts."""
    return run_cli("ladder", "-r", source, "-t", "40,90", *SIZES, *FAST, *EVERYTHING)


@pytest.fixture(scope="module")
def saved(built: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "ladder.json"
    path.write_text(built.stdout, encoding="utf-8")
    return path


def test_the_cloud_has_each_resolution_at_each_target(built: Outcome) -> None:
    assert built.exit_code == 0
    cells = [(p["width"], p["height"], p["target_vmaf"]) for p in built.document["cloud"]]
    assert cells == [(320, 180, 40), (320, 180, 90), (160, 90, 40), (160, 90, 90)]


def test_a_target_out_of_one_resolutions_reach_is_a_failed_cell_only(built: Outcome) -> None:
    cells = built.document["cloud"]
    assert [cell["ok"] for cell in cells] == [True, True, True, False]
    assert "VMAF 90 is not reached" in cells[3]["error"]
    assert cells[3]["bitrate_kbps"] is None


def test_low_bitrates_go_to_the_small_size_and_high_ones_to_the_large(built: Outcome) -> None:
    rungs = built.document["renditions"]
    assert rungs[0]["width"] == 160
    assert rungs[-1]["width"] == 320
    for key in ("bitrate_kbps", "vmaf"):
        values = [rung[key] for rung in rungs]
        assert values == sorted(set(values))
    assert rungs[0]["vmaf"] >= 40
    assert rungs[-1]["vmaf"] >= 90


def test_each_rung_made_by_its_own_command_has_its_score_and_bitrate_again(
    built: Outcome, source: Path, tmp_path: Path
) -> None:
    for rung in built.document["renditions"]:
        argv = shlex.split(rung["encode_command"])
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
        encoded = tmp_path / argv[-1]
        assert encoded.stem == rung["name"]
        again = run_cli("score", source, encoded, "--quiet").document
        assert again["score"] == pytest.approx(rung["vmaf"], abs=1e-4)
        assert again["pooled"]["p5"] == pytest.approx(rung["vmaf_pooled"]["p5"], abs=1e-4)
        assert packets_kbps(encoded, seconds=1.0) == pytest.approx(rung["bitrate_kbps"], rel=1e-6)


def packets_kbps(encoded: Path, *, seconds: float) -> float:
    import av

    with av.open(str(encoded)) as container:
        return sum(packet.size for packet in container.demux(video=0)) * 8 / seconds / 1000


def test_encodes_have_a_keyframe_every_gop_and_nowhere_else(built: Outcome, tmp_path: Path) -> None:
    import av

    argv = shlex.split(built.document["renditions"][0]["encode_command"])
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    with av.open(str(tmp_path / argv[-1])) as container:
        keyframes = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert [index for index, is_key in enumerate(keyframes) if is_key] == [0, 10, 20]


def test_a_saved_ladder_comes_back_as_it_was(built: Outcome, saved: Path) -> None:
    assert run_cli("ladder", "--from-json", saved).stdout == built.stdout


def test_fewer_rungs_are_chosen_from_a_saved_ladder_without_any_tool(
    built: Outcome, saved: Path, tmp_path: Path
) -> None:
    bare = {"PATH": str(tmp_path), "VMAFX_FFMPEG": str(tmp_path / "none")}
    outcome = run_cli("ladder", "--from-json", saved, "--max-rungs", "1", env=bare)
    assert outcome.exit_code == 0
    assert len(outcome.document["renditions"]) == 1
    assert outcome.document["renditions"][0]["vmaf"] >= 90
    for key in ("cloud", "probes", "hull"):
        assert outcome.document[key] == built.document[key]


def test_what_was_asked_of_the_first_run_holds_until_it_is_changed(saved: Path) -> None:
    raised = run_cli("ladder", "--from-json", saved, "--min-vmaf", "60").document
    assert raised["selection"]["min_bitrate_gap_kbps"] == 0
    assert raised["selection"]["min_vmaf"] == 60
    assert all(rung["vmaf"] >= 60 for rung in raised["renditions"])


def test_a_saved_ladder_whose_pictures_shrink_is_chosen_again_unless_that_is_allowed(
    tmp_path: Path,
) -> None:
    heights = ((100, 60, 180), (130, 67, 240), (200, 80, 180), (260, 86, 240), (500, 94, 240))
    hull = [
        {
            "width": height * 4 // 3,
            "height": height,
            "bitrate_kbps": kbps,
            "vmaf": vmaf,
            "crf": 9 - i,
        }
        for i, (kbps, vmaf, height) in enumerate(heights)
    ]
    other_tools = {"schema_version": 1, "src": "a.mp4", "encoder": "libx264", "cloud": []}
    document = other_tools | {"target_vmafs": [60], "resolutions": ["320x240", "240x180"]}
    document |= {"tool_version": "1", "wall_time_ms": 1, "hull": hull, "renditions": hull}
    saved = tmp_path / "shrinking.json"
    saved.write_text(json.dumps(document), encoding="utf-8")

    grown = run_cli("ladder", "--from-json", saved)
    mixed = run_cli("ladder", "--from-json", saved, "--mixed-resolutions").document

    assert [rung["height"] for rung in grown.document["renditions"]] == [180, 180, 240, 240]
    assert "leaves out the rung at 130 kb/s" in grown.stderr
    assert not grown.document["selection"]["mixed_resolutions"]
    assert [rung["height"] for rung in mixed["renditions"]] == [180, 240, 180, 240, 240]
    assert mixed["selection"]["mixed_resolutions"]
    assert mixed["hull"] == grown.document["hull"]


def test_viewers_can_be_given_to_a_saved_ladder(saved: Path) -> None:
    chosen = run_cli(
        "ladder", "--from-json", saved, "--throughput", "1000:0.8", "--max-rungs", "2"
    ).document
    assert chosen["selection"]["spacing"] == "optimal"
    assert len(chosen["renditions"]) == 2


def test_a_ladder_goes_through_a_pipe_into_a_manifest(source: Path) -> None:
    first = subprocess.Popen(
        command("ladder", "-r", source, "-t", "40", *SIZES, *FAST, *EVERYTHING, "--quiet"),
        stdout=subprocess.PIPE,
    )
    second = subprocess.run(
        command("ladder", "--from-json", "-", "--format", "hls", "--quiet"),
        stdin=first.stdout,
        capture_output=True,
        text=True,
        check=True,
    )
    assert first.stdout is not None
    first.stdout.close()
    assert first.wait() == 0
    playlist = m3u8.loads(second.stdout)
    assert playlist.is_variant
    assert all(item.stream_info.codecs.startswith("avc1.") for item in playlist.playlists)


@pytest.mark.parametrize(
    ("suffix", "begins"),
    [
        ("m3u8", "#EXTM3U"),
        ("mpd", "<?xml"),
        ("md", "# "),
        ("html", "<!doctype html>"),
        ("txt", "Ladder of "),
        ("json", "{"),
    ],
)
def test_the_name_of_the_output_chooses_the_format(
    saved: Path, tmp_path: Path, suffix: str, begins: str
) -> None:
    output = tmp_path / f"ladder.{suffix}"
    outcome = run_cli("ladder", "--from-json", saved, "-o", output)
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert output.read_text(encoding="utf-8").lower().startswith(begins.lower())


def test_the_number_of_workers_changes_nothing_but_the_time(built: Outcome, source: Path) -> None:
    again = run_cli(
        "ladder", "-r", source, "-t", "40,90", *SIZES, *FAST, *EVERYTHING, "--workers", "1"
    ).document
    assert without(again) == without(built.document)


def test_scored_at_their_own_size_small_renditions_look_better_and_the_result_says_so(
    source: Path,
) -> None:
    own = run_cli(
        "ladder", "-r", source, "-t", "90", "--resolutions", "160x90", "--score-at", "rendition",
        *FAST, *EVERYTHING,
    )  # fmt: skip
    assert own.exit_code == 0
    assert own.document["score_at"] == "rendition"
    assert own.document["cloud"][0]["ok"]


def test_a_display_of_another_size_is_where_everything_is_scored(source: Path) -> None:
    small = run_cli(
        "ladder", "-r", source, "-t", "90", "--resolutions", "160x90", "--display", "160x90",
        *FAST, *EVERYTHING,
    )  # fmt: skip
    assert small.document["display"] == "160x90"
    assert small.document["cloud"][0]["ok"]


def test_progress_tells_each_cell_as_json(source: Path) -> None:
    outcome = run_cli(
        "ladder", "-r", source, "-t", "40", *SIZES, *FAST, *EVERYTHING, "--progress", "json"
    )
    events = [json.loads(line) for line in outcome.stderr.splitlines() if line.startswith("{")]
    (began,) = [event for event in events if event["event"] == "ladder_started"]
    assert began | {"jobs": 2, "cells": 2, "workers": 2, "adaptive": False} == began
    done = [event["cells_done"] for event in events if event["event"] == "cell_finished"]
    assert done == [1, 2]


@pytest.mark.parametrize("kind", ["ten_bit", "chroma_422", "portrait", "anamorphic", "one_frame"])
def test_unusual_sources_make_ladders_too(clips: ClipFactory, kind: str) -> None:
    outcome = run_cli(
        "ladder", "-r", getattr(clips, kind)(), "-t", "30", "--preset", "ultrafast",
        "--crf-lo", "20", "--crf-hi", "22", "--min-bitrate-gap", "0", "--gop", "10",
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.document["renditions"]


def test_a_single_cell_is_a_ladder_of_one_rung(source: Path) -> None:
    outcome = run_cli("ladder", "-r", source, "-t", "40", "--resolutions", "160x90", *FAST)
    assert outcome.exit_code == 0
    assert len(outcome.document["renditions"]) >= 1


def test_a_format_that_asks_for_nothing_does_not_load_the_encoders(saved: Path) -> None:
    program = (
        "import sys; from vmafx_tune.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    argv = [sys.executable, "-c", program, "ladder", "--from-json", str(saved), "--format", "hls"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "vmafx_tune.reports.saved_ladder" in loaded
    assert not loaded & {"av", "ffmpeg", "vmafx_tune.encoders.registry"}


def test_probes_are_capped_as_deliveries_will_be(source: Path) -> None:
    caps = ("--maxrate-factor", "1", "--bufsize-factor", "0.2")
    asked = ("-r", source, "-t", "90", "--resolutions", "320x180", *FAST, *EVERYTHING)
    for cached in (False, True):
        done = run_cli("ladder", *asked, *caps)
        assert done.exit_code == 0, done.stderr
        assert (done.document["maxrate_factor"], done.document["bufsize_factor"]) == (1, 0.2)
        assert (done.document["new_probes"] == 0) is cached
        for probe in done.document["probes"]:
            words = shlex.split(probe["encode_command"])
            maxrate, bufsize = (
                int(words[words.index(f"-{x}") + 1]) for x in ("maxrate", "bufsize")
            )
            assert maxrate == pytest.approx(1000 * probe["maxrate_kbps"], abs=1)
            assert bufsize == pytest.approx(0.2 * maxrate, abs=1)
            # Within a buffer this small, the encode falls short of its average.
            assert probe["bitrate_kbps"] < 1.02 * probe["maxrate_kbps"]
    free = run_cli("ladder", *asked).document["probes"]
    assert {probe["maxrate_kbps"] for probe in free} == {None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--bufsize-factor", "2"), "no effect without --maxrate-factor"),
        (("--maxrate-factor", "0.5"), "--maxrate-factor 0.5 is not valid"),
        (("--maxrate-factor", "2", "--chunk", "1"), "with --chunk only parts"),
        (("--maxrate-factor", "2", "--sample", "2x1s"), "with --sample only parts"),
        (("--maxrate-factor", "2", "-c", "libvpx-vp9"), "has no effect on libvpx-vp9"),
    ],
)
def test_caps_that_make_no_sense_are_refused(
    source: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run_cli("ladder", "-r", source, *arguments)
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
