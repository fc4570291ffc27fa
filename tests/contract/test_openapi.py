"""The OpenAPI document is valid, and says what the code does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from vmafx_tune import errors
from vmafx_tune.choices import PoolMethod
from vmafx_tune.server.openapi import DOCUMENT, OPERATIONS, SCORE_REQUEST, render_docs
from vmafx_tune.server.protocol import STATUSES
from vmafx_tune.server.scorer import MAX_SUBSAMPLE, Scored
from vmafx_tune.server.service import ScoreCall

SERVED: dict[str, Any] = json.loads(DOCUMENT)

# A score over HTTP cannot raise these: they are about frames, clients, encodes and searches.
ELSEWHERE = (
    errors.InvalidFrameError,
    errors.ServerUnreachableError,
    errors.EncodeFailedError,
    errors.EncoderUnavailableError,
    errors.SearchError,
    errors.OutputError,
)


def test_the_document_is_valid_openapi_3_1() -> None:
    assert [*OpenAPIV31SpecValidator(SERVED).iter_errors()] == []


def test_each_path_has_one_operation_and_head_beside_get() -> None:
    methods = [operation.methods for operation in OPERATIONS]
    assert set(methods) == {("GET", "HEAD"), ("POST",)}


def test_every_error_that_a_score_can_raise_has_its_status_described() -> None:
    raised = {status.http for error, status in STATUSES.items() if not issubclass(error, ELSEWHERE)}
    assert raised <= {int(status) for status in described_statuses("/v1/score")}


def test_only_statuses_that_an_error_or_a_refusal_has_are_described() -> None:
    known = {status.http for status in STATUSES.values()} | {200, 413, 415}
    assert {int(status) for status in described_statuses("/v1/score")} <= known


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_wants_a_token_says_so(operation: Any) -> None:
    described = SERVED["paths"][operation.path][operation.methods[0].lower()]
    assert ("security" in described) == operation.guarded
    assert ("401" in described["responses"]) == operation.guarded


def test_the_fields_of_a_score_are_those_of_the_service() -> None:
    schemas = SERVED["components"]["schemas"]
    assert set(SCORE_REQUEST["properties"]) <= set(ScoreCall.__dataclass_fields__)
    assert set(schemas["Score"]["properties"]) == set(Scored.__dataclass_fields__)


def test_the_values_of_a_score_request_are_those_of_the_service() -> None:
    fields = SCORE_REQUEST["properties"]
    assert fields["pool"]["enum"] == [method.value for method in PoolMethod]
    assert fields["pool"]["default"] == PoolMethod.MEAN.value
    assert fields["subsample"]["maximum"] == MAX_SUBSAMPLE


def test_the_page_for_people_has_every_field_and_status() -> None:
    page = render_docs(DOCUMENT).decode()
    wanted = [*SERVED["paths"], *SCORE_REQUEST["properties"]]
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
