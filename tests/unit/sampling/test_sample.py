"""What `--sample` and `--verify` ask for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.events import Event, Warned
from vmafx_tune.model import Complexity, PoolMethod
from vmafx_tune.options import EncodingOptions, SourceOptions
from vmafx_tune.parsing import parse_sample
from vmafx_tune.sampling.parts import SamplePlan, Segment, sample_plan
from vmafx_tune.session import Session
from vmafx_tune.source_reader import SourceReader

if TYPE_CHECKING:
    from vmafx_tune.model import Source

LONG = replace(SOURCE, n_frames=1000)


class PlainReader(SourceReader):
    """Finds all frames alike."""

    def complexity(self, source: Source) -> Complexity:
        return Complexity((1.0,) * source.n_frames)


def plan(
    encoding: EncodingOptions, source: Source = LONG, pool: PoolMethod = PoolMethod.MEAN
) -> tuple[SamplePlan | None, list[Event]]:
    told: list[Event] = []
    session = Session(observe=told.append)
    session.reader = PlainReader(session, SourceOptions())
    return sample_plan(source, encoding, pool, session), told


def test_a_sample_has_so_many_parts_of_that_length() -> None:
    assert plan(EncodingOptions(sample="2x1s")) == (
        SamplePlan((Segment(237, 25), Segment(737, 25)), 1000),
        [],
    )


def test_without_a_sample_the_whole_clip_is_measured() -> None:
    assert plan(EncodingOptions()) == (None, [])


@pytest.mark.parametrize("sample", ["6x10s", "4x9.5s", "1x40"])
def test_a_sample_of_nearly_the_whole_clip_is_the_whole_clip_and_says_so(sample: str) -> None:
    found, told = plan(EncodingOptions(sample=sample))

    assert found is None
    assert isinstance(told[0], Warned)
    assert "so the whole clip is measured" in told[0].message


def test_verify_needs_a_sample() -> None:
    with pytest.raises(UsageError, match="--verify requires --sample"):
        plan(EncodingOptions(verify=True))


def test_verify_does_not_go_with_bisection() -> None:
    with pytest.raises(UsageError, match="Leave one of them out"):
        plan(EncodingOptions(sample="2x1s", verify=True, strategy=SearchStrategy.BISECT))


def test_parts_of_a_few_frames_are_refused() -> None:
    with pytest.raises(UsageError, match=r"5 frames, which is too short.*at least 0\.48 s"):
        plan(EncodingOptions(sample="6x0.2s"))


@pytest.mark.parametrize(
    ("pool", "name"),
    [
        (PoolMethod.MIN, "the minimum"),
        (PoolMethod.P1, "the 1st percentile"),
        (PoolMethod.P5, "the 5th percentile"),
        (PoolMethod.P10, "the 10th percentile"),
    ],
)
def test_what_parts_give_too_high_is_only_sampled_to_be_verified(
    pool: PoolMethod, name: str
) -> None:
    with pytest.raises(UsageError, match=rf"cannot estimate {name} of a clip.*Add --verify"):
        plan(EncodingOptions(sample="2x1s"), pool=pool)

    assert plan(EncodingOptions(sample="2x1s", verify=True), pool=pool)[0] is not None


@pytest.mark.parametrize("pool", [PoolMethod.MEAN, PoolMethod.HARMONIC_MEAN])
def test_means_are_sampled(pool: PoolMethod) -> None:
    assert plan(EncodingOptions(sample="2x1s"), pool=pool)[0] is not None


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_a_clip_that_is_too_short_for_parts_is_measured_as_a_whole(n_frames: int) -> None:
    found, told = plan(EncodingOptions(sample="1x1s"), replace(SOURCE, n_frames=n_frames))

    assert found is None
    assert "so the whole clip is measured" in str(told)


def test_a_slow_clip_needs_parts_of_minutes() -> None:
    slow = replace(SOURCE, frame_rate=Fraction(1, 10))

    with pytest.raises(UsageError, match="make them at least 120 s"):
        plan(EncodingOptions(sample="2x1s"), slow)


def test_a_variable_frame_rate_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(MediaError, match=r"varies.*Leave out --sample"):
        plan(EncodingOptions(sample="2x1s"), replace(LONG, variable_frame_rate=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6x10s", (6, 10)),
        ("6x10", (6, 10)),
        (" 4X2.5s ", (4, Fraction(5, 2))),
        ("1\N{MULTIPLICATION SIGN}1s", (1, 1)),
    ],
)
def test_a_sample_is_parts_times_seconds(text: str, expected: tuple[int, Fraction]) -> None:
    assert parse_sample(text) == expected


@pytest.mark.parametrize("text", ["", "6x", "x10s", "0x5s", "6x0s", "-1x5s", "6x10m", "6", "6x5s7"])
def test_what_is_no_sample_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a sample\. Write it as PARTSxSECONDS"):
        parse_sample(text)
