"""What `batch` returns: how each source ended, and how many ended in which way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vmafx_tune.results.record import (
    Given,
    NotNegative,
    PathText,
    Positive,
    Quality,
    Record,
    Result,
    Span,
)

__all__ = ["BatchFile", "BatchResult"]


@dataclass(frozen=True, kw_only=True)
class BatchFile(Record):
    """One source of a batch, and what was found for it."""

    name: str
    """What its results are called in the folder, without a suffix."""
    src: str
    """The source, as it was named or found."""
    state: Literal["done", "missed", "failed"]
    """`done`; `missed` where a target was not reached; `failed` where there is no result."""
    error: str | None = None
    """Why it is not done, as a sentence."""
    earlier: bool = False
    """Whether an earlier run, or another one at the same time, finished it."""
    result: str | None = None
    """Name of its JSON document in the folder; null where it failed."""
    output: str | None = None
    """Name of the encoded file in the folder; null where none was written."""
    codec: str | None = None
    """ffmpeg's encoder name; of a comparison, that of the first row."""
    target_vmaf: Given | None = None
    """Pooled score to reach; of a comparison, that of the first row."""
    best_crf: Quality | None = None
    """The answer's setting; null for an encode in which each shot has its own."""
    bitrate_kbps: float | None = None
    """Bitrate of the answer; of a ladder, that of its top rung."""
    vmaf_score: float | None = None
    """Pooled score of the answer, of the top rung, or of `score`."""
    estimated: bool = False
    """The answer is an estimate, of --proof none."""
    rungs: NotNegative | None = None
    """Rungs of a ladder."""
    size_bytes: NotNegative | None = None
    """Size of the encoded file."""
    size_percent: Positive | None = None
    """The same in percent of the source's file."""
    new_probes: NotNegative = 0
    """Encodes that were made to find the answer."""
    wall_time_ms: Span = 0.0
    """How long it took, in the run that finished it."""

    @property
    def ok(self) -> bool:
        """Whether it is done."""
        return self.state == "done"


@dataclass(frozen=True, kw_only=True)
class BatchResult(Result):
    """One command for many sources."""

    command: ClassVar[str] = "batch"
    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    tool_version: str
    """Version of vmafx-tune."""
    batch: str
    """The command: `search`, `score`, `encode`, `compare` or `ladder`."""
    output: PathText
    """The folder with the results."""
    n_files: NotNegative
    """Sources."""
    n_done: NotNegative
    """Sources that are done."""
    n_missed: NotNegative
    """Sources whose target was not reached."""
    n_failed: NotNegative
    """Sources that have no result."""
    n_earlier: NotNegative
    """Sources of all of these that another run had finished."""
    new_probes: NotNegative
    """Encodes that this run made for its answers."""
    wall_time_ms: Span
    """How long the run took."""
    files: tuple[BatchFile, ...]
    """The sources, in the order in which they were named or found."""
