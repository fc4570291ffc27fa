"""Ranges of a file that are read together."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.media.byte_ranges import _GAP_BYTES, _merged

_PLACES = st.integers(0, 1 << 22)
RANGES = st.lists(st.tuples(_PLACES, _PLACES).map(lambda pair: (min(pair), max(pair))))


@given(RANGES)
def test_all_that_was_read_is_fetched_in_few_requests(ranges: list[tuple[int, int]]) -> None:
    merged = _merged(ranges)

    for first, end in ranges:
        assert first == end or any(a <= first and end <= b for a, b in merged)
    assert all(after[0] - before[1] > _GAP_BYTES for before, after in pairwise(merged))
    edges = {edge for pair in ranges for edge in pair}
    assert all({first, end} <= edges and first < end for first, end in merged)
