"""Numbers as people read them: rounding never makes a miss read as a hit."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vmafx_tune
from vmafx_tune import formatting

SCORES = st.floats(0, 110)
RATES = st.floats(0.001, 1e8)


@given(
    score=SCORES,
    target=SCORES.map(lambda target: round(target, 9)),
    decimals=st.integers(0, 6),
)
def test_a_score_shown_beside_its_target_reaches_it_only_if_it_does(
    score: float, target: float, decimals: int
) -> None:
    shown = formatting.vmaf(score, decimals, target=target)
    assert (float(shown) >= target) == (score >= target)


@given(score=SCORES, decimals=st.integers(0, 6))
def test_a_score_is_never_rounded_up(score: float, decimals: int) -> None:
    assert score - 10**-decimals < float(formatting.vmaf(score, decimals)) <= score


@given(target=st.integers(1, 110))
def test_a_score_just_below_a_target_reads_below_it(target: int) -> None:
    shown = formatting.vmaf(math.nextafter(target, 0))
    assert float(shown) == pytest.approx(target - 0.01)


@given(kbps=RATES, limit=RATES.map(round))
def test_a_bitrate_above_its_limit_reads_above_it(kbps: float, limit: int) -> None:
    for show in (formatting.bitrate, formatting.rough_bitrate):
        shown = float(show(kbps).replace(",", ""))
        assert shown >= kbps
        assert (shown > limit) == (kbps > limit)


@pytest.mark.parametrize(
    ("number", "shown"), [(95.0, "95"), (93.125, "93.125"), (1234567.0, "1234567")]
)
def test_a_target_is_shown_as_it_was_given(number: float, shown: str) -> None:
    assert formatting.given(number) == shown


@pytest.mark.parametrize(("number", "shown"), [(0, "0 frames"), (1, "1 frame"), (12, "12 frames")])
def test_one_of_a_thing_is_not_several(number: int, shown: str) -> None:
    assert formatting.counted(number, "frame") == shown


def test_numbers_of_frames_that_may_be_one_are_counted() -> None:
    """Also no `2th`: a part of the frames is `one frame in 2`."""
    root = Path(vmafx_tune.__file__).parent
    found = [
        f"{path.relative_to(root)}:{string.lineno}: {ast.unparse(string)}"
        for path in sorted(root.rglob("*.py"))
        for string in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(string, ast.JoinedStr)
        and re.search(
            r"\} (frames|probes|encodes|parts)\b(?! per)|\}(st|nd|rd|th)\b", ast.unparse(string)
        )
        # Not those of which there are at least two, or an "at most".
        and not re.search(r"\} of \{|all \{count|it has at least one", ast.unparse(string))
    ]
    assert found == []


def test_no_other_place_rounds_scores_or_bitrates() -> None:
    root = Path(vmafx_tune.__file__).parent
    found = [
        f"{path.relative_to(root)}:{field.lineno}: {ast.unparse(field.value)}"
        for path in sorted(root.rglob("*.py"))
        # Its SCORE is for players.
        if path.name != "hls.py"
        for field in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(field, ast.FormattedValue)
        and field.format_spec is not None
        and re.search(r"\.\d+f", ast.unparse(field.format_spec))
        and re.search(r"vmaf|score\b|ceiling|kbps", ast.unparse(field.value))
        # Errors are no scores, and places in a chart no bitrates.
        and not re.search(r"_error|^_[xy]\(", ast.unparse(field.value))
    ]
    assert found == []
