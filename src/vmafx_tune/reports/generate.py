"""Writes the JSON Schemas from the document models: `python -m vmafx_tune.reports.generate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from vmafx_tune.reports import schemas
from vmafx_tune.reports.documents.cache import CacheDocument
from vmafx_tune.reports.documents.compare import CompareDocument, CompareTargetsDocument
from vmafx_tune.reports.documents.ladder import LadderDocument
from vmafx_tune.reports.documents.machine import DoctorDocument, EncodersDocument
from vmafx_tune.reports.documents.remote_score import RemoteScoreDocument
from vmafx_tune.reports.documents.score import ScoreDocument
from vmafx_tune.reports.documents.search import SearchDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["build_schema", "write_schemas"]

_TITLES = {
    "score": "vmafx-tune score",
    "remote_score": "vmafx-tune score --server",
    "search": "vmafx-tune search",
    "compare": "vmafx-tune compare, for one target or several",
    "ladder": "vmafx-tune ladder",
    "encoders": "vmafx-tune encoders",
    "doctor": "vmafx-tune doctor",
    "cache": "vmafx-tune cache",
}
_MODELS: Mapping[str, TypeAdapter[Any]] = {
    "score": TypeAdapter(ScoreDocument),
    "remote_score": TypeAdapter(RemoteScoreDocument),
    "search": TypeAdapter(SearchDocument),
    "compare": TypeAdapter(CompareDocument | CompareTargetsDocument),
    "ladder": TypeAdapter(LadderDocument),
    "encoders": TypeAdapter(EncodersDocument),
    "doctor": TypeAdapter(DoctorDocument),
    "cache": TypeAdapter(CacheDocument),
}


class _WithoutFieldTitles(GenerateJsonSchema):
    """Leaves out the titles that would only repeat the field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - overrides
        return False


def build_schema(name: str) -> dict[str, Any]:
    """Generate one JSON Schema from its model.

    Args:
        name: One of `schemas.NAMES`.
    """
    generated = _MODELS[name].json_schema(schema_generator=_WithoutFieldTitles)
    heading = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"urn:vmafx-tune:schema:{name}",
        "title": _TITLES[name],
    }
    return heading | {key: value for key, value in generated.items() if key != "title"}


def write_schemas(folder: Path) -> None:
    """Write every schema to `folder`, as `NAME.json`."""
    for name in schemas.NAMES:
        text = json.dumps(build_schema(name), indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(schemas.__file__).parent)
