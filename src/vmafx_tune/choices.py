"""What users choose among: the values of options, in their own words.

Apart from everything else, because the command line needs them for its help, which is to be quick.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "CacheAction",
    "HlsScore",
    "Minimize",
    "PerShot",
    "PoolMethod",
    "ProgressMode",
    "Proof",
    "Sampling",
    "ScoreAt",
    "SearchStrategy",
    "Spacing",
]


class CacheAction(StrEnum):
    """What to do with the cache."""

    INFO = "info"
    LIST = "list"
    CLEAR = "clear"
    PRUNE = "prune"


class HlsScore(StrEnum):
    """What HLS playlists give as SCORE."""

    NONE = "none"
    TIER = "tier"
    """One value for all renditions of a codec, higher for the more efficient one."""
    VMAF = "vmaf"


class PoolMethod(StrEnum):
    """How per-frame scores become one value."""

    MEAN = "mean"
    HARMONIC_MEAN = "harmonic_mean"
    MIN = "min"
    P1 = "p1"
    P5 = "p5"
    P10 = "p10"


class Container(StrEnum):
    """Containers of encoded files, by their suffixes."""

    MKV = "mkv"
    MP4 = "mp4"
    M4V = "m4v"
    MOV = "mov"
    WEBM = "webm"


class Proof(StrEnum):
    """What is measured to prove an answer."""

    FULL = "full"
    """The next worse setting too, which misses."""
    NONE = "none"
    """Nothing: one probe gives an estimate and its error. What is delivered is measured, but one or
    two worse settings may reach the target, too."""


class ProgressMode(StrEnum):
    """How progress is shown on stderr."""

    AUTO = "auto"
    BARS = "bars"
    JSON = "json"
    OFF = "off"


class Minimize(StrEnum):
    """Which loss of titles a common ladder keeps low."""

    MEAN = "mean"
    """That of all titles on average."""
    WORST = "worst"
    """That of the title that loses the most."""


class PerShot(StrEnum):
    """How the shots of a source get settings of their own."""

    SLOPE = "slope"
    """Where the last bit gains each of them as much, so that the whole takes the fewest."""
    CONSTANT = "constant"
    """So that all of them score the same."""


class Sampling(StrEnum):
    """Which encodes a ladder is chosen from."""

    GRID = "grid"
    """The cheapest of each resolution for each target."""
    ADAPTIVE = "adaptive"
    """Those that can change the hull."""


class ScoreAt(StrEnum):
    """The size at which the renditions of a ladder are scored."""

    DISPLAY = "display"
    RENDITION = "rendition"


class SearchStrategy(StrEnum):
    """How a search chooses what to measure; an answer is proven in the same way with each."""

    INTERPOLATE = "interpolate"
    """Where the curve through the scores so far, or of a typical clip, crosses the target."""
    BISECT = "bisect"
    """In the middle of what is open."""


class Spacing(StrEnum):
    """Which points of the hull become rungs."""

    KNEE = "knee"
    LOG_BITRATE = "log-bitrate"
    VMAF = "vmaf"
    OPTIMAL = "optimal"
