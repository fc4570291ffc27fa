"""Which workers of a cluster may do what, so that it does not matter which one did it."""

from __future__ import annotations

import pydoc
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vmafx_tune._version import __version__
from vmafx_tune.cluster import worker
from vmafx_tune.cluster.messages import (
    ForeignVersionError,
    Report,
    difference,
    listing,
    pack,
    unpack,
)
from vmafx_tune.errors import ClusterWorkersError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vmafx_tune.cluster.connection import Connection, Presence
    from vmafx_tune.cluster.messages import Inquiry

__all__ = ["EligibleWorkers"]

_LOOK_EVERY_S = 1.0
_PAUSE_S = 0.2


@dataclass
class _Worker:
    """A worker of our version."""

    presence: Presence
    reports: dict[Inquiry, Report] = field(default_factory=dict)


class EligibleWorkers:
    """The workers of a cluster, as they come and go, or fall silent. Thread-safe.

    For each inquiry one answer counts: that of this machine if any worker shares it, so that a run
    on the cluster gives what a run here gives; else the one that most workers share. Workers with
    another answer are left out and told of, those that join later too.

    Args:
        connection: Leads to the cluster.
        here: Gives this machine's own report, to prefer workers that are like it; None where it
            has none.
        warn: Told, once, of each worker that is left out.
        patience_s: How long to wait where there is no worker.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        here: Callable[[Inquiry], Report | None],
        warn: Callable[[str], None],
        patience_s: float,
    ) -> None:
        self._connection = connection
        self._here = here
        self._warn = warn
        self._patience_s = patience_s
        # Nobody waits for an answer with this one held.
        self._lock = threading.RLock()
        self._looking = threading.Lock()
        self._electing = threading.RLock()
        self._looked_at = float("-inf")
        self._workers: dict[str, _Worker] = {}
        self._foreign: dict[str, str] = {}
        self._silent: set[str] = set()
        self._asked: set[tuple[str, Inquiry | None]] = set()
        self._agreed: dict[Inquiry, Report] = {}
        self._told: set[tuple[str, str]] = set()

    @property
    def slots(self) -> int:
        """Probes that all of them together make at once."""
        self._meet(self._look())
        with self._lock:
            return sum(one.presence.slots for one in self._workers.values())

    def present(self) -> set[str]:
        """Find the workers of our version that the scheduler knows now, be they silent or not.

        Raises:
            ClusterLostError: The cluster is gone.
        """
        self._look()
        with self._lock:
            return set(self._workers)

    def progress(self, ticket: str | None) -> tuple[str, int] | None:
        """Return what was told last of a job: stage and frames done; None where nothing was."""
        with self._lock:
            for one in self._workers.values():
                if ticket is not None and ticket in one.presence.progress:
                    return one.presence.progress[ticket]
            return None

    def agreed(self, inquiry: Inquiry, *, among: Inquiry | None = None) -> Report:
        """Return the answer that counts for an inquiry.

        Args:
            inquiry: What is asked for.
            among: Only workers with the answer that counts for this one have a say.

        Raises:
            ClusterWorkersError: No worker can do what is asked for, with each one's reason.
            ClusterLostError: The cluster is gone.
        """
        if (found := self._agreed.get(inquiry)) is not None:
            return found
        with self._electing:
            if inquiry not in self._agreed:
                self._await_workers()
                self._agreed[inquiry] = self._elect(inquiry, self._reports_among(inquiry, among))
            return self._agreed[inquiry]

    def fit(self, inquiries: Mapping[Inquiry, Mapping[str, Any]]) -> set[str]:
        """Find the workers that answer now and have the facts that are expected.

        Whoever is the first to meet a new worker waits for what it answers. Others do without that
        worker until then.

        Args:
            inquiries: The expected facts, by what was asked for.

        Raises:
            ClusterLostError: The cluster is gone.
        """
        self._meet(self._look())
        for inquiry in inquiries:
            self._ask(inquiry)
        with self._lock:
            fit = self._answering()
            for inquiry, expected in inquiries.items():
                fit -= self._misfits(inquiry, expected)
            return fit

    def _misfits(self, inquiry: Inquiry, expected: Mapping[str, Any]) -> set[str]:
        misfits = set()
        reports = self._reports(inquiry)
        for address in self._answering():
            report = reports.get(address)
            if report is None and (address, inquiry) in self._asked:
                misfits.add(address)
                continue
            reason = "it does not answer" if report is None else _misfit(report, expected)
            if reason is not None:
                misfits.add(address)
                self._tell(address, str(reason), inquiry.encoder)
        return misfits

    def _tell(self, address: str, reason: str, encoder: str | None = None) -> None:
        if (address, reason) not in self._told:
            self._told.add((address, reason))
            purpose = "" if encoder is None else f" for {encoder}"
            self._warn(f"The worker {address} is not used{purpose}: {reason.rstrip('.')}.")

    def _reports_among(self, inquiry: Inquiry, among: Inquiry | None) -> dict[str, Report]:
        self._ask(inquiry)
        if among is None:
            return self._reports(inquiry)
        expected = self.agreed(among).facts or {}
        self._ask(among)
        with self._lock:
            others = self._misfits(among, expected)
            reports = self._reports(inquiry)
        return {address: report for address, report in reports.items() if address not in others}

    def _elect(self, inquiry: Inquiry, reports: Mapping[str, Report]) -> Report:
        able = [report for _, report in sorted(reports.items()) if report.facts is not None]
        if not able:
            raise ClusterWorkersError(*self._why_nobody(reports))
        own = self._here(inquiry)
        votes = Counter(_ballot(report) for report in able)

        def rank(report: Report) -> tuple[bool, int]:
            like_here = own is not None and own.facts == report.facts
            return like_here, votes[_ballot(report)]

        return max(able, key=rank)

    def _why_nobody(self, reports: Mapping[str, Report]) -> tuple[str, tuple[tuple[str, str], ...]]:
        with self._lock:
            workers = sorted(self._workers)
        reasons = tuple(
            (address, str(reports[address].reason) if address in reports else "It does not answer.")
            for address in workers
        )
        return f"No worker of the cluster is usable. {listing(reasons)}", reasons

    def _ask(self, inquiry: Inquiry) -> None:
        """Ask the workers that were not asked yet, and wait for them."""
        with self._lock:
            new = {
                address
                for address in self._answering()
                if inquiry not in self._workers[address].reports
            }
        with self._asking(new, inquiry) as ours:
            answers = self._connection.ask(worker.report, pack(inquiry), ours)
            with self._lock:
                for address in answers.keys() & self._workers.keys():
                    self._workers[address].reports[inquiry] = _report(answers[address])

    @contextmanager
    def _asking(self, addresses: Iterable[str], inquiry: Inquiry | None) -> Iterator[list[str]]:
        """Keep others from asking the same workers the same thing in the block.

        Args:
            addresses: Who is to be asked.
            inquiry: For what; None for its version.

        Yields:
            Those of them that nobody else is asking.
        """
        with self._lock:
            ours = [one for one in addresses if (one, inquiry) not in self._asked]
            self._asked.update((one, inquiry) for one in ours)
        try:
            yield ours
        finally:
            with self._lock:
                self._asked.difference_update((one, inquiry) for one in ours)

    def _reports(self, inquiry: Inquiry) -> dict[str, Report]:
        with self._lock:
            return {
                address: self._workers[address].reports[inquiry]
                for address in self._answering()
                if inquiry in self._workers[address].reports
            }

    def _answering(self) -> set[str]:
        return {address for address, one in self._workers.items() if not one.presence.silent}

    def _await_workers(self) -> None:
        deadline = time.monotonic() + self._patience_s
        self._meet(self._look())
        while not self._any_answers():
            with self._lock:
                foreign, silent, meeting = dict(self._foreign), set(self._silent), bool(self._asked)
            if foreign and not meeting:
                raise ClusterWorkersError(
                    f"No worker of the cluster has vmafx-tune {__version__}, the version of this "
                    f"machine. {listing(tuple(foreign.items()))} Install the same version "
                    "on both sides.",
                    tuple(foreign.items()),
                )
            if time.monotonic() > deadline and silent:
                raise ClusterWorkersError(
                    f"No worker of the cluster at {self._connection.address} answers: "
                    f"{', '.join(sorted(silent))}. Check that they run, or start others."
                )
            if time.monotonic() > deadline and not meeting:
                raise ClusterWorkersError(
                    f"The cluster at {self._connection.address} has no workers. Start some with "
                    f"`dask worker {self._connection.address}`, where vmafx-tune is installed."
                )
            time.sleep(_PAUSE_S)
            self._meet(self._look())

    def _any_answers(self) -> bool:
        with self._lock:
            return bool(self._answering())

    def _look(self) -> Mapping[str, Presence]:
        """See who is there, unless that was just done, or is being done.

        Returns:
            Those of whom nothing is known.
        """
        if not self._looking.acquire(blocking=not self._workers):
            return {}
        try:
            if time.monotonic() - self._looked_at < _LOOK_EVERY_S and self._workers:
                return {}
            present = self._connection.workers()
            self._looked_at = time.monotonic()
        finally:
            self._looking.release()
        with self._lock:
            self._note(present)
            known = self._workers.keys() | self._foreign.keys() | self._silent
            return {address: present[address] for address in present.keys() - known}

    def _note(self, present: Mapping[str, Presence]) -> None:
        """Take note of who came back, fell silent or went away."""
        self._silent = {address for address, worker in present.items() if worker.silent}
        for address in self._silent:
            self._tell(address, "it does not answer")
        for gone in self._workers.keys() - present.keys():
            del self._workers[gone]
        for gone in self._foreign.keys() - present.keys():
            del self._foreign[gone]
        for address, one in self._workers.items():
            one.presence = present[address]

    def _meet(self, new: Mapping[str, Presence]) -> None:
        """Ask new workers for their version, and wait for them."""
        # A function of the standard library is there whatever is installed. It gives None for a
        # name that does not exist.
        with self._asking(new, None) as ours:
            versions = self._connection.ask(pydoc.locate, "vmafx_tune._version.__version__", ours)
            with self._lock:
                for address, version in versions.items():
                    self._welcome(address, version, new[address])
                if self._workers:
                    for address, reason in self._foreign.items():
                        self._tell(address, f"{reason}, and this machine {__version__}")

    def _welcome(self, address: str, version: object, presence: Presence) -> None:
        if version == __version__:
            self._workers[address] = _Worker(presence)
        else:
            has = f"vmafx-tune {version}" if isinstance(version, str) else "no vmafx-tune"
            self._foreign[address] = f"it has {has}"


def _report(answer: Any) -> Report:
    if isinstance(answer, BaseException):
        return Report(None, reason=f"it fails with {type(answer).__name__}: {answer}")
    try:
        return unpack(Report, answer)
    except ForeignVersionError as error:
        return Report(None, reason=str(error))


def _misfit(report: Report, expected: Mapping[str, Any]) -> str | None:
    if report.facts is None:
        return report.reason
    return difference(report.facts, expected)


def _ballot(report: Report) -> str:
    return repr(sorted((report.facts or {}).items()))
