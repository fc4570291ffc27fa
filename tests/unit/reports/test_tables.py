"""Tables for people."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.unit.reports import factories
from tests.unit.reports.ladder_factories import ladder_result
from tests.unit.reports.package_factories import package_result
from vmafx_tune import formatting
from vmafx_tune.formatting import ABSENT
from vmafx_tune.reports.facts import HDR_NOTE
from vmafx_tune.reports.html.pages import page_of
from vmafx_tune.reports.markdown import compare_markdown
from vmafx_tune.reports.render import render
from vmafx_tune.reports.tables import print_result, table_text, terminal_text
from vmafx_tune.results.compare import BdPoints, BdRate
from vmafx_tune.results.measurement import Sample, SampledPart, SampleEstimate
from vmafx_tune.results.search import NonMonotone, SearchLimit

if TYPE_CHECKING:
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.record import Result

RESULTS: dict[str, Result] = {
    "score": factories.score_result(),
    "search": factories.search_result(),
    "search_unreachable": factories.search_result(target=99.0),
    "compare": factories.full_compare_result(),
    "encoders": factories.encoders_result(),
    "doctor": factories.doctor_result(),
    "cache": factories.cache_result(),
}
COMMAND = "/usr/bin/ffmpeg -"


def lines(
    result: Result, width: int = 80, *, frames: bool = False, commands: bool = False
) -> list[str]:
    return table_text(result, width=width, frames=frames, commands=commands).splitlines()


def line_with(text: str, found: list[str]) -> str:
    return next(line for line in found if text in line)


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("name", RESULTS)
def test_everything_but_commands_fits_the_width(name: str, width: int) -> None:
    found = [line for line in lines(RESULTS[name], width) if not line.startswith(COMMAND)]
    assert max(map(len, found)) <= width


@pytest.mark.parametrize("name", RESULTS)
def test_no_cell_is_cut_off_at_eighty_columns(name: str) -> None:
    cells = table_text(RESULTS[name], width=80).replace("ultrafast … placebo", "")
    assert "…" not in cells


def test_a_command_stands_on_one_line_however_long() -> None:
    path = f"clips/{'very-' * 40}long.mp4"
    command = line_with(COMMAND, lines(factories.search_result(path=path)))
    assert command.endswith(" -crf 26 -an libx264-26.mp4")


def test_a_score_is_shown_with_all_poolings_and_features() -> None:
    text = "\n".join(lines(factories.score_result()))
    assert text.startswith("VMAF 93.5346  mean of 8 frames")
    assert "93.5346   93.5334  93.0205  93.0276  93.0559  93.0912  93.9546" in text
    assert "integer_vif_scale0  0.621667" in text


@pytest.mark.parametrize(
    ("backend", "version", "shown"),
    [
        ("ffmpeg", "3.2.0", "ffmpeg (libvmaf 3.2.0) in"),
        ("libvmaf", "2.3.1", "libvmaf 2.3.1 in"),
        ("vmaf", "", "vmaf in"),
    ],
)
def test_what_scored_is_named_with_its_libvmaf(backend: str, version: str, shown: str) -> None:
    scores = replace(factories.score_set(), backend=backend, backend_version=version)
    scored_by = line_with("Scored by", lines(factories.score_result(scores=scores)))
    assert scored_by.startswith(f"Scored by  {shown}")


def test_frames_are_listed_with_their_index_when_asked() -> None:
    result = factories.score_result(scores=factories.score_set(n_frames=2, subsample=5))
    assert lines(result, frames=True)[-3:] == [
        "   Frame       VMAF",
        "       0    93.5000",
        "       5    93.9207",
    ]


def test_a_search_marks_the_answer_and_its_proof() -> None:
    found = lines(factories.search_result())
    assert found[0] == "libx264 crf 26 reaches VMAF 90 with 90.39 at 434.9 kb/s"
    assert line_with("answer, proven", found).split()[0] == "26"
    assert line_with("next worse, misses", found).split()[:2] == ["27", "89.81"]


def test_an_unreachable_search_shows_its_best_probe_and_why() -> None:
    found = lines(factories.search_result(target=99.0))
    assert found[0].startswith("VMAF 99 is not reached; the best is 93.43 at crf 20, 875.1 kb/s.")
    assert line_with("best, misses the target", found).split()[0] == "20"


def test_an_unproven_answer_is_shown_with_the_reason() -> None:
    limit = SearchLimit("max_iter", "The search stopped after 6 probes.")
    found = lines(replace(factories.search_result(), proven=False, next_worse=None, limit=limit))
    assert line_with("answer, unproven", found)
    assert limit.message in found


def test_encodes_that_were_stopped_stand_among_the_probes_with_the_reason() -> None:
    limited = replace(factories.search_result(), max_bitrate_kbps=800.0, too_large=(12.0, 18.5))
    found = lines(limited)
    assert line_with("Answer", found).split(maxsplit=1)[1] == "at most 800 kb/s"
    stopped = [line.split() for line in found if line.endswith("stopped: over 800 kb/s")]
    assert [cells[:2] for cells in stopped] == [
        ["12", formatting.ABSENT],
        ["18.5", formatting.ABSENT],
    ]
    assert line_with("Took", found).endswith("8 probes, 2 cached")


def test_contradicting_probes_are_told() -> None:
    found = lines(replace(factories.search_result(), non_monotone=(NonMonotone(23.0, 25.0),)))
    assert "Scores are not monotone: crf 25 should be worse than 23, but scored higher." in found


@pytest.mark.parametrize("target", [90.0, 99.0])
def test_notes_are_shown_whether_the_target_is_reached_or_not(target: float) -> None:
    found = lines(replace(factories.search_result(target=target), notes=("The alpha is gone.",)))
    assert "The alpha is gone." in found


def test_what_stands_in_the_way_of_a_target_is_shown_once() -> None:
    shown = " ".join(lines(factories.search_result(target=99.0)))
    assert shown.count("The range of crf ends at 0.") == 1


@pytest.mark.parametrize("target", [90.0, 99.0])
def test_notes_of_a_comparison_and_of_its_rows_are_shown(target: float) -> None:
    search = replace(factories.search_result(target=target), notes=("The alpha is gone.",))
    error = None if search.ok else factories.UNREACHED
    row = factories.row_of(search, error=error)
    result = replace(
        factories.compare_result((target,), rows=(row,)), notes=("The clip is a still.",)
    )
    texts = ["\n".join(lines(result)), compare_markdown(result), page_of(result)]
    for shown in texts:
        assert f"libx264 at {target:g}: The alpha is gone." in shown
        assert "The clip is a still." in shown


def test_a_knob_that_is_not_crf_is_named() -> None:
    found = lines(factories.search_result("libvvenc"))
    assert found[0].startswith("libvvenc qp 26 reaches")
    assert line_with("answer, proven", found).split()[:2] == ["qp", "26"]


def test_an_encoder_outside_the_registry_is_shown_with_crf() -> None:
    assert lines(factories.search_result("my_encoder"))[0].startswith("my_encoder crf 26 reaches")


def test_a_comparison_ranks_each_target_and_puts_failed_rows_last() -> None:
    found = lines(factories.full_compare_result())
    at_93 = found[found.index("VMAF 93") :]
    assert [line.split()[:2] for line in at_93[3:6]] == [
        ["1", "libx264"],
        [ABSENT, "libx265"],
        [ABSENT, "h264_nvenc"],
    ]


def test_a_comparison_without_an_anchor_is_against_the_best_row() -> None:
    found = lines(factories.compare_result())
    assert "vs best" in line_with("Next worse", found)
    assert "+48.9 %" in line_with("2  libx264", found)


def test_a_comparison_with_an_anchor_is_against_the_anchor() -> None:
    found = lines(factories.full_compare_result())
    assert "vs anchor" in line_with("Next worse", found)
    assert "-32.8 %" in line_with("1  libx265", found)


def test_differences_are_absent_where_the_anchor_failed() -> None:
    rows = (factories.ok_row("libx264"), factories.failed_row("libx265"))
    found = lines(factories.compare_result(rows=rows, anchor="libx265"))
    assert "%" not in line_with("1  libx264", found)


def test_a_failure_is_told_once_for_all_its_targets() -> None:
    text = " ".join(lines(factories.full_compare_result()))
    assert text.count("Cannot load") == 1
    assert "h264_nvenc at 90 and 93:" in text


def test_bd_rates_come_with_their_overlap_or_the_reason_for_having_none() -> None:
    found = lines(factories.full_compare_result())
    assert "-23.5 %  86.5 to 93.4   6 / 6" in line_with("86.5 to", found)
    assert line_with("h264_nvenc has 0 usable points", found)


def test_the_tables_of_a_comparison_come_last_and_commands_only_if_asked_for() -> None:
    plain = lines(factories.compare_result())
    assert plain[-1].startswith("3  libsvtav1")
    assert not [line for line in plain if line.startswith(COMMAND)]
    assert lines(factories.compare_result(), commands=True)[-4:] == plain[-4:]


def test_every_ok_row_has_its_command() -> None:
    found = lines(factories.full_compare_result(), commands=True)
    labels = [found[index - 1] for index, line in enumerate(found) if line.startswith(COMMAND)]
    assert labels == ["# libx265, VMAF 90", "# libx264, VMAF 90", "# libx264, VMAF 93"]


def test_a_long_encoder_name_costs_the_speed_column_and_nothing_else() -> None:
    found = factories.search_result("hevc_videotoolbox", 92.0)
    found = replace(found, encode_time_ms=4_000_000.0, bitrate_kbps=123456.7)
    result = factories.compare_result((92.0,), rows=(factories.row_of(found),))
    narrow, wide = lines(result), lines(result, 120)
    assert "Speed" not in line_with("Next worse", narrow)
    assert "Speed" in line_with("Next worse", wide)
    assert line_with("hevc_videotoolbox  q:v 23", narrow).endswith("25: 90.95")


@pytest.mark.parametrize(
    "result",
    [
        factories.score_result(hdr=True),
        factories.search_result(transfer="smpte2084"),
        factories.compare_result(transfer="smpte2084"),
    ],
    ids=["score", "search", "compare"],
)
def test_an_hdr_source_is_noted(result: Result) -> None:
    assert HDR_NOTE in lines(result)


def test_encoders_show_what_opens_here_and_why_others_do_not() -> None:
    found = lines(factories.encoders_result())
    assert line_with("libx264", found).split()[-1] == "yes"
    assert line_with("hevc_nvenc  ", found).split()[-1] == "no"
    assert line_with("q:v 1 to 100 (50)", found).split()[-1] == "absent"
    assert "hevc_nvenc: Cannot load libcuda.so.1." in found


def test_a_failed_check_comes_with_advice() -> None:
    found = lines(factories.doctor_result())
    assert line_with("system library", found).startswith("✗  libvmaf")
    assert line_with("PATH", found).startswith("!  vmaf")
    assert "libvmaf: Set VMAFX_LIBVMAF to a libvmaf library, or use --backend ffmpeg." in found


def test_names_are_not_taken_for_markup_or_emoji() -> None:
    name = "clips/[red]x[/red] :smile:.mp4"
    assert name in table_text(factories.score_result(name))


def test_a_terminal_gets_colours_and_a_file_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;32m" in terminal_text(factories.search_result())
    assert "\x1b" not in table_text(factories.search_result())


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;32m" not in terminal_text(factories.search_result())


def test_a_result_can_be_printed_to_a_console_of_ones_own() -> None:
    console = Console(file=io.StringIO(), width=80, record=True)
    print_result(console, factories.search_result())
    assert console.export_text().startswith("libx264 crf 26 reaches VMAF 90")


def sampled(*, verified: bool) -> Sample:
    return Sample(
        segments=(SampledPart(12, 25, 0.48), SampledPart(150, 25, 6.0)),
        share=0.25,
        subsample=2,
        verified=verified,
        estimate=SampleEstimate(27.0, 780.5, 91.25, 0.75, 12.5),
    )


def test_a_sample_is_named_and_what_it_promised_once_it_is_verified() -> None:
    estimate = replace(factories.search_result(), sample=sampled(verified=False))
    truth = replace(factories.search_result(), sample=sampled(verified=True))

    assert "2 parts, 25% of the clip" in line_with("Sample", lines(estimate))
    assert "said VMAF 91.25 at crf 27, 780.5 kb/s" in line_with("Sample", lines(truth, width=120))


def test_a_comparison_and_a_ladder_name_their_sample() -> None:
    found = factories.compare_result()
    rows = tuple(replace(row, sample=sampled(verified=False)) for row in found.rows)
    ladder = replace(ladder_result(), sample=sampled(verified=False))

    for result in (replace(found, rows=rows), ladder):
        assert "2 parts, 25% of the clip" in line_with("Sample", lines(result))


def test_an_encode_in_chunks_says_so_and_shows_the_commands_at_both_ends() -> None:
    shown = lines(factories.chunked_search_result(), width=120)
    found = factories.compare_result()
    rows = tuple(replace(row, chunk_frames=50) for row in found.rows)
    ladder = replace(ladder_result(), chunk_frames=50)

    assert "of 125 frames (5 s)" in line_with("Chunks", shown)
    assert any("the first of 2 chunks; JSON has them all" in line for line in shown)
    assert any("joins the chunks" in line for line in shown)
    for result in (replace(found, rows=rows), ladder):
        assert "of 50 frames (2 s)" in line_with("Chunks", lines(result, width=120))
    for whole in (factories.search_result(), found, ladder_result()):
        assert not any(line.startswith("Chunks") for line in lines(whole))


def test_a_package_shows_its_renditions_with_both_scores_and_where_it_is() -> None:
    text = table_text(package_result())
    assert "avc1.64001f  1280x720   crf 31    975.3  1,170.3  85.50   85.75" in text
    assert "The attachment stream 3 is left out: HLS and DASH have no attachment streams." in text
    assert "title is written" in text
    assert "1 encode made, 1 kept from an earlier run" in text
    assert "aac-128 eng" in text


def with_matrix() -> CompareResult:
    names = ("libx264", "libx265", "libsvtav1")
    percents = {("libx265", "libx264"): -30.0, ("libx264", "libx265"): 42.857}
    matrix = tuple(
        BdRate(
            codec=codec,
            anchor=anchor,
            percent=(percent := percents.get((codec, anchor))),
            points=BdPoints(4, 4),
            reason=None if percent else f"{codec} and {anchor} do not overlap.",
        )
        for codec, anchor in permutations(names, 2)
    )
    return replace(factories.full_compare_result(), bd_matrix=matrix)


@pytest.mark.parametrize("fmt", ["table", "markdown", "html"])
def test_the_matrix_of_bd_rates_is_a_table_of_each_against_each(fmt: str) -> None:
    text = render(with_matrix(), fmt)
    assert "BD-rate of each against each" in text
    for told in ("vs libx265", "-30.0 %", "+42.9 %"):
        assert told in text
    # Of a pair, one sentence is enough.
    assert text.count("libx264 do not overlap") + text.count("libsvtav1 do not overlap") <= 3


def side_by_side() -> CompareResult:
    result = factories.full_compare_result()
    rows = tuple(
        replace(
            row,
            bisect_samples=tuple(
                replace(sample, side_by_side=row.codec == "libx265")
                for sample in row.bisect_samples
            ),
        )
        for row in result.rows
    )
    return replace(result, rows=rows)


@pytest.mark.parametrize("fmt", ["table", "markdown", "html"])
def test_times_that_were_measured_while_others_ran_are_marked_and_explained(fmt: str) -> None:
    text = render(side_by_side(), fmt)
    found = [line for line in text.splitlines() if "90.39" in line and '"series"' not in line]
    (row,) = (line for line in found if "libx265" in line)
    assert re.search(r"\d( s)?\*", row)
    (alone,) = (line for line in found if "libx264" in line)
    assert "*" not in alone
    assert "were measured beside other encodes" in text
    assert "beside other encodes" not in render(factories.full_compare_result(), fmt)


def test_marks_are_in_json_only_where_there_are_any() -> None:
    assert '"side_by_side": true' in render(side_by_side(), "json")
    assert "side_by_side" not in render(factories.full_compare_result(), "json")
