"""PromQL in the examples: where it stands, and which metrics it is about.

As a program, it checks the syntax of every query in the files it is given.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["metric_names", "queries"]

# What can stand in a query besides metrics: strings, labels, ranges, and the labels of a grouping.
_NO_METRICS = re.compile(
    r"""'[^']*'|"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)"""
)
_NAME = re.compile(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()")
_OPERATORS = frozenset({"and", "or", "unless", "bool", "offset"})


def queries(path: Path) -> list[str]:
    """List the queries of a Grafana dashboard (JSON) or a file of alerts (YAML)."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        panels = json.loads(text)["panels"]
        return [target["expr"] for panel in panels for target in panel["targets"]]
    groups: list[dict[str, Any]] = yaml.safe_load(text)["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def metric_names(query: str) -> set[str]:
    """Find the metrics that a query reads."""
    return set(_NAME.findall(_NO_METRICS.sub(" ", query))) - _OPERATORS


def main(names: Sequence[str]) -> None:
    """Parse all queries, with Prometheus' own grammar; a wrong one raises ValueError."""
    import promql_parser

    for name in names:
        found = queries(Path(name))
        for query in found:
            # Grafana puts a duration here.
            promql_parser.parse(query.replace("$__rate_interval", "5m"))
        sys.stdout.write(f"{name}: {len(found)} queries\n")


if __name__ == "__main__":
    main(sys.argv[1:])
