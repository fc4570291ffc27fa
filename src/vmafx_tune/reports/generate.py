"""Writes the JSON Schemas of the results: `python -m vmafx_tune.reports.generate`."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from vmafx_tune.reports import schemas
from vmafx_tune.reports.progress_json import event_schemas
from vmafx_tune.results.batch import BatchResult
from vmafx_tune.results.catalogue import CatalogueResult
from vmafx_tune.results.compare import CompareOneTarget, CompareTargets
from vmafx_tune.results.encode import EncodeResult
from vmafx_tune.results.gate import GateResult
from vmafx_tune.results.ladder import LadderResult
from vmafx_tune.results.machine import CacheResult, DoctorResult, EncodersResult
from vmafx_tune.results.package import PackageResult
from vmafx_tune.results.record import json_fields
from vmafx_tune.results.score import RemoteScoreResult, ScoreResult
from vmafx_tune.results.search import SearchResult

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["build_schema", "write_schemas"]

_TITLES = {
    "score": "vmafx-tune score",
    "remote_score": "vmafx-tune score --server",
    "search": "vmafx-tune search",
    "encode": "vmafx-tune encode",
    "compare": "vmafx-tune compare, for one target or several",
    "ladder": "vmafx-tune ladder",
    "catalogue": "vmafx-tune ladder --titles",
    "package": "vmafx-tune package",
    "batch": "vmafx-tune batch",
    "gate": "vmafx-tune gate",
    "encoders": "vmafx-tune encoders",
    "doctor": "vmafx-tune doctor",
    "cache": "vmafx-tune cache",
    "progress": "a line of --progress json",
}
_RESULTS: Mapping[str, Any] = {
    "score": ScoreResult,
    "remote_score": RemoteScoreResult,
    "search": SearchResult,
    "encode": EncodeResult,
    "compare": CompareOneTarget | CompareTargets,
    "ladder": LadderResult,
    "catalogue": CatalogueResult,
    "package": PackageResult,
    "batch": BatchResult,
    "gate": GateResult,
    "encoders": EncodersResult,
    "doctor": DoctorResult,
    "cache": CacheResult,
}


class _SchemaOfJson(GenerateJsonSchema):
    """Describes what `json_csv` writes of a result, rather than the dataclass."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - overrides
        return False

    def float_schema(self, schema: Any) -> Any:  # noqa: ARG002 - overrides
        return {"anyOf": [{"type": "number"}, {"type": "null"}]}

    def default_schema(self, schema: Any) -> Any:
        if self._config.json_schema_serialization_defaults_required:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def dataclass_schema(self, schema: Any) -> Any:
        generated = super().dataclass_schema(schema)
        properties, described = generated["properties"], _descriptions(schema["cls"])
        fields = json_fields(schema["cls"])
        generated["properties"] = {
            field.name: properties[field.name] | {"description": described[field.name]}
            for field in fields
        }
        optional = {field.name for field in fields if "OmittedWhenEmpty" in str(field.type)}
        required = set(generated.get("required", ())) - optional
        if required:
            generated["required"] = [field.name for field in fields if field.name in required]
        return generated


def _descriptions(record: type[Any]) -> dict[str, str]:
    """Read the docstrings below the fields of a dataclass and of those that it is made of."""
    found: dict[str, str] = {}
    for kind in reversed(record.__mro__[:-1]):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                assert isinstance(field.target, ast.Name)
                docstring = ast.literal_eval(below.value)
                found[field.target.id] = " ".join(docstring.split())
    return found


def build_schema(name: str) -> dict[str, Any]:
    """Generate one JSON Schema from its result.

    Args:
        name: One of `schemas.NAMES`.
    """
    if name == "progress":
        generated: dict[str, Any] = {"oneOf": event_schemas()}
    else:
        generated = TypeAdapter(_RESULTS[name]).json_schema(
            schema_generator=_SchemaOfJson, mode="serialization"
        )
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
