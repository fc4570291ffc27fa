"""ffmpeg's arguments for an encode, built with ffmpeg-python; nothing here runs anything.

The command that runs and the command that users read differ only in the output's name, in what
ffmpeg reports meanwhile, and in what it refuses to read, so both write the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from vmafx_tune.colours import (
    DEFAULT_CHROMA_LOCATION,
    RGB_ENCODE_MATRIX,
    Colours,
    same_matrix,
    stated_colours,
)
from vmafx_tune.encoders.extra_args import (
    find_value,
    has_filters,
    is_dictionary,
    join_filters,
    join_parameters,
)
from vmafx_tune.errors import MediaError
from vmafx_tune.knob import Knob
from vmafx_tune.media.inputs import (
    file_url,
    input_guard,
    input_options,
    node_name,
    plain_names,
    source_filters,
    stream_specifier,
)
from vmafx_tune.media.pixel_formats import planar_depth, planar_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.model import EncodeSpec, Source

__all__ = [
    "argument_trial_command",
    "check_labels",
    "colour_filters",
    "colour_labels",
    "encode_arguments",
    "is_full_range",
    "join_command",
    "output_name",
    "run_command",
    "trial_command",
    "user_command",
]

# The most that ext4, XFS, APFS, NTFS and others take for one name.
_MAX_NAME_BYTES = 255
_GLOBAL = ("-hide_banner", "-nostdin")
_OVERWRITE = ("-y",)
_PROGRESS = ("-nostats", "-progress", "pipe:1")
_TRIAL_CLIP = "testsrc2=size=320x240:rate=25"
_TRIAL_FRAMES = 5
_TRIAL_PRESET = "ultrafast"


def user_command(spec: EncodeSpec, row: EncoderRow, ffmpeg: Path) -> tuple[str, ...]:
    """Build the command that reproduces an encode, to be read, copied and run by people.

    Args:
        spec: What to encode.
        row: `spec.encoder`'s row.
        ffmpeg: The program.

    Raises:
        UsageError: The encoder does not take the quality or the preset.
    """
    arguments = encode_arguments(spec, row, _safe_name(output_name(spec, row)))
    return (str(ffmpeg), *_GLOBAL, *_OVERWRITE, *arguments)


def run_command(spec: EncodeSpec, row: EncoderRow, ffmpeg: Path, output: Path) -> tuple[str, ...]:
    """Build the command that is run: as `user_command`, with a log and progress to parse.

    Its input is held to its own file; probing has refused any other kind before. Where the encoder
    is held to a number of threads, the source's decoder is too, which changes no byte.

    Args:
        spec: What to encode.
        row: `spec.encoder`'s row.
        ffmpeg: The program.
        output: The file to write.

    Raises:
        UsageError: The encoder does not take the quality or the preset.
    """
    guard = input_guard() | ({} if spec.threads is None else {"threads": str(spec.threads)})
    arguments = encode_arguments(spec, row, file_url(output), guard=guard)
    return (str(ffmpeg), *_GLOBAL, *_OVERWRITE, *_logging(row), *_PROGRESS, *arguments)


def trial_command(row: EncoderRow, ffmpeg: Path) -> tuple[str, ...]:
    """Build a command that encodes a few synthetic frames to nowhere, fast, at the default quality.

    The size is small, but one that hardware encoders take too.
    """
    import ffmpeg as graph

    clip = graph.input(_TRIAL_CLIP, format="lavfi", **dict(row.input_options))
    options = {
        "c:v": row.name,
        "frames:v": _TRIAL_FRAMES,
        # As MP4 asks for; x264 only tells its version along with a header.
        "flags": "+global_header",
        **row.options(row.knob.default, _TRIAL_PRESET),
    }
    *arguments, name = graph.get_args(graph.output(clip, "-", format="null"))
    return (str(ffmpeg), *_GLOBAL, *_logging(row), *arguments, *_flags(options), name)


def argument_trial_command(spec: EncodeSpec, row: EncoderRow, ffmpeg: Path) -> tuple[str, ...]:
    """Build a command that encodes a few synthetic frames with an encode's further arguments.

    They have the size, the pixel format and the rate of what would be encoded.

    Args:
        spec: The encode.
        row: `spec.encoder`'s row.
        ffmpeg: The program.

    Raises:
        UsageError: The encoder does not take an argument.
    """
    import ffmpeg as graph

    source, size = spec.source, spec.size or spec.source.resolution
    picture = f"testsrc2=size={size}:rate={source.frame_rate},format={source.pixel_format.name}"
    clip = graph.input(picture, format="lavfi", **dict(row.input_options))
    options = {
        "c:v": row.name,
        "frames:v": _TRIAL_FRAMES,
        "flags": "+global_header",
        **row.options(row.knob.default, _TRIAL_PRESET, spec.gop_frames),
    }
    options, extra_args = _with_extra_args(options, spec.extra_args)
    *arguments, name = graph.get_args(graph.output(clip, "-", format="null"))
    return (
        *(str(ffmpeg), *_GLOBAL, *_logging(row)),
        *(*arguments, *_flags(options), *extra_args, name),
    )


def encode_arguments(
    spec: EncodeSpec,
    row: EncoderRow,
    output: str,
    *,
    guard: Mapping[str, str] | None = None,
    by_name: bool = False,
) -> tuple[str, ...]:
    """Build the input and output arguments of an encode, without program and global options.

    Args:
        spec: What to encode.
        row: `spec.encoder`'s row.
        output: Name of the output, as ffmpeg takes it.
        guard: Further options of the input; None for none.
        by_name: Whether options of the output are sorted, so that their order says nothing.

    Raises:
        UsageError: The encoder does not take the quality or the preset.
    """
    import ffmpeg as graph

    described = {**(guard or {}), **input_options(spec.source), **dict(row.input_options)}
    source = graph.input(node_name(file_url(spec.source.path)), **described)
    options, extra_args = _with_extra_args(_output_options(spec, row), spec.extra_args)
    if by_name:
        options = dict(sorted(options.items()))
    stream = graph.output(source[stream_specifier(spec.source)], node_name(output), format="mp4")
    *arguments, name = plain_names(graph.get_args(stream))
    return (*arguments, *_flags(options), *extra_args, name)


def _flags(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Write options in their order, which ffmpeg-python would sort by their names."""
    return tuple(word for name, value in options.items() for word in (f"-{name}", str(value)))


def join_command(
    spec: EncodeSpec,
    row: EncoderRow,
    ffmpeg: Path,
    parts: Sequence[str],
    *,
    output: str | None = None,
) -> tuple[str, ...]:
    """Build the command that joins the encodes of a clip's chunks, without a change to a packet.

    The list of the files stands in the command itself.

    Args:
        spec: The encode of the whole clip.
        row: `spec.encoder`'s row.
        ffmpeg: The program.
        parts: Names of the chunks' encodes, in order, as their own commands end with them.
        output: What to write, as ffmpeg takes it; None for the usual name of the encode.
    """
    files = (f"file {_listed(part.removeprefix('file:'))}" for part in parts)
    script = "\n".join(("data:,ffconcat version 1.0", *files))
    # Else ffmpeg adds the encoder's headers to H.264's keyframes.
    reader = ("-f", "concat", "-safe", "0", "-auto_convert", "0")
    inputs = ("-protocol_whitelist", "data,file", "-i", script)
    tag = () if row.mp4_tag is None else ("-tag:v", row.mp4_tag)
    copied = ("-c", "copy", *tag, "-map_metadata", "-1")
    name = output or _safe_name(output_name(spec, row))
    return (str(ffmpeg), *_GLOBAL, *_OVERWRITE, *reader, *inputs, *copied, name)


def output_name(spec: EncodeSpec, row: EncoderRow) -> str:
    """Name an encode after its source, encoder and quality: `clip.libx264.crf23.mp4`.

    That of an excerpt names its frames too: `clip.libx264.crf23.frames0-249.mp4`. One that joins
    several qualities has none: `clip.libx264.per-shot.mp4`. Of a long name as much is kept as file
    systems take, with a digest that tells it from others.
    """
    size = f".{spec.size}" if spec.size else ""
    quality = f"{row.knob.label}{Knob.text(spec.quality)}"
    frames = ""
    if (part := spec.source.excerpt) is not None:
        frames = f".frames{part.first_frame}-{part.first_frame + part.n_frames - 1}"
    elif spec.joinable:
        quality = "per-shot"
    suffix = f"{size}.{row.name}.{quality}{frames}.mp4"
    return f"{_shortened(spec.source.path.stem, _MAX_NAME_BYTES - len(suffix))}{suffix}"


def _shortened(stem: str, max_bytes: int) -> str:
    data = stem.encode("utf-8", "surrogateescape")
    if len(data) <= max_bytes:
        return stem
    digest = f"~{hashlib.sha256(data).hexdigest()[:8]}"
    # No character is cut in two.
    end = max_bytes - len(digest)
    while end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    return data[:end].decode("utf-8", "surrogateescape") + digest


def _output_options(spec: EncodeSpec, row: EncoderRow) -> dict[str, Any]:
    options: dict[str, Any] = {
        "c:v": row.name,
        **row.options(
            spec.quality,
            spec.preset,
            spec.gop_frames,
            spec.threads,
            _clock(spec.source),
            first_field=row.first_field(spec),
            full_range=is_full_range(spec),
            chroma_location=row.chroma_location(spec),
            joinable=spec.joinable,
        ),
    }
    if (pix_fmt := row.pixel_format(spec)) is not None:
        options["pix_fmt"] = pix_fmt
    if filters := _filters(spec, row):
        options["vf"] = filters
    options |= colour_labels(spec)
    # Every frame once: the scorer pairs frames by index.
    options["fps_mode"] = "passthrough"
    if spec.source.ticks_per_second is not None:
        # Else times are rounded to a grid of the average rate.
        options["enc_time_base"] = f"1/{spec.source.ticks_per_second}"
    if row.mp4_tag is not None:
        options["tag:v"] = row.mp4_tag
    # Tags would add bytes, and chapters a second track.
    return options | {"map_metadata": -1, "map_chapters": -1}


def _clock(source: Source) -> dict[str, int] | None:
    ticks = source.ticks_per_second
    if ticks is None:
        return None
    nominal = max(1, min(ticks, round(source.frame_rate)))
    rate = next(rate for rate in range(nominal, 0, -1) if ticks % rate == 0)
    return {"ticks": ticks, "rate": rate}


def _filters(spec: EncodeSpec, row: EncoderRow) -> str:
    steps = [source_filters(spec.source), *colour_filters(spec, row)]
    return ",".join(step for step in steps if step)


def _with_extra_args(
    options: dict[str, Any], extra_args: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Move options of ours into the user's, where ffmpeg would otherwise drop ours."""
    kept, extra = dict(options), tuple(extra_args)
    if "vf" in kept and (joined := join_filters(extra, kept["vf"])):
        del kept["vf"]
        extra = joined
    for name in filter(is_dictionary, options):
        if joined := join_parameters(extra, name, options[name]):
            del kept[name]
            extra = joined
    return kept, extra


def _logging(row: EncoderRow) -> tuple[str, ...]:
    # Each line with its level, so that the first error is found without knowing all its wordings.
    # Drivers and their versions are told at "verbose" only, where VVenC floods stdout in turn.
    return ("-v", "level+verbose" if row.is_hardware else "level+info")


def _listed(name: str) -> str:
    """Write a file's name as ffmpeg's lists of files take it, without a need for quotes."""
    return "file:" + re.sub(r"([\s'\\])", r"\\\1", name)


def _safe_name(name: str) -> str:
    return f"file:{name}" if ":" in name or name.startswith("-") else name


_LIMITED, _FULL = "tv", "pc"
_UNKNOWN_RANGE = "unknown"
_EXACT = "accurate_rnd+full_chroma_inp"
_GREY, _FULL_CHROMA, _PLAIN_CHROMA = "400", "444", "420"
_DEPTHS = ("", "10le", "12le")
# What the options and the encoders' parameters for labels have in their names.
_LABEL_WORDS = ("color", "range", "matrix", "transfer", "chroma")


def colour_filters(spec: EncodeSpec, row: EncoderRow) -> list[str]:
    """List the filters that bring a source to the encode's size and to colours it can state.

    Planar YUV passes through ffmpeg as it is. RGB needs a matrix, and ffmpeg's own choice (BT.601,
    without a label) is not what players of HD expect. Grey it takes for full range, whatever the
    source says. So both are converted explicitly, and the encode is labelled as what it is.
    """
    layout = spec.source.pixel_format
    size = [] if spec.size is None else [f"{spec.size.width}:{spec.size.height}"]
    flags = ["lanczos"] if spec.size is not None else []
    if layout.is_rgb:
        to_yuv = f"out_color_matrix={RGB_ENCODE_MATRIX}:out_range={_LIMITED}"
        scale = ":".join([*size, f"flags={'+'.join([*(flags or ['bicubic']), _EXACT])}", to_yuv])
        return [f"scale={scale}", _one_of("yuv{}p{}", _widest(row))]
    named = [*size, *(f"flags={flag}" for flag in flags)]
    if layout.is_grey:
        kept = ":".join([*named, f"in_range={_FULL}:out_range={_FULL}"])
        # With chroma, at its own depth first: full range grows otherwise than limited range does.
        own = planar_format(_PLAIN_CHROMA, planar_depth(layout.bit_depth))
        planar = _one_of("gray{1}", "") if _GREY in row.chroma else f"format=pix_fmts={own}"
        label = f"setparams=range={spec.source.color_range or _UNKNOWN_RANGE}"
        return [f"scale={kept}", planar, label]
    if not size:
        return []
    if spec.source.color_range == _FULL:
        named.append(f"in_range={_FULL}:out_range={_FULL}")
    return [f"scale={':'.join(named)}"]


def colour_labels(spec: EncodeSpec) -> dict[str, str]:
    """Return the output options that label an encode of RGB or grey; ffmpeg labels all others."""
    layout = spec.source.pixel_format
    if layout.is_rgb:
        return {"color_range": _LIMITED, "colorspace": RGB_ENCODE_MATRIX}
    if layout.is_grey and spec.source.color_range is not None:
        return {"color_range": spec.source.color_range}
    return {}


def is_full_range(spec: EncodeSpec) -> bool:
    """Whether the encode has full range: its source has, and no argument asks for another."""
    asked = find_value(spec.extra_args, "color_range")
    if asked is not None:
        return asked in {_FULL, "jpeg", "full", "2"}
    return spec.source.color_range == _FULL and not spec.source.pixel_format.is_rgb


def check_labels(spec: EncodeSpec, row: EncoderRow, encoded: Source) -> None:
    """Refuse an encode that states other colours than its source: it would be shown as such.

    Nothing is checked where the user's own arguments may set them.

    Args:
        spec: What was encoded.
        row: `spec.encoder`'s row.
        encoded: What was written, as its decoder describes it.

    Raises:
        MediaError: It states another range, matrix, transfer function, other primaries or another
            place of the chroma samples.
    """
    asked = " ".join(spec.extra_args).lower()
    if has_filters(spec.extra_args) or any(word in asked for word in _LABEL_WORDS):
        return
    source, found = spec.source, stated_colours(encoded)
    wanted = stated_colours(source)
    if source.pixel_format.is_rgb:
        wanted = Colours(_LIMITED, RGB_ENCODE_MATRIX)
    # What states no range has limited range.
    pairs = [
        ("range", wanted.range or found.range or _LIMITED, found.range or _LIMITED),
        ("matrix", wanted.matrix, found.matrix),
        ("transfer function", source.color_transfer, encoded.color_transfer),
        ("primaries", source.color_primaries, encoded.color_primaries),
        ("chroma location", *_chroma_locations(spec, row, encoded)),
    ]
    for name, ours, theirs in pairs:
        if ours is not None and theirs is not None and not same_matrix(ours, theirs):
            raise MediaError(
                f"{spec.encoder} cannot keep the colours of '{source.path}': the source's {name} "
                f"is {ours}, but the encode has {theirs}. Choose another encoder, or convert the "
                "source first."
            )


def _chroma_locations(
    spec: EncodeSpec, row: EncoderRow, encoded: Source
) -> tuple[str | None, str | None]:
    ours = row.chroma_location(spec)
    # ffmpeg's decoder of VVC does not tell it.
    if ours not in row.chroma_locations or encoded.codec == "vvc":
        return None, None
    return ours, encoded.chroma_location or DEFAULT_CHROMA_LOCATION


def _widest(row: EncoderRow) -> str:
    return _FULL_CHROMA if _FULL_CHROMA in row.chroma else _PLAIN_CHROMA


def _one_of(pattern: str, chroma: str) -> str:
    """Let ffmpeg choose the depth that loses least of those that the encoder takes."""
    return f"format=pix_fmts={'|'.join(pattern.format(chroma, depth) for depth in _DEPTHS)}"
