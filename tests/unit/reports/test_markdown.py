"""A comparison as Markdown."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.unit.reports import factories
from vmafx_tune.formatting import ABSENT
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.markdown import compare_markdown


def test_the_title_names_the_targets() -> None:
    assert compare_markdown(factories.full_compare_result()).startswith(
        "# Fewest bits for VMAF 90 and 93\n"
    )


def test_each_target_has_a_table_with_the_columns_of_the_contract() -> None:
    text = compare_markdown(factories.full_compare_result())
    header = (
        "| Rank | Codec | Encoder | Best CRF | Bitrate (kbps) | Encode time (ms) | VMAF | Status |"
    )
    assert text.count(header) == 2
    assert "| 1 | libx265 | x265 4.1+191-8f11c33ac | 26 | 292.2 | 1980 | 90.39 | ok |" in text
    assert f"| {' | '.join([ABSENT, 'h264_nvenc', *[ABSENT] * 5, 'failed'])} |" in text


def test_every_line_of_a_table_has_as_many_cells_as_its_header() -> None:
    text = compare_markdown(factories.full_compare_result("we|rd.mp4"))
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    counts = [{line.count("|") for line in block.splitlines()} for block in blocks]
    assert [len(count) for count in counts] == [1, 1, 1]


def test_failures_and_missing_bd_rates_are_told_below_their_tables() -> None:
    text = compare_markdown(factories.full_compare_result())
    assert f"- libx265 at 93: {factories.UNREACHED}" in text
    assert "| libx265 | libx264 | -23.5 % | 86.5 to 93.4 | 6 / 6 |" in text
    assert "- h264_nvenc has 0 usable points" in text


def test_commands_stand_in_a_code_block() -> None:
    text = compare_markdown(factories.compare_result())
    commands = text.split("```")[1]
    assert commands.startswith("sh\n# libx265, VMAF 90\n/usr/bin/ffmpeg -hide_banner")
    assert commands.count("\n/usr/bin/ffmpeg") == 3


def test_backticks_in_a_path_do_not_end_its_code() -> None:
    text = compare_markdown(factories.compare_result(path="a```b`c.mp4"))
    assert "- Source: ````a```b`c.mp4 (1280x720" in text
    assert "\n````sh\n" in text


def test_markup_in_an_error_is_escaped() -> None:
    row = factories.unavailable_row()
    row = replace(row, error="a|b `c` <d> *e* _f_ g_h")
    text = compare_markdown(factories.compare_result(rows=(row,)))
    assert r"a\|b \`c\` \<d\> \*e\* \_f\_ g_h" in text


def test_a_comparison_without_answers_has_no_commands() -> None:
    text = compare_markdown(factories.compare_result(rows=(factories.unavailable_row(),)))
    assert "```" not in text


def test_an_hdr_source_is_noted() -> None:
    assert HDR_NOTE in compare_markdown(factories.compare_result(transfer="smpte2084"))
