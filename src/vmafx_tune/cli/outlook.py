"""What can be said of a ladder while it is built: how far it is, and how long it may take."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmafx_tune.core.hull import upper_hull
from vmafx_tune.events import (
    CellFinished,
    JobFinished,
    JobStarted,
    LadderStarted,
    ProbeFinished,
    ProbeStarted,
)
from vmafx_tune.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.events import Event

__all__ = ["Outlook"]


@dataclass(frozen=True, slots=True)
class _Point:
    """A measured point, and the resolution that it is of."""

    bitrate_kbps: float
    vmaf: float
    job: str


@dataclass
class _Resolution:
    """How far one resolution is."""

    probes_done: int = 0
    probes_left: int = 0
    probe_started: float | None = None


@dataclass
class Outlook:
    """Follows the events of a ladder.

    Attributes:
        clock: Seconds of a clock that never goes back.
        cells_done: Cells that are finished.
    """

    clock: Callable[[], float] = time.monotonic
    _ladder: LadderStarted = field(default_factory=lambda: LadderStarted(0, 0, 1))
    cells_done: int = field(default=0, init=False)
    _resolutions: dict[str, _Resolution] = field(default_factory=dict)
    _probe_times_s: list[float] = field(default_factory=list)
    _points: list[_Point] = field(default_factory=list)

    def see(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case LadderStarted():
                self._ladder = event
            case JobStarted(job):
                self._resolutions[job] = _Resolution()
            case ProbeStarted(job):
                self._resolutions[job].probe_started = self.clock()
            case ProbeFinished(look=True):
                # It is far shorter than a probe, and what it measured is no point of the hull.
                self._resolutions[event.job].probe_started = None
            case ProbeFinished():
                self._see_probe(event)
            case CellFinished():
                self.cells_done = event.cells_done
            case JobFinished(job):
                self._resolutions[job].probe_started = None
                self._resolutions[job].probes_left = 0

    @property
    def cells(self) -> str:
        """Cells done of all."""
        return f"{self.cells_done} of {self._ladder.cells} cells"

    @property
    def running(self) -> str:
        """Probes that run now."""
        running = (
            resolution.probe_started is not None for resolution in self._resolutions.values()
        )
        count = sum(running)
        return counted(count, "probe")

    @property
    def hull(self) -> str:
        """How many points of each resolution are on the hull, the cheapest first."""
        points = upper_hull(self._points, tie_break=lambda point: point.job)
        return ", ".join(f"{job} ({n})" for job, n in Counter(p.job for p in points).items())

    @property
    def seconds_left(self) -> float | None:
        """At most how long it takes; None before the first probe is done.

        Resolutions that have not begun are taken to need as many probes as the busiest so far.
        """
        if not self._probe_times_s:
            return None
        known = self._resolutions.values()
        most = max(resolution.probes_done + resolution.probes_left for resolution in known)
        waiting = self._ladder.jobs - len(known)
        left = sum(resolution.probes_left for resolution in known) + waiting * most
        mean_s = sum(self._probe_times_s) / len(self._probe_times_s)
        return mean_s * left / min(self._ladder.workers, max(1, self._unfinished))

    @property
    def _unfinished(self) -> int:
        active = sum(bool(resolution.probes_left) for resolution in self._resolutions.values())
        return active + self._ladder.jobs - len(self._resolutions)

    def _see_probe(self, event: ProbeFinished) -> None:
        resolution = self._resolutions[event.job]
        # What is recalled takes no time, and says nothing of what is still to be measured.
        if resolution.probe_started is not None and not event.probe.cached:
            self._probe_times_s.append(self.clock() - resolution.probe_started)
        resolution.probe_started = None
        resolution.probes_done += 1
        resolution.probes_left = event.probes_left
        self._points.append(_Point(event.probe.bitrate_kbps, event.vmaf, event.job))
