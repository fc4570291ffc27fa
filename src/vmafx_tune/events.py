"""Events of a running command: one typed stream, three renderers.

A terminal draws bars from it, `--progress json` writes lines, and `--quiet` drops it. Workflows
call the observer from whichever thread the event happens in, so observers must be thread-safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from vmafx_tune.model import Probe

__all__ = [
    "BatchStarted",
    "CellFinished",
    "CompareStarted",
    "Event",
    "FileFinished",
    "FileStarted",
    "FramesDone",
    "JobFinished",
    "JobPlanned",
    "JobStarted",
    "LadderStarted",
    "Observer",
    "ProbeFailed",
    "ProbeFinished",
    "ProbeStarted",
    "ProbeStopped",
    "Warned",
    "ignore",
]


@frozen
class Warned:
    """A warning; the work goes on.

    Attributes:
        message: The warning, as a sentence.
    """

    message: str


@frozen
class JobStarted:
    """Work on one job (an encoder, or a pair of clips) begins.

    Attributes:
        job: Stable key that the job's other events repeat, such as the encoder's name.
        n_frames: Frames of the source, or of the parts of it that stand for the whole.
    """

    job: str
    n_frames: int


@frozen
class JobPlanned:
    """What a job is expected to take from now on; comes again where that changes.

    Attributes:
        job: Key of the job.
        work: What each of its probes takes, in that of a frame.
        probes_expected: About how many probes it takes, after one that is under way.
        encode_cost: What the encode of a frame should take, where its score takes 1.
    """

    job: str
    work: float
    probes_expected: float
    encode_cost: float


@frozen
class ProbeStarted:
    """A trial encode begins.

    Attributes:
        job: Key of the job.
        number: Counts the job's probes from 1.
        quality: Value of the quality knob.
        target: The score that the search is after.
        look: Whether it is a cheap look, at parts of the clip or with a faster preset; looks are
            counted by themselves.
        knob: What the encoder calls its quality knob.
        n_frames: Frames that it encodes and scores.
        work: What it takes, in that of a frame; starting the programs takes some too.
    """

    job: str
    number: int
    quality: float
    target: float
    look: bool = False
    knob: str = "crf"
    n_frames: int = 0
    work: float = 0.0


@frozen
class FramesDone:
    """A stage of a job moved on.

    Attributes:
        job: Key of the job.
        stage: `encode`, `score`, `wait` for another process's probe, `detect` where cuts are looked
            for, or `ceiling`: the source is scored against itself, of which no frames are counted.
        frames_done: Of the stage; 0 when it begins.
    """

    job: str
    stage: str
    frames_done: int


@frozen
class ProbeFinished:
    """A trial encode is measured.

    Attributes:
        job: Key of the job.
        number: Counts the job's probes from 1.
        probe: What was measured.
        vmaf: Its pooled score.
        target: The score that the search is after.
        probes_left: How many more the search may need at most.
        look: Whether it was a look: at parts of the clip, or with another preset than the search.
        probes_expected: About how many more probes of its kind come.
    """

    job: str
    number: int
    probe: Probe
    vmaf: float
    target: float
    probes_left: int
    look: bool = False
    probes_expected: float = 0.0


@frozen
class ProbeStopped:
    """A trial encode is above the bitrate that it may have: it was stopped, and is not scored.

    Attributes:
        job: Key of the job.
        number: Counts the job's probes from 1.
        quality: Value of the quality knob.
        target: The score that the search is after.
        limit_kbps: What it may have.
        recalled: Whether an earlier run found that out, and nothing was encoded.
        probes_left: How many more probes the search may need at most.
        probes_expected: About how many more come.
    """

    job: str
    number: int
    quality: float
    target: float
    limit_kbps: float
    recalled: bool
    probes_left: int
    probes_expected: float = 0.0


@frozen
class ProbeFailed:
    """A trial encode, or its score, failed.

    Attributes:
        job: Key of the job.
        number: Counts the job's probes from 1.
        quality: Value of the quality knob.
        error: Why, as a sentence.
    """

    job: str
    number: int
    quality: float
    error: str


@frozen
class LadderStarted:
    """Work on a ladder begins; its jobs are the resolutions.

    Attributes:
        jobs: How many resolutions there are.
        cells: Resolutions times targets.
        workers: Resolutions worked on at once.
        encoder: What its encodes are made with; empty where a caller's own sampler fills the cells.
        adaptive: Whether cells are read from the measured points at the end, not searched.
    """

    jobs: int
    cells: int
    workers: int
    encoder: str = ""
    adaptive: bool = False


@frozen
class CompareStarted:
    """Work on a comparison begins; its jobs are the encoders.

    Attributes:
        jobs: How many encoders there are.
        workers: Encoders worked on at once.
    """

    jobs: int
    workers: int


@frozen
class BatchStarted:
    """Work on the sources of a batch begins; its jobs are named after the sources.

    Attributes:
        files: Sources, those included that are done already.
        files_done: Sources that are done already.
        workers: Sources worked on at once.
        work: What all that are not done take, in any unit.
    """

    files: int
    files_done: int
    workers: int
    work: float


@frozen
class FileStarted:
    """Work on a source of a batch begins.

    Attributes:
        file: Name of its results; those of its jobs begin with it.
        work: What it takes, in the unit of `BatchStarted`.
    """

    file: str
    work: float


@frozen
class FileFinished:
    """Work on a source of a batch ended.

    Attributes:
        file: Name of its results.
        state: `done`, `missed` where a target was not reached, or `failed`.
        summary: A sentence for people.
        files_done: Sources of the whole batch that have ended, this one included.
        files_running: Sources that are worked on now.
        files_failed: Sources of the whole batch that have failed.
    """

    file: str
    state: str
    summary: str
    files_done: int
    files_running: int
    files_failed: int


@frozen
class CellFinished:
    """One cell of a ladder, a resolution at a target, has its answer or failed.

    Attributes:
        job: The resolution.
        target: The score that the search is after.
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


@frozen
class JobFinished:
    """Work on one job ended.

    Attributes:
        job: Key of the job.
        ok: Whether it has its result.
        summary: A sentence for people.
    """

    job: str
    ok: bool
    summary: str


Event = (
    Warned
    | LadderStarted
    | CompareStarted
    | BatchStarted
    | FileStarted
    | FileFinished
    | JobPlanned
    | JobStarted
    | ProbeStarted
    | FramesDone
    | ProbeFinished
    | ProbeStopped
    | ProbeFailed
    | CellFinished
    | JobFinished
)


class Observer(Protocol):
    """Receives events; must be quick and thread-safe."""

    def __call__(self, event: Event, /) -> None:
        """Take note of `event`."""


def ignore(event: Event, /) -> None:
    """Do nothing with an event: the silent observer."""
