"""How rungs are chosen: what the user says, over a saved ladder's values, over the defaults."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.choices import Spacing
from vmafx_tune.errors import UsageError
from vmafx_tune.ladder.limits import Caps
from vmafx_tune.ladder.selection_options import SelectionOptions
from vmafx_tune.ladder.throughput import LogNormalThroughput, parse_throughputs
from vmafx_tune.options import RungOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.ladder.throughput import Throughput
    from vmafx_tune.results.ladder import RungChoice

__all__ = ["changed_choice", "selection_options"]


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


def selection_options(choice: RungChoice, read: Callable[[Path], bytes]) -> SelectionOptions:
    """Make of a choice what the selection needs.

    Args:
        choice: How rungs are chosen.
        read: Reads a file; an `OSError` of it says why it cannot be.

    Raises:
        UsageError: A value makes no sense, or a file of throughputs cannot be read.
    """
    return SelectionOptions(
        max_rungs=choice.max_rungs,
        spacing=choice.spacing,
        min_gap_kbps=choice.min_bitrate_gap_kbps,
        vmaf_step=choice.vmaf_step,
        throughput=None if choice.throughput is None else _throughput(choice.throughput, read),
        safety_factor=choice.safety_factor,
        caps=Caps(
            min_vmaf=choice.min_vmaf,
            max_vmaf=choice.max_vmaf,
            min_bitrate_kbps=choice.min_bitrate_kbps,
            max_bitrate_kbps=choice.max_bitrate_kbps,
        ),
        mixed_resolutions=choice.mixed_resolutions,
    )


def _throughput(text: str, read: Callable[[Path], bytes]) -> Throughput:
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
