"""Events, rendered: live lines on a terminal, JSON lines for programs, or only the warnings."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmafx_tune import formatting
from vmafx_tune.choices import ProgressMode
from vmafx_tune.cli.failure import say
from vmafx_tune.events import (
    FramesDone,
    JobFinished,
    JobStarted,
    LadderStarted,
    ProbeFinished,
    ProbeStarted,
    ProbeStopped,
    Warned,
)
from vmafx_tune.plain_text import encodable, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from vmafx_tune.cli.outlook import Outlook
    from vmafx_tune.events import Event, Observer

__all__ = ["ProgressMode", "showing_progress"]


@contextmanager
def showing_progress(mode: ProgressMode, *, quiet: bool) -> Iterator[Observer]:
    """Give an observer that renders events to stderr while the block lasts.

    Args:
        mode: How; `AUTO` draws bars on a terminal and only tells warnings elsewhere.
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
        self._lock = threading.Lock()

    def __call__(self, event: Event, /) -> None:
        line = json.dumps(_facts(event), allow_nan=False)
        with self._lock:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _facts(event: Event) -> dict[str, Any]:
    names = [name for name in event.__dataclass_fields__ if name != "probe"]
    facts: dict[str, Any] = {"event": _snake(type(event).__name__)}
    facts |= {name: _readable(getattr(event, name)) for name in names}
    if isinstance(event, ProbeFinished):
        facts |= {
            "quality": event.probe.quality,
            "bitrate_kbps": event.probe.bitrate_kbps,
            "encode_time_s": event.probe.encode_time_s,
            "score_time_s": event.probe.score_time_s,
            "cached": event.probe.cached,
        }
    return facts


def _readable(value: object) -> object:
    # A message may have a file's name in it, whose bytes need not be text.
    return encodable(value) if isinstance(value, str) else value


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


@dataclass
class _Job:
    """What a live line needs to remember of its job."""

    task: TaskID
    n_frames: int
    started: float
    probes_done: int = 0


class _LiveLines:
    """One line a job: probe, quality, last score and bitrate, time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._whole: tuple[TaskID, Outlook] | None = None
        self._jobs: dict[str, _Job] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, event: Event, /) -> None:
        with self._lock:
            self._show(event)
            self._show_whole(event)

    def _show(self, event: Event) -> None:
        match event:
            case Warned(message):
                self._warn(message)
            case JobStarted(name, n_frames):
                self._start(name, n_frames)
            case ProbeStarted(name, number, quality, target, look):
                kind = "look " if look else "#"
                probe = (
                    f"{kind}{number} → {formatting.given(target)}: Q {formatting.quality(quality)}"
                )
                self._update(name, completed=0, probe=probe)
            case FramesDone(name, "wait"):
                self._update(name, last="another run measures this")
            case FramesDone(name, stage, frames_done):
                self._move(name, stage, frames_done)
            case ProbeFinished(look=True):
                self._update(event.job, last=f"about VMAF {formatting.vmaf(event.vmaf, 1)}")
            case ProbeFinished(probe=probe, vmaf=vmaf):
                rate = formatting.rough_bitrate(probe.bitrate_kbps)
                last = f"VMAF {formatting.vmaf(vmaf)} {rate} kb/s"
                self._finish_probe(event.job, last, event.probes_left, known=probe.cached)
            case ProbeStopped(limit_kbps=limit):
                last = f"stopped: over {formatting.given(limit)} kb/s"
                self._finish_probe(event.job, last, event.probes_left, known=event.recalled)
            case JobFinished(name, ok, summary):
                mark = "[green]✓[/]" if ok else "[red]✗[/]"
                job = self._jobs[name]
                self._update(name, completed=2 * job.n_frames, left="", probe="", mark=mark)
                self._update(name, last=one_line(summary))

    def _show_whole(self, event: Event) -> None:
        """Keep the line of a ladder as a whole, above those of its resolutions."""
        if isinstance(event, LadderStarted):
            from vmafx_tune.cli.outlook import Outlook

            task = self._progress.add_task(
                "ladder", total=event.cells, probe="", last="", left="", mark=" "
            )
            self._whole = task, Outlook()
        if self._whole is None or isinstance(event, FramesDone | Warned):
            return
        task, outlook = self._whole
        outlook.see(event)
        seconds = outlook.seconds_left
        self._progress.update(
            task,
            completed=outlook.cells_done,
            probe=f"{outlook.cells}, {outlook.running}",
            last=outlook.hull and f"hull: {outlook.hull}",
            left="" if seconds is None else f"≤ {_clock(seconds)}",
        )

    def _warn(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._progress.console.print(
                f"warning: {one_line(message)}", style="yellow", markup=False
            )

    def _start(self, name: str, n_frames: int) -> None:
        # A probe passes the clip twice: once to encode and once to score.
        task = self._progress.add_task(
            name, total=2 * n_frames or None, probe="", last="", left="", mark=" "
        )
        self._jobs[name] = _Job(task, n_frames, time.monotonic())

    def _move(self, name: str, stage: str, frames_done: int) -> None:
        before = self._jobs[name].n_frames if stage == "score" else 0
        self._update(name, completed=before + frames_done)

    def _finish_probe(self, name: str, last: str, probes_left: int, *, known: bool) -> None:
        job = self._jobs[name]
        # What is recalled takes no time, and says nothing of what is still to be measured.
        job.probes_done += not known
        left = ""
        if job.probes_done:
            per_probe_s = (time.monotonic() - job.started) / job.probes_done
            left = f"≤ {_clock(per_probe_s * probes_left)}"
        self._update(name, last=last, left=left)

    def _update(self, name: str, *, completed: float | None = None, **fields: Any) -> None:
        self._progress.update(self._jobs[name].task, completed=completed, **fields)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _live_lines() -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    with Progress(
        TextColumn("{task.fields[mark]}"),
        TextColumn("[bold]{task.description}"),
        TextColumn("{task.fields[probe]}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[last]}", table_column=Column(overflow="fold")),
        TextColumn("[dim]{task.fields[left]}", table_column=Column(no_wrap=True)),
        console=Console(stderr=True),
        refresh_per_second=5,
    ) as progress:
        yield _LiveLines(progress)
