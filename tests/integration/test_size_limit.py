"""Encodes above the limit of the bitrate: stopped for certain, never in error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import run_cli
from tests.support.programs import children_running, make_program, needs_proc
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.errors import TooLargeError
from vmafx_tune.media.ffmpeg import find_ffmpeg
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.encoders.row import EncoderRow

SOFTWARE = [row for row in all_rows() if not row.is_hardware]
QUICK = ("--preset", "ultrafast", "--crf-lo", "20", "--crf-hi", "44")
# Slow, without a lookahead, and large: it writes all the time, and for long.
PLACEBO = ("-x264-params", "rc-lookahead=0:bframes=0:sync-lookahead=0")


@pytest.fixture
def reporting(tmp_path: Path) -> FfmpegEncoder:
    """An ffmpeg that reports every hundredth of a second, so that small encodes are followed."""
    runner = ProcessRunner()
    real = find_ffmpeg(None, runner, {})
    program = make_program(tmp_path, f"exec '{real.path}' -stats_period 0.01 \"$@\"", "ffmpeg")
    return FfmpegEncoder(replace(real, path=program), runner)


def spec_of(clip: Path, row: EncoderRow, **changes: Any) -> EncodeSpec:
    best = max(row.knob.lo, 4) if not row.knob.higher_is_better else row.knob.hi
    spec = EncodeSpec(probe_source(clip), row.name, best, preset="ultrafast")
    return replace(spec, **changes)


@pytest.mark.parametrize("row", SOFTWARE, ids=lambda row: row.name)
def test_an_encode_that_just_keeps_its_limit_is_never_stopped(
    row: EncoderRow, clips: ClipFactory, reporting: FfmpegEncoder, work_dir: Path
) -> None:
    spec = spec_of(clips.moving(n_frames=25), row)
    free = reporting.encode(spec, work_dir / "free.mp4")
    limited = replace(spec, max_bitrate_kbps=free.bitrate_kbps * 1.002)
    assert reporting.encode(limited, work_dir / "limited.mp4").n_frames == 25
    for path in work_dir.iterdir():
        path.unlink()


@needs_proc
def test_an_encode_is_stopped_long_before_its_end_and_leaves_nothing(
    clips: ClipFactory, reporting: FfmpegEncoder, work_dir: Path
) -> None:
    clip = clips.moving(n_frames=60)
    spec = spec_of(clip, encoder_row("libx264"), preset="placebo", extra_args=PLACEBO)
    whole = reporting.encode(spec, work_dir / "whole.mp4")
    (work_dir / "whole.mp4").unlink()
    limit_kbps = whole.bitrate_kbps / 10
    with pytest.raises(TooLargeError) as caught:
        reporting.encode(replace(spec, max_bitrate_kbps=limit_kbps), work_dir / "out.mp4")
    assert limit_kbps < caught.value.at_least_kbps < whole.bitrate_kbps / 2
    assert children_running(str(work_dir)) == []


def test_an_answer_within_the_limit_is_that_without_one(clips: ClipFactory) -> None:
    line = ("search", "-r", clips.moving(n_frames=25), "-t", "80", *QUICK)
    free = run_cli(*line).document
    limit = free["bitrate_kbps"] * 1.01
    found = run_cli(*line, "--refresh", "--max-bitrate", f"{limit}").document
    assert (found["best_crf"], found["proven"]) == (free["best_crf"], True)
    assert found["max_bitrate_kbps"] == pytest.approx(limit)
    assert all(crf < found["best_crf"] for crf in found["too_large"])


@pytest.mark.parametrize("command", ["search", "compare"])
def test_a_target_out_of_reach_within_the_limit_ends_with_3_and_the_best_that_fits(
    clips: ClipFactory, command: str
) -> None:
    clip = clips.moving(n_frames=25)
    free = run_cli("search", "-r", clip, "-t", "80", *QUICK).document
    limit = f"{free['bitrate_kbps'] - 1}"
    line = (command, "-r", clip, "-t", "80", "-c", "libx264", *QUICK, "--max-bitrate", limit)
    first, second = run_cli(*line), run_cli(*line, "-v")
    assert (first.exit_code, second.exit_code) == (3, 3)
    document = first.document
    row = document if command == "search" else document["rows"][0]
    assert not row["ok"]
    assert row["limit"]["kind"] == "max_bitrate"
    assert f"at crf {free['best_crf'] + 1}," in row["error"]
    assert free["best_crf"] in row["too_large"]
    assert second.document["new_probes"] == 0
    assert "-c:v" not in second.stderr


def test_where_no_encode_keeps_the_limit_a_second_run_encodes_nothing_either(
    clips: ClipFactory,
) -> None:
    line = ("search", "-r", clips.moving(n_frames=25), "-t", "80", *QUICK, "--max-bitrate", "1")
    first, second = run_cli(*line), run_cli(*line)
    assert (first.exit_code, second.exit_code) == (3, 3)
    assert first.document["best_crf"] == -1
    assert first.document["new_probes"] > 0
    assert second.document["new_probes"] == 0
    assert second.document["too_large"] == first.document["too_large"]


@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf"])
@pytest.mark.parametrize("command", ["search", "compare"])
def test_a_limit_that_is_no_bitrate_is_refused(
    clips: ClipFactory, command: str, value: str
) -> None:
    outcome = run_cli(command, "-r", clips.moving(), "-t", "80", "--max-bitrate", value)
    assert outcome.exit_code == 2
    assert f"not a {'number' if value == 'nan' else 'valid bitrate'}" in outcome.stderr
