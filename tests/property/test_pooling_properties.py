from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.model import PoolMethod
from vmafx_tune.scoring.pooling import pool_scores, summarize

from .strategies import frame_scores

# Of a sum of values up to 110, rounded once more or once less.
ROUNDING = 1e-11


@given(frame_scores())
def test_pooled_scores_stand_in_their_order(scores: list[float]) -> None:
    pooled = summarize(scores)

    assert pooled.min <= pooled.p1 <= pooled.p5 <= pooled.p10 <= pooled.max
    assert pooled.min <= pooled.harmonic_mean + ROUNDING
    assert pooled.harmonic_mean <= pooled.mean + ROUNDING
    assert pooled.mean <= pooled.max + ROUNDING


@given(frame_scores(), st.data())
def test_the_order_of_frames_does_not_matter(scores: list[float], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(scores))

    assert summarize(shuffled) == summarize(scores)


@given(frame_scores())
def test_percentiles_are_those_of_numpy(scores: list[float]) -> None:
    pooled = summarize(scores)

    expected = np.percentile(scores, [1, 5, 10])
    assert [pooled.p1, pooled.p5, pooled.p10] == pytest.approx(expected, rel=1e-12, abs=ROUNDING)


@given(frame_scores())
def test_means_are_those_of_numpy(scores: list[float]) -> None:
    pooled = summarize(scores)

    harmonic = len(scores) / np.sum(1 / (np.array(scores) + 1)) - 1
    assert pooled.mean == pytest.approx(np.mean(scores), rel=1e-12, abs=ROUNDING)
    assert pooled.harmonic_mean == pytest.approx(harmonic, rel=1e-12, abs=ROUNDING)


@given(frame_scores(), st.sampled_from(PoolMethod))
def test_one_pooling_equals_its_place_in_the_summary(
    scores: list[float], method: PoolMethod
) -> None:
    assert pool_scores(scores, method) == getattr(summarize(scores), method.value)
