"""The one way in to all formats."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports import factories, ladder_factories
from vmafx_tune.errors import UsageError
from vmafx_tune.reports import schemas
from vmafx_tune.reports.render import FORMATS, formats_of, render

if TYPE_CHECKING:
    from vmafx_tune.results.record import Result

RESULTS: tuple[Result, ...] = (
    factories.score_result(),
    factories.search_result(),
    factories.full_compare_result(),
    ladder_factories.ladder_result(),
    factories.gate_result(),
    factories.encoders_result(),
    factories.doctor_result(),
    factories.cache_result(),
)


def test_every_type_of_result_has_its_formats() -> None:
    assert {formats_of(result) for result in RESULTS} == set(FORMATS.values())


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_every_format_gives_text_with_one_newline_at_its_end(result: Result) -> None:
    for fmt in formats_of(result):
        text = render(result, fmt)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_a_format_that_a_result_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(
        UsageError, match=r"'csv' is not a format. Choose one of table, json, html\."
    ):
        render(factories.search_result(), "csv")


def test_an_unknown_schema_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        UsageError, match=r"no schema 'ladders'\. Choose one of score, remote_score, search"
    ):
        schemas.schema_text("ladders")


def test_importing_the_renderer_and_reading_a_schema_loads_neither_pydantic_nor_rich() -> None:
    script = (
        "import sys\n"
        "import vmafx_tune.reports.render\n"
        "from vmafx_tune.reports.schemas import schema_text\n"
        "schema_text('score')\n"
        "heavy = {'pydantic', 'rich', 'numpy', 'av', 'vl_convert'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
