"""What every gRPC server has: health, and reflection, so that clients need no copy of the contract.

The servicer of health that comes with grpcio-health-checking would keep every watch, and with it
the server, open until the end of the grace period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from vmafx_tune.server.grpc_calls import Messages
from vmafx_tune.server.metrics import Counter
from vmafx_tune.server.proto.vmafx.v1 import vmafx_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.server.grpc_app import Serving
    from vmafx_tune.server.grpc_calls import Desk

    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["health_handlers", "reflection_handlers"]

_KNOWN = ("", "vmafx.v1.VmafxScoring")


def health_handlers(desk: Desk, state: Serving) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handlers of all methods, by their names."""
    health = _Health(desk, state)
    return {
        "Check": grpc.stream_unary_rpc_method_handler(
            health.check,
            response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
        ),
        "Watch": grpc.stream_stream_rpc_method_handler(
            health.watch,
            response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
        ),
    }


class _Health:
    """Answers without a token, as probes have none."""

    def __init__(self, desk: Desk, state: Serving) -> None:
        self._desk = desk
        self._state = state

    async def check(self, _messages: object, context: Context) -> health_pb2.HealthCheckResponse:
        async with self._desk.call(context, "Check", needs_token=False, level="debug") as call:
            request = await self._desk.only_message(call, health_pb2.HealthCheckRequest.FromString)
            self._desk.metrics.count(Counter.HEALTH_REQUESTS)
            answer = self._answer(request)
        if request.service not in _KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return answer

    async def watch(self, _messages: object, context: Context) -> None:
        async with self._desk.call(context, "Watch", needs_token=False, level="debug") as call:
            request = await self._desk.only_message(call, health_pb2.HealthCheckRequest.FromString)
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

    def _answer(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        status = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        if request.service in _KNOWN:
            serving = self._state.serving
            status = (
                health_pb2.HealthCheckResponse.SERVING
                if serving
                else health_pb2.HealthCheckResponse.NOT_SERVING
            )
        return health_pb2.HealthCheckResponse(status=status)


def reflection_handlers(desk: Desk) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handler of the only method; the messages of both versions are the same bytes."""
    names = [
        service.full_name
        for file in (vmafx_pb2.DESCRIPTOR, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
    ]
    # The types published for it say that its method returns nothing.
    servicer: Any = ReflectionServicer(names)

    async def server_reflection_info(_messages: object, context: Context) -> None:
        async with (
            desk.call(context, "ServerReflectionInfo", level="debug"),
            desk.service.arrivals(Messages(context), ahead=False) as arrivals,
        ):
            while request := await desk.next_message(
                arrivals, reflection_pb2.ServerReflectionRequest.FromString
            ):
                # It takes requests as they come, and this one is here already.
                for answer in servicer.ServerReflectionInfo(iter((request,)), context):
                    await context.write(answer)

    return {
        "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
            server_reflection_info,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
    }
