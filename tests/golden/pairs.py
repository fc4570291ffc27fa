"""The raw pairs with known scores."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import RawFormat, Resolution, ScoreRequest
from vmafx_tune.scoring.models import resolve_model

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CANONICAL", "MODELS", "PAIRS", "GoldenPair"]

MODELS = ("vmaf_v0.6.1", "vmaf_4k_v0.6.1", "vmaf_v0.6.1neg")


@dataclass(frozen=True, slots=True)
class GoldenPair:
    """Two headerless clips, and what the names of their logs begin with."""

    reference: str
    distorted: str
    size: Resolution
    pix_fmt: str
    log_prefix: str

    def request(self, folder: Path, model: str, **options: Any) -> ScoreRequest:
        """Ask for the scores of the pair in `folder`."""
        raw = RawFormat(self.size, self.pix_fmt, Fraction(25))
        return ScoreRequest(
            reference=probe_source(folder / self.reference, raw),
            distorted=probe_source(folder / self.distorted, raw),
            model=resolve_model(model, self.size, ()),
            display=self.size,
            **options,
        )

    def log_path(self, folder: Path, model: str) -> Path:
        """The log of Netflix's tool."""
        return folder / f"{self.log_prefix}.{model}.json"

    def scores(self, folder: Path, model: str) -> list[float]:
        """Its frame scores."""
        log = json.loads(self.log_path(folder, model).read_text())
        return [frame["metrics"]["vmaf"] for frame in log["frames"]]


PAIRS = (
    GoldenPair(
        "src01_ref_160x90_yuv420p.yuv",
        "src01_dis_160x90_yuv420p.yuv",
        Resolution(160, 90),
        "yuv420p",
        "src01_160x90",
    ),
    GoldenPair(
        "src01_hrc00_576x324_yuv420p10le.yuv",
        "src01_hrc01_576x324_yuv420p10le.yuv",
        Resolution(576, 324),
        "yuv420p10le",
        "src01_576x324_10bit",
    ),
)

CANONICAL = GoldenPair(
    "src01_hrc00_576x324.yuv",
    "src01_hrc01_576x324.yuv",
    Resolution(576, 324),
    "yuv420p",
    "src01_hrc00_576x324",
)
