"""What the HTTP interface promises, as `openapi.json` has it: routes, methods, tokens and fields.

The document is served as it is, shown at `/docs`, and read here, so that the code acts by it: it
also says what the body of `POST /v1/score` may be.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from vmafx_tune.server.http_messages import JSON_TYPE, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmafx_tune.server.http_messages import Request

__all__ = ["DOCUMENT", "OPERATIONS", "SCORE_REQUEST", "Operation", "read_score_fields"]

DOCUMENT = Path(__file__).with_name("openapi.json").read_bytes()
"""The document as it is served."""

_READ: Mapping[str, Any] = json.loads(DOCUMENT)


class Operation(NamedTuple):
    """Something that a client can ask for.

    Attributes:
        name: Identifies it, also in logs.
        path: Its own; no two operations share one.
        methods: The one it is for, and HEAD beside GET.
        guarded: Whether it takes the server's token, if there is one.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    guarded: bool


def _operations() -> Iterator[Operation]:
    for path, methods in _READ["paths"].items():
        main = next(iter(methods.values()))
        names = tuple(method.upper() for method in methods)
        yield Operation(main["operationId"], path, names, "security" in main)


OPERATIONS = tuple(_operations())
"""Every operation, in the order of the documentation."""

SCORE_REQUEST: Mapping[str, Any] = _READ["components"]["schemas"]["ScoreRequest"]
"""The JSON Schema of the body of `POST /v1/score`."""

_BYTE_ORDER_MARK = "\ufeff"


def read_score_fields(request: Request) -> Mapping[str, Any]:
    """Read the fields that a score is asked for with.

    Args:
        request: Its body is untrusted.

    Returns:
        A value for each property of `SCORE_REQUEST`, the default for one that is not there.

    Raises:
        Refused: With 415 for another media type, 400 for what is no JSON, 422 for other fields.
    """
    _check_content_type(request.headers)
    document = _parse(_decode(request.body))
    if not isinstance(document, dict):
        raise Refused(422, "The body has to be a JSON object.")
    known = SCORE_REQUEST["properties"]
    for name in document:
        if name not in known:
            raise Refused(422, f"Unknown field {_shown(name)}. There are {', '.join(known)}.")
    return {name: _value(name, field, document) for name, field in known.items()}


def _check_content_type(headers: Mapping[str, str]) -> None:
    """Insist on JSON by name: no web page can send that to another site without asking first."""
    media_type, *parameters = headers.get("content-type", "").split(";")
    if media_type.strip().lower() != JSON_TYPE:
        raise Refused(415, f"The body has to be sent with 'content-type: {JSON_TYPE}'.")
    for parameter in parameters:
        name, _, value = parameter.strip().lower().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise Refused(400, "JSON has to be sent in UTF-8.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "The body must not be compressed.")


def _decode(body: bytes) -> str:
    if not body:
        raise Refused(400, "The body is empty; a JSON object is needed.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, f"The body is not UTF-8: byte {error.start} is wrong.") from error
    if text.startswith(_BYTE_ORDER_MARK):
        raise Refused(400, "The body begins with a byte order mark, which JSON does not allow.")
    return text


def _parse(text: str) -> object:
    try:
        document: object = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise Refused(
            400, f"The body is not JSON from line {error.lineno}, column {error.colno} on."
        ) from error
    except RecursionError as error:
        raise Refused(400, "The body nests too deep.") from error
    except ValueError as error:
        # Python converts no integer of more than a few thousand digits.
        raise Refused(400, "A number in the body has too many digits.") from error
    return document


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        # Two readers may take two values; a proxy that checks one would let the other pass.
        raise Refused(400, "An object in the body has the same name twice.")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise Refused(400, f"The body is not JSON: {name} is no number there.")


def _value(name: str, field: Mapping[str, Any], document: Mapping[str, object]) -> str | int:
    required = name in SCORE_REQUEST["required"]
    if name not in document and not required:
        default: str | int = field.get("default", "")
        return default
    value = document.get(name)
    if field["type"] == "integer":
        return _number(name, field["maximum"], value)
    if not isinstance(value, str):
        what = "of another type" if name in document else "missing"
        raise Refused(422, f"'{name}' has to be a string; it is {what}.")
    if required and not value:
        raise Refused(422, f"'{name}' must not be empty.")
    if "enum" in field and value not in field["enum"]:
        raise Refused(422, f"'{name}' has to be one of {', '.join(field['enum'])}.")
    if "maxLength" in field and len(value) > field["maxLength"]:
        raise Refused(422, f"'{name}' is longer than {field['maxLength']} characters.")
    if "\0" in value:
        raise Refused(400, f"'{name}' holds a NUL character.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Refused(400, f"'{name}' holds half of a surrogate pair.")
    return value


def _number(name: str, most: int, value: object) -> int:
    # JSON has no integers of its own: 2.0 is one, too, and true is none.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Refused(422, f"'{name}' has to be a whole number from 1 to {most}.")
    return value


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 40 else f"{name[:40]}...")
