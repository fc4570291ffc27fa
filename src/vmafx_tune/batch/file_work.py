"""The work on one source of a batch: done before, or done now and put in its place."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.batch.learning import MeasuredCurve, measured_curves
from vmafx_tune.batch.state import FileState
from vmafx_tune.batch.summary import failed_file, found_file
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import (
    CancelledError,
    OutputError,
    UnreadableSourceError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.events import (
    BatchStarted,
    CellFinished,
    CompareStarted,
    FileFinished,
    FileStarted,
    LadderStarted,
    Observer,
    Warned,
)
from vmafx_tune.media.output_file import exists, written_whole
from vmafx_tune.options import DeliveryOptions, EncodingOptions
from vmafx_tune.reports.json_csv import dumps
from vmafx_tune.results.encode import EncodeResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.batch.jobs import BatchJob
    from vmafx_tune.batch.learning import LearnedCurves
    from vmafx_tune.batch.order import Order
    from vmafx_tune.batch.state import BatchState
    from vmafx_tune.events import Event
    from vmafx_tune.results.batch import BatchFile
    from vmafx_tune.session import Session

__all__ = ["FileWork"]

_OUTPUT = "output"

_log = logging.getLogger(__name__)


class FileWork:
    """Works on sources, each in a session of its own. Thread-safe.

    Args:
        order: What to do.
        session: Has the programs, and what is known of files.
        state: Knows what is done.
        learned: Is told what was measured.
        began_s: When the run began: failures since then count as its own.
    """

    def __init__(
        self,
        order: Order,
        session: Session,
        state: BatchState,
        learned: LearnedCurves,
        *,
        began_s: float,
    ) -> None:
        self._order = order
        self._session = session
        self._state = state
        self._learned = learned
        self._began_s = began_s

    def done(self, job: BatchJob, before: FileState | None) -> BatchFile | None:
        """Tell what became of a source before, without a look into it; None where it is to be done.

        Args:
            job: The source.
            before: What is known of it.
        """
        if before is None or not self._holds(job, before):
            return None
        signature = self._order.signature(job)
        return _earlier(job, before) if signature and signature == before.signature else None

    def work(self, job: BatchJob, folder: Path) -> BatchFile:
        """Find out what another run has done with a source meanwhile, or do it.

        Args:
            job: The source; it is claimed.
            folder: For work files; what an earlier run left in it is taken up.

        Raises:
            CancelledError: The work was cancelled.
            OutputError: Its end cannot be noted.
        """
        before = self._state.get(job.name)
        if before is not None and before.document is not None:
            before = self._published(before, folder)
        if before is not None and self._holds(job, before):
            if found := self.done(job, before):
                return found
            if (digest := self._order.digest(job, self._session.facts)) == before.digest and digest:
                # It was copied, or touched.
                self._state.keep(replace(before, signature=self._order.signature(job)))
                return _earlier(job, before)
        return self._made(job, folder).file

    def _holds(self, job: BatchJob, before: FileState) -> bool:
        """Whether what was done is what is asked for, and its results are still there."""
        is_final = before.file.state != "failed" or before.ended_s >= self._began_s
        return (
            is_final
            and before.document is None
            and not (self._session.tools.refresh and before.ended_s < self._began_s)
            and before.options == self._order.identity(job)
            and all(_is_there(self._order.folder, *output) for output in before.outputs)
        )

    def _made(self, job: BatchJob, folder: Path) -> FileState:
        shutil.rmtree(folder, ignore_errors=True)
        try:
            made = self._tried(job, folder)
            self._state.keep(made)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if made.document is None:
            shutil.rmtree(folder, ignore_errors=True)
            return made
        return self._published(made, folder) or made

    def _tried(self, job: BatchJob, folder: Path) -> FileState:
        """Do what is asked; what goes wrong with a source is told of it, and ends nothing else."""
        order = self._order
        signature, document = order.signature(job), None
        curves: tuple[MeasuredCurve, ...] = ()
        options = order.options_of(job)
        try:
            result = self._result(job, options, folder)
            self._require_unchanged(job, signature)
            file = found_file(job, result, options)
            file, document = self._named(file, result, wants_frames=bool(options.get("frames")))
            encoding = options.get("encoding") or EncodingOptions()
            curves = tuple(measured_curves(result, encoding.preset))
            for curve in curves:
                self._learned.learn(curve)
        except CancelledError:
            raise
        except VmafxTuneError as error:
            file = failed_file(job, self._sentence(error, job, folder))
        except Exception as error:  # noqa: BLE001 - a fault with one source must not end the others
            _log.debug("Working on %s failed", job.source, exc_info=True)
            file = failed_file(job, f"Unexpected {type(error).__name__}: {error}.")
        return FileState(
            options=order.identity(job),
            signature=signature,
            digest=order.digest(job, self._session.facts) if signature else "",
            ended_s=time.time(),
            file=file,
            curves=tuple(curve.plain for curve in curves),
            document=document,
        )

    def _result(self, job: BatchJob, options: Mapping[str, Any], folder: Path) -> Any:
        self._check_outputs(job, options)
        names = options.keys() - {"reference", "sources", "frames"}
        arguments = {name: options[name] for name in names}
        cancel = CancelToken()
        with (
            self._session.cancel.calling(cancel.cancel),
            closing(self._session.for_one_job(cancel, options.get("sources"))) as session,
        ):
            arguments |= {"observe": _relay(job.name, self._session.observe), "session": session}
            match self._order.command:
                case "score":
                    reference = self._order.reference(job)
                    return self._order.function(reference, job.source, **arguments)
                case "encode":
                    self._make_folder(folder)
                    staged = folder / f"{_OUTPUT}{self._order.suffix}"
                    return self._order.function(job.source, staged, **arguments)
                case _:
                    return self._order.function(job.source, **arguments)

    def _require_unchanged(self, job: BatchJob, signature: str) -> None:
        if self._order.signature(job) != signature:
            raise UnreadableSourceError(
                f"'{job.source}' changed while it was being worked on. Run the command again once "
                "it is whole."
            )

    def _check_outputs(self, job: BatchJob, options: Mapping[str, Any]) -> None:
        """Refuse a name that no file can have, and to overwrite what is not from this source."""
        exists(self._order.folder / f"{job.name}.json")
        path = self._output(job.name)
        delivery = options.get("delivery") or DeliveryOptions()
        if self._order.command == "encode" and exists(path) and not delivery.force:
            raise UsageError(
                f"The output '{path}' exists, and was not made from this source with these "
                "options. Use --force to overwrite it."
            )

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except OSError as error:
            raise OutputError(
                f"The folder '{folder}' cannot be made: {error.strerror or error}."
            ) from error

    def _output(self, name: str) -> Path:
        return self._order.folder / f"{name}{self._order.suffix}"

    def _named(self, file: BatchFile, result: Any, *, wants_frames: bool) -> tuple[BatchFile, str]:
        """Name the results of a source, and write its document."""
        file = replace(file, result=f"{file.name}.json")
        if isinstance(result, EncodeResult) and result.output is not None:
            path = self._output(file.name)
            result = replace(result, output=replace(result.output, path=path))
            file = replace(file, output=f"{file.name}{self._order.suffix}")
        return file, dumps(result.with_frames() if wants_frames else result)

    def _published(self, known: FileState, folder: Path) -> FileState | None:
        """Put results in their place; None where there is nothing to put there any more.

        Raises:
            OutputError: They cannot be put there. They are kept for the next run.
        """
        file, root = known.file, self._order.folder
        names = [name for name in (file.result, file.output) if name is not None]
        try:
            for name in names:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
            if file.output is not None:
                staged = folder / f"{_OUTPUT}{Path(file.output).suffix}"
                if staged.exists():
                    staged.replace(root / file.output)
                elif not (root / file.output).exists():
                    return None
            with written_whole(root / str(file.result)) as unnamed:
                unnamed.write_text(str(known.document), encoding="utf-8")
            outputs = tuple((name, *_size_and_time(root / name)) for name in names)
        except OSError as error:
            raise OutputError(
                f"The results of '{file.src}' cannot be written: {error.strerror or error}."
            ) from error
        known = replace(known, document=None, outputs=outputs)
        self._state.keep(known)
        shutil.rmtree(folder, ignore_errors=True)
        return known

    def _sentence(self, error: VmafxTuneError, job: BatchJob, folder: Path) -> str:
        """What went wrong, with the names that a user knows."""
        staged = str(folder / f"{_OUTPUT}{self._order.suffix}")
        text = str(error).replace(staged, str(self._output(job.name)))
        return text.replace(str(folder), str(self._order.folder))


def learned_before(known: FileState) -> list[MeasuredCurve]:
    """Read what an earlier run has measured of a source."""
    return [MeasuredCurve.of(plain) for plain in known.curves]


def _earlier(job: BatchJob, before: FileState) -> BatchFile:
    return replace(before.file, src=job.source, earlier=True)


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _is_there(folder: Path, name: str, size: int, time_ns: int) -> bool:
    try:
        return _size_and_time(folder / name) == (size, time_ns)
    except OSError:
        return False


def _relay(name: str, observe: Observer) -> Observer:
    """Pass the events of a source on, under its name."""

    def see(event: Event, /) -> None:
        match event:
            case Warned(message):
                observe(Warned(f"{name}: {message}"))
            case LadderStarted() | CompareStarted() | CellFinished():
                # They count what the whole run has to do, and this is a part of it.
                return
            case BatchStarted() | FileStarted() | FileFinished():
                observe(event)
            case _:
                observe(replace(event, job=f"{name}: {event.job}"))

    return see
