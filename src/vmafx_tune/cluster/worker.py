"""What Dask calls on a worker: bytes in, bytes out, so that any version can say what it is.

The names `report` and `measure` are what clients ask for: they must not change.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vmafx_tune.cancel import CancelToken
from vmafx_tune.cluster.messages import (
    PROGRESS,
    Answer,
    ForeignVersionError,
    Inquiry,
    Job,
    Report,
    failure_of,
    pack,
    unpack,
)
from vmafx_tune.cluster.worker_tools import tools_for
from vmafx_tune.errors import ClusterWorkersError, VmafxTuneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.ports import ProbeProgress

__all__ = ["measure", "report"]

_LOOK_EVERY_S = 0.2
# Stage and frames done of the jobs under way, by their tickets. It goes with the heartbeats of this
# process's worker, so that nothing of it stays when the job, the client or the worker is gone.
_progress: dict[str, tuple[str, int]] = {}
# A task that is executing is in one of these for as long as somebody waits for it.
_WANTED = frozenset({"executing", "long-running", "ready", "resumed"})


async def report(data: bytes) -> bytes:
    """Answer an `Inquiry` with a `Report`, without holding up the worker's other business."""
    return await asyncio.to_thread(_report, data)


def _report(data: bytes) -> bytes:
    try:
        inquiry = unpack(Inquiry, data)
        return pack(tools_for(inquiry.kit).report(inquiry))
    except (ForeignVersionError, VmafxTuneError, OSError) as error:
        return pack(Report(None, reason=str(error)))


def measure(data: bytes) -> bytes:
    """Do a `Job` and give an `Answer`; a job that nobody waits for any more is stopped."""
    task = _Task()
    return pack(dataclasses.replace(_measure(data, task), worker=task.address))


def _measure(data: bytes, task: _Task) -> Answer:
    token = CancelToken()
    try:
        job = unpack(Job, data)
        with task.cancelling(token), task.telling(job.ticket) as progress:
            return tools_for(job.kit).measure(job, token, progress)
    except ForeignVersionError as error:
        return Answer(failure=failure_of(ClusterWorkersError(str(error))))
    except VmafxTuneError as error:
        return Answer(failure=failure_of(error))


class _Task:
    """The Dask task that this thread runs; none where it is called by something else."""

    def __init__(self) -> None:
        from distributed import get_worker

        try:
            worker: Any = get_worker()
        except ValueError:
            worker = None
        self._worker = worker
        self._key = None if worker is None else worker.get_current_task()

    @property
    def address(self) -> str:
        return "" if self._worker is None else str(self._worker.address)

    @contextmanager
    def cancelling(self, token: CancelToken) -> Iterator[None]:
        """Cancel `token` as soon as nobody wants the task's result any more.

        Dask does not interrupt a running task; it only forgets it. That happens when the client
        cancels it, and also when the client is gone.
        """
        if self._worker is None:
            yield
            return
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(token, ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()

    def _watch(self, token: CancelToken, ended: threading.Event) -> None:
        while not ended.wait(_LOOK_EVERY_S):
            if not self._is_wanted():
                token.cancel()
                return

    def _is_wanted(self) -> bool:
        state = self._worker.state.tasks.get(self._key)
        return state is not None and state.state in _WANTED

    @contextmanager
    def telling(self, ticket: str | None) -> Iterator[ProbeProgress | None]:
        """Give what tells the progress of a job to whoever follows its ticket."""
        if self._worker is None or ticket is None:
            yield None
            return
        # In one step: the worker may be reading its metrics just now.
        self._worker.metrics = {**self._worker.metrics, PROGRESS: lambda _: dict(_progress)}

        def tell(stage: str, frames_done: int) -> None:
            _progress[ticket] = stage, frames_done

        try:
            yield tell
        finally:
            _progress.pop(ticket, None)
