"""The HTTP door to the scoring service: listening, and the end of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vmafx_tune.errors import ServiceError
from vmafx_tune.server.access import tls_context
from vmafx_tune.server.http_connection import ConnectionPool
from vmafx_tune.server.http_reader import HttpLimits
from vmafx_tune.server.http_routes import HttpRoutes

if TYPE_CHECKING:
    from vmafx_tune.server.logs import JsonLog
    from vmafx_tune.server.metrics import Metrics
    from vmafx_tune.server.service import ScoringService
    from vmafx_tune.server.settings import ServerSettings

__all__ = ["BACKLOG", "HttpListener", "start_http"]

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
