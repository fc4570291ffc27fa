"""How rungs are chosen: what the user says, over a saved ladder's values, over the defaults."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import UsageError
from vmafx_tune.ladder.throughput import LogNormalThroughput, parse_throughputs
from vmafx_tune.options import RungOptions
from vmafx_tune.parsing import parse_resolution
from vmafx_tune.results.rung_choice import RungChoice
from vmafx_tune.scoring.targets import checked_score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.ladder.throughput import Throughput
    from vmafx_tune.model import VmafModel

__all__ = ["changed_choice", "checked_rungs", "default_choice", "read_throughput", "size_rules"]

LIFTED = "none"
"""What lifts a rule of a saved ladder."""

_RULES = frozenset({"include", "allow", "min_top", "min_bottom", "step_ratio", "rungs_between"})
# Where hardly a viewer sees a further gain with the models that go to 100.
_DEFAULT_MAX_VMAF = 95.0


def changed_choice(choice: RungChoice, options: RungOptions) -> RungChoice:
    """Change a choice where options are given.

    Raises:
        UsageError: One is not what it should be.
        InvalidLadderError: No ladder keeps them all.
    """
    given: dict[str, Any] = {
        field.name: value
        for field in fields(RungOptions)
        if (value := getattr(options, field.name)) is not None
    }
    for name in _RULES & given.keys():
        given |= _rule(name, given.pop(name))
    if "throughput" in given:
        given.setdefault("spacing", Spacing.OPTIMAL)
    return replace(choice, **given)


def checked_rungs(rungs: RungOptions | None, model: VmafModel) -> RungOptions:
    """Return the options, or the defaults for None, if the model can give the scores in them.

    Raises:
        UsageError: It cannot.
    """
    rungs = rungs or RungOptions()
    if rungs.min_vmaf:  # 0 is a way to say that there is no limit
        checked_score(rungs.min_vmaf, model, "A --min-vmaf")
    if rungs.max_vmaf is not None:
        checked_score(rungs.max_vmaf, model, "A --max-vmaf")
    return rungs


def size_rules(options: RungOptions) -> RungChoice:
    """Make a choice of nothing but the rules that say which sizes rungs may and must have.

    Raises:
        UsageError: One is not what it should be.
        InvalidLadderError: No ladder keeps them all.
    """
    names = ("include", "allow", "min_bottom", "mixed_resolutions", "max_rungs", "rungs_between")
    rules = {name: getattr(options, name) for name in names}
    return changed_choice(RungChoice(), RungOptions(**rules))


def _range(option: str, text: str, kind: type[int | float]) -> tuple[float, float]:
    """Read a range such as `1.5:2.5`."""
    low, _, high = text.partition(":")
    try:
        ends = kind(low), kind(high)
    except ValueError:
        ends = 0, 0
    if not all(0 < end < math.inf for end in ends):
        raise UsageError(
            f"--{option.replace('_', '-')} '{text}' is not a range. Write it as LOW:HIGH."
        )
    return ends


def _rule(name: str, text: str) -> dict[str, Any]:
    """Read a rule: the values of the choice that it sets."""
    lifted = text == LIFTED
    if name in {"include", "allow"}:
        return {name: () if lifted else tuple(map(parse_resolution, text.split(",")))}
    if name in {"min_top", "min_bottom"}:
        return {name: None if lifted else parse_resolution(text)}
    if name == "step_ratio":
        low, high = (None, None) if lifted else _range(name, text, float)
        return {"min_step_ratio": low, "max_step_ratio": high}
    return {"min_rungs": None} if lifted else _rungs(*_range(name, text, int))


def _rungs(least: float, most: float) -> dict[str, Any]:
    return {"min_rungs": least, "max_rungs": most}


def default_choice(targets: Sequence[float]) -> RungChoice:
    """Choose rungs where nobody says how.

    The ladder spans the targets: probes below the lowest were made on the way only.

    Args:
        targets: Pooled scores that were searched for; none for a ladder that was found otherwise.
    """
    return RungChoice(
        min_vmaf=min(targets, default=None), max_vmaf=max((_DEFAULT_MAX_VMAF, *targets))
    )


def read_throughput(choice: RungChoice | None, read: Callable[[Path], bytes]) -> Throughput | None:
    """Find the viewers that rungs are chosen for; None where nobody says who they are.

    Args:
        choice: How rungs are chosen.
        read: Reads a file; an `OSError` of it says why it cannot be.

    Raises:
        UsageError: Their distribution makes no sense, or its file cannot be read.
    """
    if choice is None or choice.throughput is None:
        return None
    text = choice.throughput
    median, colon, sigma = text.partition(":")
    try:
        numbers = (float(median), float(sigma)) if colon else None
    except ValueError:
        numbers = None
    if numbers:
        return LogNormalThroughput(*numbers)
    try:
        return parse_throughputs(read(Path(text)).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"The throughputs in '{text}' are not text.") from error
    except OSError as error:
        raise UsageError(
            f"'{text}' is neither a throughput such as 4000:0.8 nor a readable file: "
            f"{error.strerror or error}."
        ) from error
