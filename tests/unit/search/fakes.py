"""A prober behind the port: scores come from a curve, bitrates from another."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.knob import Knob
from vmafx_tune.model import (
    EncodeSpec,
    PixelFormat,
    PoolMethod,
    Probe,
    ProbeSpec,
    Resolution,
    ScoreSet,
    Source,
    VmafModel,
)
from vmafx_tune.scoring.conditions import parse_conditions
from vmafx_tune.search.request import SearchRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmafx_tune.knob import TypicalCurve
    from vmafx_tune.ports import ProbeProgress

SOURCE = Source(
    path=Path("clip.mp4"),
    resolution=Resolution(320, 180),
    frame_rate=Fraction(25),
    n_frames=50,
    pixel_format=PixelFormat("yuv420p", 8, "420"),
    codec="h264",
)
MODEL = VmafModel("vmaf_v0.6.1")
CRF = Knob("crf", 0, 51, default=23)


def scores_of(*frames: float, metrics: Mapping[str, float] | None = None) -> ScoreSet:
    columns = {name: (value,) * len(frames) for name, value in (metrics or {}).items()}
    return ScoreSet(
        frames, {}, n_frames=len(frames), model=MODEL.name, backend="ffmpeg", metrics=columns
    )


@dataclass
class CurveProber:
    """Scores a quality by `vmaf_of`, and halves the bitrate every six of it."""

    vmaf_of: Callable[[float], float]
    ceiling: float = 100.0
    fail_at: dict[float, Exception] = field(default_factory=dict)
    cached: frozenset[float] = frozenset()
    asked: list[float] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    metrics_of: Callable[[float], Mapping[str, float]] = lambda _: {}
    own_metrics: Mapping[str, float] = field(default_factory=dict)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        quality = spec.encode.quality
        self.asked.append(quality)
        if quality in self.fail_at:
            raise self.fail_at[quality]
        if on_progress is not None:
            on_progress("encode", spec.encode.source.n_frames)
        vmaf = self.vmaf_of(quality)
        return Probe(
            quality=quality,
            bitrate_kbps=8000 * 2 ** (-quality / 6),
            size_bytes=1,
            scores=scores_of(vmaf, vmaf, metrics=self.metrics_of(quality)),
            encode_time_s=1.0,
            score_time_s=0.5,
            encoder_version="fake 1.0",
            command=("ffmpeg", "-crf", f"{quality:g}"),
            cached=quality in self.cached,
        )

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        return scores_of(self.ceiling, metrics=self.own_metrics)

    def cancel(self) -> None:
        self.cancelled.set()


def request(
    encoder: str = "libx264",
    *,
    target: float = 90.0,
    knob: Knob = CRF,
    max_iter: int = 12,
    subsample: int = 1,
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE,
    max_bitrate_kbps: float | None = None,
    typical: TypicalCurve | None = None,
    require: Sequence[str] = (),
) -> SearchRequest:
    return SearchRequest(
        template=ProbeSpec(
            encode=EncodeSpec(
                source=SOURCE, encoder=encoder, quality=23, max_bitrate_kbps=max_bitrate_kbps
            ),
            model=MODEL,
            display=SOURCE.resolution,
            subsample=subsample,
        ),
        knob=replace(knob, typical=typical),
        target=target,
        pool=PoolMethod.MEAN,
        max_iter=max_iter,
        strategy=strategy,
        conditions=parse_conditions(require, MODEL),
    )
