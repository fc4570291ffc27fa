"""Further ffmpeg arguments that the user gives, and how they go together with ours.

They may change how the encoder works, and nothing else: frames and their times are those that the
encode is compared with. ffmpeg takes the last of two equal options, so the user's come last and
win. Where that would drop something of ours without a word (the scaling of a rendition, a
fractional quality), both are kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

__all__ = [
    "HARMLESS",
    "RATE_KEYS",
    "OutputOption",
    "caps_among",
    "check_extra_args",
    "check_gop_args",
    "find_value",
    "has_filters",
    "is_dictionary",
    "join_filters",
    "join_parameters",
    "output_options",
    "touched",
]


# What an option changes that is not up to encoder arguments.
_ENCODER = "chooses the encoder, which is what --codec does"
_PICTURE = (
    "changes the encode but not the reference. Filter both with --filter, --crop, --deinterlace or "
    "--depth"
)
_TIME = (
    "changes which frames are encoded or their timestamps, but frames are compared one by one. "
    "Prepare the source first"
)
_STREAMS = "applies to other streams or the container, but only the video is encoded and measured"
_FILES = "adds another input or output, but an encode is one file"
_PROGRAM = "is an option of ffmpeg itself, not of the encoder"
_RATE = (
    "sets a quality or bitrate, which is what the search varies. Narrow the search with --crf-lo "
    "and --crf-hi, or limit the bitrate with --max-bitrate"
)

_NAMES = {
    _ENCODER: "c codec vcodec",
    _PICTURE: (
        "vf filter filter_complex filter_complex_script filter_script lavfi s aspect autorotate "
        "noautorotate autoscale noautoscale apply_cropping display_rotation display_hflip "
        "display_vflip reinit_filter drop_changed bsf vbsf auto_conversion_filters "
        "noauto_conversion_filters canvas_size"
    ),
    _TIME: (
        "r fpsmax fps_mode vsync force_fps t to ss sseof fs frames vframes shortest "
        "shortest_buf_duration itsoffset itsscale isync copyts copytb start_at_zero time_base "
        "enc_time_base frame_drop_threshold re readrate readrate_initial_burst readrate_catchup "
        "stream_loop seek_timestamp accurate_seek noaccurate_seek muxdelay muxpreload "
        "dts_delta_threshold dts_error_threshold"
    ),
    _STREAMS: (
        "map map_metadata map_chapters vn attach dump_attachment program stream_group streamid "
        "disposition discard copyinkf copypriorss ignore_unknown copy_unknown recast_media target "
        "timestamp timecode fix_sub_duration fix_sub_duration_heartbeat find_stream_info "
        "acodec ab ac ar aq af aframes apad atag sample_fmt channel_layout ch_layout "
        "guess_layout_max apre scodec stag spre dcodec dframes"
    ),
    _FILES: (
        "i f y n pre vpre fpre vstats vstats_file vstats_version sdp_file passlogfile "
        "print_graphs print_graphs_file print_graphs_format stats_enc_pre stats_enc_post "
        "stats_mux_pre stats_enc_pre_fmt stats_enc_post_fmt stats_mux_pre_fmt"
    ),
    _PROGRAM: (
        "v loglevel report progress stats nostats stats_period hide_banner stdin nostdin benchmark "
        "benchmark_all timelimit dump hex debug_ts max_alloc cpuflags cpucount xerror abort_on "
        "max_error_rate filter_threads filter_complex_threads filter_buffered_frames "
        "thread_queue_size hwaccel hwaccel_device hwaccel_output_format vaapi_device qsv_device "
        "init_hw_device filter_hw_device"
    ),
    _RATE: (
        "b q qscale pass rc_override qp cqp qp_i qp_p qp_b crf cq global_quality quality_level "
        "qvbr_quality_level rc rc_mode lossless"
    ),
}
_TOUCHED = {name: change for change, names in _NAMES.items() for name in names.split()}

RATE_KEYS = frozenset(
    {"qp", "qp_constant", "crf", "cq-level", "bitrate", "tbr", "target-bitrate", "targetbitrate"}
    | {"rc", "end-usage", "pass", "passes", "lossless", "costmode"}
)
"""Keys of encoders' own parameters (`-x264-params qp=20`) that set a quality or bitrate."""

HARMLESS = frozenset(
    {"an", "sn", "dn", "bitexact", "metadata", "tag", "vtag", "profile", "force_key_frames"}
    | {"pix_fmt", "bits_per_raw_sample", "mastering_display", "content_light"}
    | {"intra_matrix", "inter_matrix", "chroma_intra_matrix"}
    | {"max_muxing_queue_size", "muxing_queue_data_threshold"}
)
"""ffmpeg's own output options that encoder arguments may hold, without dash."""

# Those of the harmless ones that take no value; every option of an encoder takes one.
_FLAGS = frozenset({"an", "sn", "dn", "bitexact"})
# They say what frames are, and leave every sample as it is or convert it as `-pix_fmt` does.
_LABELLING = frozenset({"format", "null", "copy", "setparams", "setrange", "setfield"})
# NVENC's lossless mode is one of its presets and tunings.
_MODES = frozenset({"preset", "tune"})
_FILTER = re.compile(r"(?:\[[^\]]*\])*\s*(\w+)")
_OPTION = re.compile(r"-(?P<name>[A-Za-z?][\w-]*)(?::(?P<stream>[\w:]*))?")


@frozen
class OutputOption:
    """One option among ffmpeg's arguments.

    Attributes:
        index: Its place among them.
        text: As it was written: `-b:v`.
        name: Without dash and stream specifier: `b`; empty for what is no option at all, and so
            names another output.
        stream: The stream specifier; empty for none.
        value: What follows it; None for a flag, or where nothing does.
    """

    index: int
    text: str
    name: str
    stream: str = ""
    value: str | None = None

    @property
    def is_incomplete(self) -> bool:
        """Whether it lacks its value."""
        return bool(self.name) and self.value is None and self.name not in _FLAGS


def output_options(args: Sequence[str]) -> Iterator[OutputOption]:
    """Read arguments as ffmpeg does: all options but flags take the next one for their value."""
    index = 0
    while index < len(args):
        text = args[index]
        match = _OPTION.fullmatch(text)
        if match is None:
            yield OutputOption(index, text, "")
            index += 1
            continue
        name = match["name"]
        takes_value = name not in _FLAGS and index + 1 < len(args)
        value = args[index + 1] if takes_value else None
        yield OutputOption(index, text, name, match["stream"] or "", value)
        index += 2 if takes_value else 1


def touched(option: OutputOption) -> str | None:
    """Say, as a clause, what an option changes that encoder arguments may not; None for nothing."""
    if not option.name:
        return _FILES
    if option.stream[:1] in {"a", "s", "d", "t"}:
        return _STREAMS
    change = _TOUCHED.get(option.name)
    if option.name in _MODES and "lossless" in (option.value or ""):
        return _RATE
    if change == _PICTURE and option.name in {"vf", "filter"} and _only_labels(option.value):
        return None
    return change


def _only_labels(chain: str | None) -> bool:
    """Tell whether all filters of a chain leave the pictures' content alone."""
    steps = re.split(r"(?<!\\)[,;]", chain or "")
    names = [match[1] if (match := _FILTER.match(step.strip())) else "" for step in steps]
    return all(name in _LABELLING for name in names)


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
        change = touched(option)
        if change == _ENCODER:
            raise UsageError(f"the encoder is chosen with --codec, so leave {option.text} out.")
        if change is not None:
            raise UsageError(f"{option.text} {change}. Leave it out of the encoder arguments.")
        if option.is_incomplete:
            raise UsageError(f"{option.text} has no value in the encoder arguments. Add one.")
        if is_dictionary(option.name):
            _check_keys(option.text, _keys(option.value or ""), reserved)


def _check_keys(option: str, keys: set[str], reserved: Collection[str]) -> None:
    if taken := keys & set(reserved):
        raise UsageError(_searched_for(min(taken)))
    if taken := keys & RATE_KEYS:
        raise UsageError(
            f"{min(taken)} in {option} {_RATE}. Leave it out of the encoder arguments."
        )


def _searched_for(name: str) -> str:
    return (
        f"{name} is what the search varies, so leave it out of the encoder arguments; "
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
        ours |= _keys(value) if is_dictionary(name) else {name} - _SHARED_OPTIONS
    for option in output_options(args):
        given = _keys(option.value or "") if is_dictionary(option.name) else {option.name}
        if taken := given & ours:
            raise UsageError(
                f"{min(taken)} moves keyframes, which --gop sets. Leave it out of the encoder "
                "arguments, and set the GOP length with --gop."
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
