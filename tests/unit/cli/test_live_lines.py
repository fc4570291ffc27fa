"""What the bars of a terminal say."""

from __future__ import annotations

from rich.progress import Progress

from vmafx_tune.cli.progress import _LiveLines
from vmafx_tune.events import FramesDone, JobStarted


def test_a_line_says_that_another_run_measures_what_is_wanted() -> None:
    progress = Progress(disable=True)
    show = _LiveLines(progress)
    show(JobStarted("libx264", 50))
    show(FramesDone("libx264", "wait", 0))
    (task,) = progress.tasks
    assert task.fields["last"] == "another run measures this"
    show(FramesDone("libx264", "score", 10))
    assert task.completed == 60
