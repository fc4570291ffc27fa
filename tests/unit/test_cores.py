from __future__ import annotations

import pytest

from vmafx_tune.cpus import affordable_workers, share_of, useful_workers


@pytest.mark.parametrize(
    ("busy", "cpus", "workers"),
    [
        ([2, 2, 2], 2, 2),
        ([1, 1, 1, 1, 1, 1], 2, 3),
        ([8, 8, 6], 8, 2),
        ([4], 64, 1),
        ([], 4, 1),
    ],
)
def test_there_is_one_worker_more_than_it_takes_to_fill_the_processors(
    busy: list[int], cpus: int, workers: int
) -> None:
    assert useful_workers(busy, cpus) == workers


def test_small_jobs_at_the_end_count_as_long_as_another_one_waits() -> None:
    assert useful_workers([64, 40, 10, 10, 10, 10, 10], 20) == 3
    assert useful_workers([64, 64, 64, 5, 5], 64) == 3


def test_half_of_the_memory_is_for_scoring() -> None:
    assert affordable_workers(16 << 30, 1 << 30) == 8


def test_one_worker_is_always_affordable() -> None:
    assert affordable_workers(1 << 20, 1 << 30) == 1


def test_memory_of_unknown_size_is_no_limit() -> None:
    assert affordable_workers(None, 1 << 30) is None


@pytest.mark.parametrize(("cpus", "takers", "share"), [(8, 1, 8), (8, 3, 3), (2, 5, 1), (1, 1, 1)])
def test_a_share_is_rounded_up(cpus: int, takers: int, share: int) -> None:
    assert share_of(cpus, takers) == share
