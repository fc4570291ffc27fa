"""Draws charts: the only module that uses vl-convert, of the extra `report`."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.formatting import one_line
from vmafx_tune.kept_text import KeptText
from vmafx_tune.reports.charts.style import LIGHT, Chart, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DRAWN", "HOW_TO_INSTALL", "can_draw", "png", "require_drawing", "runtime", "svg"]

HOW_TO_INSTALL = (
    "Charts need the package vl-convert-python, which is not installed. Run `pip install "
    "'vmafx-tune[report]'`."
)
"""What to tell a user who has no charts."""

_LIBRARY = "vl_convert"
# In 6.4, what is nearest to the pointer shows "undefined" for each field of its tooltip.
_VEGA_LITE = "6.1"
_WIDTH = 800
_SCALE = 2.0
# What a page calls; the rest of the bundle is left out.
_ENTRY = "window.vegaEmbed = vegaEmbed;"
_COLOUR = re.compile(r"var\(--(\w+)\)")


def can_draw() -> bool:
    """Whether charts can be drawn here."""
    return find_spec(_LIBRARY) is not None


def require_drawing() -> None:
    """Make sure that charts can be drawn.

    Raises:
        ToolNotFoundError: The extra is not installed.
    """
    if not can_draw():
        raise ToolNotFoundError(HOW_TO_INSTALL)


def png(chart: Chart, title: str) -> bytes:
    """Draw a chart as PNG.

    Args:
        chart: The chart.
        title: What to write above it.
    """
    drawn: bytes = _library().vegalite_to_png(_picture(chart, title), _VEGA_LITE, scale=_SCALE)
    return drawn


def svg(chart: Chart, title: str) -> bytes:
    """Draw a chart as SVG; as for `png`."""
    drawn: str = _library().vegalite_to_svg(_picture(chart, title), _VEGA_LITE)
    return drawn.encode()


@cache
def runtime() -> str:
    """Return the JavaScript that draws charts in a page: `vegaEmbed`, with all that it needs.

    Putting it together takes seconds, so it is kept in the cache folder.
    """
    library = _library()
    made_of = f"{library.__version__} {_VEGA_LITE} {_ENTRY}"
    kept = KeptText("charts", made_of)
    if (found := kept.read()) is not None:
        return found
    bundle: str = library.javascript_bundle(_ENTRY, _VEGA_LITE)
    # In a page, these would end or restart the element that it stands in.
    script = bundle.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    kept.write(script)
    return script


DRAWN: Mapping[str, Callable[[Chart, str], bytes]] = MappingProxyType({".png": png, ".svg": svg})
"""What draws a picture, by the suffix of its file."""


def _library() -> Any:
    require_drawing()
    return import_module(_LIBRARY)


def _picture(chart: Chart, title: str) -> Spec:
    described = json.dumps(
        {
            **chart.spec,
            "width": _WIDTH,
            "title": {"text": one_line(title), "subtitle": chart.hint},
        }
    )
    drawn: Spec = json.loads(_COLOUR.sub(lambda match: LIGHT[match[1]], described))
    return drawn
