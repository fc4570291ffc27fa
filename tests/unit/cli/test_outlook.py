from __future__ import annotations

from tests.unit.workflows.fakes import scores_of
from vmafx_tune.cli.outlook import Outlook
from vmafx_tune.events import (
    CellFinished,
    JobFinished,
    JobStarted,
    LadderStarted,
    ProbeFinished,
    ProbeStarted,
)
from vmafx_tune.model import Probe


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def probe(
    outlook: Outlook,
    clock: Clock,
    job: str,
    kbps: float,
    vmaf: float,
    *,
    left: int,
    takes_s: float,
    cached: bool = False,
) -> None:
    outlook.see(ProbeStarted(job, 1, 30, 90))
    clock.now += takes_s
    made = Probe(30, kbps, 1, scores_of(vmaf), 1.0, 1.0, cached=cached)
    outlook.see(ProbeFinished(job, 1, made, vmaf, 90, left))


def started(*, jobs: int = 3, workers: int = 1) -> tuple[Outlook, Clock]:
    clock = Clock()
    outlook = Outlook(clock)
    outlook.see(LadderStarted(jobs, jobs * 2, workers))
    outlook.see(JobStarted("640x360", 50))
    return outlook, clock


def test_nothing_is_promised_before_the_first_probe_is_done() -> None:
    outlook, _ = started()
    outlook.see(ProbeStarted("640x360", 1, 30, 90))
    assert outlook.seconds_left is None
    assert (outlook.cells, outlook.running, outlook.hull) == ("0 of 6 cells", "1 probe", "")


def test_the_rest_counts_resolutions_that_have_not_begun_as_busy_as_the_busiest() -> None:
    outlook, clock = started()
    probe(outlook, clock, "640x360", 900, 95, left=4, takes_s=10)
    # Four of this resolution, and five of each of the two others.
    assert outlook.seconds_left == 140


def test_workers_share_the_rest_as_long_as_there_is_enough_for_all() -> None:
    outlook, clock = started(jobs=2, workers=4)
    probe(outlook, clock, "640x360", 900, 95, left=4, takes_s=10)
    assert outlook.seconds_left == 45


def test_a_finished_resolution_has_nothing_left_and_runs_no_probe() -> None:
    outlook, clock = started(jobs=1)
    probe(outlook, clock, "640x360", 900, 95, left=4, takes_s=10)
    outlook.see(ProbeStarted("640x360", 2, 20, 90))
    outlook.see(CellFinished("640x360", 90, 30, 900, 95, 1, 2))
    outlook.see(JobFinished("640x360", ok=False, summary="failed"))
    assert outlook.seconds_left == 0
    assert (outlook.cells, outlook.running) == ("1 of 2 cells", "0 probes")


def test_the_hull_counts_the_points_of_each_resolution_from_the_cheapest() -> None:
    outlook, clock = started(jobs=2)
    outlook.see(JobStarted("320x180", 50))
    probe(outlook, clock, "640x360", 900, 95, left=1, takes_s=1)
    probe(outlook, clock, "320x180", 100, 60, left=1, takes_s=1)
    probe(outlook, clock, "320x180", 300, 80, left=1, takes_s=1)
    probe(outlook, clock, "320x180", 890, 81, left=1, takes_s=1)
    assert outlook.hull == "320x180 (2), 640x360 (1)"


def test_what_is_recalled_says_nothing_of_how_long_the_rest_takes() -> None:
    outlook, clock = started(jobs=1)
    probe(outlook, clock, "640x360", 900, 91, left=3, takes_s=0, cached=True)
    assert outlook.seconds_left is None
    probe(outlook, clock, "640x360", 800, 90, left=2, takes_s=10)
    assert outlook.seconds_left == 20


def test_a_look_is_a_probe_that_runs_and_counts_for_nothing_when_it_is_done() -> None:
    outlook, clock = started()
    outlook.see(ProbeStarted("640x360", 1, 30, 90, look=True))
    assert outlook.running == "1 probe"
    clock.now += 5
    made = Probe(30, 900, 1, scores_of(90), 1.0, 1.0)
    outlook.see(ProbeFinished("640x360", 1, made, 90, 90, 12, look=True))

    assert (outlook.running, outlook.hull, outlook.seconds_left) == ("0 probes", "", None)
