"""Reflection, so that clients need no copy of the contract: versions v1alpha and v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from vmafx_tune.server.grpc_calls import Messages
from vmafx_tune.server.proto.vmafx.v1 import vmafx_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.server.grpc_calls import Desk

    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["reflection_handlers"]


def reflection_handlers(desk: Desk) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handler of the only method; the messages of both versions are the same bytes."""
    names = [
        service.full_name
        for file in (vmafx_pb2.DESCRIPTOR, health_pb2.DESCRIPTOR, pb.DESCRIPTOR)
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
                arrivals, pb.ServerReflectionRequest.FromString
            ):
                # It takes requests as they come, and this one is here already.
                for answer in servicer.ServerReflectionInfo(iter((request,)), context):
                    await context.write(answer)

    return {
        "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
            server_reflection_info,
            response_serializer=pb.ServerReflectionResponse.SerializeToString,
        )
    }
