from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.errors import UsageError
from vmafx_tune.model import CapFactors, Resolution
from vmafx_tune.parsing import (
    cap_factors,
    parse_arguments,
    parse_frame_rate,
    parse_names,
    parse_numbers,
    parse_resolution,
    parse_size_bytes,
)


@pytest.mark.parametrize(
    "text", ["1280x720", "1280X720", " 1280 x 720 ", "1280\N{MULTIPLICATION SIGN}720"]
)
def test_a_resolution_is_two_numbers_with_an_x(text: str) -> None:
    assert parse_resolution(text) == Resolution(1280, 720)


@pytest.mark.parametrize("text", ["", "x", "1280", "0x720", "-2x4", "1280x", "axb", "99999x1"])
def test_anything_else_is_no_resolution(text: str) -> None:
    with pytest.raises(UsageError, match="is not a picture size"):
        parse_resolution(text)


@given(st.integers(1, 65536), st.integers(1, 65536))
def test_a_resolution_reads_back_what_it_prints(width: int, height: int) -> None:
    assert parse_resolution(str(Resolution(width, height))) == Resolution(width, height)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_a_frame_rate_is_a_number_or_a_fraction(text: str, rate: Fraction) -> None:
    assert parse_frame_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "-25", "fast", "1/0", "1e9", "nan"])
def test_anything_else_is_no_frame_rate(text: str) -> None:
    with pytest.raises(UsageError, match="is not a frame rate"):
        parse_frame_rate(text)


@given(st.lists(st.floats(0.1, 100), min_size=1))
def test_numbers_come_back_ascending_and_once(numbers: list[float]) -> None:
    assert parse_numbers(",".join(map(repr, numbers)), "target") == tuple(sorted(set(numbers)))


@pytest.mark.parametrize("text", ["", ",", "80,high", "nan", "inf"])
def test_a_list_of_numbers_holds_nothing_else(text: str) -> None:
    with pytest.raises(UsageError):
        parse_numbers(text, "target")


def test_names_keep_their_order_and_come_once() -> None:
    assert parse_names("b, a,b,,", "encoder") == ("b", "a", "b")


def test_arguments_are_split_as_a_shell_would() -> None:
    assert parse_arguments("-x264-params 'a=1:b=2' -g 48") == (
        "-x264-params",
        "a=1:b=2",
        "-g",
        "48",
    )


def test_an_open_quotation_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="unclosed quote"):
        parse_arguments("-tune 'film")


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("1k", 1024), ("1.5 M", 3 << 19), ("2G", 2 << 30), ("2GiB", 2 << 30)],
)
def test_a_size_is_a_number_with_or_without_a_unit(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "2X", "nan"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="500M or 2G"):
        parse_size_bytes(text)


def test_the_buffer_of_a_cap_is_twice_the_cap_by_default() -> None:
    assert cap_factors(1.5, None) == CapFactors(1.5, 3.0)
    assert cap_factors(None, None) is None


@pytest.mark.parametrize(
    ("maxrate", "bufsize", "message"),
    [
        (None, 2.0, "--bufsize-factor has no effect without --maxrate-factor"),
        (0.9, None, "--maxrate-factor 0.9 is not valid"),
        (float("nan"), None, "--maxrate-factor nan is not valid"),
        (1.5, 0.0, "--bufsize-factor 0 is not valid"),
    ],
)
def test_a_factor_of_a_cap_that_makes_no_sense_is_refused(
    maxrate: float | None, bufsize: float | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        cap_factors(maxrate, bufsize)
