"""`encode --per-shot` with real programs."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import av
import pytest

import vmafx_tune
from tests.support.cli import TIMES, command, run_cli, without
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import ToolNotFoundError, UnreadableSourceError, UsageError
from vmafx_tune.eta import Eta
from vmafx_tune.events import JobFinished
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions
from vmafx_tune.probing.local import EncodingProber
from vmafx_tune.shots import detection

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from tests.support.clips import ClipFactory
    from vmafx_tune.events import Event
    from vmafx_tune.model import Probe, ProbeSpec

needs_detector = pytest.mark.skipif(
    find_spec("scenedetect") is None, reason="PySceneDetect, of the extra [shots], is not here"
)
TARGET = 88
FIRST_FRAMES = [0, 37, 78]
QUICK = ("-t", str(TARGET), "--preset", "ultrafast")


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Path:
    return clips.three_shots()


@pytest.fixture(scope="module")
def delivered(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """An encode with x264 by equal slopes, and its result."""
    output = tmp_path_factory.mktemp("delivered") / "film.mkv"
    done = run_cli("encode", "-r", source, "-o", output, *QUICK, "--per-shot")
    assert done.exit_code == 0, done.stderr
    return output, done.document


@needs_detector
def test_cuts_are_found_to_the_frame(source: Path) -> None:
    assert detection.find_cuts(probe_source(source), CancelToken()) == (37, 78)


@needs_detector
class TestTheDeliveredFile:
    def test_it_has_a_setting_for_each_shot(self, delivered: tuple[Path, dict[str, Any]]) -> None:
        found = delivered[1]["per_shot"]

        assert found["mode"] == "slope"
        assert [shot["first_frame"] for shot in found["shots"]] == FIRST_FRAMES
        assert [shot["n_frames"] for shot in found["shots"]] == [37, 41, 50]
        assert len({shot["crf"] for shot in found["shots"]}) > 1
        assert found["probes"] <= 0.15 * found["grid_probes"]

    def test_it_takes_fewer_bits_than_the_best_single_setting(
        self, delivered: tuple[Path, dict[str, Any]]
    ) -> None:
        found, document = delivered[1]["per_shot"], delivered[1]

        assert found["delivered"]
        assert found["size_bytes"] < document["size_bytes"]
        saving = 100 * (1 - found["size_bytes"] / document["size_bytes"])
        assert found["saving_percent"] == pytest.approx(saving)
        assert measure_packets(delivered[0]).size_bytes == found["size_bytes"]

    def test_its_score_is_what_was_measured(
        self, source: Path, delivered: tuple[Path, dict[str, Any]]
    ) -> None:
        score = run_cli("score", source, delivered[0]).document["score"]

        assert score >= TARGET
        assert score == pytest.approx(delivered[1]["per_shot"]["vmaf_score"], abs=1e-4)

    def test_its_times_are_those_of_the_source(
        self, delivered: tuple[Path, dict[str, Any]]
    ) -> None:
        with av.open(str(delivered[0])) as container:
            times = [frame.time for frame in container.decode(video=0)]

        assert times == pytest.approx([index / 25 for index in range(128)], abs=0.001)

    def test_each_shot_begins_with_a_keyframe_to_which_players_seek(
        self, source: Path, delivered: tuple[Path, dict[str, Any]], ffmpeg_exe: Path
    ) -> None:
        keyframes = measure_packets(delivered[0]).keyframes
        assert all(keyframes[first] for first in FIRST_FRAMES)

        whole = pictures(delivered[0], 0)
        for first in FIRST_FRAMES:
            sought = pictures(delivered[0], first)
            assert len(sought) == 128 - first
            assert (sought[0] == whole[first]).all()
            assert by_ffmpeg(ffmpeg_exe, delivered[0], first) == whole[first].tobytes()

    def test_its_commands_give_the_very_packets(
        self, source: Path, delivered: tuple[Path, dict[str, Any]], tmp_path: Path
    ) -> None:
        found = delivered[1]["per_shot"]
        commands = [*(shot["encode_command"] for shot in found["shots"]), found["join_command"]]
        for line in commands:
            subprocess.run(shlex.split(line), cwd=tmp_path, check=True, capture_output=True)

        joined = tmp_path / shlex.split(found["join_command"])[-1]
        wanted = delivered[1]["output"]["verified"]["video_sha256"]
        assert measure_packets(joined).sha256 == wanted


def pictures(path: Path, first: int) -> list[np.ndarray[Any, Any]]:
    """Decode from a frame on, as a player does that seeks there."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(int(first / 25 / (stream.time_base or 1)), stream=stream)
        frames = container.decode(video=0)
        return [frame.to_ndarray(format="gray") for frame in frames]


def by_ffmpeg(ffmpeg: Path, path: Path, first: int) -> bytes:
    line = [str(ffmpeg), "-v", "error", "-ss", f"{first / 25:.3f}", "-i", str(path)]
    line += ["-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    return subprocess.run(line, check=True, capture_output=True).stdout


@needs_detector
@pytest.mark.parametrize("encoder", ["libx265", "libsvtav1", "libvpx-vp9", "libaom-av1"])
def test_other_encoders_join_too(clips: ClipFactory, tmp_path: Path, encoder: str) -> None:
    source, output = clips.three_shots(size=Resolution(96, 54)), tmp_path / "film.mp4"
    done = run_cli("encode", "-r", source, "-o", output, *QUICK, "-c", encoder, "--per-shot")
    assert done.exit_code == 0, done.stderr
    found = done.document["per_shot"]

    assert found["vmaf_score"] >= TARGET
    assert found["delivered"] == (found["saving_percent"] > 0)
    # SVT-AV1 alone has keyframes by the clock, and none shortly before a cut.
    gops = [f" -g {shot['n_frames']} " in shot["encode_command"] for shot in found["shots"]]
    assert gops == [encoder == "libsvtav1"] * 3
    if found["delivered"]:
        keyframes = measure_packets(output).keyframes
        assert all(keyframes[first] for first in FIRST_FRAMES)
        score = run_cli("score", source, output).document["score"]
        assert score == pytest.approx(found["vmaf_score"], abs=1e-4)


@needs_detector
def test_equal_quality_is_equal_and_the_cheaper_encode_is_delivered(
    source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "film.mkv"
    found = run_cli("encode", "-r", source, "-o", output, *QUICK, "--per-shot=constant").document
    shots = found["per_shot"]

    assert shots["mode"] == "constant"
    scores = [shot["vmaf_score"] for shot in shots["shots"]]
    assert max(scores) - min(scores) < 4
    wanted = shots if shots["delivered"] else found
    assert measure_packets(output).size_bytes == wanted["size_bytes"]
    assert shots["delivered"] or "single setting is delivered" in " ".join(found["notes"])


@needs_detector
def test_a_percentile_is_reached_by_equal_quality(source: Path, tmp_path: Path) -> None:
    line = ("encode", "-r", source, "-o", tmp_path / "film.mkv", *QUICK)
    found = run_cli(*line, "--per-shot", "--pool", "p5").document

    assert found["per_shot"]["mode"] == "constant"
    assert found["per_shot"]["vmaf_pooled"]["p5"] >= TARGET
    assert "equal quality" in " ".join(found["notes"])


@needs_detector
def test_a_run_that_is_killed_repeats_no_probe(source: Path, tmp_path: Path) -> None:
    line = ("encode", "-r", source, "-o", tmp_path / "film.mkv", *QUICK, "--per-shot")
    with subprocess.Popen(
        [*command(*line), "--progress", "json"], stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        # Two rounds of probes are over then.
        events = map(json.loads, run.stderr)
        event = next(event for event in events if event.get("job") == "shots 3")
        run.kill()
    assert event["eta_s"] > 0
    assert not (tmp_path / "film.mkv").exists()

    again = run_cli(*line).document
    third = run_cli(*line, "--force").document

    assert again["new_probes"] == 0
    assert 0 < again["per_shot"]["new_probes"] <= again["per_shot"]["probes"] - 3
    assert third["per_shot"]["new_probes"] == 0
    runs = (without(each["per_shot"], {*TIMES, "new_probes"}) for each in (again, third))
    assert next(runs) == next(runs)


@needs_detector
def test_a_source_of_one_shot_is_searched_as_usual(clips: ClipFactory, tmp_path: Path) -> None:
    line = ("encode", "-r", clips.moving(), "-o", tmp_path / "film.mkv", "-t", "70")
    found = run_cli(*line, "--preset", "ultrafast", "--per-shot").document

    assert found["per_shot"] is None
    assert "The source is one shot" in " ".join(found["notes"])
    assert found["output"] is not None


@needs_detector
def test_shots_shorter_than_asked_for_are_merged(source: Path, tmp_path: Path) -> None:
    line = ("encode", "-r", source, "-o", tmp_path / "film.mkv", *QUICK, "--per-shot")
    found = run_cli(*line, "--min-shot", "1.7").document

    assert [shot["n_frames"] for shot in found["per_shot"]["shots"]] == [78, 50]


@needs_detector
def test_a_target_out_of_reach_is_missed_as_usual(source: Path, tmp_path: Path) -> None:
    line = ("encode", "-r", source, "-o", tmp_path / "film.mkv", "--per-shot", "-t", "99.9")
    done = run_cli(*line, "--preset", "ultrafast", "--crf-lo", "40", "--crf-hi", "45")

    assert done.exit_code == 3
    assert done.document["per_shot"] is None
    assert "shots were not searched" in " ".join(done.document["notes"])


@needs_detector
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--per-shot", "--chunk", "1"), "--chunk cannot be combined with --per-shot"),
        (("--per-shot", "--sample", "2x0.5s"), "--sample cannot be combined with --per-shot"),
        (("--per-shot", "--min-shot", "0"), "--min-shot 0 is not a valid length"),
        (("--per-shot", "--min-shot", "-1"), "--min-shot -1 is not a valid length"),
        (("--per-shot=equal",), "'equal' is not one of 'slope', 'constant'"),
        (("--per-shot", "-c", "h264_nvenc"), "cannot join encodes of h264_nvenc"),
        (("--per-shot", "-c", "libvvenc"), "cannot join encodes of libvvenc"),
    ],
)
def test_what_does_not_go_with_shots_is_one_sentence(
    source: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run_cli("encode", "-r", source, "-o", tmp_path / "film.mp4", *arguments)

    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@needs_detector
def test_a_variable_frame_rate_is_refused(clips: ClipFactory, tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    done = run_cli("encode", "-r", clips.variable_rate(), "-o", output, "--per-shot")

    assert done.exit_code == 1
    assert "so it cannot be cut into shots" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "find_spec", lambda _: None)

    with pytest.raises(ToolNotFoundError, match=r"vmafx-tune\[shots\]") as caught:
        vmafx_tune.encode(tmp_path / "no.mkv", tmp_path / "film.mkv", per_shot="slope")

    assert caught.value.exit_code == 4


def test_a_mode_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'equal' is not one of slope, constant"):
        vmafx_tune.encode(tmp_path / "no.mkv", tmp_path / "film.mkv", per_shot="equal")


def test_a_shortest_shot_without_shots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--min-shot requires --per-shot"):
        vmafx_tune.encode(tmp_path / "no.mkv", tmp_path / "film.mkv", min_shot_s=2)


@needs_detector
def test_headers_that_differ_are_told_and_the_single_setting_is_delivered(
    source: Path, tmp_path: Path
) -> None:
    # What the user gives comes after ours, and undoes it.
    line = ("encode", "-r", source, "-o", tmp_path / "film.mkv", *QUICK, "--per-shot")
    found = run_cli(*line, "--encoder-args", "-x264-params stitchable=0").document

    assert found["per_shot"] is None
    assert "other headers for some shots" in " ".join(found["notes"])
    assert found["output"] is not None


@needs_detector
def test_a_shot_that_cannot_be_probed_leaves_the_single_setting(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = EncodingProber.probe

    def probe_but_one(prober: EncodingProber, spec: ProbeSpec, **more: Any) -> Probe:
        part = spec.encode.source.excerpt
        if part is not None and part.first_frame == FIRST_FRAMES[1]:
            raise UnreadableSourceError("The encode is damaged.")
        return probe(prober, spec, **more)

    monkeypatch.setattr(EncodingProber, "probe", probe_but_one)
    eta, ended = Eta(), {}

    def observe(event: Event) -> None:
        eta.see(event, time.monotonic())
        if isinstance(event, JobFinished):
            ended[event.job] = event.ok

    found = vmafx_tune.encode(
        source,
        tmp_path / "film.mkv",
        target=TARGET,
        per_shot="slope",
        encoding=EncodingOptions(preset="ultrafast"),
        observe=observe,
    )

    assert found.per_shot is None
    assert "The encode is damaged. The single setting is delivered." in found.notes
    assert found.output is not None
    assert ended == {"cuts": True, "libx264": True, "shots 1": False, "output": True}
    assert eta.probes_left == 0


@needs_detector
def test_shots_are_cut_from_a_source_in_a_container_without_an_index(
    source: Path, tmp_path: Path, ffmpeg_exe: Path
) -> None:
    stream = tmp_path / "film.ts"
    line = [str(ffmpeg_exe), "-v", "error", "-i", str(source), "-c:v", "libx264", "-crf", "10"]
    subprocess.run([*line, "-preset", "ultrafast", str(stream)], check=True)

    found = run_cli("encode", "-r", stream, "-o", tmp_path / "o.mkv", *QUICK, "--per-shot").document

    assert [shot["first_frame"] for shot in found["per_shot"]["shots"]] == FIRST_FRAMES
