"""Finding out what a source is, quickly: from its headers and its first picture."""

from __future__ import annotations

import gc
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError, UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.media.container import check_file, open_source, open_video
from vmafx_tune.media.headers import (
    check_complete,
    count_y4m_frames,
    cropped_margins,
    ends_early,
    video_sample_entry,
)
from vmafx_tune.media.pixel_formats import (
    PRIMARIES,
    RANGES,
    SPACES,
    TRANSFERS,
    chroma_location,
    frame_size_bytes,
    pixel_format,
    rotation_deg,
)
from vmafx_tune.media.pyav import side_data_kinds, to_fraction
from vmafx_tune.media.timing import (
    Timing,
    codes_fields,
    decoded_timing,
    indexed_timing,
    packet_timing,
)
from vmafx_tune.model import Damage, Resolution, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from av.video.frame import VideoFrame

    from vmafx_tune.media.container import Video
    from vmafx_tune.media.headers import SampleEntry
    from vmafx_tune.model import RawFormat

__all__ = ["check_uncropped", "probe_source"]


def check_uncropped(video: Video) -> None:
    """Refuse an MP4, MOV, Matroska or WebM file that shows only a part of its pictures.

    Raises:
        UnreadableSourceError: Its clean aperture (ISO/IEC 14496-12, `clap`) is smaller than they,
            or it has margins to be hidden (RFC 9559, PixelCrop).
    """
    kind = video.container.format.name
    stored = (video.stream.width, video.stream.height)
    if "mp4" in kind:
        shown, by = _aperture(video), "a clap box"
    elif "matroska" in kind:
        left, right, top, bottom = cropped_margins(video.path, video.index)
        shown, by = (stored[0] - left - right, stored[1] - top - bottom), "PixelCrop"
    else:
        return
    if shown is None or shown == stored:
        return
    raise UnreadableSourceError(
        f"'{video.path}' is cropped to {shown[0]}x{shown[1]} of its {stored[0]}x{stored[1]} "
        f"pictures at playback ({by}), which only some players do. Crop it losslessly first: "
        "ffmpeg -i FILE -c:v ffv1 CROPPED.mkv."
    )


def _refuse_encrypted(video: Video) -> None:
    """Refuse an MP4 with encrypted pictures (ISO/IEC 23001-7), which decoders take for damaged."""
    entry = _sample_entry(video) if "mp4" in video.container.format.name else None
    if entry is not None and entry.kind == "encv":
        raise UnreadableSourceError(
            f"'{video.path}' is encrypted. Decrypt it first, or name the file that it was made "
            "from."
        )


def _sample_entry(video: Video) -> SampleEntry | None:
    try:
        return video_sample_entry(video.path, video.index)
    except UnreadableSourceError:  # a kind of MP4 that keeps its tracks elsewhere
        return None


def _aperture(video: Video) -> tuple[int, int] | None:
    entry = _sample_entry(video)
    box = b"" if entry is None else entry.boxes.get("clap", b"")
    numbers = [int.from_bytes(box[at : at + 4], "big") for at in range(0, 16, 4)]
    if len(box) < 16 or not (numbers[1] and numbers[3]):
        return None
    return round(Fraction(numbers[0], numbers[1])), round(Fraction(numbers[2], numbers[3]))


# ffmpeg's side data of a picture.
_HDR_METADATA = {
    "Dolby Vision": {"DOVI_RPU_BUFFER", "DOVI_METADATA"},
    "HDR10+": {"DYNAMIC_HDR_PLUS"},
    "mastering display": {"MASTERING_DISPLAY_METADATA"},
    "content light level": {"CONTENT_LIGHT_LEVEL"},
}
_FILM_GRAIN = "FILM_GRAIN_PARAMS"
_HEADERLESS = frozenset({".yuv", ".raw", ".rgb"})


def probe_source(
    path: Path,
    raw: RawFormat | None = None,
    stream: int | None = None,
    *,
    allow_damage: bool = False,
    max_pixels: int | None = None,
) -> Source:
    """Find out what a video file holds, without decoding more than its first picture.

    H.264 whose packets are fields is decoded completely, which is the only way to count frames.

    Args:
        path: A local file.
        raw: Geometry of a headerless file; None for files that describe themselves.
        stream: Index among the file's video streams, cover pictures not counted; None for the one
            that players take.
        allow_damage: Whether a file may be cut short, which is then noted as its damage.
        max_pixels: Largest picture that is decoded; None for any.

    Returns:
        The stream, upright.

    Raises:
        UnreadableSourceError: The file is missing, unreadable, empty, cut short, without video,
            not as long as its geometry demands, cropped by its container, or of larger pictures.
        UsageError: The geometry itself makes no sense, or the file does not have that stream.
    """
    head = check_file(path)
    if raw is not None:
        if stream:
            raise UsageError(f"'{path}' has no video stream {stream}: .yuv files have one, 0.")
        return _probe_headerless(path, raw)
    if path.suffix.lower() in _HEADERLESS:
        raise UnreadableSourceError(
            f"'{path}' has no header. Describe it with --size, --pix-fmt and --fps, for example "
            "--size 1920x1080 --pix-fmt yuv420p --fps 25."
        )
    with open_video(path, stream=stream, max_pixels=max_pixels) as video:
        _refuse_encrypted(video)
        check_uncropped(video)
        source = _describe(video, _first_picture(video))
        timing = _quick_timing(video, source)
    # PyAV ties a frame to its side data in a circle; left alone, pictures of many probes pile up.
    gc.collect(1)
    if timing is None:
        with open_source(source) as video:
            timing = packet_timing(video)
    if source.interlaced and source.codec == "h264":
        timing = _frames_of_fields(source, timing)
    try:
        check_complete(path, head, timing.end_byte)
    except UnreadableSourceError:
        if not allow_damage:
            raise
        source = replace(source, damage=Damage(timing.n_frames, None, "the file is cut short"))
    return replace(
        source,
        ends_early=ends_early(path, head),
        n_frames=timing.n_frames,
        frame_rate=timing.frame_rate,
        variable_frame_rate=timing.variable,
        ticks_per_second=timing.ticks_per_second,
    )


def _probe_headerless(path: Path, raw: RawFormat) -> Source:
    if min(raw.resolution.width, raw.resolution.height) < 1 or raw.frame_rate <= 0:
        raise UsageError(
            f"A headerless file cannot have {raw.resolution} pictures at {raw.frame_rate} frames "
            "per second: size and rate must be positive."
        )
    frame_bytes = frame_size_bytes(raw.pix_fmt, raw.resolution)
    n_frames, rest = divmod(path.stat().st_size, frame_bytes)
    if rest:
        raise UnreadableSourceError(
            f"'{path}' is not a whole number of frames: at {raw.resolution} {raw.pix_fmt} a "
            f"frame has {counted(frame_bytes, 'byte')}, which leaves {counted(rest, 'byte')} "
            f"after {counted(n_frames, 'frame')}. Check --size and --pix-fmt, and that the file "
            "is complete."
        )
    return Source(
        path=path,
        resolution=raw.resolution,
        frame_rate=raw.frame_rate,
        n_frames=n_frames,
        pixel_format=pixel_format(raw.pix_fmt),
        codec="rawvideo",
        raw=raw,
    )


def _first_picture(video: Video) -> VideoFrame:
    # Starting threads would take longer than the one picture does.
    video.stream.codec_context.thread_count = 1
    try:
        frame = next(video.decode(), None)
    except UnreadableSourceError as error:
        if not _is_animated_webp(video.path):
            raise
        raise UnreadableSourceError(
            f"'{video.path}' is an animated WebP, which PyAV cannot decode. Convert it "
            "losslessly first, for example to FFV1."
        ) from error
    if frame is None:
        raise UnreadableSourceError(
            f"'{video.path}' has no frame that can be decoded. It is damaged or cut short; copy "
            "or encode it again."
        )
    return frame


def _is_animated_webp(path: Path) -> bool:
    # RIFF container: an extended header, whose flags have a bit for animation.
    head = check_file(path)[:21].ljust(21, b"\0")
    return head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)


def _describe(video: Video, frame: VideoFrame) -> Source:
    stream = video.stream
    context = stream.codec_context
    turn_deg = rotation_deg(frame, video.path)
    shape = to_fraction(stream.sample_aspect_ratio) or Fraction(1)
    size = Resolution(frame.width, frame.height)
    if turn_deg in {90, 270}:
        shape, size = 1 / shape, Resolution(size.height, size.width)
    return Source(
        path=video.path,
        resolution=size,
        # Both are measured afterwards.
        frame_rate=Fraction(0),
        n_frames=0,
        pixel_format=pixel_format(frame.format.name),
        codec=context.codec.canonical_name,
        color_range=_color_range(frame),
        color_primaries=_name(PRIMARIES, frame.color_primaries, context.color_primaries),
        color_transfer=_name(TRANSFERS, frame.color_trc, context.color_trc),
        color_space=_name(SPACES, frame.colorspace, context.colorspace),
        chroma_location=chroma_location(stream),
        sample_aspect_ratio=shape,
        rotation_deg=turn_deg,
        interlaced=frame.interlaced_frame,
        stream=video.index,
        n_streams=video.n_streams,
        hdr_metadata=_hdr_metadata(frame),
    )


def _hdr_metadata(frame: VideoFrame) -> tuple[str, ...]:
    found = side_data_kinds(frame)
    return tuple(name for name, kinds in _HDR_METADATA.items() if kinds & found)


def leave_out_grain(encode: Source) -> Source:
    """Have the film grain of an encode left out when it is decoded.

    Encoders take grain out of a picture and describe it; decoders add another one that looks alike.
    Frame by frame that is noise, for which a score would blame the encode.

    Args:
        encode: As probed.

    Returns:
        It, marked if there is such grain in its first picture.
    """
    if encode.codec != "av1":
        return encode
    marked = replace(encode, without_grain=True)
    with open_source(marked) as video:
        return marked if _FILM_GRAIN in side_data_kinds(_first_picture(video)) else encode


def _quick_timing(video: Video, source: Source) -> Timing | None:
    if video.container.format.name == "yuv4mpegpipe":
        picture_bytes = frame_size_bytes(source.pixel_format.name, source.resolution)
        n_frames = count_y4m_frames(video.path, picture_bytes)
        return Timing(n_frames, video.declared_rates()[0], variable=False)
    return indexed_timing(video)


def _frames_of_fields(source: Source, timing: Timing) -> Timing:
    """Correct the timing of packets where these are fields.

    Uneven packets may be those of a stream that switches from frames to fields later on.
    """
    if not timing.variable:
        with open_source(source) as video:
            if not codes_fields(video):
                return timing
    with open_source(source) as video:
        return replace(decoded_timing(video), end_byte=timing.end_byte)


def _color_range(frame: VideoFrame) -> str | None:
    if frame.format.name.startswith("yuvj"):
        return "pc"
    return RANGES.get(frame.color_range)


def _name(names: Mapping[int, str], *numbers: int) -> str | None:
    return next((names[number] for number in numbers if number in names), None)
