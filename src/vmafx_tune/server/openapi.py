"""The OpenAPI document, made from what the code acts by: `python -m vmafx_tune.server.openapi`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.server.http_contract import OPERATIONS, SCORE_FIELDS
from vmafx_tune.server.http_messages import JSON_TYPE, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from vmafx_tune.server.http_contract import Field, Operation

__all__ = ["PATH", "build_document", "write_document"]

PATH = Path(__file__).with_name("openapi.json")
"""The document as it is served."""

_DESCRIPTION = (
    'Scores encodes against their sources with VMAF. Every error is `{"error": …}`, a plain '
    "sentence. A server that has a token wants it as `authorization: Bearer TOKEN`, except from "
    "probes and for this documentation. A client that closes its connection, or its sending side, "
    "cancels what it asked for."
)
_ANY_ERROR = (
    "Any other error, such as 405 for another method, 408 for a client that is too slow, 414 and "
    "431 for a head that is too large."
)
_RETRY_AFTER = {
    "description": "Seconds after which to try again.",
    "schema": {"type": "integer", "minimum": 1},
}
_CHALLENGE = {"description": "Always `Bearer`.", "schema": {"type": "string"}}
_REQUEST_ID = {
    "description": "The client's own request id where it is 1 to 128 plain ASCII characters, else "
    "a new one. The server's log has it, too.",
    "schema": {"type": "string"},
}
_GOOD_SCHEMAS = {
    "health": "Health",
    "ready": "Ready",
    "score": "Score",
}


def build_document() -> dict[str, Any]:
    """Make the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vmafx-tune scoring server",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {operation.path: _path_item(operation) for operation in OPERATIONS},
        "components": {
            "schemas": _schemas(),
            "headers": {"RequestId": _REQUEST_ID},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def write_document(path: Path = PATH) -> None:
    """Write the document to where it is served from."""
    text = json.dumps(build_document(), indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _path_item(operation: Operation) -> dict[str, Any]:
    item = {operation.method.lower(): _operation(operation)}
    if operation.method == "GET":
        item["head"] = _head(operation)
    return item


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [_request_id_parameter()],
        "responses": {
            **{str(status): _answer(operation, status) for status in operation.answers},
            "default": _error(_ANY_ERROR),
        },
    }
    if operation.guarded:
        # The empty one: a server without a token lets everyone in.
        described["security"] = [{}, {"token": []}]
    if operation.name == "score":
        schema = {"$ref": "#/components/schemas/ScoreRequest"}
        described["requestBody"] = {"required": True, "content": {JSON_TYPE: {"schema": schema}}}
    return described


def _head(operation: Operation) -> dict[str, Any]:
    described = _operation(operation)
    answers = described["responses"].values()
    return described | {
        "operationId": f"{operation.name}Head",
        "summary": f"{operation.summary} Headers only.",
        "responses": dict(
            zip(
                described["responses"],
                (
                    {key: part for key, part in answer.items() if key != "content"}
                    for answer in answers
                ),
                strict=True,
            )
        ),
    }


def _answer(operation: Operation, status: int) -> dict[str, Any]:
    meaning = operation.answers[status]
    if status == 503 and operation.name == "ready":
        return _described(meaning, JSON_TYPE, _reference("NotReady"))
    if status >= 400:
        return _error(meaning, status)
    if operation.name in _GOOD_SCHEMAS:
        schema = _reference(_GOOD_SCHEMAS[operation.name])
    elif operation.content_type == JSON_TYPE:
        schema = {"type": "object"}
    else:
        schema = {"type": "string"}
    return _described(meaning, operation.content_type, schema)


def _error(meaning: str, status: int | None = None) -> dict[str, Any]:
    answer = _described(meaning, JSON_TYPE, _reference("Error"))
    if status in {429, 503}:
        answer["headers"]["retry-after"] = _RETRY_AFTER
    if status == 401:
        answer["headers"]["www-authenticate"] = _CHALLENGE
    return answer


def _described(meaning: str, content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": meaning,
        "headers": {REQUEST_ID_HEADER: {"$ref": "#/components/headers/RequestId"}},
        "content": {content_type: {"schema": schema}},
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _request_id_parameter() -> dict[str, Any]:
    return {
        "name": REQUEST_ID_HEADER,
        "in": "header",
        "required": False,
        "description": "What to call the request in the answer and in the server's log.",
        "schema": {"type": "string"},
    }


def _schemas() -> dict[str, Any]:
    number = {"type": "number"}
    return {
        "ScoreRequest": _object(
            {field.name: _field(field) for field in SCORE_FIELDS},
            required=[field.name for field in SCORE_FIELDS if field.required],
        ),
        "Score": _object(
            {
                "score": number | {"description": "Pooled score, in VMAF points."},
                "features": {
                    "type": "object",
                    "description": "The mean of each elementary feature.",
                    "additionalProperties": number,
                },
                "model": _text("Name of the VMAF model that scored."),
                "model_version": _text(
                    "Version of the model, such as `0.6.1`; of a custom one, the SHA-256 of its "
                    "file."
                ),
                "backend": _text("What computed the scores: ffmpeg, libvmaf or vmaf."),
                "backend_version": _text("Version of libvmaf; empty where it is not known."),
                "n_frames": _count("Frame pairs compared, before subsampling."),
                "pool": _text("How `score` is pooled."),
                "subsample": _count("Every Nth frame was scored."),
                "pooled": {
                    "type": "object",
                    "description": "Every pooling of the frames' scores, and `max`.",
                    "additionalProperties": number,
                },
            }
        ),
        "Health": _object({"status": {"const": "ok"}}),
        "Ready": _object({"status": {"const": "ready"}}),
        "NotReady": _object({"status": {"const": "not ready"}, "reason": {"type": "string"}}),
        "Error": _object({"error": {"type": "string"}}),
    }


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def _field(field: Field) -> dict[str, Any]:
    if isinstance(field.default, int):
        return _count(field.description) | {"maximum": field.most, "default": field.default}
    described = _text(field.description)
    if field.choices:
        return described | {"enum": list(field.choices), "default": field.default}
    return described | {
        "minLength": 1 if field.required else 0,
        "maxLength": field.most,
        "pattern": "^[^\\u0000]*$",
    }


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "description": description, "minimum": 1}


if __name__ == "__main__":
    write_document()
