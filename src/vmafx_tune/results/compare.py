"""What `compare` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from vmafx_tune.results.record import Given, PathText, Record, State
from vmafx_tune.results.search import Answer, SearchProvenance

__all__ = [
    "BdPoints",
    "BdRate",
    "CompareOneTarget",
    "CompareResult",
    "CompareRow",
    "CompareTargets",
    "Overlap",
]


@dataclass(frozen=True)
class Overlap(Record):
    """Interval of quality that two curves share."""

    lo: float
    """Lower end in VMAF points."""
    hi: float
    """Upper end in VMAF points."""


@dataclass(frozen=True)
class BdPoints(Record):
    """How many points of each curve were used."""

    codec: int
    """Points of the encoder under test."""
    anchor: int
    """Points of the anchor."""


@dataclass(frozen=True, kw_only=True)
class BdRate(Record):
    """Bjøntegaard delta rate of one encoder against the anchor."""

    codec: str
    """The encoder under test."""
    anchor: str
    """The encoder it is held against."""
    percent: float | None = None
    """Bitrate difference at equal quality, of the answers and their next worse neighbours; negative
    means fewer bits."""
    overlap: Overlap | None = None
    """Interval that both curves were integrated over: the span of the targets that both reach."""
    points: BdPoints
    """Points that the curves were made of."""
    reason: str | None = None
    """Why `percent` is null, as a sentence."""


@dataclass(frozen=True, kw_only=True)
class CompareRow(Answer):
    """One encoder at one target."""

    leading: ClassVar[str] = (
        "codec adapter runtime_variant ffmpeg_bin encoder_version best_crf bitrate_kbps "
        "encode_time_ms vmaf_score target_vmaf ok error bisect_samples rank error_kind "
        "encode_command size_bytes vmaf_pooled converged proven next_worse limit estimate "
        "non_monotone "
        "new_probes too_large sample chunk_frames chunk_commands notes"
    )
    adapter: str
    """Name of the registry row that drives the encoder."""
    runtime_variant: str = "default"
    """Variant of that row; always "default"."""
    ffmpeg_bin: PathText
    """Path of the ffmpeg used."""
    ok: bool
    """The row has its answer."""
    rank: int | None = None
    """Place by bitrate among its target's ok rows, from 1."""
    error_kind: str | None = None
    """unreachable where only the target is out of reach, else failed."""


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class CompareResult(SearchProvenance):
    """Which encoder needs the fewest bits to reach the targets on a source.

    Its JSON has one of two shapes, which `CompareOneTarget` and `CompareTargets` are.
    """

    command: ClassVar[str] = "compare"
    rows: tuple[CompareRow, ...]
    """Grouped by target; within one, ok rows by bitrate, then by codec; failed rows last."""
    codecs: tuple[str, ...]
    """Encoders compared."""
    backend: str
    backend_version: str
    ffmpeg_version: str
    """Version of the ffmpeg used."""
    new_probes: int
    """Encodes made by this run, stopped ones included; the others were known."""
    anchor: str | None
    """Encoder that BD-rates are against."""
    bd_rate: tuple[BdRate, ...]
    """One for each encoder but the anchor; empty without an anchor."""
    bd_matrix: tuple[BdRate, ...] = ()
    """One for each encoder against each other one, of several targets; else empty."""
    notes: tuple[str, ...] = ()
    """What an engineer should know of the comparison, in sentences; those about a row stand in the
    row."""

    @staticmethod
    def at(targets: tuple[float, ...], **fields: Any) -> CompareResult:
        """Make the result for a number of targets.

        Args:
            targets: In ascending order.
            fields: All others.
        """
        if len(targets) == 1:
            return CompareOneTarget(target_vmaf=targets[0], **fields)
        return CompareTargets(target_vmafs=targets, **fields)

    @property
    def targets(self) -> tuple[float, ...]:
        """In ascending order."""
        return tuple(dict.fromkeys(row.target_vmaf for row in self.rows))

    @property
    def state(self) -> State:
        """How it ended.

        `missed` where an unreachable target is the only thing that went wrong or other rows are
        ok, `failed` where every row failed for another reason.
        """
        kinds = {row.error_kind for row in self.rows}
        if kinds == {"unreachable"} or kinds >= {None, "unreachable"}:
            return "missed"
        return "done" if None in kinds else "failed"


_REST = (
    "tool_version wall_time_ms rows codecs model pool display comparison subsample backend "
    "backend_version ffmpeg_version hdr strategy new_probes max_bitrate_kbps anchor bd_rate "
    "bd_matrix notes damage filter"
)


@dataclass(frozen=True, kw_only=True)
class CompareOneTarget(CompareResult):
    """Which encoder needs the fewest bits to reach one target on a source."""

    leading: ClassVar[str] = f"src target_vmaf {_REST}"
    target_vmaf: Given
    """Pooled score to reach; a tie passes."""


@dataclass(frozen=True, kw_only=True)
class CompareTargets(CompareResult):
    """Which encoder needs the fewest bits to reach each of several targets on a source."""

    leading: ClassVar[str] = f"schema_version src target_vmafs {_REST}"
    schema_version: Literal[2] = 2
    """Version of this document's contract."""
    target_vmafs: tuple[Given, ...]
    """Pooled scores to reach, ascending."""
