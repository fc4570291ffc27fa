"""`--chunk` with real programs."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.cli import run_cli, without
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

N_FRAMES = 60
CHUNK = ("--chunk", "0.8")
QUICK = ("--preset", "ultrafast", "--crf-lo", "24", "--crf-hi", "40")


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-g", "25")
    return clips.encode("chunk it's.mp4", pictures.moving, range(N_FRAMES), codec)


def run_all(commands: list[str], folder: Path) -> None:
    for command in commands:
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_the_commands_of_the_chunks_and_the_one_that_joins_them_give_what_was_measured(
    source: Path, tmp_path: Path, codec: str
) -> None:
    found = run_cli("search", "-r", source, "-c", codec, "-t", "75", *QUICK, *CHUNK).document
    run_all([*found["chunk_commands"], found["encode_command"]], tmp_path)
    name = shlex.split(found["encode_command"])[-1]
    joined = tmp_path / name
    packets, probed = measure_packets(joined), probe_source(joined)
    score = run_cli("score", source, joined).document["score"]

    assert (found["ok"], found["proven"], found["chunk_frames"]) == (True, True, 20)
    assert len(found["chunk_commands"]) == 3
    assert packets.size_bytes == found["size_bytes"]
    assert [packets.keyframes[index] for index in (0, 20, 40)] == [True] * 3
    assert (probed.n_frames, probed.variable_frame_rate) == (N_FRAMES, False)
    # Only the first frame of a chunk is scored otherwise: nothing has moved before it.
    assert abs(score - found["vmaf_score"]) < 2 * 100 / N_FRAMES


def test_a_second_run_encodes_nothing_and_gives_the_same(source: Path) -> None:
    line = ("search", "-r", source, "-t", "75", *QUICK, *CHUNK)
    first, second = run_cli(*line).document, run_cli(*line).document

    assert second["new_probes"] == 0 < first["new_probes"]
    assert without({**second, "new_probes": 0}) == without({**first, "new_probes": 0})


def test_a_comparison_in_chunks_does_not_depend_on_the_workers(source: Path) -> None:
    line = ("compare", "-r", source, "-c", "libx264,libx265", "-t", "75", *QUICK, *CHUNK)
    one = run_cli(*line, "--workers", "1", "--no-cache")
    two = run_cli(*line, "--workers", "2", "--no-cache")

    assert one.exit_code == two.exit_code == 0, one.stderr
    assert without(one.document) == without(two.document)
    assert {row["chunk_frames"] for row in one.document["rows"]} == {20}


def test_the_chunks_of_a_ladder_have_whole_groups_of_pictures(source: Path, tmp_path: Path) -> None:
    line = ("ladder", "-r", source, "-t", "50,60", "--resolutions", "160x90,128x72", "--gop", "0.6")
    found = run_cli(*line, *QUICK, *CHUNK).document
    rung = found["renditions"][-1]
    run_all([*rung["chunk_commands"], rung["encode_command"]], tmp_path)
    packets = measure_packets(tmp_path / f"{rung['name']}.mp4")

    assert found["chunk_frames"] == 15
    assert packets.size_bytes == rung["size_bytes"]
    assert [i for i, key in enumerate(packets.keyframes) if key] == [0, 15, 30, 45]


def test_chunks_that_are_decoded_from_the_start_are_told_of_before_any_work(
    clips: ClipFactory,
) -> None:
    codec = ("-c:v", "libx264", "-preset", "medium", "-crf", "12")
    source = clips.encode("chunks.avi", pictures.moving, range(N_FRAMES), codec)
    outcome = run_cli("search", "-r", source, "-t", "75", *QUICK, *CHUNK)

    assert "times over. Remux it first: ffmpeg" in outcome.stderr
    assert any("times over" in note for note in outcome.document["notes"])


def test_a_source_no_longer_than_a_chunk_is_encoded_as_a_whole(source: Path) -> None:
    line = ("search", "-r", source, "-t", "75", *QUICK)
    whole, chunked = run_cli(*line), run_cli(*line, "--chunk", "10")

    assert chunked.document["chunk_frames"] is None
    assert chunked.document["encode_command"] == whole.document["encode_command"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--chunk", "0"), "is not a valid chunk length"),
        (("--chunk", "-3"), "is not a valid chunk length"),
        (("--chunk", "0.1"), "too short"),
        (("--chunk", "1", "--sample", "2x0.5s"), "Leave one of them out"),
    ],
)
@pytest.mark.parametrize("command", [("search", "-t", "75"), ("compare",), ("ladder",)])
def test_chunks_that_make_no_sense_are_one_sentence(
    source: Path, command: tuple[str, ...], arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = run_cli(*command, "-r", source, *arguments)

    assert outcome.exit_code == 2
    assert sentence in " ".join(outcome.stderr.split())
    assert outcome.stdout == ""
