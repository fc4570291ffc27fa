"""Processors that are shared: none idle while jobs wait, and few more threads than processors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.cpus import affordable_workers, share_of, useful_workers

CPUS = st.integers(min_value=1, max_value=256)
BUSY = st.lists(st.integers(min_value=1, max_value=128), min_size=1, max_size=20)


@given(BUSY, CPUS)
def test_processors_are_full_as_long_as_a_job_waits_even_while_one_worker_pauses(
    busy: list[int], cpus: int
) -> None:
    workers = useful_workers(busy, cpus)
    if workers == len(busy):
        return
    for first in range(len(busy) - workers):
        assert sum(busy[first : first + workers - 1]) >= cpus


@given(BUSY, CPUS)
def test_no_worker_is_there_that_could_be_spared(busy: list[int], cpus: int) -> None:
    fewer = useful_workers(busy, cpus) - 2
    if fewer < 1:
        return
    waiting = range(len(busy) - fewer)
    assert any(sum(busy[first : first + fewer]) < cpus for first in waiting)


@given(st.integers(1, 64), st.integers(1, 20), CPUS)
def test_equal_jobs_have_at_most_two_jobs_more_threads_than_processors(
    each: int, jobs: int, cpus: int
) -> None:
    workers = useful_workers([each] * jobs, cpus)
    assert 1 <= workers <= jobs
    assert workers * each < cpus + 2 * each


@given(BUSY, CPUS)
def test_workers_never_outnumber_jobs(busy: list[int], cpus: int) -> None:
    assert 1 <= useful_workers(busy, cpus) <= len(busy)


@given(CPUS, st.integers(min_value=1, max_value=256))
def test_shares_leave_no_processor_idle_and_are_few_more_than_there_are(
    cpus: int, takers: int
) -> None:
    together = share_of(cpus, takers) * takers
    assert cpus <= together < cpus + takers


@given(st.integers(1, 1 << 45), st.integers(1, 1 << 35))
def test_what_workers_score_with_fits_into_half_of_the_memory(memory: int, each: int) -> None:
    workers = affordable_workers(memory, each)
    assert workers is not None
    assert workers == 1 or workers * each <= memory / 2
