"""What encodes lose beside quality."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.reports import factories
from vmafx_tune.media.pixel_formats import pixel_format
from vmafx_tune.search.losses import larger_than_source, losses


def told(source: str, encode: str) -> tuple[str, ...]:
    clip = replace(factories.source(), pixel_format=pixel_format(source))
    return losses(clip, replace(factories.probe("x", 1), pixel_format=pixel_format(encode)))


@pytest.mark.parametrize(
    ("source", "encode"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv420p", "yuv420p10le"),
        ("gray", "yuv420p"),
        ("yuvj420p", "yuv420p"),
        ("gbrp", "yuv444p"),
        ("nv12", "yuv420p"),
    ],
)
def test_nothing_is_told_of_what_loses_nothing(source: str, encode: str) -> None:
    assert told(source, encode) == ()


@pytest.mark.parametrize(
    ("source", "encode", "sentence"),
    [
        ("yuv444p", "yuv420p", "The source is 4:4:4 (yuv444p), and the encode 4:2:0 (yuv420p)."),
        ("yuv422p10le", "yuv420p10le", "The source is 4:2:2"),
        ("gbrp", "yuv420p", "The source is 4:4:4 (gbrp), and the encode 4:2:0"),
        ("yuv420p", "gray", "and the encode grey (gray)"),
        ("yuv420p10le", "yuv420p", "The source has 10 bits a sample (yuv420p10le), and the encode"),
        ("yuva420p", "yuv420p", "The source has an alpha channel (yuva420p)"),
    ],
)
def test_each_loss_is_one_sentence(source: str, encode: str, sentence: str) -> None:
    (found,) = told(source, encode)
    assert sentence in found


def test_several_losses_are_told_one_by_one() -> None:
    assert len(told("yuva444p12le", "yuv420p")) == 3


def test_dynamic_metadata_that_the_encode_has_not_is_told() -> None:
    clip = replace(factories.source(), hdr_metadata=("Dolby Vision", "HDR10+"))
    encode = replace(
        factories.probe("x", 1), pixel_format=clip.pixel_format, hdr_metadata=("HDR10+",)
    )
    assert losses(clip, encode) == (
        "The Dolby Vision metadata of the source is not in the encode.",
    )


def test_nothing_is_told_of_an_encode_whose_pictures_are_not_known() -> None:
    clip = replace(factories.source(), pixel_format=pixel_format("yuva444p"))
    assert losses(clip, factories.probe("x", 1)) == ()


@pytest.mark.parametrize("source_kbps", [None, 500.0, 900.0])
def test_an_encode_that_is_not_larger_than_its_source_is_not_told(
    source_kbps: float | None,
) -> None:
    assert larger_than_source("The encode", 500.0, source_kbps) is None


def test_an_encode_that_is_larger_than_its_source_is_told_with_both_bitrates() -> None:
    assert larger_than_source("The encode", 23636.4, 4100.2) == (
        "The encode is larger than the source: 23,637 kb/s, where the source's video has 4,101 "
        "kb/s."
    )
