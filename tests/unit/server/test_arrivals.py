from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import DeadlineError, DrainingError
from vmafx_tune.server.admission import Arrivals, Nothing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FOREVER_S = 1000.0
WHILE_S = 30.0


class Source:
    """Numbers up to `n`; then the end, or silence. Knows how many were taken."""

    def __init__(self, n: int, *, silent: bool = False) -> None:
        self._n = n
        self._silent = silent
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in range(self._n):
            self.taken += 1
            yield number
        if self._silent:
            await asyncio.Event().wait()


def numbers(source: Source) -> AsyncIterator[int]:
    return source.__aiter__()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_messages_come_in_order_and_then_the_end() -> None:
    async def scenario() -> None:
        arrivals = Arrivals(numbers(Source(2)), FOREVER_S)
        assert [await arrivals.next() for _ in range(3)] == [0, 1, Nothing.ENDED]

    asyncio.run(scenario())


@pytest.mark.parametrize(("ahead", "taken"), [(True, 2), (False, 1)])
def test_no_more_than_one_message_is_read_ahead(*, ahead: bool, taken: int) -> None:
    async def scenario() -> None:
        source = Source(100)
        arrivals = Arrivals(numbers(source), FOREVER_S, ahead=ahead)
        await arrivals.next()
        await settle()
        assert source.taken == taken
        await arrivals.close()

    asyncio.run(scenario())


def test_a_poll_that_finds_nothing_loses_nothing() -> None:
    async def scenario() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()

        async def queued() -> AsyncIterator[int]:
            while True:
                yield await queue.get()

        arrivals = Arrivals(queued(), FOREVER_S)
        assert await arrivals.next(poll_s=0.001) is Nothing.NOT_YET
        assert await arrivals.next(poll_s=0.001) is Nothing.NOT_YET
        queue.put_nowait(7)
        assert await arrivals.next() == 7
        await arrivals.close()

    asyncio.run(scenario())


def test_silence_is_borne_for_the_idle_timeout_polls_included() -> None:
    async def scenario() -> None:
        arrivals = Arrivals(numbers(Source(1, silent=True)), 0.02)
        assert await arrivals.next() == 0
        assert await arrivals.next(poll_s=0) is Nothing.NOT_YET
        with pytest.raises(DeadlineError, match=r"No message came for 0\.02 s"):
            await arrivals.next(poll_s=WHILE_S)
        await arrivals.close()

    asyncio.run(scenario())


def test_a_drain_ends_the_wait_of_who_is_silent() -> None:
    async def scenario() -> None:
        arrivals = Arrivals(numbers(Source(0, silent=True)), FOREVER_S)
        waiting = asyncio.create_task(arrivals.next())
        await settle()
        arrivals.hurry(0)
        with pytest.raises(DrainingError):
            await waiting
        await arrivals.close()

    asyncio.run(scenario())


def test_a_drain_leaves_alone_who_keeps_sending() -> None:
    async def scenario() -> None:
        arrivals = Arrivals(numbers(Source(50)), FOREVER_S)
        arrivals.hurry(WHILE_S)
        assert [await arrivals.next() for _ in range(50)] == list(range(50))

    asyncio.run(scenario())


def test_what_the_source_raises_is_raised() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 0
        raise ZeroDivisionError

    async def scenario() -> None:
        arrivals = Arrivals(failing(), FOREVER_S)
        assert await arrivals.next() == 0
        with pytest.raises(ZeroDivisionError):
            await arrivals.next()

    asyncio.run(scenario())


def test_closing_ends_the_source_and_hides_what_it_raises() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 0
        raise ZeroDivisionError

    async def scenario() -> None:
        for source in (failing(), numbers(Source(1, silent=True)), numbers(Source(0))):
            arrivals = Arrivals(source, FOREVER_S)
            await arrivals.next()
            await arrivals.close()
            await arrivals.close()

    asyncio.run(scenario())
