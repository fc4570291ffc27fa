from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import CurveProber, request, scores_of
from vmafx_tune.compare.engine import (
    bd_matrix,
    bd_rates,
    failed_rows,
    found_row,
    rank,
    search_encoders,
)
from vmafx_tune.errors import CancelledError, EncodeFailedError
from vmafx_tune.events import JobStarted
from vmafx_tune.results.compare import Overlap

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.events import Event
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.results.compare import CompareRow


FFMPEG = Path("ffmpeg")


class TwoEncoders(CurveProber):
    """`good` needs half the bits of any other encoder."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        probe = super().probe(spec, on_progress=on_progress)
        factor = 0.5 if spec.encode.encoder == "good" else 1.0
        return replace(probe, bitrate_kbps=probe.bitrate_kbps * factor)


class CurvesByEncoder(CurveProber):
    """Each encoder's probes have scores of its own."""

    def __init__(self, vmaf_of: Callable[[float, str], float]) -> None:
        super().__init__(falling)
        self._vmaf_of = vmaf_of

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        probe = super().probe(spec, on_progress=on_progress)
        vmaf = self._vmaf_of(probe.quality, spec.encode.encoder)
        return replace(probe, scores=scores_of(vmaf, vmaf))


def compared(
    *encoders: str,
    targets: tuple[float, ...] = (80.0,),
    prober: CurveProber | None = None,
    workers: int = 2,
) -> tuple[CompareRow, ...]:
    results = search_encoders(
        [request(encoder) for encoder in encoders],
        targets,
        prober or TwoEncoders(falling),
        workers=workers,
    )
    return rank(found_row(result, FFMPEG) for result in results)


def falling(quality: float) -> float:
    return 100 - quality


def names(rows: tuple[CompareRow, ...]) -> list[tuple[float, str]]:
    return [(row.target_vmaf, row.codec) for row in rows]


def test_rows_stand_by_target_then_bitrate() -> None:
    rows = compared("bad", "good", targets=(70.0, 90.0))
    assert names(rows) == [(70, "good"), (70, "bad"), (90, "good"), (90, "bad")]
    assert all(row.ok for row in rows)


def test_an_encoder_that_cannot_run_here_has_failed_rows_last() -> None:
    absent = failed_rows({"absent": "No device."}, (70.0,), FFMPEG)
    rows = rank([*absent, *compared("bad", targets=(70.0,))])
    assert names(rows) == [(70, "bad"), (70, "absent")]
    assert rows[1].error == "No device."
    assert rows[1].probes == ()


def test_probes_are_shared_between_an_encoders_targets() -> None:
    prober = TwoEncoders(falling)
    compared("one", targets=(70.0, 80.0, 90.0), prober=prober)
    assert len(prober.asked) == len(set(prober.asked))


def test_a_failed_probe_fails_its_row_and_keeps_what_was_measured() -> None:
    prober = TwoEncoders(falling, fail_at={5.0: EncodeFailedError("crashed")})
    rows = compared("one", targets=(60.0, 95.0), prober=prober)
    assert [row.ok for row in rows] == [True, False]
    assert rows[1].error == "crashed"
    assert rows[1].probes


def test_an_unreachable_target_is_a_failed_row_of_its_own_kind() -> None:
    rows = compared("one", targets=(99.0,), prober=TwoEncoders(lambda q: 90 - q))
    assert rows[0].error_kind == "unreachable"
    assert "the best is 90.00 at crf 0" in str(rows[0].error)


def test_cancelling_one_probe_cancels_the_comparison() -> None:
    prober = TwoEncoders(falling, fail_at={20.0: CancelledError("stop")})
    with pytest.raises(CancelledError):
        compared("one", "two", prober=prober)
    assert prober.cancelled.is_set()


def test_results_do_not_depend_on_the_number_of_workers() -> None:
    targets = (60.0, 75.0, 90.0)
    one = compared("a", "good", targets=targets, workers=1)
    many = compared("a", "good", targets=targets, workers=4)
    assert [(row.codec, row.bisect_samples) for row in one] == [
        (row.codec, row.bisect_samples) for row in many
    ]


def test_the_encoder_that_takes_longest_begins_first_and_results_stand_as_asked() -> None:
    efforts = {"quick": 0.0, "slow": 5.0, "usual": 1.0}
    searches = [replace(request(name), effort=effort) for name, effort in efforts.items()]
    begun: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, JobStarted):
            begun.append(event.job)

    results = search_encoders(searches, (80.0,), TwoEncoders(falling), observe=observe)

    assert begun == ["slow", "usual", "quick"]
    assert [result.codec for result in results] == [*efforts]


def test_bd_rate_is_given_against_the_anchor_over_the_span_of_the_targets() -> None:
    (found,) = bd_rates(compared("bad", "good", targets=(60.0, 75.0, 90.0)), "bad")
    assert (found.codec, found.anchor) == ("good", "bad")
    assert found.percent == pytest.approx(-50, abs=0.01)
    assert found.overlap == Overlap(60.0, 90.0)


def test_bd_rate_knows_only_of_targets_that_both_encoders_reach() -> None:
    def probed(quality: float, encoder: str) -> float:
        return 100 - quality if encoder == "bad" else 92 - quality

    targets = (60.0, 75.0, 90.0, 95.0)
    rows = compared("bad", "good", targets=targets, prober=CurvesByEncoder(probed))
    (found,) = bd_rates(rows, "bad")

    assert found.overlap == Overlap(60.0, 90.0)
    assert found.percent is not None


def test_one_target_is_no_bd_rate_but_the_difference_there_is_told() -> None:
    (found,) = bd_rates(compared("bad", "good", targets=(80.0,)), "bad")

    assert (found.percent, found.overlap) == (None, None)
    assert found.reason == (
        "VMAF 80 is the only target that both good and bad reach, but BD-rate averages over an "
        "interval: compare at two targets or more. At VMAF 80, good needs 50.0 % fewer bits."
    )


def test_an_encoder_without_an_answer_has_no_bd_rate_but_a_reason() -> None:
    gone = failed_rows({"gone": "No device."}, (60.0, 80.0), FFMPEG)
    (found,) = bd_rates([*compared("bad", targets=(60.0, 80.0)), *gone], "bad")

    assert found.reason == (
        "gone and bad have no target in common that both reach. Lower the targets."
    )


def test_the_matrix_has_each_encoder_against_each_other_one_and_agrees_with_the_anchors() -> None:
    rows = compared("bad", "good", "best", targets=(60.0, 75.0, 90.0))
    matrix = {(bd.codec, bd.anchor): bd for bd in bd_matrix(rows)}

    assert len(matrix) == 6
    for anchor in ("bad", "good", "best"):
        assert bd_rates(rows, anchor) == tuple(
            bd for (_, against), bd in matrix.items() if against == anchor
        )
    there, back = matrix["good", "bad"].percent, matrix["bad", "good"].percent
    assert there is not None
    assert back is not None
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)
