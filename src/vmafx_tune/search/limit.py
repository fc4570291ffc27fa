"""Why a search ended without an answer or a proof, and where the knob ceases to matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.results.search import SearchLimit
from vmafx_tune.sampling.estimates import estimate_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.measurement import SampleEstimate
    from vmafx_tune.search.probe_set import ProbeSet
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.search.state import SearchOutcome

__all__ = [
    "MeasuredStep",
    "Plateau",
    "find_limit",
    "flat_notes",
    "is_saturated",
    "plateau_at_best",
    "plateau_at_worst",
    "why_missed",
]

# Left to itself an encoder takes 20 to 30 % off the bitrate over 5 % of its knob's range. Held by a
# cap, bitrates differ by up to 4 %.
_SAME_BITRATE = 0.05
_LEAST_SHARE = 0.05
_MORE_DOUBLINGS = 3


def find_limit(
    request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome
) -> SearchLimit | None:
    """Find what kept a search from a proven answer; None where it has one."""
    if not outcome.converged:
        return SearchLimit(
            "max_iter",
            f"The search stopped after {counted(request.max_iter, 'probe')} without a proof. "
            "Raise --max-iter.",
        )
    if outcome.settled and not request.estimates:
        return SearchLimit(
            "no_proof",
            "The next worse setting was not measured, so it may reach the target too. Use --proof "
            "full to find out.",
        )
    if outcome.too_large and not outcome.proven:
        return _why_too_large(request, probe_set, outcome)
    if not outcome.reached:
        return _why_unreachable(request, probe_set, outcome)
    if request.estimates:
        return _sample_limit(request, probe_set, outcome)
    if outcome.proven and request.template.subsample > 1:
        return SearchLimit(
            "subsample",
            f"Only one frame in {request.template.subsample} was scored, so the answer is an "
            "estimate. Leave out --subsample to prove it.",
        )
    return None


def _sample_limit(
    request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome
) -> SearchLimit | None:
    best, plan = outcome.best_step, request.sample
    if best is None or plan is None:
        return None
    found = estimate_of(request, probe_set.probe_at(best))
    return SearchLimit(
        "sample",
        f"Only {plan.share:.0%} of the clip was measured, so the answer is an estimate. "
        f"{_sample_errors(found, len(plan.segments))} Add --verify for a proven one.",
    )


def _sample_errors(found: SampleEstimate, n_parts: int) -> str:
    if n_parts == 1:
        return (
            "The error of a single part is unknown. Measure six parts or more, such as "
            "--sample 6x5s."
        )
    if found.vmaf_error is None or found.bitrate_error_kbps is None:
        return "The parts do not show how far the score may be off."
    return (
        f"It is off by no more than {found.vmaf_error:.2f} VMAF and "
        f"{found.bitrate_error_kbps:.0f} kb/s, by the spread between the parts (95 %)."
    )


def _why_too_large(
    request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome
) -> SearchLimit:
    limit = f"{formatting.given(request.max_bitrate_kbps)} kb/s"
    what = "No encode of the sample" if request.estimates else "No encode"
    if outcome.best_step is None:
        worst = request.knob.quality_of(request.knob.last_step)
        found = f"{what} is within {limit}, not even that at {request.knob.name} {worst:g}"
    else:
        best, vmaf = probe_set.probe_at(outcome.best_step), outcome.scores[outcome.best_step]
        told = (
            f"VMAF {formatting.vmaf(vmaf, target=request.target)} at {request.knob.name} "
            f"{formatting.quality(best.quality)}, "
            f"{formatting.rough_bitrate(best.bitrate_kbps)} kb/s"
        )
        if outcome.reached:
            return SearchLimit(
                "max_bitrate",
                f"{told}, is within {limit}, but a worse setting is not, so an answer with a "
                "lower bitrate may be further on. Narrow the range with --crf-lo and --crf-hi.",
            )
        target = formatting.given(request.target)
        found = f"{what} within {limit} reaches {target}: the best is {told}"
    return SearchLimit("max_bitrate", f"{found}. Raise the limit, or lower the target.")


def _why_unreachable(
    request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome
) -> SearchLimit:
    if limit := _ceiling_limit(request, probe_set, outcome):
        return limit
    measured = _measured(probe_set, outcome)
    if plateau := plateau_at_best(measured, request.knob.last_step):
        return SearchLimit("encoder_args", _flat(request, plateau))
    size, display = request.template.encode.size, request.template.display
    if size is not None and size.pixels < display.pixels and is_saturated(measured, request.target):
        return SearchLimit(
            "size",
            f"More bits hardly raise the score at {size}: the resolution is the limit. Encode at "
            "a higher resolution, or lower the target.",
        )
    return SearchLimit(
        "knob_range",
        f"The range of {request.knob.name} ends at {request.knob.quality_of(0):g}, and the target "
        f"is not reached there{', or a condition is not met' if request.conditions else ''}.",
    )


def _ceiling_limit(
    request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome
) -> SearchLimit | None:
    """Say what the source itself does not reach, of what the best probe misses."""
    ceiling = probe_set.ceiling()
    if ceiling.vmaf < request.target:
        told = formatting.vmaf(ceiling.vmaf, target=request.target)
        target = formatting.given(request.target)
        return SearchLimit(
            "clip_ceiling",
            f"The sample of the source scores only {told} against itself, so hardly an encode of "
            f"the sample can reach {target}. Lower the target, or leave out --sample."
            if request.estimates
            else f"The source scores only {told} against itself, so no encode of it can reach "
            f"{target}. Lower the target.",
        )
    if outcome.best_step is None:
        return None
    best = request.goal.checks(probe_set.reading_at(outcome.best_step), request.target)
    itself = request.goal.checks(ceiling, request.target)
    for check, own in zip(best, itself, strict=True):
        if not check.ok and not own.ok:
            return SearchLimit(
                "clip_ceiling",
                f"{own.name} is not met by the source itself, which has "
                f"{formatting.condition(own.name, own.value)}. Relax the condition.",
            )
    return None


def why_missed(
    request: SearchRequest,
    probe_set: ProbeSet,
    outcome: SearchOutcome,
    limit: SearchLimit | None,
) -> str:
    """Say why a search has no answer, with the best that it measured."""
    reason = limit.message if limit else "The target is not reached."
    if outcome.best_step is None or (limit and limit.kind == "max_bitrate"):
        return reason
    best = probe_set.probe_at(outcome.best_step)
    reading = probe_set.reading_at(outcome.best_step)
    aim, *checks = request.goal.checks(reading, request.target)
    missed = [] if aim.ok else [f"VMAF {formatting.given(request.target)} is not reached"]
    missed += [f"{check.name} is not met" for check in checks if not check.ok]
    beside = "".join(f", {formatting.condition(check.name, check.value)}" for check in checks)
    return (
        f"{formatting.listed(missed)}; the best is "
        f"{'' if aim.ok is False and not checks else 'VMAF '}"
        f"{formatting.vmaf(reading.vmaf, target=request.target)}{beside} at "
        f"{request.knob.name} {formatting.quality(best.quality)}, "
        f"{formatting.bitrate(best.bitrate_kbps)} kb/s. {reason}"
    )


def flat_notes(
    request: SearchRequest, probe_set: ProbeSet, outcome: SearchOutcome
) -> tuple[str, ...]:
    """Say of an answer at the end of the range that it costs as much as better settings."""
    last_step = request.knob.last_step
    if not outcome.reached or outcome.best_step != last_step:
        return ()
    plateau = plateau_at_worst(_measured(probe_set, outcome), last_step)
    return () if plateau is None or not request.caps else (_flat(request, plateau),)


def _measured(probe_set: ProbeSet, outcome: SearchOutcome) -> list[MeasuredStep]:
    return [
        MeasuredStep(step, probe.bitrate_kbps, score)
        for step, score in sorted(outcome.scores.items())
        if (probe := probe_set.get(step)) is not None
    ]


def _flat(request: SearchRequest, plateau: Plateau) -> str:
    """Say that the knob does nothing over a range, and what may be the reason."""
    first, last = map(request.knob.quality_of, (plateau.first, plateau.last))
    stays = (
        f"From {request.knob.name} {first:g} to {last:g} the bitrate stays at about "
        f"{formatting.rough_bitrate(plateau.bitrate_kbps)} kb/s, and quality does not change with "
        f"it: {request.knob.name} is not the limit."
    )
    if request.caps:
        return (
            f"{stays} {' and '.join(request.caps)} in the encoder arguments may be. Change that, "
            "or the target."
        )
    if request.template.encode.extra_args:
        return f"{stays} An encoder argument may be. Try without them, or change the target."
    return f"{stays} Try another preset or encoder, or change the target."


@frozen
class MeasuredStep:
    """What a step of the knob gave."""

    step: int
    bitrate_kbps: float
    vmaf: float


@frozen
class Plateau:
    """A run of measured steps with the same bitrate.

    Attributes:
        first: Step of best quality.
        last: Step of worst quality.
        bitrate_kbps: Of the one at its end of the range.
    """

    first: int
    last: int
    bitrate_kbps: float


def plateau_at_best(measured: Sequence[MeasuredStep], last_step: int) -> Plateau | None:
    """Find a plateau that begins at the best quality that was measured.

    Args:
        measured: By ascending step.
        last_step: Steps of the whole range run from 0 to this one.

    Returns:
        None where bitrates follow the knob, or too little was measured to tell.
    """
    return _plateau(measured, last_step)


def plateau_at_worst(measured: Sequence[MeasuredStep], last_step: int) -> Plateau | None:
    """Find a plateau that ends at the worst quality that was measured; see `plateau_at_best`."""
    return _plateau(measured[::-1], last_step)


def _plateau(measured: Sequence[MeasuredStep], last_step: int) -> Plateau | None:
    if not measured:
        return None
    start = end = measured[0]
    for point in measured:
        if abs(point.bitrate_kbps - start.bitrate_kbps) > _SAME_BITRATE * start.bitrate_kbps:
            break
        end = point
    if abs(end.step - start.step) < max(1, _LEAST_SHARE * last_step):
        return None
    steps = sorted((start.step, end.step))
    return Plateau(steps[0], steps[1], start.bitrate_kbps)


def is_saturated(measured: Sequence[MeasuredStep], target: float) -> bool:
    """Tell whether more bits would not help to reach a target.

    Args:
        measured: Steps that all miss the target.
        target: Pooled score to reach.

    Returns:
        Whether the score rises so slowly from the second best step to the best that eight times the
        bits of that would still miss; False where too little was measured to tell.
    """
    by_score = sorted(measured, key=lambda point: -point.vmaf)[:2]
    if len(by_score) < 2:
        return False
    best, other = by_score
    if not 0 < other.bitrate_kbps < best.bitrate_kbps:
        return False
    gain_per_doubling = (best.vmaf - other.vmaf) / math.log2(best.bitrate_kbps / other.bitrate_kbps)
    return best.vmaf + _MORE_DOUBLINGS * gain_per_doubling < target
