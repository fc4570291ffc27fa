"""What workflows tell while they run: one stream of typed events, three renderers.

A terminal draws bars from it, `--progress json` writes lines, and `--quiet` drops it. Workflows
call the observer from whichever thread the event happens in, so observers must be thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vmafx_tune.model import Probe

__all__ = [
    "CellFinished",
    "Event",
    "FramesDone",
    "JobFinished",
    "JobStarted",
    "LadderStarted",
    "Observer",
    "ProbeFinished",
    "ProbeStarted",
    "ProbeStopped",
    "Warned",
    "ignore",
]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know, and the work goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """Work on one job (an encoder, or a pair of clips) begins.

    Attributes:
        job: Stable key that the job's other events repeat, such as the encoder's name.
        n_frames: Frames of the source, for progress within a stage.
        probes_expected: How many probes it will take at most; None where it cannot be said.
    """

    job: str
    n_frames: int
    probes_expected: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeStarted:
    """A trial encode begins.

    Attributes:
        number: Counts the job's probes from 1.
        quality: Value of the quality knob.
        target: The score that the search is after.
        look: Whether it is a cheap look at parts of the clip; looks are counted by themselves.
    """

    job: str
    number: int
    quality: float
    target: float
    look: bool = False


@dataclass(frozen=True, slots=True)
class FramesDone:
    """A stage of a job moved on: `encode`, `score`, or `wait` for another process's probe."""

    job: str
    stage: str
    frames_done: int


@dataclass(frozen=True, slots=True)
class ProbeFinished:
    """A trial encode is measured.

    Attributes:
        vmaf: Its pooled score.
        probes_left: How many more the search may need at most.
        look: Whether it was a look, and all it measured are parts of the clip.
    """

    job: str
    number: int
    probe: Probe
    vmaf: float
    target: float
    probes_left: int
    look: bool = False


@dataclass(frozen=True, slots=True)
class ProbeStopped:
    """A trial encode is above the bitrate that it may have: it was stopped, and is not scored.

    Attributes:
        limit_kbps: What it may have.
        recalled: Whether an earlier run found that out, and nothing was encoded.
        probes_left: How many more probes the search may need at most.
    """

    job: str
    number: int
    quality: float
    target: float
    limit_kbps: float
    recalled: bool
    probes_left: int


@dataclass(frozen=True, slots=True)
class LadderStarted:
    """Work on a ladder begins; its jobs are the resolutions.

    Attributes:
        jobs: How many resolutions there are.
        cells: Resolutions times targets.
        workers: Resolutions worked on at once.
    """

    jobs: int
    cells: int
    workers: int


@dataclass(frozen=True, slots=True)
class CellFinished:
    """One cell of a ladder, a resolution at a target, has its answer or failed.

    Attributes:
        job: The resolution.
        quality: Value of the quality knob; None, as the next two, in a failed cell.
        bitrate_kbps: Average video bitrate.
        vmaf: Pooled score.
        cells_done: Cells of the whole ladder that are finished, this one included.
        cells: All cells of the ladder.
        error: Why it failed, as a sentence; None when it is ok.
    """

    job: str
    target: float
    quality: float | None
    bitrate_kbps: float | None
    vmaf: float | None
    cells_done: int
    cells: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Work on one job ended.

    Attributes:
        ok: Whether it has its result.
        summary: A sentence for people.
    """

    job: str
    ok: bool
    summary: str


Event = (
    Warned
    | LadderStarted
    | JobStarted
    | ProbeStarted
    | FramesDone
    | ProbeFinished
    | ProbeStopped
    | CellFinished
    | JobFinished
)


class Observer(Protocol):
    """Receives events; must be quick and thread-safe."""

    def __call__(self, event: Event, /) -> None:
        """Take note of `event`."""


def ignore(event: Event, /) -> None:
    """Do nothing with an event: the silent observer."""
