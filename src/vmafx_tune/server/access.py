"""Who asks, and how a request is called: the same for both transports."""

from __future__ import annotations

import hmac
import re
import secrets

from vmafx_tune.errors import UnauthenticatedError

__all__ = ["check_token", "choose_request_id"]

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
    return secrets.token_hex(16)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
