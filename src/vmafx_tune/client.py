"""A client of the scoring server.

Example:
    >>> from vmafx_tune.client import ScoringClient
    >>> with ScoringClient("127.0.0.1:50051") as client:  # doctest: +SKIP
    ...     client.score("source.mp4", "encode.mp4").score
    93.21
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

from vmafx_tune.choices import PoolMethod
from vmafx_tune.errors import (
    BusyError,
    CancelledError,
    DeadlineError,
    FrameCountMismatchError,
    LibvmafCallError,
    LibvmafNotFoundError,
    NonMonotoneError,
    ServerUnreachableError,
    ServiceError,
    TargetUnreachableError,
    TooLargeError,
    UnknownEncoderError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.files import read_input
from vmafx_tune.frozen import frozen
from vmafx_tune.server.protocol import AUTHORIZATION, REQUEST_ID, STATUS_DETAILS, error_for
from vmafx_tune.server.scorer import Scored, checked_subsample
from vmafx_tune.server.streams import (
    PIXEL_FORMATS,
    Aggregate,
    FramePair,
    FrameScore,
    StreamConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import grpc

    from vmafx_tune.server.proto import vmafx_pb2

__all__ = [
    "Aggregate",
    "FramePair",
    "FrameScore",
    "RemoteHealth",
    "RemoteScore",
    "ScoringClient",
    "StreamConfig",
]

# A server whose machine is gone sends no end of connection, however long the score takes.
_KEEPALIVE = (("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000))
_TLS_SCHEMES = ("grpcs://", "https://")
_PLAIN_SCHEMES = ("grpc://", "http://")
_NEEDING_MORE = frozenset(
    {
        FrameCountMismatchError,
        LibvmafCallError,
        LibvmafNotFoundError,
        NonMonotoneError,
        TargetUnreachableError,
        TooLargeError,
        UnknownEncoderError,
    }
)


@frozen
class RemoteScore(Scored):
    """A server's answer; a server of an earlier version tells score and features only.

    Attributes:
        request_id: What the server's log calls the request.
    """

    request_id: str = ""


@frozen
class RemoteHealth:
    """Whether a server takes work, and in a word why not."""

    ok: bool
    message: str


class ScoringClient:
    """A connection to a scoring server, made when it is first needed. Thread-safe.

    Args:
        address: `HOST:PORT` of its gRPC listener; with `grpcs://` before it, TLS is used.
        token: Bearer token, where the server wants one.
        tls_ca: PEM file with the authorities that may vouch for the server, instead of the usual
            ones; switches TLS on.
        timeout_s: How long `score` and `health` wait for an answer; None leaves it to the server.

    Raises:
        UsageError: The address or the file cannot be used.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        tls_ca: Path | None = None,
        timeout_s: float | None = None,
    ) -> None:
        from vmafx_tune.server.proto import vmafx_pb2_grpc

        # Generated without types.
        stubs: Any = vmafx_pb2_grpc
        self.address = address
        self._metadata = ((AUTHORIZATION, f"Bearer {token}"),) if token else ()
        self._timeout_s = timeout_s
        self._channel = _channel(address, tls_ca)
        self._stub = stubs.VmafxScoringStub(self._channel)

    def score(
        self,
        reference: str,
        distorted: str,
        model: str = "",
        *,
        pool: PoolMethod = PoolMethod.MEAN,
        subsample: int = 1,
    ) -> RemoteScore:
        """Have two files compared that the server can read.

        Args:
            reference: The clip as it should look, by its name on the server.
            distorted: The clip to judge.
            model: Name of a VMAF model; empty for the default.
            pool: How frame scores become one.
            subsample: Score every n-th frame, 1 for all.

        Raises:
            VmafxTuneError: The server's error, as it was raised there as far as it tells.
            ServerUnreachableError: There is no server.
            ServiceError: The server is of a version that takes neither `pool` nor `subsample`.
            UsageError: A name is not UTF-8, or `subsample` makes no sense.
        """
        from vmafx_tune.server.proto import vmafx_pb2 as pb

        try:
            request = pb.ScoreRequest(
                reference=reference,
                distorted=distorted,
                model=model,
                pool=pool,
                subsample=checked_subsample(subsample),
            )
        except UnicodeEncodeError as error:
            raise UsageError(
                f"A server only accepts file names in UTF-8, and '{error.object}' is not. Rename "
                "the file."
            ) from error
        with self._errors():
            answer, call = self._stub.Score.with_call(
                request, timeout=self._timeout_s, metadata=self._metadata
            )
        told = _scored(answer)
        self._require_asked(told, pool, subsample)
        return RemoteScore(**told, request_id=_request_id(call))

    def score_frames(
        self, config: StreamConfig, pairs: Iterable[FramePair]
    ) -> Iterator[FrameScore | Aggregate]:
        """Have pictures compared while they are made.

        Args:
            config: What the pictures are.
            pairs: The pictures; taken from another thread, no faster than the server takes them.

        Yields:
            The score of each pair, in order, and last the aggregate. Closing the iterator before
            its end cancels the stream.

        Raises:
            InvalidFrameError: The pictures are not what `config` says.
            VmafxTuneError: As for `score`. What `pairs` raises is raised here.
        """
        requests = _Requests(config, pairs)
        call = self._stub.ScoreStream(iter(requests), metadata=self._metadata)
        try:
            with self._errors(requests):
                for answer in call:
                    if answer.WhichOneof("message") == "aggregate":
                        yield self._aggregate(answer.aggregate, config)
                    else:
                        yield _frame(answer.frame_score)
        finally:
            call.cancel()

    def health(self) -> RemoteHealth:
        """Ask whether the server takes work.

        Raises:
            ServerUnreachableError: There is no server.
        """
        from vmafx_tune.server.proto import vmafx_pb2 as pb

        with self._errors():
            answer = self._stub.Health(
                pb.HealthRequest(), timeout=self._timeout_s, metadata=self._metadata
            )
        return RemoteHealth(answer.ok, answer.message)

    def close(self) -> None:
        """Close the connection; calls that are running are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _aggregate(self, total: vmafx_pb2.AggregateScore, config: StreamConfig) -> Aggregate:
        told = _scored(total)
        self._require_asked(told, config.pool, config.subsample)
        return Aggregate(
            **told, frames_processed=total.frames_processed, elapsed_ms=total.elapsed_ms
        )

    def _require_asked(self, told: dict[str, Any], pool: str, subsample: int) -> None:
        """Refuse the mean of all frames where something else was asked of an earlier version."""
        if (told["pool"], told["subsample"]) != (pool, subsample):
            raise ServiceError(
                f"The server at {self.address} has a version that only pools all frames by their "
                "mean. Leave out other pooling and subsampling, or update the server."
            )

    @contextmanager
    def _errors(self, requests: _Requests | None = None) -> Iterator[None]:
        import grpc

        try:
            yield
        except grpc.RpcError as error:
            if requests is not None and requests.error is not None:
                raise requests.error from None
            raise _own_error(error, self.address) from error


class _Requests:
    """The messages of a stream; keeps the exception of whoever makes the pictures."""

    def __init__(self, config: StreamConfig, pairs: Iterable[FramePair]) -> None:
        self._config = config
        self._pairs = pairs
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[vmafx_pb2.ScoreStreamRequest]:
        from vmafx_tune.server.proto import vmafx_pb2 as pb

        yield pb.ScoreStreamRequest(config=_config(self._config))
        try:
            for pair in self._pairs:
                yield pb.ScoreStreamRequest(
                    frame_pair=pb.FramePair(
                        frame_index=pair.index,
                        raw_reference=pair.reference,
                        raw_distorted=pair.distorted,
                    )
                )
        except Exception as error:
            # grpc only logs it, and cancels the call.
            self.error = error
            raise


def _config(config: StreamConfig) -> vmafx_pb2.StreamConfig:
    from vmafx_tune.server.proto import vmafx_pb2 as pb

    known = config.pix_fmt in PIXEL_FORMATS
    number = PIXEL_FORMATS.index(config.pix_fmt) + 1 if known else 0
    return pb.StreamConfig(
        width=config.width,
        height=config.height,
        pixel_format=pb.PixelFormat.Name(number),
        model=config.model,
        frame_count_hint=config.frame_count_hint,
        pool=config.pool,
        subsample=checked_subsample(config.subsample),
    )


def _scored(answer: vmafx_pb2.ScoreResponse | vmafx_pb2.AggregateScore) -> dict[str, Any]:
    """Read the fields of `Scored`; an earlier version leaves out what it was not asked for."""
    told = {field.name: getattr(answer, field.name) for field in fields(Scored)}
    maps = {name: dict(sorted(told[name].items())) for name in ("features", "pooled")}
    return {**told, **maps, "pool": answer.pool or "mean", "subsample": answer.subsample or 1}


def _frame(frame: vmafx_pb2.FrameScore) -> FrameScore:
    return FrameScore(frame.frame_index, frame.score, dict(frame.features))


def _channel(address: str, tls_ca: Path | None) -> grpc.Channel:
    import grpc

    target, secure = _target(address)
    if tls_ca is None and not secure:
        return grpc.insecure_channel(target, options=_KEEPALIVE)
    try:
        roots = read_input(tls_ca) if tls_ca is not None else None
    except OSError as error:
        raise UsageError(
            f"The CA certificates '{tls_ca}' cannot be read: {error.strerror or error}."
        ) from error
    credentials = grpc.ssl_channel_credentials(roots)
    return grpc.secure_channel(target, credentials, options=_KEEPALIVE)


def _target(address: str) -> tuple[str, bool]:
    for schemes, secure in ((_TLS_SCHEMES, True), (_PLAIN_SCHEMES, False)):
        for scheme in schemes:
            if address.startswith(scheme):
                return _target(address.removeprefix(scheme))[0], secure
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit()):
        raise UsageError(f"'{address}' is not a valid server address. Write it as HOST:PORT.")
    return address, False


def _request_id(call: Any) -> str:
    found = dict(call.initial_metadata() or ())
    return str(found.get(REQUEST_ID, ""))


def _own_error(error: Any, address: str) -> VmafxTuneError:
    """Turn grpc's error into the one that the server raised, as far as it says."""
    message, reason, retry_after_s = error.details() or "", None, None
    if (details := dict(error.trailing_metadata() or ()).get(STATUS_DETAILS)) is not None:
        reason, retry_after_s = _read_details(details)
    if reason is None:
        return _transport_error(error, address, message)
    cls = error_for(reason) or ServiceError
    if issubclass(cls, BusyError):
        return BusyError(message, retry_after_s=retry_after_s or 1.0)
    if cls is VmafxTuneError or error.code().name == "INTERNAL":
        return ServiceError(f"{message} The request id is {_request_id(error)}.")
    return _told_by_message(cls)(message)


def _read_details(details: bytes) -> tuple[str | None, float | None]:
    from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
    from google.rpc.status_pb2 import Status

    info, retry = ErrorInfo(), RetryInfo()
    for detail in Status.FromString(details).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    delay_s = retry.retry_delay.ToMilliseconds() / 1000
    return info.reason or None, delay_s or None


def _transport_error(error: Any, address: str, message: str) -> VmafxTuneError:
    code = error.code().name
    if code == "DEADLINE_EXCEEDED":
        return DeadlineError(f"The server at {address} did not answer in time.")
    if code == "CANCELLED":
        return CancelledError("The work was cancelled.")
    if code in {"UNAVAILABLE", "UNIMPLEMENTED"}:
        return ServerUnreachableError(
            f"No scoring server answers at {address} ({message}). Check the address, its gRPC "
            "port, and whether it uses TLS."
        )
    return ServiceError(f"The server at {address} failed: {message} ({code}).")


def _told_by_message(cls: type[VmafxTuneError]) -> type[VmafxTuneError]:
    """Find the nearest class that needs nothing but a message, which is all that was sent."""
    return next(base for base in cls.__mro__ if base not in _NEEDING_MORE)
