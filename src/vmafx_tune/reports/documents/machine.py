"""The JSON documents about this machine: `encoders` and `doctor`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import Document, Quality, Text, path_text

if TYPE_CHECKING:
    from vmafx_tune.results import DoctorResult, EncodersResult

__all__ = [
    "Check",
    "DoctorDocument",
    "EncoderPart",
    "EncodersDocument",
    "doctor_document",
    "encoders_document",
]


class EncoderPart(Document):
    """One encoder: what the registry knows, and what it is worth on this machine."""

    name: str = Field(description="ffmpeg's encoder name.")
    aliases: list[str] = Field(description="Other names that --codec takes.")
    codec: str = Field(description="What it writes, such as h264 or av1.")
    kind: str = Field(description="software, nvenc, qsv, amf or videotoolbox.")
    knob: str = Field(description="ffmpeg's option for constant quality, without the dash.")
    lo: Quality = Field(description="Lowest value of the knob.")
    hi: Quality = Field(description="Highest value of the knob.")
    default: Quality = Field(description="The encoder's own default.")
    increment: Quality = Field(description="Smallest change that the encoder tells apart.")
    higher_is_better: bool = Field(description="A higher value means better quality.")
    presets: list[str] = Field(description="Presets that it takes.")
    compiled: bool = Field(description="This ffmpeg has it.")
    opens: bool = Field(description="A trial encode works on this machine.")
    reason: Text | None = Field(description="Why it does not, as a sentence.")
    version: Text = Field(description="From its banner or bitstream; empty where not known.")


class EncodersDocument(Document):
    """The encoders that vmafx-tune can drive."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    ffmpeg_bin: Text | None = Field(description="Path of the ffmpeg asked; null where none is.")
    ffmpeg_version: Text = Field(description="Its version; empty where not known.")
    encoders: list[EncoderPart] = Field(description="In the registry's order.")


class Check(Document):
    """One thing that was looked at."""

    name: str = Field(description="What was looked at.")
    ok: bool = Field(description="It can be used.")
    value: Text = Field(description="What was found: a version or a count; may be empty.")
    detail: Text = Field(description="Where it was found, or what was tried; may be empty.")
    advice: Text | None = Field(description="What to do about it, as a sentence.")
    required: bool = Field(description="Nothing works without it.")


class DoctorDocument(Document):
    """What vmafx-tune found on this machine, and what to do about what is missing."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    ok: bool = Field(description="Everything that is required can be used.")
    checks: list[Check] = Field(description="In the order looked at.")


def encoders_document(result: EncodersResult) -> EncodersDocument:
    """Write a result of `encoders` as its document."""
    return EncodersDocument(
        schema_version=1,
        tool_version=__version__,
        ffmpeg_bin=None if result.ffmpeg is None else path_text(result.ffmpeg),
        ffmpeg_version=result.ffmpeg_version,
        encoders=[EncoderPart(**dataclasses.asdict(encoder)) for encoder in result.encoders],
    )


def doctor_document(result: DoctorResult) -> DoctorDocument:
    """Write a result of `doctor` as its document."""
    return DoctorDocument(
        schema_version=1,
        tool_version=__version__,
        ok=result.ok,
        checks=[Check(**dataclasses.asdict(check)) for check in result.checks],
    )
