"""The hand-written pages keep up with the code, and point at what exists."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vmafx_tune import errors
from vmafx_tune.scoring.models import BUILT_IN_MODELS, MODEL_ALIASES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"
PACKAGE = Path(str(files("vmafx_tune")))
SCHEMAS = sorted((PACKAGE / "reports/schemas").glob("*.json"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
CODE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"VMAFX_[A-Z_]+")


def terms(page: str) -> set[str]:
    """Everything that a reference page sets in code type."""
    return set(CODE.findall((REFERENCE / page).read_text(encoding="utf-8")))


def properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_every_field_of_the_json_is_in_the_reference(schema: Path) -> None:
    fields = set(properties(json.loads(schema.read_text(encoding="utf-8"))))
    assert fields
    assert fields <= terms("json.md")


def test_every_error_is_in_the_reference_with_its_exit_code() -> None:
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"`(\w+Error)` \| (\d+) \|", page))
    assert rows == {name: str(getattr(errors, name).exit_code) for name in errors.__all__}


def test_every_built_in_model_is_in_the_reference() -> None:
    assert {*BUILT_IN_MODELS, *MODEL_ALIASES} <= terms("models.md")


def test_every_environment_variable_that_the_package_reads_is_in_the_reference() -> None:
    sources = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = {name for source in sources for name in VARIABLE.findall(source)}
    assert read
    assert read <= terms("environment.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_point_at_files(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_decisions_are_numbered_in_turn_and_listed() -> None:
    pages = sorted((ROOT / "docs/adr").glob("0*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    index = (ROOT / "docs/adr/index.md").read_text(encoding="utf-8")
    for number, page in zip(numbers, pages, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. ")
        assert re.search(rf"^{number}\. \[.*\]\({page.name}\)$", index, re.MULTILINE)
