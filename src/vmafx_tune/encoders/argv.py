"""ffmpeg's arguments for an encode, built with ffmpeg-python; nothing here runs anything.

The command that runs and the command that users read differ only in the output's name, in what
ffmpeg reports meanwhile, and in what it refuses to read, so both write the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from vmafx_tune.encoders.colours import colour_filters, colour_labels, is_full_range
from vmafx_tune.encoders.extra_args import is_dictionary, join_filters, join_parameters
from vmafx_tune.encoders.knob import Knob
from vmafx_tune.media.ffmpeg import (
    file_url,
    input_guard,
    input_options,
    node_name,
    plain_names,
    source_filters,
    stream_specifier,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.model import EncodeSpec, Source

__all__ = [
    "argument_trial_command",
    "encode_arguments",
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
    spec: EncodeSpec, row: EncoderRow, ffmpeg: Path, parts: Sequence[str]
) -> tuple[str, ...]:
    """Build the command that joins the encodes of a clip's chunks, without a change to a packet.

    The list of the files stands in the command itself.

    Args:
        spec: The encode of the whole clip.
        row: `spec.encoder`'s row.
        ffmpeg: The program.
        parts: Names of the chunks' encodes, in order, as their own commands end with them.
    """
    files = (f"file {_listed(part.removeprefix('file:'))}" for part in parts)
    script = "\n".join(("data:,ffconcat version 1.0", *files))
    # Else ffmpeg adds the encoder's headers to H.264's keyframes.
    reader = ("-f", "concat", "-safe", "0", "-auto_convert", "0")
    inputs = ("-protocol_whitelist", "data,file", "-i", script)
    tag = () if row.codec.mp4_tag is None else ("-tag:v", row.codec.mp4_tag)
    output = ("-c", "copy", *tag, "-map_metadata", "-1", _safe_name(output_name(spec, row)))
    return (str(ffmpeg), *_GLOBAL, *_OVERWRITE, *reader, *inputs, *output)


def output_name(spec: EncodeSpec, row: EncoderRow) -> str:
    """Name an encode after its source, encoder and quality: `clip.libx264.crf23.mp4`.

    That of an excerpt names its frames too: `clip.libx264.crf23.frames0-249.mp4`. Of a long name
    as much is kept as file systems take, with a digest that tells it from others.
    """
    size = f".{spec.size}" if spec.size else ""
    quality = f"{row.knob.label}{Knob.text(spec.quality)}"
    frames = ""
    if (part := spec.source.excerpt) is not None:
        frames = f".frames{part.first_frame}-{part.first_frame + part.n_frames - 1}"
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
    if row.codec.mp4_tag is not None:
        options["tag:v"] = row.codec.mp4_tag
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
    return ("-v", "level+verbose" if row.kind.is_hardware else "level+info")


def _listed(name: str) -> str:
    """Write a file's name as ffmpeg's lists of files take it, without a need for quotes."""
    return "file:" + re.sub(r"([\s'\\])", r"\\\1", name)


def _safe_name(name: str) -> str:
    return f"file:{name}" if ":" in name or name.startswith("-") else name
