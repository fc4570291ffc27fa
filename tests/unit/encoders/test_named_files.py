"""Which files a user's arguments and filters read."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmafx_tune.encoders.named_files import filter_files, named_files


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files of all kinds of names."""
    monkeypatch.chdir(tmp_path)
    names = (
        "1 0 8 film default off flat a.txt look.cube subs.ass font.ttf logo.png it's,odd.cube "
        "grain.tbl model.json 30000"
    )
    for name in names.split():
        Path(name).write_text(name)
    Path("with space.srt").write_text("subtitles")
    return tmp_path


def names(files: list[Path]) -> list[str]:
    return [str(path) for path in files]


@pytest.mark.parametrize(
    "args",
    [
        ("-x265-params", "aq-mode=1"),
        ("-x264-params", "aq-mode=1:bframes=8"),
        ("-svtav1-params", "film-grain=8:tune=0"),
        ("-aom-params", "enable-cdef=1"),
        ("-tune", "film"),
        ("-g", "8"),
        ("-x265-params", "scaling-list=default"),
        ("-x265-params", "scaling-list=off"),
        ("-x264-params", "cqm=flat"),
        ("-vf", "scale=8:1,fps=30000/1"),
        ("-vf", "metadata=print:file=a.txt"),
        ("-metadata", "title=a.txt"),
        ("-x265-params",),
    ],
    ids=" ".join,
)
def test_a_value_that_happens_to_be_the_name_of_a_file_names_none(args: tuple[str, ...]) -> None:
    assert named_files(args) == []


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("-x265-params", "aq-mode=1:scaling-list=a.txt"), ["a.txt"]),
        (("-x265-params", "film-grain=8"), ["8"]),
        (("-x264-params", "cqmfile=a.txt"), ["a.txt"]),
        (("-x264opts", "cqm=a.txt"), ["a.txt"]),
        (("-svtav1-params", "fgs-table=grain.tbl:film-grain=8"), ["grain.tbl"]),
        (("-aom-params", "film-grain-table=grain.tbl"), ["grain.tbl"]),
        (("-aom-params", "tune=vmaf:vmaf-model-path=model.json"), ["model.json"]),
        (("-x265-params", "analysis-load=a.txt"), ["a.txt"]),
        (("-vf", "lut3d=look.cube"), ["look.cube"]),
        (("-filter:v", "format=yuv420p,lut3d=file=look.cube:interp=0"), ["look.cube"]),
        (("-g", "8", "-filter_complex", "movie=logo.png[l];[0:v][l]overlay=1:0"), ["logo.png"]),
    ],
    ids=" ".join,
)
def test_the_files_that_an_option_reads_are_found(args: tuple[str, ...], found: list[str]) -> None:
    assert names(named_files(args)) == found


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ("lut3d=look.cube", ["look.cube"]),
        ("lut3d@mine=interp=tetrahedral:file=look.cube", ["look.cube"]),
        (" [in] crop=8:1 , lut3d = look.cube , hqdn3d [out]", ["look.cube"]),
        (r"lut3d=it\\\'s\,odd.cube", ["it's,odd.cube"]),
        ("subtitles='with space.srt'", ["with space.srt"]),
        ("subtitles=f=subs.ass:si=1", ["subs.ass"]),
        ("drawtext=font.ttf:text=1", ["font.ttf"]),
        ("drawtext=text='a.txt':fontfile=font.ttf:textfile=a.txt", ["font.ttf", "a.txt"]),
        ("curves=1:psfile=a.txt", ["a.txt"]),
        ("sendcmd=1", []),
        ("mix=weights=1", []),
        ("lut3d=missing.cube", []),
        ("lut3d", []),
        ("", []),
        ("'", []),
        ("\\", []),
    ],
)
def test_the_files_that_a_filter_reads_are_found(chain: str, found: list[str]) -> None:
    assert names(filter_files(chain)) == found


def test_a_file_that_a_filter_reads_without_being_told_is_found() -> None:
    Path("transforms.trf").write_text("as vidstabdetect calls it")
    assert names(filter_files("vidstabtransform=smoothing=8")) == ["transforms.trf"]
