"""Reads a result of any measuring command back from its JSON."""

from __future__ import annotations

from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import UsageError
from vmafx_tune.reports.saved_ladder import UnreadableError, parse_object, read_ladder, validated
from vmafx_tune.results.compare import CompareOneTarget, CompareTargets
from vmafx_tune.results.encode import EncodeResult
from vmafx_tune.results.score import ScoreResult
from vmafx_tune.results.search import SearchResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.ladder import LadderResult

    Record = type[ScoreResult | SearchResult | CompareOneTarget | CompareTargets]

__all__ = ["read_result"]

# What documents are read as, and up to which version, by fields that no later one here has.
_DOCUMENTS: Mapping[tuple[str, ...], tuple[Record, int]] = MappingProxyType(
    {
        ("distorted",): (ScoreResult, 1),
        ("bisect_samples", "output"): (EncodeResult, 1),
        ("bisect_samples",): (SearchResult, 1),
        ("rows", "target_vmafs"): (CompareTargets, 2),
        ("rows", "target_vmaf"): (CompareOneTarget, 1),
    }
)
# What documents of earlier versions do not have.
_EARLIER: Mapping[str, object] = MappingProxyType({"filter": ""})


def read_result(
    text: str, name: str = "the result"
) -> ScoreResult | SearchResult | CompareResult | LadderResult:
    """Read the JSON that `score`, `search`, `encode`, `compare` or `ladder` writes.

    What only Python results have, such as probes with the scores of their frames, is None.

    Args:
        text: The document.
        name: What messages call it.

    Raises:
        UsageError: It is none of these documents, or makes no sense.
    """
    try:
        data = parse_object(text)
        if "cloud" in data:
            return read_ladder(text, name)
        return _read(data)
    except UnreadableError as error:
        raise UsageError(f"No result can be read from {name}: it {error}.") from error


def _read(data: dict[str, Any]) -> ScoreResult | SearchResult | CompareResult:
    if data.get("backend") == "server":
        raise UnreadableError("is what a server told of a score; save one that is made here")
    known = next((_DOCUMENTS[some] for some in _DOCUMENTS if data.keys() >= {*some}), None)
    if known is None:
        raise UnreadableError("is not a result of score, search, encode, compare or ladder")
    record, newest = known
    version = data.get("schema_version")
    if isinstance(version, int) and version > newest:
        raise UnreadableError(
            f"was written by a newer vmafx-tune (schema {version}; this one knows {newest}). "
            "Update vmafx-tune"
        )
    return validated(record, _untold(record) | data)


def _untold(record: Record) -> dict[str, Any]:
    """Give values to fields without a default that a document need not have."""
    return {
        field.name: _EARLIER.get(field.name)
        for field in fields(record)
        if field.default is field.default_factory is MISSING
        and (field.name in _EARLIER or "PythonOnly" in field.type or "None" in field.type)
    }
