"""Scores of single frames are in memory while their probe is made, and no longer."""

from __future__ import annotations

import gc
import weakref
from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.compare.engine import search_encoders
from vmafx_tune.events import Event, ProbeFinished
from vmafx_tune.ladder.adaptive_engine import sample_adaptively
from vmafx_tune.ladder.cells import SearchingSampler
from vmafx_tune.ladder.engine import points_of, sample_grid
from vmafx_tune.model import Resolution
from vmafx_tune.search.engine import search

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec, ScoreSet
    from vmafx_tune.ports import ProbeProgress

N_FRAMES = 2000
TARGETS = (60.0, 75.0, 90.0)
SIZES = (Resolution(320, 180), Resolution(160, 90))


@dataclass
class FilmProber(CurveProber):
    """Scores many frames, of the whole or of two chunks, and knows whose scores are in memory."""

    in_chunks: bool = False
    arrays: list[weakref.ref[array[float]]] = field(default_factory=list)
    most_alive: int = 0

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.most_alive = max(self.most_alive, self.alive)
        made = super().probe(spec, on_progress=on_progress)
        if self.in_chunks:
            parts = tuple(replace(made, scores=self._long(made.scores)) for _ in range(2))
            made = replace(made, parts=parts, in_chunks=True)
        return replace(made, scores=self._long(made.scores))

    @property
    def alive(self) -> int:
        gc.collect()
        return sum(one() is not None for one in self.arrays)

    def _long(self, scores: ScoreSet) -> ScoreSet:
        frames = array("d", [scores.frames[0]] * N_FRAMES)
        self.arrays.append(weakref.ref(frames))
        return replace(scores, frames=frames, features={"motion": frames}, n_frames=N_FRAMES)


def falling(quality: float) -> float:
    return 100 - quality


@pytest.mark.parametrize("in_chunks", [False, True], ids=["whole", "chunks"])
def test_a_search_keeps_the_scores_of_no_frame(in_chunks: bool) -> None:
    prober = FilmProber(falling, in_chunks=in_chunks)
    result = search(request(target=71, strategy=SearchStrategy.BISECT), prober)

    assert len(result.probes) == len(prober.asked) > 4
    assert (prober.most_alive, prober.alive) == (0, 0)


def test_what_is_pooled_does_not_depend_on_what_is_kept() -> None:
    result = search(request(target=71, strategy=SearchStrategy.BISECT), FilmProber(falling))
    assert [sample.vmaf_score for sample in result.bisect_samples] == [
        100 - probe.quality for probe in result.probes
    ]
    assert result.vmaf_pooled is not None
    assert result.vmaf_pooled.p5 == result.vmaf_score


def test_a_best_encode_that_misses_the_target_has_every_pooling() -> None:
    result = search(request(target=99), FilmProber(lambda quality: 90 - quality))
    assert not result.ok
    assert result.vmaf_pooled is not None
    assert result.vmaf_pooled.min == result.vmaf_score


def test_every_probe_comes_with_its_frames_while_a_search_runs() -> None:
    counts: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, ProbeFinished):
            counts.append(len(event.probe.scores.frames))

    prober = FilmProber(falling)
    search(request(target=71), prober, observe=observe)
    assert counts == [N_FRAMES] * len(prober.asked)


def test_searches_for_several_targets_share_probes_without_their_frames() -> None:
    prober = FilmProber(falling)
    bisecting = request(strategy=SearchStrategy.BISECT)
    results = search_encoders([bisecting], TARGETS, prober)

    assert [one.vmaf_pooled and one.vmaf_pooled.p1 for one in results] == list(TARGETS)
    assert len(prober.asked) == len(set(prober.asked))
    assert (prober.most_alive, prober.alive) == (0, 0)


@pytest.mark.parametrize("adaptive", [False, True], ids=["grid", "adaptive"])
def test_a_ladder_keeps_the_frames_of_none_of_its_points(adaptive: bool) -> None:
    prober = FilmProber(falling)
    if adaptive:
        cells = sample_adaptively(SIZES, TARGETS, request(), prober)
    else:
        sampler = SearchingSampler(request(), SIZES, prober, targets=TARGETS)
        cells = sample_grid(SIZES, TARGETS, sampler, stop=prober.cancel)

    points = points_of(cells)
    assert len(points) == len(prober.asked)
    assert all(p.vmaf_pooled and p.vmaf_pooled.mean == p.vmaf for p in points)
    assert (prober.most_alive, prober.alive) == (0, 0)
