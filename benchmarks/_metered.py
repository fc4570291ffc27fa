"""A prober that counts what each search of its own would have taken."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.model import Probe, ProbeSpec, ScoreSet
    from vmafx_tune.ports import ProbeProgress, Prober

__all__ = ["MeteredProber", "cpu_s"]


def cpu_s() -> float:
    """Processor time of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass
class MeteredProber:
    """Makes each probe once, and counts its time whenever it is asked for.

    Attributes:
        clock: Tells the time that counts, in seconds.
        spent_s: What everything asked for would have taken, had it been made anew.
    """

    prober: Prober
    clock: Callable[[], float] = time.monotonic
    spent_s: float = 0.0
    made: dict[ProbeSpec, tuple[Probe, float]] = field(default_factory=dict)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        if spec not in self.made:
            before_s = self.clock()
            probe = self.prober.probe(spec, on_progress=on_progress)
            self.made[spec] = probe, self.clock() - before_s
        probe, took_s = self.made[spec]
        self.spent_s += took_s
        return probe

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        return self.prober.score_itself(spec)

    def cancel(self) -> None:
        self.prober.cancel()
