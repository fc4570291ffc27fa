"""The page that plays a package."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.manifests.variant import VideoRange
from vmafx_tune.model import Resolution
from vmafx_tune.package import player
from vmafx_tune.package.manifests import Rates, VideoFacts
from vmafx_tune.package.player import check_player, write_player

if TYPE_CHECKING:
    from pathlib import Path

RATES = Rates(3_000_000, 2_500_000, 3)
FACTS = VideoFacts(
    codecs="avc1.64001f",
    resolution=Resolution(1280, 720),
    frame_rate=Fraction(25),
    video_range=VideoRange.SDR,
    vmaf=95.256,
    rates=RATES,
    iframe_rates=RATES,
)


@pytest.fixture(autouse=True)
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundled"
    folder.mkdir()
    for name in ("hls.min.js", "LICENSE.hls.js"):
        (folder / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(player, "_BUNDLED", folder)
    return folder


def page_of(folder: Path, title: str, uri: str = "video/a/index.m3u8") -> str:
    folder.mkdir()
    write_player(folder, title, {uri: FACTS})
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_page_knows_each_rendition_and_has_its_player_beside_it(tmp_path: Path) -> None:
    page = page_of(tmp_path / "title", "film")
    match = re.search(r"RENDITIONS = (.*);", page)
    assert match is not None
    assert json.loads(match[1]) == {
        "video/a/index.m3u8": {"size": "1280x720", "codec": "avc1", "kbps": 2500, "vmaf": 95.26}
    }
    assert {path.name for path in (tmp_path / "title/player").iterdir()} == {
        *("hls.min.js", "LICENSE.hls.js"),
    }


def test_a_title_cannot_inject_markup(tmp_path: Path) -> None:
    page = page_of(tmp_path / "title", "<b>film", "video/</script>/index.m3u8")
    assert "<title>&lt;b&gt;film</title>" in page
    assert page.count("</script>") == 2


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    assert "//" not in re.sub(r"// .*", "", page_of(tmp_path / "title", "film"))


def test_without_the_player_the_error_says_what_to_do(bundled: Path) -> None:
    check_player()
    (bundled / "hls.min.js").unlink()
    with pytest.raises(ToolNotFoundError, match="built without") as caught:
        check_player()
    assert caught.value.exit_code == 4
