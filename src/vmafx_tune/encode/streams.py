"""Which streams of a source its encode is delivered with, and in what form. Pure."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.results.encode import DroppedStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.media.streams import Stream

__all__ = [
    "CONTAINERS",
    "COPY",
    "TEXT_SUBTITLES",
    "AudioForm",
    "Container",
    "Part",
    "StreamPlan",
    "audio_form",
    "check_bitrate",
    "checked_subtitles",
    "container_of",
    "encoded_audio",
    "plan_streams",
]

COPY = "copy"


@frozen
class Container:
    """A container that encodes are delivered in.

    Attributes:
        name: As people call it.
        muxer: ffmpeg's name of it.
        text: ffmpeg's encoder for text subtitles that it cannot hold as they are.
        attachments: Whether it has attached files.
        covers: Whether it has cover pictures.
        tracks: Whether time code and chapters are tracks of their own, which its muxer writes.
        codecs: Formats of video that encoders here write and it holds.
        audio: Likewise of audio.
        options: Of its muxer.
    """

    name: str
    muxer: str
    text: str
    codecs: frozenset[str] = frozenset({"h264", "hevc", "av1", "vp9", "vvc"})
    audio: frozenset[str] = frozenset({"aac", "flac", "opus"})
    attachments: bool = False
    covers: bool = False
    tracks: bool = False
    options: tuple[str, ...] = ()


# The index goes to the front, so that the file plays before all of it is there.
_INDEX_FIRST = ("-movflags", "+faststart")
_MATROSKA = Container("Matroska", "matroska", "subrip", attachments=True, covers=True)
_MP4 = Container("MP4", "mp4", "mov_text", covers=True, tracks=True, options=_INDEX_FIRST)
_MOV = Container(
    "QuickTime", "mov", "mov_text", audio=frozenset({"aac"}), tracks=True, options=_INDEX_FIRST
)
_WEBM = Container("WebM", "webm", "webvtt", frozenset({"av1", "vp9"}), frozenset({"opus"}))

CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {".mkv": _MATROSKA, ".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".webm": _WEBM}
)
"""Containers by the suffix of their files."""

TEXT_SUBTITLES = frozenset(
    {"ass", "microdvd", "mov_text", "sami", "srt", "ssa", "subrip", "subviewer", "text", "ttml",
     "webvtt"}
)  # fmt: skip
"""Codecs of subtitles that are text, by ffmpeg's names."""

_STYLED = frozenset({"ass", "ssa"})
_AUDIO_ENCODERS = MappingProxyType({"aac": "aac", "flac": "flac", "opus": "libopus"})
# Transparent to most ears, for each channel.
_KBPS_PER_CHANNEL = MappingProxyType({"aac": 80, "opus": 64})
# What libopus takes for each channel, of which our filter leaves it eight.
_MOST_OPUS_KBPS, _MOST_OPUS_CHANNELS = 256, 8
_AUDIO = re.compile(r"(?P<codec>aac|flac|opus)(?::(?P<kbps>[1-9][0-9]{0,3}))?")


@frozen
class AudioForm:
    """What becomes of audio.

    Attributes:
        codec: `copy`, `none`, or a codec to encode it with.
        kbps: Bitrate of each stream; None for one that follows from its channels.
    """

    codec: str
    kbps: int | None = None


def audio_form(text: str) -> AudioForm:
    """Read what `--audio` says.

    Raises:
        UsageError: It is not one of `copy`, `none`, and a codec with or without a bitrate.
    """
    if text in {COPY, "none"}:
        return AudioForm(text)
    match = _AUDIO.fullmatch(text)
    if match is None or (match["codec"] == "flac" and match["kbps"]):
        raise UsageError(
            f"--audio '{text}' is not valid. Use copy, none, opus:128 or aac:160 (kb/s), or flac."
        )
    return AudioForm(match["codec"], None if match["kbps"] is None else int(match["kbps"]))


def checked_subtitles(text: str) -> str:
    """Check what `--subtitles` says.

    Raises:
        UsageError: It is neither `copy` nor `none`.
    """
    if text not in {COPY, "none"}:
        raise UsageError(f"--subtitles '{text}' is not valid. Use copy or none.")
    return text


def container_of(path: Path) -> Container:
    """Find the container of an output by the suffix of its name.

    Raises:
        UsageError: It has none, or that of none.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise UsageError(
            f"The output '{path}' does not end in {', '.join(list(CONTAINERS)[:-1])} or "
            f"{list(CONTAINERS)[-1]}, which say what container to write. Rename it."
        )
    return container


@frozen
class Part:
    """A stream of the output.

    Attributes:
        stream: What it is made of.
        codec: `copy`, or ffmpeg's encoder for it; None for the video that was encoded.
        options: Of the encoder.
    """

    stream: Stream
    codec: str | None
    options: tuple[tuple[str, str], ...] = ()


@frozen
class StreamPlan:
    """What an output is made of.

    Attributes:
        parts: Its streams, in the order of the source's.
        attached: Cover pictures, and attachments that ffmpeg does not list: files to attach, which
            come after all other streams.
        dropped: What is left out.
    """

    parts: tuple[Part, ...]
    attached: tuple[Stream, ...]
    dropped: tuple[DroppedStream, ...]

    @property
    def changes(self) -> Iterator[str]:
        """Say which subtitles lose their styles."""
        for part in self.parts:
            if part.stream.codec in _STYLED and part.codec not in {COPY, None}:
                yield (
                    f"The subtitle stream {part.stream.index} loses its styles: it is converted "
                    f"from {part.stream.codec} to {part.codec}."
                )

    @property
    def streams(self) -> Iterator[Stream]:
        """The streams of the source that the output has in one form or another."""
        yield from (part.stream for part in self.parts)
        yield from self.attached


def plan_streams(
    streams: Sequence[Stream],
    encoded: int,
    container: Container,
    *,
    audio: AudioForm,
    subtitles: str,
    chapters: bool,
    fits: Callable[[Sequence[Part]], bool],
) -> StreamPlan:
    """Choose the streams of an output: all that its container can hold, as they are if it can.

    Args:
        streams: The source's.
        encoded: Index of the one that is encoded.
        container: What they go into.
        audio: What becomes of audio.
        subtitles: `copy` or `none`.
        chapters: Whether the source has chapters.
        fits: Tries whether the container takes streams in a form.

    Returns:
        The plan; whatever it drops has its reason.

    Raises:
        UsageError: A codec does not take the bitrate.
    """
    refusals = {
        stream.index: reason
        for stream in streams
        if stream.index != encoded
        and (reason := _refusal(stream, container, audio, subtitles, chapters=chapters))
    }
    wanted = [
        stream
        for stream in streams
        if stream.index not in refusals and not _is_made_anew(stream, container, chapters=chapters)
    ]
    attached = tuple(
        stream
        for stream in wanted
        if (stream.is_cover and container.attachments) or stream.place is not None
    )
    muxed = [stream for stream in wanted if stream not in attached]
    forms = {s.index: _forms(s, container, audio) for s in muxed if s.index != encoded}
    chosen = _choose(forms, fits)
    for stream in muxed:
        if stream.index != encoded and chosen[stream.index] is None:
            refusals[stream.index] = _misfit(stream, container, audio)
    parts = [
        Part(stream, None) if stream.index == encoded else chosen[stream.index] for stream in muxed
    ]
    return StreamPlan(
        tuple(part for part in parts if part is not None),
        attached,
        tuple(
            DroppedStream(stream.index, stream.kind, stream.codec, refusals[stream.index])
            for stream in streams
            if stream.index in refusals
        ),
    )


def _choose(
    forms: Mapping[int, Sequence[Part]], fits: Callable[[Sequence[Part]], bool]
) -> dict[int, Part | None]:
    """Find for each stream the first form that fits: mostly the first of all of them."""
    best = {index: choices[0] for index, choices in forms.items()}
    if not best or fits(list(best.values())):
        return dict(best)
    return {
        index: next((part for part in choices if fits([part])), None)
        for index, choices in forms.items()
    }


def _refusal(
    stream: Stream, container: Container, audio: AudioForm, subtitles: str, *, chapters: bool
) -> str | None:
    """Say why a stream is left out, where that needs no trial; None for one that may be kept."""
    if stream.kind == "audio" and audio.codec == "none":
        return "--audio none leaves it out."
    if stream.kind == "audio" and audio.codec not in {COPY, *container.audio}:
        return f"{container.name} cannot hold {audio.codec} audio."
    if stream.kind == "subtitle" and subtitles == "none":
        return "--subtitles none leaves it out."
    if stream.kind == "attachment" and not container.attachments:
        return f"{container.name} has no attachments."
    if stream.is_cover and not container.covers:
        return f"{container.name} has no cover pictures."
    if stream.kind == "data" and not stream.codec:
        if "timecode" in stream.tags:
            return None if container.tracks else "Its time code is kept as a tag."
        if chapters:
            return None if container.tracks else "Its titles are kept as chapters."
    return None


def _is_made_anew(stream: Stream, container: Container, *, chapters: bool) -> bool:
    """Tell a track of time code or of chapters, which the muxer writes itself."""
    unknown = stream.kind == "data" and not stream.codec
    return unknown and container.tracks and ("timecode" in stream.tags or chapters)


def _forms(stream: Stream, container: Container, audio: AudioForm) -> list[Part]:
    """List the forms that a stream may have in the output, the best first."""
    if stream.kind == "audio" and audio.codec != COPY:
        check_bitrate(stream, audio)
        return [encoded_audio(stream, audio)]
    if stream.kind == "subtitle" and stream.codec in TEXT_SUBTITLES:
        copied, converted = Part(stream, COPY), Part(stream, container.text)
        same = stream.codec == container.text
        return [copied] if same else [copied, converted]
    return [Part(stream, COPY)]


def check_bitrate(stream: Stream, audio: AudioForm) -> None:
    """Make sure that a codec takes the bitrate that is asked for.

    Raises:
        UsageError: It does not, for as many channels as there are.
    """
    most_kbps = _MOST_OPUS_KBPS * min(stream.channels, _MOST_OPUS_CHANNELS)
    if audio.codec == "opus" and stream.channels and (audio.kbps or 0) > most_kbps:
        raise UsageError(
            f"--audio opus:{audio.kbps} is not valid: the audio stream {stream.index} has "
            f"{counted(stream.channels, 'channel')}, for which Opus takes at most {most_kbps} kb/s."
        )


def encoded_audio(stream: Stream, audio: AudioForm) -> Part:
    """Choose encoder and options for an audio stream.

    Args:
        stream: What is encoded.
        audio: A codec, with or without a bitrate.
    """
    kbps = audio.kbps or _KBPS_PER_CHANNEL.get(audio.codec, 0) * max(1, stream.channels)
    options: tuple[tuple[str, str], ...] = (("b", f"{kbps}k"),) if kbps else ()
    if audio.codec == "opus" and stream.channels > 2:
        # libopus takes the layouts of Vorbis only, and not 5.1(side).
        options += (("filter", "aformat=channel_layouts=7.1|6.1|5.1|5.0|quad|3.0|stereo"),)
    if audio.codec == "flac":
        # Else ffmpeg gives all frames the length of the first one, which an edit may have cut
        # to 16 samples: fifteen times the size.
        options += (("filter", "asetnsamples=n=4096:p=0"),)
    return Part(stream, _AUDIO_ENCODERS[audio.codec], options)


def _misfit(stream: Stream, container: Container, audio: AudioForm) -> str:
    """Say why a stream is left out that no form of it fits."""
    if stream.codec and stream.kind == "audio" and audio.codec != COPY:
        return f"ffmpeg cannot convert its {stream.codec} audio to {audio.codec}."
    if stream.codec:
        return f"{container.name} cannot hold {stream.codec} {stream.kind}."
    if stream.kind == "data":
        return f"{container.name} cannot hold this kind of data."
    return f"ffmpeg does not know its codec, or how to put it into {container.name}."
