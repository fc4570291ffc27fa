"""What is asked through a connection, with a client that is made up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from vmafx_tune.cluster.connection import Connection
from vmafx_tune.errors import ClusterLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Scheduler:
    def __init__(self, *workers: str) -> None:
        self.workers = workers
        self.is_gone = False

    async def identity(self, n_workers: int) -> dict[str, Any]:
        if self.is_gone:
            raise OSError("It is gone.")
        facts = {"nthreads": 1, "last_seen": 0.0, "metrics": {}}
        return {"workers": dict.fromkeys(self.workers, facts)}


class Client:
    """Stands for Dask's; what workers answer is in `answers`, and raised where asking fails."""

    def __init__(self, **answers: object) -> None:
        self.scheduler = Scheduler(*answers)
        self.answers = answers

    def sync(self, function: Callable[[], Awaitable[Any]], callback_timeout: float) -> Any:
        return asyncio.run(asyncio.wait_for(function(), callback_timeout))

    async def run(
        self, function: object, argument: object, *, workers: list[str], on_error: str
    ) -> dict[str, Any]:
        answer = self.answers[workers[0]]
        if isinstance(answer, ValueError):
            raise answer
        return {} if answer is None else {workers[0]: answer}


def test_a_worker_that_cannot_be_asked_is_left_out() -> None:
    client = Client(a="yes", b=ValueError("The worker is unknown."), c=None, d=OSError("closed"))

    assert Connection(client, "tcp://farm:8786").ask(print, "?", "abcd") == {"a": "yes"}


def test_a_failure_of_what_is_called_is_an_answer() -> None:
    failure = RuntimeError("no")

    assert Connection(Client(a=failure), "tcp://farm:8786").ask(print, "?", "a") == {"a": failure}


def test_a_scheduler_that_is_gone_is_told_of() -> None:
    client = Client(a=ValueError("The connection is closed."))
    client.scheduler.is_gone = True

    with pytest.raises(ClusterLostError, match="tcp://farm:8786"):
        Connection(client, "tcp://farm:8786").ask(print, "?", "a")
