"""Texts and numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmafx_tune import formatting, shell
from vmafx_tune.reports.facts import command_line
from vmafx_tune.reports.render import in_encoding


@settings(deadline=None)
@given(score=st.floats(0, 110), target=st.integers(0, 1100).map(lambda tenths: tenths / 10))
def test_a_score_reads_as_reaching_a_target_only_if_it_does(score: float, target: float) -> None:
    assert (float(formatting.vmaf(score)) >= target) == (score >= target)


@pytest.mark.parametrize("absent", [None, math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_known_or_not_finite_is_a_dash(absent: float | None) -> None:
    shown = {
        formatting.vmaf(absent),
        formatting.bitrate(absent),
        formatting.percent(absent),
        formatting.duration(absent),
    }
    assert shown == {formatting.ABSENT}


@pytest.mark.parametrize(("quality", "shown"), [(23.0, "23"), (23.5, "23.5"), (30.25, "30.25")])
def test_a_whole_quality_setting_has_no_decimals(quality: float, shown: str) -> None:
    assert formatting.quality(quality) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.423, "0.42 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00 min"),
        (187, "3:07 min"),
        (3599.6, "1:00:00 h"),
        (7387, "2:03:07 h"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert formatting.duration(seconds * 1000) == shown


def test_a_bitrate_has_thousands_separators() -> None:
    assert formatting.bitrate(12345.67) == "12,345.7"


def test_a_difference_shows_its_sign() -> None:
    assert [formatting.percent(value) for value in (-23.46, 0.0, 7.0)] == [
        "-23.5 %",
        "+0.0 %",
        "+7.0 %",
    ]


def test_undecodable_bytes_of_a_file_name_become_replacement_characters() -> None:
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    assert formatting.encodable(name) == "caf\N{REPLACEMENT CHARACTER}.mp4"


def test_a_line_for_the_terminal_has_no_line_breaks_and_no_control_characters() -> None:
    assert (
        formatting.one_line("two\nlines \x1b[31mred")
        == "two lines \N{REPLACEMENT CHARACTER}[31mred"
    )


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_command_line_splits_into_the_same_arguments(argv: list[str]) -> None:
    assert shell.split(command_line(argv)) == tuple(argv)


def test_what_an_encoding_can_hold_is_left_alone() -> None:
    assert in_encoding("│ ✗ ⠤ ✓", "utf-8") == "│ ✗ ⠤ ✓"


def test_what_an_encoding_cannot_hold_gets_a_stand_in_of_the_same_length() -> None:
    assert in_encoding(f"│ {formatting.ABSENT} ⠤ … é 映", "ascii") == "| - . . ? ?"


@pytest.mark.parametrize(
    ("kbps", "shown"),
    [
        (None, formatting.ABSENT),
        (math.nan, formatting.ABSENT),
        (4.25, "4.3"),
        (99.96, "100"),
        (12345.6, "12,346"),
    ],
)
def test_rough_bitrates_have_decimals_only_where_they_matter(
    kbps: float | None, shown: str
) -> None:
    assert formatting.rough_bitrate(kbps) == shown


def test_things_are_listed_as_in_a_sentence() -> None:
    assert [formatting.listed("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 29, "1.5 GiB"), (1 << 41, "2.0 TiB")],
)
def test_sizes_are_told_in_powers_of_1024(size_bytes: int, shown: str) -> None:
    assert formatting.file_size(size_bytes) == shown
