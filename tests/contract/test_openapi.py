"""The OpenAPI document is valid, up to date, and says what the code does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from vmafx_tune import errors
from vmafx_tune.server.http_contract import OPERATIONS, SCORE_FIELDS, allowed_methods
from vmafx_tune.server.http_docs import render_docs
from vmafx_tune.server.openapi import PATH, build_document
from vmafx_tune.server.scored import Scored
from vmafx_tune.server.service import ScoreCall
from vmafx_tune.server.status import STATUSES

SERVED: dict[str, Any] = json.loads(PATH.read_bytes())

# A score over HTTP cannot raise these: they are about frames, clients, encodes and searches.
ELSEWHERE = (
    errors.InvalidFrameError,
    errors.ServerUnreachableError,
    errors.EncodeFailedError,
    errors.EncoderUnavailableError,
    errors.SearchError,
    errors.OutputError,
)


def test_the_document_that_is_served_is_the_one_that_the_code_makes() -> None:
    assert build_document() == SERVED


def test_the_document_is_valid_openapi_3_1() -> None:
    assert [*OpenAPIV31SpecValidator(SERVED).iter_errors()] == []


def test_every_method_of_every_route_is_described_and_no_other() -> None:
    described = {
        path: {method.upper() for method in item} for path, item in SERVED["paths"].items()
    }
    assert described == {
        operation.path: set(allowed_methods(operation)) for operation in OPERATIONS
    }


def test_every_error_that_a_score_can_raise_has_its_status_described() -> None:
    raised = {status.http for error, status in STATUSES.items() if not issubclass(error, ELSEWHERE)}
    assert raised <= {int(status) for status in described_statuses("/v1/score")}


def test_only_statuses_that_an_error_or_a_refusal_has_are_described() -> None:
    known = {status.http for status in STATUSES.values()} | {200, 413, 415}
    assert {int(status) for status in described_statuses("/v1/score")} <= known


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_wants_a_token_says_so(operation: Any) -> None:
    described = SERVED["paths"][operation.path][operation.method.lower()]
    assert ("security" in described) == operation.guarded
    assert ("401" in described["responses"]) == operation.guarded


def test_the_fields_of_a_score_are_those_of_the_service() -> None:
    schemas = SERVED["components"]["schemas"]
    asked = [field.name for field in SCORE_FIELDS]
    assert list(schemas["ScoreRequest"]["properties"]) == asked
    assert set(asked) <= set(ScoreCall.__dataclass_fields__)
    assert set(schemas["Score"]["properties"]) == set(Scored.__dataclass_fields__)


def test_the_page_for_people_has_every_field_and_status() -> None:
    page = render_docs(PATH.read_bytes()).decode()
    wanted = [*SERVED["paths"], *(field.name for field in SCORE_FIELDS)]
    wanted += described_statuses("/v1/score")
    assert [word for word in wanted if word not in page] == []


def test_the_page_for_people_shows_text_as_text() -> None:
    hostile = {**SERVED, "info": {"title": "<script>", "description": "`<b>` & <i>"}}
    page = render_docs(json.dumps(hostile).encode()).decode()
    assert "<script>" not in page
    assert "<code>&lt;b&gt;</code> &amp; &lt;i&gt;" in page


def described_statuses(path: str) -> list[str]:
    (operation,) = SERVED["paths"][path].values()
    return [status for status in operation["responses"] if status != "default"]
