"""The documentation page: one HTML document without scripts, made from the OpenAPI document."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CONTENT_POLICY", "render_docs"]

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
