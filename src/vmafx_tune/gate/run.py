"""Hold a saved result against a baseline, or against bounds."""

from __future__ import annotations

import math
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import listed
from vmafx_tune.gate.checks import BoundChecks, RegressionChecks
from vmafx_tune.gate.comparable import check_comparable, check_measured, command_of, noise_between
from vmafx_tune.options import GateOptions
from vmafx_tune.results.gate import GateResult
from vmafx_tune.results.score import ScoreResult
from vmafx_tune.scoring.models import known_model
from vmafx_tune.scoring.targets import checked_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.gate.comparable import Gated

__all__ = ["gate"]

_DEFAULTS: Mapping[str, float] = MappingProxyType(
    {"max_drop": 0.5, "max_frame_drop": 5.0, "max_bitrate_increase": 2.0, "max_bd_rate": 1.0}
)
_LIMITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "score": ("max_drop", "max_frame_drop", "max_time_increase"),
        "search": ("max_drop", "max_bitrate_increase", "max_time_increase"),
        "encode": ("max_drop", "max_bitrate_increase", "max_time_increase"),
        "compare": ("max_drop", "max_bitrate_increase", "max_bd_rate", "max_time_increase"),
        "ladder": ("max_drop", "max_bd_rate", "max_time_increase"),
    }
)


def gate(
    current: Gated, baseline: Gated | None = None, *, limits: GateOptions | None = None
) -> GateResult:
    """Hold a result against a baseline, or against bounds, or both.

    Args:
        current: What `score`, `search`, `encode`, `compare` or `ladder` returned.
        baseline: What the same command returned earlier, for the same source; None where bounds
            are all that is checked.
        limits: How much worse the result may be, and what it must reach.

    Returns:
        All checks. `ok` is false where one of them failed; nothing is raised for that.

    Raises:
        UsageError: There is nothing to check, a limit is for results of other commands, or a bound
            is out of the model's range.
        IncomparableError: The two are not of the same command and source, or were not measured in
            the same way, or one is an estimate.
    """
    check_measured(baseline, current)
    limits = GateOptions() if limits is None else limits
    asked = {field.name: getattr(limits, field.name) for field in fields(limits)}
    given = {name: limit for name, limit in asked.items() if limit is not None}
    bounds = {name: limit for name, limit in given.items() if name.startswith("min_")}
    for name, bound in bounds.items():
        checked_score(bound, known_model(current.model), f"A {_flags((name,))}")
    checks = [*BoundChecks(bounds).of(current)]
    noise = None
    if baseline is None:
        _check_bounds(given, bounds)
    else:
        check_comparable(baseline, current)
        noise = noise_between(baseline, current)
        held = _held(baseline, current, given.keys() - bounds.keys())
        at_most = {name: limit for name in held if (limit := _limit(name, given)) < math.inf}
        checks += RegressionChecks(at_most, noise).between(baseline, current)
        if not checks:
            raise UsageError(
                "There is nothing to check, as every limit is lifted. Keep one, or give --min-vmaf "
                "or --min-p5."
            )
    return GateResult(
        baseline=None,
        current=None,
        results_of=command_of(current, baseline),
        ok=all(check.ok for check in checks),
        checks=tuple(checks),
        noise=noise,
    )


def _check_bounds(given: Mapping[str, float], bounds: Mapping[str, float]) -> None:
    if others := given.keys() - bounds.keys():
        raise UsageError(f"{_flags(others)} needs a baseline. Name it before the result.")
    if not bounds:
        raise UsageError(
            "There is nothing to check. Name a baseline before the result, or give --min-vmaf or "
            "--min-p5."
        )


def _held(baseline: Gated, current: Gated, given: set[str]) -> tuple[str, ...]:
    """Choose the limits that apply, and refuse those given that do not."""
    command = command_of(current, baseline)
    if others := given - {*_LIMITS[command]}:
        raise UsageError(
            f"{_flags(others)} does not apply to results of {command}. Leave it out; {command} "
            f"takes {_flags(_LIMITS[command])}."
        )
    with_frames = all(isinstance(r, ScoreResult) and r.frames for r in (baseline, current))
    if "max_frame_drop" in given and not with_frames:
        raise UsageError(
            "--max-frame-drop needs the scores of frames. Save both results with `score --frames`."
        )
    return _LIMITS[command]


def _limit(name: str, given: Mapping[str, float]) -> float:
    return given.get(name, _DEFAULTS.get(name, math.inf))


def _flags(names: set[str] | tuple[str, ...]) -> str:
    ordered = names if isinstance(names, tuple) else sorted(names)
    return listed([f"--{name.replace('_', '-')}" for name in ordered])
