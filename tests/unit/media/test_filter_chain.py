"""Taking filter chains apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmafx_tune.encoders.named_files import filter_files
from vmafx_tune.errors import UsageError
from vmafx_tune.media.filter_chain import (
    Filter,
    checked_chain,
    is_stateless,
    keeps_frames,
    parse_chain,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("hflip", [("hflip", "")]),
        ("crop=64:48:0:0,hqdn3d", [("crop", "64:48:0:0"), ("hqdn3d", "")]),
        (" fps = 10 , scale@big=w=iw/2:h=-2", [("fps", "10"), ("scale", "w=iw/2:h=-2")]),
        ("select='not(mod(n,3))'", [("select", "not(mod(n,3))")]),
        (r"lut3d=a\,b\\:c.cube", [("lut3d", r"a,b\:c.cube")]),
    ],
)
def test_a_chain_is_taken_apart_as_libavfilter_does(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert [(one.name, one.arguments) for one in parse_chain(text)] == expected


@pytest.mark.parametrize(
    "text", ["[in]hflip", "hflip[out]", "hflip;vflip", "split[a][b];[a][b]hstack", "hflip,", ","]
)
def test_what_is_not_one_chain_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--filter"):
        parse_chain(text)


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ("movie=other.mkv", "another clip"),
        ("hflip,sendcmd=f=commands.txt", "while they run"),
        ("zmq", "while they run"),
        ("vidstabdetect=result=out.trf", "writes a file"),
        ("metadata=mode=print:file=out.txt", "writes a file"),
        ("subtitles=http\\://host/a.srt", "from the network"),
    ],
)
def test_filters_that_reach_beyond_the_source_are_refused(chain: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        checked_chain(chain)


@pytest.mark.parametrize("chain", ["crop=64:48:0:0", "crop=1:2,eq=gamma=1.2", ""])
def test_a_chain_of_filters_that_look_at_one_picture_has_no_state(chain: str) -> None:
    assert is_stateless(chain)


@pytest.mark.parametrize(
    "chain",
    ["bwdif=mode=send_frame", "hqdn3d", "hue=h=90*t", "crop=w=10:x=n", "hflip=enable='gt(t,1)'"],
)
def test_a_filter_that_knows_other_pictures_or_the_time_has_one(chain: str) -> None:
    assert not is_stateless(f"hflip,{chain}")


@pytest.mark.parametrize(
    ("chain", "keeps"),
    [
        ("bwdif=mode=send_frame:deint=interlaced", True),
        ("yadif=0", True),
        ("yadif=mode=send_frame_nospatial", True),
        ("bwdif", False),
        ("yadif=1", False),
        ("fps=10", False),
        ("crop=1:1,mpdecimate", False),
    ],
)
def test_it_is_known_which_filters_keep_every_frame(chain: str, *, keeps: bool) -> None:
    assert keeps_frames(chain) == keeps


def test_files_in_a_chain_get_their_whole_names_and_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "my,l:ut's [1].cube"
    table.touch()
    monkeypatch.chdir(tmp_path)
    as_typed = Filter("lut3d", r"file=my,l\:ut\'s [1].cube:interp=nearest")

    typed = f"hflip,{as_typed}"
    whole = checked_chain(typed, filter_files(typed))

    assert filter_files(whole) == [table]
    assert parse_chain(whole)[1].arguments.endswith(":interp=nearest")
    assert checked_chain(whole, filter_files(whole)) == whole


def test_a_value_that_happens_to_be_the_name_of_a_file_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "640").touch()
    monkeypatch.chdir(tmp_path)

    assert checked_chain("scale=w=640:h=360", filter_files("scale=w=640:h=360")) == (
        "scale=w=640:h=360"
    )
