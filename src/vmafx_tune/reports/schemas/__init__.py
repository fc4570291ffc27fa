"""The JSON Schemas of the documents, as files beside this module.

They are generated from the models (`python -m vmafx_tune.reports.generate`) and shipped, so that
printing one needs no pydantic.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from vmafx_tune.errors import UsageError

__all__ = ["NAMES", "schema", "schema_text"]

NAMES = (
    "score", "remote_score", "search", "encode", "compare", "ladder", "catalogue", "package",
    "batch", "gate", "encoders", "doctor", "cache", "progress",
)  # fmt: skip
"""What there is a schema of."""


def schema_text(name: str) -> str:
    """Read one JSON Schema as text.

    Args:
        name: One of `NAMES`.

    Raises:
        UsageError: There is no such schema.
    """
    if name not in NAMES:
        raise UsageError(f"There is no schema '{name}'. Choose one of {', '.join(NAMES)}.")
    return resources.files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")


def schema(name: str) -> dict[str, Any]:
    """Read one JSON Schema (draft 2020-12).

    Args:
        name: One of `NAMES`.

    Raises:
        UsageError: There is no such schema.
    """
    parsed: dict[str, Any] = json.loads(schema_text(name))
    return parsed
