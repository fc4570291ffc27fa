"""How many probes a search takes on clips that nothing was fitted to.

`python benchmarks/curves.py --seed 3 --tables DIR` draws another set than the last published one,
and keeps the probes in DIR, so that a change of strategy is judged in seconds.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, quantiles
from typing import TYPE_CHECKING

from _clips import made, recipes
from _rows import Row
from _tables import TableProber

from vmafx_tune.options import EncodingOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.search.engine import search
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.request import SearchRequest

__all__ = ["MEASURES", "PRESETS", "TARGETS", "Curve", "curves", "unfitted_clips"]

PRESETS = {"libx264": "veryfast", "libx265": "superfast", "libsvtav1": "10"}
TARGETS = (70, 80, 88, 93, 96, 98)
SEED = 2


def unfitted_clips(folder: Path, _: int) -> list[Row]:
    """Searches on ten kinds of drawn clips: 3 encoders, 6 targets, each search on its own."""
    return _rows([count for curve in curves(SEED, folder) for count in curve.probes().values()])


MEASURES = (unfitted_clips,)


@dataclass(frozen=True)
class Curve:
    """One clip with one encoder.

    Attributes:
        clip: Name of the clip.
        request: A search on it, for any target.
        prober: Makes its probes, or recalls them.
    """

    clip: str
    request: SearchRequest
    prober: TableProber

    def searched(self, target: float) -> SearchResult:
        """Search it for a target."""
        return search(self.request.at_target(target), self.prober)

    def probes(self) -> dict[float, int]:
        """Count the probes of each proven answer, by target."""
        found = {target: self.searched(target) for target in TARGETS}
        return {target: one.new_probes for target, one in found.items() if one.proven}

    def tabulate(self, every: int = 1) -> None:
        """Measure every step, or one in some, and the last."""
        last = self.request.knob.last_step
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.score, sorted({*range(0, last, every), last})))

    def score(self, step: int) -> float:
        """Measure a step."""
        template = self.request.template
        quality = self.request.knob.quality_of(step)
        spec = replace(template, encode=replace(template.encode, quality=quality))
        return self.prober.probe(spec).scores.frames[0]

    def wrong(self) -> list[float]:
        """List the targets that are answered otherwise than by looking at every step."""
        scores = [self.score(step) for step in range(self.request.knob.n_steps)]
        return [target for target in TARGETS if not self._is_right(target, scores)]

    def _is_right(self, target: float, scores: Sequence[float]) -> bool:
        found = self.searched(target)
        passing = [step for step, score in enumerate(scores) if score >= target]
        if not found.proven or not passing:
            return found.ok == bool(passing)
        step = self.request.knob.step_of(found.best_crf)
        # On a curve that does not fall with each step, several answers have a proof.
        return step == passing[-1] or bool(found.non_monotone)


def curves(seed: int, folder: Path, only: str = "") -> Iterator[Curve]:
    """Draw the clips of a seed, and begin a curve of each with each encoder.

    Args:
        seed: Any number.
        folder: Keeps clips and probes.
        only: Part of the names of clips, to leave out others.
    """
    for recipe in recipes(seed):
        if only in recipe.name:
            yield from curves_of(made(recipe, folder), folder)


def curves_of(clip: Path, folder: Path) -> Iterator[Curve]:
    """Begin the curves of one clip.

    Args:
        clip: Any video file.
        folder: Keeps the probes.
    """
    session = Session()
    source = session.reader.source(clip)
    searches = [
        PreparedSource.prepare(source, EncodingOptions(preset=preset), None, session).request(
            row_of(encoder), TARGETS[0]
        )
        for encoder, preset in PRESETS.items()
    ]
    prober = TableProber(session.prober(), folder / f"{clip.stem}.json")
    for request in searches:
        yield Curve(clip.stem, request, prober)


def _rows(counts: Sequence[int]) -> list[Row]:
    what = f"`search`, 10 unfitted clips x {len(PRESETS)} encoders x {len(TARGETS)} targets"
    return [
        Row(f"{what}: probes for a proven answer", mean(counts), 2.5, unit=""),
        Row(f"{what}: their 90th percentile", quantiles(counts, n=10)[-1], 3, unit=""),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="of the clips")
    parser.add_argument("--tables", type=Path, required=True, help="folder of clips and probes")
    parser.add_argument("--only", default="", help="clips that have this in their name")
    parser.add_argument("--every", type=int, help="measure one step in so many, and search nothing")
    parser.add_argument("--exhaustive", type=int, default=0, help="curves to measure at every step")
    options = parser.parse_args()
    found = list(curves(options.seed, options.tables, options.only))
    if options.every:
        for curve in found:
            curve.tabulate(options.every)
        return 0
    counts = _printed(found)
    print(*(row.line for row in _rows(counts)), sep="\n")
    return _checked(found[: options.exhaustive])


def _printed(found: Sequence[Curve]) -> list[int]:
    counts: list[int] = []
    for curve in found:
        probes = curve.probes()
        counts += probes.values()
        cells = (str(probes.get(target, "-")) for target in TARGETS)
        print(f"| {curve.clip} | {curve.request.encoder} | {' | '.join(cells)} |")
    return counts


def _checked(found: Sequence[Curve]) -> int:
    """Hold answers against those of every step; 1 if one differs."""
    wrong = 0
    for curve, target in ((one, target) for one in found for target in one.wrong()):
        wrong = 1
        print(f"{curve.clip} {curve.request.encoder} {target}: another answer than exhaustive")
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
