from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmafx_tune.errors import FormatMismatchError, UsageError
from vmafx_tune.media.frames import Plane
from vmafx_tune.scoring.libvmaf.handles import PictureFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

EIGHT_BIT = PictureFormat.of(6, 4, "yuv420p")
TEN_BIT = PictureFormat.of(6, 4, "yuv420p10le")


def planes_of(layout: PictureFormat) -> list[NDArray[Any]]:
    dtype = np.uint8 if layout.sample_bytes == 1 else np.uint16
    size = np.prod(layout.plane_shapes, axis=1)
    return [
        np.arange(n, dtype=dtype).reshape(shape)
        for n, shape in zip(size, layout.plane_shapes, strict=True)
    ]


@pytest.mark.parametrize(
    ("pix_fmt", "chroma", "frame_bytes"),
    [
        ("yuv420p", (2, 4), 7 * 3 + 2 * 2 * 4),
        ("yuv422p", (3, 4), 7 * 3 + 2 * 3 * 4),
        ("yuv444p", (3, 7), 7 * 3 * 3),
        ("yuv420p10le", (2, 4), 2 * (7 * 3 + 2 * 2 * 4)),
        ("yuv422p12le", (3, 4), 2 * (7 * 3 + 2 * 3 * 4)),
        ("yuv444p16le", (3, 7), 2 * 7 * 3 * 3),
    ],
)
def test_chroma_of_odd_sizes_is_rounded_up(
    pix_fmt: str, chroma: tuple[int, int], frame_bytes: int
) -> None:
    layout = PictureFormat.of(7, 3, pix_fmt)

    assert layout.plane_shapes == ((3, 7), chroma, chroma)
    assert layout.frame_bytes == frame_bytes


@pytest.mark.parametrize("pix_fmt", ["nv12", "yuv420p10be", "gray", "rgb24", ""])
def test_other_formats_are_refused_with_those_that_are_taken(pix_fmt: str) -> None:
    with pytest.raises(UsageError, match=r"Convert them to one of yuv420p, yuv420p10le"):
        PictureFormat.of(6, 4, pix_fmt)


@pytest.mark.parametrize("size", [(0, 4), (6, -1)])
def test_a_picture_has_a_size(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="not a valid frame size"):
        PictureFormat.of(*size, "yuv420p")


@pytest.mark.parametrize("layout", [EIGHT_BIT, TEN_BIT])
def test_a_packed_picture_is_cut_into_its_planes(layout: PictureFormat) -> None:
    planes = planes_of(layout)
    packed = b"".join(plane.tobytes() for plane in planes)

    rows = layout.rows(layout.split(packed), "reference")

    assert [row.tobytes() for row in rows] == [plane.tobytes() for plane in planes]


def test_a_packed_picture_of_another_length_is_refused() -> None:
    with pytest.raises(FormatMismatchError, match="35 bytes, but 6x4 4:2:0 8-bit needs 36"):
        EIGHT_BIT.split(bytes(35))


@pytest.mark.parametrize("layout", [EIGHT_BIT, TEN_BIT])
def test_arrays_are_seen_and_not_copied(layout: PictureFormat) -> None:
    planes = planes_of(layout)

    rows = layout.rows(planes, "reference")

    assert all(np.shares_memory(row, plane) for row, plane in zip(rows, planes, strict=True))
    assert [row.tobytes() for row in rows] == [plane.tobytes() for plane in planes]


@settings(deadline=None)
@given(padding=st.integers(0, 40), step=st.sampled_from([1, 2, 3, -1]))
def test_any_distance_between_rows_and_samples_is_followed(padding: int, step: int) -> None:
    wide = np.random.default_rng(1).integers(0, 255, (8, 40 + padding), np.uint8)
    luma = wide[::2, : 6 * abs(step)][:, ::step][:4, :6]
    planes = [luma, *planes_of(EIGHT_BIT)[1:]]

    assert EIGHT_BIT.rows(planes, "reference")[0].tobytes() == luma.tobytes()


def test_decoded_planes_are_read_through_their_pointers() -> None:
    padded = np.arange(4 * 32, dtype=np.uint8).reshape(4, 32)
    luma = Plane(padded.ctypes.data, stride_bytes=32, width=6, height=4)

    rows = EIGHT_BIT.rows([luma, *planes_of(EIGHT_BIT)[1:]], "reference")

    assert rows[0].tobytes() == padded[:, :6].tobytes()


def test_read_only_buffers_are_taken() -> None:
    planes = [memoryview(plane.tobytes()) for plane in planes_of(TEN_BIT)]

    assert TEN_BIT.rows(planes, "reference")[0].shape == (4, 12)


def test_a_missing_plane_is_an_error() -> None:
    with pytest.raises(FormatMismatchError, match="The distorted has 2 planes"):
        EIGHT_BIT.rows(planes_of(EIGHT_BIT)[:2], "distorted")


def test_a_plane_of_another_shape_is_an_error_that_names_it() -> None:
    planes = planes_of(EIGHT_BIT)
    planes[1] = np.zeros((2, 2), np.uint8)

    with pytest.raises(
        FormatMismatchError, match="Plane 1 of the distorted has 2x2 samples, but 3x2"
    ):
        EIGHT_BIT.rows(planes, "distorted")


def test_a_decoded_plane_of_another_shape_is_an_error() -> None:
    memory = np.zeros(64, np.uint8)
    small = Plane(memory.ctypes.data, stride_bytes=8, width=5, height=4)

    with pytest.raises(FormatMismatchError, match="Plane 0 of the reference has 5x4 samples"):
        EIGHT_BIT.rows([small, *planes_of(EIGHT_BIT)[1:]], "reference")


@pytest.mark.parametrize(
    ("layout", "dtype"), [(EIGHT_BIT, np.uint16), (TEN_BIT, np.uint8), (TEN_BIT, np.float32)]
)
def test_samples_of_another_type_are_an_error(layout: PictureFormat, dtype: type[Any]) -> None:
    planes: list[NDArray[Any]] = [plane.astype(dtype) for plane in planes_of(layout)]

    with pytest.raises(FormatMismatchError, match="samples of type"):
        layout.rows(planes, "reference")


def test_a_buffer_of_another_length_is_an_error() -> None:
    planes = [bytes(24), bytes(6), bytes(5)]

    with pytest.raises(FormatMismatchError, match="Plane 2 of the reference has 5 bytes"):
        EIGHT_BIT.rows(planes, "reference")
