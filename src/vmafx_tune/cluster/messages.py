"""Messages between client and workers, and sentences about how machines differ.

Messages are frozen and made of plain values, see `coding`. Paths are as the client names them.
They are read by whatever version of vmafx-tune a worker has, so they are plain JSON with
the version outside: a pickle of another version would fail before anyone could say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from vmafx_tune import coding, errors
from vmafx_tune._version import __version__
from vmafx_tune.frozen import frozen
from vmafx_tune.model import Probe, ProbeSpec, ScoreSet, VmafModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.errors import VmafxTuneError

__all__ = [
    "PROGRESS",
    "Answer",
    "Failure",
    "FileRef",
    "ForeignVersionError",
    "Inquiry",
    "Job",
    "Kit",
    "Report",
    "difference",
    "failure_of",
    "listing",
    "pack",
    "raised",
    "unpack",
]

T = TypeVar("T")

PROGRESS = "vmafx-tune"
"""Name under which workers tell the progress of their jobs with their heartbeats."""


class ForeignVersionError(Exception):
    """A message was written by another version.

    Attributes:
        version: Which one.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"The message comes from vmafx-tune {version}, and this is {__version__}.")


def pack(body: object) -> bytes:
    """Write a message."""
    return coding.pack({"version": __version__, "body": body})


def unpack(kind: type[T], data: bytes) -> T:
    """Read what `pack` wrote.

    Args:
        kind: The message that was written.
        data: The bytes.

    Raises:
        ForeignVersionError: Another version wrote it.
    """
    parcel = coding.unpack(data)
    if parcel["version"] != __version__:
        raise ForeignVersionError(parcel["version"])
    return coding.build(kind, parcel["body"])


@dataclass_transform(frozen_default=True)
def message(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose annotations are read at run time by `unpack`."""
    return frozen(cls)


@message
class Kit:
    """Which programs workers are to use.

    Attributes:
        ffmpeg: The ffmpeg that the user named; None for whichever a worker finds by itself.
        vmaf: Likewise Netflix's `vmaf` program.
        timeout_s: A program that makes no progress for so long is stopped.
    """

    ffmpeg: str | None
    vmaf: str | None
    timeout_s: float


@message
class FileRef:
    """A file that a probe needs, by name and content.

    Attributes:
        path: Absolute for sources and models; files named in encoder arguments as they are there.
        digest: Of its content, see `media.file_facts`.
        size_bytes: Its length.
        url: Where it is fetched from where the path is not seen; None for nowhere.
        ranges: The bytes of what is at the URL that a probe reads; empty for all.
        ranges_digest: Of these bytes; empty likewise.
    """

    path: str
    digest: str
    size_bytes: int
    url: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    ranges_digest: str = ""

    @property
    def needed(self) -> str:
        """Identifies what a worker has to have of it."""
        return self.ranges_digest or self.digest


@message
class Inquiry:
    """Asks what a worker would contribute to the outcome of probes.

    Attributes:
        backend: Name of the scoring backend, or `auto`; None where an encoder is asked for.
        model: What it is to score with; None likewise.
        model_file: The file of a custom model.
        encoder: ffmpeg's name of the encoder; None where a backend is asked for.
        metrics: What the backend is to compute beside VMAF.
    """

    kit: Kit
    backend: str | None = None
    model: VmafModel | None = None
    model_file: FileRef | None = None
    encoder: str | None = None
    metrics: tuple[str, ...] = ()


@message
class Report:
    """What a worker answers to an `Inquiry`.

    Attributes:
        facts: What `probing.keys.Setup` tells of it; None where the worker cannot do it.
        reason: Why not, as a sentence.
        name: Name of the backend that was chosen; empty for an encoder.
        version: The backend's or the encoder's version.
        ffmpeg: Path of the ffmpeg that is used.
        ffmpeg_version: As it calls itself.
    """

    facts: Mapping[str, Any] | None
    reason: str | None = None
    name: str = ""
    version: str = ""
    ffmpeg: str = ""
    ffmpeg_version: str = ""


@message
class Job:
    """One probe, or the score of a source against itself.

    Attributes:
        backend: Name of the scoring backend; never `auto`.
        spec: What to measure; the paths in it are those of the client.
        source: The source's file.
        model: The model's file, for a custom one.
        files: Files that the encoder's arguments name.
        scoring: Facts that the worker's scoring must have.
        encoding: Facts that its encoding must have; None where nothing is encoded.
        ticket: Tells this job's progress from that of all others; None where nobody follows it.
    """

    kit: Kit
    backend: str
    spec: ProbeSpec
    source: FileRef
    model: FileRef | None
    files: tuple[FileRef, ...]
    scoring: Mapping[str, Any]
    encoding: Mapping[str, Any] | None
    ticket: str | None = None


@message
class Failure:
    """An error of our own tree, on its way to the client.

    Attributes:
        name: Name of its class.
        message: What it says.
        details: Its attributes, of plain values.
        elsewhere: Whether another worker may be luckier.
    """

    name: str
    message: str
    details: Mapping[str, Any]
    elsewhere: bool = False


@message
class Answer:
    """What became of a job: one of the three, and the address of the worker that tells."""

    probe: Probe | None = None
    scores: ScoreSet | None = None
    failure: Failure | None = None
    worker: str = ""


# What goes wrong with these is the machine's fault as a rule, and another one may do better.
_ELSEWHERE = (
    errors.ClusterError,
    errors.EncoderUnavailableError,
    errors.LibvmafNotFoundError,
    errors.MetricUnavailableError,
    errors.ModelNotFoundError,
    errors.OutputError,
    errors.ToolNotFoundError,
)


def failure_of(error: VmafxTuneError) -> Failure:
    """Write an error down."""
    details = {name: value for name, value in vars(error).items() if _is_plain(value)}
    return Failure(type(error).__name__, str(error), details, isinstance(error, _ELSEWHERE))


def raised(failure: Failure) -> VmafxTuneError:
    """Make the error again: of the same class, with the same message and attributes."""
    kind = getattr(errors, failure.name, errors.VmafxTuneError)
    error: VmafxTuneError = kind.__new__(kind)
    # Each class has a constructor of its own that builds the message, which is here already.
    error.args = (failure.message,)
    vars(error).update({name: _with_tuples(value) for name, value in failure.details.items()})
    return error


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | int | float)


def _with_tuples(value: Any) -> Any:
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value


_WORDS = {
    "ffmpeg": "another ffmpeg",
    "scoring_files": "other programs or libraries that score",
    "devices": "other hardware or drivers",
}
_NAMES = {
    "processors": "it sees {found} instead of {expected}, and encoders choose their threads by "
    "it; use --threads to make workers equal",
    "machine": "its processor is {found} instead of {expected}",
    "encoder_version": "its encoder is {found} instead of {expected}",
    "scorer": "it scores with {found} instead of {expected}",
}


def difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    """Say what tells a machine's facts from those that are expected.

    Args:
        found: The machine's, see `probing.keys.Setup`; may hold more than is expected.
        expected: What decides.

    Returns:
        A clause; None where they agree.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            return _clause(name, found.get(name), value)
    return None


def listing(reasons: Iterable[tuple[str, str]]) -> str:
    """Write who says what, and what is said by several once.

    Args:
        reasons: Pairs of (address, sentence).
    """
    speakers: dict[str, list[str]] = {}
    for address, reason in reasons:
        speakers.setdefault(reason.rstrip("."), []).append(address)
    return " ".join(f"{', '.join(who)}: {reason}." for reason, who in speakers.items())


def _clause(name: str, found: Any, expected: Any) -> str:
    if name in _WORDS:
        return f"it has {_WORDS[name]}"
    return _NAMES[name].format(found=_text(found), expected=_text(expected))


def _text(value: Any) -> str:
    return " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
