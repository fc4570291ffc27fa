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
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.model import ProbeSpec
    from vmafx_tune.ports import Prober

CEILING = 100.5


@dataclass(frozen=True)
class Family:
    """A preset of one encoder, and slower ones that it may be a scout of.

    Attributes:
        encoder: Its name.
        scout: The fast preset.
        values: Of its knob.
        slow: Slow presets, with values of their knob.
    """

    encoder: str
    scout: str
    values: tuple[float, ...]
    slow: Mapping[str, tuple[float, ...]]


_X264, _X265 = (23, 32), {"slower": (32,), "veryslow": (28, 37)}
_AOM, _VVENC = (28, 36, 44, 52), (22, 28, 34, 40)
FAMILIES = (
    Family("libx264", "superfast", (20, 26, 32, 38), {"medium": _X264, "veryslow": _X264}),
    Family("libx264", "medium", _X264, {"slower": _X264, "veryslow": _X264}),
    Family(
        "libx265", "superfast", (20, 26, 32, 38), {"medium": (27, 36), "slow": (27, 36), **_X265}
    ),
    Family("libx265", "slow", (27, 36), _X265),
    Family("libsvtav1", "10", (30, 40, 48, 56), {"2": (42, 54)}),
    Family("libsvtav1", "8", (34, 42, 54), {"4": (42, 54), "3": (42,), "2": (42, 54)}),
    Family("libaom-av1", "6", _AOM, {**dict.fromkeys("432", (36, 50)), "1": (44,)}),
    Family("libvpx-vp9", "5", _AOM, dict.fromkeys("210", (36, 50))),
    Family("libvvenc", "faster", _VVENC, {"medium": (27, 36), "slow": (27, 36), "slower": (32,)}),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--tables", type=Path, required=True, help="folder of probes")
    parser.add_argument("--efforts", action="store_true", help="time encodes of the first clip")
    parser.add_argument("--only", default="", help="encoders that have this in their name")
    options = parser.parse_args()
    for family in (one for one in FAMILIES if options.only in one.encoder):
        sources = [_Source(clip, options.tables, family.encoder) for clip in options.clips]
        for preset in family.slow:
            leads = [source.leads(preset, family) for source in sources]
            each = list(map(fmean, leads))
            found = " ".join(f"{lead:.2f}" for lead in each)
            what = f"{family.encoder} {preset} by {family.scout}"
            print(f"{what}: lead {fmean(each):.2f}, deviation {pstdev(each):.2f}; {found}")
            if options.efforts:
                efforts = [sources[0].encode_s(one, 32) for one in (preset, family.scout)]
                print(f"{what}: {efforts[0] / efforts[1]:.1f} times the effort", flush=True)
    return 0


class _Source:
    """The probes of one clip with one encoder."""

    def __init__(self, clip: Path, tables: Path, encoder: str) -> None:
        self._session = Session(ToolOptions(cache=False))
        source = self._session.reader.source(clip)
        prepared = PreparedSource.prepare(source, EncodingOptions(), None, self._session)
        request = prepared.request(row_of(encoder), 90)
        self._template, self._knob = request.template, request.knob
        self._prober: Prober = TableProber(self._session.prober(), tables / f"{clip.stem}.json")

    def leads(self, preset: str, family: Family) -> Iterator[float]:
        """Tell how much better the scout's knob must be, at each value of a slow preset's."""
        fast = [(value, self._odds(family.scout, value)) for value in family.values]
        for value in family.slow[preset]:
            same = _value_at(self._odds(preset, value), fast)
            yield self._widths(value) - self._widths(same)

    def _widths(self, value: float) -> float:
        return self._knob.scale.widths(self._knob.position_of(value))

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


def _value_at(odds: float, points: Sequence[tuple[float, float]]) -> float:
    """Find where a curve has some odds, on straight lines that go on beyond it."""
    lines = list(pairwise(points))
    (value, high), (next_value, low) = next(
        (line for line in lines if line[1][1] <= odds), lines[-1]
    )
    return value + (next_value - value) * (high - odds) / (high - low)


if __name__ == "__main__":
    raise SystemExit(main())
