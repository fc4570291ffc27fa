"""What `gate` takes, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.gate.results import answer, ladder, score
from vmafx_tune import gate
from vmafx_tune.errors import UsageError
from vmafx_tune.options import GateOptions


def test_without_a_baseline_there_must_be_a_bound() -> None:
    with pytest.raises(UsageError, match="There is nothing to check"):
        gate(score())


def test_with_every_limit_lifted_there_is_nothing_to_check() -> None:
    lifted = GateOptions(max_drop=math.inf, max_frame_drop=math.inf)
    with pytest.raises(UsageError, match="nothing to check, as every limit is lifted"):
        gate(score(), score(), limits=lifted)
    with_bound = gate(score(), score(), limits=replace(lifted, min_vmaf=50))
    assert [check.kind for check in with_bound.checks] == ["min_vmaf"]


def test_a_limit_on_changes_needs_a_baseline() -> None:
    with pytest.raises(UsageError, match="--max-bd-rate and --max-drop needs a baseline"):
        gate(score(), limits=GateOptions(max_drop=1, max_bd_rate=1, min_vmaf=1))


def test_a_limit_that_says_nothing_of_a_result_is_refused() -> None:
    with pytest.raises(UsageError, match="--max-bd-rate does not apply to results of score"):
        gate(score(), score(), limits=GateOptions(max_bd_rate=1))
    with pytest.raises(UsageError, match="--max-bitrate-increase does not apply to results of lad"):
        gate(ladder(), ladder(), limits=GateOptions(max_bitrate_increase=1))


def test_a_limit_on_frames_needs_frames() -> None:
    with pytest.raises(UsageError, match="Save both results with `score --frames`"):
        gate(score(frames=()), score(), limits=GateOptions(max_frame_drop=1))


@pytest.mark.parametrize("name", ["min_vmaf", "min_p5"])
@pytest.mark.parametrize(
    ("bound", "hint"), [(0.93, "Did you mean 93?"), (930.0, "Did you mean 93?"), (-5.0, "")]
)
def test_a_bound_that_the_model_cannot_give_is_refused(name: str, bound: float, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        gate(score(), score(), limits=GateOptions(**{name: bound}))
    assert f"A --{name.replace('_', '-')} of {bound:g} is out of the model's range" in str(
        refused.value
    )
    assert hint in str(refused.value)


def test_bounds_and_a_baseline_go_together() -> None:
    found = gate(answer(), answer(), limits=GateOptions(min_vmaf=93))
    assert {check.kind for check in found.checks} >= {"min_vmaf", "reached", "bitrate"}
    assert (found.results_of, found.ok) == ("search", True)
