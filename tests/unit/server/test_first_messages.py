from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vmafx_tune.server.admission import Arrivals, FirstMessages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_S = 60


async def silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def one() -> AsyncIterator[bytes]:
    yield b"message"


def test_calls_that_all_end_at_once_leave_the_turn_to_the_next() -> None:
    async def scenario() -> bytes | None:
        messages = FirstMessages()
        calls = [
            asyncio.create_task(messages.read(Arrivals(silence(), PATIENCE_S, ahead=False)))
            for _ in range(10)
        ]
        await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(error) for error in ended} == {asyncio.CancelledError}
        async with asyncio.timeout(PATIENCE_S):
            return await messages.read(Arrivals(one(), PATIENCE_S, ahead=False))

    assert asyncio.run(scenario()) == b"message"
