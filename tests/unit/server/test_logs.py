from __future__ import annotations

import io
import json
import threading

import pytest

from vmafx_tune.server.logs import JsonLog


def test_a_line_is_one_json_object_with_time_level_and_message() -> None:
    stream = io.StringIO()

    JsonLog("info", stream, clock=lambda: 86400.0625).info(
        "scored", request_id="r1", duration_s=0.5
    )

    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue()) == {
        "time": "1970-01-02T00:00:00.062Z",
        "level": "info",
        "msg": "scored",
        "request_id": "r1",
        "duration_s": 0.5,
    }


def test_what_is_not_known_is_left_out() -> None:
    stream = io.StringIO()

    JsonLog("info", stream).info("scored", model=None)

    assert "model" not in json.loads(stream.getvalue())


def test_what_is_less_grave_than_the_level_is_not_written() -> None:
    stream = io.StringIO()
    log = JsonLog("warning", stream)

    for write in (log.debug, log.info, log.warning, log.error):
        write("x")

    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == [
        "warning",
        "error",
    ]


def test_a_message_with_line_breaks_stays_on_one_line() -> None:
    stream = io.StringIO()

    JsonLog("info", stream).error("failed", error='two\nlines and a " \x1b[31m')

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["error"] == 'two\nlines and a " \x1b[31m'
    assert "\x1b" not in line


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_becomes_null(value: float) -> None:
    stream = io.StringIO()

    JsonLog("info", stream).info("x", duration_s=value)

    assert json.loads(stream.getvalue())["duration_s"] is None


def test_lines_of_several_threads_do_not_mix() -> None:
    stream = io.StringIO()
    log = JsonLog("info", stream)

    def write() -> None:
        for _ in range(100):
            log.info("x" * 50, error="y" * 50)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 400


def test_a_reader_of_the_log_that_is_gone_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()

    JsonLog("info", stream).info("x")
