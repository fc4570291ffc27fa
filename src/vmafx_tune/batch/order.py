"""What a batch is asked to do with its sources, and what makes a source the same as before."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.batch.inputs import VIDEO_SUFFIXES
from vmafx_tune.batch.jobs import options_digest
from vmafx_tune.encode.per_shot import checked_mode
from vmafx_tune.errors import UsageError
from vmafx_tune.files import is_folder
from vmafx_tune.frozen import frozen
from vmafx_tune.ladder.rung_options import checked_rungs
from vmafx_tune.media.file_facts import file_signature
from vmafx_tune.options import DEFAULT_ENCODERS, ScoringOptions
from vmafx_tune.parsing import is_url
from vmafx_tune.prepared_source import row_of
from vmafx_tune.scoring.conditions import parse_conditions
from vmafx_tune.scoring.models import widest_model
from vmafx_tune.scoring.targets import checked_score, checked_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmafx_tune.batch.jobs import BatchJob
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.model import VmafModel

__all__ = ["Order", "source_bytes"]

# What batch itself gives to the functions of commands, or makes of what they return.
_OWN = frozenset({"source", "output", "distorted", "tools", "observe", "session", "sampler"})
_OF_BATCH = frozenset({"frames"})


@frozen
class Order:
    """What is done with each source.

    Attributes:
        command: `search`, `score`, `encode`, `compare` or `ladder`.
        folder: Where the results go.
        options: Arguments of the command's function, by name.
        suffix: Of encoded files, with its dot.
    """

    command: str
    folder: Path
    options: Mapping[str, Any]
    suffix: str

    @property
    def function(self) -> Callable[..., Any]:
        """The function of the command."""
        module = import_module(f"vmafx_tune.{self.command}.run")
        function: Callable[..., Any] = getattr(module, self.command)
        return function

    def options_of(self, job: BatchJob) -> dict[str, Any]:
        """Put a source's own options before those of all."""
        return {**self.options, **job.options}

    def check(self, jobs: Iterable[BatchJob]) -> None:
        """Refuse options that the command lacks or needs, and those that no source can meet.

        Raises:
            UsageError: There are such options, or no source's model could give a score asked for.
            ModelNotFoundError: There is no such model.
            ToolNotFoundError: The extra `shots` is not installed, and needed.
        """
        model_of = cache(widest_model)
        known = (signature(self.function).parameters.keys() - _OWN) | _OF_BATCH
        for job in jobs:
            options = self.options_of(job)
            if unknown := options.keys() - known:
                raise UsageError(f"{self.command} has no option '{min(unknown)}'.")
            if self.command == "score" and not options.get("reference"):
                raise UsageError(
                    f"There is no reference for {job.label}. Name a clip, or a folder of clips, "
                    "with -r."
                )
            scoring = options.get("scoring") or ScoringOptions()
            try:
                _check_scores(options, model_of(scoring.model))
                if self.command == "encode":
                    checked_mode(
                        options.get("per_shot"),
                        options.get("min_shot_s"),
                        options.get("encoding"),
                        row_of(options.get("encoder", DEFAULT_ENCODERS[0])),
                    )
            except UsageError as error:
                if not (job.line and job.options):
                    raise
                raise UsageError(f"{job.line[0].upper()}{job.line[1:]}: {error}") from error

    def identity(self, job: BatchJob) -> str:
        """Identify what is done with a source, but for the source."""
        suffix = {"suffix": self.suffix} if self.command == "encode" else {}
        return options_digest(self.command, self.options_of(job) | suffix)

    def sources(self, job: BatchJob) -> tuple[str, ...]:
        """Name all that is read for a source: itself, and what it is compared with."""
        return (job.source, self.reference(job)) if self.command == "score" else (job.source,)

    def reference(self, job: BatchJob) -> str:
        """Find what a distorted clip is compared with: the clip named, or that of a folder."""
        named = str(self.options_of(job)["reference"])
        if is_url(named) or not is_folder(Path(named)):
            return named
        beside = Path(named, job.name)
        with suppress(OSError):
            for path in sorted(beside.parent.iterdir()):
                if path.stem == beside.name and path.suffix.lower() in VIDEO_SUFFIXES:
                    return str(path)
        return f"{beside}{Path(job.source).suffix}"

    def signature(self, job: BatchJob) -> str:
        """What the file system says of all that is read for a source; empty where a part is gone.

        Device and inode are left out: the same disk may be mounted elsewhere.
        """
        parts = []
        for name in self.sources(job):
            found = None if is_url(name) else file_signature(Path(name))
            if found is None and not is_url(name):
                return ""
            parts.append(name if found is None else ":".join(map(str, found[2:])))
        return " ".join(parts)

    def digest(self, job: BatchJob, facts: FileFacts) -> str:
        """Identify the content of all that is read for a source; of URLs, the address.

        Returns:
            Empty where a part cannot be read.
        """
        try:
            return " ".join(
                name if is_url(name) else facts.digest(Path(name)) for name in self.sources(job)
            )
        except OSError:
            return ""


def _check_scores(options: Mapping[str, Any], model: VmafModel) -> None:
    """Refuse scores that a model cannot give, among the arguments of any command."""
    target = (options["target"],) if "target" in options else ()
    checked_targets(
        (*target, *options.get("targets", ()), *options.get("fallback_targets", ())), model
    )
    if (least := options.get("min_score")) is not None:
        checked_score(least, model, "A minimum score")
    parse_conditions(options.get("require", ()), model)
    checked_rungs(options.get("rungs"), model)


def source_bytes(job: BatchJob) -> float:
    """How large a source is, which tells about how long it takes beside others.

    Returns:
        At least 1.
    """
    found = None if is_url(job.source) else file_signature(Path(job.source))
    return 1.0 if found is None else 1.0 + found[2]
