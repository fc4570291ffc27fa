"""The services of the gRPC server: scoring, health, and reflection.

With reflection, clients need no copy of the contract. The servicer of health that comes with
grpcio-health-checking would keep every watch, and with it the server, open until the end of the
grace period.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from vmafx_tune.errors import DeadlineError, InvalidFrameError
from vmafx_tune.server.grpc_calls import Messages, read_message
from vmafx_tune.server.metrics import Counter
from vmafx_tune.server.proto import vmafx_pb2 as pb
from vmafx_tune.server.service import ScoreCall
from vmafx_tune.server.streams import PIXEL_FORMATS, Aggregate, FramePair, StreamConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.server.grpc_app import Serving
    from vmafx_tune.server.grpc_calls import Call, Calls
    from vmafx_tune.server.streams import FrameScore

    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = [
    "health_handlers",
    "reflection_handlers",
    "scoring_handlers",
]


def scoring_handlers(calls: Calls) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handlers of scoring, by the names of its methods."""
    scoring = _Scoring(calls)
    return {
        "Score": grpc.stream_unary_rpc_method_handler(
            scoring.score,
            response_serializer=pb.ScoreResponse.SerializeToString,
        ),
        "ScoreStream": grpc.stream_stream_rpc_method_handler(
            scoring.score_stream,
            response_serializer=pb.ScoreStreamResponse.SerializeToString,
        ),
        "Health": grpc.stream_unary_rpc_method_handler(
            scoring.health,
            response_serializer=pb.HealthResponse.SerializeToString,
        ),
    }


class _Scoring:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._service = calls.service

    async def score(self, _messages: object, context: Context) -> pb.ScoreResponse:
        async with self._calls.call(context, "Score") as call:
            request = await self._calls.only_message(call, pb.ScoreRequest.FromString)
            call.model = request.model or None
            scored = await self._service.score(
                ScoreCall(
                    reference=request.reference,
                    distorted=request.distorted,
                    model=request.model,
                    **_pooling(request),
                    request_id=call.request_id,
                    deadline_s=call.deadline_s,
                )
            )
            return pb.ScoreResponse(**asdict(scored))

    async def score_stream(self, _messages: object, context: Context) -> None:
        async with self._calls.call(context, "ScoreStream") as call:
            config = await self._config(call)
            call.model = config.model or None
            answers = self._service.stream(config, _Pairs(context), deadline_s=call.deadline_s)
            async with aclosing(answers):
                async for answer in answers:
                    await self._write(call, _response(answer))

    async def health(self, _messages: object, context: Context) -> pb.HealthResponse:
        async with self._calls.call(context, "Health", level="debug") as call:
            await self._calls.only_message(call, pb.HealthRequest.FromString)
            self._calls.metrics.count(Counter.HEALTH_REQUESTS)
            reason = self._service.not_ready
            return pb.HealthResponse(ok=reason is None, message=reason or "ready")

    async def _config(self, call: Call) -> StreamConfig:
        # The pictures after it stay with the client until there is a slot for them.
        first = await self._calls.first_message(call, pb.ScoreStreamRequest.FromString)
        if first is None:
            raise InvalidFrameError("The stream is empty. Its first message has to be a config.")
        if first.WhichOneof("message") != "config":
            raise InvalidFrameError("The first message of a stream has to be its config.")
        return _stream_config(first.config)

    async def _write(self, call: Call, response: pb.ScoreStreamResponse) -> None:
        patience_s = self._service.settings.stream_idle_timeout_s
        timeout = asyncio.timeout(patience_s)
        try:
            async with timeout:
                await call.context.write(response)
        except TimeoutError as error:
            raise DeadlineError(
                f"No score was read for {patience_s:g} s, and the stream was closed."
            ) from error


def _stream_config(config: pb.StreamConfig) -> StreamConfig:
    number = int(config.pixel_format)
    if not 1 <= number <= len(PIXEL_FORMATS):
        raise InvalidFrameError(
            f"{number} is not a pixel format. Send 1 to {len(PIXEL_FORMATS)}: "
            f"{', '.join(PIXEL_FORMATS)}."
        )
    return StreamConfig(
        width=config.width,
        height=config.height,
        pix_fmt=PIXEL_FORMATS[number - 1],
        model=config.model,
        frame_count_hint=config.frame_count_hint,
        **_pooling(config),
    )


def _pooling(request: pb.ScoreRequest | pb.StreamConfig) -> dict[str, Any]:
    """Read how to pool; a client that knows nothing of it leaves the fields at zero."""
    asked = {"pool": request.pool, "subsample": request.subsample}
    return {name: value for name, value in asked.items() if value}


class _Pairs:
    """The pictures of a stream; none is held here while the next one is waited for."""

    def __init__(self, context: Context) -> None:
        self._messages = Messages(context)

    def __aiter__(self) -> _Pairs:
        return self

    async def __anext__(self) -> FramePair:
        return _frame_pair(await anext(self._messages))


def _frame_pair(data: bytes) -> FramePair:
    request = read_message(pb.ScoreStreamRequest.FromString, data)
    kind = request.WhichOneof("message")
    if kind == "config":
        raise InvalidFrameError("A second config came: a stream has one, as its first message.")
    if kind is None:
        raise InvalidFrameError("A message came that is neither a config nor a frame pair.")
    pair = request.frame_pair
    return FramePair(pair.frame_index, pair.raw_reference, pair.raw_distorted)


def _response(answer: FrameScore | Aggregate) -> pb.ScoreStreamResponse:
    if isinstance(answer, Aggregate):
        return pb.ScoreStreamResponse(aggregate=pb.AggregateScore(**asdict(answer)))
    return pb.ScoreStreamResponse(
        frame_score=pb.FrameScore(
            frame_index=answer.index, score=answer.score, features=answer.features
        )
    )


_KNOWN = ("", "vmafx.v1.VmafxScoring")


def health_handlers(calls: Calls, state: Serving) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handlers of health, by the names of its methods."""
    health = _Health(calls, state)
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

    def __init__(self, calls: Calls, state: Serving) -> None:
        self._calls = calls
        self._state = state

    async def check(self, _messages: object, context: Context) -> health_pb2.HealthCheckResponse:
        async with self._calls.call(context, "Check", needs_token=False, level="debug") as call:
            request = await self._calls.only_message(call, health_pb2.HealthCheckRequest.FromString)
            self._calls.metrics.count(Counter.HEALTH_REQUESTS)
            answer = self._answer(request)
        if request.service not in _KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return answer

    async def watch(self, _messages: object, context: Context) -> None:
        async with self._calls.call(context, "Watch", needs_token=False, level="debug") as call:
            request = await self._calls.only_message(call, health_pb2.HealthCheckRequest.FromString)
            sent = None
            while True:
                changed = self._state.changed
                answer = self._answer(request)
                if answer.status != sent:
                    sent = answer.status
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


def reflection_handlers(calls: Calls) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Make the handler of the only method; the messages of both versions are the same bytes."""
    names = [
        service.full_name
        for file in (pb.DESCRIPTOR, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
    ]
    # The types published for it say that its method returns nothing.
    servicer: Any = ReflectionServicer(names)

    async def server_reflection_info(_messages: object, context: Context) -> None:
        async with (
            calls.call(context, "ServerReflectionInfo", level="debug"),
            calls.service.arrivals(Messages(context), ahead=False) as arrivals,
        ):
            while request := await calls.next_message(
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
