"""How much sooner a search ends where its neighbours' probes run on processors that were idle."""

from __future__ import annotations

import math
import random
import sys
import threading
import time
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING
from unittest.mock import patch

sys.path.append(str(Path(__file__).parents[1]))

from _pair import encoded_pair
from _rows import Row
from _timing import ratios, take_turns

import vmafx_tune
from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.cancel import CancelToken
from vmafx_tune.cpus import CoreShares
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import CancelledError
from vmafx_tune.options import EncodingOptions, ScoringOptions
from vmafx_tune.prepared_source import narrowed_knob
from vmafx_tune.probing.ahead import ProbingAhead
from vmafx_tune.search.engine import search

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress

__all__ = ["MEASURES", "probes_ahead", "simulated_places"]

_ENCODERS = ("libx264", "libx265", "libsvtav1")
_BARS = {2: 0.8, 3: 0.7}
_TARGETS = (80.0, 88.0, 93.0, 96.0)
_CLIPS = 6
_PROBE_S = 0.25


class _Sleeping(CurveProber):
    """Takes a while for each probe; scores come from a curve."""

    def __init__(
        self, vmaf_of: Callable[[float], float], shares: CoreShares, token: CancelToken
    ) -> None:
        super().__init__(vmaf_of)
        self._shares = shares
        self._token = token

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        stopped = threading.Event()
        with self._shares.taken(), self._token.calling(stopped.set):
            if stopped.wait(_PROBE_S):
                raise CancelledError("The work was cancelled.")
        return super().probe(spec, on_progress=on_progress)


def simulated_places(_: Path, __: int) -> list[Row]:
    """Searches of made-up curves with places for one to three probes, in times of a probe."""
    rows = []
    for encoder in _ENCODERS:
        alone, *others = (_simulated(encoder, places) for places in (1, *_BARS))
        rows += [
            Row(
                f"time of a search with {encoder} and {places} places against one",
                took / alone,
                bar,
            )
            for (places, bar), took in zip(_BARS.items(), others, strict=True)
        ]
    return rows


def _simulated(encoder: str, places: int) -> float:
    """Search with probes ahead; returns the mean time in those of a probe."""
    luck = random.Random(17)
    knob = narrowed_knob(encoder_row(encoder), EncodingOptions())
    took = []
    for _ in range(_CLIPS):
        middle = knob.prior.midpoint + knob.lo + luck.gauss(0, 4)
        width = knob.prior.width * math.exp(luck.gauss(0, 0.15))

        def vmaf_of(quality: float, middle: float = middle, width: float = width) -> float:
            return 98 / (1 + math.exp((quality - middle) / width))

        for target in _TARGETS:
            one = request(encoder, target=target, knob=knob, typical=knob.typical)
            shares, token = CoreShares(places), CancelToken()
            prober = ProbingAhead(
                _Sleeping(vmaf_of, shares, token),
                lambda own, curve=vmaf_of, shares=shares: _Sleeping(curve, shares, own),
                cancel=token,
                spare=lambda shares=shares: shares.spare(1),
            )
            began = time.monotonic()
            search(one, prober)
            took.append((time.monotonic() - began) / _PROBE_S)
    return fmean(took)


def probes_ahead(folder: Path, rounds: int) -> list[Row]:
    """A real search, each program with one thread, on what processors there are."""
    clip, _ = encoded_pair(folder, "640x360", 4)
    found = {}

    def find(name: str) -> None:
        found[name] = vmafx_tune.search(
            clip,
            "libx264",
            90,
            encoding=EncodingOptions(preset="slow"),
            scoring=ScoringOptions(threads=1),
            tools=vmafx_tune.ToolOptions(cache=False),
        )

    def alone() -> None:
        with patch.object(CoreShares, "spare", lambda *_: 0):
            find("alone")

    times = take_turns({"alone": alone, "ahead": lambda: find("ahead")}, rounds)
    same = len({(one.best_crf, one.vmaf_score, one.new_probes) for one in found.values()}) == 1
    what = "`search --threads 1` with x264"
    took = ratios(times, "alone")["ahead"]
    return [
        Row(f"{what}: time against one probe after the other", took, 0.8),
        Row(f"{what}: answers that differ", 0 if same else 1, 0, unit=""),
    ]


MEASURES = (simulated_places, probes_ahead)
