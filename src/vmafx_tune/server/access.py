"""Who asks, and how a request is called: for both transports, the server and its clients."""

from __future__ import annotations

import hmac
import os
import re
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnauthenticatedError, UsageError

if TYPE_CHECKING:
    import ssl

    from vmafx_tune.server.settings import ServerSettings

__all__ = [
    "AUTHORIZATION",
    "ERROR_DOMAIN",
    "REQUEST_ID",
    "STATUS_DETAILS",
    "check_token",
    "choose_request_id",
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
