"""Reports in a browser: they fetch nothing, and can be read, pointed at, clicked and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.browser import Browser
from tests.support.cli import run_cli
from tests.unit.reports import factories, ladder_factories
from tests.unit.reports.batch_factories import batch_result
from vmafx_tune.reports.html.pages import page_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.results.record import Result

MOST_BYTES = 3_000_000
LEAST_LABEL = 11
LOOKS = [(width, scheme) for width in (400, 1400) for scheme in ("light", "dark")]
PAGE_COLOURS = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}
RESULTS = {
    "batch": batch_result(),
    "search": factories.search_result(),
    "compare": factories.full_compare_result(),
    "ladder": ladder_factories.ladder_result(),
}


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser.installed()


@pytest.fixture(scope="module")
def score_page(clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a clip with grain in every frame, which makes for large pictures."""
    numbers = [0 if number == 40 else number for number in range(90)]
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "34")
    encode = clips.encode("pages-encode.mp4", pictures.moving, numbers, codec)
    page = tmp_path_factory.mktemp("pages") / "score.html"
    done = run_cli("score", clips.moving(n_frames=90), encode, "-o", page)
    assert done.exit_code == 0, done.stderr
    return page


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("command", RESULTS)
def test_a_page_fetches_nothing_and_tells_what_a_point_is(
    browser: Browser, tmp_path: Path, command: str, width: int, scheme: str
) -> None:
    result: Result = RESULTS[command]
    (page := tmp_path / "page.html").write_text(page_of(result), encoding="utf-8")
    seen = browser.look(page, width=width, scheme=scheme)
    assert (seen["requests"], seen["thrown"], seen["charts"]) == ([], [], 1)
    assert seen["tooltip"].keys() >= {"CRF", "kb/s", "VMAF"}
    assert all(value not in {"", "undefined"} for value in seen["tooltip"].values())
    assert seen["width"] == width
    assert seen["smallest_label"] >= LEAST_LABEL
    assert seen["background"] == PAGE_COLOURS[scheme]
    assert seen["pages"] <= 2
    assert page.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_frame_that_is_clicked_leads_to_its_pictures(
    browser: Browser, score_page: Path, width: int, scheme: str
) -> None:
    seen = browser.look(score_page, width=width, scheme=scheme)
    assert (seen["requests"], seen["thrown"]) == ([], [])
    assert seen["tooltip"].keys() == {"Frame", "Time", "VMAF"}
    assert "frame 40 at 00:00:01.600" in seen["chosen"]
    assert seen["flipped"] == ["Reference", "Encode", "Difference of luma, 8 times as bright"]
    assert (seen["width"], seen["background"]) == (width, PAGE_COLOURS[scheme])
    assert seen["smallest_label"] >= LEAST_LABEL
    assert seen["pages"] <= 2
    assert score_page.stat().st_size <= MOST_BYTES
