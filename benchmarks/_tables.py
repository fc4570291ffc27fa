"""Probes in a JSON file for each clip, so that strategies are compared without an encode."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from _metered import cpu_s

from vmafx_tune.model import Probe, ScoreSet
from vmafx_tune.options import ToolOptions
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import ProbeSpec
    from vmafx_tune.ports import ProbeProgress, Prober

__all__ = ["ITSELF", "TableProber", "TableSession"]

ITSELF = "itself"
"""Name of the score of a clip against itself."""


class TableProber:
    """Implements `ports.Prober` with a file: what it lacks is measured and added. Thread-safe.

    Args:
        prober: Measures; always in the same way, but for what names the probe.
        path: The file, which need not exist.

    Attributes:
        n_measured: Probes that were not in the file.
        spent_s: Processor time of all that was asked for, had it been made anew. It is right where
            probes are measured one after the other.
    """

    def __init__(self, prober: Prober, path: Path) -> None:
        self.n_measured, self.spent_s = 0, 0.0
        self._prober, self._path, self._lock = prober, path, threading.Lock()
        text = path.read_text(encoding="utf-8") if path.exists() else "{}"
        self._points: dict[str, list[float]] = json.loads(text)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        key = _name(spec, f"{spec.encode.quality:g}")
        if key not in self._points:
            before_s = cpu_s()
            probe = self._prober.probe(spec, on_progress=on_progress)
            frames = probe.scores.frames
            mean = sum(frames) / len(frames)
            self._add(key, [probe.bitrate_kbps, mean, cpu_s() - before_s])
        bitrate_kbps, vmaf, *took_s = self._points[key]
        self.spent_s += sum(took_s)
        scores = _scores(spec, vmaf)
        return Probe(spec.encode.quality, bitrate_kbps, 1, scores, 0.0, 0.0)

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        if ITSELF not in self._points:
            frames = self._prober.score_itself(spec).frames
            self._add(ITSELF, [0.0, sum(frames) / len(frames)])
        return _scores(spec, self._points[ITSELF][1])

    def cancel(self) -> None:
        self._prober.cancel()

    def _add(self, key: str, point: list[float]) -> None:
        with self._lock:
            self.n_measured += 1
            self._points[key] = point
            self._path.parent.mkdir(parents=True, exist_ok=True)
            begun = self._path.with_suffix(".part")
            begun.write_text(json.dumps(self._points, indent=1, sort_keys=True), encoding="utf-8")
            begun.replace(self._path)


class TableSession(Session):
    """A session whose probes of one clip are kept in a file, as those of `TableProber` are."""

    def __init__(self, path: Path) -> None:
        super().__init__(ToolOptions(cache=False))
        self._path = path
        self._table: TableProber | None = None

    def prober(self) -> Prober:
        if self._table is None:
            self._table = TableProber(super().prober(), self._path)
        return self._table


def _name(spec: ProbeSpec, quality: str) -> str:
    encode = spec.encode
    size = encode.size or encode.source.resolution
    name = f"{encode.encoder} {encode.preset} {size} {encode.gop_frames or 'auto'} {quality}"
    return name if spec.subsample == 1 else f"{name} 1/{spec.subsample}"


def _scores(spec: ProbeSpec, vmaf: float) -> ScoreSet:
    return ScoreSet((vmaf,), {}, n_frames=1, model=spec.model.name, backend="table")
