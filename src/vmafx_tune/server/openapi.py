"""What the HTTP interface promises, as `openapi.json` has it: routes, methods, tokens and fields.

The document is served as it is, shown at `/docs`, and read here, so that the code acts by it: it
also says what the body of `POST /v1/score` may be.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from vmafx_tune.server.http_messages import JSON_TYPE, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmafx_tune.server.http_messages import Request

__all__ = [
    "CONTENT_POLICY",
    "DOCUMENT",
    "OPERATIONS",
    "SCORE_REQUEST",
    "Operation",
    "read_score_fields",
    "render_docs",
]

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
        Refused: With 415 for another media type, 400 for what is not JSON, 422 for other fields.
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
    raise Refused(400, f"The body is not JSON: {name} is not a number there.")


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


_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "section{margin-top:2rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What a browser may do with the page: apply its one style sheet, and nothing else."""


@lru_cache(maxsize=1)
def render_docs(document: bytes) -> bytes:
    """Write the page.

    Args:
        document: The OpenAPI document, as JSON.
    """
    return "\n".join(_page(json.loads(document))).encode()


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    title = html.escape(document["info"]["title"])
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f"<title>{title}</title>"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    yield f"<p>{_prose(document['info']['description'])}</p>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "head":
                yield from _operation(f"{method.upper()} {path}", operation, schemas)
    yield "</body>\n</html>\n"


def _operation(
    heading: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[str]:
    yield f'<section id="{html.escape(operation["operationId"])}">'
    yield f"<h2><code>{html.escape(heading)}</code></h2>\n<p>{_prose(operation['summary'])}</p>"
    if "security" in operation:
        yield "<p>Takes the server's token, if it has one.</p>"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "<h3>Body</h3>"
        yield from _fields(_resolved(content["schema"], schemas))
    yield "<h3>Answers</h3>\n<table>\n<tr><th>status</th><th>meaning</th><th>body</th></tr>"
    for status, answer in operation["responses"].items():
        body = "<br>".join(
            f"<code>{html.escape(kind)}</code> {_outline(_resolved(content['schema'], schemas))}"
            for kind, content in answer["content"].items()
        )
        yield f"<tr><td>{status}</td><td>{_prose(answer['description'])}</td><td>{body}</td></tr>"
    yield "</table>\n</section>"


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "<table>\n<tr><th>field</th><th>type</th><th>meaning</th></tr>"
    for name, field in schema["properties"].items():
        needed = "" if name in schema["required"] else ", optional"
        limit = f", at most {field['maxLength']} characters" if "maxLength" in field else ""
        kind = html.escape(f"{field['type']}{needed}{limit}")
        yield f"<tr><td><code>{html.escape(name)}</code></td><td>{kind}</td>"
        yield f"<td>{_prose(field['description'])}</td></tr>"
    yield "</table>"


def _outline(schema: Mapping[str, Any]) -> str:
    names = schema.get("properties", {})
    return f"<code>{{{html.escape(', '.join(names))}}}</code>" if names else ""


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema
    if "$ref" in schema:
        found = schemas[schema["$ref"].rpartition("/")[2]]
    return found


def _prose(text: str) -> str:
    """Escape a sentence, and set what stands between backticks as code."""
    parts = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
