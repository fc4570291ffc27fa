"""The connection to a Dask cluster: all that is said to Dask on the client's side."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import (
    ClusterLostError,
    ClusterSupportError,
    ClusterUnreachableError,
    ClusterWorkersError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Connection", "Pending", "connect"]

_ASK_TIMEOUT_S = 180.0
_CLOSE_TIMEOUT_S = 2.0
_GRACE_S = 1.0


def connect(
    address: str, *, timeout_s: float, warn: Callable[[str], None], consolation: str = ""
) -> Connection:
    """Connect to the scheduler at `address`.

    Args:
        address: `tcp://HOST:PORT`; or `tls://HOST:PORT`, with the certificates that Dask's
            configuration names.
        timeout_s: How long it may take to answer.
        warn: Told of versions of Dask that do not fit each other.
        consolation: What is said of finished work where the cluster is lost.

    Raises:
        ClusterSupportError: Dask is not installed here.
        ClusterUnreachableError: No scheduler answers.
        UsageError: The address is none.
    """
    _check_address(address)
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterSupportError(
            "Work on a cluster needs packages that are not installed. Run: "
            "pip install 'vmafx-tune[cluster]'"
        ) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            client = _within(timeout_s, lambda: _made(Client, address, timeout_s))
        except (OSError, ImportError, ValueError) as error:
            raise ClusterUnreachableError(
                f"No Dask scheduler answers at {address} within {timeout_s:g} s"
                f"{_reason(error)}. Start it with `dask scheduler`, or check the address."
            ) from error
    for warning in caught:
        warn(" ".join(str(warning.message).split()))
    return Connection(client, address, consolation)


def _made(client: Any, address: str, timeout_s: float) -> Any:
    return client(address, timeout=f"{timeout_s}s", set_as_default=False)


def _within(timeout_s: float, call: Callable[[], Any]) -> Any:
    """Make a call that may hang: something that is no scheduler can keep Dask waiting for ever."""
    ended: Future[Any] = Future()

    def run() -> None:
        try:
            ended.set_result(call())
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            ended.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    # Dask keeps to its own limit where it can, and then tells the reason.
    return ended.result(timeout_s + _GRACE_S)


def _check_address(address: str) -> None:
    scheme, separator, rest = address.partition("://")
    host, colon, port = rest.rpartition(":")
    if not (scheme in {"tcp", "tls"} and separator and host and colon and port.isdigit()):
        raise UsageError(
            f"'{address}' is no address of a Dask scheduler. It looks like tcp://HOST:8786, or "
            "tls://HOST:8786 with TLS."
        )


def _reason(error: BaseException) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = getattr(cause, "strerror", None) or ""
    return f" ({text})" if text else ""


class Connection:
    """A connected client; see `connect`. Thread-safe.

    Args:
        client: A `distributed.Client`.
        address: Of the scheduler, for messages.
        consolation: What is said of finished work where the cluster is lost.
    """

    def __init__(self, client: Any, address: str, consolation: str = "") -> None:
        self._client = client
        self.address = address
        self._consolation = consolation

    def workers(self) -> dict[str, int]:
        """List the workers of the cluster: how many tasks each runs at once, by address.

        Raises:
            ClusterLostError: The scheduler is gone.
        """
        info = self._checked(lambda: self._client.scheduler_info(n_workers=-1))
        return {address: int(facts["nthreads"]) for address, facts in info["workers"].items()}

    def ask(
        self, function: Callable[..., Any], argument: object, workers: Iterable[str]
    ) -> Mapping[str, Any]:
        """Call `function(argument)` on each worker beside its tasks.

        Returns:
            What came back by the worker's address; an exception where it failed. A worker that
            went away is left out.

        Raises:
            ClusterLostError: The scheduler is gone, or a worker does not answer.
        """
        addresses = list(workers)

        async def asking() -> Mapping[str, Any]:
            # On the client's own event loop, its methods are coroutines.
            found: Mapping[str, Any] = await self._client.run(
                function, argument, workers=addresses, on_error="return"
            )
            return found

        if not addresses:
            return {}
        answers = self._checked(lambda: self._client.sync(asking, callback_timeout=_ASK_TIMEOUT_S))
        return {
            address: answer for address, answer in answers.items() if not _is_connection(answer)
        }

    def submit(
        self, function: Callable[[bytes], bytes], data: bytes, workers: Iterable[str], key: str
    ) -> Pending:
        """Have one of `workers` call `function(data)`; should it die, another one does.

        Raises:
            ClusterLostError: The scheduler is gone.
        """
        return Pending(
            self._checked(
                lambda: self._client.submit(
                    function, data, key=key, workers=list(workers), pure=False
                )
            ),
            self.lost,
        )

    def listen(self, topic: str, hear: Callable[[Mapping[str, Any]], None]) -> None:
        """Call `hear` with each piece of news that a worker tells under `topic`."""
        self._client.subscribe_topic(topic, lambda event: hear(event[1]))

    def close(self) -> None:
        """End the connection; the cluster forgets everything that is not finished."""
        try:
            self._client.close(timeout=_CLOSE_TIMEOUT_S)
        except (OSError, RuntimeError, FutureCancelledError):
            # There is nobody left to say goodbye to.
            return

    def lost(self) -> ClusterLostError:
        """Build the error that says that the cluster is gone."""
        return ClusterLostError(
            f"The connection to the cluster at {self.address} was lost, or its scheduler was "
            f"stopped. Start it again and repeat the command. {self._consolation}".rstrip()
        )

    def _checked(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (OSError, RuntimeError, FutureCancelledError) as error:
            raise self.lost() from error
        except Exception as error:
            if type(error).__module__.startswith("distributed."):
                raise self.lost() from error
            raise


class Pending:
    """A call that runs, or waits to, on a worker.

    Args:
        future: A `distributed.Future`.
        lost: Builds the error for a cluster that is gone.
    """

    def __init__(self, future: Any, lost: Callable[[], ClusterLostError]) -> None:
        self._future = future
        self._lost = lost
        self._wake = threading.Event()
        future.add_done_callback(lambda _: self.wake())

    def wait(self, timeout_s: float) -> bool:
        """Wait until the call has ended, or `wake` was called."""
        return self._wake.wait(timeout_s)

    def wake(self) -> None:
        """End the wait."""
        self._wake.set()

    def result(self) -> bytes:
        """Return what the call gave; it must have ended.

        Raises:
            ClusterLostError: The cluster is gone.
            ClusterWorkersError: The workers that tried it died, or failed in another way than with
                an error of ours.
        """
        from distributed import KilledWorker

        try:
            found: bytes = self._future.result()
        except FutureCancelledError as error:
            raise self._lost() from error
        except KilledWorker as error:
            raise ClusterWorkersError(
                f"{error.allowed_failures + 1} workers died, one after the other, while they "
                f"worked on one probe; the last was {error.last_worker.address}. Its log may say "
                "why. A machine that runs out of memory needs a worker with fewer threads."
            ) from error
        except Exception as error:
            # Whatever else: it was raised by code on the worker.
            raise ClusterWorkersError(
                f"A worker failed in an unexpected way: {type(error).__name__}: {error}. Its log "
                "has more."
            ) from error
        return found

    def cancel(self) -> None:
        """Have the call stopped, unless it has ended."""
        try:
            if not self._future.done():
                self._future.cancel()
        except Exception:  # noqa: BLE001 - a cluster that cannot be reached stops it by itself
            return


def _is_connection(answer: object) -> bool:
    return isinstance(answer, OSError)
