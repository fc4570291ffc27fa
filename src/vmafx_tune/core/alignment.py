"""Whether two clips can be compared, at what size, and what a user should know of it.

Everything is decided on probed facts alone, so that it is said before any encode or decode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import FormatMismatchError, HdrRefusedError, ScoringError

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from vmafx_tune.model import Resolution, Source, VmafModel

__all__ = ["alignment_notes", "check_display", "check_hdr", "check_pair"]

_ASPECT_TOLERANCE = 0.02
# Containers round rates such as 24000/1001.
_RATE_TOLERANCE = 0.001
_HDR_NAMES = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


def check_hdr(source: Source, *, allow_hdr: bool) -> None:
    """Refuse PQ and HLG sources, unless the user insists.

    Raises:
        HdrRefusedError: `source` is HDR and `allow_hdr` is False.
    """
    if source.is_hdr and not allow_hdr:
        raise HdrRefusedError(
            f"'{source.path}' is HDR ({_hdr_name(source)}), and no public VMAF model is validated "
            "for that. Score it all the same with --allow-hdr; the results are then labelled."
        )


def check_display(display: Resolution, model: VmafModel) -> None:
    """Refuse a display that is too small for the model.

    Raises:
        ScoringError: A side of `display` is shorter than the model needs.
    """
    if min(display.width, display.height) < model.min_side:
        raise ScoringError(
            f"The model {model.name} needs pictures of at least {model.min_side} samples a side, "
            f"and these would be compared at {display}. Use a larger source, or another model."
        )


def check_pair(reference: Source, distorted: Source) -> None:
    """Refuse two clips whose samples mean different things.

    Different sizes, depths, chroma formats and sample ranges are no hindrance: the distorted clip
    is converted. Unequal lengths are found by decoding.

    Raises:
        FormatMismatchError: One is HDR and the other says that it is not, or in another way.
    """
    if not (reference.is_hdr or distorted.is_hdr):
        return
    told = (reference.color_transfer, distorted.color_transfer)
    if None not in told and reference.color_transfer != distorted.color_transfer:
        raise FormatMismatchError(
            f"The reference '{reference.path}' has the transfer function {told[0]}, the distorted "
            f"'{distorted.path}' has {told[1]}. Their samples mean different brightness, so "
            "convert one of them first."
        )


def alignment_notes(reference: Source, distorted: Source, display: Resolution) -> tuple[str, ...]:
    """List what is done to the clips, or left undone, that a user should know.

    Args:
        reference: What scoring compares against.
        distorted: The decoded encode.
        display: Size at which they are compared.

    Returns:
        Plain sentences, most important first; none for two clips of one kind.
    """
    notes = (
        _scaling_note(reference, distorted, display),
        _aspect_note(reference, distorted),
        _range_note(reference, distorted),
        _rate_note(reference, distorted),
        _variable_rate_note(reference, distorted),
        _interlacing_note(reference, distorted),
        _hdr_note(reference),
    )
    return tuple(note for note in notes if note is not None)


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


def _variable_rate_note(reference: Source, distorted: Source) -> str | None:
    which = _both(reference, distorted, lambda source: source.variable_frame_rate)
    if which is None:
        return None
    return (
        f"The frame rate of {which} varies. Frames are paired by index and count alike, "
        "whatever their times."
    )


def _interlacing_note(reference: Source, distorted: Source) -> str | None:
    which = _both(reference, distorted, lambda source: source.interlaced)
    if which is None:
        return None
    return f"The pictures of {which} are interlaced. They are compared as stored, fields woven."


def _hdr_note(reference: Source) -> str | None:
    if not reference.is_hdr:
        return None
    return (
        f"The reference is HDR ({_hdr_name(reference)}), for which no public VMAF model is "
        "validated: compare scores of this clip with each other only."
    )


def _both(reference: Source, distorted: Source, fact: Callable[[Source], bool]) -> str | None:
    clips = (("the reference", reference), ("the distorted", distorted))
    return " and ".join(role for role, source in clips if fact(source)) or None


def _hdr_name(source: Source) -> str:
    return _HDR_NAMES.get(source.color_transfer or "", "unknown")
