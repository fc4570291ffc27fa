"""The results whose JSON is pinned, and what writes the golden files.

After adding a field: `python -m tests.contract.documents`, and look at the difference.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.reports import batch_factories, factories, ladder_factories, package_factories
from vmafx_tune.reports.render import render
from vmafx_tune.results.measurement import Sample, SampledPart, SampleEstimate
from vmafx_tune.results.search import SearchLimit

if TYPE_CHECKING:
    from vmafx_tune.results.record import Result

GOLDEN = Path(__file__).parent / "golden"
VERSION = "0.0.0"


@dataclass(frozen=True)
class Case:
    """One pinned document."""

    name: str
    schema: str
    result: Result
    options: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The document as it is now, of a made-up version of the tool."""
        parsed: dict[str, Any] = json.loads(render(self.result, "json", **self.options))
        return parsed | {"tool_version": VERSION}

    def golden(self) -> dict[str, Any]:
        """The document as it was promised."""
        parsed: dict[str, Any] = json.loads((GOLDEN / f"{self.name}.json").read_text("utf-8"))
        return parsed


_NOTHING_MEASURED = replace(
    factories.without_answer(factories.search_result(target=99.0)),
    error="The range of crf ends at 0.",
    probes=(),
    bisect_samples=(),
    new_probes=0,
    encoder_version="",
    backend=None,
    backend_version=None,
)

_TOO_LARGE = (
    "No encode within 900 kb/s reaches 99: the best is VMAF 93.43 at crf 20, 875 kb/s. Allow "
    "more with --max-bitrate, or lower the target."
)
_LIMITED = replace(
    factories.search_result(target=99.0),
    max_bitrate_kbps=900.0,
    too_large=(12.0, 18.5),
    limit=SearchLimit("max_bitrate", _TOO_LARGE),
    error=_TOO_LARGE,
)

_SAMPLED = replace(
    factories.search_result(),
    proven=False,
    limit=SearchLimit("sample", "Only 25% of the clip was measured."),
    sample=Sample(
        segments=(SampledPart(12, 25, 0.48), SampledPart(150, 25, 6.0)),
        share=0.25,
        subsample=2,
        verified=False,
        estimate=SampleEstimate(21.0, 780.5, 91.25, 0.75, 12.5),
    ),
)

_CHUNKED = factories.chunked_search_result()

CASES = (
    Case("score", "score", factories.score_result()),
    Case("score_frames", "score", factories.score_result(), {"frames": True}),
    Case("score_metrics", "score", factories.score_result_with_metrics(), {"frames": True}),
    Case("remote_score", "remote_score", factories.remote_score_result()),
    Case("search", "search", factories.search_result()),
    Case("search_unreachable", "search", factories.search_result(target=99.0)),
    Case("search_nothing_measured", "search", _NOTHING_MEASURED),
    Case("search_too_large", "search", _LIMITED),
    Case("search_sampled", "search", _SAMPLED),
    Case("search_chunked", "search", _CHUNKED),
    Case("compare_one_target", "compare", factories.compare_result()),
    Case("compare_targets", "compare", factories.full_compare_result()),
    Case("ladder", "ladder", ladder_factories.ladder_result()),
    Case("ladder_adaptive", "ladder", ladder_factories.adaptive_ladder_result()),
    Case("ladder_unreachable", "ladder", ladder_factories.unreachable_ladder_result()),
    Case("ladder_failed", "ladder", ladder_factories.failed_ladder_result()),
    Case("catalogue", "catalogue", ladder_factories.catalogue_result()),
    Case("package", "package", package_factories.package_result()),
    Case("batch", "batch", batch_factories.batch_result()),
    Case("gate", "gate", factories.gate_result()),
    Case("encoders", "encoders", factories.encoders_result()),
    Case("doctor", "doctor", factories.doctor_result()),
    Case("cache", "cache", factories.cache_result()),
)


def write_golden() -> None:
    """Write every golden file anew."""
    for case in CASES:
        text = json.dumps(case.document(), indent=2, ensure_ascii=False)
        (GOLDEN / f"{case.name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden()
