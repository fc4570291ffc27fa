"""Looks at parts of a clip, which tell a search where to begin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vmafx_tune.errors import CancelledError, VmafxTuneError
from vmafx_tune.events import FramesDone, ProbeFinished, ProbeStarted, Warned
from vmafx_tune.knob import score_at, widths_at
from vmafx_tune.sampling.estimates import searched_sample
from vmafx_tune.sampling.parts import look_plan, look_subsample
from vmafx_tune.search.expected_curve import TYPICAL_CEILING, expected_crossing, widths_between
from vmafx_tune.search.probe_set import stored_readings
from vmafx_tune.search.state import SearchState
from vmafx_tune.search.strategy import probes_left, wished_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.events import Observer
    from vmafx_tune.knob import Scout
    from vmafx_tune.model import Probe
    from vmafx_tune.ports import Prober
    from vmafx_tune.results.measurement import Sample
    from vmafx_tune.search.goal import Reading
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.search.state import SearchProblem

__all__ = ["MOST_LOOKS", "USUAL_LOOKS", "LookProbers", "Prescan", "next_look"]

MOST_LOOKS = 4
"""Looks at most before a search begins; more would cost what they save."""
USUAL_LOOKS = 2

# Typical curves are a fifth steeper or gentler than the prior, so that a crossing so far from a
# score is known to about half a step.
_NEAR_STEPS = 2.5
# What a look is off by does not shrink with the grid's steps, so a fine grid needs no nearer one.
_NEAR_WIDTHS = 0.5
# Looks at parts are cheap, so that one more is worth half of that.
_NEAR_OF_PARTS = 0.5
# Without what comes before and after them, short parts score less than in their clip: as much as
# typical curves lose in so much of their width.
_LOST_WIDTHS = 0.04
# Two looks at the whole clip that take so much of a probe are worth the one that they save.
_LARGEST_SHARE = 0.5
# They are better guides than parts that take so much less, above all on clips with cuts.
_WORTH_OF_ALL = 2


def next_look(
    problem: SearchProblem, seen: Mapping[int, float], *, near: float = 1.0
) -> int | None:
    """Choose the step to look at, or none where the crossing is known well enough.

    Each look goes to where the curve of the looks should cross the target by those before it. The
    first one is often far from the crossing, as clips differ; the second is near it.

    Args:
        problem: What is to be searched. Its hints are the scores of cheaper looks; where something
            is known of the whole clip, that is the better guide, and no look is taken.
        seen: The scores of the looks so far.
        near: How near to the crossing one has to be, in what is near enough as a rule.
    """
    if problem.known or len(seen) >= MOST_LOOKS:
        return None
    looking = replace(problem, known=seen, seeds={})
    state = SearchState(looking)
    if state.bracket.n_open == 0:
        return None
    crossing = expected_crossing(looking, state)
    if any(
        abs(step - crossing) <= near * _NEAR_STEPS
        or abs(widths_between(problem, step, crossing)) <= near * _NEAR_WIDTHS
        for step in seen
    ):
        return None
    return wished_step(looking, state, crossing)


def _raised(score: float, widths: float) -> float:
    """Estimate what a typical clip scores at a better step, so many widths of its curve away."""
    if not widths or not 0 < score < TYPICAL_CEILING:
        return score
    return score_at(widths_at(score, TYPICAL_CEILING) - widths, TYPICAL_CEILING)


@dataclass(frozen=True, slots=True)
class LookProbers:
    """The probers that take the looks of a prescan, each None where there is none.

    Attributes:
        parts: Probes parts of the source that are as few and short as may stand for the whole.
        whole: Probes all that a search measures, for looks with a faster preset.
        sample: Probes the sample of a request that verifies one.
    """

    parts: Prober | None = None
    whole: Prober | None = None
    sample: Prober | None = None


@dataclass(slots=True)
class _Looks:
    """The looks at some parts of a clip, or at the whole of it with a faster preset.

    Attributes:
        request: What a look measures; of its frames it may score fewer than probes do.
        n_frames: Frames that a look passes.
        work: What it should take, in that of a probe's frame.
        lost: Widths of the typical curve by which a look is low.
        lead: Widths of the knob's scale by which a look is at a better step than what it shows.
        near: How near to the crossing the last one has to be; see `next_look`.
        probes: What was measured, by step of the look.
        readings: Likewise, pooled.
    """

    prober: Prober
    request: SearchRequest
    n_frames: int
    work: float
    lost: float = 0.0
    lead: float = 0.0
    near: float = 1.0
    probes: dict[int, Probe] = field(default_factory=dict)
    readings: dict[int, Reading] = field(default_factory=dict)

    def scores(self, target: float) -> dict[int, float]:
        """Estimate the clip's scores, as a search for a target sees them."""
        goal = self.request.goal.scaled(self.readings)
        return {
            self._shown_by(step): self.corrected(step, goal.score(reading, target))
            for step, reading in self.readings.items()
        }

    def corrected(self, step: int, score: float) -> float:
        """Estimate what the clip scores at the step that a look shows, from the look's score."""
        scale = self.request.knob.scale
        left = self.lead + scale.widths(step) - scale.widths(self._shown_by(step))
        return _raised(score, self.lost + left)

    def step_for(self, shown: int) -> int:
        """Choose the step of a look that shows another step."""
        return self._moved(shown, -self.lead)

    def _shown_by(self, step: int) -> int:
        return self._moved(step, self.lead)

    def _moved(self, step: int, widths: float) -> int:
        knob = self.request.knob
        place = knob.scale.place(knob.scale.widths(step) + widths)
        return min(max(round(place), 0), knob.last_step)


class Prescan:
    """Looks at one encoder's curve on parts of the source, before its searches.

    It looks at a few parts, or at the whole with a faster preset, and then at the sample of a
    request that verifies one. What it sees is no part of any answer: a look that fails or misleads
    costs time only. Not thread-safe; it goes with one `ProbeSet`.

    Args:
        request: Gives the probe template, the grid and the pooling.
        probers: Take the looks.
        observe: Receives an event for each look.
        job: Name that the events carry; None for the encoder's.
    """

    def __init__(
        self,
        request: SearchRequest,
        probers: LookProbers,
        observe: Observer,
        *,
        job: str | None = None,
    ) -> None:
        self._job = request.encoder if job is None else job
        # Parts may have more bits a second than the whole, which is all that has a limit.
        encode = replace(request.template.encode, max_bitrate_kbps=None)
        self._request = replace(request, template=replace(request.template, encode=encode))
        subsample = look_subsample(request.pool, request.template.subsample, request.conditions)
        template = replace(self._request.template, subsample=subsample)
        self._looking = replace(self._request, template=template)
        self._observe = observe
        self._sample = None if probers.sample is None else self._sampled(probers.sample)
        self._looks = self._first(probers)
        if self._sample is not None:
            self._looks.append(self._sample)
        self._failed = False

    def _first(self, probers: LookProbers) -> list[_Looks]:
        """Choose between looks at parts and at the whole with faster presets."""
        parts = [] if probers.parts is None else [self._short_looks(probers.parts)]
        whole = (
            []
            if probers.whole is None
            else [self._scouting(probers.whole, scout) for scout in self._request.scouts]
        )
        most = _WORTH_OF_ALL * parts[0].work if parts else _LARGEST_SHARE * self._request.work
        return whole if whole and whole[-1].work <= most else parts

    def _scouting(self, prober: Prober, scout: Scout) -> _Looks:
        encode = replace(self._looking.template.encode, preset=scout.preset)
        template = replace(self._looking.template, encode=encode)
        sample = self._request.sample
        n_frames = self._request.n_frames if sample is None else sample.n_sampled
        work = self._request.look_work(
            n_frames, template.subsample, effort=scout.effort / self._request.effort
        )
        looking = replace(self._looking, template=template)
        return _Looks(prober, looking, n_frames, work, lead=scout.lead)

    def _sampled(self, prober: Prober) -> _Looks:
        sample = self._request.sample
        n_frames, n_parts = (0, 0) if sample is None else (sample.n_sampled, len(sample.segments))
        # An earlier run that was not verified scored all frames of the sample.
        request = self._request if stored_readings(prober, self._request) else self._looking
        work = self._request.look_work(n_frames, request.template.subsample, n_parts)
        return _Looks(prober, request, n_frames, work)

    def _short_looks(self, prober: Prober) -> _Looks:
        request = self._request
        of_what = None if request.sample is None else request.sample.n_sampled
        plan = look_plan(request.template.encode.source.n_frames, of_what)
        n_frames = request.n_frames if plan is None else plan.n_sampled
        work = request.look_work(n_frames, self._looking.template.subsample)
        return _Looks(prober, self._looking, n_frames, work, lost=_LOST_WIDTHS, near=_NEAR_OF_PARTS)

    def hints(self, problem: SearchProblem) -> Mapping[int, float]:
        """Look until the crossing of a search is known well enough.

        Where a store knows something of the whole clip, only looks are taken that it knows as well:
        they are those of a run that is repeated, which is to take the same steps again.

        Args:
            problem: The search, without hints.

        Returns:
            Scores of all looks so far of the last kind that was taken, by step.

        Raises:
            CancelledError: The work was cancelled.
        """
        seen: Mapping[int, float] = {}
        for looks in self._looks:
            try:
                if not self._failed:
                    self._look_around(looks, replace(problem, hints=seen))
            except CancelledError:
                raise
            except VmafxTuneError as error:
                self._failed = True
                self._observe(Warned(f"The prescan failed and is skipped: {error}"))
            seen = looks.scores(problem.target) or seen
        return dict(seen)

    def sample(self, target: float) -> Sample | None:
        """Tell what the sample said of a target, by its probe that is nearest to it."""
        if self._sample is None:
            return None
        scores, probes = self._sample.scores(target), self._sample.probes
        nearest = min(scores, key=lambda step: abs(scores[step] - target), default=None)
        return searched_sample(self._sample.request, None if nearest is None else probes[nearest])

    def _look_around(self, looks: _Looks, problem: SearchProblem) -> None:
        stored = stored_readings(looks.prober, looks.request) if problem.seeds else {}
        while (
            step := next_look(problem, looks.scores(problem.target), near=looks.near)
        ) is not None:
            step = looks.step_for(step)
            if step in looks.readings or (problem.seeds and step not in stored):
                break
            self._look(looks, step, problem)

    def _look(self, looks: _Looks, step: int, problem: SearchProblem) -> None:
        template, job = looks.request.template, self._job
        quality = self._request.knob.quality_of(step)
        number, target, knob = len(looks.readings) + 1, problem.target, self._request.knob.name
        self._observe(
            ProbeStarted(job, number, quality, target, True, knob, looks.n_frames, looks.work)
        )
        probe = looks.probes[step] = looks.prober.probe(
            replace(template, encode=replace(template.encode, quality=quality)),
            on_progress=lambda stage, frames: self._observe(FramesDone(job, stage, frames)),
        )
        reading = looks.readings[step] = self._request.goal.read(probe.scores)
        vmaf = looks.corrected(step, reading.vmaf)
        left, more = probes_left(problem), max(0, USUAL_LOOKS - number)
        self._observe(ProbeFinished(job, number, probe, vmaf, target, left, True, more))
