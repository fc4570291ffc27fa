"""One HTTP request and its response, which can be cancelled at any time; errors as clauses."""

from __future__ import annotations

import queue
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import PoolManager, ProxyManager, Timeout, exceptions, make_headers
from urllib3.util import parse_url

from vmafx_tune._version import __version__
from vmafx_tune.formatting import one_line
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.urls import SourceUrl

__all__ = [
    "Answer",
    "TransferError",
    "TransferLimits",
    "causes",
    "exchange",
    "explained",
    "no_answer",
    "shown",
]

_LONGEST_SHOWN = 80


class TransferError(Exception):
    """The reason for a failed transfer, as a clause.

    Attributes:
        temporary: Whether another attempt may do better.
    """

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        self.temporary = temporary
        super().__init__(reason)


def no_answer(after_s: float) -> TransferError:
    """Build the error for a server that does not answer."""
    return TransferError(f"the server does not answer within {after_s:g} s", temporary=True)


def explained(error: Exception, patience_s: float) -> TransferError:
    """Say what went wrong. Messages of urllib3 repeat whole URLs, so that none of them is used.

    Args:
        error: What was raised on the way.
        patience_s: How long each step may take.
    """
    found_causes = list(causes(error))
    for cause in found_causes:
        if isinstance(cause, TimeoutError):
            return no_answer(patience_s)
        found = _from_proxy(cause, found_causes[-1]) or _from_tls(cause) or _from_connection(cause)
        if found is not None:
            return found
    if isinstance(error, exceptions.InvalidHeader):
        return TransferError("the server sends two different values of Content-Length")
    kind = type(found_causes[-1]).__name__
    return TransferError(f"what the server sends is not valid HTTP ({kind})", temporary=True)


def shown(text: str) -> str:
    """Shorten a server's text to fit into a sentence."""
    line = one_line(text).strip()
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"


def _from_proxy(cause: BaseException, first: BaseException) -> TransferError | None:
    if not isinstance(cause, exceptions.ProxyError):
        return None
    return TransferError(
        f"the proxy in the environment cannot be used ({shown(str(first))})",
        temporary=True,
    )


def _from_tls(cause: BaseException) -> TransferError | None:
    match cause:
        case ssl.SSLCertVerificationError():
            return TransferError(
                f"its certificate is not trusted ({shown(cause.verify_message)}); set "
                "SSL_CERT_FILE to trust its authority"
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
            return TransferError("the download ended early", temporary=True)
        case RemoteDisconnected():
            return TransferError(
                "the server closes the connection without an answer", temporary=True
            )
        case OSError() if cause.strerror:
            return TransferError(shown(cause.strerror), temporary=True)
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """List an error and what it was raised for, the first cause last."""
    while error is not None:
        yield error
        inner = [arg for arg in error.args if isinstance(arg, BaseException)]
        error = error.__cause__ or error.__context__ or (inner[0] if inner else None)


_BLOCK_BYTES = 1 << 20
_BLOCKS_AHEAD = 4
_LOOK_EVERY_S = 0.1
_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LENGTH = re.compile(r"\d{1,18}")
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]*"')
_SETTLED_AFTER_S = 60


@frozen
class TransferLimits:
    """Limits after which a transfer fails.

    Attributes:
        tries: Consecutive attempts without progress.
        pause_s: Between the first two of them; each further pause is twice as long.
        connect_s: Time to connect to one address of a host.
        answer_s: Time until the answer begins, redirects included; and for each read.
        min_bytes_per_s: Least rate at which the content has to arrive.
        window_s: Over which the rate is measured.
    """

    tries: int = 5
    pause_s: float = 0.5
    connect_s: float = 10.0
    answer_s: float = 60.0
    min_bytes_per_s: float = 1024.0
    window_s: float = 30.0


@frozen
class Answer:
    """The head of an answer, and its body as it arrives.

    Attributes:
        status: The HTTP status.
        reason: The server's words for it, on one line.
        headers: By name, in any case.
        blocks: The body. Raises `TransferError` where it breaks off or is too slow, and
            `CancelledError`.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    blocks: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """Size of the body in bytes; None where it is unknown.

        Raises:
            TransferError: It is invalid.
        """
        coding = self.headers.get("Transfer-Encoding", "identity").strip().lower()
        if coding not in {"chunked", "identity"}:
            raise TransferError(f"the server uses an unknown transfer coding, '{shown(coding)}'")
        length = self.headers.get("Content-Length")
        if coding == "chunked" or length is None:
            return None
        # Repeated headers are joined; equal ones are harmless.
        numbers = {part.strip() for part in length.split(",")}
        if len(numbers) != 1 or not _LENGTH.fullmatch(number := numbers.pop()):
            raise TransferError(f"the server sends a Content-Length of '{shown(length)}'")
        return int(number)

    @property
    def tag(self) -> str | None:
        """The `ETag`, strong or weak; None where there is none that is valid."""
        tag = self.headers.get("ETag", "").strip()
        return tag if _STRONG_TAG.fullmatch(tag.removeprefix("W/")) else None

    @property
    def validator(self) -> str | None:
        """Identifies this version of the content: the tag, else the time of change.

        A time that was not long ago does not: the content may change again within the same second.
        """
        if self.tag is not None:
            return self.tag
        from email.utils import parsedate_to_datetime

        changed = self.headers.get("Last-Modified", "")
        try:
            age = parsedate_to_datetime(self.headers["Date"]) - parsedate_to_datetime(changed)
            return changed if age.total_seconds() >= _SETTLED_AFTER_S else None
        except (KeyError, ValueError, TypeError, OverflowError):
            return None


@contextmanager
def exchange(
    url: SourceUrl, headers: Mapping[str, str], *, cancel: CancelToken, limits: TransferLimits
) -> Iterator[Answer]:
    """Ask for what is at `url`, through redirects; of an object store, in the same terms.

    Args:
        url: Where it is.
        headers: To send beside the usual ones.
        cancel: Ends it within a fraction of a second, whatever it waits for.
        limits: Timeouts, rates and attempts.

    Raises:
        TransferError: The server does not answer.
        CancelledError: The work was cancelled.
    """
    waiter = _Waiter(partial(_opener(url), url, headers, limits), cancel, limits)
    try:
        yield waiter.answer()
    finally:
        waiter.close()


class _Response(Protocol):
    """What is needed of a response."""

    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    def read1(self, amt: int, *, decode_content: bool) -> bytes: ...
    def shutdown(self) -> None: ...
    def close(self) -> None: ...


class _Waiter:
    """Does the waiting on a thread of its own.

    A look-up of a name, a handshake, and a read from a server that sends a byte now and then cannot
    be interrupted. The thread that has to stop does not wait for them.
    """

    def __init__(
        self,
        open_: Callable[[], _Response],
        cancel: CancelToken,
        limits: TransferLimits,
    ) -> None:
        self._open = open_
        self._cancel = cancel
        self._limits = limits
        self._items: queue.Queue[Any] = queue.Queue(_BLOCKS_AHEAD)
        self._response: _Response | None = None
        self._closed = False
        threading.Thread(target=self._run, daemon=True).start()

    def answer(self) -> Answer:
        """Wait for the head of the answer."""
        waited_s = 0.0
        while (response := self._next()) is None:
            waited_s += _LOOK_EVERY_S
            if waited_s > self._limits.answer_s:
                raise no_answer(self._limits.answer_s)
        reason = shown(response.reason or "")
        return Answer(response.status, reason, response.headers, self._blocks())

    def close(self) -> None:
        """Let go of the connection, and of the thread."""
        self._closed = True
        if self._response is not None:
            # Whichever of them the thread has come to: it is over, or will be in a moment.
            with suppress(ValueError, RuntimeError, OSError, TypeError):
                self._response.shutdown()
        with suppress(queue.Empty):
            while True:
                self._items.get_nowait()

    def _blocks(self) -> Iterator[bytes]:
        rate = _RateCheck(self._limits)
        while True:
            started = time.monotonic()
            block = self._next()
            if block == b"":
                return
            rate.add(len(block or b""), time.monotonic() - started)
            if block is not None:
                yield block

    def _next(self) -> Any:
        """Return what comes next; None where there is nothing for a moment."""
        self._cancel.raise_if_cancelled()
        try:
            item = self._items.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            return None
        if isinstance(item, TransferError):
            raise item
        return item

    def _run(self) -> None:
        try:
            self._response = self._open()
            self._items.put(self._response)
            while not self._closed:
                block = self._response.read1(_BLOCK_BYTES, decode_content=False) or b""
                self._items.put(block)
                if not block:
                    break
        except TransferError as error:
            self._items.put(error)
        except Exception as error:  # noqa: BLE001 - carried to the thread that waits
            # Nothing here touches the disk, so that whatever it is, the network is at fault.
            self._items.put(explained(error, self._limits.answer_s))
        finally:
            if self._response is not None:
                self._response.close()


class _RateCheck:
    """Detects a transfer that is too slow to continue.

    Only time that is spent waiting counts: a disk may be slow.
    """

    def __init__(self, limits: TransferLimits) -> None:
        self._limits = limits
        self._bytes = 0
        self._waited_s = 0.0

    def add(self, n_bytes: int, waited_s: float) -> None:
        """Take note of what came, perhaps nothing, and of how long it took.

        Raises:
            TransferError: It is too slow.
        """
        self._bytes += n_bytes
        self._waited_s += waited_s
        if self._waited_s < self._limits.window_s:
            return
        least = self._limits.min_bytes_per_s
        if self._bytes < least * self._waited_s:
            raise TransferError(
                f"only {self._bytes} bytes arrived in {self._waited_s:.3g} s, below the minimum "
                f"rate of {least:g} bytes per second",
                temporary=True,
            )
        self._bytes, self._waited_s = 0, 0.0


def _opener(
    url: SourceUrl,
) -> Callable[[SourceUrl, Mapping[str, str], TransferLimits], _Response]:
    if not url.is_object:
        return _opened
    from vmafx_tune.media.object_store import open_object

    return lambda url, headers, _: open_object(url, headers)


def _opened(url: SourceUrl, headers: Mapping[str, str], limits: TransferLimits) -> BaseHTTPResponse:
    """Send the request, and follow redirects."""
    for _ in range(_MOST_REDIRECTS + 1):
        response = _sent(url, headers, limits)
        if response.status not in _REDIRECTS:
            return response
        response.close()
        location = response.headers.get("Location", "").strip()
        if not location:
            raise TransferError(f"the server answers {response.status} without a Location")
        try:
            url = url.redirected(location)
        except ValueError as error:
            raise TransferError(f"the server {error}") from error
    raise TransferError(f"the server redirects more than {_MOST_REDIRECTS} times")


def _sent(url: SourceUrl, headers: Mapping[str, str], limits: TransferLimits) -> BaseHTTPResponse:
    sent = {
        # A source is wanted as it is: a compressed one would have another size and other ranges.
        "Accept-Encoding": "identity",
        "User-Agent": f"vmafx-tune/{__version__}",
        "Connection": "close",
        **headers,
    }
    if url.authorization is not None:
        sent["Authorization"] = url.authorization
    return _manager(url.address).urlopen(
        "GET",
        url.address,
        headers=sent,
        preload_content=False,
        decode_content=False,
        redirect=False,
        retries=False,
        timeout=Timeout(connect=limits.connect_s, read=limits.answer_s),
    )


def _manager(address: str) -> PoolManager:
    """Choose between the direct way and the proxy that the environment names."""
    parts = urlsplit(address)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return PoolManager()
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        credentials = parse_url(proxy).auth
        headers = make_headers(proxy_basic_auth=unquote(credentials)) if credentials else None
        return ProxyManager(proxy, proxy_headers=headers)
    except (exceptions.HTTPError, ValueError) as error:
        raise TransferError(
            "the proxy in the environment is not a valid http or https URL"
        ) from error
