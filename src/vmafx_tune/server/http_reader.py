"""From bytes to whole requests, or to the reason why there is none; no sockets and no clock.

llhttp, through httptools, does the parsing. It is strict by itself about what request smuggling
needs: a repeated Content-Length, one beside Transfer-Encoding, bare line feeds, folded headers,
blanks before a colon. What it leaves to its caller is here: sizes, Host, HTTP versions, and
transfer codings besides plain chunks.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import NamedTuple

import httptools

from vmafx_tune.server.access import choose_request_id
from vmafx_tune.server.http_messages import REQUEST_ID_HEADER, Refused, Request

__all__ = ["SLICE_BYTES", "HttpLimits", "Phase", "RequestReader"]


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
        connections: Open connections; one more is told 503 and closed.
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
        expects_continue: The client holds its body back until it is told to go on; whoever tells
            it sets this to False.
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
