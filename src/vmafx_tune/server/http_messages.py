"""HTTP requests and responses: read from bytes, written to bytes; no sockets and no clock.

llhttp, through httptools, does the parsing. It is strict by itself about what request smuggling
needs: a repeated Content-Length, one beside Transfer-Encoding, bare line feeds, folded headers,
blanks before a colon. What it leaves to its caller is here: sizes, Host, HTTP versions, and
transfer codings besides plain chunks.
"""

from __future__ import annotations

import json
import time
from collections import deque
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import httptools

from vmafx_tune.server.protocol import choose_request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "JSON_TYPE",
    "PHRASES",
    "REQUEST_ID_HEADER",
    "SLICE_BYTES",
    "HttpLimits",
    "Phase",
    "Refused",
    "Request",
    "RequestReader",
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


# Values of the HTTP side are named tuples: Python makes one in a tenth of the time that a frozen
# dataclass takes, and they are all made before the server is ready.
class HttpLimits(NamedTuple):
    """Bounds of one HTTP listener; the defaults suit clients in one cluster.

    Attributes:
        head_bytes: Request line and headers together; past it 414 or 431.
        header_count: Header fields of one request; past it 431.
        body_bytes: Request body; past it 413.
        ahead_bytes: What a client may send while its last request is being answered; a client
            that sends more is cut off, because reading no further would hide that it left.
        connections: Open connections; one more gets 503 and is closed.
        idle_s: A connection without a request for so long is closed.
        head_s: Time for a whole head, from its first byte; past it 408.
        body_s: Time for a whole body, from the end of its head; past it 408.
        write_s: Time for a client to read an answer that the socket's buffers cannot hold.
        linger_s: How long a refused client is listened to after the answer, so that what it was
            still sending does not make the kernel reset the connection before it has read it.
    """

    head_bytes: int = 16 * 1024
    header_count: int = 64
    body_bytes: int = 64 * 1024
    ahead_bytes: int = 64 * 1024
    connections: int = 512
    idle_s: float = 75.0
    head_s: float = 10.0
    body_s: float = 20.0
    write_s: float = 20.0
    linger_s: float = 1.0


# Sizes are checked between slices, so this is also how far past a limit anything can go.
SLICE_BYTES = 4096

# A chunk of one byte takes six on the wire; more is padding: chunk extensions and trailers.
_WIRE_BYTES_PER_BODY_BYTE = 8


class Phase(Enum):
    """What the next byte belongs to."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class RequestReader:
    """Reads the requests of one connection, one after another.

    Args:
        limits: Sizes past which a request is refused.

    Attributes:
        phase: What the next byte belongs to.
        requests: Whole requests that nobody has taken yet, oldest first.
        expects_continue: The client holds its body back until it gets `100 Continue`; whoever sends
            that sets this to False.
    """

    def __init__(self, limits: HttpLimits) -> None:
        self.phase = Phase.IDLE
        self.requests: deque[Request] = deque()
        self.expects_continue = False
        self._limits = limits
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._refusal: Refused | None = None
        self._begin()

    def feed(self, data: bytes) -> None:
        """Read on.

        Args:
            data: The next bytes, at most `SLICE_BYTES` of them.

        Raises:
            Refused: No request can follow those that are whole already; close the connection
                after its answer.
        """
        self._wire_bytes += len(data)
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here. The request is whole, and its connection ends.
            return
        except httptools.HttpParserError as error:
            raise self._refusal or _not_http(error, self._target) from error
        self._check_wire_bytes()
        if self._refusal is not None:
            raise self._refusal

    def close(self) -> None:
        """Let go of the parser, which holds on to this object in turn."""
        self._parser = None

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of a request line."""
        self.phase = Phase.HEAD
        self._begin()

    def on_url(self, url: bytes) -> None:
        """Called by the parser with the next part of the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser with a whole header field, or trailer field, which is dropped."""
        if self.phase is Phase.BODY:
            return
        self._header_count += 1
        if self._header_count > self._limits.header_count:
            self._refuse(431, f"More than {self._limits.header_count} header fields.")
            return
        key, text = name.decode("ascii").lower(), value.decode("latin-1").strip()
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text
        self._hosts += key == "host"

    def on_headers_complete(self) -> None:
        """Called by the parser at the end of the head."""
        assert self._parser is not None
        self.phase, self._wire_bytes = Phase.BODY, 0
        self._version = self._parser.get_http_version()
        self._check_head()
        length = int(self._headers.get("content-length", "0"))
        if length > self._limits.body_bytes:
            self._refuse_body()
        has_body = length > 0 or "transfer-encoding" in self._headers
        expects = self._headers.get("expect", "").lower() == "100-continue"
        self.expects_continue = has_body and expects and self._version == "1.1"

    def on_body(self, body: bytes) -> None:
        """Called by the parser with the next part of the body."""
        if len(self._body) + len(body) > self._limits.body_bytes:
            self._refuse_body()
        elif self._refusal is None:
            self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser at the end of a request."""
        assert self._parser is not None
        if self._refusal is None:
            self.requests.append(self._request(self._parser))
        self.phase, self._wire_bytes = Phase.IDLE, 0
        self.expects_continue = False

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._header_count = 0
        self._hosts = 0
        self._version = ""
        self._body = bytearray()
        self._wire_bytes = 0

    def _request(self, parser: httptools.HttpRequestParser) -> Request:
        return Request(
            method=parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1"),
            headers=self._headers,
            body=bytes(self._body),
            version=self._version,
            keep_alive=parser.should_keep_alive() and not parser.should_upgrade(),
            request_id=choose_request_id(self._headers.get(REQUEST_ID_HEADER)),
        )

    def _check_head(self) -> None:
        if self._version not in {"1.0", "1.1"}:
            self._refuse(505, "This port speaks HTTP/1.1 and HTTP/1.0.")
        elif self._hosts > 1 or (self._version == "1.1" and not self._hosts):
            self._refuse(400, f"One Host header is needed, {self._hosts} were sent.")
        coding = self._headers.get("transfer-encoding", "chunked").lower()
        if coding != "chunked":
            self._refuse(400, "Of all transfer codings only 'chunked' is understood.")
        elif self._version == "1.0" and "transfer-encoding" in self._headers:
            self._refuse(400, "HTTP/1.0 has no Transfer-Encoding.")

    def _check_wire_bytes(self) -> None:
        limits = self._limits
        if self.phase is Phase.BODY:
            allowed = _WIRE_BYTES_PER_BODY_BYTE * limits.body_bytes + SLICE_BYTES
            if self._wire_bytes > allowed:
                self._refuse_body()
        elif self._wire_bytes > limits.head_bytes:
            if len(self._target) > limits.head_bytes // 2:
                self._refuse(414, "The request target is too long.")
            else:
                self._refuse(431, f"The head is larger than {limits.head_bytes} bytes.")

    def _refuse_body(self) -> None:
        self._refuse(413, f"The body is larger than {self._limits.body_bytes} bytes.")

    def _refuse(self, status: int, message: str) -> None:
        # The first reason is the one that the rest follows from.
        self._refusal = self._refusal or Refused(status, message)


def _not_http(error: Exception, target: bytes) -> Refused:
    if target == b"*":
        return Refused(505, "This port speaks HTTP/1.1, not HTTP/2; gRPC has a port of its own.")
    return Refused(400, f"This is not a valid HTTP request: {error}.")
