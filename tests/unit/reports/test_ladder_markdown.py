"""A ladder as Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports import ladder_factories as factories
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.markdown import ladder_markdown

if TYPE_CHECKING:
    from vmafx_tune.results.ladder import LadderResult


def test_the_title_tells_what_was_found() -> None:
    text = ladder_markdown(factories.ladder_result())
    assert text.startswith(
        "# Ladder of 4 rungs with libx264\n\n- Source: `clips/seeking.mp4 (1280x"
    )


def test_rungs_and_cells_are_tables() -> None:
    text = ladder_markdown(factories.ladder_result())
    assert "| 1 | 640x360 | 31 | 243.1 | 334.3 | 71.04 | 67.04 | 62.04 | 70 | avc1.64001E |" in text
    assert "| 640x360 | 244 @ 31 | 1,013 @ 17 | max 91.27 |" in text


def test_failures_and_notes_are_lists() -> None:
    text = ladder_markdown(factories.ladder_result())
    assert f"- 640x360 at 95: {factories.UNREACHABLE}\n" in text
    assert f"## Notes\n\n- {factories.NOTES[0]}\n" in text


def test_commands_of_the_rungs_are_folded_away() -> None:
    text = ladder_markdown(factories.ladder_result())
    hidden = text[text.index("<details>") : text.index("</details>")]
    assert hidden.count("\n/usr/bin/ffmpeg") == 4


def test_a_ladder_with_the_fields_of_the_contract_alone_can_be_written() -> None:
    text = ladder_markdown(factories.bare_ladder_result())
    assert "| # | Resolution | CRF | kb/s | VMAF |" in text
    assert "<details>" not in text


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (factories.failed_ladder_result(), "There are no rungs: nothing was measured."),
        (factories.ladder_result(renditions=()), "There are no rungs: the limits rule out all 12"),
    ],
)
def test_a_ladder_without_rungs_says_so(result: LadderResult, sentence: str) -> None:
    assert sentence in ladder_markdown(result)


def test_names_cannot_make_markup() -> None:
    path = "a```b|c<script>\nd.mp4"
    text = ladder_markdown(factories.ladder_result(path, encoder="x|`y`<b>", notes=("*a*\n# b",)))
    assert "- Source: ````a```b|c<script> d.mp4 (1280x720" in text
    assert "\n````sh\n" in text
    assert r"with x\|\`y\`\<b\>" in text
    assert r"- \*a\* # b" in text


def test_every_line_of_a_table_has_as_many_cells_as_its_header() -> None:
    full = factories.ladder_result()
    odd = replace(full.renditions[0], codecs="av|c`1")
    text = ladder_markdown(replace(full, renditions=(odd, *full.renditions[1:])))
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    counts = [
        {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()} for block in blocks
    ]
    assert [len(count) for count in counts] == [1, 1]


def test_an_hdr_source_is_noted() -> None:
    full = factories.ladder_result()
    assert HDR_NOTE in ladder_markdown(replace(full, hdr=True))
