"""The public Python API: what the commands do, as functions that return results.

Example:
    >>> from vmafx_tune import compare
    >>> result = compare("clip.mp4", ["libx264", "libsvtav1"], [90])  # doctest: +SKIP
    >>> result.rows[0].encoder  # doctest: +SKIP
    'libsvtav1'
"""

from __future__ import annotations

from vmafx_tune.api.comparisons import compare
from vmafx_tune.api.ladders import ladder, reselect
from vmafx_tune.api.scores import score
from vmafx_tune.api.searches import search

__all__ = ["compare", "ladder", "reselect", "score", "search"]
