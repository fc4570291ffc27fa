"""Do one thing with many sources, several at a time, and go on where an earlier run ended."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune._version import __version__
from vmafx_tune.batch.file_work import FileWork, learned_before
from vmafx_tune.batch.inputs import find_jobs
from vmafx_tune.batch.jobs import COMMANDS, SUMMARY_NAME, BatchJob, check_names
from vmafx_tune.batch.learning import LearnedCurves
from vmafx_tune.batch.order import Order, source_bytes
from vmafx_tune.batch.state import BatchState
from vmafx_tune.cancel import CancelToken, together
from vmafx_tune.choices import Container
from vmafx_tune.cpus import LocalCores
from vmafx_tune.errors import UnreadableSourceError, UsageError, VmafxTuneError
from vmafx_tune.events import BatchStarted, FileFinished, FileStarted, Observer, ignore
from vmafx_tune.formatting import listed
from vmafx_tune.media.output_file import written_whole
from vmafx_tune.options import DEFAULT_ENCODERS, BatchOptions, ScoringOptions
from vmafx_tune.prepared_source import row_of
from vmafx_tune.reports.render import render
from vmafx_tune.results.batch import BatchFile, BatchResult
from vmafx_tune.session import open_session
from vmafx_tune.source import display_size, read_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.options import ToolOptions
    from vmafx_tune.session import Session

__all__ = ["batch"]

_SUMMARIES = ("json", "csv", "html")
_PAUSE_S = 1.0
_LOOK_EVERY_S = 2.0
# These fill the machine by themselves; of scores, a second one fills what the first leaves idle.
_WIDE: Mapping[str, int] = {"score": 2, "compare": 1, "ladder": 1}
_MOST_UNREADABLE = 10


def batch(
    command: str,
    inputs: Sequence[str | Path | BatchJob],
    output: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    many: BatchOptions | None = None,
    container: str = "mkv",
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> BatchResult:
    """Do one thing with many sources, and keep the result of each in a folder.

    Goes on where a source fails, and says why in its row. What an earlier run has finished is not
    done again, as long as source and options are the same. Several runs may share a folder: each
    source is done by one of them. Searches begin where those of earlier sources ended.

    Args:
        command: `search`, `score`, `encode`, `compare` or `ladder`.
        inputs: Files, folders, patterns such as `films/**/*.mkv`, URLs, and jobs with options of
            their own. For `score` these are the distorted clips.
        output: Folder of the results; it is made.
        options: Arguments of the command's function, by name, but for source and output. For
            `score`, `reference` is a clip, or a folder that has one for each distorted clip, by
            the same name.
        many: Which files of folders, how many at once, and whether to wait for more.
        container: Suffix of encoded files: `mkv`, `mp4`, `m4v`, `mov` or `webm`.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, from several threads.
        session: Use these adapters instead of ones made from `tools`.

    Returns:
        A row for each source, and how many ended in which way. With `many.watch` it never returns.

    Raises:
        UsageError: There is nothing to do, an option makes no sense, or two sources would have
            results of the same name.
        ModelNotFoundError: There is no such model.
        OutputError: The folder cannot be written, or what it says of earlier runs cannot be read.
        CancelledError: The work was cancelled; what is finished stays.
    """
    for value, choices in ((command, COMMANDS), (container, tuple(Container))):
        if value not in choices:
            raise UsageError(f"'{value}' is not one of {listed(choices)}.")
    many = many or BatchOptions()
    order = Order(command, Path(output), dict(options or {}), f".{container}")
    named = [one if isinstance(one, BatchJob) else str(one) for one in inputs]
    with open_session(session, tools, None, observe) as session:
        run = _Batch(order, many, session)
        before, session.expected = session.expected, run.learned
        try:
            return run.watch(named) if many.watch else run.once(named)
        finally:
            session.expected = before


class _Batch:
    """One run over the sources of a batch."""

    def __init__(self, order: Order, many: BatchOptions, session: Session) -> None:
        self._order = order
        self._many = many
        self._session = session
        self._began_s, self._began = time.time(), time.monotonic()
        self.learned = LearnedCurves(lambda name: row_of(name).knob)
        self._lock = threading.Lock()
        self._files: dict[str, BatchFile] = {}
        self._counts: Counter[str] = Counter()
        self._n_running = 0

    def once(self, named: Iterable[str | BatchJob]) -> BatchResult:
        """Work on all sources that are there now."""
        jobs = self._found(named)
        self._check(jobs)
        with closing(BatchState(self._order.folder)) as state:
            self._work(jobs, state)
        return self._summed_up(jobs)

    def watch(self, named: Sequence[str | BatchJob]) -> BatchResult:
        """Work on the sources that come, each once it has stayed the same between two looks."""
        # What comes has the options of what it is found by.
        self._check([one if isinstance(one, BatchJob) else BatchJob(one) for one in named])
        before: dict[str, str] = {}
        handled: dict[str, str] = {}
        jobs: dict[str, BatchJob] = {}
        stopped = threading.Event()
        with (
            closing(BatchState(self._order.folder)) as state,
            self._session.cancel.calling(stopped.set),
        ):
            while True:
                found = self._found_by_now(named)
                now = {job.name: self._order.signature(job) for job in found}
                steady = {name for name in now if now[name] and before.get(name) == now[name]}
                ready = [
                    j for j in found if j.name in steady and handled.get(j.name) != now[j.name]
                ]
                if ready:
                    self._work(ready, state)
                    handled |= {job.name: now[job.name] for job in ready}
                    jobs |= {job.name: job for job in ready}
                    self._summed_up([*jobs.values()])
                before = now
                stopped.wait(_LOOK_EVERY_S)
                self._session.cancel.raise_if_cancelled()

    def _found_by_now(self, named: Sequence[str | BatchJob]) -> list[BatchJob]:
        """List the sources; a folder may be empty for a while, or have two files of one name."""
        try:
            return self._found(named)
        except (UsageError, UnreadableSourceError) as error:
            self._session.warn(str(error))
            return []

    def _found(self, named: Iterable[str | BatchJob]) -> list[BatchJob]:
        include = tuple(filter(None, (self._many.patterns or "").split(",")))
        folder = self._order.folder
        jobs = find_jobs(named, folder, recursive=self._many.recursive, include=include)
        check_names(jobs, str(folder))
        return jobs

    def _check(self, jobs: Sequence[BatchJob]) -> None:
        """Refuse what would fail with every source, before any work."""
        self._order.check(jobs)
        options = [self._order.options_of(job) for job in jobs]
        for name in {str(each["encoder"]) for each in options if "encoder" in each}:
            row_of(name)
        for name in {name for each in options for name in each.get("encoders", ())}:
            row_of(name)

    def _work(self, jobs: Sequence[BatchJob], state: BatchState) -> None:
        """Work on the sources that are not done."""
        work = FileWork(self._order, self._session, state, self.learned, began_s=self._began_s)
        left = self._not_done(jobs, state, work)
        sizes = {job.name: source_bytes(job) for job in left}
        workers = self._workers(left) if left else 0
        observe = self._session.observe
        observe(BatchStarted(len(jobs), len(jobs) - len(left), workers, sum(sizes.values())))
        while left:
            with ThreadPoolExecutor(workers, thread_name_prefix="batch") as pool:
                futures = [
                    pool.submit(self._file, job, sizes[job.name], state, work) for job in left
                ]
                with together(futures, self._session.cancel.cancel):
                    ended = [future.result() for future in futures]
            left = [job for job, is_ours in zip(left, ended, strict=True) if not is_ours]
            if left:
                # Another run is at them, which may be stopped.
                time.sleep(_PAUSE_S)

    def _not_done(
        self, jobs: Sequence[BatchJob], state: BatchState, work: FileWork
    ) -> list[BatchJob]:
        """Take note of what is done, without a look into any file."""
        known = state.all()
        for before in sorted(known.values(), key=lambda one: one.ended_s):
            for curve in learned_before(before):
                self.learned.learn(curve)
        left = []
        self._counts.clear()
        for job in jobs:
            done = work.done(job, known.get(job.key))
            if done is None:
                left.append(job)
            else:
                self._files[job.name] = done
                self._counts[done.state] += 1
        return left

    def _file(self, job: BatchJob, size: float, state: BatchState, work: FileWork) -> bool:
        """Work on a source; returns False where another run is at it."""
        self._session.cancel.raise_if_cancelled()
        with state.claimed(job.name) as folder:
            if folder is None:
                return False
            with self._lock:
                self._n_running += 1
            self._session.observe(FileStarted(job.name, size))
            file = work.work(job, folder)
            with self._lock:
                self._n_running -= 1
                self._files[job.name] = file
                self._counts[file.state] += 1
                counts = self._counts
                event = FileFinished(
                    job.name,
                    file.state,
                    file.error or file.state,
                    counts.total(),
                    self._n_running,
                    counts["failed"],
                )
            self._session.observe(event)
            return True

    def _workers(self, jobs: Sequence[BatchJob]) -> int:
        """Choose how many sources to work on at once."""
        self._session.probing.connect()
        slots, command = self._session.probing.slots, self._order.command
        if self._many.jobs is not None:
            most = self._many.jobs
        elif command in _WIDE:
            most = _WIDE[command] + (slots is not None)
        else:
            most = slots or self._useful_workers(jobs)
        return max(1, min(most, len(jobs)))

    def _useful_workers(self, jobs: Sequence[BatchJob]) -> int:
        """Find how many searches keep the cores busy, by the first source that can be read."""
        for job in jobs[:_MOST_UNREADABLE]:
            options = self._order.options_of(job)
            scoring = options.get("scoring") or ScoringOptions()
            session = self._session.for_one_job(CancelToken(), options.get("sources"))
            with closing(session), suppress(VmafxTuneError):
                source = read_source(job.source, session, session.reader.source)
                display = display_size(scoring, source)
                cores = LocalCores(display, source.pixel_format.bit_depth, scoring.threads)
                row = row_of(options.get("encoder", DEFAULT_ENCODERS[0]))
                return cores.workers([(row, source.resolution)] * len(jobs))
        return 1

    def _summed_up(self, jobs: Sequence[BatchJob]) -> BatchResult:
        files = tuple(self._files[job.name] for job in jobs)
        counts = Counter(file.state for file in files)
        result = BatchResult(
            tool_version=__version__,
            batch=self._order.command,
            output=self._order.folder,
            n_files=len(files),
            n_done=counts["done"],
            n_missed=counts["missed"],
            n_failed=counts["failed"],
            n_earlier=sum(file.earlier for file in files),
            new_probes=sum(file.new_probes for file in files if not file.earlier),
            wall_time_ms=(time.monotonic() - self._began) * 1000,
            files=files,
        )
        for fmt in _SUMMARIES:
            with written_whole(self._order.folder / f"{SUMMARY_NAME}.{fmt}") as unnamed:
                unnamed.write_text(render(result, fmt), encoding="utf-8")
        return result
