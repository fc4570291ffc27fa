"""Who may work together, with workers that are made up."""

from __future__ import annotations

import pydoc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from vmafx_tune._version import __version__
from vmafx_tune.cluster import eligibility
from vmafx_tune.cluster.connection import Presence
from vmafx_tune.cluster.eligibility import EligibleWorkers
from vmafx_tune.cluster.messages import Inquiry, Kit, Report, pack
from vmafx_tune.errors import ClusterWorkersError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

INQUIRY = Inquiry(Kit(None, None, 1.0), encoder="libx264")


def having(ffmpeg: str, processors: str = "2 of 2 processors") -> Report:
    return Report({"ffmpeg": ffmpeg, "processors": processors})


class Farm:
    """Stands for a `Connection`; its workers answer with what is written in `reports`."""

    address = "tcp://farm:8786"

    def __init__(self, **reports: Report) -> None:
        self.reports = reports
        self.versions: dict[str, str | None] = {}
        self.silent: set[str] = set()
        self.asked = 0

    def workers(self) -> dict[str, Presence]:
        return {name: Presence(2, name in self.silent) for name in self.reports}

    def ask(
        self, function: Callable[..., Any], argument: object, workers: Iterable[str]
    ) -> Mapping[str, Any]:
        if function is pydoc.locate:
            return {name: self.versions.get(name, __version__) for name in workers}
        self.asked += len(list(workers))
        return {name: pack(self.reports[name]) for name in workers}


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eligibility, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(eligibility, "_PAUSE_S", 0.0)


def workers_of(
    farm: Farm, told: list[str] | None = None, here: Report | None = None
) -> EligibleWorkers:
    said: list[str] = [] if told is None else told
    # A duck: all that is needed of a connection.
    connection: Any = farm
    return EligibleWorkers(connection, here=lambda _: here, warn=said.append, patience_s=0.0)


def test_the_answer_of_most_workers_counts() -> None:
    farm = Farm(a=having("old"), b=having("new"), c=having("new"))

    assert workers_of(farm).agreed(INQUIRY) == having("new")


def test_only_workers_that_agree_on_one_thing_have_a_say_in_another() -> None:
    farm = Farm(a=having("x"), b=having("y"), c=having("x"))
    some = workers_of(farm)
    scoring = Inquiry(Kit(None, None, 1.0), backend="auto")
    assert some.agreed(scoring) == having("x")
    farm.reports |= {"a": having("1"), "b": having("2"), "c": Report(None, reason="No GPU.")}

    assert some.agreed(INQUIRY, among=scoring) == having("1")


def test_workers_like_this_machine_go_first() -> None:
    farm = Farm(a=having("old"), b=having("new"), c=having("new"))

    assert workers_of(farm, here=having("old")).agreed(INQUIRY) == having("old")


def test_a_worker_that_would_measure_something_else_is_left_out_and_told_of_once() -> None:
    told: list[str] = []
    some = workers_of(Farm(a=having("old"), b=having("new")), told)
    expected = {INQUIRY: {"ffmpeg": "new"}}

    assert some.fit(expected) == some.fit(expected) == {"b"}
    assert told == ["The worker a is not used for libx264: it has another ffmpeg."]


def test_the_number_of_processors_counts_only_where_it_is_expected() -> None:
    farm = Farm(a=having("new", "8 of 8 processors"), b=having("new"))
    facts = having("new").facts
    assert facts is not None

    assert workers_of(farm).fit({INQUIRY: facts}) == {"b"}
    assert workers_of(farm).fit({INQUIRY: {"ffmpeg": "new"}}) == {"a", "b"}


def test_a_worker_that_joins_later_is_examined_like_the_others() -> None:
    farm = Farm(a=having("new"))
    some = workers_of(farm)
    assert some.fit({INQUIRY: {"ffmpeg": "new"}}) == {"a"}
    farm.reports |= {"b": having("new"), "c": having("old")}

    assert some.fit({INQUIRY: {"ffmpeg": "new"}}) == {"a", "b"}
    assert farm.asked == 3


@pytest.mark.parametrize("slow_at", ["version", "report"])
def test_a_new_worker_that_is_slow_to_answer_holds_up_only_who_met_it(slow_at: str) -> None:
    met, answers = threading.Event(), threading.Event()

    class Slow(Farm):
        def ask(
            self, function: Callable[..., Any], argument: object, workers: Iterable[str]
        ) -> Mapping[str, Any]:
            asked = list(workers)
            if "b" in asked and (function is pydoc.locate) == (slow_at == "version"):
                met.set()
                assert answers.wait(60)
            return super().ask(function, argument, asked)

    farm, told = Slow(a=having("new")), list[str]()
    some = workers_of(farm, told)
    expected = {INQUIRY: {"ffmpeg": "new"}}
    assert some.agreed(INQUIRY) == having("new")
    farm.reports["b"] = having("new")

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(some.fit, expected)
        assert met.wait(60)
        assert some.agreed(INQUIRY) == having("new")
        assert some.fit(expected) == {"a"}
        assert "a" in some.present()
        answers.set()
        assert first.result(60) == {"a", "b"}
    assert some.fit(expected) == {"a", "b"}
    assert told == []


def test_a_worker_that_left_is_no_longer_counted() -> None:
    farm = Farm(a=having("new"), b=having("new"))
    some = workers_of(farm)
    assert some.slots == 4
    del farm.reports["a"]

    assert some.slots == 2
    assert some.fit({}) == {"b"}


def test_a_silent_worker_gets_no_work_until_it_answers_again() -> None:
    farm, told = Farm(a=having("new"), b=having("new")), list[str]()
    some = workers_of(farm, told)
    expected = {INQUIRY: {"ffmpeg": "new"}}
    assert some.fit(expected) == {"a", "b"}
    farm.silent = {"a"}

    assert some.fit(expected) == {"b"}
    assert some.present() == {"a", "b"}
    assert told == ["The worker a is not used: it does not answer."]
    farm.silent = set()
    assert some.fit(expected) == {"a", "b"}
    assert farm.asked == 2


def test_a_worker_that_never_answered_is_named() -> None:
    farm = Farm(a=having("new"))
    farm.silent = {"a"}

    with pytest.raises(ClusterWorkersError, match=r"No worker .* at tcp://farm:8786 answers: a\."):
        workers_of(farm).agreed(INQUIRY)


def test_where_nobody_can_do_it_each_says_why() -> None:
    farm = Farm(a=Report(None, reason="No GPU."), b=Report(None, reason="No driver."))

    with pytest.raises(ClusterWorkersError, match=r"a: No GPU\. b: No driver\.") as caught:
        workers_of(farm).agreed(INQUIRY)
    assert caught.value.reasons == (("a", "No GPU."), ("b", "No driver."))


@pytest.mark.parametrize(("version", "words"), [("0.0.1", "0.0.1"), (None, "no vmafx-tune")])
def test_where_all_have_another_version_both_are_named(version: str | None, words: str) -> None:
    farm = Farm(a=having("new"))
    farm.versions["a"] = version

    with pytest.raises(ClusterWorkersError, match=f"{__version__}.*{words}"):
        workers_of(farm).agreed(INQUIRY)


def test_a_worker_of_another_version_is_told_of_and_not_asked() -> None:
    farm, told = Farm(a=having("new"), b=having("new")), list[str]()
    farm.versions["a"] = "0.0.1"
    some = workers_of(farm, told)

    assert some.fit({INQUIRY: {"ffmpeg": "new"}}) == {"b"}
    assert told == [
        f"The worker a is not used: it has vmafx-tune 0.0.1, and this machine {__version__}."
    ]


def test_a_cluster_without_workers_says_how_to_start_some() -> None:
    with pytest.raises(ClusterWorkersError, match="dask worker tcp://farm:8786"):
        workers_of(Farm()).agreed(INQUIRY)
