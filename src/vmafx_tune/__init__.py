"""Find the cheapest encode that still looks right, measured with VMAF.

`encode`, `search`, `compare`, `ladder`, `package`, `batch`, `score` and `gate` do what the commands
of the same name do, and return frozen results (`vmafx_tune.results`). Names load when they are
first used, so importing the package is cheap.
"""

from __future__ import annotations

import sys
from types import ModuleType

from vmafx_tune._version import __version__

# Importing `typing` takes as long as all else that `--version` does; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vmafx_tune.batch.jobs import BatchJob
    from vmafx_tune.batch.run import batch
    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.choices import ScoreAt, SearchStrategy, Spacing
    from vmafx_tune.compare.run import compare
    from vmafx_tune.encode.run import encode
    from vmafx_tune.errors import VmafxTuneError
    from vmafx_tune.gate.run import gate
    from vmafx_tune.ladder.run import catalogue, ladder, ladders, reselect
    from vmafx_tune.model import PoolMethod, Resolution
    from vmafx_tune.options import (
        BatchOptions,
        CapOptions,
        DeliveryOptions,
        EncodingOptions,
        GateOptions,
        PackageOptions,
        RungOptions,
        ScoringOptions,
        SourceOptions,
        ToolOptions,
    )
    from vmafx_tune.package.run import package
    from vmafx_tune.results.batch import BatchFile, BatchResult
    from vmafx_tune.results.catalogue import CatalogueResult
    from vmafx_tune.results.compare import CompareResult, CompareRow
    from vmafx_tune.results.encode import EncodeResult
    from vmafx_tune.results.gate import GateResult
    from vmafx_tune.results.ladder import LadderCell, LadderPoint, LadderResult, LadderRung
    from vmafx_tune.results.package import PackageResult
    from vmafx_tune.results.score import ScoreResult
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.score.run import score
    from vmafx_tune.scoring.libvmaf.session import LibvmafScorer
    from vmafx_tune.search.run import search

__all__ = [
    "BatchFile",
    "BatchJob",
    "BatchOptions",
    "BatchResult",
    "CancelToken",
    "CapOptions",
    "CatalogueResult",
    "CompareResult",
    "CompareRow",
    "DeliveryOptions",
    "EncodeResult",
    "EncodingOptions",
    "GateOptions",
    "GateResult",
    "LadderCell",
    "LadderPoint",
    "LadderResult",
    "LadderRung",
    "LibvmafScorer",
    "PackageOptions",
    "PackageResult",
    "PoolMethod",
    "Resolution",
    "RungOptions",
    "ScoreAt",
    "ScoreResult",
    "ScoringOptions",
    "SearchResult",
    "SearchStrategy",
    "SourceOptions",
    "Spacing",
    "ToolOptions",
    "VmafxTuneError",
    "__version__",
    "batch",
    "catalogue",
    "compare",
    "encode",
    "gate",
    "ladder",
    "ladders",
    "package",
    "reselect",
    "score",
    "search",
]

_HOMES = {
    "BatchFile": "results.batch",
    "BatchJob": "batch.jobs",
    "BatchOptions": "options",
    "BatchResult": "results.batch",
    "CancelToken": "cancel",
    "CapOptions": "options",
    "CatalogueResult": "results.catalogue",
    "CompareResult": "results.compare",
    "CompareRow": "results.compare",
    "DeliveryOptions": "options",
    "EncodeResult": "results.encode",
    "EncodingOptions": "options",
    "GateOptions": "options",
    "GateResult": "results.gate",
    "LadderCell": "results.ladder",
    "LadderPoint": "results.ladder",
    "LadderResult": "results.ladder",
    "LadderRung": "results.ladder",
    "LibvmafScorer": "scoring.libvmaf.session",
    "PackageOptions": "options",
    "PackageResult": "results.package",
    "PoolMethod": "model",
    "SourceOptions": "options",
    "Resolution": "model",
    "RungOptions": "options",
    "ScoreAt": "choices",
    "ScoreResult": "results.score",
    "ScoringOptions": "options",
    "SearchResult": "results.search",
    "SearchStrategy": "choices",
    "Spacing": "choices",
    "ToolOptions": "options",
    "VmafxTuneError": "errors",
    "batch": "batch.run",
    "catalogue": "ladder.run",
    "compare": "compare.run",
    "encode": "encode.run",
    "gate": "gate.run",
    "ladder": "ladder.run",
    "ladders": "ladder.run",
    "package": "package.run",
    "reselect": "ladder.run",
    "score": "score.run",
    "search": "search.run",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home on first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'vmafx_tune' has no attribute '{name}'")
    return getattr(import_module(f"vmafx_tune.{_HOMES[name]}"), name)


class _Package(ModuleType):
    """Keeps the packages of commands, `vmafx_tune.search` and such, from hiding the functions.

    Importing a package binds its name in the one above it.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
