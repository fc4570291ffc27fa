from __future__ import annotations

import pytest

from vmafx_tune.errors import UsageError
from vmafx_tune.model import ScoreSet, VmafModel
from vmafx_tune.scoring.conditions import Condition, metrics_of, parse_condition, parse_conditions

MODEL = VmafModel("vmaf_v0.6.1")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("vmaf.p5>=85", Condition("vmaf", "p5", 85)),
        (" cambi . max <= 5.5 ", Condition("cambi", "max", 5.5)),
        ("vmaf>=93", Condition("vmaf", "mean", 93)),
        ("psnr_cb.p99≥38", Condition("psnr_cb", "p99", 38)),
        ("ssim.harmonic_mean>=0.98", Condition("ssim", "harmonic_mean", 0.98)),
    ],
)
def test_a_condition_is_a_metric_a_pooling_and_a_bound(text: str, meant: Condition) -> None:
    assert parse_condition(text, MODEL) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a condition. Write it as METRIC.POOLING>=VALUE"),
        ("vmaf.p5", "is not a condition"),
        ("vmaf.p5>=", "is not a condition"),
        ("vmag.p5>=85", "unknown metric, 'vmag'. Did you mean vmaf"),
        ("vmaf.p0>=85", "unknown pooling, 'p0'"),
        ("vmaf.p100>=85", "a percentile from p1 to p99"),
        ("vmaf.meen>=85", "Did you mean mean"),
        ("vmaf.p5>=x", "has 'x' where a number belongs"),
        ("vmaf.p5>=nan", "has 'nan' where a number belongs"),
        ("vmaf.p5>=101", "out of the model's range"),
        ("vmaf.p5>=0.85", "Did you mean 85?"),
        ("ssim>=98", "SSIM goes from 0 to 1. Did you mean 0.98?"),
        ("psnr>=1e9", "PSNR goes from 1 to 100."),
        ("cambi<=-1", "CAMBI goes from 0 to 24."),
        ("cambi.p95>=5", "lower CAMBI is better"),
        ("cambi.p95>=5", "Use cambi.p95<=5."),
        ("vmaf.p5<=85", "Use vmaf.p5>=85."),
        ("vmaf.p5>85", "Use vmaf.p5>=85."),
        ("vmaf.p5==85", "Use vmaf.p5>=85."),
        ("cambi.harmonic_mean<=5", "Use mean, p95 or max."),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_condition(text, MODEL)

    assert said in str(refused.value)
    assert f"'{text}'" in str(refused.value)


def test_repeats_are_left_out_and_metrics_are_those_beside_vmaf() -> None:
    found = parse_conditions(["vmaf.p5>=80", "cambi<=5", "psnr_cr>=30", "vmaf.p5>=80.0"], MODEL)

    assert [str(condition) for condition in found] == [
        "vmaf.p5>=80",
        "cambi.mean<=5",
        "psnr_cr.mean>=30",
    ]
    assert metrics_of(found) == ("psnr", "cambi")


def test_a_value_is_pooled_from_the_metrics_own_frames() -> None:
    scores = ScoreSet([90.0, 80.0], {}, 2, MODEL.name, "ffmpeg", metrics={"cambi": [1.0, 4.0]})

    assert Condition("vmaf", "min", 80).value_of(scores) == 80
    assert Condition("cambi", "max", 5).value_of(scores) == 4
