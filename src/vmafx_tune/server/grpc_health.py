"""`grpc.health.v1.Health`, whose watches end when the server shuts down.

The servicer that comes with grpcio-health-checking would keep every watch, and with it the server,
open until the end of the grace period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.server.grpc_calls import Desk
    from vmafx_tune.server.serving import Serving

    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["health_handlers"]

_KNOWN = ("", "vmafx.v1.VmafxScoring")


def health_handlers(desk: Desk, state: Serving) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handlers of all methods, by their names."""
    health = _Health(desk, state)
    return {
        "Check": grpc.stream_unary_rpc_method_handler(
            health.check,
            response_serializer=pb.HealthCheckResponse.SerializeToString,
        ),
        "Watch": grpc.stream_stream_rpc_method_handler(
            health.watch,
            response_serializer=pb.HealthCheckResponse.SerializeToString,
        ),
    }


class _Health:
    """Answers without a token, as probes have none."""

    def __init__(self, desk: Desk, state: Serving) -> None:
        self._desk = desk
        self._state = state

    async def check(self, _messages: object, context: Context) -> pb.HealthCheckResponse:
        async with self._desk.call(context, "Check", needs_token=False, level="debug") as call:
            request = await self._desk.only_message(call, pb.HealthCheckRequest.FromString)
            self._desk.metrics.health_requested()
            answer = self._answer(request)
        if request.service not in _KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return answer

    async def watch(self, _messages: object, context: Context) -> None:
        async with self._desk.call(context, "Watch", needs_token=False, level="debug") as call:
            request = await self._desk.only_message(call, pb.HealthCheckRequest.FromString)
            told = None
            while True:
                changed = self._state.changed
                answer = self._answer(request)
                if answer.status != told:
                    told = answer.status
                    await context.write(answer)
                if self._state.closed:
                    return
                await changed.wait()

    def _answer(self, request: pb.HealthCheckRequest) -> pb.HealthCheckResponse:
        if request.service not in _KNOWN:
            return pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVICE_UNKNOWN)
        return pb.HealthCheckResponse(status=self._status())

    def _status(self) -> pb.HealthCheckResponse.ServingStatus.ValueType:
        if self._state.serving:
            return pb.HealthCheckResponse.SERVING
        return pb.HealthCheckResponse.NOT_SERVING
