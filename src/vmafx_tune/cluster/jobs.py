"""Jobs for workers: a probe, with the content of all that it needs and what has to be expected."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmafx_tune.cluster.messages import FileRef, Inquiry, Job
from vmafx_tune.encoders.named_files import filter_files, named_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vmafx_tune.cluster.eligibility import EligibleWorkers
    from vmafx_tune.cluster.messages import Kit
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.model import ProbeSpec

__all__ = ["Assignment", "JobWriter", "file_ref"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job, and whom it may be given to.

    Attributes:
        needs: The facts that a worker must have, by the inquiry that it tells them to.
        name: What messages call it.
    """

    job: Job
    needs: Mapping[Inquiry, Mapping[str, Any]]
    name: str


class JobWriter:
    """Writes jobs for one scorer.

    Args:
        kit: Which programs workers use.
        scoring: What the workers were asked about scoring; names the backend.
        eligible: Tells the reports that count.
        facts: Tells files by their content.
        url_of: Names the URL that a file was fetched from; None for others.
    """

    def __init__(
        self,
        kit: Kit,
        scoring: Inquiry,
        *,
        eligible: EligibleWorkers,
        facts: FileFacts,
        url_of: Callable[[Path], str | None],
    ) -> None:
        self._kit = kit
        self._scoring = scoring
        self._eligible = eligible
        self._facts = facts
        self._url_of = url_of

    def probe(self, spec: ProbeSpec) -> Assignment:
        """Write the job of a probe.

        Raises:
            OSError: A file cannot be read.
            ClusterWorkersError: No worker has the encoder.
        """
        inquiry = Inquiry(self._kit, encoder=spec.encode.encoder)
        facts = dict(self._eligible.agreed(inquiry, among=self._scoring).facts or {})
        if spec.encode.threads is not None:
            del facts["processors"]
        assignment = self.itself(spec)
        encode = spec.encode
        return Assignment(
            dataclasses.replace(assignment.job, encoding=facts),
            {**assignment.needs, inquiry: facts},
            f"'{encode.source.path}' with {encode.encoder} at {encode.quality:g}",
        )

    def itself(self, spec: ProbeSpec) -> Assignment:
        """Write the job of the source's score against itself.

        Raises:
            OSError: A file cannot be read.
        """
        report = self._eligible.agreed(self._scoring)
        scoring = dict(report.facts or {})
        path = spec.encode.source.path
        job = Job(
            kit=self._kit,
            backend=report.name,
            spec=spec,
            source=self._file(path.absolute(), self._url_of(path)),
            model=None if spec.model.path is None else self._file(spec.model.path),
            files=tuple(
                self._file(file)
                for file in (
                    *named_files(spec.encode.extra_args),
                    *filter_files(spec.encode.source.filters),
                )
            ),
            scoring=scoring,
            encoding=None,
        )
        return Assignment(job, {self._scoring: scoring}, f"'{path}' against itself")

    def _file(self, path: Path, url: str | None = None) -> FileRef:
        return file_ref(path, self._facts, url)


def file_ref(path: Path, facts: FileFacts, url: str | None = None) -> FileRef:
    """Tell a file by its content.

    Raises:
        OSError: It cannot be read.
    """
    return FileRef(str(path), facts.digest(path), path.stat().st_size, url)
