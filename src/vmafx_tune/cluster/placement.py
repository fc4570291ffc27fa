"""Which worker makes a probe: one that has its source open, where one is free.

A worker that gets a source for the first time reads all that it needs of it, so that a source whose
probes go everywhere is read everywhere. Dask does not know of sources; what is placed here goes to
one worker that has a slot free, and only where none has, the scheduler chooses by its own queue.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from vmafx_tune.cluster.connection import task_key
from vmafx_tune.errors import ClusterLostError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmafx_tune.cluster.connection import Load

__all__ = ["Place", "Placement"]

_LOOK_EVERY_S = 1.0
# A few gigabytes from the storage of a studio.
_PATIENCE_S = 5.0
# A probe is not passed over for ever by later ones whose source is open where a slot gets free.
_MOST_PASSED = 100


@frozen
class Place:
    """Where a probe is to be made.

    Attributes:
        key: The name that its task is to have.
        workers: Those that it may be given to.
        is_free: Whether that is a single worker that had a slot free.
    """

    key: str
    workers: frozenset[str]
    is_free: bool


@dataclass(eq=False)
class _Request:
    """A probe that waits for its place."""

    source: str
    key: str
    since_s: float = field(default_factory=time.monotonic)
    able: frozenset[str] = frozenset()
    n_passed: int = 0
    place: Place | None = None
    placed: threading.Event = field(default_factory=threading.Event)


class Placement:
    """Gives the probes of a run to workers. Thread-safe.

    No more probes are placed at once than there are slots: of those that wait, a free slot gets the
    oldest whose source its worker has open, else the oldest whose source is open at fewer workers
    than it has probes. Others wait for a worker of theirs for about as long as it takes to read a
    source, which costs no more than twice what is best, however long that worker goes on.

    Args:
        loads: Tells what each worker that takes work has to do now, for this run and others.
    """

    def __init__(self, loads: Callable[[], Mapping[str, Load]]) -> None:
        self._loads = loads
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._placed: dict[str, Place] = {}
        self._open: dict[str, set[str]] = {}
        self._n_probes: Counter[str] = Counter()
        self._turns = count(1)
        self._used: dict[str, int] = {}
        self._looked_at = float("-inf")
        self._is_assigning = self._is_due = False

    @contextmanager
    def place(self, source: str, able: Callable[[], set[str]]) -> Iterator[Place]:
        """Wait for a place for a probe, and keep it in the block.

        Args:
            source: Tells the probes of one source from others.
            able: Finds the workers that may make it; is asked again while it waits.

        Raises:
            ClusterLostError: The cluster is gone.
        """
        request = _Request(source, task_key())
        with self._lock:
            self._n_probes[source] += 1
        try:
            while not request.placed.is_set():
                request.able = frozenset(able())
                with self._lock:
                    is_new = request.place is None and request not in self._waiting
                    if is_new:
                        self._waiting.append(request)
                if is_new or time.monotonic() - self._looked_at > _LOOK_EVERY_S:
                    self._assign()
                request.placed.wait(_LOOK_EVERY_S)
            assert request.place is not None
            yield request.place
        finally:
            with self._lock:
                self._n_probes[source] -= 1
                self._placed.pop(request.key, None)
                if request in self._waiting:
                    self._waiting.remove(request)
            # Those who wait find out by themselves that the cluster is gone.
            with suppress(ClusterLostError):
                self._assign()

    def _assign(self) -> None:
        """Place whoever can be placed now, or have the thread that is at it look once more.

        One question to the scheduler serves all that came while the one before was answered.
        """
        with self._lock:
            self._is_due = True
            if self._is_assigning:
                return
            self._is_assigning = True
        try:
            while self._takes_turn():
                loads = self._loads()
                with self._lock:
                    self._distribute(loads)
        except BaseException:
            with self._lock:
                self._is_assigning = False
            raise

    def _takes_turn(self) -> bool:
        with self._lock:
            self._is_assigning = self._is_due and bool(self._waiting)
            self._is_due = False
            return self._is_assigning

    def _distribute(self, loads: Mapping[str, Load]) -> None:
        self._looked_at = time.monotonic()
        free = {address: self._free(address, load) for address, load in loads.items()}
        for request in [one for one in self._waiting if one.n_passed >= _MOST_PASSED]:
            self._take(request, free, request.able)
        for request in [*self._waiting]:
            self._take(request, free, self._homes(request))
        for request in [*self._waiting]:
            if len(self._homes(request) & loads.keys()) < self._n_probes[request.source]:
                self._take(request, free, request.able)
        for request in [*self._waiting]:
            if self._looked_at - request.since_s >= _PATIENCE_S:
                self._take(request, free, request.able)
        for request in [*self._waiting]:
            self._queue(request, loads, free)

    def _homes(self, request: _Request) -> frozenset[str]:
        """Find the workers that may make a probe and have its source open."""
        return request.able & self._open.get(request.source, set())

    def _free(self, address: str, load: Load) -> int:
        """Count the slots that nobody uses; the scheduler may not know of the latest probes yet."""
        ours = {
            key for key, place in self._placed.items() if place.is_free and address in place.workers
        }
        return load.slots - len(load.tasks | ours)

    def _take(self, request: _Request, free: dict[str, int], among: frozenset[str]) -> None:
        """Give a request a free slot of one of `among`, where there is one.

        Of several it is the one that has had nothing of this run for the longest time: the next
        probe of another source is not about to come back to it.
        """
        able = [address for address in among if free.get(address, 0) > 0]
        if not able:
            return
        best = min(able, key=lambda one: (-free[one], self._used.get(one, 0), one))
        free[best] -= 1
        self._used[best] = next(self._turns)
        self._open.setdefault(request.source, set()).add(best)
        self._put(request, Place(request.key, frozenset({best}), is_free=True))

    def _queue(self, request: _Request, loads: Mapping[str, Load], free: Mapping[str, int]) -> None:
        """Leave a request to the scheduler's queue, where other runs use slots of ours.

        There the priorities of runs decide.
        """
        able = request.able & loads.keys()
        ours = sum(not place.workers.isdisjoint(able) for place in self._placed.values())
        waits_for_home = any(free[address] > 0 for address in able)
        if not waits_for_home and ours < sum(loads[address].slots for address in able):
            self._put(request, Place(request.key, able, is_free=False))

    def _put(self, request: _Request, place: Place) -> None:
        for earlier in self._waiting[: self._waiting.index(request)]:
            earlier.n_passed += 1
        self._waiting.remove(request)
        self._placed[request.key] = place
        request.place = place
        request.placed.set()
