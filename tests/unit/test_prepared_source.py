from __future__ import annotations

import pytest

from vmafx_tune.encoders.registry import EncoderRow, all_rows, encoder_row
from vmafx_tune.options import EncodingOptions
from vmafx_tune.prepared_source import _grid, _prior
from vmafx_tune.search.expected_curve import Prior


def prior_of(encoder: str, encoding: EncodingOptions) -> Prior:
    row = encoder_row(encoder)
    return _prior(row, _grid(row, encoding))


def test_a_prior_counts_in_steps_of_the_grid_that_is_searched() -> None:
    whole = prior_of("libsvtav1", EncodingOptions())
    quarters = prior_of("libsvtav1", EncodingOptions(crf_step=0.25))
    narrow = prior_of("libsvtav1", EncodingOptions(crf_lo=30, crf_hi=50))

    assert (quarters.midpoint, quarters.width) == (4 * whole.midpoint, 4 * whole.width)
    assert narrow == Prior(whole.midpoint - 29, whole.width)


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_every_encoders_prior_falls_from_good_to_poor_within_the_knobs_range(
    row: EncoderRow,
) -> None:
    grid = _grid(row, EncodingOptions())
    prior = _prior(row, grid)

    assert 0 < prior.step_at(95, 98) < prior.step_at(75, 98) < grid.last_step
