"""Parts of the JSON document of `ladder`.

What has a default may be missing in a document that another tool has written.
"""

from __future__ import annotations

from pydantic import Field

from vmafx_tune.ladder.limits import Caps
from vmafx_tune.ladder.selection_options import SelectionOptions
from vmafx_tune.reports.documents.fields import Damage, Document, Number, Pooled, Quality, Text

__all__ = ["CloudPoint", "HullPoint", "ProbePart", "Rendition", "Selection", "SourcePart"]

_DEFAULTS = SelectionOptions(caps=Caps(max_vmaf=None))


class _Sized(Document):
    width: int = Field(description="Of the encoded picture, in samples.")
    height: int = Field(description="Likewise.")


class _Encode(_Sized):
    bitrate_kbps: Number = Field(description="Video packets' bits over frames / frame rate.")
    vmaf: Number = Field(description="Pooled score in VMAF points.")
    crf: Quality = Field(description="Value of the encoder's quality knob.")


class HullPoint(_Encode):
    """A point of the upper hull of everything that was measured."""

    target_vmaf: Number = Field(
        default=None, description="Highest target that it is the answer to; null for none."
    )
    ok: bool = Field(default=True, description="Always true.")
    error: Text | None = Field(default=None, description="Always null.")


class CloudPoint(_Sized):
    """One resolution at one target."""

    bitrate_kbps: Number = Field(
        description="Video packets' bits over frames / frame rate; null in a failed cell."
    )
    vmaf: Number = Field(description="Pooled score in VMAF points; null in a failed cell.")
    crf: Quality = Field(
        description="The worst-quality setting that reaches the target; -1 in a failed cell."
    )
    target_vmaf: Number = Field(default=None, description="Pooled score to reach; a tie passes.")
    ok: bool = Field(description="The cell has its answer.")
    error: Text | None = Field(default=None, description="Why it has none, as a sentence.")
    error_kind: Text | None = Field(
        default=None,
        description="unreachable where only the target is out of reach, left_out where an adaptive "
        "ladder had no use for the cell, else failed.",
    )
    note: Text | None = Field(
        default=None, description="What to know of an answer: what it lacks in proof, notes."
    )


class _MeasuredEncode(_Encode):
    peak_bitrate_kbps: Number = Field(
        default=None, description="Highest bitrate of the segments of `segment_duration`."
    )
    codecs: Text = Field(
        default="", description="Codec string for manifests; empty where not known."
    )
    vmaf_pooled: Pooled | None = Field(
        default=None, description="Every pooling of its frame scores."
    )
    size_bytes: int | None = Field(default=None, description="Sum of the video packets' sizes.")
    encoder_version: Text = Field(
        default="", description="From the encoder's banner or bitstream; empty where not known."
    )
    encode_command: Text | None = Field(
        default=None,
        description="Shell command that reproduces the encode; after `chunk_commands`, which it "
        "joins, where those are not empty.",
    )
    chunk_commands: list[Text] = Field(
        default_factory=list,
        description="Shell commands that reproduce its chunks, in order; empty for an encode of "
        "the whole source.",
    )


class Rendition(_MeasuredEncode):
    """A rung of the ladder."""

    name: Text | None = Field(
        default=None, description="What its files and its entry in manifests are."
    )
    target_vmaf: Number = Field(
        default=None, description="Highest target that it is the answer to; null for none."
    )
    frame_rate: Number = Field(default=None, description="Frames per second.")


class ProbePart(_MeasuredEncode):
    """One measured encode."""

    encode_time_ms: Number = Field(default=None, description="Wall time of the encode.")
    score_time_ms: Number = Field(default=None, description="Wall time of decoding and scoring.")


class SourcePart(Document):
    """What the renditions inherit from the source; null where it is not known."""

    width: int | None = Field(default=None, description="After rotation, in samples.")
    height: int | None = Field(default=None, description="Likewise.")
    frame_rate: Text | None = Field(
        default=None, description="Frames per second, exactly: `25`, `30000/1001`."
    )
    n_frames: int | None = Field(
        default=None, description="Frames of the source and of each rendition."
    )
    pix_fmt: Text | None = Field(default=None, description="ffmpeg's name of its pixel format.")
    color_transfer: Text | None = Field(
        default=None, description="ffmpeg's name of its transfer function."
    )
    notes: list[Text] = Field(
        default_factory=list, description="What an engineer should know of it, in sentences."
    )
    damage: Damage | None = Field(
        default=None,
        description="Where it first does not decode cleanly, with --allow-damage; null where it "
        "does.",
    )
    bitrate_kbps: Number = Field(
        default=None,
        description="Average bitrate of its video; null where it is far above that of all encodes.",
    )


class Selection(Document):
    """How the rungs were chosen; null for no limit."""

    spacing: Text = Field(
        default=_DEFAULTS.spacing.value, description="knee, log-bitrate, vmaf or optimal."
    )
    max_rungs: int = Field(default=_DEFAULTS.max_rungs, description="No ladder has more rungs.")
    min_bitrate_gap_kbps: Number = Field(
        default=_DEFAULTS.min_gap_kbps,
        description="Least distance between neighbours' bitrates; a quarter of the lower one where "
        "that is less.",
    )
    vmaf_step: Number = Field(
        default=_DEFAULTS.vmaf_step,
        description="VMAF points from rung to rung, for the spacing vmaf.",
    )
    min_vmaf: Number = Field(default=None, description="No rung scores less.")
    max_vmaf: Number = Field(
        default=None, description="The top rung is the cheapest point that reaches this."
    )
    min_bitrate_kbps: Number = Field(default=None, description="No rung is cheaper.")
    max_bitrate_kbps: Number = Field(default=None, description="No rung is dearer.")
    throughput: Text | None = Field(
        default=None,
        description="The viewers, for the spacing optimal: MEDIAN:SIGMA in kb/s, or a file.",
    )
    safety_factor: Number = Field(
        default=_DEFAULTS.safety_factor, description="Share of the throughput that players use."
    )
    mixed_resolutions: bool = Field(
        default=_DEFAULTS.mixed_resolutions,
        description="Whether a rung may have fewer pixels than a rung below it.",
    )
