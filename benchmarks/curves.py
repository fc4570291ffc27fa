"""How many probes a search takes on clips that nothing was fitted to, and how long.

`python benchmarks/curves.py --seed 92 --tables DIR` draws another set than the last published one,
and keeps the probes in DIR, so that a change of strategy is judged in seconds. `--width 640` makes
the clips small, and `--duration 7` long enough for looks at parts of them.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, quantiles
from typing import TYPE_CHECKING, NamedTuple

from _clips import made, recipes, resized
from _rows import Row
from _tables import TableProber

from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.search.engine import search
from vmafx_tune.search.prescan import LookProbers
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.request import SearchRequest

__all__ = ["MEASURES", "PRESETS", "TARGETS", "Curve", "curves", "unfitted_clips"]

PRESETS = {"libx264": "veryfast", "libx265": "superfast", "libsvtav1": "10"}
TARGETS = (70, 80, 88, 93, 96, 98)
SEED = 91
# Seeds, widths and seconds; short clips are as long as their recipes have them.
SETS = {"2 to 4 s": (3, 320, None), "7 s": (SEED, 640, 7.0)}


def unfitted_clips(folder: Path, _: int) -> list[Row]:
    """Searches on ten kinds of drawn clips: 3 encoders, 6 targets, each search on its own."""
    rows = []
    for what, (seed, width, duration_s) in SETS.items():
        found = curves(seed, folder, width=width, duration_s=duration_s)
        costs = [cost for curve in found for cost in curve.costs().values()]
        rows += _rows(costs, f"`search` of unfitted clips of {what}")
    return rows


MEASURES = (unfitted_clips,)


class Cost(NamedTuple):
    """What a proven answer takes: probes, and processor time in that of the two that prove it."""

    probes: int
    time: float


@dataclass(frozen=True)
class Curve:
    """One clip with one encoder.

    Attributes:
        clip: Name of the clip.
        request: A search on it, for any target.
        prober: Makes its probes, or recalls them.
        parts: Likewise of looks at parts of it; None where it is too short for them.
        looks: Whether searches take looks.
    """

    clip: str
    request: SearchRequest
    prober: TableProber
    parts: TableProber | None = None
    looks: bool = True

    def searched(self, target: float) -> SearchResult:
        """Search it for a target."""
        looks = LookProbers(self.parts, self.prober) if self.looks else None
        return search(self.request.at_target(target), self.prober, prescan=looks)

    def costs(self, targets: Sequence[float] = TARGETS) -> dict[float, Cost]:
        """Measure what each proven answer takes, by target."""
        return {target: cost for target in targets if (cost := self._cost(target)) is not None}

    def _cost(self, target: float) -> Cost | None:
        before_s = self._spent_s
        found = self.searched(target)
        search_s, knob = self._spent_s - before_s, self.request.knob
        if not found.proven:
            return None
        answer = knob.step_of(found.best_crf)
        for step in range(answer, min(answer + 2, knob.n_steps)):
            self.score(step)
        return Cost(found.new_probes, search_s / (self._spent_s - before_s - search_s))

    @property
    def _spent_s(self) -> float:
        return self.prober.spent_s + (0.0 if self.parts is None else self.parts.spent_s)

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


def curves(
    seed: int,
    folder: Path,
    only: str = "",
    *,
    width: int | None = None,
    duration_s: float | None = None,
    presets: Mapping[str, str] = PRESETS,
) -> Iterator[Curve]:
    """Draw the clips of a seed, and begin a curve of each with each encoder.

    Args:
        seed: Any number.
        folder: Keeps clips and probes.
        only: Part of the names of clips, to leave out others.
        width: Of the clips; None for that of their recipes.
        duration_s: Their length; None likewise.
        presets: By encoder.
    """
    for recipe in recipes(seed):
        if only in recipe.name:
            drawn = recipe if width is None else resized(recipe, width, duration_s)
            yield from curves_of(made(drawn, folder), folder, presets)


def curves_of(clip: Path, folder: Path, presets: Mapping[str, str] = PRESETS) -> Iterator[Curve]:
    """Begin the curves of one clip.

    Args:
        clip: Any video file.
        folder: Keeps the probes.
        presets: By encoder.
    """
    session = Session(ToolOptions(cache=False))
    source = session.reader.source(clip)
    prepared_sources = {
        encoder: PreparedSource.prepare(source, EncodingOptions(preset=preset), None, session)
        for encoder, preset in presets.items()
    }
    prober = TableProber(session.prober(), folder / f"{clip.stem}.json")
    for encoder, prepared in prepared_sources.items():
        looks = prepared.prescan(session.prober())
        parts = None
        if looks is not None and looks.parts is not None:
            parts = TableProber(looks.parts, folder / f"{clip.stem}-parts-{encoder}.json")
        yield Curve(clip.stem, prepared.request(row_of(encoder), TARGETS[0]), prober, parts)


def _rows(costs: Sequence[Cost], what: str = "`search` of unfitted clips") -> list[Row]:
    probes, time = zip(*costs, strict=True)
    return [
        Row(f"{what}: probes for a proven answer", mean(probes), 2.5, unit=""),
        Row(f"{what}: their 90th percentile", quantiles(probes, n=10)[-1], 3, unit=""),
        Row(f"{what}: processor time against the two that prove it", mean(time), 1.15),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="of the clips")
    parser.add_argument("--tables", type=Path, required=True, help="folder of clips and probes")
    parser.add_argument("--only", default="", help="clips that have this in their name")
    parser.add_argument("--width", type=int, help="of the clips")
    parser.add_argument("--duration", type=float, help="of the clips in seconds, with --width")
    parser.add_argument("--no-looks", action="store_true", help="search without a prescan")
    parser.add_argument("--preset", action="append", default=[], help="such as libx265=veryslow")
    parser.add_argument("--targets", default=",".join(map(str, TARGETS)), help="of searches")
    parser.add_argument("--every", type=int, help="measure one step in so many, and search nothing")
    parser.add_argument("--exhaustive", type=int, default=0, help="curves to measure at every step")
    options = parser.parse_args()
    presets = dict(one.split("=") for one in options.preset) or PRESETS
    shape = {"width": options.width, "duration_s": options.duration, "presets": presets}
    found = list(curves(options.seed, options.tables, options.only, **shape))
    if options.no_looks:
        found = [replace(curve, looks=False) for curve in found]
    if options.every:
        for curve in found:
            curve.tabulate(options.every)
        return 0
    targets = [float(target) for target in options.targets.split(",")]
    print(*(row.line for row in _rows(_printed(found, targets))), sep="\n")
    return _checked(found[: options.exhaustive])


def _printed(found: Sequence[Curve], targets: Sequence[float]) -> list[Cost]:
    everything: list[Cost] = []
    for curve in found:
        costs = curve.costs(targets)
        everything += costs.values()
        cells = (str(costs[target].probes) if target in costs else "-" for target in targets)
        encode = curve.request.template.encode
        print(
            f"| {curve.clip} | {encode.encoder} {encode.preset} | {' | '.join(cells)} |", flush=True
        )
    return everything


def _checked(found: Sequence[Curve]) -> int:
    """Hold answers against those of every step; 1 if one differs."""
    wrong = 0
    for curve, target in ((one, target) for one in found for target in one.wrong()):
        wrong = 1
        print(f"{curve.clip} {curve.request.encoder} {target}: another answer than exhaustive")
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
