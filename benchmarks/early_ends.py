"""What it would save to stop a score as soon as the miss of a target is certain.

Run with `python benchmarks/early_ends.py CLIP…`. For `min`, `p1` and `p5`, a miss is certain once
enough frames are too low, whatever the rest score. Each search is made with all scores to their
end, and without looks; what is printed of it is the share of its time that the rest of them took.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from vmafx_tune.model import PoolMethod
from vmafx_tune.options import EncodingOptions, ScoringOptions, ToolOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.scoring.pooling import pool_scores
from vmafx_tune.search.engine import search
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.model import Probe, ProbeSpec, ScoreSet
    from vmafx_tune.ports import ProbeProgress, Prober

PRESETS = {"libx264": "medium", "libx265": "medium", "libsvtav1": "8"}
TARGETS = {PoolMethod.MIN: 85, PoolMethod.P1: 88, PoolMethod.P5: 90}
_BEST = 100.0


class Recorded:
    """Implements `ports.Prober` and keeps what it returns."""

    def __init__(self, prober: Prober) -> None:
        self._prober = prober
        self.probes: list[Probe] = []

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.probes.append(self._prober.probe(spec, on_progress=on_progress))
        return self.probes[-1]

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        return self._prober.score_itself(spec)

    def cancel(self) -> None:
        self._prober.cancel()


def needless(frames: Sequence[float], pool: PoolMethod, target: float) -> float:
    """Measure the share of frames after the one that makes a miss certain; 0 where none does."""
    n = len(frames)
    for seen in range(1, n):
        if pool_scores((*frames[:seen], *[_BEST] * (n - seen)), pool) < target:
            return 1 - seen / n
    return 0.0


def saved(probes: Sequence[Probe], pool: PoolMethod, target: float) -> float:
    """Measure the share of the time of all probes that an early end would save."""
    took_s = sum(probe.encode_time_s + probe.score_time_s for probe in probes)
    rest_s = (probe.score_time_s * needless(probe.scores.frames, pool, target) for probe in probes)
    return sum(rest_s) / took_s


def main() -> int:
    shares = []
    for clip in map(Path, sys.argv[1:]):
        session = Session(ToolOptions(cache=False))
        source = session.reader.source(clip)
        for encoder, preset in PRESETS.items():
            for pool, target in TARGETS.items():
                encoding, scoring = EncodingOptions(preset=preset), ScoringOptions(pool=pool)
                prepared = PreparedSource.prepare(source, encoding, scoring, session)
                prober = Recorded(session.prober())
                search(prepared.request(row_of(encoder), target), prober)
                shares.append(saved(prober.probes, pool, target))
                name = f"{clip.name} {encoder} {pool.value} {target}"
                print(f"{shares[-1]:6.1%}  {len(prober.probes)} probes  {name}", flush=True)
    print(f"{mean(shares):6.1%}  mean")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
