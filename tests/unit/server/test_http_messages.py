"""Responses on the wire."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.server.http_messages import (
    PHRASES,
    SLICE_BYTES,
    HttpLimits,
    Phase,
    Refused,
    Request,
    RequestReader,
    _http_date,
    error_response,
    json_response,
)
from vmafx_tune.server.protocol import STATUSES

GET = Request(method="GET", target="/", headers={})


def lines(wire: bytes) -> list[str]:
    return wire.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_a_response_has_its_length_and_its_body() -> None:
    wire = json_response(200, {"a": "é"}, {"x-one": "1"}).encode(GET, close=False)
    assert lines(wire)[0] == "HTTP/1.1 200 OK"
    assert {"content-length: 12", "content-type: application/json", "x-one: 1"} <= {*lines(wire)}
    assert wire.endswith('\r\n\r\n{"a": "é"}\n'.encode())


def test_a_head_request_gets_the_same_headers_and_no_body() -> None:
    response = json_response(200, {})
    head = response.encode(GET._replace(method="HEAD"), close=False)
    assert head == response.encode(GET, close=False).removesuffix(b"{}\n")


@pytest.mark.parametrize(
    ("version", "close", "connection"),
    [
        ("1.1", False, None),
        ("1.1", True, "close"),
        ("1.0", False, "keep-alive"),
        ("1.0", True, "close"),
    ],
)
def test_the_connection_header_says_what_the_client_cannot_assume(
    version: str, close: bool, connection: str | None
) -> None:
    wire = json_response(200, {}).encode(GET._replace(version=version), close=close)
    expected = [f"connection: {connection}"] if connection else []
    assert [line for line in lines(wire) if line.startswith("connection")] == expected


def test_every_error_of_the_server_has_a_phrase() -> None:
    assert {status.http for status in STATUSES.values()} <= PHRASES.keys()
    for status in PHRASES:
        assert error_response(status, "…").encode(None, close=True)


@pytest.mark.parametrize("now", [0, 951_827_696, 1_732_999_999, 4_102_444_799])
def test_the_date_is_written_as_the_standard_library_does(now: int) -> None:
    assert _http_date(now) == formatdate(now, usegmt=True)


def test_a_number_that_json_does_not_know_is_never_sent() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_response(200, {"score": float("nan")})


LIMITS = HttpLimits(head_bytes=2 * SLICE_BYTES, header_count=8, body_bytes=100)
POST = b"POST /v1/score HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def read(data: bytes, limits: HttpLimits = LIMITS) -> list[Request]:
    reader = RequestReader(limits)
    for start in range(0, len(data), SLICE_BYTES):
        reader.feed(data[start : start + SLICE_BYTES])
    return list(reader.requests)


def refusal(data: bytes, limits: HttpLimits = LIMITS) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data, limits)
    return caught.value


def test_a_request_is_read_with_its_headers_in_lower_case() -> None:
    (request,) = read(b"GET /healthz?a=b HTTP/1.1\r\nHost: a\r\nX-Two:  b \r\nX-TWO: c\r\n\r\n")
    assert request.method == "GET"
    assert request.target == "/healthz?a=b"
    assert request.headers == {"host": "a", "x-two": "b, c"}
    assert request.keep_alive


@given(st.data())
def test_it_makes_no_difference_where_the_bytes_are_cut(data: st.DataObject) -> None:
    wire = POST + b"Content-Length: 3\r\n\r\nabc" + CHUNKED + b"2;x=1\r\nde\r\n0\r\nT: 1\r\n\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1))))
    reader = RequestReader(LIMITS)
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        reader.feed(wire[start:end])
    assert [request.body for request in reader.requests] == [b"abc", b"de"]
    assert "t" not in reader.requests[1].headers


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_or_one_refusal(data: bytes) -> None:
    reader = RequestReader(LIMITS)
    try:
        reader.feed(data)
    except Refused as refused:
        assert refused.status in {400, 413, 431, 505}  # noqa: PT017 - either way is right


@pytest.mark.parametrize(
    ("version", "header", "keep_alive"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_the_client_says_whether_the_connection_stays(
    version: str, header: str, keep_alive: bool
) -> None:
    (request,) = read(f"GET / HTTP/{version}\r\nHost: a\r\n{header}\r\n".encode())
    assert (request.version, request.keep_alive) == (version, keep_alive)


def test_http_1_0_needs_no_host() -> None:
    assert len(read(b"GET / HTTP/1.0\r\n\r\n")) == 1


def test_a_wish_for_another_protocol_ends_the_connection_after_its_answer() -> None:
    wish = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    (request,) = read(wish)
    assert not request.keep_alive


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 3\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b"X: a\nTransfer-Encoding: chunked\r\n",
        b"X: a\0b\r\n",
        b": x\r\n",
        b"Host: b\r\n",
    ],
)
def test_a_head_that_two_readers_may_take_for_two_things_is_refused(headers: bytes) -> None:
    assert refusal(POST + headers + b"\r\nabc0\r\n\r\n").status == 400


def test_http_1_0_has_no_chunks() -> None:
    wire = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert refusal(wire).status == 400


def test_a_request_without_a_host_is_refused() -> None:
    assert "Host" in str(refusal(b"GET / HTTP/1.1\r\n\r\n"))


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_another_version_is_refused(version: str) -> None:
    assert refusal(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode()).status == 505


def test_an_http_2_preface_is_told_that_grpc_has_another_port() -> None:
    refused = refusal(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert refused.status == 505
    assert "gRPC" in str(refused)


def test_a_target_that_is_too_long_is_refused() -> None:
    assert refusal(b"GET /" + b"a" * 3 * SLICE_BYTES).status == 414


def test_a_head_that_is_too_large_is_refused_before_its_end() -> None:
    assert refusal(POST + b"X: " + b"a" * 3 * SLICE_BYTES).status == 431


def test_too_many_headers_are_refused() -> None:
    assert refusal(POST + b"X: a\r\n" * 8 + b"\r\n").status == 431


def test_blank_lines_for_ever_are_refused() -> None:
    assert refusal(b"\r\n" * 2 * SLICE_BYTES).status == 431


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes() -> None:
    assert refusal(POST + b"Content-Length: 101\r\n\r\n").status == 413


def test_a_body_of_just_the_limit_is_read() -> None:
    (request,) = read(POST + b"Content-Length: 100\r\n\r\n" + b"a" * 100)
    assert len(request.body) == 100


def test_chunks_that_add_up_to_too_much_are_refused() -> None:
    assert refusal(CHUNKED + b"32\r\n" + b"a" * 50 + b"\r\n33\r\n" + b"a" * 51).status == 413


def test_padding_of_chunks_is_bounded() -> None:
    assert refusal(CHUNKED + b"1;" + b"x" * 3 * SLICE_BYTES).status == 413
    assert refusal(CHUNKED + b"0\r\nT: " + b"x" * 3 * SLICE_BYTES).status == 413


def test_the_limits_begin_anew_with_each_request() -> None:
    head = POST + b"Content-Length: 60\r\n" + b"X: " + b"a" * SLICE_BYTES + b"\r\n\r\n"
    assert len(read((head + b"a" * 60) * 5)) == 5


def test_whole_requests_survive_what_comes_after_them() -> None:
    reader = RequestReader(LIMITS)
    with pytest.raises(Refused):
        reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x00\x01")
    assert len(reader.requests) == 1


def test_the_phase_tells_what_is_awaited() -> None:
    reader = RequestReader(LIMITS)
    phases = [reader.phase]
    for piece in (b"PO", b"ST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na", b"b"):
        reader.feed(piece)
        phases.append(reader.phase)
    assert phases == [Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.IDLE]


@pytest.mark.parametrize(
    ("head", "expects"),
    [
        (POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", True),
        (POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (POST + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", False),
        (POST + b"Content-Length: 1\r\n\r\n", False),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", False),
    ],
)
def test_a_client_may_wait_for_leave_to_send_its_body(head: bytes, expects: bool) -> None:
    reader = RequestReader(LIMITS)
    reader.feed(head)
    assert reader.expects_continue is expects


def test_a_request_id_is_kept_where_it_is_sane_and_made_where_not() -> None:
    ids = [
        read(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + given + b"\r\n\r\n")[0].request_id
        for given in (b"job-17", b"a b", b"\xff", b"x" * 129, b"")
    ]
    assert ids[0] == "job-17"
    assert all(len(made) == 32 and made.isalnum() for made in ids[1:])
