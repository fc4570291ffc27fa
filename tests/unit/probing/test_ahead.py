from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.cancel import CancelToken
from vmafx_tune.cpus import CoreShares
from vmafx_tune.errors import CancelledError, EncodeFailedError
from vmafx_tune.events import FramesDone
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.probing.ahead import ProbingAhead
from vmafx_tune.search.engine import search

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.events import Event
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress


TYPICAL = TypicalCurve(30, 6)
EXPECTED = request(target=80, typical=TYPICAL)
"""A search that measures CRF 21, which reaches the target, and 22, which misses it."""


def usual(quality: float) -> float:
    return 100 / (1 + math.exp((quality - TYPICAL.midpoint) / TYPICAL.width))


class Machine:
    """Probes at the same time, of which those at `slow` take until they are stopped."""

    def __init__(
        self,
        vmaf_of: Callable[[float], float] = usual,
        *,
        cpus: int = 3,
        slow: Callable[[float], bool] = lambda _: False,
    ) -> None:
        self.shares = CoreShares(cpus)
        self.cancel = CancelToken()
        self.curve = CurveProber(vmaf_of)
        self.ahead: list[float] = []
        self.stopped: list[float] = []
        self._slow = slow

    def prober(self) -> ProbingAhead:
        return ProbingAhead(
            self.curve,
            lambda token: _Stoppable(self, token),
            cancel=self.cancel,
            spare=lambda: self.shares.spare(1),
        )

    def probe(
        self, spec: ProbeSpec, token: CancelToken, on_progress: ProbeProgress | None
    ) -> Probe:
        self.ahead.append(spec.encode.quality)
        stopped = threading.Event()
        with self.shares.taken(), token.calling(stopped.set):
            if self._slow(spec.encode.quality):
                stopped.wait()
            if token.cancelled:
                self.stopped.append(spec.encode.quality)
                raise CancelledError("The work was cancelled.")
            return CurveProber(self.curve.vmaf_of, fail_at=self.curve.fail_at).probe(
                spec, on_progress=on_progress
            )


class _Stoppable(CurveProber):
    def __init__(self, machine: Machine, token: CancelToken) -> None:
        super().__init__(machine.curve.vmaf_of)
        self._machine = machine
        self._token = token

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        return self._machine.probe(spec, self._token, on_progress)


def at(quality: float) -> ProbeSpec:
    template = request(target=80).template
    return replace(template, encode=replace(template.encode, quality=quality))


def test_a_search_of_a_known_curve_asks_for_one_probe_that_was_not_begun_before() -> None:
    machine = Machine()
    result = search(EXPECTED, machine.prober())
    assert result.proven
    assert machine.curve.asked == [21]
    assert 22 in machine.ahead
    assert result.new_probes == 2


def test_a_probe_that_is_not_likely_any_more_is_stopped() -> None:
    machine = Machine(slow=lambda quality: quality < 21)
    result = search(EXPECTED, machine.prober())
    assert result.best_crf == 21
    assert machine.stopped == [20]


def test_without_idle_processors_nothing_is_begun() -> None:
    machine = Machine(cpus=1)
    search(EXPECTED, machine.prober())
    assert machine.ahead == []


def test_others_who_work_leave_fewer_idle_processors() -> None:
    machine = Machine(cpus=3)
    prober = machine.prober()
    with machine.shares.taken():
        prober.begin(at(20), [at(21), at(19)])
        prober.end()
    assert machine.ahead == [21]


def test_what_fails_ahead_fails_when_it_is_asked_for() -> None:
    machine = Machine()
    machine.curve.fail_at[21] = EncodeFailedError("No luck.")
    prober = machine.prober()
    prober.begin(at(20), [at(21)])
    assert prober.probe(at(20)).quality == 20
    with pytest.raises(EncodeFailedError):
        prober.probe(at(21))
    prober.end()


def test_a_cancelled_run_stops_what_was_begun() -> None:
    machine = Machine(slow=lambda _: True)
    prober = machine.prober()
    prober.begin(at(20), [at(21)])
    machine.cancel.cancel()
    with pytest.raises(CancelledError):
        prober.probe(at(21))
    prober.end()
    assert machine.stopped == [21]


def test_nothing_is_left_when_a_search_fails() -> None:
    machine = Machine(slow=lambda _: True)
    machine.curve.fail_at[21] = EncodeFailedError("No luck.")
    with pytest.raises(EncodeFailedError):
        search(EXPECTED, machine.prober())
    assert sorted(machine.stopped) == sorted(machine.ahead)
    assert machine.shares.spare(1) == 3


def test_progress_is_told_of_the_probe_that_is_asked_for_only() -> None:
    machine = Machine()
    seen: list[Event] = []
    search(EXPECTED, machine.prober(), observe=seen.append)
    frames = [event for event in seen if isinstance(event, FramesDone)]
    assert len(frames) <= 2


@given(
    scores=st.lists(st.floats(0, 100), min_size=52, max_size=52),
    target=st.floats(1, 99),
    cpus=st.integers(1, 4),
)
def test_a_search_learns_the_same_with_probes_ahead(
    scores: list[float], target: float, cpus: int
) -> None:
    curve = sorted(scores, reverse=True)
    one = request(target=target)
    alone = search(one, CurveProber(lambda quality: curve[int(quality)]))
    ahead = search(one, Machine(lambda quality: curve[int(quality)], cpus=cpus).prober())
    assert replace(ahead, wall_time_ms=0) == replace(alone, wall_time_ms=0)
