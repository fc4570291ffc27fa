"""What the HTTP interface promises: routes, fields and statuses, each once.

`http_routes` and `http_body` act by it, and `openapi` writes it down for others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.choices import PoolMethod
from vmafx_tune.server.http_messages import JSON_TYPE
from vmafx_tune.server.scored import MAX_SUBSAMPLE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OPERATIONS", "SCORE_FIELDS", "Field", "Operation", "allowed_methods"]


class Field(NamedTuple):
    """A field of the body of `POST /v1/score`.

    Attributes:
        most: Its longest value, in characters; its largest, where the default is a number.
        required: Whether it has to be there, and not empty.
        default: What it is where it is not there. A number takes whole numbers from 1 on.
        choices: All values that it may have; empty for any.
    """

    name: str
    description: str
    most: int
    required: bool = False
    default: str | int = ""
    choices: tuple[str, ...] = ()


SCORE_FIELDS = (
    Field(
        "reference",
        "What to compare against: a file under one of the server's media roots, by absolute path "
        "or relative to a root.",
        4096,
        required=True,
    ),
    Field("distorted", "The decoded encode to score, likewise.", 4096, required=True),
    Field(
        "model",
        "VMAF model by name; without it, or when it is empty, the default one.",
        100,
    ),
    Field(
        "pool",
        "How frame scores become one; without it, their mean.",
        100,
        default=PoolMethod.MEAN.value,
        choices=tuple(method.value for method in PoolMethod),
    ),
    Field(
        "subsample",
        "Score every Nth frame only, an estimate; without it, every frame.",
        MAX_SUBSAMPLE,
        default=1,
    ),
)


class Operation(NamedTuple):
    """Something that a client can ask for.

    Attributes:
        name: Identifies it, also in logs and in the OpenAPI document.
        method: GET also means HEAD.
        guarded: Whether it takes the server's token, if there is one.
        content_type: Of a good answer.
        answers: What each status means, besides those that any request can get.
    """

    name: str
    method: str
    path: str
    summary: str
    guarded: bool
    content_type: str
    answers: Mapping[int, str]


_UNAUTHENTICATED = {401: "The server wants a bearer token, and got none or a wrong one."}

OPERATIONS = (
    Operation(
        name="health",
        method="GET",
        path="/healthz",
        summary="Does the process live?",
        guarded=False,
        content_type=JSON_TYPE,
        answers={200: "It does."},
    ),
    Operation(
        name="ready",
        method="GET",
        path="/readyz",
        summary="Can the server take a score?",
        guarded=False,
        content_type=JSON_TYPE,
        answers={200: "It can.", 503: "It cannot yet, or not any more."},
    ),
    Operation(
        name="metrics",
        method="GET",
        path="/metrics",
        summary="Metrics in Prometheus' text format.",
        guarded=True,
        content_type="text/plain",
        answers={200: "The metrics.", **_UNAUTHENTICATED},
    ),
    Operation(
        name="score",
        method="POST",
        path="/v1/score",
        summary="Score a distorted clip against its reference.",
        guarded=True,
        content_type=JSON_TYPE,
        answers={
            200: "The score.",
            400: "The body is not JSON in UTF-8, or there is no such model.",
            **_UNAUTHENTICATED,
            404: "A file does not exist or may not be read; the two are not told apart.",
            413: "The body is too large, or the clips take more memory than scores may have.",
            415: "The body is not said to be application/json, or is compressed.",
            422: "The body lacks a field, has an unknown one or one of the wrong type; or the "
            "clips cannot be scored.",
            429: "All slots and the queue are taken.",
            500: "The server failed; its log has the reason by the request id.",
            503: "The server is shutting down or its scorer cannot be used.",
            504: "The score took longer than the server allows.",
        },
    ),
    Operation(
        name="openapi",
        method="GET",
        path="/openapi.json",
        summary="This document.",
        guarded=False,
        content_type=JSON_TYPE,
        answers={200: "The OpenAPI document."},
    ),
    Operation(
        name="docs",
        method="GET",
        path="/docs",
        summary="This document as a page for people.",
        guarded=False,
        content_type="text/html",
        answers={200: "The page; it loads nothing from elsewhere."},
    ),
)
"""Every operation, in the order of the documentation."""


def allowed_methods(operation: Operation) -> tuple[str, ...]:
    """List the methods of an operation's path."""
    return ("GET", "HEAD") if operation.method == "GET" else (operation.method,)
