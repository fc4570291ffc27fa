"""Which workers of a cluster may do what, so that it does not matter which one did it."""

from __future__ import annotations

import pydoc
import threading
import time
from collections import Counter
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
    from collections.abc import Callable, Iterable, Mapping

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
        self._lock = threading.RLock()
        self._looked_at = float("-inf")
        self._workers: dict[str, _Worker] = {}
        self._foreign: dict[str, str] = {}
        self._silent: set[str] = set()
        self._agreed: dict[Inquiry, Report] = {}
        self._told: set[tuple[str, str]] = set()

    @property
    def slots(self) -> int:
        """Probes that all of them together make at once."""
        with self._lock:
            self._look()
            return sum(one.presence.slots for one in self._workers.values())

    def present(self) -> set[str]:
        """Find the workers of our version that the scheduler knows now, be they silent or not.

        Raises:
            ClusterLostError: The cluster is gone.
        """
        with self._lock:
            self._look()
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
        with self._lock:
            if inquiry not in self._agreed:
                self._await_workers()
                self._agreed[inquiry] = self._elect(inquiry, self._reports_among(inquiry, among))
            return self._agreed[inquiry]

    def fit(self, inquiries: Mapping[Inquiry, Mapping[str, Any]]) -> set[str]:
        """Find the workers that answer now and have the facts that are expected.

        Args:
            inquiries: The expected facts, by what was asked for.

        Raises:
            ClusterLostError: The cluster is gone.
        """
        with self._lock:
            self._look()
            fit = self._answering()
            for inquiry, expected in inquiries.items():
                fit -= self._misfits(inquiry, expected)
            return fit

    def _misfits(self, inquiry: Inquiry, expected: Mapping[str, Any]) -> set[str]:
        misfits = set()
        reports = self._reports(inquiry)
        for address in self._answering():
            report = reports.get(address)
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
        reports = self._reports(inquiry)
        if among is None:
            return reports
        others = self._misfits(among, self.agreed(among).facts or {})
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
        reasons = tuple(
            (address, str(reports[address].reason) if address in reports else "It does not answer.")
            for address in sorted(self._workers)
        )
        return f"No worker of the cluster is usable. {listing(reasons)}", reasons

    def _reports(self, inquiry: Inquiry) -> dict[str, Report]:
        answering = self._answering()
        new = [address for address in answering if inquiry not in self._workers[address].reports]
        for address, answer in self._connection.ask(worker.report, pack(inquiry), new).items():
            self._workers[address].reports[inquiry] = _report(answer)
        return {
            address: one.reports[inquiry]
            for address, one in self._workers.items()
            if address in answering and inquiry in one.reports
        }

    def _answering(self) -> set[str]:
        return {address for address, one in self._workers.items() if not one.presence.silent}

    def _await_workers(self) -> None:
        deadline = time.monotonic() + self._patience_s
        self._look()
        while not self._answering():
            if self._foreign:
                raise ClusterWorkersError(
                    f"No worker of the cluster has vmafx-tune {__version__}, the version of this "
                    f"machine. {listing(tuple(self._foreign.items()))} Install the same version "
                    "on both sides.",
                    tuple(self._foreign.items()),
                )
            if time.monotonic() > deadline and self._silent:
                raise ClusterWorkersError(
                    f"No worker of the cluster at {self._connection.address} answers: "
                    f"{', '.join(sorted(self._silent))}. Check that they run, or start others."
                )
            if time.monotonic() > deadline:
                raise ClusterWorkersError(
                    f"The cluster at {self._connection.address} has no workers. Start some with "
                    f"`dask worker {self._connection.address}`, where vmafx-tune is installed."
                )
            time.sleep(_PAUSE_S)
            self._look()

    def _look(self) -> None:
        """See who is there, unless that was just done, and examine those who are new."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY_S and self._workers:
            return
        present = self._connection.workers()
        self._silent = {address for address, worker in present.items() if worker.silent}
        for address in self._silent:
            self._tell(address, "it does not answer")
        for gone in self._workers.keys() - present.keys():
            del self._workers[gone]
        for gone in self._foreign.keys() - present.keys():
            del self._foreign[gone]
        for address, one in self._workers.items():
            one.presence = present[address]
        new = present.keys() - self._workers.keys() - self._foreign.keys() - self._silent
        for address, version in self._versions(new).items():
            if version == __version__:
                self._workers[address] = _Worker(present[address])
            else:
                has = f"vmafx-tune {version}" if isinstance(version, str) else "no vmafx-tune"
                self._foreign[address] = f"it has {has}"
        if self._workers:
            for address, reason in self._foreign.items():
                self._tell(address, f"{reason}, and this machine {__version__}")
        self._looked_at = time.monotonic()

    def _versions(self, addresses: Iterable[str]) -> Mapping[str, Any]:
        # A function of the standard library is there whatever is installed. It gives None for a
        # name that does not exist.
        return self._connection.ask(pydoc.locate, "vmafx_tune._version.__version__", addresses)


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
