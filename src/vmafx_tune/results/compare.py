"""What `compare` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.results.record import Result

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import Comparison, PoolMethod, Resolution, Source, VmafModel
    from vmafx_tune.results.search import SearchResult

__all__ = ["BdRate", "CompareResult", "CompareRow"]


@dataclass(frozen=True, slots=True)
class BdRate:
    """Bjøntegaard delta rate of one encoder against the anchor.

    Attributes:
        encoder: The encoder under test.
        anchor: The encoder it is held against.
        percent: Bitrate difference at equal quality; negative means fewer bits. None where it
            cannot be computed, and `reason` says why.
        overlap: VMAF interval over which both curves were integrated.
        n_points: Points used of (encoder, anchor).
    """

    encoder: str
    anchor: str
    percent: float | None
    overlap: tuple[float, float] | None
    n_points: tuple[int, int]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One encoder at one target.

    Attributes:
        search: What the search found or measured before it failed; None where the encoder cannot
            run here.
        error: Why the row failed, as a plain sentence; None when it is ok.
        error_kind: `unreachable` when only the target was out of reach, else `failed`.
    """

    encoder: str
    target: float
    search: SearchResult | None
    error: str | None = None
    error_kind: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the row has its answer."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class CompareResult(Result):
    """Outcome of `compare`.

    Attributes:
        targets: In ascending order.
        rows: Grouped by target; within one, ok rows by bitrate then encoder, failed rows last.
        bd_rates: One for each encoder but the anchor; empty without an anchor.
        ffmpeg: Path of the ffmpeg used.
        strategy: How the searches chose their probes.
        max_bitrate_kbps: What an answer may have; None for no limit.
        notes: Sentences about the comparison that an engineer should know; those about a row are
            its search's.
    """

    command: ClassVar[str] = "compare"
    source: Source
    encoders: tuple[str, ...]
    targets: tuple[float, ...]
    model: VmafModel
    pool: PoolMethod
    display: Resolution
    subsample: int
    rows: tuple[CompareRow, ...]
    bd_rates: tuple[BdRate, ...]
    anchor: str | None
    wall_time_s: float
    ffmpeg: Path
    ffmpeg_version: str
    backend: str
    backend_version: str
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE
    max_bitrate_kbps: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def comparison(self) -> Comparison | None:
        """What source and encodes were brought to in the first row that says so; else None.

        An encoder that adds depth may have its row compared in another format than the others.
        """
        told = (row.search.comparison for row in self.rows if row.search)
        return next((comparison for comparison in told if comparison is not None), None)

    @property
    def new_probes(self) -> int:
        """Encodes that this run had to make, those that were stopped included."""
        return sum(row.search.new_probes for row in self.rows if row.search)
