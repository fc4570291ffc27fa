"""Saved results, read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.documents import CASES
from vmafx_tune.errors import UsageError
from vmafx_tune.reports.render import render
from vmafx_tune.reports.saved_result import read_result

if TYPE_CHECKING:
    from tests.contract.documents import Case

READ = [case for case in CASES if case.schema in ("score", "search", "compare", "ladder")]
OTHERS = [case for case in CASES if case not in READ]


def document(name: str) -> dict[str, Any]:
    return next(case for case in CASES if case.name == name).document()


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_a_result_that_is_read_back_writes_the_same_document(case: Case) -> None:
    text = render(case.result, "json", **case.options)
    assert render(read_result(text), "json") == text


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_documents_of_earlier_versions_are_read(case: Case) -> None:
    read_result(json.dumps(case.golden()))


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.name)
def test_results_of_other_commands_are_refused(case: Case) -> None:
    with pytest.raises(UsageError, match=r"No result can be read from the result: it is"):
        read_result(json.dumps(case.document()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 2}, "was written by a newer vmafx-tune"),
        ({"best_crf": "x"}, 'has "x" as best_crf, where a number belongs'),
        ({"pool": "median"}, 'has "median" as pool, where one of mean'),
        ({"bisect_samples": {}}, "has an object as bisect_samples, where a list belongs"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_result(json.dumps(document("search") | change))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "is empty"), ("[]", "holds a list"), ("{", "is not JSON"), ("{}", "is not a result of")],
)
def test_what_is_no_document_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_result(text)
