"""What `--chunk` asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE
from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.options import EncodingOptions
from vmafx_tune.sampling.parts import chunks_of

if TYPE_CHECKING:
    from vmafx_tune.model import Source

LONG = replace(SOURCE, n_frames=1000)


def lengths(chunk_s: float, source: Source = LONG, gop_frames: int | None = None) -> list[int]:
    chunks = chunks_of(source, EncodingOptions(chunk_s=chunk_s), gop_frames)
    return [chunk.n_frames for chunk in chunks]


def test_without_the_option_there_are_no_chunks() -> None:
    assert chunks_of(LONG, EncodingOptions()) == ()


def test_a_rest_of_half_a_chunk_is_one_and_a_shorter_one_joins_the_last() -> None:
    assert lengths(14) == [350, 350, 300]
    assert lengths(16) == [400, 400, 200]
    assert lengths(18) == [450, 550]


def test_chunks_have_whole_groups_of_pictures() -> None:
    assert lengths(10, gop_frames=48) == [240, 240, 240, 280]
    assert lengths(1, gop_frames=400) == [400, 400, 200]


@pytest.mark.parametrize("chunk_s", [40, 41, 1e9])
def test_a_source_no_longer_than_a_chunk_is_encoded_as_a_whole(chunk_s: float) -> None:
    assert lengths(chunk_s) == []


@pytest.mark.parametrize("chunk_s", [0, -1, float("nan"), float("inf")])
def test_what_is_no_length_is_refused(chunk_s: float) -> None:
    with pytest.raises(UsageError, match="is not a valid chunk length"):
        lengths(chunk_s)


def test_chunks_of_a_few_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="are 5 frames, which is too short"):
        lengths(0.2)


def test_a_sample_has_no_chunks() -> None:
    with pytest.raises(UsageError, match="--sample"):
        chunks_of(LONG, EncodingOptions(chunk_s=10, sample="3x1s"))


def test_a_varying_frame_rate_cannot_be_cut() -> None:
    with pytest.raises(MediaError, match="varies"):
        lengths(10, replace(LONG, variable_frame_rate=True))
