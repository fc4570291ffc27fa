"""ffmpeg's filter chains as text: taking them apart, and what is known of a filter by its name.

https://ffmpeg.org/ffmpeg-filters.html#Notes-on-filtergraph-escaping has the two levels of escaping.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "Filter",
    "checked_chain",
    "is_stateless",
    "keeps_frames",
    "parse_chain",
    "take_token",
]

# Each picture that leaves them depends on the one that came in, and on nothing else.
_STATELESS_NAMES = """
    avgblur bilateral boxblur cas chromanr chromashift colorbalance colorchannelmixer
    colorcontrast colorcorrect colorlevels colormap colormatrix colorspace colortemperature copy
    crop curves dblur deband deblock deflate delogo despill dilation drawbox drawgrid edgedetect
    eq erosion exposure fieldorder fillborders format fspp gblur grayworld greyedge guided hflip
    hqx hue huesaturation il inflate kuwahara lenscorrection limiter lut lut1d lut3d lutrgb lutyuv
    median monochrome negate noformat null pad perspective pixelize pp7 prewitt pseudocolor
    removelogo rgbashift roberts rotate sab scale selectivecolor setdar setfield setparams
    setrange setsar shuffleplanes smartblur sobel spp swaprect swapuv tonemap transpose unsharp
    v360 vflip vibrance vignette xbr yaepblur zscale
"""
_STATELESS = frozenset(_STATELESS_NAMES.split())
# Expressions in which a picture's number or time counts after all, and the switch on a time line.
_TIME_BOUND = re.compile(r"\b(?:t|n|pos|enable|random|eval)\b")
_DEINTERLACERS = frozenset({"bwdif", "yadif"})
_FRAME_MODES = re.compile(r"(?:^|:)(?:mode=)?(?:0|2|send_frame|send_frame_nospatial)(?:$|:)")

_REFUSED = {
    **dict.fromkeys(("movie", "amovie"), "reads another clip"),
    **dict.fromkeys(("sendcmd", "asendcmd", "zmq", "azmq"), "changes other filters while they run"),
    **dict.fromkeys(("frei0r", "program_opencl"), "runs external code"),
    **dict.fromkeys(("vidstabdetect", "signature", "vmafmotion"), "writes a file"),
}
_SPACES = " \t\r\n"


@frozen
class Filter:
    """One filter of a chain.

    Attributes:
        name: ffmpeg's name, without the label that may follow an `@`.
        arguments: As libavfilter takes them, one level of escaping removed; empty for none.
    """

    name: str
    arguments: str = ""

    def __str__(self) -> str:
        """The filter as it stands in a chain."""
        return f"{self.name}={_escaped(self.arguments, _GRAPH)}" if self.arguments else self.name


_GRAPH, _OPTIONS = "\\'[],;", "\\':"


@lru_cache(maxsize=64)
def parse_chain(text: str) -> tuple[Filter, ...]:
    """Take a chain apart, as libavfilter does.

    Args:
        text: What ffmpeg's `-vf` takes: filters with commas between them. Empty for no filter.

    Raises:
        UsageError: It is not one chain of filters, from one input to one output.
    """
    if not text.strip():
        return ()
    found: list[Filter] = []
    rest = text
    while True:
        name, rest = take_token(rest, "=,;[]")
        arguments = ""
        if rest.startswith("="):
            arguments, rest = take_token(rest[1:], "[],;")
        if rest[:1] and rest[0] in "[];":
            raise UsageError(
                f"--filter '{text}' has labels or several chains. Use one chain without labels, "
                "as for ffmpeg's -vf: --filter hqdn3d,unsharp."
            )
        if not name:
            raise UsageError(f"--filter '{text}' has an empty filter.")
        found.append(Filter(name.partition("@")[0], arguments))
        if not rest:
            return tuple(found)
        rest = rest[1:]


def checked_chain(text: str, files: Collection[Path] = ()) -> str:
    """Check a user's chain, and give the files in it their whole names.

    ffmpeg runs in more than one folder, on a cluster on other machines.

    Args:
        text: The chain.
        files: What it reads, as it is named there.

    Raises:
        UsageError: It has several inputs or outputs, reads other clips or the network, runs
            programs or writes files.
    """
    filters = parse_chain(text)
    for one in filters:
        _refuse(one)
    named = tuple(Filter(one.name, _with_whole_names(one.arguments, files)) for one in filters)
    return text.strip() if named == filters else ",".join(map(str, named))


def is_stateless(text: str) -> bool:
    """Whether a chain makes one picture of each, whatever comes before it and when."""
    return all(
        one.name in _STATELESS and not _TIME_BOUND.search(one.arguments)
        for one in parse_chain(text)
    )


def keeps_frames(text: str) -> bool:
    """Whether a chain is known to keep the number of frames and their times."""
    return all(
        one.name in _STATELESS
        or (one.name in _DEINTERLACERS and bool(_FRAME_MODES.search(one.arguments)))
        for one in parse_chain(text)
    )


def _refuse(one: Filter) -> None:
    reason = _REFUSED.get(one.name)
    if one.name == "metadata" and "file" in dict(_options(one.arguments)):
        reason = "writes a file"
    if "://" in one.arguments:
        reason = "reads from the network"
    if reason is not None:
        raise UsageError(f"--filter cannot use '{one.name}', which {reason}. Leave it out.")


def _with_whole_names(arguments: str, files: Collection[Path]) -> str:
    pieces = []
    for key, value in _options(arguments):
        whole = str(Path(value).absolute()) if Path(value) in files else value
        pieces.append((key, value, whole))
    if all(value == whole for _, value, whole in pieces):
        return arguments
    return ":".join(
        f"{key}={_escaped(whole, _OPTIONS)}" if key else _escaped(whole, _OPTIONS)
        for key, _, whole in pieces
    )


def _options(arguments: str) -> Iterator[tuple[str, str]]:
    """Split a filter's arguments into names and values; a value by place has no name."""
    rest = arguments
    while rest:
        match = re.match(r"\s*([A-Za-z_]\w*)=", rest)
        value, rest = take_token(rest[match.end() :] if match else rest, ":")
        yield (match[1] if match else ""), value
        rest = rest[1:]


def take_token(text: str, ends: str) -> tuple[str, str]:
    """Read up to one of `ends` as ffmpeg does: without blanks around it and one level of escaping.

    See `av_get_token` in libavutil/avstring.c.

    Returns:
        The token, and the rest of the text, which begins with what ended it.
    """
    taken: list[str] = []
    kept = place = 0
    text = text.lstrip(_SPACES)
    while place < len(text) and text[place] not in ends:
        char = text[place]
        place += 1
        if char == "\\" and place < len(text):
            taken.append(text[place])
            place += 1
            kept = len(taken)
        elif char == "'":
            end = text.find("'", place)
            end = len(text) if end < 0 else end
            taken += text[place:end]
            place = end + 1
            kept = len(taken)
        else:
            taken.append(char)
    token = "".join(taken)
    return token[:kept] + token[kept:].rstrip(_SPACES), text[place:]


def _escaped(text: str, special: str) -> str:
    return re.sub(f"([{re.escape(special)}])", r"\\\1", text)
