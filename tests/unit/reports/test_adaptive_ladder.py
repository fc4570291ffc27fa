"""What reports make of a ladder that was sampled where its hull could change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.reports import ladder_factories as factories
from vmafx_tune.choices import Sampling
from vmafx_tune.reports import ladder_facts
from vmafx_tune.reports.render import render
from vmafx_tune.reports.saved_ladder import read_ladder
from vmafx_tune.results.ladder import LadderCell

ADAPTIVE = factories.adaptive_ladder_result()


def test_a_cell_that_was_left_out_is_a_remark_and_no_failure() -> None:
    assert factories.LEFT_OUT not in str(ladder_facts.failures(ADAPTIVE))
    assert any(factories.LEFT_OUT in remark for remark in ladder_facts.remarks(ADAPTIVE))


def test_tables_tell_what_was_left_out_and_which_bitrates_are_bounds() -> None:
    rows = ladder_facts.cell_sheet(ADAPTIVE).rows
    assert rows[1][-1] == "left out"
    assert rows[0][1].startswith("≤ ")
    assert not rows[0][2].startswith("≤")


@pytest.mark.parametrize("fmt", ["table", "markdown", "html"])
def test_every_report_says_how_the_ladder_was_sampled(fmt: str) -> None:
    text = render(ADAPTIVE, fmt)
    assert "adaptive" in text
    assert "left out" in text


@pytest.mark.parametrize("fmt", ["hls", "dash"])
def test_manifests_are_written_of_its_rungs(fmt: str) -> None:
    assert render(ADAPTIVE, fmt) == render(factories.ladder_result(), fmt)


def test_a_saved_one_is_read_back_with_its_cells() -> None:
    saved = read_ladder(render(ADAPTIVE, "json"), "it")
    assert saved.sampling is Sampling.ADAPTIVE
    assert saved.strategy is None
    kinds = [(cell.error_kind, cell.note) for cell in saved.cloud]
    assert kinds == [(cell.error_kind, cell.note) for cell in ADAPTIVE.cloud]


@pytest.mark.parametrize(("kind", "state"), [("failed", "failed"), ("unreachable", "missed")])
def test_cells_that_were_left_out_do_not_decide_how_the_program_ends(kind: str, state: str) -> None:
    left_out = next(cell for cell in ADAPTIVE.cloud if cell.error_kind == "left_out")
    other = LadderCell.failed(left_out.resolution, 60.0, "Why.", kind)
    assert ADAPTIVE.state == "done"
    assert replace(ADAPTIVE, renditions=(), cloud=(left_out, other)).state == state
