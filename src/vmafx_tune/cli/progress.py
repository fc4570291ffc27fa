"""Events, rendered: live lines on a terminal, JSON lines for programs, or only the warnings."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from vmafx_tune import formatting
from vmafx_tune.choices import ProgressMode
from vmafx_tune.cli.failure import say
from vmafx_tune.events import (
    BatchStarted,
    CellFinished,
    CompareStarted,
    FileFinished,
    FramesDone,
    JobFinished,
    JobStarted,
    LadderStarted,
    ProbeFailed,
    ProbeFinished,
    ProbeStarted,
    ProbeStopped,
    Warned,
)
from vmafx_tune.formatting import one_line
from vmafx_tune.reports.progress_json import event_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, Task, TaskID

    from vmafx_tune.events import Event, Observer

__all__ = ["ProgressMode", "showing_progress"]


@contextmanager
def showing_progress(mode: ProgressMode, *, quiet: bool) -> Iterator[Observer]:
    """Give an observer that renders events to stderr while the block lasts.

    Args:
        mode: How; `AUTO` draws bars on a terminal and only prints warnings elsewhere.
        quiet: Drop warnings, and bars.
    """
    if mode is ProgressMode.AUTO:
        mode = ProgressMode.BARS if sys.stderr.isatty() else ProgressMode.OFF
    if mode is ProgressMode.JSON:
        yield _JsonLines()
    elif mode is ProgressMode.BARS and not quiet:
        with _live_lines() as lines:
            yield lines
    else:
        yield _Silence(warn=not quiet)


class _Silence:
    """Tells warnings, each once, and nothing else."""

    def __init__(self, *, warn: bool) -> None:
        self._warn = warn
        self._told: set[str] = set()

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, Warned) and self._warn and event.message not in self._told:
            self._told.add(event.message)
            say(f"warning: {event.message}")


class _JsonLines:
    """One JSON object a line, named by `event`."""

    def __init__(self) -> None:
        from vmafx_tune.eta import Eta

        self._eta = Eta()
        self._lock = threading.Lock()

    def __call__(self, event: Event, /) -> None:
        with self._lock:
            now_s = time.monotonic()
            self._eta.see(event, now_s)
            eta_s = self._eta.seconds_left(now_s)
            stamps = {"time": _now(), "eta_s": eta_s and round(eta_s, 3)}
            name, *fields = event_fields(event).items()
            line = json.dumps(dict([name, *stamps.items(), *fields]), allow_nan=False)
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Line(NamedTuple):
    """What a live line needs to know of its job."""

    task: TaskID
    n_frames: int
    setting: str = ""


class _LiveLines:
    """One line a job, and above them one for a ladder or a comparison as a whole."""

    def __init__(self, progress: Progress) -> None:
        from vmafx_tune.eta import Eta

        self._progress = progress
        self._whole: LadderStarted | CompareStarted | BatchStarted | None = None
        self._lines: dict[str, _Line] = {}
        self._n_cells = self._n_jobs = self._n_probes = self._n_files = 0
        self._files = ""
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._eta = Eta()
        # Held where the bars are drawn too, so that nothing is drawn while it is held.
        self._eta_lock = threading.Lock()
        self._first = self._add("reading the source", total=None, eta=self._time_left)

    def __call__(self, event: Event, /) -> None:
        with self._eta_lock:
            self._eta.see(event, time.monotonic())
        with self._lock:
            self._show(event)
            self._show_whole(event)

    def _time_left(self) -> str:
        with self._eta_lock:
            seconds = self._eta.seconds_left(time.monotonic())
        return f"ETA {'-:--' if seconds is None else _clock(seconds)}  "

    def _show(self, event: Event) -> None:
        match event:
            case Warned(message):
                self._warn(message)
            case JobStarted(name, n_frames):
                self._start(name, n_frames)
            case ProbeStarted(name):
                self._start_probe(event)
            case FramesDone(name, "wait"):
                self._update(name, last="another run is measuring this")
            case FramesDone(name, "ceiling"):
                self._update(name, completed=0, state="source against itself")
            case FramesDone(name, stage, frames_done):
                self._move(name, stage, frames_done)
            case ProbeFinished(name) | ProbeStopped(name) | ProbeFailed(name):
                last = f"{self._lines[name].setting}: {_found(event)}"
                self._update(name, state="", last=last)
            case FileFinished(name):
                self._drop(name)
            case JobFinished(name, ok, summary):
                mark = "[green]✓[/]" if ok else "[red]✗[/]"
                self._update(name, total=1, completed=1, state="", mark=mark)
                self._update(name, last=one_line(summary))

    def _show_whole(self, event: Event) -> None:
        match event:
            case LadderStarted() | CompareStarted() | BatchStarted():
                self._whole = event
                self._n_files = event.files_done if isinstance(event, BatchStarted) else 0
                name = _name_of(event)
                self._progress.update(self._first, description=name)
            case ProbeFinished() | ProbeStopped():
                self._n_probes += 1
            case CellFinished():
                self._n_cells = event.cells_done
            case FileFinished():
                self._n_files = event.files_done
                self._files = f"{event.files_running} running, {event.files_failed} failed"
            case JobFinished():
                self._n_jobs += 1
            case FramesDone() | Warned():
                return
        if self._whole is not None:
            done, total, of = self._count(self._whole)
            self._progress.update(self._first, completed=done, total=total, state=f"{done} of {of}")
            self._progress.update(self._first, last=self._files)

    def _count(self, whole: LadderStarted | CompareStarted | BatchStarted) -> tuple[int, int, str]:
        if isinstance(whole, BatchStarted):
            return self._n_files, whole.files, formatting.counted(whole.files, "file")
        if isinstance(whole, CompareStarted):
            return self._n_jobs, whole.jobs, f"{whole.jobs} encoders"
        if not whole.adaptive:
            return self._n_cells, whole.cells, f"{whole.cells} cells"
        with self._eta_lock:
            total = self._n_probes + ceil(self._eta.probes_left)
        return self._n_probes, total, f"about {formatting.counted(total, 'probe')}"

    def _warn(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._progress.console.print(
                f"warning: {one_line(message)}", style="yellow", markup=False
            )

    def _add(self, description: str, total: float | None, eta: Callable[[], str] = str) -> TaskID:
        fields: dict[str, Any] = {"mark": " ", "state": "", "last": "", "eta": eta}
        return self._progress.add_task(description, total=total, **fields)

    def _start(self, name: str, n_frames: int) -> None:
        if self._whole is None:
            self._progress.update(self._first, description=name, total=n_frames)
            self._lines[name] = _Line(self._first, n_frames)
        else:
            self._lines[name] = _Line(self._add(name, total=n_frames), n_frames)

    def _drop(self, file: str) -> None:
        """Remove the lines of a file's jobs: of a thousand, only those under way are shown."""
        for name in [name for name in self._lines if name == file or name.startswith(f"{file}: ")]:
            self._progress.remove_task(self._lines.pop(name).task)

    def _start_probe(self, event: ProbeStarted) -> None:
        setting = f"{event.knob} {formatting.quality(event.quality)}"
        n_frames = event.n_frames or self._lines[event.job].n_frames
        self._lines[event.job] = _Line(self._lines[event.job].task, n_frames, setting)
        state = f"{setting} for {formatting.given(event.target)}"
        if event.look:
            state = f"prescan, {setting}"
        # A probe passes the clip twice: once to encode and once to score.
        self._update(event.job, completed=0, total=2 * n_frames, state=state)

    def _move(self, name: str, stage: str, frames_done: int) -> None:
        line = self._lines[name]
        before = line.n_frames if stage == "score" and line.setting else 0
        self._update(name, completed=before + frames_done)

    def _update(self, name: str, **fields: Any) -> None:
        self._progress.update(self._lines[name].task, **fields)


def _name_of(whole: LadderStarted | CompareStarted | BatchStarted) -> str:
    if isinstance(whole, BatchStarted):
        return "batch"
    return f"ladder {whole.encoder}".rstrip() if isinstance(whole, LadderStarted) else "compare"


def _found(event: ProbeFinished | ProbeStopped | ProbeFailed) -> str:
    if isinstance(event, ProbeFailed):
        return "failed"
    if isinstance(event, ProbeStopped):
        return f"stopped, over {formatting.given(event.limit_kbps)} kb/s"
    if event.look:
        return f"about VMAF {formatting.vmaf(event.vmaf, 1)}"
    rate = formatting.rough_bitrate(event.probe.bitrate_kbps)
    return f"VMAF {formatting.vmaf(event.vmaf)}, {rate} kb/s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _live_lines() -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Field(ProgressColumn):
        """Text that is cut to the width that is left; columns of fixed width are not."""

        def __init__(self, read: Callable[[Task], str], *, fixed: bool = True) -> None:
            self._read = read
            super().__init__(Column(no_wrap=fixed))

        def render(self, task: Task) -> Text:
            return Text(self._read(task), no_wrap=True, overflow="ellipsis")

    progress = Progress(
        TextColumn("{task.fields[mark]}"),
        Field(lambda task: task.description),
        Field(lambda task: task.fields["state"]),
        BarColumn(bar_width=10),
        Field(lambda task: task.fields["eta"]() + task.fields["last"], fixed=False),
        console=Console(stderr=True),
        refresh_per_second=5,
        # What a table repeats is not left above it.
        transient=sys.stdout.isatty(),
    )
    with progress:
        try:
            yield _LiveLines(progress)
        except BaseException:
            progress.live.transient = True
            raise
