from __future__ import annotations

import math

import pytest

from vmafx_tune.errors import MetricUnavailableError, ScoringError, UsageError
from vmafx_tune.model import Resolution
from vmafx_tune.scoring.metrics import (
    METRICS,
    check_metric_sizes,
    metric_columns,
    parse_metrics,
    refuse_foreign,
)


def test_metrics_come_in_the_order_of_results_without_repeats() -> None:
    assert parse_metrics(["xpsnr", "psnr", "vmaf", "psnr"]) == ("vmaf", "psnr", "xpsnr")


@pytest.mark.parametrize(
    ("name", "meant"), [("psnt", "psnr"), ("ms-ssim", "ms_ssim"), ("CAMBI", "cambi")]
)
def test_an_unknown_metric_is_refused_with_the_nearest_ones_and_all(name: str, meant: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_metrics([name])

    assert str(refused.value).startswith(f"Unknown metric '{name}'. Did you mean {meant}")
    assert all(known in str(refused.value) for known in METRICS)


def test_what_the_log_leaves_out_for_equal_frames_is_infinite() -> None:
    logged = {name: [math.nan, 40.0] for name in METRICS["psnr_hvs"].columns.values()}

    assert metric_columns(["psnr_hvs"], logged)["psnr_hvs"] == [math.inf, 40.0]


@pytest.mark.parametrize("values", [None, [0.5, math.nan]])
def test_a_metric_that_is_missing_or_no_number_is_an_error(values: list[float] | None) -> None:
    with pytest.raises(ScoringError, match="CAMBI"):
        metric_columns(["cambi"], {} if values is None else {"cambi": values})


@pytest.mark.parametrize(
    ("name", "size", "least"),
    [("ms_ssim", Resolution(640, 175), "176"), ("cambi", Resolution(160, 90), "320")],
)
def test_frames_that_are_too_small_for_a_metric_are_refused(
    name: str, size: Resolution, least: str
) -> None:
    with pytest.raises(ScoringError, match=f"{least} samples.*{size}.*Leave out {name}"):
        check_metric_sizes(size, [name])

    check_metric_sizes(Resolution(640, 360), tuple(METRICS))


@pytest.mark.parametrize(
    ("name", "advice"), [("xpsnr", "--backend ffmpeg"), ("ssimulacra2", "Score files")]
)
def test_a_metric_that_libvmaf_does_not_compute_is_refused_there(name: str, advice: str) -> None:
    with pytest.raises(MetricUnavailableError, match=advice):
        refuse_foreign(["psnr", name])
