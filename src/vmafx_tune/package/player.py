"""The page that plays a package: hls.js, a choice of renditions, and what is shown of them."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.package.manifests import VideoFacts

__all__ = ["PAGE", "check_player", "write_player"]

PAGE = "index.html"
"""Name of the page in a package."""

_HERE = Path(__file__).parent
_BUNDLED = _HERE / "_bundled"
_FILES = ("hls.min.js", "LICENSE.hls.js")


def check_player() -> None:
    """Make sure that the player is in this installation.

    Raises:
        ToolNotFoundError: It is not.
    """
    if not all((_BUNDLED / name).is_file() for name in _FILES):
        raise ToolNotFoundError(
            "--player needs hls.js, which this installation was built without. Install a wheel "
            "of vmafx-tune, or build it on a machine with npm."
        )


def write_player(folder: Path, title: str, video: Mapping[str, VideoFacts]) -> None:
    """Add the page to a package.

    Args:
        folder: The package.
        title: What the page is called.
        video: What is shown of each rendition, by its playlist.
    """
    place = folder / "player"
    place.mkdir()
    for name in _FILES:
        shutil.copyfile(_BUNDLED / name, place / name)
    template = (_HERE / "player.html").read_text(encoding="utf-8")
    # Within a script, nothing may look like its end.
    shown = json.dumps({uri: _shown(facts) for uri, facts in video.items()}).replace("<", "\\u003c")
    page = template.replace("{title}", html.escape(title)).replace("{renditions}", shown)
    (folder / PAGE).write_text(page, encoding="utf-8", errors="replace")


def _shown(facts: VideoFacts) -> dict[str, object]:
    return {
        "size": str(facts.resolution),
        "codec": facts.codecs.partition(".")[0],
        "kbps": round(facts.rates.average_bps / 1000),
        "vmaf": None if facts.vmaf is None else round(facts.vmaf, 2),
    }
