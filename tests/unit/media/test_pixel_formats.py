from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.errors import UsageError
from vmafx_tune.media.pixel_formats import common_scoring_format, frame_size_bytes, pixel_format
from vmafx_tune.model import PixelFormat, Resolution


@pytest.mark.parametrize(
    ("name", "bit_depth", "chroma"),
    [
        ("yuv420p", 8, "420"),
        ("yuvj420p", 8, "420"),
        ("yuvj444p", 8, "444"),
        ("yuv422p10le", 10, "422"),
        ("yuv444p12be", 12, "444"),
        ("yuv420p14le", 14, "420"),
        ("yuv422p16le", 16, "422"),
        ("yuva420p10le", 10, "420"),
        ("nv12", 8, "420"),
        ("nv16", 8, "422"),
        ("p010le", 10, "420"),
        ("p416le", 16, "444"),
        ("yuyv422", 8, "422"),
        ("gray", 8, "400"),
        ("gray12le", 12, "400"),
        ("ya8", 8, "400"),
    ],
)
def test_a_format_is_described_by_its_depth_and_chroma(
    name: str, bit_depth: int, chroma: str
) -> None:
    alpha = name in {"yuva420p10le", "ya8"}
    assert pixel_format(name) == PixelFormat(name, bit_depth, chroma, alpha=alpha)


@pytest.mark.parametrize(
    ("name", "bit_depth"),
    [("gbrp", 8), ("gbrap12le", 12), ("rgb24", 8), ("pal8", 8), ("xyz12le", 12)],
)
def test_what_needs_a_matrix_to_have_luma_counts_as_rgb(name: str, bit_depth: int) -> None:
    assert pixel_format(name) == PixelFormat(
        name, bit_depth, "444", is_rgb=True, alpha=name == "gbrap12le"
    )


@pytest.mark.parametrize(
    ("name", "chroma"), [("yuv410p", "420"), ("yuv411p", "422"), ("yuv440p", "444")]
)
def test_rare_chroma_counts_as_the_coarsest_common_one_that_loses_nothing(
    name: str, chroma: str
) -> None:
    assert pixel_format(name).chroma == chroma


def test_an_unknown_format_is_a_usage_error_that_gives_examples() -> None:
    with pytest.raises(UsageError, match=r"Unknown pixel format 'yuv421p'.*yuv420p10le"):
        pixel_format("yuv421p")


def test_a_format_of_pictures_in_a_gpu_is_refused() -> None:
    with pytest.raises(UsageError, match="'cuda' is a hardware format"):
        pixel_format("cuda")


@pytest.mark.parametrize(
    ("reference", "distorted", "min_bit_depth", "expected"),
    [
        ("yuv420p", "yuv420p", 8, "yuv420p"),
        ("yuvj420p", "yuv420p", 8, "yuv420p"),
        ("yuv420p", "yuv420p10le", 8, "yuv420p10le"),
        ("yuv420p10le", "yuv420p", 8, "yuv420p10le"),
        ("yuv420p", "yuv420p", 10, "yuv420p10le"),
        ("yuv420p12le", "yuv420p", 10, "yuv420p12le"),
        ("yuv420p14le", "yuv420p", 8, "yuv420p16le"),
        ("yuv422p", "yuv420p", 8, "yuv422p"),
        ("yuv420p", "yuv444p", 8, "yuv420p"),
        ("gbrp", "yuv420p", 8, "yuv444p"),
        ("gray", "yuv420p", 8, "yuv420p"),
        ("yuv420p", "gray10le", 8, "yuv420p10le"),
        ("grayf32le", "yuv420p", 8, "yuv420p16le"),
        ("nv12", "p010le", 8, "yuv420p10le"),
    ],
)
def test_clips_are_compared_at_the_higher_depth_in_the_chroma_of_the_reference(
    reference: str, distorted: str, min_bit_depth: int, expected: str
) -> None:
    chosen = common_scoring_format(pixel_format(reference), pixel_format(distorted), min_bit_depth)

    assert chosen == expected


@given(
    depths=st.tuples(st.integers(1, 32), st.integers(1, 32), st.sampled_from([8, 10])),
    chroma=st.sampled_from(["400", "420", "422", "444"]),
)
def test_the_common_format_loses_no_precision_up_to_16_bits(
    depths: tuple[int, int, int], chroma: str
) -> None:
    reference = PixelFormat("reference", depths[0], chroma)
    distorted = PixelFormat("distorted", depths[1], "420")

    chosen = pixel_format(common_scoring_format(reference, distorted, depths[2]))

    assert chosen.bit_depth in {8, 10, 12, 16}
    assert chosen.bit_depth >= min(16, max(depths))


@pytest.mark.parametrize(
    ("name", "size", "n_bytes"),
    [
        ("yuv420p", Resolution(160, 90), 21600),
        ("yuv420p", Resolution(5, 3), 15 + 2 * 6),
        ("yuv422p", Resolution(5, 3), 15 + 2 * 9),
        ("yuv420p10le", Resolution(160, 90), 43200),
        ("nv12", Resolution(160, 90), 21600),
        ("p010le", Resolution(4, 2), 24),
        ("gray", Resolution(5, 3), 15),
        ("rgb24", Resolution(5, 3), 45),
        ("rgb0", Resolution(5, 3), 60),
        ("rgb565le", Resolution(5, 3), 30),
        ("yuyv422", Resolution(5, 3), 36),
        ("monow", Resolution(9, 3), 6),
        ("pal8", Resolution(5, 3), 15 + 1024),
    ],
)
def test_the_bytes_of_a_raw_frame_are_those_that_ffmpeg_writes(
    name: str, size: Resolution, n_bytes: int
) -> None:
    assert frame_size_bytes(name, size) == n_bytes
