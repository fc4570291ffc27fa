"""Further ffmpeg arguments that the user gives, and how they go together with ours.

They may change how the encoder works, and nothing else: frames and their times are those that the
encode is compared with. ffmpeg takes the last of two equal options, so the user's come last and
win. Where that would drop something of ours without a word (the scaling of a rendition, a
fractional quality), both are kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmafx_tune.encoders.ffmpeg_options import RATE_KEYS, Touches, output_options, touched
from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

__all__ = [
    "caps_among",
    "check_extra_args",
    "check_gop_args",
    "find_value",
    "has_filters",
    "is_dictionary",
    "join_filters",
    "join_parameters",
]

_FILTER_OPTIONS = frozenset({"vf", "filter"})
# Names that several encoders give to the same things, and those of ffmpeg itself.
_GOP_NAMES = frozenset(
    {"g", "keyint_min", "force_key_frames", "sc_threshold"}
    | {"keyint", "min-keyint", "scenecut", "open-gop", "intraperiod"}
)
# Rates and buffers, limits of quantisers and frame sizes, whatever an encoder calls them.
_CAP = re.compile(
    r"(?:max|min)[-_]?(?:bit)?rate|buf(?:fer)?[-_]?size|^vbv|^mbr$|^rc_init_occupancy$|"
    r"crf[-_]max|^q[-_]?(?:p[-_]?)?(?:min|max)|^(?:min|max)[-_]?q|frame_size|bitrate_limit"
)
# Flags of all kinds; the user's value adds to ours.
_SHARED_OPTIONS = frozenset({"flags"})


def check_extra_args(args: Sequence[str], reserved: Collection[str]) -> None:
    """Refuse arguments that change more than how the encoder works.

    Args:
        args: ffmpeg output arguments.
        reserved: Names, without dash and stream specifier, of the options that hold the quality;
            looked for among the keys of dictionary options (`-svtav1-params a=1:b=2`) as well.

    Raises:
        UsageError: One of them does, or has no value.
    """
    for option in output_options(args):
        if option.name in reserved:
            raise UsageError(_searched_for(option.name))
        kind = touched(option)
        if kind is Touches.ENCODER:
            raise UsageError(f"the encoder is chosen with --codec, so leave {option.text} out.")
        if kind is not None:
            raise UsageError(f"{option.text} {kind.value}. Leave it out of the encoder arguments.")
        if option.is_incomplete:
            raise UsageError(f"{option.text} has no value in the encoder arguments. Give it one.")
        if is_dictionary(option.name):
            _check_keys(option.text, _keys(option.value or ""), reserved)


def _check_keys(option: str, keys: set[str], reserved: Collection[str]) -> None:
    if taken := keys & set(reserved):
        raise UsageError(_searched_for(min(taken)))
    if taken := keys & RATE_KEYS:
        raise UsageError(
            f"{min(taken)} in {option} {Touches.RATE.value}. Leave it out of the encoder arguments."
        )


def _searched_for(name: str) -> str:
    return (
        f"{name} is what is searched for, so leave it out of the encoder arguments; --crf-lo and "
        "--crf-hi narrow the search."
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
        ours |= _keys(value) if is_dictionary(name) else {name} - _SHARED_OPTIONS
    for option in output_options(args):
        given = _keys(option.value or "") if is_dictionary(option.name) else {option.name}
        if taken := given & ours:
            raise UsageError(
                f"{min(taken)} decides where keyframes are, and so does --gop. Leave it out of the "
                "encoder arguments, and say with --gop how long a GOP is."
            )


def caps_among(args: Sequence[str]) -> tuple[str, ...]:
    """Find arguments that may limit bitrate or quality whatever the knob says, as written."""
    found = []
    for option in output_options(args):
        value = option.value or ""
        if is_dictionary(option.name):
            found += [item for item in value.split(":") if _CAP.search(item.partition("=")[0])]
        elif _CAP.search(option.name):
            found.append(f"{option.text} {value}".rstrip())
    return tuple(found)


def find_value(args: Sequence[str], name: str) -> str | None:
    """Find the value that ffmpeg would use for an option: the last one given, None without any."""
    index = _value_index(args, {name})
    return None if index is None else args[index]


def has_filters(args: Sequence[str]) -> bool:
    """Tell whether the arguments bring a filter chain, which may change the pixel format."""
    return _value_index(args, _FILTER_OPTIONS) is not None


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
    options = output_options(args)
    found = [o.index + 1 for o in options if o.name in names and o.value is not None]
    return found[-1] if found else None


def _keys(value: str) -> set[str]:
    return {item.partition("=")[0] for item in value.split(":")}
