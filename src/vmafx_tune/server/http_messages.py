"""Requests and responses as values, and how a response looks on the wire."""

from __future__ import annotations

import json
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "JSON_TYPE",
    "PHRASES",
    "REQUEST_ID_HEADER",
    "Refused",
    "Request",
    "Response",
    "error_response",
    "json_response",
]

# Not http.HTTPStatus: importing it would delay the start, and this is all that is ever sent.
PHRASES: Mapping[int, str] = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    499: "Client Closed Request",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}
JSON_TYPE = "application/json"
REQUEST_ID_HEADER = "x-request-id"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Request(NamedTuple):
    """One whole request.

    Attributes:
        method: In capitals, as sent.
        target: What the request line asks for, not decoded.
        headers: By lower-case name; values of a repeated one are joined with `, `.
        body: All of it, without any transfer coding.
        version: `1.0` or `1.1`.
        keep_alive: Whether another request may follow on the connection.
        request_id: The client's own where it is sane, else a new one.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    version: str = "1.1"
    keep_alive: bool = True
    request_id: str = ""


class Response(NamedTuple):
    """One whole response.

    Attributes:
        status: One of `PHRASES`.
        body: All of it.
        content_type: Of the body.
        headers: Further header lines; no name or value holds a line break.
        close: Whether the connection has to end with it.
    """

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = _NO_HEADERS
    close: bool = False

    def encode(self, request: Request | None, *, close: bool) -> bytes:
        """Write it for the wire.

        Args:
            request: What it answers; None for one that could not be read. A HEAD request gets
                the headers only.
            close: Whether the connection ends with it.
        """
        lines = [
            f"HTTP/1.1 {self.status} {PHRASES[self.status]}",
            f"date: {_http_date(int(time.time()))}",
            f"content-type: {self.content_type}",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if close:
            lines.append("connection: close")
        elif request is not None and request.version == "1.0":
            lines.append("connection: keep-alive")
        head = "\r\n".join((*lines, "\r\n")).encode("latin-1")
        return head if request is not None and request.method == "HEAD" else head + self.body


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the server
    """A request gets an error for an answer, whatever the scorer would say.

    Attributes:
        status: One of `PHRASES`.
        headers: What the answer carries besides.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or _NO_HEADERS
        super().__init__(message)


def json_response(
    status: int, document: object, headers: Mapping[str, str] | None = None
) -> Response:
    """Make a response of a JSON document."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return Response(status=status, body=f"{text}\n".encode(), headers=headers or _NO_HEADERS)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Make the response that every error has: `{"error": message}`."""
    return json_response(status, {"error": message}, headers)


def _http_date(now: int) -> str:
    """Write a time as RFC 9110 section 5.6.7 wants it, whatever the locale."""
    at = time.gmtime(now)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{day}, {at.tm_mday:02} {month} {at.tm_year} {clock} GMT"
