"""A prober whose probes are made by the workers of a cluster."""

from __future__ import annotations

import dataclasses
import threading
import time
import uuid
from concurrent.futures import CancelledError as FutureCancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vmafx_tune.cluster import worker
from vmafx_tune.cluster.connection import deadly
from vmafx_tune.cluster.messages import (
    Answer,
    FileRef,
    ForeignVersionError,
    Inquiry,
    Job,
    listing,
    pack,
    raised,
    unpack,
)
from vmafx_tune.encoders.named_files import filter_files, named_files
from vmafx_tune.errors import ClusterWorkersError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.cluster.connection import Connection
    from vmafx_tune.cluster.eligibility import EligibleWorkers
    from vmafx_tune.cluster.messages import Failure, Kit
    from vmafx_tune.cluster.placement import Place, Placement
    from vmafx_tune.media.file_facts import FileFacts, Ranges
    from vmafx_tune.model import EncodeSpec, Probe, ProbeSpec, ScoreSet, Source
    from vmafx_tune.ports import ProbeProgress

__all__ = ["ClusterProber", "file_ref"]

_LOOK_EVERY_S = 1.0


@frozen
class _Assignment:
    """A job, and whom it may be given to.

    Attributes:
        needs: The facts that a worker must have, by the inquiry that it tells them to.
        name: What messages call it.
    """

    job: Job
    needs: Mapping[Inquiry, Mapping[str, Any]]
    name: str


class ClusterProber:
    """Implements `ports.Prober` with a cluster. Thread-safe: each thread has one probe under way.

    Args:
        connection: Leads to the cluster.
        eligible: Knows which workers may do a probe, and the reports that count.
        placement: Chooses one of them.
        kit: Which programs workers use.
        scoring: What the workers were asked about scoring; names the backend.
        facts: Tells files by their content.
        url_of: Names the URL that a file was fetched from; None for others.
        ranges_of: Finds the bytes of a source's file that reading it takes; empty for all.
        command: Builds the command that repeats an encode on this machine.
        cancel: Stops everything.
        patience_s: How long to wait where no worker is left that can do it.
    """

    def __init__(
        self,
        connection: Connection,
        eligible: EligibleWorkers,
        placement: Placement,
        kit: Kit,
        scoring: Inquiry,
        *,
        facts: FileFacts,
        url_of: Callable[[Path], str | None],
        ranges_of: Callable[[Source], Ranges],
        command: Callable[[EncodeSpec], tuple[str, ...]],
        cancel: CancelToken,
        patience_s: float,
    ) -> None:
        self._connection = connection
        self._eligible = eligible
        self._placement = placement
        self._kit = kit
        self._scoring = scoring
        self._facts = facts
        self._url_of = url_of
        self._ranges_of = ranges_of
        self._command = command
        self._cancel = cancel
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._without: dict[str, dict[str, str]] = {}

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Have `spec` encoded and scored; see `ports.Prober`.

        Raises:
            ClusterLostError: The cluster is gone.
            ClusterWorkersError: No worker can do it.
            VmafxTuneError: As a prober of this machine.
        """
        assignment = self._probe_job(spec)
        if on_progress is not None:
            job = dataclasses.replace(assignment.job, ticket=uuid.uuid4().hex)
            assignment = dataclasses.replace(assignment, job=job)
        answer = self._run(assignment, on_progress)
        assert answer.probe is not None
        # The worker's would name its own ffmpeg and its own copy of the source.
        encode = spec.encode.capped(answer.probe.caps)
        return dataclasses.replace(answer.probe, command=self._command(encode))

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Have the source scored against itself; see `ports.Prober`."""
        answer = self._run(self._job(spec))
        assert answer.scores is not None
        return answer.scores

    def cancel(self) -> None:
        """Stop all probes now, on the workers too."""
        self._cancel.cancel()

    def _probe_job(self, spec: ProbeSpec) -> _Assignment:
        encode, assignment = spec.encode, self._job(spec)
        inquiry = Inquiry(self._kit, encoder=encode.encoder)
        facts = dict(self._eligible.agreed(inquiry, among=self._scoring).facts or {})
        if encode.threads is not None:
            del facts["processors"]
        return _Assignment(
            dataclasses.replace(assignment.job, encoding=facts),
            {**assignment.needs, inquiry: facts},
            f"'{encode.source.path}' with {encode.encoder} at {encode.quality:g}",
        )

    def _job(self, spec: ProbeSpec) -> _Assignment:
        """Write the job of the source's score against itself."""
        report = self._eligible.agreed(self._scoring)
        scoring = dict(report.facts or {})
        encode, source = spec.encode, spec.encode.source
        url, ranges = self._url_of(source.path), self._ranges_of(source)
        named = (*named_files(encode.extra_args), *filter_files(source.filters))
        job = Job(
            kit=self._kit,
            backend=report.name,
            spec=spec,
            source=file_ref(source.path.absolute(), self._facts, url, ranges),
            model=None if spec.model.path is None else file_ref(spec.model.path, self._facts),
            files=tuple(file_ref(file, self._facts) for file in named),
            scoring=scoring,
            encoding=None,
        )
        return _Assignment(job, {self._scoring: scoring}, f"'{source.path}' against itself")

    def _run(self, assignment: _Assignment, on_progress: ProbeProgress | None = None) -> Answer:
        """Have an assignment done, by another worker where one cannot."""
        unlucky: dict[str, Failure] = {}
        n_deaths = 0
        while True:
            place = self._placement.place(
                assignment.job.source.needed, lambda: self._able(assignment, unlucky)
            )
            with place as placed:
                answer = self._attempt(assignment, placed, on_progress)
            if answer is None:
                n_deaths += 1
                if n_deaths > self._connection.allowed_deaths():
                    raise deadly(n_deaths, min(placed.workers))
                continue
            if answer.failure is None:
                return answer
            if not answer.failure.elsewhere:
                raise raised(answer.failure)
            unlucky[answer.worker] = answer.failure
            self._remember(assignment, answer)

    def _remember(self, assignment: _Assignment, answer: Answer) -> None:
        """Keep in mind which worker does not have the source, so that it is not asked again."""
        failure = answer.failure
        if failure is not None and failure.name == ClusterWorkersError.__name__:
            with self._lock:
                known = self._without.setdefault(assignment.job.source.digest, {})
                known[answer.worker] = failure.message

    def _able(self, assignment: _Assignment, unlucky: Mapping[str, Failure]) -> set[str]:
        """Find workers for an assignment, and wait for some where there are none.

        Raises:
            ClusterWorkersError: There are none.
            VmafxTuneError: Those that there are have failed with it.
        """
        deadline = time.monotonic() + self._patience_s
        while True:
            self._cancel.raise_if_cancelled()
            fit = self._eligible.fit(assignment.needs)
            with self._lock:
                without = dict(self._without.get(assignment.job.source.digest, {}))
            if able := fit - unlucky.keys() - without.keys():
                return able
            if fit:
                raise _nobody(assignment, unlucky, without)
            if self._eligible.present():
                # Whoever is silent comes back, or is removed by the scheduler.
                deadline = time.monotonic() + self._patience_s
            elif time.monotonic() > deadline:
                raise ClusterWorkersError(
                    f"No worker is left at {self._connection.address} that can measure "
                    f"{assignment.name}. Start some and repeat the command."
                )
            time.sleep(_LOOK_EVERY_S / 2)

    def _attempt(
        self, assignment: _Assignment, place: Place, on_progress: ProbeProgress | None
    ) -> Answer | None:
        """Have an assignment done in its place; None where all workers of that are gone.

        When one of several is gone, the scheduler gives it to another one. Gone is also one that
        has stopped to answer: the scheduler waits for it for as long as its own `worker-ttl` says,
        and removes it then.
        """
        future = self._connection.submit(
            worker.measure, pack(assignment.job), workers=place.workers, key=place.key
        )
        try:
            with self._cancel.calling(future.cancel):
                while not _ended(future, _LOOK_EVERY_S):
                    if not place.workers & self._eligible.present():
                        return None
                    progress = self._eligible.progress(assignment.job.ticket)
                    if on_progress is not None and progress is not None:
                        on_progress(*progress)
            self._cancel.raise_if_cancelled()
            return _read(future)
        finally:
            # Reached by Ctrl-C too.
            future.cancel()


def _ended(future: Future[bytes], timeout_s: float) -> bool:
    """Wait until a call has ended, was cancelled, or the time is over."""
    with suppress(FutureCancelledError):
        try:
            future.exception(timeout_s)
        except TimeoutError:
            return False
    return True


def _read(future: Future[bytes]) -> Answer:
    try:
        return unpack(Answer, future.result())
    except ForeignVersionError as error:
        raise ClusterWorkersError(f"The version of a worker has changed. {error}") from error


def _nobody(
    assignment: _Assignment, unlucky: Mapping[str, Failure], without: Mapping[str, str]
) -> Exception:
    """Build the error for an assignment that no worker could do."""
    reasons = {**without, **{address: failure.message for address, failure in unlucky.items()}}
    if not without:
        return raised([*unlucky.values()][-1])
    found = tuple(sorted(reasons.items()))
    return ClusterWorkersError(
        f"No worker of the cluster can measure {assignment.name}. {listing(found)} Put the files "
        "on storage that all workers see under the same names, or use a URL for the source.",
        found,
    )


def file_ref(path: Path, facts: FileFacts, url: str | None = None, ranges: Ranges = ()) -> FileRef:
    """Tell a file by its content.

    Raises:
        OSError: It cannot be read.
    """
    found = FileRef(str(path), facts.digest(path), path.stat().st_size, url)
    if not ranges:
        return found
    digest = facts.digest(path, ranges)
    return dataclasses.replace(found, ranges=ranges, ranges_digest=digest)
