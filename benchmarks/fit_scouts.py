"""Measure by how much the knob of a fast preset must be better to score what a slow one does.

`python benchmarks/fit_scouts.py --tables DIR CLIP…` prints the scouts of registry rows, and how far
they are off on each clip. It keeps the probes in DIR. Judge what comes of it on other clips.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

from _metered import cpu_s
from _tables import TableProber

from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.model import ProbeSpec
    from vmafx_tune.ports import Prober

CEILING = 100.5


@dataclass(frozen=True)
class Family:
    """One encoder's presets.

    Attributes:
        scout: The fast preset.
        values: Of its knob.
        slow: Slow presets, with values of their knob.
    """

    scout: str
    values: tuple[float, ...]
    slow: dict[str, tuple[float, ...]]


FAMILIES = {
    "libx264": Family(
        "superfast",
        (20, 26, 32, 38),
        dict.fromkeys(("medium", "slow", "slower", "veryslow"), (23, 32)),
    ),
    "libx265": Family(
        "superfast",
        (20, 26, 32, 38),
        {"medium": (27, 36), "slow": (27, 36), "slower": (32,), "veryslow": (28, 37)},
    ),
    "libsvtav1": Family(
        "8",
        (34, 42, 54),
        {"4": (42, 54), "3": (42,), "2": (42, 54)},
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--tables", type=Path, required=True, help="folder of probes")
    options = parser.parse_args()
    for encoder, family in FAMILIES.items():
        sources = [_Source(clip, options.tables, encoder) for clip in options.clips]
        for preset in family.slow:
            leads = [list(source.leads(preset, family)) for source in sources]
            each = [fmean(some) for some in leads if some]
            effort = sources[0].encode_s(family.scout, 32) / sources[0].encode_s(preset, 32)
            print(
                f"{encoder} {preset} by {family.scout}: {fmean(each):.1f} better, "
                f"{pstdev(each):.2f} off as a rule, {effort:.2f} of the time; "
                + " ".join(f"{lead:.1f}" for lead in each),
                flush=True,
            )
    return 0


class _Source:
    """The probes of one clip with one encoder."""

    def __init__(self, clip: Path, tables: Path, encoder: str) -> None:
        self._session = Session(ToolOptions(cache=False))
        source = self._session.reader.source(clip)
        prepared = PreparedSource.prepare(source, EncodingOptions(), None, self._session)
        self._template = prepared.request(row_of(encoder), 90).template
        self._prober: Prober = TableProber(self._session.prober(), tables / f"{clip.stem}.json")

    def leads(self, preset: str, family: Family) -> Iterator[float]:
        """Tell how much better the scout's knob must be, at each value of a slow preset's."""
        fast = [(value, self._odds(family.scout, value)) for value in family.values]
        for value in family.slow[preset]:
            if (same := _value_at(self._odds(preset, value), fast)) is not None:
                yield value - same

    def encode_s(self, preset: str, value: float) -> float:
        """Measure the processor time of an encode."""
        with tempfile.TemporaryDirectory() as folder:
            before_s = cpu_s()
            self._session.encoder().encode(self._spec(preset, value).encode, Path(folder, "x.mkv"))
            return cpu_s() - before_s

    def _odds(self, preset: str, value: float) -> float:
        score = self._prober.probe(self._spec(preset, value)).scores.frames[0]
        return log(score / (CEILING - score))

    def _spec(self, preset: str, value: float) -> ProbeSpec:
        encode = replace(self._template.encode, preset=preset, quality=float(value))
        return replace(self._template, encode=encode)


def _value_at(odds: float, points: Sequence[tuple[float, float]]) -> float | None:
    """Find where a curve has some odds, on straight lines; none where it has them nowhere."""
    for (value, high), (next_value, low) in pairwise(points):
        if low <= odds <= high:
            return value + (next_value - value) * (high - odds) / (high - low)
    return None


if __name__ == "__main__":
    raise SystemExit(main())
