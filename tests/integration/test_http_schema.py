"""Schemathesis holds the running server to its OpenAPI document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.support.http_server import Running, running_server
from vmafx_tune.server.openapi import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("media")
    with running_server(root) as running:
        yield running


schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT))
# Which models there are depends on the server, so the document allows any name, and 400 is right
# for one that is unknown.
ACCEPTANCE = schema.config.checks.positive_data_acceptance
ACCEPTANCE.expected_statuses = [*ACCEPTANCE.expected_statuses, "400"]


@schema.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_the_server_keeps_to_its_document(case: Case[Any], server: Running) -> None:
    case.call_and_validate(base_url=f"http://127.0.0.1:{server.port}")
