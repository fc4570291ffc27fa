"""Where probes go, on workers that are made up."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.cluster import placement as placement_module
from vmafx_tune.cluster.connection import Load
from vmafx_tune.cluster.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.cluster.placement import Place


class Farm:
    """Workers, and what the scheduler says of them."""

    def __init__(self, *names: str, slots: int = 1) -> None:
        self.names = set(names)
        self.slots = slots
        self.others: dict[str, set[str]] = {name: set() for name in names}
        self.placement = Placement(self.loads)

    def loads(self) -> dict[str, Load]:
        return {name: Load(self.slots, frozenset(self.others[name])) for name in self.names}

    @contextmanager
    def probe(self, source: str, among: set[str] | None = None) -> Iterator[Place]:
        with self.placement.place(source, lambda: self.names if among is None else among) as place:
            yield place

    def where(self, source: str) -> str:
        with self.probe(source) as place:
            return only(place)


def only(place: Place) -> str:
    (worker,) = place.workers
    return worker


class Waiting:
    """A probe that waits for its place in a thread."""

    def __init__(self, farm: Farm, source: str) -> None:
        self.place: Place | None = None
        self._placed, self._end = threading.Event(), threading.Event()
        before = len(farm.placement._waiting)
        self._thread = threading.Thread(target=self._run, args=(farm, source))
        self._thread.start()
        while len(farm.placement._waiting) == before:
            self._placed.wait(0.001)

    def _run(self, farm: Farm, source: str) -> None:
        with farm.probe(source) as self.place:
            self._placed.set()
            self._end.wait()

    def placed(self) -> str:
        self._placed.wait()
        assert self.place is not None
        return only(self.place)

    def end(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement_module, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(placement_module, "_PATIENCE_S", 0.0)


def test_the_probes_of_a_source_stay_with_one_worker() -> None:
    farm = Farm("a", "b", "c")

    homes = {source: {farm.where(source) for _ in range(3)} for source in ("one", "two", "three")}

    assert all(len(workers) == 1 for workers in homes.values())
    assert len(set.union(*homes.values())) == 3


def test_a_free_slot_is_taken_by_a_source_that_is_not_open_there() -> None:
    farm = Farm("a", "b", "c")

    with farm.probe("one") as first, farm.probe("one") as second, farm.probe("one") as third:
        assert {only(first), only(second), only(third)} == farm.names


def test_a_slot_that_gets_free_goes_to_the_source_that_is_open_there() -> None:
    farm = Farm("a", "b")
    with ExitStack() as first:
        home = only(first.enter_context(farm.probe("one")))
        with farm.probe("two"):
            stranger, at_home = Waiting(farm, "three"), Waiting(farm, "one")
            first.close()

            assert at_home.placed() == home
            assert stranger.place is None
    stranger.placed()
    stranger.end()
    at_home.end()


def test_a_source_that_is_open_at_enough_workers_leaves_a_free_slot_to_another() -> None:
    farm = Farm("a", "b", "c")
    with ExitStack() as running, ExitStack() as ending:
        running.enter_context(farm.probe("one"))
        with farm.probe("one"):
            pass
        free = only(ending.enter_context(farm.probe("two")))
        running.enter_context(farm.probe("three"))
        at_home, stranger = Waiting(farm, "one"), Waiting(farm, "four")
        ending.close()

        assert stranger.placed() == free
        assert at_home.place is None
        stranger.end()
        at_home.placed()
        at_home.end()


def test_a_probe_waits_for_a_worker_that_has_its_source_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placement_module, "_PATIENCE_S", 1e9)
    farm = Farm("a", "b")
    with ExitStack() as first, ExitStack() as second:
        home = only(first.enter_context(farm.probe("one")))
        first.close()
        second.enter_context(farm.probe("two", among={home}))
        waiting = Waiting(farm, "one")
        assert farm.where("three") != home
        assert waiting.place is None
        second.close()

        assert waiting.placed() == home
        waiting.end()


def test_a_probe_does_not_wait_for_longer_than_a_source_takes_to_read() -> None:
    farm = Farm("a", "b")
    home = farm.where("one")
    with farm.probe("two", among={home}):
        assert farm.where("one") != home


def test_a_probe_that_waits_is_not_left_to_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement_module, "_PATIENCE_S", 1e9)
    farm = Farm("a", "b")
    home = farm.where("one")
    farm.others[home] = {"somebody's"}
    waiting = Waiting(farm, "one")
    farm.others[home] = set()

    assert waiting.placed() == home
    waiting.end()


def test_a_probe_is_not_passed_over_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement_module, "_MOST_PASSED", 2)
    farm = Farm("a")
    with ExitStack() as first:
        first.enter_context(farm.probe("one"))
        stranger, *at_home = [Waiting(farm, name) for name in ("two", "one", "one", "one")]
    for waiting in (*at_home[:2], stranger, at_home[2]):
        waiting.placed()
        waiting.end()


def test_slots_that_other_runs_use_are_left_alone_while_others_are_free() -> None:
    farm = Farm("a", "b")
    home = farm.where("one")
    farm.others[home] = {"somebody's"}

    assert {farm.where("one"), home} == farm.names


def test_where_other_runs_use_all_slots_the_scheduler_chooses() -> None:
    farm = Farm("a", "b")
    farm.others = {"a": {"x"}, "b": {"y", "z"}}

    with farm.probe("one") as place:
        assert place.workers == farm.names
        assert not place.is_free


def test_a_worker_that_cannot_make_a_probe_does_not_get_it() -> None:
    farm = Farm("a", "b")
    home = farm.where("one")

    with farm.probe("one", among=farm.names - {home}) as place:
        assert only(place) != home


def test_a_probe_that_ends_while_it_waits_leaves_nothing_behind() -> None:
    farm = Farm("a")

    def cancelled() -> set[str]:
        if farm.placement._waiting:
            raise KeyboardInterrupt
        return farm.names

    with (
        farm.probe("one"),
        pytest.raises(KeyboardInterrupt),
        farm.placement.place("two", cancelled),
    ):
        pass

    assert farm.where("two") == "a"
    assert not farm.placement._waiting
    assert not farm.placement._placed


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=40),
    st.integers(1, 3),
)
def test_no_slot_is_given_twice_and_none_is_refused(
    steps: list[tuple[str, bool]], slots: int
) -> None:
    farm = Farm("x", "y", "z", slots=slots)
    held: list[tuple[ExitStack, str]] = []
    for source, ends in steps:
        if held and (ends or len(held) == slots * 3):
            held.pop(0)[0].close()
        stack = ExitStack()
        held.append((stack, only(stack.enter_context(farm.probe(source)))))
        workers = [worker for _, worker in held]
        assert max(map(workers.count, workers)) <= slots
    for stack, _ in held:
        stack.close()
