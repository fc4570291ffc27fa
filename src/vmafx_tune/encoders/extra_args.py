"""Further ffmpeg arguments that the user gives, and how they go together with ours.

ffmpeg takes the last of two equal options, so the user's come last and win. Where that would drop
something of ours without a word (the scaling of a rendition, a fractional quality), both are kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

__all__ = [
    "changes_time",
    "check_extra_args",
    "check_gop_args",
    "find_value",
    "has_filters",
    "is_dictionary",
    "join_filters",
    "join_parameters",
]

_FILTER_OPTIONS = frozenset({"vf", "filter"})
_TIME_OPTIONS = _FILTER_OPTIONS | {
    "bsf", "f", "filter_complex", "filter_script", "fps_mode", "frames", "r", "t", "to", "vsync",
}  # fmt: skip
_ENCODER_OPTIONS = frozenset({"c", "codec", "vcodec"})
# Names that several encoders give to the same things, and those of ffmpeg itself.
_GOP_NAMES = frozenset(
    {"g", "keyint_min", "force_key_frames", "sc_threshold"}
    | {"keyint", "min-keyint", "scenecut", "open-gop", "intraperiod"}
)
# Flags of all kinds; the user's value adds to ours.
_SHARED_OPTIONS = frozenset({"flags"})
_OPTION = re.compile(r"-(?P<name>[A-Za-z][\w-]*)(?::[\w:]*)?")


def check_extra_args(args: Sequence[str], reserved: Collection[str]) -> None:
    """Refuse arguments that take the choice of encoder or quality out of our hands.

    Args:
        args: ffmpeg output arguments.
        reserved: Names, without dash and stream specifier, of the options that hold the quality;
            looked for among the keys of dictionary options (`-svtav1-params a=1:b=2`) as well.

    Raises:
        UsageError: One of them does.
    """
    for index, name in _options(args):
        if name in _ENCODER_OPTIONS:
            raise UsageError(f"the encoder is chosen with --codec, so leave {args[index]} out.")
        given = {name} | (_keys(args[index + 1 :]) if is_dictionary(name) else set())
        if taken := given & set(reserved):
            raise UsageError(
                f"{min(taken)} is what is searched for, so leave it out of the encoder arguments; "
                "--crf-lo and --crf-hi narrow the search."
            )


def check_gop_args(args: Sequence[str], gop_options: Iterable[tuple[str, str]]) -> None:
    """Refuse arguments that move keyframes, where segments for streaming depend on them.

    Args:
        args: ffmpeg output arguments.
        gop_options: The encoder's options for closed GOPs, name and value.

    Raises:
        UsageError: One of them does.
    """
    ours = set(_GOP_NAMES)
    for name, value in gop_options:
        ours |= _keys([value]) if is_dictionary(name) else {name} - _SHARED_OPTIONS
    for index, name in _options(args):
        given = _keys(args[index + 1 :]) if is_dictionary(name) else {name}
        if taken := given & ours:
            raise UsageError(
                f"{min(taken)} decides where keyframes are, and so does --gop. Leave it out of the "
                "encoder arguments, and say with --gop how long a GOP is."
            )


def find_value(args: Sequence[str], name: str) -> str | None:
    """Find the value that ffmpeg would use for an option: the last one given, None without any."""
    index = _value_index(args, {name})
    return None if index is None else args[index]


def has_filters(args: Sequence[str]) -> bool:
    """Tell whether the arguments bring a filter chain, which may change the size."""
    return _value_index(args, _FILTER_OPTIONS | {"filter_complex", "s"}) is not None


def changes_time(args: Sequence[str]) -> bool:
    """Tell whether the arguments may change frames, their timestamps or the container."""
    return any(name in _TIME_OPTIONS for _, name in _options(args))


def is_dictionary(name: str) -> bool:
    """Tell whether an option's value is a list of parameters (`a=1:b=2`); the last one wins."""
    return name.endswith("-params") or name == "x264opts"


def join_filters(args: Sequence[str], ours: str) -> tuple[str, ...] | None:
    """Put a filter of ours after the user's chain.

    Returns:
        The arguments with both; None where the user has no chain to join.
    """
    return _replace(args, _FILTER_OPTIONS, lambda theirs: f"{theirs},{ours}")


def join_parameters(args: Sequence[str], name: str, ours: str) -> tuple[str, ...] | None:
    """Put parameters of ours before those of the user's dictionary option (`a=1:b=2`).

    Returns:
        The arguments with both; None where the user does not give that option.
    """
    return _replace(args, {name}, lambda theirs: f"{ours}:{theirs}")


def _replace(
    args: Sequence[str], names: Collection[str], change: Callable[[str], str]
) -> tuple[str, ...] | None:
    index = _value_index(args, names)
    if index is None:
        return None
    return (*args[:index], change(args[index]), *args[index + 1 :])


def _value_index(args: Sequence[str], names: Collection[str]) -> int | None:
    found = [i + 1 for i, name in _options(args) if name in names and i + 1 < len(args)]
    return found[-1] if found else None


def _options(args: Sequence[str]) -> list[tuple[int, str]]:
    """Find each option's place and its name without dash and stream specifier."""
    matches = [(index, _OPTION.fullmatch(arg)) for index, arg in enumerate(args)]
    return [(index, match["name"]) for index, match in matches if match]


def _keys(values: Sequence[str]) -> set[str]:
    return {item.partition("=")[0] for value in values[:1] for item in value.split(":")}
