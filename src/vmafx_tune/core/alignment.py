"""Whether two clips can be compared, at what size, and what a user should know of it.

Everything is decided on probed facts alone, so that it is said before any encode or decode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import FormatMismatchError, HdrRefusedError

if TYPE_CHECKING:
    from fractions import Fraction

    from vmafx_tune.model import Resolution, Source

__all__ = ["check_source", "pair_notes"]

_ASPECT_TOLERANCE = 0.02
# Containers round rates such as 24000/1001.
_RATE_TOLERANCE = 0.001
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
            f"'{source.path}' is HDR ({_hdr_name(source)}), and no public VMAF model is validated "
            "for that. Score it all the same with --allow-hdr; the results are then labelled."
        )
    return _present(
        _stream_note(source),
        _hdr_note(source),
        _variable_rate_note(source),
        _interlacing_note(source),
    )


def pair_notes(
    reference: Source, distorted: Source, display: Resolution | None = None
) -> tuple[str, ...]:
    """Check a distorted clip against its reference.

    Different sizes, depths, chroma formats and sample ranges are no hindrance: the clips are
    converted. Unequal lengths are found by decoding.

    Args:
        reference: What scoring compares against; `check_source` has passed it.
        distorted: The decoded encode.
        display: Size at which they are compared; None for the reference's.

    Returns:
        What is done to the clips, or left undone, that a user should know; nothing for two clips
        of one kind.

    Raises:
        FormatMismatchError: One is HDR and the other says that it is not, or in another way.
    """
    _check_transfer(reference, distorted)
    return _present(
        _scaling_note(reference, distorted, display or reference.resolution),
        _aspect_note(reference, distorted),
        _range_note(reference, distorted),
        _rate_note(reference, distorted),
        _stream_note(distorted),
        _variable_rate_note(distorted),
        _interlacing_note(distorted),
    )


def _present(*notes: str | None) -> tuple[str, ...]:
    return tuple(note for note in notes if note is not None)


def _check_transfer(reference: Source, distorted: Source) -> None:
    told = (reference.color_transfer, distorted.color_transfer)
    if not (reference.is_hdr or distorted.is_hdr) or None in told or told[0] == told[1]:
        return
    raise FormatMismatchError(
        f"The reference '{reference.path}' has the transfer function {told[0]}, the distorted "
        f"'{distorted.path}' has {told[1]}. Their samples mean different brightness, so convert "
        "one of them first."
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
        f"{float(theirs):.3f}. The distorted is stretched to fit; if it is cropped or padded, the "
        "score means nothing."
    )


def _aspect(source: Source) -> Fraction:
    return source.sample_aspect_ratio * source.resolution.width / source.resolution.height


def _range_note(reference: Source, distorted: Source) -> str | None:
    full = [source.color_range == "pc" for source in (reference, distorted)]
    if full[0] == full[1]:
        return None
    which = "reference" if full[0] else "distorted"
    return f"Only the {which} has full-range samples; they are brought to limited range."


def _rate_note(reference: Source, distorted: Source) -> str | None:
    if abs(float(reference.frame_rate / distorted.frame_rate) - 1) <= _RATE_TOLERANCE:
        return None
    return (
        f"The reference has {float(reference.frame_rate):.6g} frames per second, the distorted "
        f"{float(distorted.frame_rate):.6g}. Frames are paired by index, whatever their times."
    )


def _variable_rate_note(source: Source) -> str | None:
    if not source.variable_frame_rate:
        return None
    return (
        f"The frame rate of '{source.path}' varies. Frames are paired by index and count alike, "
        "whatever their times."
    )


def _stream_note(source: Source) -> str | None:
    if source.n_streams == 1:
        return None
    return (
        f"'{source.path}' has {source.n_streams} video streams. Stream {source.stream} is used "
        f"({source.codec}, {source.resolution}); choose another with --video-stream."
    )


def _interlacing_note(source: Source) -> str | None:
    if not source.interlaced:
        return None
    return f"The pictures of '{source.path}' are interlaced. They are compared as they are stored."


def _hdr_note(reference: Source) -> str | None:
    if not reference.is_hdr:
        return None
    return (
        f"The reference is HDR ({_hdr_name(reference)}), for which no public VMAF model is "
        "validated: compare scores of this clip with each other only."
    )


def _hdr_name(source: Source) -> str:
    return _HDR_NAMES.get(source.color_transfer or "", "unknown")
