"""A ladder for the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.reports import ladder_factories as factories
from vmafx_tune.choices import ScoreAt
from vmafx_tune.model import Resolution
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.tables import table_text, terminal_text
from vmafx_tune.results.ladder import LadderCell, LadderResult

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = {
    "full": factories.ladder_result(),
    "unreachable": factories.unreachable_ladder_result(),
    "failed": factories.failed_ladder_result(),
    "bare": factories.bare_ladder_result(),
}
COMMAND = "/usr/bin/ffmpeg -"


def lines(result: LadderResult, width: int = 80, *, commands: bool = False) -> list[str]:
    return table_text(result, width=width, commands=commands).splitlines()


def line_with(text: str, found: Sequence[str]) -> str:
    return next(line for line in found if text in line)


def wide_result() -> LadderResult:
    """Nine resolutions at six targets, half of the cells out of reach."""
    sizes = tuple(Resolution(320 * n, 180 * n) for n in range(9, 0, -1))
    targets = (50.0, 60.0, 70.0, 80.0, 90.0, 95.0)
    cells = tuple(
        LadderCell.answered(size, target, crf=23.5, bitrate_kbps=12345.6, vmaf=target + 0.1)
        if target < 80
        else LadderCell.failed(size, target, f"VMAF {target:g} is not reached.", "unreachable")
        for size in sizes
        for target in targets
    )
    return factories.ladder_result(resolutions=sizes, target_vmafs=targets, cloud=cells, probes=())


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("name", RESULTS)
def test_everything_but_commands_fits_the_width_uncut(name: str, width: int) -> None:
    found = [line for line in lines(RESULTS[name], width) if not line.startswith(COMMAND)]
    assert max(map(len, found)) <= width
    assert "…" not in "".join(found)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_wide_grid_continues_below_where_it_does_not_fit(width: int) -> None:
    found = [line for line in lines(wide_result(), width) if not line.startswith(COMMAND)]
    assert max(map(len, found)) <= width
    assert sum(line.count("12,346 @ 23.5") for line in found) == 27
    assert "".join(found).count("missed") == 27


def test_the_heading_tells_the_circumstances() -> None:
    found = lines(factories.ladder_result())
    assert found[0] == "Ladder of 4 rungs with libx264"
    assert line_with("Source", found).endswith("(1280x720, 25 fps, 1500 frames, yuv420p)")
    assert line_with("Model", found).endswith("vmaf_v0.6.1, mean")
    assert line_with("Scored ", found).endswith("at 1280x720, the display size")
    assert "closed GOPs of 50 frames (2 s)" in line_with("Encodes", found)


def test_scores_at_the_size_of_the_renditions_are_said_to_be_so() -> None:
    found = lines(factories.ladder_result(score_at=ScoreAt.RENDITION))
    assert line_with("Scored ", found).endswith("at each rendition's own size")


def test_rungs_are_numbered_with_their_measured_values() -> None:
    found = lines(factories.ladder_result())
    assert line_with("2  960x540", found).split() == [
        "2", "960x540", "26", "861.3", "1,184.3", "85.21", "81.21", "76.21", "85", "avc1.64001F",
    ]  # fmt: skip


def test_a_narrow_terminal_loses_columns_but_not_bitrate_and_score() -> None:
    header = line_with("kb/s  ", lines(factories.ladder_result(), 42))
    assert header.split() == ["#", "Resolution", "CRF", "kb/s", "VMAF"]


def test_columns_that_nothing_is_known_for_are_left_out() -> None:
    header = line_with("kb/s  ", lines(factories.bare_ladder_result()))
    assert header.split() == ["#", "Resolution", "CRF", "kb/s", "VMAF"]


def test_a_knob_that_is_not_crf_is_named() -> None:
    found = lines(factories.ladder_result(encoder="h264_nvenc"))
    assert "cq" in line_with("Peak", found).split()


def test_the_grid_shows_how_far_an_unreachable_cell_comes() -> None:
    row = line_with("max", lines(factories.ladder_result()))
    assert row.split("  ")[-1].strip() == "max 91.27"


def test_of_several_unreachable_targets_the_lowest_speaks_for_all() -> None:
    found = "\n".join(lines(wide_result()))
    assert "1600x900 at 80, 90 and 95: VMAF 80 is not reached." in found
    assert "VMAF 95 is not reached" not in found


def test_a_sentence_that_is_true_of_every_cell_is_told_once() -> None:
    found = lines(factories.failed_ladder_result())
    assert found.count(f"Every cell: {factories.FAILED}") == 1


def test_a_sentence_that_is_true_of_some_cells_names_them() -> None:
    full = factories.ladder_result()
    broken = [
        LadderCell.failed(cell.resolution, cell.target, factories.FAILED)
        if index in {0, 1, 3}
        else cell
        for index, cell in enumerate(full.cloud)
    ]
    text = " ".join(lines(replace(full, cloud=tuple(broken))))
    assert f"1280x720 at 70 and 85; 960x540 at 70: {factories.FAILED}" in text


def test_notes_of_the_ladder_and_of_cells_are_told() -> None:
    full = factories.ladder_result()
    noted = replace(full.cloud[0], note="The search stopped early.")
    text = " ".join(lines(replace(full, cloud=(noted, *full.cloud[1:]))))
    assert "1280x720 at 70: The search stopped early." in text
    assert factories.NOTES[0] in text


def test_only_rungs_have_their_command_each_on_one_line() -> None:
    result = factories.ladder_result(path=f"clips/{'very-' * 40}long.mp4")
    found = lines(result, 60, commands=True)
    labels = [found[index - 1] for index, line in enumerate(found) if line.startswith(COMMAND)]
    assert labels == [
        "# 1: 640x360 crf 31, 243.1 kb/s, VMAF 71.04",
        "# 2: 960x540 crf 26, 861.3 kb/s, VMAF 85.21",
        "# 3: 1280x720 crf 24, 2,466.1 kb/s, VMAF 94.42",
        "# 4: 1280x720 crf 23, 2,830.5 kb/s, VMAF 95.31",
    ]


def test_the_rungs_come_last_and_commands_only_if_asked_for() -> None:
    plain = lines(factories.ladder_result())
    assert plain[-1].split()[:2] == ["4", "1280x720"]
    assert not [line for line in plain if line.startswith(COMMAND)]
    assert lines(factories.ladder_result(), commands=True)[-5:] == plain[-5:]


def test_a_ladder_in_which_nothing_was_measured_says_so() -> None:
    found = lines(factories.failed_ladder_result())
    assert found[0] == "No rungs with libx264"
    assert "There are no rungs: nothing was measured." in found


def test_limits_that_leave_nothing_are_said_to_do_so() -> None:
    found = lines(factories.ladder_result(renditions=()))
    assert "There are no rungs: the limits rule out all 12 encodes that were measured." in found
    assert any("┤" in line for line in found)


def test_the_picture_fits_a_narrow_terminal_and_does_not_fill_a_wide_one() -> None:
    widest = {
        width: max(len(line) for line in lines(factories.ladder_result(), width) if "└" in line)
        for width in (50, 70, 200)
    }
    assert widest == {50: 50, 70: 70, 200: 80}


def test_an_hdr_source_is_noted() -> None:
    full = factories.ladder_result()
    assert HDR_NOTE in lines(replace(full, hdr=True))


@pytest.mark.parametrize(
    "name", ["clips/[red]x[/red] :smile:.mp4", "a|b`c`<script>.mp4", "a\x1b[31mb\nc.mp4"]
)
def test_names_are_printed_as_they_are_without_control_characters(name: str) -> None:
    found = table_text(factories.ladder_result(name))
    shown = " ".join(name.replace("\x1b", "\N{REPLACEMENT CHARACTER}").splitlines())
    assert f"Source     {shown}" in found
    assert "\x1b" not in found


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;7;34m" in terminal_text(factories.ladder_result())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "34m" not in terminal_text(factories.ladder_result())
