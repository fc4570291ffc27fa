from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.grpc_server import settings_for
from vmafx_tune.errors import (
    BusyError,
    CancelledError,
    DeadlineError,
    DrainingError,
    MediaNotAllowedError,
    UnreadableSourceError,
    UsageError,
)
from vmafx_tune.model import PoolMethod
from vmafx_tune.options import ScoringOptions
from vmafx_tune.server.media_roots import MediaRoots
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.scorer import MAX_SUBSAMPLE, Scored
from vmafx_tune.server.service import ScoreCall, ScoringService

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.server.service import PairScorer

WAIT_S = 60
ANSWER = Scored(87.5, {"integer_adm2": 0.9})


class Worker:
    """A scorer that tells what it is given, and works until it is let go or cancelled."""

    def __init__(self, *, held: bool = True) -> None:
        self.calls: list[tuple[Path, Path, ScoringOptions]] = []
        self.running = 0
        self.cancelled = 0
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(
        self, reference: Path, distorted: Path, scoring: ScoringOptions, cancel: CancelToken
    ) -> Scored:
        self.calls.append((reference, distorted, scoring))
        self.running += 1
        with cancel.calling(self.go.set):
            self.go.wait(WAIT_S)
        self.running -= 1
        self.cancelled += cancel.cancelled
        cancel.raise_if_cancelled()
        return ANSWER


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in a worker thread."""
    for _ in range(WAIT_S * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("It did not happen.")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    return tmp_path


CALL = ScoreCall("a.mp4", "b.mp4")


def run(
    root: Path,
    scorer: PairScorer,
    scenario: Callable[[ScoringService], Coroutine[Any, Any, None]],
    **settings: Any,
) -> Metrics:
    metrics = Metrics()

    async def running() -> None:
        service = ScoringService(
            settings_for(root, **settings), scorer, MediaRoots([root]), metrics
        )
        service.mark_ready()
        try:
            await scenario(service)
        finally:
            service.stop()
            await service.admission.idle()

    asyncio.run(running())
    return metrics


def counts(metrics: Metrics) -> tuple[float, float]:
    """Scores asked for and failed."""
    lines = dict(
        line.rsplit(" ", 1)
        for line in metrics.scrape().body.decode().splitlines()
        if line.startswith("vmafx_server_score_")
    )
    return (
        float(lines["vmafx_server_score_requests_total"]),
        float(lines["vmafx_server_score_errors_total"]),
    )


def test_the_scorer_gets_both_files_and_how_to_score_them(root: Path) -> None:
    given: list[object] = []

    def scorer(reference: Path, distorted: Path, scoring: ScoringOptions, _: object) -> Scored:
        given.extend((reference.read_bytes(), distorted.read_bytes(), scoring))
        return ANSWER

    async def scenario(service: ScoringService) -> None:
        call = ScoreCall("a.mp4", "b.mp4", model="neg", pool="p5", subsample=2)
        assert await service.score(call) == ANSWER

    metrics = run(root, scorer, scenario)
    assert given == [
        b"a", b"b", ScoringOptions(model="neg", pool=PoolMethod.P5, subsample=2)
    ]  # fmt: skip
    assert counts(metrics) == (1, 0)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (ScoreCall("", "b.mp4"), UsageError),
        (ScoreCall("a.mp4", ""), UsageError),
        (ScoreCall("a.mp4", "b.mp4", model="x=y"), UsageError),
        (ScoreCall("a.mp4", "b.mp4", pool="p50"), UsageError),
        (ScoreCall("a.mp4", "b.mp4", pool=""), UsageError),
        (ScoreCall("a.mp4", "b.mp4", subsample=0), UsageError),
        (ScoreCall("a.mp4", "b.mp4", subsample=MAX_SUBSAMPLE + 1), UsageError),
        (ScoreCall("missing.mp4", "b.mp4"), MediaNotAllowedError),
        (ScoreCall("a.mp4", "../b.mp4"), MediaNotAllowedError),
    ],
)
def test_what_cannot_be_scored_does_not_reach_the_scorer(
    root: Path, call: ScoreCall, error: type[Exception]
) -> None:
    worker = Worker(held=False)

    async def scenario(service: ScoringService) -> None:
        with pytest.raises(error):
            await service.score(call)

    metrics = run(root, worker, scenario)
    assert not worker.calls
    assert counts(metrics) == (1, 1)


def test_an_error_of_the_scorer_speaks_of_files_as_the_client_does(root: Path) -> None:
    def scorer(reference: Path, *_: object) -> Scored:
        raise UnreadableSourceError(f"'{reference}' is not a video.")

    async def scenario(service: ScoringService) -> None:
        with pytest.raises(UnreadableSourceError, match=r"^'a\.mp4' is not a video\.$"):
            await service.score(CALL)

    run(root, scorer, scenario)


def test_no_more_scores_run_than_there_are_slots(root: Path) -> None:
    worker = Worker()

    async def scenario(service: ScoringService) -> None:
        tasks = [asyncio.create_task(service.score(CALL)) for _ in range(20)]
        await until(lambda: worker.running == 2)
        await until(lambda: sum(task.done() for task in tasks) == 10)
        assert worker.running == 2
        worker.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes.count(ANSWER) == 10
        assert sum(isinstance(outcome, BusyError) for outcome in outcomes) == 10

    assert counts(run(root, worker, scenario)) == (20, 10)


def test_cancelling_the_caller_cancels_the_work_and_waits_for_its_end(root: Path) -> None:
    worker = Worker()

    async def scenario(service: ScoringService) -> None:
        task = asyncio.create_task(service.score(CALL))
        await until(lambda: worker.running == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (worker.running, worker.cancelled) == (0, 1)
        assert service.admission.running == 0

    assert counts(run(root, worker, scenario)) == (1, 1)


def test_a_slot_stays_taken_until_cancelled_work_has_ended_however_often_it_is_cancelled(
    root: Path,
) -> None:
    started, end = threading.Event(), threading.Event()

    def stubborn(*_: object) -> Scored:
        started.set()
        end.wait(WAIT_S)
        return ANSWER

    async def scenario(service: ScoringService) -> None:
        task = asyncio.create_task(service.score(CALL))
        await until(started.is_set)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        assert service.admission.running == 1
        end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert service.admission.running == 0

    run(root, stubborn, scenario)


@pytest.mark.parametrize(
    ("timeout_s", "deadline_s"), [(0.05, None), (WAIT_S, 0.05), (0.05, WAIT_S)]
)
def test_the_shorter_of_the_servers_timeout_and_the_clients_deadline_ends_the_work(
    root: Path, timeout_s: float, deadline_s: float | None
) -> None:
    worker = Worker()

    async def scenario(service: ScoringService) -> None:
        with pytest.raises(DeadlineError, match=r"not done within 0\.05 s"):
            await service.score(ScoreCall("a.mp4", "b.mp4", deadline_s=deadline_s))
        # On a loaded machine, the time can be over before the work has begun.
        assert worker.cancelled == len(worker.calls)

    run(root, worker, scenario, request_timeout_s=timeout_s)


def test_a_deadline_counts_the_wait_for_a_slot(root: Path) -> None:
    worker = Worker()

    async def scenario(service: ScoringService) -> None:
        first = asyncio.create_task(service.score(CALL))
        await until(lambda: worker.running == 1)
        with pytest.raises(DeadlineError):
            await service.score(ScoreCall("a.mp4", "b.mp4", deadline_s=0.05))
        worker.go.set()
        assert await first == ANSWER

    run(root, worker, scenario, max_concurrent_scores=1)


def test_a_timeout_of_the_scorers_own_is_not_taken_for_the_deadline(root: Path) -> None:
    def scorer(*_: object) -> Scored:
        raise TimeoutError

    async def scenario(service: ScoringService) -> None:
        with pytest.raises(TimeoutError):
            await service.score(CALL)

    run(root, scorer, scenario)


def test_it_is_ready_when_it_is_told_so_and_never_again_after_a_drain(root: Path) -> None:
    async def scenario(service: ScoringService) -> None:
        assert (service.not_ready, service.draining) == (None, False)
        service.begin_drain()
        service.mark_ready()
        assert (service.not_ready, service.draining) == ("draining", True)

    run(root, Worker(), scenario)


def test_a_drain_refuses_new_work_and_lets_running_and_waiting_work_finish(root: Path) -> None:
    worker = Worker()

    async def scenario(service: ScoringService) -> None:
        tasks = [asyncio.create_task(service.score(CALL)) for _ in range(2)]
        await until(lambda: worker.running == 1 and service.admission.queued == 1)
        service.begin_drain()
        with pytest.raises(DrainingError):
            await service.score(CALL)
        assert not await service.drained(0.02)
        worker.go.set()
        assert await service.drained(WAIT_S)
        assert [await task for task in tasks] == [ANSWER, ANSWER]

    run(root, worker, scenario, max_concurrent_scores=1)


def test_a_stop_cancels_what_runs_and_what_waits(root: Path) -> None:
    worker = Worker()

    async def scenario(service: ScoringService) -> None:
        tasks = [asyncio.create_task(service.score(CALL)) for _ in range(2)]
        await until(lambda: worker.running == 1 and service.admission.queued == 1)
        service.stop()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, DrainingError) for outcome in outcomes)
        assert worker.cancelled == 1
        assert len(worker.calls) == 1

    run(root, worker, scenario, max_concurrent_scores=1)


def test_work_that_cancels_itself_is_not_taken_for_a_drain(root: Path) -> None:
    def scorer(*_: object) -> Scored:
        raise CancelledError("The work was cancelled.")

    async def scenario(service: ScoringService) -> None:
        with pytest.raises(CancelledError):
            await service.score(CALL)

    run(root, scorer, scenario)
