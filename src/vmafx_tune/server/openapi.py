"""What the HTTP interface promises, as `openapi.json` has it: routes, methods, tokens and fields.

The document is served as it is, shown at `/docs`, and read here, so that the code acts by it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["DOCUMENT", "OPERATIONS", "SCORE_REQUEST", "Operation"]

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
