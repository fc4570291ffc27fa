"""Responses on the wire."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from vmafx_tune.server.http_messages import (
    PHRASES,
    Request,
    _http_date,
    error_response,
    json_response,
)
from vmafx_tune.server.status import STATUSES

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
