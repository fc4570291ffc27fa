"""Which streams an output has, and in what form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.encode.streams import (
    CONTAINERS,
    AudioForm,
    Part,
    StreamPlan,
    audio_form,
    container_of,
    plan_streams,
)
from vmafx_tune.errors import UsageError
from vmafx_tune.media.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VIDEO = Stream(0, "video", "h264")
AAC = Stream(1, "audio", "aac", channels=2)
SUBRIP = Stream(2, "subtitle", "subrip")
BITMAPS = Stream(3, "subtitle", "hdmv_pgs_subtitle")
FONT = Stream(4, "attachment", "ttf")
COVER = Stream(5, "video", "png", dispositions=("attached_pic",))
CHAPTERS = Stream(6, "data", "")
TIMECODE = Stream(7, "data", "", tags={"timecode": "01:00:00:00"})
UNKNOWN = Stream(8, "audio", "")

streams = st.lists(
    st.sampled_from([AAC, SUBRIP, BITMAPS, FONT, COVER, CHAPTERS, TIMECODE, UNKNOWN]),
    unique_by=lambda stream: stream.index,
)


def all_fit(_: Sequence[Part]) -> bool:
    return True


def plan(
    *streams: Stream,
    suffix: str = ".mkv",
    audio: str = "copy",
    subtitles: str = "copy",
    chapters: bool = False,
    fits: Callable[[Sequence[Part]], bool] = all_fit,
) -> StreamPlan:
    return plan_streams(
        [VIDEO, *streams],
        VIDEO.index,
        CONTAINERS[suffix],
        audio=audio_form(audio),
        subtitles=subtitles,
        chapters=chapters,
        fits=fits,
    )


def forms(found: StreamPlan) -> dict[int, str | None]:
    return {part.stream.index: part.codec for part in found.parts}


def reasons(found: StreamPlan) -> dict[int, str]:
    return {each.index: each.reason for each in found.dropped}


def test_everything_is_copied_where_it_fits() -> None:
    found = plan(AAC, SUBRIP, BITMAPS, FONT)

    assert forms(found) == {0: None, 1: "copy", 2: "copy", 3: "copy", 4: "copy"}
    assert not found.dropped


def test_text_is_converted_where_it_does_not_fit_as_it_is() -> None:
    found = plan(
        AAC, SUBRIP, suffix=".mp4",
        fits=lambda parts: all(p.stream is not SUBRIP or p.codec == "mov_text" for p in parts),
    )  # fmt: skip

    assert forms(found) == {0: None, 1: "copy", 2: "mov_text"}


def test_what_fits_in_no_form_is_left_out_with_its_reason() -> None:
    found = plan(
        AAC, BITMAPS, suffix=".mp4", fits=lambda parts: all(p.stream is not BITMAPS for p in parts)
    )

    assert forms(found) == {0: None, 1: "copy"}
    assert reasons(found) == {3: "MP4 cannot hold hdmv_pgs_subtitle subtitle."}


def test_one_trial_is_enough_where_all_fits() -> None:
    trials: list[int] = []

    def fits(parts: Sequence[Part]) -> bool:
        trials.append(len(parts))
        return True

    plan(AAC, *(Stream(i, "subtitle", "subrip") for i in range(10, 50)), fits=fits)
    assert trials == [41]


def test_nothing_is_tried_where_there_is_only_the_video() -> None:
    def fits(parts: Sequence[Part]) -> bool:
        raise AssertionError(parts)

    assert forms(plan(fits=fits)) == {0: None}


def test_covers_are_attached_to_matroska_and_streams_of_mp4() -> None:
    assert plan(COVER).attached == (COVER,)
    assert forms(plan(COVER, suffix=".mp4")) == {0: None, 5: "copy"}
    assert reasons(plan(COVER, suffix=".mov")) == {5: "QuickTime has no cover pictures."}


def test_tracks_that_the_muxer_makes_anew_are_neither_copied_nor_missed() -> None:
    for suffix in (".mp4", ".mov"):
        found = plan(CHAPTERS, TIMECODE, suffix=suffix, chapters=True)
        assert (forms(found), found.dropped) == ({0: None}, ())


def test_tracks_that_become_tags_and_chapters_say_so() -> None:
    assert reasons(plan(CHAPTERS, TIMECODE, chapters=True)) == {
        6: "Its titles are kept as chapters.",
        7: "Its time code is kept as a tag.",
    }


def test_audio_is_encoded_at_a_rate_for_its_channels() -> None:
    surround = Stream(1, "audio", "dts", channels=6)
    (part,) = plan(surround, audio="opus").parts[1:]

    assert part.codec == "libopus"
    assert dict(part.options)["b"] == "384k"
    assert "5.1" in dict(part.options)["filter"]


@pytest.mark.parametrize(("channels", "most"), [(1, 256), (2, 512), (6, 1536)])
def test_a_bitrate_that_opus_does_not_take_is_refused(channels: int, most: int) -> None:
    stream = Stream(1, "audio", "dts", channels=channels)
    assert forms(plan(stream, audio=f"opus:{most}"))[1] == "libopus"

    with pytest.raises(UsageError, match=rf"--audio opus:{most + 1} .* at most {most} kb/s"):
        plan(stream, audio=f"opus:{most + 1}")


@pytest.mark.parametrize(
    ("suffix", "audio", "reason"),
    [
        (".mov", "flac", "QuickTime cannot hold flac audio."),
        (".mov", "opus:96", "QuickTime cannot hold opus audio."),
        (".webm", "aac", "WebM cannot hold aac audio."),
    ],
)
def test_a_codec_that_is_asked_for_and_does_not_fit_is_named(
    suffix: str, audio: str, reason: str
) -> None:
    stream = Stream(1, "audio", "ac3", channels=2)
    assert reasons(plan(stream, suffix=suffix, audio=audio)) == {1: reason}


def test_audio_that_cannot_be_converted_is_not_the_fault_of_the_container() -> None:
    found = plan(AAC, audio="opus", fits=lambda _: False)
    assert reasons(found) == {1: "ffmpeg cannot convert its aac audio to opus."}


def test_streams_that_are_not_wanted_are_named_with_the_option() -> None:
    found = plan(AAC, SUBRIP, audio="none", subtitles="none")

    assert reasons(found) == {
        1: "--audio none leaves it out.",
        2: "--subtitles none leaves it out.",
    }


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("copy", AudioForm("copy")),
        ("opus:128", AudioForm("opus", 128)),
        ("aac", AudioForm("aac")),
        ("flac", AudioForm("flac")),
    ],
)
def test_audio_forms_are_read(text: str, form: AudioForm) -> None:
    assert audio_form(text) == form


@pytest.mark.parametrize("text", ["", "mp3", "opus:", "opus:0", "opus:12345", "flac:1", "OPUS:96"])
def test_other_audio_forms_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not valid"):
        audio_form(text)


def test_the_suffix_says_the_container() -> None:
    assert container_of(Path("a.MKV")).muxer == "matroska"
    with pytest.raises(UsageError, match=r"\.mkv, \.mp4, \.m4v, \.mov or \.webm"):
        container_of(Path("a.avi"))


@given(
    found=streams,
    suffix=st.sampled_from(list(CONTAINERS)),
    unfit=st.sets(st.integers(0, 8)),
    chapters=st.booleans(),
)
def test_every_stream_is_kept_made_anew_or_dropped_with_a_reason(
    *, found: list[Stream], suffix: str, unfit: set[int], chapters: bool
) -> None:
    made = plan(
        *found, suffix=suffix, chapters=chapters,
        fits=lambda parts: all(part.stream.index not in unfit for part in parts),
    )  # fmt: skip

    kept = [stream.index for stream in made.streams]
    dropped = [each.index for each in made.dropped]
    assert len(kept) == len(set(kept))
    assert set(kept).isdisjoint(dropped)
    assert VIDEO.index in kept
    left = {stream.index for stream in found} - set(kept) - set(dropped)
    assert left <= {CHAPTERS.index, TIMECODE.index}
    assert not left or CONTAINERS[suffix].tracks
    order = [part.stream.index for part in made.parts]
    assert order == [s.index for s in [VIDEO, *found] if s.index in set(order)]
