"""The files that a user's arguments and filters read, told by the options that name them.

Whether a value happens to be the name of a file says nothing: `aq-mode=1` is a number, whatever
lies in the working directory. Files that an option writes are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.encoders.extra_args import output_options
from vmafx_tune.files import is_file
from vmafx_tune.media.filter_chain import take_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["filter_files", "named_files"]

# What each filter reads, by `ffmpeg -h filter=NAME`.
_FILTERS = {
    "amovie": ("filename",),
    "ass": ("filename", "f"),
    "cellauto": ("filename", "f"),
    "cover_rect": ("cover",),
    "curves": ("psfile",),
    "derain": ("model",),
    "dnn_classify": ("model", "labels"),
    "dnn_detect": ("model", "labels"),
    "dnn_processing": ("model",),
    "drawtext": ("fontfile", "textfile"),
    "fieldhint": ("hint",),
    "find_rect": ("object",),
    "fsync": ("file", "f"),
    "lensfun": ("db_path",),
    "libplacebo": ("custom_shader_path", "lut"),
    "life": ("filename", "f"),
    "lut1d": ("file",),
    "lut3d": ("file",),
    "movie": ("filename",),
    "nnedi": ("weights",),
    "openclsrc": ("source",),
    "program_opencl": ("source",),
    "qrencode": ("textfile",),
    "removelogo": ("filename", "f"),
    "selectivecolor": ("psfile",),
    "sendcmd": ("filename", "f"),
    "sr": ("model",),
    "subtitles": ("filename", "f"),
    "vidstabtransform": ("input",),
    "xfade_opencl": ("source",),
}
# The others take the first of these as their first option, which may then go without its name.
_NAMED_ONLY = frozenset(
    {
        "curves",
        "libplacebo",
        "qrencode",
        "selectivecolor",
        "sendcmd",
        "sr",
        "derain",
        "xfade_opencl",
    }
    | {"dnn_classify", "dnn_detect", "dnn_processing", "lensfun"}
)
_DEFAULTS = {"nnedi": "nnedi3_weights.bin", "vidstabtransform": "transforms.trf"}

# What the encoders' own parameters read, by the encoders' sources.
_PARAMETERS = {
    "aom-params": {
        "film-grain-table", "partition-info-path", "rate-distribution-info", "second-pass-log",
        "two-pass-input", "vmaf-model-path",
    },
    "svtav1-params": {"fgs-table", "qpfile", "roi-map-file", "stats"},
    "vvenc-params": {"rcstatsfile", "statsfile"},
    "x264-params": {"cqm", "cqmfile", "opencl-clbin", "qpfile", "stats"},
    "x264opts": {"cqm", "cqmfile", "opencl-clbin", "qpfile", "stats"},
    "x265-params": {
        "analysis-load", "analysis-reuse-file", "aom-film-grain", "dhdr10-info",
        "dolby-vision-rpu", "film-grain", "lambda-file", "nalu-file", "qpfile", "scaling-list",
        "stats", "zonefile",
    },
}  # fmt: skip
# Of options that take a built-in thing or a file.
_BUILT_IN = {"cqm": {"flat", "jvt"}, "scaling-list": {"default", "off"}}
_CHAINS = frozenset({"vf", "filter", "filter_complex", "lavfi"})

_KEY = re.compile(r"\s*(?P<key>[\w-]+)\s*=(?P<value>.*)", re.DOTALL)


def named_files(args: Sequence[str]) -> list[Path]:
    """Find the files that ffmpeg output arguments read, such as a look-up table.

    Args:
        args: What the user gives for the encoder.

    Returns:
        Those that exist, as they are named.
    """
    return _existing(_in_arguments(args))


def filter_files(chain: str) -> list[Path]:
    """Find the files that a filter chain reads, such as a look-up table or subtitles.

    Args:
        chain: In ffmpeg's syntax: `crop=640:352,lut3d=file=look.cube`.

    Returns:
        Those that exist, as they are named.
    """
    return _existing(_in_filters(chain))


def _existing(names: Iterable[str]) -> list[Path]:
    paths = (Path(name.removeprefix("file:")) for name in names if name)
    return [path for path in paths if is_file(path)]


def _in_arguments(args: Sequence[str]) -> Iterator[str]:
    for option in output_options(args):
        value = option.value or ""
        if option.name in _CHAINS:
            yield from _in_filters(value)
        for key, name in _pairs(value) if option.name in _PARAMETERS else ():
            if key in _PARAMETERS[option.name] and name not in _BUILT_IN.get(key, ()):
                yield name


def _in_filters(chain: str) -> Iterator[str]:
    for step in _split(chain, "[],;"):
        name, _, options = step.partition("=")
        kind = name.partition("@")[0].strip()
        if kind in _FILTERS:
            found = [value for key, value in _pairs(options, _first(kind)) if key in _FILTERS[kind]]
            yield from found or [_DEFAULTS.get(kind, "")]


def _first(kind: str) -> str:
    return "" if kind in _NAMED_ONLY else _FILTERS[kind][0]


def _pairs(options: str, first: str = "") -> Iterator[tuple[str, str]]:
    """Split options into names and values; the first one has the name `first` if it has none."""
    for index, option in enumerate(_split(options, ":")):
        if match := _KEY.fullmatch(option):
            yield match["key"], match["value"]
        elif index == 0:
            yield first, option


def _split(text: str, separators: str) -> Iterator[str]:
    """Split text where ffmpeg does, and take one level of quotes and backslashes away."""
    while text:
        token, text = take_token(text, separators)
        yield token
        text = text[1:]
