"""The clips of a run: opened, checked, and whether two of them can be compared and at what size.

Everything that is refused or noted here follows from probed facts alone, so it is said before any
encode or decode.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.colours import common_colours, same_matrix, stated_colours
from vmafx_tune.errors import FormatMismatchError, HdrRefusedError, UnreadableSourceError
from vmafx_tune.parsing import is_url, parse_resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from vmafx_tune.colours import Colours
    from vmafx_tune.model import Resolution, Source
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.session import Session

__all__ = [
    "check_light",
    "check_moving",
    "check_source",
    "check_woven",
    "display_size",
    "open_source",
    "pair_notes",
    "read_source",
    "source_notes",
]

_EVEN_SUBSAMPLE = (
    "--subsample {n} is even, but encoders spend other bits on every 2nd, 4th or "
    "8th frame: the score may be off by 3 VMAF or more. Use an odd number, such as {odd}."
)


def read_source(path: str | Path, session: Session, probe: Callable[[Path], Source]) -> Source:
    """Probe a file, or what is at a URL.

    Args:
        path: Where it is.
        session: Fetches it.
        probe: Reads the file, or the copy.

    Raises:
        UnreadableSourceError: It cannot be fetched, or is not a video.
        UsageError: The URL is not valid.
    """
    if not (isinstance(path, str) and is_url(path)):
        return probe(Path(path))
    copy = session.reader.copy_of(path)
    try:
        return probe(copy)
    except UnreadableSourceError as error:
        from vmafx_tune.media.urls import public_url

        raise UnreadableSourceError(f"'{public_url(path)}' is not a video. {error}") from error


def open_source(path: str | Path, scoring: ScoringOptions | None, session: Session) -> Source:
    """Probe a source, put its filters before it, and say what a user should know of it.

    Raises:
        MediaError: It cannot be read, or is HDR without the user's consent.
        UsageError: Its filters do not fit it.
    """
    source = session.reader.filtered(read_source(path, session, session.reader.source))
    if scoring is not None and scoring.subsample % 2 == 0:
        session.warn(_EVEN_SUBSAMPLE.format(n=scoring.subsample, odd=scoring.subsample + 1))
    allow_hdr = scoring is not None and scoring.allow_hdr
    for note in check_source(source, allow_hdr=allow_hdr):
        session.warn(note)
    return source


def display_size(scoring: ScoringOptions, source: Source) -> Resolution:
    """Choose the size at which clips are compared.

    Raises:
        UsageError: The size asked for is none.
        FormatMismatchError: The source is interlaced, and would be scaled.
    """
    if not scoring.display:
        return source.resolution
    display = parse_resolution(scoring.display)
    check_woven(source, display)
    return display


_ASPECT_TOLERANCE = 0.02
# Containers round rates such as 24000/1001.
_RATE_TOLERANCE = 0.001
_WIDE_PRIMARIES = frozenset({"bt2020", "smpte431", "smpte432"})
_HDR_NAMES = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


def check_source(source: Source, *, allow_hdr: bool) -> tuple[str, ...]:
    """Check a reference by itself.

    Args:
        source: As probed.
        allow_hdr: Whether the user insists on scoring PQ and HLG.

    Returns:
        What a user should know of it, as plain sentences.

    Raises:
        HdrRefusedError: `source` is HDR and `allow_hdr` is False.
    """
    if source.is_hdr and not allow_hdr:
        raise HdrRefusedError(
            f"'{source.path}' is HDR ({_hdr_name(source)}), and no public VMAF model is "
            "validated for that. Score it anyway with --allow-hdr; the results are then labelled."
        )
    return (
        *source_notes(source),
        *_present(_hdr_note(source), _variable_rate_note(source), _interlacing_note(source)),
    )


def check_moving(source: Source) -> None:
    """Refuse to encode a single picture: it has no bitrate.

    Raises:
        UnreadableSourceError: It is one.
    """
    if source.is_still:
        raise UnreadableSourceError(
            f"'{source.path}' is a single image ({source.codec}), not a video. Name a video file."
        )


def source_notes(source: Source) -> tuple[str, ...]:
    """Say what was read of a file, where it is not simply all of it; results keep these notes."""
    return _present(_stream_note(source), _end_note(source), _damage_note(source))


def pair_notes(
    reference: Source,
    distorted: Source,
    display: Resolution | None = None,
    *,
    allow_hdr: bool = False,
) -> tuple[str, ...]:
    """Check a distorted clip against its reference.

    Different sizes, depths, chroma formats, ranges and matrices are fine: the clips are
    converted. Unequal lengths are found by decoding.

    Args:
        reference: What scoring compares against; `check_source` has passed it.
        distorted: The decoded encode.
        display: Size at which they are compared; None for the reference's.
        allow_hdr: Whether a clip without a transfer function may be taken as HDR beside one that
            is.

    Returns:
        What is done to the clips, or left undone, that a user should know; nothing for two clips
        of one kind.

    Raises:
        FormatMismatchError: One is HDR and the other says that it is not, or in another way; or
            their primaries are those of wide and of normal gamut; or the distorted has fields, and
            would be scaled.
        HdrRefusedError: One is HDR, the other does not say, and `allow_hdr` is False.
    """
    check_light(reference, distorted, allow_hdr=allow_hdr)
    check_woven(distorted, display or reference.resolution)
    return source_notes(distorted) + _present(
        _scaling_note(reference, distorted, display or reference.resolution),
        _aspect_note(reference, distorted),
        _colours_note(reference, distorted),
        _rate_note(reference, distorted),
        _variable_rate_note(distorted),
        _interlacing_note(distorted),
    )


def check_woven(source: Source, size: Resolution) -> None:
    """Refuse to scale pictures that are made of two fields.

    Args:
        source: Its pictures.
        size: What they are to be scaled to.

    Raises:
        FormatMismatchError: They are interlaced, and of another size.
    """
    if source.interlaced and source.resolution != size:
        raise FormatMismatchError(
            f"'{source.path}' is interlaced, and scaling it from {source.resolution} to {size} "
            "would blend its fields. Use --deinterlace, or keep the size."
        )


def _present(*notes: str | None) -> tuple[str, ...]:
    return tuple(note for note in notes if note is not None)


def check_light(reference: Source, distorted: Source, *, allow_hdr: bool) -> None:
    """Refuse clips whose samples stand for other light, which nothing here converts.

    Raises:
        FormatMismatchError: One is HDR and the other says that it is not, or in another way; or
            their primaries are those of wide and of normal gamut.
        HdrRefusedError: One is HDR, the other does not say, and `allow_hdr` is False.
    """
    pair = (reference, distorted)
    transfers = [source.color_transfer for source in pair]
    primaries = [source.color_primaries for source in pair]
    if any(source.is_hdr for source in pair) and transfers[0] != transfers[1]:
        if None not in transfers:
            raise FormatMismatchError(_light_differs(pair, transfers, "transfer function"))
        if not allow_hdr:
            hdr, other = pair if reference.is_hdr else pair[::-1]
            raise HdrRefusedError(
                f"'{hdr.path}' is HDR ({_hdr_name(hdr)}), and '{other.path}' does not declare "
                "its transfer function. If it is HDR too, use --allow-hdr; otherwise convert one "
                "of them first."
            )
    if None not in primaries and len({name in _WIDE_PRIMARIES for name in primaries}) > 1:
        raise FormatMismatchError(_light_differs(pair, primaries, "primaries"))


def _light_differs(pair: Sequence[Source], told: Sequence[str | None], what: str) -> str:
    return (
        f"The reference '{pair[0].path}' has the {what} {told[0]}, the distorted "
        f"'{pair[1].path}' has {told[1]}. Their samples mean different light, so convert one of "
        "them first."
    )


def _scaling_note(reference: Source, distorted: Source, display: Resolution) -> str | None:
    scaled = [
        f"the {role} from {source.resolution}"
        for role, source in (("reference", reference), ("distorted", distorted))
        if source.resolution != display
    ]
    if not scaled:
        return None
    return f"Compared at {display}: {' and '.join(scaled)} is scaled to it (bicubic)."


def _aspect_note(reference: Source, distorted: Source) -> str | None:
    ours, theirs = _aspect(reference), _aspect(distorted)
    if abs(float(ours / theirs) - 1) <= _ASPECT_TOLERANCE:
        return None
    return (
        f"The reference is shown at an aspect ratio of {float(ours):.3f}, the distorted at "
        f"{float(theirs):.3f}. The distorted clip is stretched to fit; if it is cropped or padded, "
        "the score is meaningless."
    )


def _aspect(source: Source) -> Fraction:
    return source.sample_aspect_ratio * source.resolution.width / source.resolution.height


def _colours_note(reference: Source, distorted: Source) -> str | None:
    common, own = common_colours(reference, distorted), stated_colours(distorted)
    rgb = [
        role
        for role, source in (("reference", reference), ("distorted", distorted))
        if source.pixel_format.is_rgb
    ]
    if rgb:
        return f"The {' and the '.join(rgb)} is converted from RGB to {_words(common)}."
    if own.range in {None, common.range} and same_matrix(
        own.matrix or common.matrix, common.matrix
    ):
        return None
    return f"The distorted is converted from {_words(own)} to the reference's {_words(common)}."


def _words(colours: Colours) -> str:
    return " ".join(fact for fact in (colours.range, colours.matrix) if fact is not None)


def _rate_note(reference: Source, distorted: Source) -> str | None:
    if abs(float(reference.frame_rate / distorted.frame_rate) - 1) <= _RATE_TOLERANCE:
        return None
    return (
        f"The reference has {float(reference.frame_rate):.6g} frames per second, the "
        f"distorted {float(distorted.frame_rate):.6g}. Frames are paired by index, whatever their "
        "timestamps."
    )


def _variable_rate_note(source: Source) -> str | None:
    if not source.variable_frame_rate:
        return None
    return (
        f"The frame rate of '{source.path}' varies. Frames are paired by index and weighted "
        "equally, whatever their timestamps."
    )


def _stream_note(source: Source) -> str | None:
    if source.n_streams == 1:
        return None
    return (
        f"'{source.path}' has {source.n_streams} video streams. Stream {source.stream} is used "
        f"({source.codec}, {source.resolution}); choose another with --video-stream."
    )


def _end_note(source: Source) -> str | None:
    if not source.ends_early:
        return None
    return f"'{source.path}' seems to be cut short: it ends within a packet or without an end mark."


def _damage_note(source: Source) -> str | None:
    if source.damage is None:
        return None
    return f"'{source.path}' is damaged: {source.damage}. It is used as it decodes."


def _interlacing_note(source: Source) -> str | None:
    if not source.interlaced:
        return None
    return (
        f"'{source.path}' is interlaced. Its frames are compared as they are stored; use "
        "--deinterlace to deinterlace a source."
    )


def _hdr_note(reference: Source) -> str | None:
    if not reference.is_hdr:
        return None
    return (
        f"The reference is HDR ({_hdr_name(reference)}), for which no public VMAF model is "
        "validated: only compare scores of this clip with each other."
    )


def _hdr_name(source: Source) -> str:
    return _HDR_NAMES.get(source.color_transfer or "", "unknown")
