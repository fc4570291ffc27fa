"""Which results can be held against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.gate.results import answer, comparison, ladder, score
from vmafx_tune.errors import IncomparableError
from vmafx_tune.gate.comparable import check_comparable, noise_between
from vmafx_tune.model import PoolMethod, Resolution

if TYPE_CHECKING:
    from vmafx_tune.gate.comparable import Gated


@pytest.mark.parametrize(
    ("baseline", "current", "what"),
    [
        (score(), answer(), "command is score in the baseline and search now"),
        (score(), score(reference=Path("other.mp4")), "source"),
        (score(), score(n_frames=3), "number of frames"),
        (answer(), answer(codec="libx265"), "encoder"),
        (answer(), answer(target=92.0), "target is 93"),
        (answer(), answer(src=Path("other.mp4")), "source"),
        (comparison(), comparison(model="vmaf_4k_v0.6.1"), "model"),
        (comparison(), comparison(pool=PoolMethod.P5), "pooling is mean in the baseline and p5"),
        (ladder(), ladder(display=Resolution(64, 64)), "display size"),
        (ladder(), ladder(subsample=None), "subsampling is 1 in the baseline and not stated now"),
        (ladder(), ladder(filter="hqdn3d"), "filter is not stated in the baseline and hqdn3d now"),
    ],
)
def test_results_of_different_things_are_refused(
    baseline: Gated, current: Gated, what: str
) -> None:
    with pytest.raises(IncomparableError, match=what):
        check_comparable(baseline, current)


def test_folders_and_names_of_encodes_may_differ() -> None:
    base = score()
    moved = replace(
        base,
        reference=Path("D:\\build\\clips") / base.reference.name,
        distorted=Path("candidate.mp4"),
    )
    check_comparable(base, moved)


def test_the_noise_floor_is_lower_within_a_build() -> None:
    same = noise_between(score(), score())
    other = noise_between(score(), score(backend_version="2.3.1"))
    assert (same.pooled, same.frame, other.pooled, other.frame) == (0.0001, 0.0001, 0.01, 0.02)
