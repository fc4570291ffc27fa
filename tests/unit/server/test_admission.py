from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import BusyError, DrainingError
from vmafx_tune.server.admission import Admission

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


async def settle() -> None:
    """Let all tasks get as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


class Job:
    """Holds a slot until it is told to end."""

    def __init__(self, admission: Admission, deadline_s: float | None = None) -> None:
        self.started = False
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(admission, deadline_s))

    async def _run(self, admission: Admission, deadline_s: float | None) -> None:
        async with admission.slot(deadline_s):
            self.started = True
            await self._end.wait()

    async def end(self) -> None:
        self._end.set()
        await self.task
        await settle()


def test_as_many_jobs_run_as_there_are_slots_and_the_rest_waits_in_order() -> None:
    async def scenario() -> None:
        admission = Admission(2, 8)
        jobs = [Job(admission) for _ in range(4)]
        await settle()
        assert [job.started for job in jobs] == [True, True, False, False]
        assert (admission.running, admission.queued) == (2, 2)

        await jobs[1].end()
        assert [job.started for job in jobs] == [True, True, True, False]

        for job in (jobs[0], jobs[2], jobs[3]):
            await job.end()
        assert (admission.running, admission.queued) == (0, 0)

    run(scenario())


def test_of_fifty_on_two_slots_and_a_queue_of_eight_ten_are_taken_on() -> None:
    async def scenario() -> None:
        admission = Admission(2, 8)
        jobs = [Job(admission) for _ in range(50)]
        await settle()
        refused = [job for job in jobs if job.task.done()]
        assert len(refused) == 40
        for job in refused:
            error = job.task.exception()
            assert isinstance(error, BusyError)
            assert error.retry_after_s >= 1
        taken = [job for job in jobs if job not in refused]
        for job in taken:
            await job.end()
        assert all(job.started for job in taken)

    run(scenario())


def test_who_gives_up_while_waiting_leaves_the_queue() -> None:
    async def scenario() -> None:
        admission = Admission(1, 8)
        jobs = [Job(admission) for _ in range(3)]
        await settle()
        jobs[1].task.cancel()
        await settle()
        assert admission.queued == 1

        await jobs[0].end()
        assert jobs[2].started
        await jobs[2].end()
        await admission.idle()

    run(scenario())


def test_a_turn_that_comes_as_its_waiter_gives_up_goes_to_the_next() -> None:
    async def scenario() -> None:
        admission = Admission(1, 8)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(admission.slot())
            jobs = [Job(admission) for _ in range(2)]
            await settle()
        # The first waiter has its turn, but has not run yet.
        jobs[0].task.cancel()
        await settle()
        assert not jobs[0].started
        assert jobs[1].started
        await jobs[1].end()
        assert admission.running == 0

    run(scenario())


def test_a_job_that_fails_gives_its_slot_back() -> None:
    async def scenario() -> None:
        admission = Admission(1, 0)
        with pytest.raises(ZeroDivisionError):
            async with admission.slot():
                _ = 1 / 0
        async with admission.slot():
            assert admission.running == 1

    run(scenario())


def test_a_deadline_that_cannot_cover_the_expected_wait_is_refused_at_once() -> None:
    now = 0.0

    async def scenario() -> None:
        nonlocal now
        admission = Admission(1, 8, clock=lambda: now)
        async with admission.slot():
            now += 100

        async with admission.slot(deadline_s=1):
            with pytest.raises(BusyError, match="a turn is expected in 100 s") as caught:
                async with admission.slot(deadline_s=50):
                    pass
            assert caught.value.retry_after_s == 100
            patient = Job(admission, deadline_s=500)
            await settle()
            assert admission.queued == 1
        await settle()
        await patient.end()

    run(scenario())


def test_nothing_new_is_taken_on_after_the_close_but_who_waits_gets_a_turn() -> None:
    async def scenario() -> None:
        admission = Admission(1, 8)
        jobs = [Job(admission) for _ in range(2)]
        await settle()
        admission.close()
        with pytest.raises(DrainingError):
            async with admission.slot():
                pass
        await jobs[0].end()
        assert jobs[1].started
        await jobs[1].end()

    run(scenario())


def test_it_is_idle_when_nothing_runs_or_waits() -> None:
    async def scenario() -> None:
        admission = Admission(1, 8)
        await admission.idle()
        jobs = [Job(admission) for _ in range(2)]
        await settle()
        idle = asyncio.create_task(admission.idle())
        await jobs[0].end()
        assert not idle.done()
        await jobs[1].end()
        assert idle.done()

    run(scenario())
