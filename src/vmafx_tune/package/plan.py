"""What a packaged folder is made of: renditions of saved ladders, tracks of their source. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.encode.streams import (
    COPY,
    TEXT_SUBTITLES,
    AudioForm,
    audio_form,
    check_bitrate,
)
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.formatting import given, vmaf
from vmafx_tune.frozen import frozen
from vmafx_tune.model import Caps
from vmafx_tune.results.encode import DroppedStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from vmafx_tune.media.streams import Stream
    from vmafx_tune.model import CapFactors, Resolution
    from vmafx_tune.results.ladder import LadderResult, LadderRung

__all__ = [
    "AudioTrack",
    "Rendition",
    "TextTrack",
    "Tracks",
    "audio_forms",
    "check_ladders",
    "check_segment",
    "delivery_notes",
    "plan_renditions",
    "plan_tracks",
    "safe_name",
]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._~]+")
# Half a point is more than chunks and builds of libvmaf differ by, and less than anyone sees.
_VMAF_TOLERANCE = 0.5
# What players take as audio in fragmented MP4, on one platform or another.
_AUDIO_CODECS = frozenset({"aac", "ac3", "eac3", "flac", "mp3", "opus"})


@dataclass(frozen=True, slots=True, eq=False)
class Rendition:
    """A rung to encode for delivery.

    Attributes:
        name: What its folder is called; no other rendition has it.
        encoder: ffmpeg's encoder name.
        rung: As measured.
        chunks: Commands that encode its chunks, in order; empty for an encode of the whole source.
        command: Encodes it, or joins its chunks.
        caps: What it is held to; None leaves the bitrate to the quality knob.
        added: Arguments that its commands lack: caps that the ladder was not measured with.
    """

    name: str
    encoder: str
    rung: LadderRung
    chunks: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    caps: Caps | None
    added: tuple[str, ...] = ()

    @property
    def resolution(self) -> Resolution:
        """Size of its pictures."""
        return self.rung.resolution


@dataclass(frozen=True, slots=True, eq=False)
class AudioTrack:
    """An audio stream of the source in one form.

    Attributes:
        name: What its folder is called; no other track has it.
        group: What players choose from together: all languages in one form.
        is_default: Whether players begin with it.
    """

    stream: Stream
    form: AudioForm
    name: str
    group: str
    is_default: bool


@dataclass(frozen=True, slots=True, eq=False)
class TextTrack:
    """A text subtitle stream of the source."""

    stream: Stream
    name: str

    @property
    def forced(self) -> bool:
        """Whether it is shown even where subtitles are off."""
        return "forced" in self.stream.dispositions


@frozen
class Tracks:
    """What becomes of the source's streams beside its video."""

    audio: tuple[AudioTrack, ...]
    text: tuple[TextTrack, ...]
    dropped: tuple[DroppedStream, ...]


def safe_name(text: str) -> str:
    """Make a name that neither a URL nor a shell gives another meaning: `My clip` → `My-clip`."""
    return _NOT_IN_NAMES.sub("-", text).strip("-._~") or "rendition"


def check_ladders(ladders: Sequence[LadderResult]) -> None:
    """Make sure that ladders can share their manifests.

    Raises:
        InvalidLadderError: There are none, they are not of one source, or one has no rungs.
    """
    if not ladders:
        raise InvalidLadderError("A package needs at least one saved ladder.")
    for ladder in ladders:
        if not ladder.renditions:
            raise InvalidLadderError(f"The ladder of '{ladder.src}' has no rungs to package.")
    first = ladders[0]
    for other in ladders[1:]:
        for what, ours, theirs in _to_share(first, other):
            if ours != theirs:
                which = f"The ladders of {first.encoder} and {other.encoder}"
                if first.encoder == other.encoder:
                    which = f"Two ladders of {first.encoder}"
                raise InvalidLadderError(
                    f"{which} cannot share manifests: the {what} is {ours} in one and {theirs} in "
                    "the other. Measure both alike."
                )


def _to_share(one: LadderResult, other: LadderResult) -> Iterator[tuple[str, object, object]]:
    yield "source", str(one.src), str(other.src)
    yield "content of the source", one.source.digest, other.source.digest
    yield "number of frames", one.source.n_frames, other.source.n_frames
    yield "frame rate", one.source.frame_rate, other.source.frame_rate
    yield "filter", one.filter or "none", other.filter or "none"
    yield "length of GOPs", one.gop_frames, other.gop_frames
    yield "VMAF model", one.model, other.model
    yield "pooling", one.pool, other.pool
    yield "display size", one.display, other.display


def check_segment(segment_s: float, gop_frames: int, frame_rate: Fraction) -> None:
    """Make sure that segments are not shorter than what they are made of.

    Raises:
        UsageError: They are, or make no sense.
    """
    if not (math.isfinite(segment_s) and segment_s > 0):
        raise UsageError(f"--segment {given(segment_s)} is not a valid duration. Use more than 0.")
    gop_s = float(gop_frames / frame_rate)
    # 29.97 frames per second make 2.002 s of what was asked for as 2.
    if segment_s < gop_s * 0.99:
        raise UsageError(
            f"--segment {given(segment_s)} is shorter than the GOPs of the ladder, {gop_s:.4g} s: "
            "a segment begins with a keyframe. Use a longer segment, or measure the ladder with a "
            "shorter --gop."
        )


def plan_renditions(
    ladders: Sequence[LadderResult], factors: CapFactors | None = None
) -> tuple[Rendition, ...]:
    """List what is to be encoded, ladder by ladder, by ascending bitrate.

    Args:
        ladders: As saved; `check_ladders` has passed them.
        factors: Caps, in the bitrates of the rungs; None for those of the ladders, if any.

    Raises:
        InvalidLadderError: A rung does not say how it was encoded.
    """
    taken: set[str] = set()
    return tuple(
        _rendition(ladder, rung, factors, taken)
        for ladder in ladders
        for rung in sorted(ladder.renditions, key=lambda rung: rung.bitrate_kbps)
    )


def _measured_caps(rung: LadderRung) -> Caps | None:
    if rung.maxrate_kbps is None or rung.bufsize_kbits is None:
        return None
    return Caps(rung.maxrate_kbps, rung.bufsize_kbits)


def _rendition(
    ladder: LadderResult, rung: LadderRung, factors: CapFactors | None, taken: set[str]
) -> Rendition:
    if rung.encode_command is None:
        raise InvalidLadderError(
            f"Rendition '{rung.name}' of the ladder of '{ladder.src}' has no encode command, so it "
            "cannot be encoded. Measure the source with `vmafx-tune ladder`, which stores it."
        )
    commands = [_checked(text, rung) for text in (*rung.chunk_commands, rung.encode_command)]
    name = _unused(safe_name(rung.name or str(rung.resolution)), taken)
    *chunks, command = commands
    if factors is None:
        caps = _measured_caps(rung)
        return Rendition(name, ladder.encoder, rung, tuple(chunks), command, caps)
    caps = factors.at(rung.bitrate_kbps)
    return Rendition(name, ladder.encoder, rung, tuple(chunks), command, caps, added=caps.arguments)


def _checked(text: str, rung: LadderRung) -> tuple[str, ...]:
    """Split a command, and make sure that it is one of ffmpeg's that writes one plain file."""
    words = shell.split(text)
    if words.count("-i") != 1 or "/" in words[-1] or words[-1].startswith("-"):
        raise InvalidLadderError(
            f"The encode command of rendition '{rung.name}' is not one that ffmpeg makes one file "
            f"of one source with: {text}"
        )
    return words


def _unused(name: str, taken: set[str]) -> str:
    number, unused = 1, name
    while unused in taken:
        number += 1
        unused = f"{name}-{number}"
    taken.add(unused)
    return unused


def delivery_notes(
    delivered: Mapping[Rendition, float | None], ladder_ffmpeg: str, ffmpeg: str
) -> tuple[str, ...]:
    """Say where what is delivered is not what the ladder measured.

    Args:
        delivered: Score of each rendition's encode; None where it was not scored.
        ladder_ffmpeg: Version of the ffmpeg of the ladder; empty where it is not known.
        ffmpeg: Version of the one that encoded.
    """
    notes = [
        f"Rendition '{rendition.name}' scores VMAF {vmaf(score)}, and {vmaf(rendition.rung.vmaf)} "
        f"in the ladder{': its cap costs that' if rendition.added else ''}."
        for rendition, score in delivered.items()
        if score is not None and abs(score - rendition.rung.vmaf) > _VMAF_TOLERANCE
    ]
    if ladder_ffmpeg and ladder_ffmpeg != ffmpeg:
        notes.insert(
            0,
            f"The ladder was measured with ffmpeg {ladder_ffmpeg}, and the package is encoded "
            f"with {ffmpeg}, which may encode otherwise.",
        )
    return tuple(notes)


def audio_forms(text: str) -> tuple[AudioForm, ...]:
    """Read what `--audio` says: `copy`, `none`, or codecs with bitrates.

    Raises:
        UsageError: It is none of these, or has a form twice.
    """
    forms = tuple(audio_form(part) for part in text.split(","))
    alone = [form.codec for form in forms if form.codec in {COPY, "none"}]
    if alone and len(forms) > 1:
        raise UsageError(f"--audio '{text}' is not valid: {alone[0]} stands alone.")
    if len(set(forms)) < len(forms):
        raise UsageError(f"--audio '{text}' names a form twice. Name each once.")
    return forms


def plan_tracks(
    streams: Sequence[Stream],
    encoded: int,
    *,
    audio: Sequence[AudioForm],
    subtitles: bool,
) -> Tracks:
    """Choose what becomes of the source's other streams.

    Args:
        streams: The source's.
        encoded: Index of the one that is encoded.
        audio: Forms that each audio stream is delivered in.
        subtitles: Whether there are any.

    Returns:
        Tracks, and the streams that are left out, with the reasons.

    Raises:
        UsageError: A codec does not take the bitrate.
    """
    refusals = {
        stream.index: reason
        for stream in streams
        if stream.index != encoded and (reason := _refusal(stream, audio, subtitles=subtitles))
    }
    kept = [s for s in streams if s.index != encoded and s.index not in refusals]
    return Tracks(
        tuple(_audio_tracks([s for s in kept if s.kind == "audio"], audio)),
        tuple(_text_tracks([s for s in kept if s.kind == "subtitle"])),
        tuple(
            DroppedStream(s.index, s.kind, s.codec, refusals[s.index])
            for s in streams
            if s.index in refusals
        ),
    )


def _refusal(stream: Stream, audio: Sequence[AudioForm], *, subtitles: bool) -> str | None:
    match stream.kind:
        case "audio":
            return _audio_refusal(stream, audio[0].codec)
        case "subtitle":
            return _text_refusal(stream, subtitles=subtitles)
        case "video" if stream.is_cover:
            return "HLS and DASH have no cover pictures."
        case "video":
            return "A package has one video: that of the ladder, chosen with --video-stream."
        case kind:
            return f"HLS and DASH have no {kind} streams."


def _audio_refusal(stream: Stream, codec: str) -> str | None:
    if codec == "none":
        return "--audio none leaves it out."
    if not stream.codec:
        return "ffmpeg does not know its codec."
    if codec == COPY and stream.codec not in _AUDIO_CODECS:
        return f"Players of HLS and DASH do not play {stream.codec}. --audio aac:128 converts it."
    return None


def _text_refusal(stream: Stream, *, subtitles: bool) -> str | None:
    if not subtitles:
        return "--no-subtitles leaves it out."
    if not stream.codec:
        return "ffmpeg does not know its codec."
    if stream.codec not in TEXT_SUBTITLES:
        return f"It is made of pictures ({stream.codec}), and WebVTT is text."
    return None


def _audio_tracks(streams: Sequence[Stream], forms: Sequence[AudioForm]) -> Iterator[AudioTrack]:
    default = _default(streams)
    for form in forms:
        group = form.codec if form.kbps is None else f"{form.codec}-{form.kbps}"
        taken: set[str] = set()
        for stream in streams:
            check_bitrate(stream, form)
            language = _unused(safe_name(stream.language or "und"), taken)
            yield AudioTrack(stream, form, f"{language}-{group}", group, stream is default)


def _default(streams: Sequence[Stream]) -> Stream | None:
    marked = (stream for stream in streams if "default" in stream.dispositions)
    return next(marked, streams[0] if streams else None)


def _text_tracks(streams: Sequence[Stream]) -> Iterator[TextTrack]:
    taken: set[str] = set()
    for stream in streams:
        forced = "-forced" if "forced" in stream.dispositions else ""
        yield TextTrack(stream, _unused(f"{safe_name(stream.language or 'und')}{forced}", taken))
