from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import wait_until
from vmafx_tune.server.logs import LogWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "x" * 99 + "\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_lines_come_out_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LogWriter(writing)
    for number in range(100):
        writer.write(f"{number}\n")
    writer.close(60)
    os.close(writing)
    with os.fdopen(os.dup(reading)) as stream:
        assert stream.read().split() == [str(number) for number in range(100)]


def test_a_pipe_that_nobody_reads_drops_lines_and_holds_up_nobody(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1], most_bytes=1000)
    for _ in range(10_000):
        writer.write(LINE)
    assert writer.dropped > 9_000
    # The thread is stuck in a write: the end does not wait for it.
    writer.close(0)


def test_it_goes_on_when_the_pipe_is_read_again(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LogWriter(writing, most_bytes=1000)
    while not writer.dropped:
        writer.write(LINE)
    received = bytearray()

    def marker_came() -> bool:
        received.extend(os.read(reading, 1 << 16))
        writer.write("again\n")
        return b"again" in received

    wait_until(marker_came)
    writer.close(60)


def test_a_reader_that_is_gone_is_no_error(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    writer = LogWriter(writing)
    writer.write(LINE)
    writer.close(60)
    assert writer.dropped == 1
