"""Results of `encode --per-shot`, made as if they were measured."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from tests.unit.reports import factories
from vmafx_tune.choices import PerShot
from vmafx_tune.results.encode import EncodeResult
from vmafx_tune.results.measurement import PooledScores, WorstSecond
from vmafx_tune.results.per_shot import PerShotEncode, Shot

__all__ = ["encode_per_shot", "shot"]


def shot(number: int, crf: float) -> Shot:
    """A shot of two seconds."""
    return Shot(
        first_frame=50 * number,
        n_frames=50,
        start_s=2.0 * number,
        crf=crf,
        bitrate_kbps=round(1000 / crf, 2),
        size_bytes=round(250_000 / crf),
        vmaf_score=120 - crf,
        encode_command="ffmpeg -i clip.mp4 shot.mp4",
    )


def encode_per_shot(*crfs: float, p5: float = 80.0, **changes: Any) -> EncodeResult:
    """An encode whose shots have these settings."""
    search = factories.search_result()
    scores = dict.fromkeys((field.name for field in fields(PooledScores)), 93.1)
    found = PerShotEncode(
        mode=PerShot.SLOPE,
        delivered=True,
        bitrate_kbps=900.0,
        size_bytes=900_000,
        vmaf_score=93.1,
        vmaf_pooled=PooledScores(**scores | {"p5": p5}),
        worst_second=WorstSecond(start_s=3.0, vmaf_score=71.25, time_code="00:00:03.000"),
        saving_percent=12.34,
        shots=tuple(shot(number, crf) for number, crf in enumerate(crfs or (21.0, 34.0))),
        probes=9,
        new_probes=7,
        grid_probes=102,
        measured_wholes=2,
        join_command="ffmpeg -f concat -i list joined.mp4",
    )
    known = {field.name: getattr(search, field.name) for field in fields(search)}
    return EncodeResult(**known, per_shot=replace(found, **changes))
