"""Find which values of x264's CRF give the quality of another encoder's, for its registry row.

`python benchmarks/fit_knobs.py FOLDER…` reads the probes of clips, as `curves.py --tables FOLDER`
leaves them. Judge what comes of it on other clips.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _tables import ITSELF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

GUIDE = "libx264"
VALUES = {
    "libx265": (12, 24, 33, 39, 45),
    "libsvtav1": (10, 20, 30, 40, 48, 54, 58, 61, 63),
}
LEAST_POINTS = 12
# Odds of scores between 65 and 99, of 101, where they tell the setting; and by how much they must
# fall with each value of x264's.
STEEP, LEAST_SLOPE, END, LEAST_SCORE = (0.6, 4.0), 0.08, 101.0, 0.3
MARGIN = 0.25
# Clips that two encoders treat in different ways count less.
USUAL_ERROR, ROUNDS = 0.8, 30


class Curve(NamedTuple):
    """Odds of the score by value of the knob, at some size of a clip."""

    values: NDArray[np.float64]
    odds: NDArray[np.float64]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="of probes")
    found: dict[str, dict[str, Curve]] = defaultdict(dict)
    for folder in parser.parse_args().folders:
        for clip, encoder, curve in _curves(folder):
            found[encoder][clip] = curve
    for encoder, values in VALUES.items():
        pairs = [
            (found[GUIDE][clip], c) for clip, c in found[encoder].items() if clip in found[GUIDE]
        ]
        like, error = _like(pairs, values)
        table = ", ".join(f"({value}, {crf:.1f})" for value, crf in zip(values, like, strict=True))
        print(f"{encoder}: {table}; {error:.2f} off in the middle, {len(pairs)} clips")
    return 0


def _curves(folder: Path) -> Iterator[tuple[str, str, Curve]]:
    for table in sorted(folder.glob("*.json")):
        scores: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
        for key, point in json.loads(table.read_text(encoding="utf-8")).items():
            if key != ITSELF:
                encoder, _, size, _, value = key.split()
                scores[encoder, size][float(value)] = min(max(point[1], LEAST_SCORE), END - 0.1)
        for (encoder, size), by_value in scores.items():
            if len(by_value) >= LEAST_POINTS:
                values = np.array(sorted(by_value))
                parts = np.array([by_value[value] for value in values])
                yield f"{table.stem} {size}", encoder, Curve(values, np.log(parts / (END - parts)))


def _like(
    pairs: Sequence[tuple[Curve, Curve]], values: Sequence[float]
) -> tuple[NDArray[np.float64], float]:
    """Fit straight lines between `values`, and an offset of each clip, by robust least squares."""
    rows, goals = [], []
    for index, pair in enumerate(pairs):
        for value, crf in _equals(*pair):
            hats = [np.interp(value, values, hat) for hat in np.eye(len(values))]
            rows.append([*hats, *np.eye(len(pairs))[index]])
            goals.append(crf)
    # Offsets are around 0.
    level = [*np.zeros(len(values)), *np.ones(len(pairs))]
    system, goal, weights = np.array(rows), np.array(goals), np.ones(len(goals))
    for _ in range(ROUNDS):
        whole = np.vstack([system * weights[:, None], level])
        solved = np.linalg.lstsq(whole, np.append(goal * weights, 0.0), rcond=None)[0]
        left = goal - system @ solved
        weights = 1 / np.sqrt(1 + (left / USUAL_ERROR) ** 2)
    n_values = len(values)
    return solved[:n_values] + np.median(solved[n_values:]), float(np.median(np.abs(left)))


def _equals(guide: Curve, curve: Curve) -> Iterator[tuple[float, float]]:
    """List values of a knob with the ones of x264's that give the same score."""
    falling = np.minimum.accumulate(guide.odds)
    low, high = max(falling[-1] + MARGIN, STEEP[0]), min(falling[0] - MARGIN, STEEP[1])
    for value, odds in zip(curve.values, curve.odds, strict=True):
        if low < odds < high:
            after = int(np.clip(np.searchsorted(-falling, -odds), 1, len(falling) - 1))
            run = guide.values[after] - guide.values[after - 1]
            if (falling[after - 1] - falling[after]) / run > LEAST_SLOPE:
                yield float(value), float(np.interp(-odds, -falling, guide.values))


if __name__ == "__main__":
    raise SystemExit(main())
