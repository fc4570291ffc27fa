"""A detected crop never cuts into what was seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.media.black_bars import box_around
from vmafx_tune.model import Resolution

SIZE = Resolution(48, 32)
BLACK = (SIZE.width - 1, 0, SIZE.height - 1, 0)
STEPS = st.sampled_from([(1, 1), (2, 1), (2, 2), (2, 4)])


def spans(limit: int) -> st.SearchStrategy[tuple[int, int]]:
    ends = st.tuples(st.integers(0, limit - 1), st.integers(0, limit - 1))
    return ends.map(lambda pair: (min(pair), max(pair)))


EDGES = st.builds(lambda x, y: (*x, *y), spans(SIZE.width), spans(SIZE.height))


@given(st.lists(EDGES | st.just(BLACK), max_size=6), STEPS)
def test_a_box_holds_all_that_was_seen_and_no_more_than_the_grid_asks_for(
    edges: list[tuple[int, int, int, int]], steps: tuple[int, int]
) -> None:
    box = box_around(edges, SIZE, steps)
    seen = [one for one in edges if one != BLACK]
    if not seen:
        assert box is None
        return
    width, height, x, y = box or (SIZE.width, SIZE.height, 0, 0)
    left, right = min(e[0] for e in seen), max(e[1] for e in seen)
    top, bottom = min(e[2] for e in seen), max(e[3] for e in seen)

    assert left - steps[0] < x <= left
    assert top - steps[1] < y <= top
    assert right < x + width <= min(SIZE.width, right + steps[0])
    assert bottom < y + height <= min(SIZE.height, bottom + steps[1])
    assert x % steps[0] == y % steps[1] == width % steps[0] == height % steps[1] == 0
