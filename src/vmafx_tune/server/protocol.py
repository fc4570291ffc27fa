"""What both transports and their clients agree on: tokens, request ids, errors, TLS."""

from __future__ import annotations

import hmac
import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune import errors
from vmafx_tune.errors import UnauthenticatedError, UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from vmafx_tune.server.settings import ServerSettings


__all__ = [
    "AUTHORIZATION",
    "ERROR_DOMAIN",
    "REQUEST_ID",
    "STATUSES",
    "STATUS_DETAILS",
    "Status",
    "check_token",
    "choose_request_id",
    "error_for",
    "public_sentence",
    "reason_of",
    "status_of",
    "tls_context",
]

REQUEST_ID = "x-request-id"
"""What a call is called, from the client or, where it does not say, from the server."""

AUTHORIZATION = "authorization"
"""`Bearer TOKEN`."""

STATUS_DETAILS = "grpc-status-details-bin"
"""A `google.rpc.Status`, as Google's richer error model has it."""

ERROR_DOMAIN = "vmafx-tune"
"""Domain of the reasons in `google.rpc.ErrorInfo`; each is the name of an error, as
`BUSY` is that of `BusyError`."""


_SCHEME = "bearer "
# What is safe in a header and in a log, and long enough for a UUID or a trace id.
_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


def check_token(authorization: str | None, token: str | None) -> None:
    """Compare an `authorization` header or metadata entry with the server's token.

    Args:
        authorization: `Bearer TOKEN`; None where there is none.
        token: What TOKEN has to be; None lets everyone in.

    Raises:
        UnauthenticatedError: It is not that token.
    """
    if token is None:
        return
    given = authorization or ""
    scheme, rest = given[: len(_SCHEME)], given[len(_SCHEME) :].strip()
    # Both are compared in constant time, whatever their lengths.
    matches = hmac.compare_digest(_bytes(rest), _bytes(token))
    if scheme.lower() != _SCHEME or not matches:
        raise UnauthenticatedError(
            "This server wants a token: send it as 'authorization: Bearer TOKEN'."
        )


def choose_request_id(given: str | None) -> str:
    """Take the client's request id where it is a sensible one, else make one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return os.urandom(16).hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@frozen
class Status:
    """How an error leaves the server.

    Attributes:
        http: HTTP status code.
        grpc: Name of the gRPC status code.
        sentence: What the client gets to read; None for the error's own message. Messages that may
            hold paths, command lines or output of programs of the server never leave it.
    """

    http: int
    grpc: str
    sentence: str | None = None


_INTERNAL = Status(500, "INTERNAL", "The server failed. Its log has the reason by the request id.")
_USAGE = Status(400, "INVALID_ARGUMENT")
_MEDIA = Status(422, "FAILED_PRECONDITION")
_NO_SCORER = Status(503, "UNAVAILABLE", "The server's scorer cannot be used at present.")

STATUSES: Mapping[type[errors.VmafxTuneError], Status] = MappingProxyType(
    {
        errors.VmafxTuneError: _INTERNAL,
        errors.UsageError: _USAGE,
        errors.UnknownEncoderError: _USAGE,
        errors.InvalidLadderError: _USAGE,
        errors.IncomparableError: _USAGE,
        errors.MediaError: _MEDIA,
        errors.UnreadableSourceError: _MEDIA,
        errors.SourceSupportError: _INTERNAL,
        errors.FormatMismatchError: _MEDIA,
        errors.FrameCountMismatchError: _MEDIA,
        errors.HdrRefusedError: Status(
            422,
            "FAILED_PRECONDITION",
            "The reference is HDR (PQ or HLG), for which no public VMAF model is validated.",
        ),
        errors.ToolError: _INTERNAL,
        errors.ToolNotFoundError: _NO_SCORER,
        errors.ToolTimeoutError: Status(
            500, "INTERNAL", "The scorer made no progress for too long and was stopped."
        ),
        errors.ToolOutputError: _INTERNAL,
        errors.EncodeFailedError: _INTERNAL,
        errors.EncoderUnavailableError: _INTERNAL,
        errors.ScoringError: Status(
            422,
            "FAILED_PRECONDITION",
            "VMAF cannot be computed for these pictures with this model: they may be too small.",
        ),
        errors.LibvmafNotFoundError: _NO_SCORER,
        errors.LibvmafCallError: _INTERNAL,
        errors.ModelNotFoundError: Status(
            400, "INVALID_ARGUMENT", "The scorer of this server does not have that VMAF model."
        ),
        errors.MetricUnavailableError: _INTERNAL,
        errors.SearchError: _INTERNAL,
        errors.TargetUnreachableError: _INTERNAL,
        errors.NonMonotoneError: _INTERNAL,
        errors.TooLargeError: _INTERNAL,
        errors.ServiceError: _INTERNAL,
        errors.BusyError: Status(429, "RESOURCE_EXHAUSTED"),
        errors.DrainingError: Status(503, "UNAVAILABLE"),
        errors.DeadlineError: Status(504, "DEADLINE_EXCEEDED"),
        errors.MediaNotAllowedError: Status(404, "NOT_FOUND"),
        errors.MemoryLimitError: Status(413, "RESOURCE_EXHAUSTED"),
        errors.ScorerCrashedError: Status(
            422,
            "FAILED_PRECONDITION",
            "One of the two clips brought down the process that read it. Check that both play, or "
            "convert them.",
        ),
        errors.InvalidFrameError: Status(400, "INVALID_ARGUMENT"),
        errors.UnauthenticatedError: Status(401, "UNAUTHENTICATED"),
        errors.ServerUnreachableError: Status(503, "UNAVAILABLE"),
        errors.ClusterError: _INTERNAL,
        errors.ClusterSupportError: _INTERNAL,
        errors.ClusterUnreachableError: _INTERNAL,
        errors.ClusterWorkersError: _INTERNAL,
        errors.OutputError: _INTERNAL,
        errors.CancelledError: Status(503, "CANCELLED"),
        errors.ClusterLostError: _INTERNAL,
    }
)
"""A row for every error there is; a test fails for one without."""


def status_of(error: BaseException) -> Status:
    """Look an error up; one that was not raised on purpose is internal."""
    for cls in type(error).__mro__:
        if cls in STATUSES:
            return STATUSES[cls]
    return _INTERNAL


def public_sentence(error: BaseException) -> str:
    """Return the sentence about an error that a client may read."""
    return status_of(error).sentence or str(error)


def reason_of(error: BaseException) -> str:
    """Name an error for clients' programs: `BUSY` for a `BusyError`."""
    known = (cls for cls in type(error).__mro__ if cls in STATUSES)
    return _reason(next(known, errors.ServiceError))


def error_for(reason: str) -> type[errors.VmafxTuneError] | None:
    """Find the error of that name; None where there is none, as in a newer server."""
    return next((cls for cls in STATUSES if _reason(cls) == reason), None)


def _reason(cls: type[BaseException]) -> str:
    words = re.findall(r"[A-Z][a-z]+", cls.__name__.removesuffix("Error"))
    return "_".join(words).upper()


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Load the certificate and its key; returns None where there is none.

    Raises:
        UsageError: They cannot be used.
    """
    if settings.tls_cert is None:
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase would make OpenSSL ask for it at the terminal.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The certificate '{settings.tls_cert}' with the key '{settings.tls_key}' cannot be "
            f"used: {error}. Both have to be PEM files, the key without a passphrase."
        ) from error
    return context
