"""What the live lines of a terminal say."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.progress import Progress

from tests.unit.search.fakes import scores_of
from vmafx_tune.cli import progress as module
from vmafx_tune.cli.progress import ProgressMode, _LiveLines, showing_progress
from vmafx_tune.events import (
    BatchStarted,
    CellFinished,
    CompareStarted,
    FileFinished,
    FileStarted,
    FramesDone,
    JobFinished,
    JobPlanned,
    JobStarted,
    LadderStarted,
    ProbeFailed,
    ProbeFinished,
    ProbeStarted,
    ProbeStopped,
)
from vmafx_tune.model import Probe

if TYPE_CHECKING:
    from rich.progress import Task

    from vmafx_tune.events import Event


class Terminal(io.StringIO):
    """Takes what is drawn."""

    def isatty(self) -> bool:
        return True


def played(*events: Event) -> list[Task]:
    progress = Progress(disable=True)
    show = _LiveLines(progress)
    for event in events:
        show(event)
    return progress.tasks


def finished(job: str, quality: float = 27, *, look: bool = False) -> ProbeFinished:
    probe = Probe(quality, 1234.2, 1, scores_of(92.318), 1.0, 1.0)
    return ProbeFinished(job, 1, probe, 92.318, 93, 3, look=look, probes_expected=1.0)


BEGUN = (JobPlanned("libvvenc", 50, 2, 1), JobStarted("libvvenc", 50))
PROBE = ProbeStarted("libvvenc", 1, 27, 93, knob="qp", n_frames=50)


def test_there_is_a_line_while_the_source_is_read() -> None:
    (line,) = played()
    assert line.description == "reading the source"
    assert line.total is None


def test_a_setting_is_named_by_its_knob_and_stands_beside_its_own_score_only() -> None:
    (line,) = played(*BEGUN, PROBE, finished("libvvenc"))
    assert (line.fields["state"], line.fields["last"]) == ("", "qp 27: VMAF 92.31, 1,235 kb/s")
    next_one = ProbeStarted("libvvenc", 2, 26.5, 93, knob="qp", n_frames=50)
    (line,) = played(*BEGUN, PROBE, finished("libvvenc"), next_one)
    assert line.fields["state"] == "qp 26.5 for 93"
    assert line.fields["last"] == "qp 27: VMAF 92.31, 1,235 kb/s"


def test_the_prescan_has_a_line_with_its_own_frames() -> None:
    look = ProbeStarted("libvvenc", 1, 27, 93, look=True, knob="qp", n_frames=20)
    (line,) = played(*BEGUN, look, FramesDone("libvvenc", "encode", 20))
    assert (line.fields["state"], line.completed, line.total) == ("prescan, qp 27", 20, 40)
    (line,) = played(*BEGUN, look, finished("libvvenc", look=True))
    assert line.fields["last"] == "qp 27: about VMAF 92.3"


def test_a_probe_of_a_sample_counts_the_frames_of_the_sample() -> None:
    sampled = ProbeStarted("libvvenc", 1, 27, 93, knob="qp", n_frames=10)
    (line,) = played(*BEGUN, sampled, FramesDone("libvvenc", "score", 5))
    assert (line.completed, line.total) == (15, 20)


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (ProbeStopped("libvvenc", 1, 27, 93, 800, False, 3), "qp 27: stopped, over 800 kb/s"),
        (ProbeFailed("libvvenc", 1, 27, "It failed."), "qp 27: failed"),
    ],
    ids=["stopped", "failed"],
)
def test_what_has_no_score_says_so_beside_its_setting(end: Event, last: str) -> None:
    (line,) = played(*BEGUN, PROBE, end)
    assert line.fields["last"] == last


def test_the_source_against_itself_has_no_frames_to_count() -> None:
    (line,) = played(*BEGUN, PROBE, finished("libvvenc"), FramesDone("libvvenc", "ceiling", 0))
    assert (line.fields["state"], line.completed) == ("source against itself", 0)


def test_a_line_says_that_another_run_measures_what_is_wanted() -> None:
    (line,) = played(*BEGUN, PROBE, FramesDone("libvvenc", "wait", 0))
    assert line.fields["last"] == "another run is measuring this"


def test_a_score_fills_its_bar_from_the_beginning() -> None:
    (line,) = played(JobStarted("score", 50), FramesDone("score", "score", 10))
    assert (line.completed, line.total) == (10, 50)


def test_a_comparison_has_a_line_for_the_whole_with_the_only_eta() -> None:
    whole, one = played(
        CompareStarted(3, 2), *BEGUN, PROBE, FramesDone("libvvenc", "encode", 25),
        JobFinished("libvvenc", ok=True, summary="VMAF 93.1 at qp 26, 900 kb/s"),
    )  # fmt: skip
    assert (whole.description, whole.fields["state"]) == ("compare", "1 of 3 encoders")
    assert whole.fields["eta"]().startswith("ETA ")
    assert (one.fields["eta"](), one.fields["last"]) == ("", "VMAF 93.1 at qp 26, 900 kb/s")


def test_a_ladder_counts_its_cells() -> None:
    cell = CellFinished("640x360", 90, 27, 900, 92, 1, 6)
    whole, _ = played(LadderStarted(2, 6, 1), JobStarted("640x360", 50), cell)
    assert (whole.description, whole.fields["state"]) == ("ladder", "1 of 6 cells")


def test_an_adaptive_ladder_counts_probes_of_those_expected() -> None:
    whole, _ = played(
        LadderStarted(1, 3, 1, adaptive=True), JobPlanned("640x360", 50, 4, 1),
        JobStarted("640x360", 50), ProbeStarted("640x360", 1, 27, 93, n_frames=50),
        finished("640x360"), JobPlanned("640x360", 50, 2.6, 1),
    )  # fmt: skip
    assert whole.fields["state"] == "1 of about 4 probes"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    with showing_progress(ProgressMode.BARS, quiet=False) as show:
        for event in (*BEGUN, PROBE, finished("libvvenc")):
            show(event)
        show(JobFinished("libvvenc", ok=True, summary="A long summary. " * 20))
    # One task is one line: the cursor goes up only where there are several.
    assert "\x1b[1A" not in terminal.getvalue()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_no_line_is_left_where_a_run_is_interrupted_or_fails(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    shown = showing_progress(ProgressMode.BARS, quiet=False)
    shown.__enter__()(BEGUN[1])
    assert not shown.__exit__(error, error(), None)
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


def test_hours_are_written_out() -> None:
    assert [module._clock(seconds) for seconds in (59.6, 3600)] == ["1:00", "1:00:00"]


def test_a_batch_shows_the_jobs_that_are_under_way_and_counts_its_files() -> None:
    begun: list[Event] = [
        BatchStarted(9, 3, 2, 1.0),
        FileStarted("a", 1.0),
        JobStarted("a: libx264", 50),
    ]
    whole, job = played(*begun, FileStarted("b", 1.0))
    assert (whole.description, whole.fields["state"]) == ("batch", "3 of 9 files")
    assert job.description == "a: libx264"

    (whole,) = played(*begun, FileFinished("a", "failed", "Why.", 4, 1, 2))
    assert (whole.completed, whole.total) == (4, 9)
    assert whole.fields["last"] == "1 running, 2 failed"
