"""What `encoders` and `doctor` return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DoctorCheck", "DoctorResult", "EncoderStatus", "EncodersResult"]


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """One row of the encoder registry, and what it is worth on this machine.

    Attributes:
        name: ffmpeg's encoder name.
        aliases: Other names that `--codec` takes.
        codec: What it writes: `h264`, `hevc`, `av1`, `vp9` or `vvc`.
        kind: `software`, or the hardware's programming interface: `nvenc`, `qsv`, `amf`,
            `videotoolbox`.
        knob: ffmpeg's option for constant quality, without the dash: `crf`, `cq`, `qp`, `q:v` …
        lo: Lowest value of the knob.
        hi: Highest value of the knob.
        default: The encoder's own default.
        increment: Smallest change that the encoder tells apart.
        higher_is_better: Whether a higher value means better quality.
        presets: Native values of the preset option, as the encoder takes them.
        compiled: Whether this ffmpeg has it.
        opens: Whether a trial encode works on this machine.
        reason: Why it does not open, as a plain sentence; None where it does.
        version: From the encoder's own banner or bitstream; empty where it is not known.
    """

    name: str
    aliases: tuple[str, ...]
    codec: str
    kind: str
    knob: str
    lo: float
    hi: float
    default: float
    increment: float
    higher_is_better: bool
    presets: tuple[str, ...]
    compiled: bool
    opens: bool
    reason: str | None
    version: str


@dataclass(frozen=True, slots=True)
class EncodersResult:
    """Outcome of `encoders`.

    Attributes:
        encoders: In the registry's order.
        ffmpeg: Path of the ffmpeg asked; None where there is none.
    """

    encoders: tuple[EncoderStatus, ...]
    ffmpeg: Path | None = None
    ffmpeg_version: str = ""


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that `doctor` looked at.

    Attributes:
        name: What was looked at: `ffmpeg`, `libvmaf`, `models`, `cache` …
        ok: Whether it can be used.
        value: What was found in a word: a version or a count; empty where nothing was.
        detail: Where it was found, or what was tried; may be empty.
        advice: What to do about it, as a sentence; None where there is nothing to do.
        required: Whether nothing works without it.
    """

    name: str
    ok: bool
    value: str
    detail: str
    advice: str | None
    required: bool = True


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """Outcome of `doctor`."""

    checks: tuple[DoctorCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that is required can be used."""
        return all(check.ok for check in self.checks if check.required)
