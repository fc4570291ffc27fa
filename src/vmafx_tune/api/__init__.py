"""The public Python API: what the commands do, as functions that return results.

Names load when they are first used, so that scoring does not wait for what ladders take.

Example:
    >>> from vmafx_tune import compare
    >>> result = compare("clip.mp4", ["libx264", "libsvtav1"], [90])  # doctest: +SKIP
    >>> result.rows[0].encoder  # doctest: +SKIP
    'libsvtav1'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmafx_tune.api.comparisons import compare
    from vmafx_tune.api.ladders import ladder, reselect
    from vmafx_tune.api.scores import score
    from vmafx_tune.api.searches import search

__all__ = ["compare", "ladder", "reselect", "score", "search"]

_HOMES = {
    "compare": "comparisons",
    "ladder": "ladders",
    "reselect": "ladders",
    "score": "scores",
    "search": "searches",
}


def __getattr__(name: str) -> Any:
    """Load a function from its module on first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
