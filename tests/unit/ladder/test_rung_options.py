from __future__ import annotations

from pathlib import Path

import pytest

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import UsageError
from vmafx_tune.ladder.rung_options import changed_choice, default_choice, read_throughput
from vmafx_tune.ladder.throughput import LogNormalThroughput, MeasuredThroughput
from vmafx_tune.options import RungOptions


def test_a_ladder_spans_its_targets_where_nobody_says_otherwise() -> None:
    choice = default_choice([75, 85, 95])
    assert (choice.min_vmaf, choice.max_vmaf) == (75, 95)


def test_a_target_above_95_raises_the_top() -> None:
    assert default_choice([80, 97]).max_vmaf == 97


def test_a_target_below_95_leaves_the_top_where_it_is() -> None:
    assert default_choice([80]).max_vmaf == 95


def test_what_is_given_goes_before_what_was_there_and_the_rest_stays() -> None:
    before = changed_choice(default_choice([75]), RungOptions(max_rungs=4, min_bitrate_gap_kbps=0))
    after = changed_choice(before, RungOptions(max_rungs=3, max_bitrate_kbps=5000))
    assert (after.max_rungs, after.min_bitrate_gap_kbps, after.max_bitrate_kbps) == (3, 0, 5000)


def test_a_throughput_asks_for_the_spacing_that_uses_it() -> None:
    choice = changed_choice(default_choice([75]), RungOptions(throughput="4000:0.8"))
    assert choice.spacing is Spacing.OPTIMAL
    assert read_throughput(choice, Path.read_bytes) == LogNormalThroughput(4000, 0.8)


def test_a_spacing_that_is_named_stays_with_a_throughput() -> None:
    options = RungOptions(throughput="4000:0.8", spacing=Spacing.KNEE)
    assert changed_choice(default_choice([75]), options).spacing is Spacing.KNEE


def test_a_throughput_may_be_a_file_of_measured_values(tmp_path: Path) -> None:
    file = tmp_path / "viewers.csv"
    file.write_text("kbps,weight\n800,1\n4000,3\n")
    choice = changed_choice(default_choice([75]), RungOptions(throughput=str(file)))
    assert read_throughput(choice, Path.read_bytes) == MeasuredThroughput((800, 4000), (1, 3))


@pytest.mark.parametrize("text", ["4000", "4000:", "missing.csv", "a:b", ":0.5", "."])
def test_a_throughput_that_is_neither_is_refused_with_both_ways_named(text: str) -> None:
    choice = changed_choice(default_choice([75]), RungOptions(throughput=text))
    with pytest.raises(
        UsageError, match=r"neither a throughput such as 4000:0.8 nor a readable file"
    ):
        read_throughput(choice, Path.read_bytes)


@pytest.mark.parametrize("text", ["-4:0.8", "0:1", "inf:1", "4000:0", "4000:nan"])
def test_a_throughput_out_of_range_is_refused(text: str) -> None:
    choice = changed_choice(default_choice([75]), RungOptions(throughput=text))
    with pytest.raises(UsageError, match="must be a number above zero"):
        read_throughput(choice, Path.read_bytes)


def test_a_ladder_without_viewers_has_no_throughput() -> None:
    assert read_throughput(default_choice([75]), Path.read_bytes) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (RungOptions(spacing=Spacing.OPTIMAL), "--throughput"),
        (RungOptions(max_rungs=0), "maximum number of rungs is 0"),
        (RungOptions(min_vmaf=96), "lowest VMAF, 96, is above its highest, 95"),
        (RungOptions(min_bitrate_kbps=900, max_bitrate_kbps=800), "lowest bitrate, 900, is above"),
        (RungOptions(vmaf_step=0), "VMAF step"),
        (RungOptions(min_bitrate_gap_kbps=-1), "gap"),
        (RungOptions(safety_factor=2), "safety factor"),
    ],
)
def test_limits_that_make_no_ladder_are_refused(options: RungOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        changed_choice(default_choice([75]), options)
