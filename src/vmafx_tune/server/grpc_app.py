"""The gRPC listener. What answers a method is loaded when it is first called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from vmafx_tune.errors import ServiceError, VmafxTuneError
from vmafx_tune.server.grpc_calls import Calls
from vmafx_tune.server.protocol import tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.server.logs import JsonLog
    from vmafx_tune.server.metrics import Metrics
    from vmafx_tune.server.service import ScoringService
    from vmafx_tune.server.settings import ServerSettings

    GenericHandler = grpc.GenericRpcHandler[Any, Any]
    Handlers = Mapping[str, grpc.RpcMethodHandler[Any, Any]]
else:
    # Takes no parameters at run time.
    GenericHandler = grpc.GenericRpcHandler

__all__ = ["MOST_CONNECTIONS", "GrpcListener", "Serving", "start_grpc"]


class Serving:
    """Whether the server takes work, and a way to wait until that changes."""

    def __init__(self) -> None:
        self.serving = False
        self.closed = False
        self._changed = asyncio.Event()

    def set(self, *, serving: bool) -> None:
        """Tell all watches."""
        self.serving = serving
        self._wake()

    def close(self) -> None:
        """End all watches."""
        self.closed = True
        self._wake()

    @property
    def changed(self) -> asyncio.Event:
        """Set by the next change; to be looked up before the state is."""
        return self._changed

    def _wake(self) -> None:
        # Whoever waits has the old event; the next change gets a new one.
        self._changed.set()
        self._changed = asyncio.Event()


_SCORING = "vmafx.v1.VmafxScoring"
_HEALTH = "grpc.health.v1.Health"
_REFLECTIONS = ("grpc.reflection.v1alpha.ServerReflection", "grpc.reflection.v1.ServerReflection")
_SERVICES = frozenset({_SCORING, _HEALTH, *_REFLECTIONS})
# What a message has beside its two pictures.
_MESSAGE_EXTRA_BYTES = 64 * 1024
# A peer whose machine is gone sends no end of connection.
_KEEPALIVE_MS = 20_000
# Clients ask whether the server is still there while a long score runs; more often is an attack.
_LEAST_PING_INTERVAL_MS = 5_000
_MAX_STREAMS_PER_CONNECTION = 256
MOST_CONNECTIONS = 1024
"""Connections that are taken where there are descriptors enough."""
_IDLE_MS = 300_000
_HANDSHAKE_MS = 10_000


class GrpcListener:
    """A gRPC server that listens. Made by `start_grpc`.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, server: grpc.aio.Server, dispatcher: _Dispatcher, port: int) -> None:
        self.port = port
        self._server = server
        self._dispatcher = dispatcher

    def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - its only meaning
        """Tell those who ask for the server's health whether it takes work."""
        self._dispatcher.state.set(serving=serving)

    def begin_drain(self) -> None:
        """Tell those who watch the server's health that it takes no work, and let go of them."""
        self.set_serving(False)
        self._dispatcher.state.close()

    async def close(self, grace_s: float) -> None:
        """Stop listening; what is not answered within `grace_s` seconds is cancelled."""
        await self._server.stop(grace_s)


async def start_grpc(
    service: ScoringService,
    settings: ServerSettings,
    log: JsonLog,
    metrics: Metrics,
    *,
    connections: int = MOST_CONNECTIONS,
) -> GrpcListener:
    """Listen for gRPC calls.

    Args:
        service: Does the work.
        settings: Address, certificate and limits.
        log: Gets a line for each call.
        metrics: Counts.
        connections: Connections that may be open; more are closed at once.

    Raises:
        ServiceError: The port cannot be had.
        UsageError: Certificate and key cannot be used.
    """
    dispatcher = _Dispatcher(Calls(service, log, metrics))
    server = grpc.aio.server(options=_options(settings, connections))
    server.add_generic_rpc_handlers((dispatcher,))
    try:
        port = _bind(server, settings)
    except VmafxTuneError:
        await server.stop(None)
        raise
    await server.start()
    return GrpcListener(server, dispatcher, port)


class _Dispatcher(GenericHandler):
    """Finds the handler of a method; loads a service's when one of them is first called."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._loaded: dict[str, Handlers] = {}
        self.state = Serving()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Find the handler of `/package.Service/Method`; None where there is none."""
        service, _, method = handler_call_details.method.removeprefix("/").partition("/")
        if service not in _SERVICES:
            return None
        if service not in self._loaded:
            self._loaded[service] = self._load(service)
        return self._loaded[service].get(method)

    def _load(self, service: str) -> Handlers:
        from vmafx_tune.server import grpc_services

        if service == _SCORING:
            return grpc_services.scoring_handlers(self._calls)
        if service == _HEALTH:
            return grpc_services.health_handlers(self._calls, self.state)
        return grpc_services.reflection_handlers(self._calls)


def _options(settings: ServerSettings, connections: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_allowed_incoming_connections", connections),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_receive_message_length", settings.max_frame_bytes + _MESSAGE_EXTRA_BYTES),
        ("grpc.max_concurrent_streams", _MAX_STREAMS_PER_CONNECTION),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_MS // 2),
        ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_INTERVAL_MS),
        # Two servers on one port would each get half of the calls.
        ("grpc.so_reuseport", 0),
    ]


def _bind(server: grpc.aio.Server, settings: ServerSettings) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.grpc_port}"
    credentials = _credentials(settings)
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ServiceError(
            f"The gRPC listener cannot have {address}. Stop what listens there, or choose another "
            "port with --grpc-port."
        ) from error


def _credentials(settings: ServerSettings) -> grpc.ServerCredentials | None:
    # Loaded for its errors: grpc would only say that no connection can be made, and only when
    # there is one.
    if tls_context(settings) is None or settings.tls_cert is None or settings.tls_key is None:
        return None
    pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
    return grpc.ssl_server_credentials([pair])
