"""Search: measure step after step, by interpolation or bisection, until the answer is proven.

Whoever asks for a search decides how and where a step is measured, so it knows no encoder, no clock
and no thread.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.search.expected_curve import expected_crossing
from vmafx_tune.search.state import TOO_LARGE, Bracket, SearchState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmafx_tune.search.state import Measurement, SearchOutcome, SearchProblem

__all__ = ["next_step", "probes_expected", "probes_left", "solve", "wished_step"]

_NOTHING: Mapping[int, Measurement] = MappingProxyType({})

_EXTRA_PROBES = 4
_REACH = 0.5
# Scores are not all as expected: so many times the probes come, in the middle of what is likely.
_SURPRISES = 1.25


def solve(
    problem: SearchProblem,
    measure: Callable[[int], Measurement],
    *,
    is_enough: Callable[[int], bool] = lambda _step: False,
    is_out_of_reach: Callable[[], bool] = lambda: False,
    rescored: Callable[[], Mapping[int, Measurement]] | None = None,
    foresee: Callable[[int, Sequence[int]], None] | None = None,
) -> SearchOutcome:
    """Search: measure one step after the other, until nothing is left to find out.

    Args:
        problem: What to search.
        measure: Returns the finite pooled score of a step, or that it is too large.
        is_enough: Says of a measured step that reaches the target whether to end with it, although
            it may not be the worst one that does: for estimates, which cannot tell.
        is_out_of_reach: Asked where a step misses and none reaches the target: whether no step is
            expected to, so that the best quality is measured next.
        rescored: Returns all that is known or was measured, where a measurement changes the scale
            of the scores before it; None where scores stay as they are.
        foresee: Told before each measurement its step, and which are likely to come after it, the
            likeliest first; None where nobody asks.
    """
    state = SearchState(problem)
    while state.may_probe:
        step = next_step(problem, state)
        if step and state.n_new and state.only_misses and is_out_of_reach():
            found = {**state.found, 0: measure(0)}
            left = problem.max_probes - state.n_new - 1
            rest = replace(problem, known=found, max_probes=left)
            return solve(rest, measure, is_enough=is_enough, rescored=rescored, foresee=foresee)
        if foresee is not None:
            foresee(step, _steps_after(problem, state, step))
        measurement = measure(step)
        state.record(step, measurement)
        if rescored is not None:
            state.rescore(rescored())
        if measurement is not TOO_LARGE and measurement >= problem.target and is_enough(step):
            outcome = state.outcome()
            return replace(outcome, converged=True, settled=not outcome.proven)
    return state.outcome()


def next_step(problem: SearchProblem, state: SearchState) -> int:
    """Choose the step to measure next; one is open.

    Bisection takes the bracket's midpoint, rounded up. `n` open steps take at most `n.bit_length()`
    probes, whatever the curve looks like.

    Interpolation takes the step nearest to where the curve should cross the target: it is the one
    that, with its neighbour, proves the answer if the estimate is off by less than one step.
    Nothing but measurements narrows the bracket, so an answer means the same with both.

    No search takes more than four probes above the most that bisection may need: a guess is taken
    if bisection could still search whatever it may leave with the probes left, and moves to the
    nearest step of which that is true otherwise. Where guesses go on failing, that is the midpoint.
    """
    if problem.strategy is SearchStrategy.BISECT:
        return state.bracket.midpoint
    return _interpolated(problem, state)


def _steps_after(problem: SearchProblem, state: SearchState, step: int) -> list[int]:
    """List the steps that may be measured after `step`, the likeliest first.

    Those are nearest to where the curve should cross the target: the answer is one, and the step
    that proves it another. Bisection goes where nobody can tell.
    """
    n_left = problem.max_probes - state.n_new - 1
    if problem.strategy is SearchStrategy.BISECT or n_left < 1:
        return []
    crossing = expected_crossing(problem, state)
    free = {step, *problem.seeds}
    steps = range(state.bracket.passing + 1, state.bracket.missing)
    return sorted((s for s in steps if s not in free), key=lambda s: abs(s - crossing))[:n_left]


def probes_left(problem: SearchProblem, measured: Mapping[int, Measurement] = _NOTHING) -> int:
    """Bound how many more probes a search makes.

    Args:
        problem: What is searched.
        measured: What came in since the search began, by step; steps that are known to `problem`
            may be among them and do not count.

    Returns:
        An upper bound that falls with every probe; 0 when the search is over.
    """
    state = SearchState(replace(problem, known={**problem.known, **measured}))
    n_open, n_made = state.bracket.n_open, len(state.found) - len(problem.known)
    most = n_open.bit_length()
    if problem.strategy is SearchStrategy.INTERPOLATE:
        most = min(n_open, max(_budget(problem) - n_made, most))
    return max(0, min(problem.max_probes - n_made, most))


def probes_expected(searches: Sequence[tuple[SearchProblem, Mapping[int, Measurement]]]) -> float:
    """Estimate how many more probes searches take that share what they measure.

    Interpolating, each step counts that is measured if all scores are as expected, and some more,
    as not all are. Bisection takes all that it may, or one fewer.

    Args:
        searches: What is searched, all by one strategy, and what came in since the search began, as
            for `probes_left`.

    Returns:
        From 0 up to the sum of what `probes_left` gives.
    """
    most = sum(probes_left(*search) for search in searches)
    if any(problem.strategy is SearchStrategy.BISECT for problem, _ in searches):
        return most
    counts: dict[int, float] = {}
    for problem, measured in searches:
        counts |= _steps_expected(problem, measured)
    return min(most, sum(counts.values()))


def _steps_expected(
    problem: SearchProblem, measured: Mapping[int, Measurement]
) -> dict[int, float]:
    """Find the steps that are measured if all scores are as expected, and what each counts."""
    state = SearchState(problem)
    for step, measurement in measured.items():
        state.record(step, measurement)
    crossing, begins = expected_crossing(problem, state), not state.found
    if state.scores and (end := _end_within_reach(crossing, state.bracket, problem)) is not None:
        # It is tried where it may well be the answer: the worst quality passes, or none does.
        crossing = end or -1.0
    alone, steps = state.bracket.n_open == 1, []
    while state.may_probe:
        steps.append(_guess(problem, state, crossing, made=state))
        state.record(steps[-1], problem.target + crossing - steps[-1])
        if problem.cautious and steps[-1] <= crossing:
            break
    # Hints that send a search to an end of the range are hardly ever wrong.
    certain = alone or (begins and problem.hints and len(steps) == 1)
    counts = dict.fromkeys(steps, 1.0 if certain else _SURPRISES)
    if steps and {steps[0] - 1, steps[0] + 1} & measured.keys():
        # The first may close the case, where it goes another way than expected.
        counts |= {step: counts[step] / 2 for step in steps[1:]}
    return counts


def _interpolated(problem: SearchProblem, state: SearchState) -> int:
    """Choose the next step: where it is no seed, as if the seeds were measured.

    A seed costs nothing, so that it is taken wherever it is met. A search that is repeated thus
    takes the same steps again, however much was stored since.
    """
    step = _guess(problem, state, expected_crossing(problem, state), made=state)
    inside = _inside(problem.seeds, state.bracket)
    if step in inside or not inside:
        return step
    seeded = SearchState(replace(problem, known={**state.found, **inside}))
    if seeded.bracket.n_open:
        return _guess(problem, seeded, expected_crossing(problem, seeded), made=state)
    # The seeds hold the proof: one end of the closed bracket is a seed, if not both.
    return next(step for step in seeded.bracket.ends if step in inside)


def _guess(
    problem: SearchProblem, state: SearchState, crossing: float, *, made: SearchState
) -> int:
    """Choose a step by what `state` holds, such that a search that has `made` so much affords it.

    Where the neighbour that would close the case could not be afforded any more, it goes first: two
    steps on one side of the crossing would leave a wide bracket, and bisection to search it.
    """
    wish = wished_step(problem, state, crossing)
    n_left = _budget(problem) - made.n_new
    step = _nearest_affordable(wish, made.bracket, n_left)
    passes = step <= crossing
    rest = Bracket(step, made.bracket.missing) if passes else Bracket(made.bracket.passing, step)
    closing = step + 1 if passes else step - 1
    if rest.n_open < 1 or closing == _nearest_affordable(closing, rest, n_left - 1):
        return step
    return closing if closing == _nearest_affordable(closing, made.bracket, n_left) else step


def _budget(problem: SearchProblem) -> int:
    """Count the probes that a search may make: the most that bisection may need, and four more."""
    most = Bracket.of(problem.known, problem).n_open.bit_length()
    return max(most, min(problem.max_probes, most + _EXTRA_PROBES))


def _nearest_affordable(wish: int, bracket: Bracket, n_left: int) -> int:
    """Find the open step nearest to `wish` that leaves no more than bisection can search."""
    # With n probes bisection searches 2**n - 1 open steps.
    widest = 1 << max(0, n_left - 1)
    least, most = bracket.missing - widest, bracket.passing + widest
    if least > most:
        return bracket.midpoint
    return min(max(wish, least, bracket.passing + 1), most, bracket.missing - 1)


def _inside(seeds: Mapping[int, Measurement], bracket: Bracket) -> dict[int, Measurement]:
    return {step: m for step, m in seeds.items() if bracket.passing < step < bracket.missing}


def wished_step(problem: SearchProblem, state: SearchState, crossing: float) -> int:
    """Choose the open step nearest to the estimated crossing, or an end of the range near it.

    The end of the range needs no neighbour for its proof, so it is worth a try where an estimate
    that extrapolates comes close to it. Where encodes at the crossing are too large, what is left
    to find is the best that is not, of which scores tell nothing: the bracket is halved.

    Args:
        problem: What is searched.
        state: What was measured; it must leave a step open.
        crossing: Where the curve should cross the target, in steps.
    """
    bracket = state.bracket
    if state.scores and (end := _end_within_reach(crossing, bracket, problem)) is not None:
        return end
    if state.ends_in_too_large and crossing <= bracket.passing:
        return bracket.midpoint
    nearest = math.floor(crossing) if problem.cautious else round(crossing)
    return min(max(nearest, bracket.passing + 1), bracket.missing - 1)


def _end_within_reach(crossing: float, bracket: Bracket, problem: SearchProblem) -> int | None:
    """Find an end of the range that an estimate beyond all that was measured may come to lie at.

    The further an estimate is from what it comes from, the further it may be off.
    """
    last = problem.last_step
    if bracket.missing > last and last - crossing < _REACH * (crossing - bracket.passing):
        return last
    if bracket.passing < 0 and crossing < _REACH * (bracket.missing - crossing):
        return 0
    return None
