"""How the HTTP side treats connections: well-meant ones, and the other kind."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.http_server import PATIENCE_S, RawClient, Running, ask, running_server
from tests.support.programs import wait_until
from vmafx_tune.server.http_messages import HttpLimits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = b'{"reference": "ref.y4m", "distorted": "dist.y4m"}'
SCORE_HEAD = b"POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SCORE = SCORE_HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
# Short, so that a test is over soon; how long it really takes does not matter to any. A client's
# first byte has to come within the first of them, which takes longest on a loaded machine.
HASTY = HttpLimits(idle_s=1.0, head_s=0.3, body_s=0.3, write_s=0.5, linger_s=0.3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("ref.y4m", "dist.y4m"):
        (tmp_path / name).write_bytes(b"YUV4MPEG2")
    return tmp_path


@pytest.fixture
def server(root: Path) -> Iterator[Running]:
    with running_server(root) as running:
        yield running


@pytest.fixture
def hasty(root: Path) -> Iterator[Running]:
    with running_server(root, HASTY) as running:
        yield running


def test_a_connection_is_kept_for_the_next_request(server: Running) -> None:
    with RawClient(server.port) as client:
        for _ in range(3):
            answer = client.send(HEALTH).answer()
            assert answer.status == 200
            assert "connection" not in answer.headers


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    with RawClient(server.port) as client:
        client.send(HEALTH + SCORE + HEALTH.replace(b"healthz", b"nowhere") + HEALTH)
        answers = [client.answer() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 404, 200]
    assert answers[1].json()["score"] == 93.25


def test_a_request_that_comes_byte_by_byte_is_answered(server: Running) -> None:
    with RawClient(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in SCORE:
            client.send(bytes([byte]))
        assert client.answer().status == 200


def test_a_body_in_chunks_is_read(server: Running) -> None:
    chunks = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in BODY)
    with RawClient(server.port) as client:
        client.send(SCORE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert client.answer().status == 200


def test_a_client_that_waits_for_leave_is_told_to_go_on(server: Running) -> None:
    expect = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    with RawClient(server.port) as client:
        client.send(SCORE_HEAD + expect)
        leave = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.socket.recv(len(leave), socket.MSG_WAITALL) == leave
        assert client.send(BODY).answer().status == 200


def test_a_client_that_waits_for_leave_with_too_much_is_refused_at_once(server: Running) -> None:
    with RawClient(server.port) as client:
        client.send(SCORE_HEAD + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
        assert client.answer().status == 413
        assert client.is_at_end()


def test_http_1_0_is_answered_and_closed(server: Running) -> None:
    with RawClient(server.port) as client:
        answer = client.send(b"GET /healthz HTTP/1.0\r\n\r\n").answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.is_at_end()


def test_http_1_0_may_ask_for_the_connection_to_be_kept(server: Running) -> None:
    with RawClient(server.port) as client:
        for _ in range(2):
            client.send(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert client.answer().headers["connection"] == "keep-alive"


def test_a_wish_for_http_2_is_answered_in_http_1(server: Running) -> None:
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n"
    with RawClient(server.port) as client:
        client.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + wish)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_client_that_ends_its_side_after_a_probe_still_gets_its_answer(server: Running) -> None:
    with RawClient(server.port) as client:
        client.send(HEALTH)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"\x00\x01\x02\x03garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200, 400),
        (b"GET\r\n\r\n", 400),
        (b"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (SCORE_HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (SCORE_HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
        (SCORE_HEAD + b"Content-Length: 65537\r\n\r\n", 413),
        (SCORE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n10001\r\n" + b" " * 0x10001, 413),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n", 414),
        (HEALTH[:-2] + b"X: " + b"a" * 40_000, 431),
        (HEALTH[:-2] + b"X: a\r\n" * 100 + b"\r\n", 431),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence_and_a_close(
    server: Running, wire: bytes, status: int
) -> None:
    with RawClient(server.port) as client:
        answer = client.send(wire).answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert answer.error
        assert answer.headers["x-request-id"]
        assert client.is_at_end()
    assert server.lines()[-1]["request_id"] == answer.headers["x-request-id"]
    assert ask(server.port, "/healthz").status == 200


def test_no_second_request_is_smuggled_into_a_refused_one(server: Running) -> None:
    both = SCORE_HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawClient(server.port) as client:
        client.send(both + b"0\r\n\r\n" + SCORE)
        assert client.answer().status == 400
        assert client.is_at_end()
    assert server.scorer.calls == []


def test_requests_before_garbage_are_answered_first(server: Running) -> None:
    with RawClient(server.port) as client:
        client.send(HEALTH + SCORE + b"\x00\x01")
        assert [client.answer().status for _ in range(3)] == [200, 200, 400]


def test_a_refused_client_that_goes_on_sending_can_read_why(server: Running) -> None:
    with RawClient(server.port) as client:
        client.send(SCORE_HEAD + b"Content-Length: 500000\r\n\r\n" + b"x" * 500_000)
        assert client.answer().status == 413


def test_a_connection_without_a_request_is_closed_without_a_word(hasty: Running) -> None:
    with RawClient(hasty.port) as fresh, RawClient(hasty.port) as used:
        assert used.send(HEALTH).answer().status == 200
        assert fresh.is_at_end()
        assert used.is_at_end()


@pytest.mark.parametrize(
    "head", [b"GET /he", HEALTH[:-2], SCORE_HEAD + b"Content-Length: 90\r\n\r\n{"]
)
def test_a_request_that_stops_half_way_times_out(hasty: Running, head: bytes) -> None:
    with RawClient(hasty.port) as client:
        assert client.send(head).answer().status == 408
        assert client.is_at_end()


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (HEALTH[:-2], b"X: a\r\n"),
        (SCORE_HEAD + b"Content-Length: 60000\r\n\r\n", b" "),
        (SCORE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["headers", "body", "chunks"],
)
def test_a_byte_now_and_then_gains_no_time(hasty: Running, begin: bytes, drip: bytes) -> None:
    with RawClient(hasty.port) as client:
        client.send(begin)
        client.socket.settimeout(0.05)
        # Far more often than the limit allows.
        for _ in range(1000):
            client.send(drip)
            try:
                begun = client.socket.recv(12)
            except TimeoutError:
                continue
            assert begun == b"HTTP/1.1 408"
            return
    pytest.fail("The server let a slow client go on.")


def test_slow_clients_do_not_keep_others_out(hasty: Running) -> None:
    slow = [RawClient(hasty.port).send(b"GET /") for _ in range(50)]
    assert ask(hasty.port, "/healthz").status == 200
    for client in slow:
        client.socket.close()


def test_the_connection_that_was_idle_longest_makes_room_for_a_new_one(root: Path) -> None:
    with running_server(root, HttpLimits(connections=2)) as server:
        with RawClient(server.port) as one, RawClient(server.port) as two:
            assert one.send(HEALTH).answer().status == 200
            assert two.send(HEALTH).answer().status == 200
            assert one.send(HEALTH).answer().status == 200
            with RawClient(server.port) as three:
                assert three.send(HEALTH).answer().status == 200
                assert two.is_at_end()
                assert one.send(HEALTH).answer().status == 200
        wait_until(lambda: not server.call(connections, server))


def test_an_idle_connection_makes_room_before_one_that_sends(root: Path) -> None:
    with (
        running_server(root, HttpLimits(connections=2)) as server,
        RawClient(server.port) as sending,
        RawClient(server.port) as idle,
    ):
        sending.send(HEALTH[:-2])
        assert idle.send(HEALTH).answer().status == 200
        with RawClient(server.port) as new:
            assert new.send(HEALTH).answer().status == 200
            assert sending.send(HEALTH[-2:]).answer().status == 200


def test_where_all_connections_are_being_answered_new_ones_are_turned_away(root: Path) -> None:
    with running_server(root, HttpLimits(connections=1)) as server:
        server.scorer.held = True
        with RawClient(server.port) as busy:
            busy.send(SCORE)
            assert server.scorer.started.acquire(timeout=PATIENCE_S)
            with RawClient(server.port) as new:
                answer = new.answer()
                assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            server.scorer.released.set()
            assert busy.answer().status == 200
        wait_until(lambda: not server.call(connections, server))
        assert ask(server.port, "/healthz").status == 200


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_cancels_its_score(server: Running, reset: bool) -> None:
    server.scorer.held = True
    with RawClient(server.port) as client:
        client.send(SCORE)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
        if reset:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert server.scorer.cancelled.acquire(timeout=PATIENCE_S)
    wait_until(lambda: server.service.admission.running == 0)
    wait_until(lambda: any(line["msg"] == "client left" for line in server.lines()))


def test_a_client_that_leaves_the_queue_gives_up_its_place(server: Running) -> None:
    server.scorer.held = True
    with RawClient(server.port) as running:
        running.send(SCORE)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
        with RawClient(server.port) as queued:
            queued.send(SCORE)
            wait_until(lambda: server.service.admission.queued == 1)
        wait_until(lambda: server.service.admission.queued == 0)
        server.scorer.released.set()
        assert running.answer().status == 200
    assert len(server.scorer.calls) == 1


def test_a_client_that_leaves_cancels_even_with_requests_sent_ahead(server: Running) -> None:
    server.scorer.held = True
    with RawClient(server.port) as client:
        client.send(SCORE + HEALTH * 50)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
    assert server.scorer.cancelled.acquire(timeout=PATIENCE_S)


def test_a_client_that_sends_far_ahead_is_cut_off(server: Running) -> None:
    server.scorer.held = True
    with RawClient(server.port) as client:
        client.send(SCORE)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_for_ever(client, HEALTH * 1000)
    assert server.scorer.cancelled.acquire(timeout=PATIENCE_S)


def test_a_client_that_never_reads_is_cut_off(hasty: Running) -> None:
    with RawClient(hasty.port) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((BrokenPipeError, ConnectionResetError, TimeoutError)):
            send_for_ever(client, b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
    wait_until(lambda: not hasty.call(connections, hasty))
    assert ask(hasty.port, "/healthz").status == 200


def test_closing_answers_what_runs_and_leaves_no_connection(server: Running) -> None:
    server.scorer.held = True
    with RawClient(server.port) as idle, RawClient(server.port) as running:
        assert idle.send(HEALTH).answer().status == 200
        running.send(SCORE)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
        server.scorer.released.set()
        server.in_loop(server.listener.close(PATIENCE_S))
        assert running.answer().status == 200
        assert idle.is_at_end()
    with pytest.raises(ConnectionRefusedError):
        RawClient(server.port)


def test_closing_cancels_what_does_not_end(server: Running) -> None:
    server.scorer.held = True
    with RawClient(server.port) as client:
        client.send(SCORE)
        assert server.scorer.started.acquire(timeout=PATIENCE_S)
        server.in_loop(server.listener.close(0.05))
        assert client.is_at_end()
    assert server.scorer.cancelled.acquire(timeout=PATIENCE_S)


def test_the_reason_for_a_refusal_is_in_the_log(server: Running) -> None:
    with RawClient(server.port) as client:
        assert client.send(b"\x00").answer().status == 400
    line = server.lines()[-1]
    assert (line["msg"], line["status"]) == ("refused", 400)
    assert json.dumps(line).isascii()


def send_for_ever(client: RawClient, data: bytes) -> None:
    while True:
        client.send(data)


def connections(server: Running) -> int:
    return len(server.listener._pool.connections)
