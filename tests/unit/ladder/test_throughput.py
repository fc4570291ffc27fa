from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from vmafx_tune.errors import UsageError
from vmafx_tune.ladder.throughput import LogNormalThroughput, MeasuredThroughput, parse_throughputs


def test_half_of_the_viewers_have_the_median_or_more() -> None:
    assert LogNormalThroughput(4000, 0.7).share_at_least(4000) == 0.5


@pytest.mark.parametrize("kbps", [10, 900, 4000, 4001, 20_000])
def test_log_normal_shares_are_those_of_a_normal_distribution_of_logarithms(kbps: float) -> None:
    normal = NormalDist(math.log(4000), 0.7)

    share = LogNormalThroughput(4000, 0.7).share_at_least(kbps)

    assert share == pytest.approx(1 - normal.cdf(math.log(kbps)), abs=1e-12)


def test_the_far_tail_of_a_log_normal_keeps_its_digits() -> None:
    share = LogNormalThroughput(1, 1).share_at_least(math.exp(10))

    assert share == pytest.approx(7.61985302416e-24, rel=1e-9)


def test_everyone_has_a_throughput_of_zero_or_more() -> None:
    assert LogNormalThroughput(4000, 0.7).share_at_least(0) == 1
    assert MeasuredThroughput((0, 5)).share_at_least(0) == 1


@pytest.mark.parametrize(
    ("median_kbps", "sigma", "name"),
    [
        (0, 1, "median"),
        (-5, 1, "median"),
        (math.nan, 1, "median"),
        (9, 0, "sigma"),
        (9, math.inf, "sigma"),
    ],
)
def test_a_log_normal_needs_a_median_and_a_sigma_above_zero(
    median_kbps: float, sigma: float, name: str
) -> None:
    with pytest.raises(UsageError, match=f"throughput's {name} is .* above zero"):
        LogNormalThroughput(median_kbps, sigma)


@pytest.mark.parametrize(
    ("kbps", "share"), [(1, 1), (1000, 1), (1000.1, 0.75), (2000, 0.75), (3000, 0.25), (3001, 0)]
)
def test_measured_shares_count_the_viewers_with_as_much_or_more(kbps: float, share: float) -> None:
    measured = MeasuredThroughput((3000, 1000, 2000, 2000))

    assert measured.share_at_least(kbps) == share


def test_weights_count_as_repetitions() -> None:
    weighted = MeasuredThroughput((1000, 2000, 3000), (1, 2, 1))
    repeated = MeasuredThroughput((1000, 2000, 2000, 3000))

    for kbps in (500, 1000, 1500, 2000, 2500, 3000, 3500):
        assert weighted.share_at_least(kbps) == repeated.share_at_least(kbps)


@pytest.mark.parametrize(
    ("kbps", "weights", "message"),
    [
        ((), (), "measured throughputs are empty"),
        ((1, 2), (1,), "2 measured throughputs but 1 weights"),
        ((1, -2), (), "is -2"),
        ((1, math.nan), (), "is nan"),
        ((1, 2), (1, math.inf), "is inf"),
        ((1, 2), (0, 0), "more than zero"),
    ],
)
def test_measurements_that_make_no_distribution_are_refused(
    kbps: tuple[float, ...], weights: tuple[float, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        MeasuredThroughput(kbps, weights)


@pytest.mark.parametrize(
    "text",
    [
        "1000\n2500.5\n",
        "kbps\n1000\n2500.5",
        "\N{ZERO WIDTH NO-BREAK SPACE}KBPS\r\n1000\r\n\r\n2500.5\r\n",
        '"kbps"\n"1000"\n 2500.5 \n',
        "kbps,weight\n1000,1\n2500.5,1\n",
        "1000, 1\n2500.5, 1\n",
    ],
)
def test_a_csv_of_throughputs_may_have_a_header_and_weights(text: str) -> None:
    assert parse_throughputs(text) == MeasuredThroughput((1000, 2500.5), (1, 1))


def test_weights_are_read_from_the_second_column() -> None:
    assert parse_throughputs("kbps,weight\n800,3\n900,0.5\n") == MeasuredThroughput(
        (800, 900), (3, 0.5)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kbps\n1000\nfast\n", "Line 3 .* 'fast' for kbps"),
        ("1000\n\n-5\n", "Line 3 .* '-5' for kbps"),
        ("1000\nnan\n", "Line 2 .* 'nan' for kbps"),
        ("kbps,weight\n1000,\n", "Line 2 .* '' for weight"),
        ("kbps,weight\n1000,1\n2000\n", "Line 3 .* 1 columns"),
        ("1000\n2000,1\n", "Line 2 .* 2 columns"),
        ("a,b,c\n", "Line 1 .* 3 columns"),
        ("mbps\n4\n", "Line 1 .* 'mbps' for kbps.* A header"),
        ("1" * 200_000, "Line 1 .* not CSV"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_throughputs(text)


@pytest.mark.parametrize("text", ["", "\n\n", "kbps\n"])
def test_a_csv_without_values_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="measured throughputs are empty"):
        parse_throughputs(text)
