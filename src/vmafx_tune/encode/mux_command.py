"""ffmpeg's arguments that put an encode beside the other streams of its source. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.media.inputs import file_url, input_arguments, input_guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.encode.streams import Container, Part, StreamPlan
    from vmafx_tune.media.streams import Stream
    from vmafx_tune.model import Source

__all__ = ["COVER_TYPES", "mux_command", "trial_command"]

_PROGRAM = ("-hide_banner", "-nostdin", "-y", "-v", "level+info")
_PROGRESS = ("-nostats", "-progress", "pipe:1")
# Enough of a source for each of its streams to begin.
_TRIAL_S = "1"

COVER_TYPES = {
    "bmp": "image/bmp", "gif": "image/gif", "mjpeg": "image/jpeg", "png": "image/png",
    "tiff": "image/tiff", "webp": "image/webp",
}  # fmt: skip
"""Media types of cover pictures, by codec."""

_UNKNOWN_TYPE = "application/octet-stream"
# What a container or a muxer says of how it holds a stream, which is not true of another.
_TECHNICAL = frozenset(
    {"compatible_brands", "creation_time", "encoder", "encoder_settings", "handler_name",
     "language", "major_brand", "minor_version", "name", "rotate", "source_id", "timecode",
     "title", "vendor_id"}
)  # fmt: skip
# Of mkvmerge, with or without a language behind: `BPS-eng`.
_STATISTICS = ("bps", "duration", "number_of_", "_statistics_")
_BRANDS = ("major_brand", "minor_version", "compatible_brands", "encoder")


def trial_command(
    ffmpeg: Path, source: Path, container: Container, parts: Sequence[Part], output: Path
) -> tuple[str, ...]:
    """Build a command that writes the beginning of streams to a container.

    Args:
        ffmpeg: The program.
        source: What they are streams of.
        container: What is tried.
        parts: The streams, and their forms.
        output: The file to write.
    """
    inputs = ("-t", _TRIAL_S, *_guarded(source))
    streams = [word for i, part in enumerate(parts) for word in _stream(i, part, source_input=0)]
    return (
        *(str(ffmpeg), *_PROGRAM, *inputs, *streams),
        *("-map_chapters", "-1", "-f", container.muxer, file_url(output)),
    )


def mux_command(
    ffmpeg: Path,
    encoded: Path,
    source: Source,
    container: Container,
    plan: StreamPlan,
    output: Path,
    *,
    encoded_offset_s: float,
    source_offset_s: float,
    attached: Sequence[Path] = (),
    tags: Mapping[str, str],
    timecode: str | None,
    settings: str | None,
) -> tuple[str, ...]:
    """Build the command that writes an output, without a change to a packet of the encode.

    Args:
        ffmpeg: The program.
        encoded: The encode, whose first stream is the video.
        source: Where the other streams come from.
        container: What to write.
        plan: Which streams.
        output: The file to write.
        encoded_offset_s: What is added to the times of the encode.
        source_offset_s: What is added to those of the source.
        attached: The files that the plan attaches.
        tags: Of the source itself; names in lower case.
        timecode: Of the first frame; None where the source has none.
        settings: How the video was encoded, for a tag; None for no such tag.
    """
    words = [str(ffmpeg), *_PROGRAM, *_PROGRESS, "-copyts"]
    words += ["-itsoffset", f"{encoded_offset_s:.6f}", *_guarded(encoded)]
    words += ["-itsoffset", f"{source_offset_s:.6f}", *input_arguments(source)]
    for index, part in enumerate(plan.parts):
        words += _stream(index, part, source_input=1)
        words += _disposition(index, part.stream)
        words += _tags(index, part)
    for index, (stream, file) in enumerate(
        zip(plan.attached, attached, strict=True), start=len(plan.parts)
    ):
        words += ["-attach", file_url(file), *_attached_tags(index, stream)]
    words += ["-map_metadata", "1", "-map_chapters", "1"]
    if timecode is not None:
        words += ["-metadata", f"timecode={timecode}"]
    words += [word for name in _BRANDS for word in ("-metadata", f"{name}=")]
    if settings is not None:
        words += _settings(container, plan, tags, settings)
    return (*words, *container.options, "-f", container.muxer, file_url(output))


def _guarded(path: Path) -> tuple[str, ...]:
    guard = [word for name, value in input_guard().items() for word in (f"-{name}", value)]
    return (*guard, "-i", file_url(path))


def _stream(index: int, part: Part, *, source_input: int) -> Iterator[str]:
    """Choose a stream of an input, and what becomes of it."""
    encoded = part.codec is None
    yield from ("-map", "0:v:0" if encoded else f"{source_input}:{part.stream.index}")
    yield from (f"-c:{index}", part.codec or "copy")
    for name, value in part.options:
        yield from (f"-{name}:{index}", value)


def _disposition(index: int, stream: Stream) -> Iterator[str]:
    # Else ffmpeg makes the first stream of each kind the default one, and takes the encode's flags
    # for those of the source.
    if stream.kind != "attachment":
        yield from (f"-disposition:{index}", "+".join(stream.dispositions) or "0")


def _tags(index: int, part: Part) -> Iterator[str]:
    stream = part.stream
    told: dict[str, str] = {}
    if part.codec is None:
        told = {
            name: value
            for name, value in stream.tags.items()
            if name not in _TECHNICAL and not name.startswith(_STATISTICS)
        }
        told |= {"handler_name": "", "vendor_id": ""}
        told |= {"language": stream.language or "und"}
    elif part.codec != "copy":
        # Statistics of what it was before.
        told = dict.fromkeys((name for name in stream.tags if name.startswith(_STATISTICS)), "")
    if stream.title:
        told["title"] = stream.title
    for name, value in told.items():
        yield from (f"-metadata:s:{index}", f"{name}={value}")


def _attached_tags(index: int, stream: Stream) -> Iterator[str]:
    """Name an attached file and its type, both of which Matroska's muxer asks for."""
    mimetype = stream.tags.get("mimetype") or COVER_TYPES.get(stream.codec, _UNKNOWN_TYPE)
    suffix = mimetype.rpartition("/")[2].replace("jpeg", "jpg")
    usual = f"cover.{suffix}" if stream.is_cover else f"attachment-{stream.index}"
    yield from (f"-metadata:s:{index}", f"mimetype={mimetype}")
    yield from (f"-metadata:s:{index}", f"filename={stream.tags.get('filename') or usual}")


def _settings(
    container: Container, plan: StreamPlan, tags: Mapping[str, str], settings: str
) -> Iterator[str]:
    """Write how the video was encoded where each container has a place for it."""
    if container.muxer == "mp4":
        yield from ("-metadata", f"encoding_tool={settings}")
    elif container.muxer == "mov":
        if "comment" not in tags:
            yield from ("-metadata", f"comment={settings}")
    else:
        video = next(i for i, part in enumerate(plan.parts) if part.codec is None)
        yield from (f"-metadata:s:{video}", f"ENCODER_SETTINGS={settings}")
