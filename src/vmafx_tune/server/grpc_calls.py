"""What all gRPC calls have in common: request id, token, errors as statuses, a line in the log."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from vmafx_tune.errors import BusyError, UsageError
from vmafx_tune.server.admission import FirstMessages
from vmafx_tune.server.logs import describe_error, severity_of
from vmafx_tune.server.protocol import (
    AUTHORIZATION,
    ERROR_DOMAIN,
    REQUEST_ID,
    STATUS_DETAILS,
    check_token,
    choose_request_id,
    public_sentence,
    reason_of,
    status_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from vmafx_tune.server.admission import Arrivals
    from vmafx_tune.server.logs import JsonLog
    from vmafx_tune.server.metrics import Metrics
    from vmafx_tune.server.service import ScoringService

__all__ = ["Call", "Calls", "Messages", "read_message"]

T = TypeVar("T")

# All trailing metadata together may have 8 KiB with most clients.
_MAX_SENTENCE_CHARS = 1000
_END: Any = grpc.aio.EOF  # type: ignore[attr-defined] # the published types lack it


@dataclass
class Call:
    """One call that is being answered.

    Attributes:
        context: grpc's own view of it.
        request_id: What it is called in logs.
        deadline_s: Seconds that the client waits; None where it does not say.
        model: The model that it asks for, for the log.
    """

    context: grpc.aio.ServicerContext[Any, Any]
    request_id: str
    deadline_s: float | None
    model: str | None = field(default=None)


class Messages:
    """The messages of a call as they come in.

    grpc's own iterator holds the last message, which may be a hundred megabytes, until the next one
    has come.

    Args:
        context: grpc's own view of the call.
    """

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self._context = context

    def __aiter__(self) -> Messages:
        return self

    async def __anext__(self) -> bytes:
        message: Any = await self._context.read()
        if message is _END:
            raise StopAsyncIteration
        return bytes(message)


class Calls:
    """Answers calls: reads their messages, checks their token, logs their end.

    Args:
        service: Does the work.
        log: Gets a line for each call.
        metrics: Counts.
    """

    def __init__(self, service: ScoringService, log: JsonLog, metrics: Metrics) -> None:
        self.service = service
        self.metrics = metrics
        self._log = log
        self._first_messages = FirstMessages()

    async def first_message(self, call: Call, parse: Callable[[bytes], T]) -> T | None:
        """Read and parse the first message of a call; None where there is none.

        Every method is a stream of messages here, whatever its contract says: the bytes are the
        same, and a message is not taken in before the call's token was checked.

        Raises:
            DeadlineError, DrainingError: It did not come in time.
            UsageError: It is too long, or no such message.
        """
        async with self.service.arrivals(Messages(call.context), ahead=False) as arrivals:
            return await self.next_message(arrivals, parse)

    async def next_message(
        self, arrivals: Arrivals[bytes], parse: Callable[[bytes], T]
    ) -> T | None:
        """Read and parse a message other than a picture, as `first_message` does."""
        data = await self._first_messages.read(arrivals)
        return None if data is None else read_message(parse, data)

    async def only_message(self, call: Call, parse: Callable[[bytes], T]) -> T:
        """Read and parse the message of a call that has exactly one.

        Raises:
            DeadlineError: It did not come in time.
            UsageError: There is none, or it is too long, or no such message.
        """
        message = await self.first_message(call, parse)
        if message is None:
            raise UsageError("The call ended without its message. Send one.")
        return message

    @asynccontextmanager
    async def call(
        self,
        context: grpc.aio.ServicerContext[Any, Any],
        rpc: str,
        *,
        needs_token: bool = True,
        level: str = "info",
    ) -> AsyncIterator[Call]:
        """Answer a call within the block; what it raises becomes the call's status.

        Args:
            context: grpc's own view of the call.
            rpc: Name of the method for the log.
            needs_token: Whether it is for those with the token only, where there is one.
            level: How grave it is that all went well.
        """
        given = _metadata(context)
        call = Call(context, choose_request_id(given.get(REQUEST_ID)), context.time_remaining())
        started = time.monotonic()
        try:
            await context.send_initial_metadata(((REQUEST_ID, call.request_id),))
            if needs_token:
                check_token(given.get(AUTHORIZATION), self.service.settings.api_token)
            yield call
        except asyncio.CancelledError:
            self._log_end("info", "cancelled", "CANCELLED", call, rpc, started)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a status
            code = status_of(error).grpc
            fields = describe_error(error)
            self._log_end(severity_of(error), "failed", code, call, rpc, started, **fields)
            await _abort(context, error)
        else:
            self._log_end(level, "answered", "OK", call, rpc, started)

    def _log_end(
        self,
        level: str,
        msg: str,
        status: str,
        call: Call,
        rpc: str,
        started: float,
        **failure: str,
    ) -> None:
        getattr(self._log, level)(
            msg,
            request_id=call.request_id,
            rpc=rpc,
            status=status,
            duration_s=round(time.monotonic() - started, 6),
            model=call.model,
            **failure,
        )


def read_message(parse: Callable[[bytes], T], data: bytes) -> T:
    """Parse a client's message; grpc would report a bad one as unknown, and log lines of its own.

    Args:
        parse: `FromString` of the message's class.
        data: The message on the wire.

    Raises:
        UsageError: It is not such a message.
    """
    from google.protobuf.message import DecodeError

    try:
        return parse(data)
    except DecodeError as error:
        raise UsageError(
            "The request is not a message of the method's type. Send what its .proto file says, "
            "with all text in UTF-8."
        ) from error


def _metadata(context: grpc.aio.ServicerContext[Any, Any]) -> dict[str, str]:
    found = context.invocation_metadata() or ()
    return {key: value for key, value in found if isinstance(value, str)}


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> None:
    code = grpc.StatusCode[status_of(error).grpc]
    sentence = public_sentence(error)[:_MAX_SENTENCE_CHARS]
    await context.abort(code, sentence, ((STATUS_DETAILS, _details(code, sentence, error)),))


def _details(code: grpc.StatusCode, sentence: str, error: Exception) -> bytes:
    """Build `google.rpc.Status`, which clients' libraries know: which error, and when to retry."""
    from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
    from google.rpc.status_pb2 import Status

    status = Status(code=code.value[0], message=sentence)
    status.details.add().Pack(ErrorInfo(reason=reason_of(error), domain=ERROR_DOMAIN))
    if isinstance(error, BusyError):
        delay = RetryInfo()
        delay.retry_delay.FromMilliseconds(round(error.retry_after_s * 1000))
        status.details.add().Pack(delay)
    details: bytes = status.SerializeToString()
    return details
