from __future__ import annotations

import threading

import pytest

from tests.support.programs import wait_until
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, MemoryLimitError
from vmafx_tune.server.admission import MemoryBudget


def linear(threads: int) -> int:
    """A score that takes ten bytes, and ten for each thread."""
    return 10 + 10 * threads


class Asking:
    """A thread that asks for memory, holds it until it is let go, and tells what it got."""

    def __init__(self, budget: MemoryBudget, threads: int) -> None:
        self.token = CancelToken()
        self.got: int | None = None
        self.error: Exception | None = None
        self._budget, self._threads = budget, threads
        self._go = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._budget.lent(linear, self._threads, self.token) as got:
                self.got = got
                self._go.wait(60)
        except CancelledError as error:
            self.error = error

    def end(self) -> None:
        self._go.set()
        self._thread.join()


def test_without_a_limit_everybody_gets_what_he_asks_for() -> None:
    with MemoryBudget(None).lent(linear, 64, CancelToken()) as threads:
        assert threads == 64


@pytest.mark.parametrize(("total", "expected"), [(20, 1), (29, 1), (30, 2), (50, 4), (1000, 4)])
def test_less_memory_means_fewer_threads(total: int, expected: int) -> None:
    with MemoryBudget(total).lent(linear, 4, CancelToken()) as threads:
        assert threads == expected


def test_what_never_fits_is_refused_at_once() -> None:
    budget = MemoryBudget(19)
    with pytest.raises(MemoryLimitError), budget.lent(linear, 1, CancelToken()):
        pass


def test_who_finds_too_little_waits_and_those_behind_wait_too() -> None:
    budget = MemoryBudget(50)
    first = Asking(budget, 3)
    wait_until(lambda: first.got == 3)
    second = Asking(budget, 2)
    wait_until(lambda: len(budget._waiting) == 1)
    third = Asking(budget, 1)
    wait_until(lambda: len(budget._waiting) == 2)
    assert (second.got, third.got) == (None, None)
    first.end()
    wait_until(lambda: (second.got, third.got) == (2, 1))
    second.end()
    third.end()
    assert budget._lent == 0


def test_who_is_cancelled_waits_no_longer_and_holds_nothing() -> None:
    budget = MemoryBudget(40)
    first = Asking(budget, 3)
    wait_until(lambda: first.got == 3)
    second = Asking(budget, 1)
    wait_until(lambda: len(budget._waiting) == 1)
    second.token.cancel()
    second.end()
    assert second.error is not None
    first.end()
    assert (budget._lent, budget._waiting) == (0, [])
