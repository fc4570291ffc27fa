"""The body of a request for a score is read strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.server.http_messages import Refused, Request
from vmafx_tune.server.openapi import read_score_fields

GOOD = {"reference": "a.mp4", "distorted": "b.mp4"}


def request(body: bytes, content_type: str = "application/json", **headers: str) -> Request:
    sent = {"content-type": content_type, **headers}
    return Request(method="POST", target="/v1/score", headers=sent, body=body)


def refusal(body: object, **headers: str) -> Refused:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refused) as caught:
        read_score_fields(request(data, **headers))
    return caught.value


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'],
)
def test_a_good_body_gives_every_field(content_type: str) -> None:
    fields = read_score_fields(request(json.dumps(GOOD).encode(), content_type))
    assert fields == {**GOOD, "model": "", "pool": "mean", "subsample": 1}


def test_names_may_be_in_any_script() -> None:
    body = json.dumps({**GOOD, "reference": "映画/Ünïcode 🎬.mp4"}, ensure_ascii=False).encode()
    assert read_score_fields(request(body))["reference"] == "映画/Ünïcode 🎬.mp4"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b'{"reference": "\xe9"}',
        b'\xef\xbb\xbf{"reference": "a", "distorted": "b"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"reference": ' + b"9" * 5000 + b"}",
        b'{"reference": NaN}',
        b'{"reference": -Infinity}',
        b'{"reference": "a", "reference": "a", "distorted": "b"}',
        b"{'reference': 'a'}",
        b'{"reference": "a", "distorted": "b"} x',
        b'{"reference": "a\n", "distorted": "b"}',
        b'{"reference": "a\\u0000", "distorted": "b"}',
        b'{"reference": "\\ud800", "distorted": "b"}',
    ],
)
def test_what_is_no_clean_json_is_a_bad_request(body: bytes) -> None:
    assert refusal(body).status == 400


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "object"),
        ("text", "object"),
        (None, "object"),
        (1e308, "object"),
        ({}, "reference"),
        ({"reference": "a"}, "distorted"),
        ({**GOOD, "distorted": None}, "distorted"),
        ({**GOOD, "reference": 1}, "reference"),
        ({**GOOD, "reference": ["a"]}, "reference"),
        ({**GOOD, "reference": ""}, "reference"),
        ({**GOOD, "reference": "a" * 4097}, "reference"),
        ({**GOOD, "model": 1}, "model"),
        ({**GOOD, "model": None}, "model"),
        ({**GOOD, "modle": "vmaf_v0.6.1"}, "modle"),
    ],
)
def test_json_of_another_shape_is_unprocessable_and_names_the_field(
    document: object, named: str
) -> None:
    refused = refusal(document)
    assert refused.status == 422
    assert named in str(refused)


def test_a_field_with_an_odd_name_is_shown_escaped_and_short() -> None:
    message = str(refusal({"\x1b[31m" + "x" * 1000: 1}))
    assert message.isprintable()
    assert len(message) < 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": ""}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "application/jsonx"}, 415),
        ({"content_type": "application/json, application/json"}, 415),
        ({"content_type": "application/json; charset=latin1"}, 400),
        ({"content-encoding": "gzip"}, 415),
    ],
)
def test_only_json_in_utf_8_without_compression_is_taken(
    headers: dict[str, str], status: int
) -> None:
    assert refusal(GOOD, **headers).status == status


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_a_refusal(body: bytes) -> None:
    assert refusal(body).status in {400, 422}
