"""Shaka Packager's arguments, and finding it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.programs import make_program
from tests.unit.reports.ladder_factories import ladder_result
from vmafx_tune.encode.streams import AudioForm
from vmafx_tune.errors import OutputError, ToolNotFoundError, ToolOutputError
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.media.streams import Stream
from vmafx_tune.package import packager
from vmafx_tune.package.packager import find_packager, packager_command, run_packager
from vmafx_tune.package.plan import AudioTrack, TextTrack, plan_renditions

RENDITION = plan_renditions([ladder_result()])[0]
TITLED = Stream(1, "audio", "aac", tags={"language": "eng", "title": 'A, "b" = c'}, channels=2)
FORCED = Stream(2, "subtitle", "subrip", tags={"language": "fra"}, dispositions=("forced",))


def command() -> tuple[str, ...]:
    return packager_command(
        Path("packager"),
        video={RENDITION: Path("/v.mp4")},
        audio={AudioTrack(TITLED, AudioForm("aac", 128), "eng", "aac-128", True): Path("/a.m4a")},
        text={TextTrack(FORCED, "fra-forced"): Path("/t.vtt")},
        segment_s=Fraction(3003, 500),
        extra=("--protection_scheme", "cbcs"),
    )


def test_a_rendition_has_segments_a_playlist_and_one_of_its_key_frames() -> None:
    folder = f"video/{RENDITION.name}"
    assert command()[1] == (
        f"stream=video,in=/v.mp4,init_segment={folder}/init.mp4,"
        f"segment_template={folder}/$Number$.m4s,playlist_name={folder}/index.m3u8,"
        f"iframe_playlist_name={folder}/iframes.m3u8"
    )


def test_a_title_cannot_add_fields() -> None:
    assert ",hls_name=A b c,dash_label=A b c,lang=eng,dash_roles=main" in command()[2]


@pytest.mark.parametrize("language", ["", "und", "english", "e,n", "x"])
def test_what_is_no_language_is_not_handed_on(language: str) -> None:
    stream = Stream(1, "audio", "aac", tags={"language": language}, channels=2)
    track = AudioTrack(stream, AudioForm("aac", 128), "a", "aac-128", False)
    words = packager_command(
        Path("packager"), video={}, audio={track: Path("/a.m4a")}, text={}, segment_s=Fraction(6)
    )
    assert "lang=" not in words[1]


def test_subtitles_are_text_for_hls_and_mp4_for_dash() -> None:
    hls, dash = command()[3:5]
    assert "segment_template=text/fra-forced/$Number$.vtt" in hls
    assert "hls_only=1" in hls
    assert "segment_template=text/fra-forced/$Number$.m4s" in dash
    assert "dash_only=1" in dash
    assert "forced_subtitle=1" in hls


def test_segments_have_the_exact_duration_and_further_arguments_come_last() -> None:
    words = command()
    assert words[words.index("--segment_duration") + 1] == "6.006000000"
    assert words[-2:] == ("--protection_scheme", "cbcs")


def test_without_a_packager_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packager, "_installed", lambda: None)
    with pytest.raises(ToolNotFoundError, match=r"pip install 'vmafx-tune\[package\]'") as caught:
        find_packager(None, ProcessRunner())
    assert caught.value.exit_code == 4


def test_another_program_is_not_taken_for_it(tmp_path: Path) -> None:
    program = make_program(tmp_path, "echo packager")
    with pytest.raises(ToolNotFoundError, match="is not Shaka Packager"):
        find_packager(program, ProcessRunner())


def test_a_packager_that_is_named_is_used(tmp_path: Path) -> None:
    program = make_program(tmp_path, "echo packager version v3.4.5-abc-release")
    assert find_packager(program, ProcessRunner()).version == "v3.4.5-abc-release"


def test_a_disk_that_is_full_is_one_sentence(tmp_path: Path) -> None:
    said = "E1130 demuxer.cc:370] Cannot close file, possibly file permission issue or running out"
    program = make_program(tmp_path, f"echo '{said} of disk space.' >&2; exit 1")
    with pytest.raises(OutputError, match="the disk is full"):
        run_packager([str(program)], tmp_path, ProcessRunner())


def test_another_failure_has_the_packagers_last_error(tmp_path: Path) -> None:
    body = "echo 'E1130 01:45 23 a.cc:6] First.\nE1130 01:45 23 b.cc:7] Last one.' >&2; exit 1"
    program = make_program(tmp_path, body)
    with pytest.raises(ToolOutputError, match=r"Shaka Packager failed: Last one\.$"):
        run_packager([str(program)], tmp_path, ProcessRunner())
