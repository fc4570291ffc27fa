from __future__ import annotations

import pytest

from tests.support.points import bitrates_of, points
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.limits import apply_caps
from vmafx_tune.results.rung_choice import RungChoice

HULL = points((200, 40), (500, 70), (1200, 85), (3000, 95), (6000, 98))


def test_without_limits_the_whole_hull_is_left() -> None:
    assert apply_caps(HULL, RungChoice()) == (HULL, ())


@pytest.mark.parametrize(
    ("caps", "bitrates"),
    [
        pytest.param(RungChoice(max_vmaf=95), [200, 500, 1200, 3000], id="reached exactly"),
        pytest.param(RungChoice(max_vmaf=94), [200, 500, 1200, 3000], id="reached by more"),
        pytest.param(RungChoice(max_vmaf=10), [200], id="below the hull"),
        pytest.param(RungChoice(min_vmaf=70), [500, 1200, 3000, 6000], id="least VMAF"),
        pytest.param(RungChoice(min_bitrate_kbps=201), [500, 1200, 3000, 6000], id="least bitrate"),
        pytest.param(
            RungChoice(max_bitrate_kbps=3000), [200, 500, 1200, 3000], id="highest bitrate"
        ),
        pytest.param(
            RungChoice(min_vmaf=50, max_vmaf=90, min_bitrate_kbps=600, max_bitrate_kbps=5000),
            [1200, 3000],
            id="all at once",
        ),
        pytest.param(RungChoice(min_vmaf=96, max_vmaf=97), [6000], id="between two points"),
    ],
)
def test_points_outside_the_limits_go(caps: RungChoice, bitrates: list[float]) -> None:
    assert bitrates_of(apply_caps(HULL, caps)[0]) == bitrates


def test_where_no_point_reaches_the_highest_vmaf_the_top_stays_and_is_told() -> None:
    left, notes = apply_caps(HULL, RungChoice(max_vmaf=99))

    assert left == HULL
    assert notes == (
        (
            "The top of the ladder is missing: no point reaches VMAF 99. The best one is VMAF "
            "98.00 at 6,000 kb/s; sample at a higher target or resolution to reach it."
        ),
    )


def test_ends_that_a_limit_of_bitrate_takes_away_are_told() -> None:
    caps = RungChoice(min_vmaf=30, min_bitrate_kbps=300, max_bitrate_kbps=3000)
    _, notes = apply_caps(HULL, caps)

    assert notes == (
        (
            "The bottom of the ladder is missing: VMAF 40.00 at 200 kb/s is below --min-bitrate "
            "300, so the ladder starts at VMAF 70.00 at 500 kb/s."
        ),
        (
            "The top of the ladder is missing: VMAF 98.00 at 6,000 kb/s is above --max-bitrate "
            "3000, so the ladder ends at VMAF 95.00 at 3,000 kb/s."
        ),
    )


def test_a_ladder_that_ends_at_its_own_limits_of_vmaf_misses_nothing() -> None:
    assert apply_caps(HULL, RungChoice(min_vmaf=50, max_vmaf=95))[1] == ()
    assert apply_caps(HULL, RungChoice(min_vmaf=50, max_vmaf=95, max_bitrate_kbps=3000))[1] == ()


@pytest.mark.parametrize(
    "caps",
    [
        RungChoice(min_vmaf=99),
        RungChoice(min_bitrate_kbps=7000),
        RungChoice(max_bitrate_kbps=100),
        RungChoice(min_vmaf=90, max_bitrate_kbps=2000),
        RungChoice(min_bitrate_kbps=3001, max_bitrate_kbps=5999),
    ],
)
def test_limits_that_leave_nothing_are_an_error_that_names_them(caps: RungChoice) -> None:
    with pytest.raises(
        InvalidLadderError, match=r"from VMAF 40\.00 at 200 kb/s to .* is within the"
    ):
        apply_caps(HULL, caps)


def test_an_empty_hull_stays_empty_whatever_the_limits() -> None:
    assert apply_caps((), RungChoice(min_vmaf=90)) == ((), ())
