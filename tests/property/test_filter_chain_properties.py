"""Filter chains survive being written and read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.media.filter_chain import Filter, parse_chain

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
# Spaces at the ends of arguments are nobody's.
ARGUMENTS = st.text(st.characters(codec="utf-8"), max_size=20).map(
    lambda text: text.strip(" \t\r\n")
)
FILTERS = st.builds(Filter, NAMES, ARGUMENTS)


@given(st.lists(FILTERS, min_size=1, max_size=4))
def test_a_chain_that_is_written_is_read_as_it_was(filters: list[Filter]) -> None:
    assert parse_chain(",".join(map(str, filters))) == tuple(filters)
