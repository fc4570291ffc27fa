"""The connection to a Dask cluster: all that is said to Dask on the client's side.

Whatever Dask raises becomes an error of ours here, and whatever it waits for has a limit.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
import warnings
from concurrent.futures import Future
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune.cluster.messages import PROGRESS
from vmafx_tune.errors import (
    ClusterLostError,
    ClusterSupportError,
    ClusterUnreachableError,
    ClusterWorkersError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

T = TypeVar("T")

__all__ = ["Connection", "Load", "Presence", "connect", "deadly", "task_key"]

# A worker that is alive may have an ffmpeg to try out, or a model to hash.
_ANSWER_TIMEOUT_S = 180.0
_SCHEDULER_TIMEOUT_S = 30.0
# Heartbeats of a busy machine are late.
_HEARTBEATS_WITHIN = 3
_LOOK_EVERY_S = 1.0
_ALLOWED_DEATHS = "distributed.scheduler.allowed-failures"
_CLOSE_TIMEOUT_S = 2.0
_GRACE_S = 1.0
_NONE = object()


def connect(
    address: str,
    *,
    timeout_s: float,
    warn: Callable[[str], None],
    consolation: str = "",
    priority: int = 0,
) -> Connection:
    """Connect to the scheduler at `address`.

    Args:
        address: `tcp://HOST:PORT`; or `tls://HOST:PORT`, with the certificates that Dask's
            configuration names.
        timeout_s: How long it may take to answer.
        warn: Told of versions of Dask that do not fit each other.
        consolation: What is said of finished work where the cluster is lost.
        priority: Of its calls; those with a higher one are started first.

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
            "--cluster needs packages that are not installed. Run: pip install "
            "'vmafx-tune[cluster]'"
        ) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            client = _within(timeout_s, lambda: _made(Client, address, timeout_s))
        except (OSError, ImportError) as error:
            raise ClusterUnreachableError(
                f"No Dask scheduler answers at {address} within {timeout_s:g} s"
                f"{_reason(error)}. Start it with `dask scheduler`, or check the address."
            ) from error
        except Exception as error:
            # Bytes that Dask takes for its own protocol fail it in any way.
            raise ClusterUnreachableError(
                f"The server at {address} is not a Dask scheduler. Start one with `dask "
                "scheduler`, or check the address."
            ) from error
    for warning in caught:
        warn(" ".join(str(warning.message).split()))
    return Connection(
        client,
        address,
        consolation,
        patience_s=_HEARTBEATS_WITHIN * timeout_s,
        priority=priority,
    )


def _made(kind: Any, address: str, timeout_s: float) -> Any:
    class Client(kind):  # type: ignore[misc] # Dask has no types
        """A client whose end does not wait for a scheduler that may be none."""

        def __del__(self) -> None:
            pass

    return Client(address, timeout=f"{timeout_s}s", set_as_default=False)


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
            f"'{address}' is not a valid address of a Dask scheduler. Write it as "
            "tcp://HOST:8786, or tls://HOST:8786 with TLS."
        )


def _reason(error: BaseException) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = getattr(cause, "strerror", None) or ""
    return f" ({text})" if text else ""


@frozen
class Presence:
    """A worker that the scheduler knows.

    Attributes:
        slots: Tasks that it runs at once.
        silent: Whether it gives no sign of life. The scheduler removes it after a while, unless it
            comes back before.
        progress: What it tells of its jobs: stage and frames done, by `Job.ticket`.
    """

    slots: int
    silent: bool = False
    progress: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@frozen
class Load:
    """What a worker that takes work has to do.

    Attributes:
        slots: Tasks that it runs at once.
        tasks: The names of those that it was given, by anyone.
    """

    slots: int
    tasks: frozenset[str]


class Connection:
    """A connected client; see `connect`. Thread-safe.

    Args:
        client: A `distributed.Client`.
        address: Of the scheduler, for messages.
        consolation: What is said of finished work where the cluster is lost.
        patience_s: A worker without a heartbeat for so long is silent.
        priority: Of its calls; those with a higher one are started first.
    """

    def __init__(
        self,
        client: Any,
        address: str,
        consolation: str = "",
        *,
        patience_s: float = 30.0,
        priority: int = 0,
    ) -> None:
        self._client = client
        self.address = address
        self._consolation = consolation
        self._patience_s = patience_s
        self._priority = priority
        self._heartbeats: dict[str, tuple[float, float]] = {}

    def workers(self) -> dict[str, Presence]:
        """List the workers of the cluster by address.

        Raises:
            ClusterLostError: The scheduler is gone.
        """
        return self._call(self._workers, _SCHEDULER_TIMEOUT_S + _GRACE_S)

    async def _workers(self) -> dict[str, Presence]:
        identity = self._client.scheduler.identity(n_workers=-1)
        facts = (await asyncio.wait_for(identity, _SCHEDULER_TIMEOUT_S))["workers"]
        now = time.monotonic()
        known, self._heartbeats = self._heartbeats, {}
        for address, worker in facts.items():
            # The clocks of other machines tell only whether they go on.
            beat, heard_at = known.get(address, (None, now))
            self._heartbeats[address] = (
                worker["last_seen"],
                heard_at if beat == worker["last_seen"] else now,
            )
        return {
            address: Presence(
                int(worker["nthreads"]),
                now - self._heartbeats[address][1] > self._patience_s,
                worker["metrics"].get(PROGRESS, {}),
            )
            for address, worker in facts.items()
        }

    def loads(self) -> dict[str, Load]:
        """Find what each worker has to do now; those that take no work are left out.

        Raises:
            ClusterLostError: The scheduler is gone.
        """
        return self._call(self._loads, _SCHEDULER_TIMEOUT_S + _GRACE_S)

    async def _loads(self) -> dict[str, Load]:
        scheduler = self._client.scheduler
        asked = asyncio.gather(scheduler.ncores_running(), scheduler.processing(workers=None))
        slots, tasks = await asyncio.wait_for(asked, _SCHEDULER_TIMEOUT_S)
        return {
            address: Load(number, frozenset(map(str, tasks.get(address, ()))))
            for address, number in slots.items()
        }

    def allowed_deaths(self) -> int:
        """Tell how many workers may die with a task before it is given up.

        Raises:
            ClusterLostError: The scheduler is gone.
        """
        from dask import config

        def ask() -> Any:
            return self._client.run_on_scheduler(config.get, _ALLOWED_DEATHS)

        return int(self._checked(ask))

    def ask(
        self, function: Callable[..., Any], argument: object, workers: Iterable[str]
    ) -> Mapping[str, Any]:
        """Call `function(argument)` on each worker beside its tasks.

        Returns:
            What came back by the worker's address; an exception where it failed. A worker that
            went away, cannot be reached or does not answer is left out.

        Raises:
            ClusterLostError: The scheduler is gone.
        """
        addresses = list(workers)

        async def asking() -> dict[str, Any]:
            # On the client's own event loop, its methods are coroutines. One question for each
            # worker: one that is silent does not hold up the answers of others.
            asked = {
                address: asyncio.ensure_future(
                    self._client.run(function, argument, workers=[address], on_error="return")
                )
                for address in addresses
            }
            try:
                await self._answered(asked)
                return {address: _answer(one, address) for address, one in asked.items()}
            finally:
                for one in asked.values():
                    one.cancel()

        limit_s = _ANSWER_TIMEOUT_S + _SCHEDULER_TIMEOUT_S + _GRACE_S
        answers = self._call(asking, limit_s) if addresses else {}
        return {address: answer for address, answer in answers.items() if answer is not _NONE}

    async def _answered(self, asked: Mapping[str, asyncio.Future[Any]]) -> None:
        """Wait for all answers but those of silent workers."""
        deadline = time.monotonic() + _ANSWER_TIMEOUT_S
        pending = set(asked.values())
        while pending and time.monotonic() < deadline:
            await asyncio.wait(pending, timeout=_LOOK_EVERY_S)
            present = await self._workers()
            pending = {
                one
                for address, one in asked.items()
                if not one.done() and address in present and not present[address].silent
            }

    def submit(
        self,
        function: Callable[..., T],
        /,
        *args: object,
        workers: Iterable[str],
        key: str | None = None,
    ) -> Future[T]:
        """Have one of `workers` call `function(*args)`; should it die, another one calls it again.

        Args:
            function: What is called; it is there on the workers.
            args: What it is called with.
            workers: Addresses.
            key: The name of the task on the cluster, unlike any other; None to make one.

        Returns:
            A future of the standard library's, but for one thing: cancelling stops a call that has
            begun as well. It raises `ClusterLostError` where the cluster is gone, and
            `ClusterWorkersError` where the workers that tried it died, or `function` failed.

        Raises:
            ClusterLostError: The cluster is gone already.
        """
        options = {
            "key": key or task_key(),
            "workers": list(workers),
            "priority": self._priority,
            "pure": False,
        }
        task = self._checked(lambda: self._client.submit(function, *args, **options))
        future: Future[T] = Future()
        future.add_done_callback(lambda ended: _drop(task) if ended.cancelled() else None)
        # Dask has one thread for the callbacks of all tasks, where waiting for a worker that has
        # just died with a result would hold up the others.
        threading.Thread(target=self._settle, args=(future, task), daemon=True).start()
        return future

    def close(self) -> None:
        """End the connection; the cluster forgets everything that is not finished."""
        try:
            self._client.close(timeout=_CLOSE_TIMEOUT_S)
        except Exception:  # noqa: BLE001 - the cluster may be gone already
            return

    def _lost(self) -> ClusterLostError:
        """Build the error that says that the cluster is gone."""
        return ClusterLostError(
            f"The connection to the cluster at {self.address} was lost, or its scheduler was "
            f"stopped. Start it again and repeat the command. {self._consolation}".rstrip()
        )

    def _checked(self, call: Callable[[], Any]) -> Any:
        """Make a call of Dask's client, and nothing else.

        Raises:
            ClusterLostError: It fails. When the scheduler goes, that can be anything: a closed
                connection, a timeout, or an error of Dask's own about what is missing.
        """
        try:
            return call()
        except Exception as error:
            raise self._lost() from error

    def _call(self, function: Callable[[], Awaitable[T]], limit_s: float) -> T:
        """Run a coroutine on the client's event loop, which may end just now."""
        result: T = self._checked(lambda: self._client.sync(function, callback_timeout=limit_s))
        return result

    def _settle(self, future: Future[T], task: Any) -> None:
        try:
            result, error = task.result(), None
        except BaseException as failure:  # noqa: BLE001 - carried to the thread that waits
            result, error = None, self._told(failure, failed=task.status == "error")
        if not future.set_running_or_notify_cancel():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _told(self, error: BaseException, *, failed: bool) -> VmafxTuneError:
        from distributed import KilledWorker

        told: VmafxTuneError
        if not failed:
            # It was cancelled, or Dask cannot tell what became of it.
            told = self._lost()
        elif isinstance(error, KilledWorker):
            told = deadly(error.allowed_failures + 1, error.last_worker.address)
        else:
            # Whatever else: it was raised by code on the worker.
            told = ClusterWorkersError(
                f"A worker failed unexpectedly: {type(error).__name__}: {error}. See its log."
            )
        told.__cause__ = error
        return told


def task_key() -> str:
    """Make a name for a task."""
    return f"vmafx-tune-{uuid.uuid4().hex}"


def deadly(n_workers: int, last: str) -> ClusterWorkersError:
    """Build the error of a probe with which workers die."""
    return ClusterWorkersError(
        f"{counted(n_workers, 'worker')} died while running the same probe; the last was {last}. "
        "Its log may say why. If the machine runs out of memory, use fewer threads per worker."
    )


def _drop(task: Any) -> None:
    """Have a task stopped, unless it has ended."""
    try:
        if not task.done():
            task.cancel()
    except Exception:  # noqa: BLE001 - a cluster that cannot be reached stops it by itself
        return


def _answer(asked: asyncio.Future[Any], address: str) -> Any:
    """Read what a worker answered.

    Where asking it failed, that is about this worker: whether the scheduler is gone shows when it
    is asked for its workers.
    """
    if not asked.done() or asked.cancelled() or asked.exception() is not None:
        return _NONE
    answer = asked.result().get(address, _NONE)
    return _NONE if isinstance(answer, OSError) else answer
