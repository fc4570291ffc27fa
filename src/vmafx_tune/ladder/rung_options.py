"""How rungs are chosen: what the user says, over a saved ladder's values, over the defaults."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import UsageError
from vmafx_tune.ladder.throughput import LogNormalThroughput, parse_throughputs
from vmafx_tune.options import RungOptions
from vmafx_tune.results.rung_choice import RungChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.ladder.throughput import Throughput

__all__ = ["changed_choice", "default_choice", "read_throughput"]

# Where hardly a viewer sees a further gain with the models that go to 100.
_DEFAULT_MAX_VMAF = 95.0


def changed_choice(choice: RungChoice, options: RungOptions) -> RungChoice:
    """Change a choice where options are given."""
    given = {
        field.name: value
        for field in fields(RungOptions)
        if (value := getattr(options, field.name)) is not None
    }
    if "throughput" in given:
        given.setdefault("spacing", Spacing.OPTIMAL)
    return replace(choice, **given)


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
