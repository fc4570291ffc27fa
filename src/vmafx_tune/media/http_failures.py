"""What can go wrong between here and an HTTP server, as clauses."""

from __future__ import annotations

import socket
import ssl
from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING

from urllib3 import exceptions

from vmafx_tune.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TransferError", "explained", "no_answer", "shown"]

_LONGEST_SHOWN = 80


class TransferError(Exception):
    """Why a transfer fails, as a clause.

    Attributes:
        temporary: Whether another attempt may do better.
    """

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        self.temporary = temporary
        super().__init__(reason)


def no_answer(after_s: float) -> TransferError:
    """Build the error for a server that keeps silent."""
    return TransferError(f"the server does not answer within {after_s:g} s", temporary=True)


def explained(error: Exception, patience_s: float) -> TransferError:
    """Say what went wrong. Messages of urllib3 repeat whole URLs, so that none of them is used.

    Args:
        error: What was raised on the way.
        patience_s: How long each step may take.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, TimeoutError):
            return no_answer(patience_s)
        found = _from_proxy(cause, causes[-1]) or _from_tls(cause) or _from_connection(cause)
        if found is not None:
            return found
    if isinstance(error, exceptions.InvalidHeader):
        return TransferError("the server tells two different values of Content-Length")
    kind = type(causes[-1]).__name__
    return TransferError(f"what the server sends is not valid HTTP ({kind})", temporary=True)


def shown(text: str) -> str:
    """Fit what a server said into a sentence."""
    line = one_line(text).strip()
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"


def _from_proxy(cause: BaseException, first: BaseException) -> TransferError | None:
    if not isinstance(cause, exceptions.ProxyError):
        return None
    return TransferError(
        f"the proxy that the environment names cannot be used ({shown(str(first))})",
        temporary=True,
    )


def _from_tls(cause: BaseException) -> TransferError | None:
    match cause:
        case ssl.SSLCertVerificationError():
            return TransferError(
                f"its certificate is not trusted ({shown(cause.verify_message)}); SSL_CERT_FILE "
                "can name the authority"
            )
        case ssl.SSLError():
            reason = shown(cause.reason or str(cause))
            return TransferError(f"the TLS connection fails ({reason})", temporary=True)
    return None


def _from_connection(cause: BaseException) -> TransferError | None:
    match cause:
        case socket.gaierror():
            return TransferError(
                f"its host name cannot be resolved ({shown(cause.strerror or '')})",
                temporary=cause.errno == socket.EAI_AGAIN,
            )
        case IncompleteRead():
            return TransferError("the transfer ended early", temporary=True)
        case RemoteDisconnected():
            return TransferError(
                "the server closes the connection without an answer", temporary=True
            )
        case OSError() if cause.strerror:
            return TransferError(shown(cause.strerror), temporary=True)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """List an error and what it was raised for, the first cause last."""
    while error is not None:
        yield error
        inner = [arg for arg in error.args if isinstance(arg, BaseException)]
        error = error.__cause__ or error.__context__ or (inner[0] if inner else None)
