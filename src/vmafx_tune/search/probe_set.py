"""The probes of one encoder on one source, made once and used by every search."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import TooLargeError, VmafxTuneError
from vmafx_tune.events import (
    FramesDone,
    JobPlanned,
    Observer,
    ProbeFailed,
    ProbeFinished,
    ProbeStarted,
    ProbeStopped,
)
from vmafx_tune.ports import AheadProber, Recaller
from vmafx_tune.scoring.pooling import pooled_metrics, summarize
from vmafx_tune.search.expected_curve import LOWEST_CEILING
from vmafx_tune.search.state import TOO_LARGE, SearchProblem, contradictions
from vmafx_tune.search.strategy import probes_expected, probes_left, solve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vmafx_tune.knob import Knob
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.measurement import MetricScores, PooledScores
    from vmafx_tune.search.goal import Reading
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.search.state import Measurement, SearchOutcome

__all__ = ["ProbeSet", "ProbesLeft", "plan_of", "stored_readings"]


def stored_readings(prober: Prober, request: SearchRequest) -> dict[int, Reading]:
    """Collect what `prober` can recall, pooled, by step of the request's knob.

    Args:
        prober: Recalls nothing unless it is a `Recaller`.
        request: Gives the template, the grid and the pooling; its target counts for nothing.
    """
    if not isinstance(prober, Recaller):
        return {}
    goal = request.goal
    return {
        step: goal.read(probe.scores)
        for probe in prober.known(request.template)
        if (step := _step(request.knob, probe.quality)) is not None
    }


def _step(knob: Knob, quality: float) -> int | None:
    """Find the step of a quality; none where another run's grid had it, and this one has not."""
    step = round(knob.position_of(quality))
    on_grid = 0 <= step <= knob.last_step and knob.quality_of(step) == quality
    return step if on_grid else None


def plan_of(request: SearchRequest, probes_expected: float, *, job: str) -> JobPlanned:
    """Tell what the probes of a job take, and how many should come."""
    return JobPlanned(job, request.work, probes_expected, request.encode_cost)


class ProbesLeft(NamedTuple):
    """How many more probes a job makes: at most, and as an estimate."""

    at_most: int
    expected: float


class ProbeSet:
    """Measures steps through the prober and remembers them, but for the scores of single frames.

    Not thread-safe: one encoder's searches follow each other, so that each profits from the last.

    Args:
        request: Gives the probe template, the grid and the pooling.
        prober: Makes the probes.
        observe: Receives an event for each.
        job: Name that the events carry; None for the encoder's.
    """

    def __init__(
        self,
        request: SearchRequest,
        prober: Prober,
        observe: Observer,
        *,
        job: str | None = None,
    ) -> None:
        self._job = request.encoder if job is None else job
        self._request = request
        self._template = request.template
        self._knob = request.knob
        self._goal = request.goal
        self._prober = prober
        self._observe = observe
        self._probes: dict[int, Probe] = {}
        self._readings: dict[int, Reading] = {}
        self._metrics: dict[float, dict[str, MetricScores]] = {}
        self._pooled: dict[float, PooledScores] = {}
        self._too_large: dict[int, TooLargeError] = {}
        self._ceiling: Reading | None = None
        self._stored: dict[int, Reading] | None = None

    @property
    def n_made(self) -> int:
        """Encodes made so far, those that were stopped too; what is recalled is none of them."""
        recalled = [probe.cached for probe in self._probes.values()]
        recalled += [found.recalled for found in self._too_large.values()]
        return recalled.count(False)

    def found(self, target: float) -> dict[int, Measurement]:
        """What was learned of each step so far: its score, or that it is too large.

        Args:
            target: What is searched; with conditions, scores are in terms of it, see `Goal`.
        """
        return {
            **self._as_scores(self._readings, target),
            **dict.fromkeys(self._too_large, TOO_LARGE),
        }

    def _as_scores(self, readings: Mapping[int, Reading], target: float) -> dict[int, float]:
        goal = self._goal.scaled(readings)
        return {step: goal.score(reading, target) for step, reading in readings.items()}

    def stored(self, target: float) -> Mapping[int, float]:
        """Scores by step that need no encode, as far as the prober knew when first asked.

        Args:
            target: As for `found`.

        There are none where bitrates are limited: what an earlier run found too large has no score,
        and a search that is repeated goes the same way only if it knows all of that or nothing.
        """
        if self._stored is None:
            limited = self._template.encode.max_bitrate_kbps is not None
            self._stored = {} if limited else stored_readings(self._prober, self._request)
        return MappingProxyType(self._as_scores(self._stored, target))

    def probes(self) -> tuple[Probe, ...]:
        """All probes, from the best quality to the worst.

        Of single frames they tell nothing, those of a sample excepted: how its parts differ is the
        error of its answer.
        """
        return tuple(probe for _, probe in sorted(self._probes.items()))

    def vmafs(self) -> tuple[float, ...]:
        """Pooled scores of `probes()`, in the same order."""
        return tuple(reading.vmaf for reading in self.readings())

    def readings(self) -> tuple[Reading, ...]:
        """What was read out of `probes()`, in the same order."""
        return tuple(reading for _, reading in sorted(self._readings.items()))

    def pooled(self, probe: Probe) -> PooledScores:
        """Every pooling of the scores of one of `probes()`."""
        return self._pooled[probe.quality]

    def metrics(self, probe: Probe) -> dict[str, MetricScores]:
        """Every pooling of the metrics of one of `probes()`, by the names of results."""
        return self._metrics[probe.quality]

    def too_large(self) -> tuple[float, ...]:
        """Qualities of the encodes that are above the limit of the bitrate, the best first."""
        return tuple(map(self._knob.quality_of, sorted(self._too_large)))

    def probe_at(self, step: int) -> Probe:
        """The probe made at `step`; it must have been measured."""
        return self._probes[step]

    def reading_at(self, step: int) -> Reading:
        """What was read out of the probe at `step`; it must have been measured."""
        return self._readings[step]

    def get(self, step: int) -> Probe | None:
        """The probe made at `step`, if there is one."""
        return self._probes.get(step)

    def ceiling(self) -> Reading:
        """What the source has against itself, measured on first use."""
        if self._ceiling is None:
            self._observe(FramesDone(self._job, "ceiling", 0))
            self._ceiling = self._goal.read(self._prober.score_itself(self._template))
        return self._ceiling

    def solve(
        self,
        problem: SearchProblem,
        upcoming: Sequence[float] = (),
        *,
        is_enough: Callable[[Probe, float], bool] | None = None,
    ) -> SearchOutcome:
        """Search with these probes, and make those that are missing.

        Args:
            problem: What is searched.
            upcoming: Targets to be searched after this one, for the events.
            is_enough: Says of a probe that reaches the target, and its pooled score, whether to
                end with it unproven; None to go on to the proof.
        """

        def left() -> ProbesLeft:
            found = self.found(problem.target)
            later = [
                replace(problem, target=target, known=self.found(target)) for target in upcoming
            ]
            searches = [(problem, found), *((search, {}) for search in later)]
            return ProbesLeft(
                sum(probes_left(*search) for search in searches),
                probes_expected(searches),
            )

        if problem.hints:
            self._observe(plan_of(self._request, left().expected, job=self._job))

        def measure(step: int) -> Measurement:
            return self.measure(step, problem.target, left)

        def enough(step: int) -> bool:
            return is_enough is not None and is_enough(
                self._probes[step], self._readings[step].vmaf
            )

        def is_out_of_reach() -> bool:
            looks_ahead = problem.strategy is SearchStrategy.INTERPOLATE
            may_be = looks_ahead and problem.target > LOWEST_CEILING
            # Scoring the source against itself takes no encode, but it is not free either.
            return may_be and self.ceiling().vmaf < problem.target

        with self._ahead() as foresee:
            outcome = solve(
                problem,
                measure,
                is_enough=enough,
                is_out_of_reach=is_out_of_reach,
                rescored=partial(self.found, problem.target) if self._request.conditions else None,
                foresee=foresee,
            )
        return self._in_vmaf(outcome) if self._request.conditions else outcome

    @contextmanager
    def _ahead(self) -> Iterator[Callable[[int, Sequence[int]], None] | None]:
        """Have likely steps probed ahead for as long as the block lasts, where the prober can."""
        prober = self._prober
        if not isinstance(prober, AheadProber):
            yield None
            return
        try:
            yield lambda step, likely: prober.begin(self._spec(step), list(map(self._spec, likely)))
        finally:
            prober.end()

    def _spec(self, step: int) -> ProbeSpec:
        encode = replace(self._template.encode, quality=self._knob.quality_of(step))
        return replace(self._template, encode=encode)

    def _in_vmaf(self, outcome: SearchOutcome) -> SearchOutcome:
        """Give an outcome the scores that were measured, in place of those that a search sees."""
        scores = {step: self._readings[step].vmaf for step in outcome.scores}
        pairs = {*outcome.non_monotone, *contradictions(scores)}
        return replace(outcome, scores=MappingProxyType(scores), non_monotone=tuple(sorted(pairs)))

    def measure(
        self, step: int, target: float, probes_left: Callable[[], ProbesLeft]
    ) -> Measurement:
        """Make the probe of a step, and keep it.

        Args:
            step: One that is not measured yet.
            target: The score that it is after, for the events.
            probes_left: Says afterwards how many more there are, for the events.
        """
        spec = self._spec(step)
        encode = spec.encode
        job, number = self._job, len(self._probes) + len(self._too_large) + 1
        self._observe(
            ProbeStarted(
                job,
                number,
                encode.quality,
                target,
                knob=self._request.knob.name,
                n_frames=self._request.n_frames,
                work=self._request.work,
            )
        )
        try:
            probe = self._probe(spec)
        except TooLargeError as error:
            self._too_large[step] = error
            limit, known = error.limit_kbps, error.recalled
            self._observe(
                ProbeStopped(job, number, encode.quality, target, limit, known, *probes_left())
            )
            return TOO_LARGE
        except VmafxTuneError as error:
            self._observe(ProbeFailed(job, number, encode.quality, str(error)))
            raise
        reading = self._readings[step] = self._goal.read(probe.scores)
        self._pooled[probe.quality] = summarize(probe.scores.frames)
        self._metrics[probe.quality] = pooled_metrics(probe.scores.metrics)
        self._probes[step] = probe if self._request.estimates else probe.without_frames()
        most, expected = probes_left()
        self._observe(
            ProbeFinished(job, number, probe, reading.vmaf, target, most, probes_expected=expected)
        )
        return self._goal.score(reading, target)

    def _probe(self, spec: ProbeSpec) -> Probe:
        """Make a probe, and drop one that is too large, whoever did not look.

        A search thus learns the same of a step, however its encode came about.
        """
        probe = self._prober.probe(
            spec,
            on_progress=lambda stage, frames: self._observe(FramesDone(self._job, stage, frames)),
        )
        limit_kbps = spec.encode.max_bitrate_kbps
        if limit_kbps is not None and probe.bitrate_kbps > limit_kbps:
            raise TooLargeError(limit_kbps, probe.bitrate_kbps, recalled=probe.cached)
        return probe
