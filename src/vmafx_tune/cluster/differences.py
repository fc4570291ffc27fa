"""Sentences about workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["difference", "listing"]

_WORDS = {
    "ffmpeg": "another ffmpeg",
    "scoring_files": "other programs or libraries that score",
    "devices": "other hardware or drivers",
}
_NAMES = {
    "processors": "it sees {found} instead of {expected}, and encoders choose their threads by "
    "it; use --threads to make workers equal",
    "machine": "its processor is {found} instead of {expected}",
    "encoder_version": "its encoder is {found} instead of {expected}",
    "scorer": "it scores with {found} instead of {expected}",
}


def difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    """Say what tells a machine's facts from those that are expected.

    Args:
        found: The machine's, see `probing.setup.Setup`; may hold more than is expected.
        expected: What decides.

    Returns:
        A clause; None where they agree.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            return _clause(name, found.get(name), value)
    return None


def listing(reasons: Iterable[tuple[str, str]]) -> str:
    """Write who says what, and what is said by several once.

    Args:
        reasons: Pairs of (address, sentence).
    """
    speakers: dict[str, list[str]] = {}
    for address, reason in reasons:
        speakers.setdefault(reason.rstrip("."), []).append(address)
    return " ".join(f"{', '.join(who)}: {reason}." for reason, who in speakers.items())


def _clause(name: str, found: Any, expected: Any) -> str:
    if name in _WORDS:
        return f"it has {_WORDS[name]}"
    return _NAMES[name].format(found=_text(found), expected=_text(expected))


def _text(value: Any) -> str:
    return " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
