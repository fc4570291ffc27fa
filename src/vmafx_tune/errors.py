"""All errors of vmafx-tune, in one tree.

::

    VmafxTuneError                     exit 1
    ├── UsageError                     exit 2   an option or a value makes no sense
    │   ├── UnknownEncoderError                 no such encoder; names the nearest ones
    │   ├── InvalidLadderError                  the resolutions or options cannot form a ladder
    │   └── IncomparableError                   two results are not of the same thing
    ├── MediaError                     exit 1   a source cannot be used
    │   ├── UnreadableSourceError               missing, empty, truncated, no video, wrong raw size
    │   │   └── SourceSupportError     exit 4   the packages that read it are missing
    │   ├── FormatMismatchError                 two clips cannot be brought to one format
    │   ├── FrameCountMismatchError             reference and distorted differ in length
    │   └── HdrRefusedError                     PQ or HLG without the user's consent
    ├── ToolError                      exit 1   a child process (argv, returncode, stderr_tail)
    │   ├── ToolNotFoundError          exit 4
    │   ├── ToolTimeoutError                    it made no progress for too long
    │   ├── ToolOutputError                     it succeeded, but what it printed makes no sense
    │   ├── EncodeFailedError
    │   └── EncoderUnavailableError    exit 4   this ffmpeg lacks it, or this machine cannot open it
    ├── ScoringError                   exit 1
    │   ├── LibvmafNotFoundError       exit 4   with every path tried
    │   ├── LibvmafCallError                    with the C function and its return code
    │   ├── ModelNotFoundError         exit 4
    │   └── MetricUnavailableError     exit 4   nothing here can compute it
    ├── SearchError                    exit 3
    │   ├── TargetUnreachableError              with the best probe and the limit that bound it
    │   ├── NonMonotoneError                    with the probes that contradict each other
    │   └── TooLargeError                       an encode is above the bitrate that it may have
    ├── ServiceError                   exit 1   a scoring server, or a client of one
    │   ├── BusyError                           its slots and its queue are full
    │   ├── DrainingError                       it is shutting down
    │   ├── DeadlineError                       the time allowed is over
    │   ├── MediaNotAllowedError                no file, or none that it may read
    │   ├── MemoryLimitError                    a score takes more memory than it may have
    │   ├── ScorerCrashedError                  the process that read the clips has crashed
    │   ├── InvalidFrameError                   frames sent to it are not what was announced
    │   ├── UnauthenticatedError                the bearer token is missing or wrong
    │   └── ServerUnreachableError              nothing answers at the address
    ├── ClusterError                   exit 1   a cluster cannot do the work
    │   ├── ClusterSupportError        exit 4   the packages that talk to clusters are missing
    │   ├── ClusterUnreachableError             no scheduler answers at the address
    │   └── ClusterWorkersError                 no worker can do it, with each one's reason
    ├── OutputError                    exit 1   a result or a work file cannot be written
    └── CancelledError                 exit 130 the user or a caller stopped the work
        └── ClusterLostError           exit 1   the cluster went away and took the work with it

Messages are plain sentences with the value and what to do; wrapping and colour belong to the
renderer. Each class maps to one exit code, held in `exit_code`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vmafx_tune.formatting import counted, given, rough_bitrate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.model import Probe

__all__ = [
    "BusyError",
    "CancelledError",
    "ClusterError",
    "ClusterLostError",
    "ClusterSupportError",
    "ClusterUnreachableError",
    "ClusterWorkersError",
    "DeadlineError",
    "DrainingError",
    "EncodeFailedError",
    "EncoderUnavailableError",
    "FormatMismatchError",
    "FrameCountMismatchError",
    "HdrRefusedError",
    "IncomparableError",
    "InvalidFrameError",
    "InvalidLadderError",
    "LibvmafCallError",
    "LibvmafNotFoundError",
    "MediaError",
    "MediaNotAllowedError",
    "MemoryLimitError",
    "MetricUnavailableError",
    "ModelNotFoundError",
    "NonMonotoneError",
    "OutputError",
    "ScorerCrashedError",
    "ScoringError",
    "SearchError",
    "ServerUnreachableError",
    "ServiceError",
    "SourceSupportError",
    "TargetUnreachableError",
    "TooLargeError",
    "ToolError",
    "ToolNotFoundError",
    "ToolOutputError",
    "ToolTimeoutError",
    "UnauthenticatedError",
    "UnknownEncoderError",
    "UnreadableSourceError",
    "UsageError",
    "VmafxTuneError",
]


class VmafxTuneError(Exception):
    """Base class of all errors; catch it to catch them all."""

    exit_code: ClassVar[int] = 1


class UsageError(VmafxTuneError):
    """An option or an argument is invalid, whatever the machine or the media."""

    exit_code: ClassVar[int] = 2


class UnknownEncoderError(UsageError):
    """The name is not that of an encoder in the registry.

    Attributes:
        name: What was asked for.
        nearest: Names that look like it, best first; may be empty.
    """

    def __init__(self, name: str, nearest: Sequence[str]) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f" Did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        super().__init__(
            f"Unknown encoder '{name}'.{hint} `vmafx-tune encoders` lists all encoders."
        )


class InvalidLadderError(UsageError):
    """The resolutions or options given cannot form a ladder."""


class IncomparableError(UsageError):
    """Two results are not of the same thing, so that their difference would say nothing."""


class MediaError(VmafxTuneError):
    """A source cannot be used as it is."""


class UnreadableSourceError(MediaError):
    """A source is missing, empty, truncated, without video, or not what it claims to be."""


class SourceSupportError(UnreadableSourceError):
    """The packages that read such sources are not installed."""

    exit_code: ClassVar[int] = 4


class FormatMismatchError(MediaError):
    """Two clips cannot be brought to one format for scoring."""


class FrameCountMismatchError(MediaError):
    """Reference and distorted have different numbers of frames.

    Attributes:
        reference_frames: Frames decoded from the reference.
        distorted_frames: Frames decoded from the distorted clip.

    Args:
        reference: Its name.
        reference_frames: Frames decoded from it.
        distorted: The distorted clip's name.
        distorted_frames: Frames decoded from it.
        hint: How the two are out of step, as a sentence; None where it is not known.
    """

    def __init__(
        self,
        reference: str,
        reference_frames: int,
        distorted: str,
        distorted_frames: int,
        *,
        hint: str | None = None,
    ) -> None:
        self.reference_frames = reference_frames
        self.distorted_frames = distorted_frames
        super().__init__(
            f"Frame counts differ: the reference '{reference}' has "
            f"{counted(reference_frames, 'frame')}, the distorted '{distorted}' has "
            f"{distorted_frames}. Frames are paired by index, so trim or re-encode one of them "
            f"until both have the same frames.{f' {hint}' if hint else ''}"
        )


class HdrRefusedError(MediaError):
    """The source is PQ or HLG, for which no public VMAF model is validated."""


class ToolError(VmafxTuneError):
    """A program failed.

    Attributes:
        argv: The command, one item per argument; empty when none was started.
        returncode: Its exit status, negative for a signal, None when it never ended by itself.
        stderr_tail: The last lines it printed to stderr.
    """

    def __init__(
        self,
        message: str,
        *,
        argv: Sequence[str] = (),
        returncode: int | None = None,
        stderr_tail: str = "",
    ) -> None:
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr_tail = stderr_tail
        super().__init__(message)


class ToolNotFoundError(ToolError):
    """A required program is not installed."""

    exit_code: ClassVar[int] = 4


class ToolTimeoutError(ToolError):
    """A program made no progress for longer than allowed and was stopped."""


class ToolOutputError(ToolError):
    """A program succeeded, but its output is invalid."""


class EncodeFailedError(ToolError):
    """An encode failed."""


class EncoderUnavailableError(ToolError):
    """An encoder is not compiled into this ffmpeg, or this machine cannot open it."""

    exit_code: ClassVar[int] = 4


class ScoringError(VmafxTuneError):
    """VMAF could not be computed."""


class LibvmafNotFoundError(ScoringError):
    """No usable libvmaf shared library was found.

    Attributes:
        tried: Pairs of (path tried, why it failed), in the order tried.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, tried: Sequence[tuple[str, str]]) -> None:
        self.tried = tuple(tried)
        listing = "; ".join(f"{path}: {reason}" for path, reason in self.tried) or "nothing to try"
        super().__init__(
            f"No usable libvmaf library was found ({listing}). Set VMAFX_LIBVMAF to one, or use "
            "--backend ffmpeg."
        )


class LibvmafCallError(ScoringError):
    """A libvmaf function returned an error code.

    Attributes:
        function: Name of the C function.
        code: What it returned (a negated errno).
    """

    def __init__(self, function: str, code: int, detail: str = "") -> None:
        self.function = function
        self.code = code
        super().__init__(f"libvmaf's {function} failed with code {code}{detail and f': {detail}'}.")


class ModelNotFoundError(ScoringError):
    """The VMAF model does not exist, or the backend does not have it."""

    exit_code: ClassVar[int] = 4


class MetricUnavailableError(ScoringError):
    """A metric is known, but what would compute it is not here, or too old."""

    exit_code: ClassVar[int] = 4


class SearchError(VmafxTuneError):
    """A search ended without an answer that reaches the target."""

    exit_code: ClassVar[int] = 3


class TargetUnreachableError(SearchError):
    """No step of the encoder's knob reaches the target.

    Attributes:
        best: The probe with the highest score, or None when nothing was measured.
        limit: What bound the search, as a clause: "the knob's range ends at crf 0", for example.
    """

    def __init__(self, message: str, *, best: Probe | None, limit: str) -> None:
        self.best = best
        self.limit = limit
        super().__init__(message)


class NonMonotoneError(SearchError):
    """Measured scores rise with worse steps so much that no answer can be proven.

    Attributes:
        probes: The probes that contradict each other, by step.
    """

    def __init__(self, message: str, *, probes: Sequence[Probe]) -> None:
        self.probes = tuple(probes)
        super().__init__(message)


class TooLargeError(SearchError):
    """An encode exceeds the bitrate limit.

    Attributes:
        limit_kbps: What it may have.
        at_least_kbps: What it has, or as much of it as was certain when it was stopped.
        recalled: Whether an earlier run found that out.
    """

    def __init__(self, limit_kbps: float, at_least_kbps: float, *, recalled: bool = False) -> None:
        self.limit_kbps = limit_kbps
        self.at_least_kbps = at_least_kbps
        self.recalled = recalled
        super().__init__(limit_kbps, at_least_kbps)

    def __str__(self) -> str:
        return (
            f"The encode takes {rough_bitrate(self.at_least_kbps)} kb/s or more, above the limit "
            f"of {given(self.limit_kbps)} kb/s. Raise the limit, or lower the target."
        )


class ServiceError(VmafxTuneError):
    """A scoring server or its client failed."""


class BusyError(ServiceError):
    """All slots of the server are in use and its queue is full, or too long for the deadline.

    Attributes:
        retry_after_s: After how many seconds a place may have come free; at least 1.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class DrainingError(ServiceError):
    """The server is shutting down; use another one."""

    def __init__(self, message: str = "The server is shutting down. Use another one.") -> None:
        super().__init__(message)


class DeadlineError(ServiceError):
    """A request took longer than allowed."""


class MediaNotAllowedError(ServiceError):
    """A name is not a file that the server may read.

    Whether the file is missing, no regular file, or outside of the media roots looks the same, so
    that clients cannot find out what else is on the server.
    """


class MemoryLimitError(ServiceError):
    """A score needs more memory than the server allows."""


class ScorerCrashedError(ServiceError):
    """The process that read the clips of a score crashed."""


class InvalidFrameError(ServiceError):
    """A message of a frame stream is invalid."""


class UnauthenticatedError(ServiceError):
    """The bearer token is missing or wrong."""


class ServerUnreachableError(ServiceError):
    """No scoring server answers at the address."""


class ClusterError(VmafxTuneError):
    """A cluster failed."""


class ClusterSupportError(ClusterError):
    """The `cluster` extra is not installed."""

    exit_code: ClassVar[int] = 4


class ClusterUnreachableError(ClusterError):
    """No Dask scheduler answers at the address."""


class ClusterWorkersError(ClusterError):
    """No worker of the cluster is usable.

    Attributes:
        reasons: Pairs of (address of a worker, why it cannot).
    """

    def __init__(self, message: str, reasons: Sequence[tuple[str, str]] = ()) -> None:
        self.reasons = tuple(reasons)
        super().__init__(message)


class OutputError(VmafxTuneError):
    """A result or a work file cannot be written."""


class CancelledError(VmafxTuneError):
    """The work was cancelled."""

    exit_code: ClassVar[int] = 130


class ClusterLostError(CancelledError):
    """The connection to the cluster was lost during a run."""

    exit_code: ClassVar[int] = 1
