"""The HTTP server: a listener, and connections that read requests and have them answered in turn.

What asyncio calls is at the top of `Connection`; below it, `_advance` does whatever can be done
next. Nothing is awaited but the answer itself, so a connection costs one task while it has a
request, and one timer.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Protocol

from vmafx_tune.errors import ServiceError
from vmafx_tune.server.http_messages import SLICE_BYTES, HttpLimits, Phase, Refused, RequestReader
from vmafx_tune.server.http_routes import HttpRoutes
from vmafx_tune.server.protocol import tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.server.http_messages import Request, Response
    from vmafx_tune.server.logs import JsonLog
    from vmafx_tune.server.metrics import Metrics
    from vmafx_tune.server.service import ScoringService
    from vmafx_tune.server.settings import ServerSettings

__all__ = [
    "BACKLOG",
    "Connection",
    "ConnectionPool",
    "HttpHandler",
    "HttpListener",
    "start_http",
]

# A peer whose machine is gone sends no end of connection; this finds out in half a minute.
_KEEPALIVE_OPTIONS = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class HttpHandler(Protocol):
    """Answers requests; every failure is an answer, too."""

    async def respond(self, request: Request) -> Response:
        """Answer a request. Is cancelled when the client leaves."""

    def refuse(self, refused: Refused) -> Response:
        """Answer what is not a whole request."""


class ConnectionPool:
    """All open connections of a listener, and what they work on.

    Args:
        handler: Answers the requests.
        limits: Bounds of each connection, and of their number.
    """

    def __init__(self, handler: HttpHandler, limits: HttpLimits) -> None:
        self.handler = handler
        self.limits = limits
        # The one that was used last is the last.
        self.connections: dict[Connection, None] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def connect(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self)

    def make_room(self) -> bool:
        """End a connection that waits for its client if there are too many; return whether it fits.

        Idle connections go first, so that silent ones keep nobody out, least of all probes.
        """
        if len(self.connections) < self.limits.connections:
            return True
        waiting = [connection for connection in self.connections if not connection.is_answering]
        victim = next((one for one in waiting if one.is_idle), waiting[0] if waiting else None)
        if victim is None:
            return False
        victim.end_now()
        return True

    def add(self, connection: Connection) -> None:
        """Count a connection, as the one that was used last."""
        self.connections.pop(connection, None)
        self.connections[connection] = None

    async def close(self, patience_s: float) -> None:
        """End every connection: idle ones now, others after their answer.

        Args:
            patience_s: What is not answered by then is cancelled.
        """
        for connection in tuple(self.connections):
            connection.end_soon()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=patience_s)
        for connection in tuple(self.connections):
            connection.end_now()
        while self.tasks:
            await asyncio.wait(self.tasks)


class Connection(asyncio.Protocol):
    """See the module. A client that closes its sending side counts as gone.

    Args:
        pool: Where it belongs to.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._limits = pool.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._reader = RequestReader(pool.limits)
        self._ahead = b""
        self._task: asyncio.Task[None] | None = None
        self._refused: Refused | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: Phase | None = None
        self._clogged = False
        self._ending = False
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _detect_dead_peers(transport)
        if not self._pool.make_room():
            self._refused = Refused(503, "Too many connections are open.", {"retry-after": "1"})
        self._pool.add(self)
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._ended:
            return
        self._ahead += data
        self._advance()
        if len(self._ahead) > self._limits.ahead_bytes:
            self.end_now()

    def eof_received(self) -> None:
        """Stop: the client has gone, and asyncio closes the connection."""
        self._ended = True
        self._cancel_task()
        # Closing waits for what is still to be sent, and nobody may ever read that.
        self._set_timer(self._limits.write_s, self.end_now)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Clean up: whatever was being worked on has no reader any more."""
        self._ended = True
        self._stop_timer()
        self._cancel_task()
        self._reader.close()
        self._pool.connections.pop(self, None)

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for ever."""
        self._clogged = True
        self._set_timer(self._limits.write_s, self.end_now)

    def resume_writing(self) -> None:
        """Go on after the client has read."""
        self._clogged = False
        if not self._ended:
            self._stop_timer()
            self._advance()

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self._task is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come."""
        return self._reader.phase is Phase.IDLE and not self._ahead

    def end_soon(self) -> None:
        """End after the answer that is due, or now if none is."""
        self._ending = True
        self._advance()

    def end_now(self) -> None:
        """Close without sending another byte."""
        self._ended = True
        self._pool.connections.pop(self, None)
        self._cancel_task()
        self._transport.abort()

    def _advance(self) -> None:
        while not (self._task or self._clogged or self._ended):
            if self._reader.requests:
                self._start(self._reader.requests.popleft())
            elif self._refused is not None:
                self._refuse(self._refused)
            elif self._ending:
                self._end()
            elif self._ahead:
                self._read()
            else:
                self._await_input()
                return

    def _read(self) -> None:
        data, self._ahead = self._ahead[:SLICE_BYTES], self._ahead[SLICE_BYTES:]
        try:
            self._reader.feed(data)
        except Refused as refused:
            # It comes after the answers to the requests that were whole.
            self._refused = refused

    def _await_input(self) -> None:
        phase = self._reader.phase
        if self._reader.expects_continue:
            self._reader.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Each phase has its time as a whole: a byte now and then gains nothing.
        if phase is not self._awaited:
            self._awaited = phase
            match phase:
                case Phase.IDLE:
                    self._set_timer(self._limits.idle_s, self.end_soon)
                case Phase.HEAD:
                    self._set_timer(self._limits.head_s, self._time_out)
                case Phase.BODY:
                    self._set_timer(self._limits.body_s, self._time_out)

    def _time_out(self) -> None:
        self._refused = Refused(408, "The request was not complete in time.")
        self._advance()

    def _start(self, request: Request) -> None:
        self._stop_timer()
        self._awaited = None
        self._task = self._loop.create_task(self._serve(request))
        self._pool.tasks.add(self._task)
        self._task.add_done_callback(self._pool.tasks.discard)

    async def _serve(self, request: Request) -> None:
        try:
            response = await self._pool.handler.respond(request)
            close = response.close or self._ending or not request.keep_alive
            self._transport.write(response.encode(request, close=close))
        except BaseException:
            # Nobody would ever answer, so nobody shall wait.
            self._transport.abort()
            raise
        self._task = None
        self._pool.add(self)
        if close:
            self._end()
        self._advance()

    def _refuse(self, refused: Refused) -> None:
        response = self._pool.handler.refuse(refused)
        self._transport.write(response.encode(None, close=True))
        self._end(was_sending=True)

    def _end(self, *, was_sending: bool = False) -> None:
        self._ended = True
        self._ahead = b""
        linger_s = self._limits.write_s
        if not was_sending:
            self._transport.close()
        elif not self._transport.get_write_buffer_size():
            linger_s = self._limits.linger_s
        if was_sending and self._transport.can_write_eof():
            self._transport.write_eof()
        self._set_timer(linger_s, self.end_now)

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()


def _detect_dead_peers(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE_OPTIONS.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


BACKLOG = 128
"""Connections that are accepted at once, before one of them can be turned away."""


class HttpListener:
    """A listening HTTP server.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, server: asyncio.Server, pool: ConnectionPool) -> None:
        self.port: int = server.sockets[0].getsockname()[1]
        self._server = server
        self._pool = pool

    async def close(self, patience_s: float = 1.0) -> None:
        """Stop listening and end every connection.

        Args:
            patience_s: Requests that are not answered by then are cancelled.
        """
        self._server.close()
        await self._pool.close(patience_s)
        await self._server.wait_closed()


async def start_http(
    service: ScoringService,
    settings: ServerSettings,
    log: JsonLog,
    metrics: Metrics,
    *,
    limits: HttpLimits | None = None,
) -> HttpListener:
    """Listen for HTTP where the settings say.

    Args:
        service: Does the work.
        settings: Address, certificate, token and limits.
        log: Gets a line for each request.
        metrics: Counts probes, and is shown at `/metrics`.
        limits: Bounds for clients; the largest body is taken from the settings.

    Raises:
        UsageError: The certificate or its key cannot be used.
        ServiceError: The address cannot be listened on.
    """
    limits = (limits or HttpLimits())._replace(body_bytes=settings.max_body_bytes)
    pool = ConnectionPool(HttpRoutes(service, settings, log, metrics), limits)
    context = tls_context(settings)
    if context is not None:
        context.set_alpn_protocols(["http/1.1"])
    try:
        server = await asyncio.get_running_loop().create_server(
            pool.connect,
            settings.host,
            settings.port,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=limits.head_s if context else None,
            ssl_shutdown_timeout=limits.linger_s if context else None,
        )
    except OSError as error:
        raise ServiceError(
            f"Cannot listen for HTTP on {settings.host} port {settings.port}: "
            f"{error.strerror or error}. Choose another with --host and --port."
        ) from error
    return HttpListener(server, pool)
