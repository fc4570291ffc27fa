from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import CurveProber
from tests.unit.search.fakes import request as search_request
from vmafx_tune.choices import ScoreAt
from vmafx_tune.errors import CancelledError, EncodeFailedError, ScoringError
from vmafx_tune.events import CellFinished, Event, JobFinished, JobStarted, ProbeFinished
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.ladder.adaptive_engine import sample_adaptively
from vmafx_tune.ladder.engine import points_of
from vmafx_tune.model import Probe, ProbeSpec, Resolution

if TYPE_CHECKING:
    from vmafx_tune.events import Observer
    from vmafx_tune.model import ScoreSet
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.results.ladder import LadderCell
    from vmafx_tune.search.request import SearchRequest

LARGE, MIDDLE, SMALL = Resolution(320, 180), Resolution(240, 136), Resolution(160, 90)
SIZES = LARGE, MIDDLE, SMALL
TARGETS = (60.0, 75.0, 90.0)


@dataclass
class FilmProber(CurveProber):
    """Smaller renditions cost fewer bits, score less, and level off below the largest."""

    made: list[tuple[Resolution | None, float]] = field(default_factory=list)
    broken: Resolution | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        size = spec.encode.size
        with self.lock:
            self.made.append((size, spec.encode.quality))
        probe = super().probe(spec, on_progress=on_progress)
        if size == self.broken:
            raise EncodeFailedError(f"{size} cannot be encoded.")
        share = {LARGE: 1.0, MIDDLE: 0.62, SMALL: 0.35}[size or LARGE]
        frames = tuple(s * share**0.25 for s in probe.scores.frames)
        scores = replace(probe.scores, frames=frames)
        return replace(probe, bitrate_kbps=probe.bitrate_kbps * share, scores=scores)


def falling(quality: float) -> float:
    return 98 / (1 + math.exp((quality - 36) / 4.5))


def base(max_iter: int = 12) -> SearchRequest:
    return search_request(max_iter=max_iter, typical=TypicalCurve(38.4, 4.8))


def built(
    prober: FilmProber | None = None,
    *,
    workers: int = 2,
    max_iter: int = 12,
    observe: Observer | None = None,
    targets: tuple[float, ...] = TARGETS,
) -> tuple[LadderCell, ...]:
    return sample_adaptively(
        SIZES,
        targets,
        base(max_iter),
        prober or FilmProber(falling),
        workers=workers,
        observe=observe or (lambda event: None),
    )


def cells_of(cells: tuple[LadderCell, ...], size: Resolution) -> list[LadderCell]:
    return [cell for cell in cells if cell.resolution == size]


def test_there_is_a_cell_for_each_resolution_and_target_in_the_order_of_a_grid() -> None:
    cells = built()
    assert [(c.resolution, c.target) for c in cells] == [(s, t) for s in SIZES for t in TARGETS]


def test_a_cell_has_the_cheapest_measured_encode_that_meets_its_target() -> None:
    cells = built()
    answered = [cell for cell in cells if cell.ok]
    assert answered
    for cell in answered:
        meeting = [
            point.bitrate_kbps
            for point in points_of(cells)
            if point.resolution == cell.resolution and point.vmaf >= cell.target
        ]
        assert cell.bitrate_kbps == min(meeting)


def test_an_answer_is_noted_as_not_proven_unless_its_neighbour_was_measured() -> None:
    prober = FilmProber(falling)
    for cell in built(prober):
        if cell.ok and cell.crf < 51:
            neighbour = (cell.resolution, cell.crf + 1)
            assert (cell.note is None) == (neighbour in prober.made)


def test_a_cell_that_nothing_meets_is_left_out_with_a_sentence() -> None:
    cells = [cell for cell in built() if cell.error_kind == "left_out"]
    assert cells
    assert {cell.resolution for cell in cells} <= {MIDDLE, SMALL}
    assert all("--sampling grid" in str(cell.error) and not cell.ok for cell in cells)


def test_a_target_out_of_reach_is_unreachable_where_the_best_quality_was_measured() -> None:
    cells = built(FilmProber(lambda quality: min(80.0, falling(quality))))
    cell = cells_of(cells, LARGE)[-1]
    assert cell.error_kind == "unreachable"
    assert "the best is 80.00 at crf" in str(cell.error)


def test_every_point_is_listed_once_with_the_first_cell_of_its_resolution() -> None:
    prober = FilmProber(falling)
    cells = built(prober)
    listed = [(point.resolution, point.crf) for cell in cells for point in cell.points]
    assert sorted(map(str, listed)) == sorted(map(str, prober.made))
    assert len(listed) == len(set(listed))
    assert not any(cell.points for cell in cells if cell.target != TARGETS[0])


def test_the_same_ladder_for_any_number_of_workers() -> None:
    assert built(workers=1) == built(workers=4)


def test_a_resolution_that_fails_does_not_touch_the_others() -> None:
    cells = built(FilmProber(falling, broken=MIDDLE))
    assert {cell.error_kind for cell in cells_of(cells, MIDDLE)} == {"failed"}
    assert {cell.error for cell in cells_of(cells, MIDDLE)} == {"240x136 cannot be encoded."}
    assert cells_of(cells, LARGE)[-1].ok


def test_a_failing_resolution_is_not_tried_again() -> None:
    prober = FilmProber(falling, broken=MIDDLE)
    built(prober)
    assert [size for size, _ in prober.made].count(MIDDLE) == 1


def test_where_everything_fails_the_cells_say_so_and_there_is_no_point() -> None:
    cells = built(FilmProber(falling, fail_at={q: EncodeFailedError("crashed") for q in range(52)}))
    assert {cell.error_kind for cell in cells} <= {"failed", "left_out"}
    assert points_of(cells) == ()


def test_a_cancelled_probe_cancels_the_ladder() -> None:
    prober = FilmProber(falling, fail_at={q: CancelledError("stop") for q in range(52)})
    with pytest.raises(CancelledError):
        built(prober)
    assert prober.cancelled.is_set()


@dataclass
class Blind(FilmProber):
    """Cannot score the source against itself, which tells why a target is out of reach."""

    error: Exception = field(default_factory=lambda: ScoringError("The scorer crashed."))

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        del spec
        raise self.error


def test_a_source_that_cannot_be_scored_against_itself_fails_only_cells_out_of_reach() -> None:
    cells = built(Blind(lambda quality: min(80.0, falling(quality))))
    assert {cell.error for cell in cells if cell.error_kind == "failed"} == {"The scorer crashed."}
    assert cells_of(cells, LARGE)[-1].error_kind == "failed"
    assert cells_of(cells, LARGE)[0].ok
    assert points_of(cells)


def test_a_source_whose_own_scores_are_cancelled_cancels_the_ladder() -> None:
    with pytest.raises(CancelledError):
        built(Blind(lambda quality: min(80.0, falling(quality)), error=CancelledError("stop")))


def test_max_iter_bounds_the_probes_of_each_resolution() -> None:
    prober = FilmProber(falling)
    built(prober, max_iter=2)
    assert max([size for size, _ in prober.made].count(size) for size in SIZES) <= 2


def test_renditions_are_scored_at_their_own_size_on_request() -> None:
    displays: set[tuple[Resolution | None, Resolution]] = set()

    class Watched(FilmProber):
        def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
            displays.add((spec.encode.size, spec.display))
            return super().probe(spec, on_progress=on_progress)

    sample_adaptively(SIZES, TARGETS, base(), Watched(falling), score_at=ScoreAt.RENDITION)
    assert displays == {(size, size) for size in SIZES}


def test_events_tell_of_each_resolution_probe_and_cell() -> None:
    events: list[Event] = []
    prober = FilmProber(falling)
    built(prober, observe=events.append)
    started = [event.job for event in events if isinstance(event, JobStarted)]
    finished = [event.job for event in events if isinstance(event, JobFinished)]
    cells = [event for event in events if isinstance(event, CellFinished)]
    assert started == finished == [str(size) for size in SIZES]
    assert sum(isinstance(event, ProbeFinished) for event in events) == len(prober.made)
    assert [event.cells_done for event in cells] == list(range(1, 10))
    assert {event.cells for event in cells} == {9}
