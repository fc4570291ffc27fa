from __future__ import annotations

from operator import attrgetter
from typing import Any

import pytest

from tests.support.points import bitrates_of, sized
from tests.unit.scoring.builders import a_source
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.ladder.resolutions import default_resolutions, ruled_resolutions
from vmafx_tune.ladder.rules import ruled_rungs
from vmafx_tune.ladder.rung_options import changed_choice
from vmafx_tune.ladder.selection import select_rungs
from vmafx_tune.model import Resolution
from vmafx_tune.options import RungOptions
from vmafx_tune.results.rung_choice import RungChoice

SMALL, MIDDLE, LARGE = (Resolution(pixels, pixels) for pixels in (360, 540, 720))
# The middle size is nowhere the best one.
CLOUD = sized(
    *((200, 60, 360), (400, 72, 360), (800, 78, 360)),
    *((400, 65, 540), (800, 79, 540), (1600, 86, 540)),
    *((800, 80, 720), (1600, 90, 720), (3200, 95, 720)),
)
size_of = attrgetter("resolution")


def sizes(choice: RungChoice) -> list[int]:
    return [rung.pixels for rung in select_rungs(CLOUD, choice, size_of=size_of).rungs]


def test_rules_that_the_ladder_keeps_anyway_change_nothing() -> None:
    free = select_rungs(CLOUD, RungChoice(), size_of=size_of)
    ruled = select_rungs(CLOUD, RungChoice(min_top=LARGE, min_rungs=2), size_of=size_of)

    assert ruled.rungs == free.rungs


def test_a_size_that_is_nowhere_the_best_is_there_if_it_is_asked_for() -> None:
    assert MIDDLE.width not in sizes(RungChoice())
    selection = select_rungs(CLOUD, RungChoice(include=(MIDDLE,)), size_of=size_of)

    assert MIDDLE.width in [rung.pixels for rung in selection.rungs]
    assert "below the hull" in " ".join(selection.notes)


def test_only_allowed_sizes_are_there_beside_those_that_must_be() -> None:
    assert set(sizes(RungChoice(allow=(MIDDLE,)))) == {540}
    assert set(sizes(RungChoice(allow=(MIDDLE,), include=(LARGE,)))) == {540, 720}


def test_top_and_bottom_are_as_large_as_asked() -> None:
    assert sizes(RungChoice(min_bottom=MIDDLE))[0] >= 540
    assert sizes(RungChoice(min_top=LARGE, max_bitrate_kbps=1000))[-1] == 720


def test_steps_are_within_their_range() -> None:
    rungs = select_rungs(
        CLOUD, RungChoice(min_step_ratio=1.9, max_step_ratio=2.1, max_rungs=9), size_of=size_of
    ).rungs

    assert bitrates_of(rungs) == [200, 400, 800, 1600, 3200]


def test_there_are_as_many_rungs_as_asked() -> None:
    assert len(sizes(RungChoice(min_rungs=5, max_rungs=5))) == 5


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (RungChoice(include=(Resolution(1080, 1080),)), ["--include 1080x1080"]),
        (RungChoice(include=(LARGE,), max_bitrate_kbps=500),
         ["--include 720x720 and --max-bitrate 500 together"]),
        (RungChoice(min_top=LARGE, allow=(SMALL,)),
         ["--allow 360x360 and --min-top 720x720 together"]),
        (RungChoice(min_rungs=9, max_rungs=9), ["--rungs-between 9:9"]),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_kept_are_named(choice: RungChoice, names: list[str]) -> None:
    with pytest.raises(InvalidLadderError) as caught:
        ruled_rungs(CLOUD, choice, size_of)

    for name in names:
        assert f"keeps {name}" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (RungOptions(rungs_between="8:3"), "--rungs-between 8:3 is not a range"),
        (RungOptions(step_ratio="2.5:1.5"), "--step-ratio 2.5:1.5 is not a range"),
        (RungOptions(step_ratio="0.5:2"), "--step-ratio 0.5:2 is not a range"),
        (RungOptions(step_ratio="wide"), "--step-ratio 'wide' is not a range"),
        (RungOptions(rungs_between="3"), "--rungs-between '3' is not a range"),
        (RungOptions(include="720p"), "'720p' is not a picture size"),
        (RungOptions(include="1x1,2x1,3x1", max_rungs=2), "--include names 3 sizes"),
    ],
)
def test_rules_that_make_no_sense_are_refused(options: RungOptions, message: str) -> None:
    with pytest.raises((UsageError, InvalidLadderError), match=message):
        changed_choice(RungChoice(), options)


def test_rules_are_read_from_what_users_write() -> None:
    choice = changed_choice(
        RungChoice(),
        RungOptions(include="640x360, 1280x720", min_top="1280x720", step_ratio="1.5:2.5",
                    rungs_between="3:8"),
    )  # fmt: skip

    assert choice.include == (Resolution(640, 360), Resolution(1280, 720))
    assert choice.min_top == Resolution(1280, 720)
    assert (choice.min_step_ratio, choice.max_step_ratio) == (1.5, 2.5)
    assert (choice.min_rungs, choice.max_rungs) == (3, 8)


def test_a_rule_of_a_saved_ladder_can_be_lifted() -> None:
    ruled = RungChoice(
        include=(SMALL,), allow=(SMALL,), min_top=LARGE, min_bottom=SMALL, min_step_ratio=1.5,
        max_step_ratio=2.5, min_rungs=3,
    )  # fmt: skip
    names = ("include", "allow", "min_top", "min_bottom", "step_ratio", "rungs_between")

    lifted: dict[str, Any] = dict.fromkeys(names, "none")
    assert not changed_choice(ruled, RungOptions(**lifted)).has_rules


def test_rules_say_which_sizes_are_measured() -> None:
    source = a_source(resolution=Resolution(1280, 720))
    usual = ruled_resolutions(None, source, RungChoice())

    assert usual == default_resolutions(source)
    assert ruled_resolutions(None, source, RungChoice(include=(Resolution(416, 234),))) == usual
    odd_one = Resolution(512, 288)
    assert ruled_resolutions(None, source, RungChoice(include=(odd_one,))) == (*usual, odd_one)
    assert ruled_resolutions(None, source, RungChoice(allow=(odd_one,))) == (odd_one,)
    least = Resolution(640, 360)
    assert ruled_resolutions(None, source, RungChoice(min_bottom=least))[-1] == least
    with pytest.raises(InvalidLadderError, match="leave no resolution"):
        ruled_resolutions([odd_one], source, RungChoice(min_bottom=least))
