"""What Dask calls on a worker: bytes in, bytes out, so that any version can say what it is.

The names `report` and `measure` are what clients ask for: they must not change. `WorkerTools` does
the work with the programs and files of this machine.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import platform
import threading
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.cancel import CancelToken
from vmafx_tune.cluster.messages import (
    PROGRESS,
    Answer,
    ForeignVersionError,
    Inquiry,
    Job,
    Report,
    difference,
    failure_of,
    pack,
    unpack,
)
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import ClusterWorkersError, UnreadableSourceError, VmafxTuneError
from vmafx_tune.files import cache_folder
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.source_cache import SourceCache
from vmafx_tune.options import ToolOptions
from vmafx_tune.probing.local import LocalProbing
from vmafx_tune.probing.store import SqliteProbeStore, store_limit
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmafx_tune.cluster.messages import FileRef, Kit
    from vmafx_tune.model import ProbeSpec
    from vmafx_tune.ports import ProbeProgress, Probing

__all__ = [
    "WorkerTools",
    "measure",
    "report",
    "tools_for",
]

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


_log = logging.getLogger(__name__)


@lru_cache(maxsize=16)
def tools_for(kit: Kit) -> WorkerTools:
    """The process's tools for a kit; what they found out once they know from then on."""
    return WorkerTools(kit)


class WorkerTools:
    """Answers inquiries and does jobs with the programs of this machine. Thread-safe.

    Args:
        kit: Which programs to use.
    """

    def __init__(self, kit: Kit) -> None:
        self._box = Session(
            ToolOptions(
                ffmpeg=None if kit.ffmpeg is None else Path(kit.ffmpeg),
                vmaf=None if kit.vmaf is None else Path(kit.vmaf),
                timeout_s=kit.timeout_s,
                # What is measured is kept by the client.
                cache=False,
            )
        )
        # A home folder may be one for many machines, and SQLite's log is not: each has its own.
        self._facts = self._box.facts = FileFacts(
            SqliteProbeStore(
                cache_folder() / f"files-{platform.node()}.sqlite",
                limit_bytes=store_limit(),
                warn=_log.warning,
            )
        )

    def report(self, inquiry: Inquiry) -> Report:
        """Tell what this machine would contribute to the outcome of probes.

        Raises:
            VmafxTuneError: It cannot encode or score at all.
            OSError: A program cannot be read.
        """
        if inquiry.encoder is not None:
            return self._report_encoder(inquiry.encoder)
        assert inquiry.backend is not None
        assert inquiry.model is not None
        if inquiry.model_file is not None:
            self._require(inquiry.model_file)
        probing = LocalProbing(self._box)
        scorer = probing.scorer(inquiry.backend, inquiry.model, inquiry.metrics)
        ffmpeg = self._box.ffmpeg
        return Report(
            self._scoring_facts(probing),
            name=scorer.name,
            version=scorer.version,
            ffmpeg=str(ffmpeg.path),
            ffmpeg_version=ffmpeg.version,
        )

    def _report_encoder(self, name: str) -> Report:
        row = encoder_row(name)
        found = self._box.probing.availability(row)
        if not found.opens:
            return Report(None, reason=found.reason)
        facts = self._box.probing.setup().encoding(row)
        return Report(facts, version=found.version)

    def measure(
        self, job: Job, cancel: CancelToken, on_progress: ProbeProgress | None = None
    ) -> Answer:
        """Make a probe, or score a source against itself.

        Raises:
            ClusterWorkersError: A file is missing here, or this machine is not the one that it
                said it was.
            VmafxTuneError: Any of the encoder's or the scorer's errors.
        """
        session = self._box.for_one_job(cancel)
        session.ffmpeg, session.reference_copies = self._box.ffmpeg, self._box.reference_copies
        # The copy of a source has to stay for as long as the job reads it.
        with closing(SourceCache(cancel, digest_of=self._facts.digest)) as sources:
            spec = self._with_local_files(job, sources)
            session.probing.scorer(job.backend, spec.model, spec.metrics)
            self._check(job, session.probing)
            prober = session.probing.prober()
            if job.encoding is None:
                return Answer(scores=prober.score_itself(spec))
            return Answer(probe=prober.probe(spec, on_progress=on_progress))

    def _scoring_facts(self, probing: Probing) -> dict[str, Any]:
        # The ffmpeg is not always among them, but all workers are to have the same.
        facts = probing.setup().scoring()
        return {**facts, "ffmpeg": self._facts.digest(probing.ffmpeg.path)}

    def _check(self, job: Job, probing: Probing) -> None:
        _require_equal(self._scoring_facts(probing), job.scoring)
        if job.encoding is not None:
            setup = probing.setup()
            _require_equal(setup.encoding(encoder_row(job.spec.encode.encoder)), job.encoding)

    def _with_local_files(self, job: Job, sources: SourceCache) -> ProbeSpec:
        for file in job.files:
            self._require(file)
        path = self._local(job.source, sources)
        encode = job.spec.encode
        source = dataclasses.replace(encode.source, path=path)
        spec = dataclasses.replace(job.spec, encode=dataclasses.replace(encode, source=source))
        if job.model is not None:
            self._require(job.model)
        return spec

    def _local(self, file: FileRef, sources: SourceCache) -> Path:
        """Find a source: where the client has it, or a copy of what its URL gives."""
        try:
            self._require(file)
        except ClusterWorkersError:
            if file.url is None:
                raise
            return self._fetched(file, file.url, sources)
        path = Path(file.path)
        # Machines that are set up alike have their copies under the same name.
        sources.hold(path)
        return path

    def _fetched(self, file: FileRef, url: str, sources: SourceCache) -> Path:
        try:
            if not file.ranges:
                return sources.with_content(url, file.digest)
            return sources.with_ranges(url, file.ranges_digest, file.ranges, file.size_bytes)
        except UnreadableSourceError as error:
            raise ClusterWorkersError(str(error)) from error

    def _require(self, file: FileRef) -> None:
        """Make sure that a file is here, and is the client's.

        Raises:
            ClusterWorkersError: It is not.
        """
        path = Path(file.path)
        try:
            same = (
                path.stat().st_size == file.size_bytes and self._facts.digest(path) == file.digest
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise ClusterWorkersError(f"'{path}' cannot be read here: {reason}.") from error
        if not same:
            raise ClusterWorkersError(f"'{path}' is a different file here.")


def _require_equal(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    reason = difference(found, expected)
    if reason is not None:
        raise ClusterWorkersError(f"The machine has changed since it joined: {reason}.")
