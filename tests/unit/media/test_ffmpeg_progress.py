"""What counts as progress."""

from __future__ import annotations

import pytest

from vmafx_tune.media.ffmpeg import frame_counter


def test_progress_counts_only_lines_that_add_frames() -> None:
    told: list[int] = []
    counter = frame_counter(24, told.append)

    lines = ("frame=0", "fps=25", "frame=12", "frame=12", "frame=N/A", "frame=11", "frame=  13")
    moved = [counter(line) for line in lines]

    assert moved == [False, False, True, False, False, False, True]
    assert told == [12, 13]


def test_a_count_that_rises_for_ever_is_no_progress() -> None:
    counter = frame_counter(12)
    moved = [counter(f"frame={number}") for number in range(1, 1000)]
    assert sum(moved) == 124
    assert not any(moved[124:])


@pytest.mark.parametrize("digits", ["9" * 4000, "9" * 19, "-1", "1e9", ""])
def test_what_is_no_count_of_frames_is_no_progress(digits: str) -> None:
    assert not frame_counter(12)(f"frame={digits}")
