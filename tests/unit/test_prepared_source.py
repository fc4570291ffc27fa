from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.encoders.registry import EncoderRow, all_rows, encoder_row
from vmafx_tune.options import EncodingOptions
from vmafx_tune.prepared_source import narrowed_knob

if TYPE_CHECKING:
    from vmafx_tune.knob import TypicalCurve


def prior_of(encoder: str, encoding: EncodingOptions) -> TypicalCurve:
    row = encoder_row(encoder)
    return narrowed_knob(row, encoding).prior


def test_a_prior_counts_in_steps_of_the_grid_that_is_searched() -> None:
    whole = prior_of("libsvtav1", EncodingOptions())
    quarters = prior_of("libsvtav1", EncodingOptions(crf_step=0.25))
    narrow = prior_of("libsvtav1", EncodingOptions(crf_lo=30, crf_hi=50))

    assert (quarters.midpoint, quarters.width) == (4 * whole.midpoint, 4 * whole.width)
    assert narrow == replace(whole, midpoint=whole.midpoint - 29)


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_every_encoders_prior_falls_from_good_to_poor_within_the_knobs_range(
    row: EncoderRow,
) -> None:
    knob = narrowed_knob(row, EncodingOptions())
    prior = knob.prior

    assert 0 < prior.step_at(95, 98) < prior.step_at(75, 98) < knob.last_step
