"""ffmpeg's own output options by what they touch, beside those of encoders.

An encoder's options may be anything: a trial encode says which it takes. ffmpeg's own are a closed
list (`ffmpeg -h long`), and few of them leave alone what a search relies on: the frames, their
times, the one stream, the file, and the quality, which is searched for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["HARMLESS", "RATE_KEYS", "OutputOption", "Touches", "output_options", "touched"]


class Touches(Enum):
    """What an option changes that is not up to encoder arguments."""

    ENCODER = "chooses the encoder, which is what --codec does"
    PICTURE = (
        "changes pictures of the encode, and not those that it is compared with. Filter both with "
        "--filter, --crop, --deinterlace or --depth"
    )
    TIME = (
        "changes which frames are encoded or when they are shown, and frames are compared one by "
        "one. Prepare the source first"
    )
    STREAMS = "is about other streams or about the file, and only the video is encoded and measured"
    FILES = "names another input or output, and an encode is measured as one file"
    PROGRAM = "is about ffmpeg itself and not the encoder"
    RATE = (
        "sets a quality or bitrate beside the one that is searched for. Narrow the search with "
        "--crf-lo and --crf-hi, or limit what an answer may have with --max-bitrate"
    )


_NAMES = {
    Touches.ENCODER: "c codec vcodec",
    Touches.PICTURE: (
        "vf filter filter_complex filter_complex_script filter_script lavfi s aspect autorotate "
        "noautorotate autoscale noautoscale apply_cropping display_rotation display_hflip "
        "display_vflip reinit_filter drop_changed bsf vbsf auto_conversion_filters "
        "noauto_conversion_filters canvas_size"
    ),
    Touches.TIME: (
        "r fpsmax fps_mode vsync force_fps t to ss sseof fs frames vframes shortest "
        "shortest_buf_duration itsoffset itsscale isync copyts copytb start_at_zero time_base "
        "enc_time_base frame_drop_threshold re readrate readrate_initial_burst readrate_catchup "
        "stream_loop seek_timestamp accurate_seek noaccurate_seek muxdelay muxpreload "
        "dts_delta_threshold dts_error_threshold"
    ),
    Touches.STREAMS: (
        "map map_metadata map_chapters vn attach dump_attachment program stream_group streamid "
        "disposition discard copyinkf copypriorss ignore_unknown copy_unknown recast_media target "
        "timestamp timecode fix_sub_duration fix_sub_duration_heartbeat find_stream_info "
        "acodec ab ac ar aq af aframes apad atag sample_fmt channel_layout ch_layout "
        "guess_layout_max apre scodec stag spre dcodec dframes"
    ),
    Touches.FILES: (
        "i f y n pre vpre fpre vstats vstats_file vstats_version sdp_file passlogfile "
        "print_graphs print_graphs_file print_graphs_format stats_enc_pre stats_enc_post "
        "stats_mux_pre stats_enc_pre_fmt stats_enc_post_fmt stats_mux_pre_fmt"
    ),
    Touches.PROGRAM: (
        "v loglevel report progress stats nostats stats_period hide_banner stdin nostdin benchmark "
        "benchmark_all timelimit dump hex debug_ts max_alloc cpuflags cpucount xerror abort_on "
        "max_error_rate filter_threads filter_complex_threads filter_buffered_frames "
        "thread_queue_size hwaccel hwaccel_device hwaccel_output_format vaapi_device qsv_device "
        "init_hw_device filter_hw_device"
    ),
    Touches.RATE: (
        "b q qscale pass rc_override qp cqp qp_i qp_p qp_b crf cq global_quality quality_level "
        "qvbr_quality_level rc rc_mode lossless"
    ),
}
_TOUCHES = {name: kind for kind, names in _NAMES.items() for name in names.split()}

RATE_KEYS = frozenset(
    {"qp", "qp_constant", "crf", "cq-level", "bitrate", "tbr", "target-bitrate", "targetbitrate"}
    | {"rc", "end-usage", "pass", "passes", "lossless", "costmode"}
)
"""Keys of encoders' own parameters (`-x264-params qp=20`) that are of the kind `Touches.RATE`."""

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


@dataclass(frozen=True, slots=True)
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


def touched(option: OutputOption) -> Touches | None:
    """Tell what an option changes that encoder arguments may not; None for one that is fine."""
    if not option.name:
        return Touches.FILES
    if option.stream[:1] in {"a", "s", "d", "t"}:
        return Touches.STREAMS
    kind = _TOUCHES.get(option.name)
    if option.name in _MODES and "lossless" in (option.value or ""):
        return Touches.RATE
    if kind is Touches.PICTURE and option.name in {"vf", "filter"} and _only_labels(option.value):
        return None
    return kind


def _only_labels(chain: str | None) -> bool:
    """Tell whether all filters of a chain leave the pictures' content alone."""
    steps = re.split(r"(?<!\\)[,;]", chain or "")
    names = [match[1] if (match := _FILTER.match(step.strip())) else "" for step in steps]
    return all(name in _LABELLING for name in names)
