"""The metrics that are computed beside VMAF, one row for each.

Nothing here imports numpy or starts anything: options, conditions and backends all read these rows.
"""

from __future__ import annotations

import difflib
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.errors import MetricUnavailableError, ScoringError, UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.model import Resolution

__all__ = [
    "METRICS",
    "SSIMULACRA2",
    "VMAF",
    "Metric",
    "blank_side",
    "check_metric_sizes",
    "columns_of",
    "extractors_of",
    "filter_only",
    "metric_columns",
    "nearest_names",
    "parse_metrics",
    "refuse_foreign",
    "title_of_extractor",
]

VMAF = "vmaf"
"""Always computed, by a model."""

SSIMULACRA2 = "ssimulacra2"
"""Computed by VapourSynth, in a pass of its own."""


@frozen
class Metric:
    """A metric.

    Attributes:
        name: As options have it.
        title: As people write it.
        extractor: What libvmaf calls what computes it; None for VMAF, which a model computes, and
            for what a filter of ffmpeg's or VapourSynth computes.
        columns: libvmaf's log names, or planes of the filter's log, by the names in results. The
            first one is the metric itself.
        lowest, highest: Range of the values that a condition may ask for.
        lower_is_better: Whether it rises where quality falls.
        of_equals: What equal pictures have; infinite where the noise is divided by.
        fall: By how much it usually gets worse over the width of an encoder's typical curve, a
            first guess for searches; of similarities, in decibels of what they are below 1.
        min_side, min_long_side: Samples that each side, or the longer one, of a picture must have.
    """

    name: str
    title: str
    extractor: str | None
    columns: Mapping[str, str]
    lowest: float
    highest: float
    of_equals: float
    fall: float
    lower_is_better: bool = False
    min_side: int = 1
    min_long_side: int = 1

    @property
    def is_similarity(self) -> bool:
        """Whether it goes up to 1."""
        return self.highest == 1


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(VMAF, "VMAF", None, {}, 1, 100, 100, 0),
            Metric(
                "psnr",
                "PSNR",
                "psnr",
                {"psnr": "psnr_y", "psnr_cb": "psnr_cb", "psnr_cr": "psnr_cr"},
                1,
                100,
                math.inf,
                3.3,
            ),
            Metric("ssim", "SSIM", "float_ssim", {"ssim": "float_ssim"}, 0, 1, 1, 2.7),
            Metric(
                "ms_ssim",
                "MS-SSIM",
                "float_ms_ssim",
                {"ms_ssim": "float_ms_ssim"},
                0,
                1,
                1,
                3.6,
                # Five scales, the smallest of them of at least 11 samples.
                min_side=176,
            ),
            Metric(
                "psnr_hvs",
                "PSNR-HVS",
                "psnr_hvs",
                {name: name for name in ("psnr_hvs", "psnr_hvs_y", "psnr_hvs_cb", "psnr_hvs_cr")},
                1,
                100,
                math.inf,
                4.5,
            ),
            Metric("ciede", "CIEDE2000", "ciede", {"ciede": "ciede2000"}, 1, 150, math.inf, 2.9),
            Metric(
                "cambi",
                "CAMBI",
                "cambi",
                {"cambi": "cambi"},
                0,
                24,
                math.nan,
                0.7,
                lower_is_better=True,
                # 216 since libvmaf 3.
                min_long_side=320,
            ),
            Metric(
                "xpsnr",
                "XPSNR",
                None,
                {"xpsnr": "y", "xpsnr_cb": "u", "xpsnr_cr": "v"},
                1,
                100,
                math.inf,
                3.0,
            ),
            Metric(SSIMULACRA2, "SSIMULACRA2", None, {SSIMULACRA2: SSIMULACRA2}, 1, 100, 100, 12),
        )
    }
)
"""All metrics by name, in the order of results."""

_FILTERS = frozenset({"xpsnr"})


def parse_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """Check the names of metrics, and put them in the order of results without repeats.

    Raises:
        UsageError: There is no such metric, with the nearest ones.
    """
    asked = set(names)
    for name in asked - METRICS.keys():
        raise UsageError(
            f"Unknown metric '{name}'.{nearest_names(name, METRICS)} Use one of "
            f"{', '.join(METRICS)}."
        )
    return tuple(name for name in METRICS if name in asked)


def nearest_names(name: str, names: Iterable[str]) -> str:
    """Ask whether one of `names` was meant, with a space before it; empty where none is near."""
    close = difflib.get_close_matches(name.lower().replace("-", "_"), names, n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def extractors_of(names: Sequence[str]) -> tuple[str, ...]:
    """List what libvmaf calls the extractors of metrics."""
    return tuple(found for name in names if (found := METRICS[name].extractor) is not None)


def title_of_extractor(extractor: str) -> str:
    """Name the metric that an extractor of libvmaf's computes, as people write it."""
    return next((m.title for m in METRICS.values() if m.extractor == extractor), extractor)


def columns_of(names: Sequence[str]) -> dict[str, str]:
    """List the columns of results that libvmaf computes: its log names by ours."""
    return {
        ours: log
        for name in names
        if METRICS[name].extractor is not None
        for ours, log in METRICS[name].columns.items()
    }


def metric_columns(
    names: Sequence[str], logged: Mapping[str, Sequence[float]]
) -> dict[str, Sequence[float]]:
    """Take the columns of metrics out of what libvmaf logged.

    Args:
        names: The metrics that were asked for.
        logged: Values of each frame by log name.

    Raises:
        ScoringError: One is missing, or not a number.
    """
    found = {}
    for name in names:
        metric = METRICS[name]
        if metric.extractor is None:
            continue
        for ours, log in metric.columns.items():
            if log not in logged:
                raise ScoringError(f"libvmaf did not return {metric.title} ({log}).")
            found[ours] = _known_values(metric, logged[log])
    return found


def _known_values(metric: Metric, values: Sequence[float]) -> Sequence[float]:
    if not any(map(math.isnan, values)):
        return values
    # Logs have null for what is infinite.
    if not math.isinf(metric.of_equals):
        frame = next(index for index, value in enumerate(values) if math.isnan(value))
        raise ScoringError(f"libvmaf returned no usable {metric.title} for scored frame {frame}.")
    return [math.inf if math.isnan(value) else value for value in values]


def filter_only(names: Sequence[str]) -> tuple[str, ...]:
    """List the metrics that only ffmpeg's filters compute."""
    return tuple(name for name in names if name in _FILTERS)


def refuse_foreign(names: Sequence[str]) -> None:
    """Refuse metrics that libvmaf does not compute.

    Raises:
        MetricUnavailableError: One is computed by a filter of ffmpeg's, or by VapourSynth.
    """
    for name in filter_only(names):
        raise MetricUnavailableError(
            f"{METRICS[name].title} is computed by a filter of ffmpeg's. Use --backend ffmpeg, or "
            f"leave out {name}."
        )
    if SSIMULACRA2 in names:
        raise MetricUnavailableError(
            "SSIMULACRA2 can be computed from files only. Score files, or leave out ssimulacra2."
        )


def blank_side(names: Sequence[str]) -> int:
    """Return what one side must have of a blank picture that is twice as long on the other."""
    metrics = [METRICS[name] for name in names]
    return max([1, *(max(m.min_side, -(-m.min_long_side // 2)) for m in metrics)])


def check_metric_sizes(size: Resolution, names: Sequence[str]) -> None:
    """Refuse pictures that are too small for a metric.

    Raises:
        ScoringError: A side of `size` is shorter than one needs.
    """
    short, long = sorted((size.width, size.height))
    for metric in (METRICS[name] for name in names):
        if short < metric.min_side:
            raise ScoringError(
                f"{metric.title} needs frames of at least {metric.min_side} samples per side, but "
                f"these are {size}. Leave out {metric.name}, or compare at a larger --display."
            )
        if long < metric.min_long_side:
            raise ScoringError(
                f"{metric.title} needs frames of at least {metric.min_long_side} samples on the "
                f"longer side, but these are {size}. Leave out {metric.name}, or compare at a "
                "larger --display."
            )
