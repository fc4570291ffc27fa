"""The speeds of encoders, in x264's words and in their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["X264_PRESETS", "Presets"]

X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
"""x264's preset names, fastest first: the vocabulary that every encoder understands here."""


@dataclass(frozen=True, slots=True)
class Presets:
    """An encoder's speeds, in its own words and in x264's.

    Attributes:
        native: Its own values, fastest first; empty for an encoder with one speed only.
        from_x264: Its own value for each of `X264_PRESETS`; empty likewise.
        default: What is used where the user names none.
    """

    native: tuple[str, ...] = ()
    from_x264: Mapping[str, str] = field(default_factory=dict, hash=False)
    default: str = "medium"

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_x264", MappingProxyType(dict(self.from_x264)))

    def native_of(self, preset: str | None) -> str:
        """Translate a preset; x264's names go before native ones that read the same.

        Args:
            preset: One of `X264_PRESETS` or a native value; None for the default.

        Returns:
            The native value; empty for an encoder with one speed only, for which any of x264's
            names will do.

        Raises:
            UsageError: It is neither.
        """
        name = self.default if preset is None else preset
        if not self.native and name in X264_PRESETS:
            return ""
        if name in self.from_x264:
            return self.from_x264[name]
        if name in self.native:
            return name
        raise UsageError(f"there is no preset '{name}'; it takes {self.vocabulary}.")

    @property
    def vocabulary(self) -> str:
        """All that `native_of` takes, in words."""
        own = [value for value in self.native if value not in X264_PRESETS]
        listing = ", ".join(X264_PRESETS)
        return f"{listing}; or its own {', '.join(own)}" if own else listing
