"""Clips of one scene in any colours, written sample by sample, and what their luma is elsewhere.

Nothing here goes through ffmpeg's scaler: samples are computed with numpy, written as FFV1 by PyAV,
and converted with the formulas of ITU-R BT.601, BT.709 and BT.2020.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from vmafx_tune.media.frames import open_frames
from vmafx_tune.scoring.alignment import conversion

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vmafx_tune.media.frames import Plane
    from vmafx_tune.model import Comparison, Source
    from vmafx_tune.scoring.alignment import ScoringPlan

__all__ = ["ALL_SPECS", "HEIGHT", "WIDTH", "ColourSpec", "luma_in", "luma_of", "write_clip"]

WIDTH, HEIGHT = 96, 64
_FRAMES = 2
_WEIGHTS = {"smpte170m": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}
_SPACES = {None: 2, "bt709": 1, "smpte170m": 6, "bt2020nc": 9}
_RANGES = {None: 0, "tv": 1, "pc": 2}
# What is written where nothing is said.
_ASSUMED_RANGE, _ASSUMED_MATRIX = "tv", "smpte170m"


@dataclass(frozen=True, slots=True)
class ColourSpec:
    """How a clip stores the scene, and what it says of that."""

    pix_fmt: str
    range: str | None = None
    matrix: str | None = None

    def __str__(self) -> str:
        return f"{self.pix_fmt}-{self.range}-{self.matrix}"

    @property
    def depth(self) -> int:
        return av.VideoFormat(self.pix_fmt, 8, 8).components[0].bits

    @property
    def is_grey(self) -> bool:
        return self.pix_fmt.startswith("gray")

    @property
    def is_rgb(self) -> bool:
        return self.pix_fmt in {"bgr0", "gbrp", "gbrp10le"}


def _all_specs() -> tuple[ColourSpec, ...]:
    grey = (ColourSpec(name, side) for name in ("gray", "gray16le") for side in ("tv", "pc", None))
    # FFV1 has no rgb24; bgr0 holds the same samples.
    rgb = (ColourSpec(name) for name in ("bgr0", "gbrp10le"))
    yuv = (
        ColourSpec(f"yuv{chroma}p{depth}", side, matrix)
        for chroma in ("420", "422", "444")
        for depth in ("", "10le", "12le")
        for side in ("tv", "pc")
        for matrix in ("smpte170m", "bt709", "bt2020nc", None)
    )
    return (*grey, *rgb, *yuv)


ALL_SPECS = _all_specs()


def write_clip(spec: ColourSpec, path: Path) -> None:
    """Write the scene as `spec` has it, to a Matroska file with FFV1."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, spec.pix_fmt
        context = stream.codec_context
        if not spec.is_rgb:
            context.color_range = _RANGES[spec.range]
            context.colorspace = _SPACES[spec.matrix]
        for index in range(_FRAMES):
            frame = av.VideoFrame(WIDTH, HEIGHT, spec.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            if not spec.is_rgb:
                frame.color_range, frame.colorspace = context.color_range, context.colorspace
            for plane, samples in zip(frame.planes, _planes(spec, index), strict=True):
                rows = np.zeros((plane.height, plane.line_size), np.uint8)
                packed = samples.view(np.uint8).reshape(plane.height, -1)
                rows[:, : packed.shape[1]] = packed
                plane.update(rows.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def luma_of(source: Source, plan: ScoringPlan) -> list[NDArray[np.float64]]:
    """Decode a clip in memory and return the luma of its frames as a comparison has it."""
    with open_frames(source, filters=conversion(source, plan)) as frames:
        return [_copied(frame.planes[0], frame.sample_bytes) for frame in frames]


def _copied(plane: Plane, sample_bytes: int) -> NDArray[np.float64]:
    starts = (plane.pointer + row * plane.stride_bytes for row in range(plane.height))
    data = b"".join(ctypes.string_at(start, plane.width * sample_bytes) for start in starts)
    kind = "u1" if sample_bytes == 1 else "<u2"
    return np.frombuffer(data, kind).reshape(plane.height, plane.width).astype(np.float64)


def luma_in(spec: ColourSpec, wanted: Comparison, index: int) -> NDArray[np.float64]:
    """Compute the luma of a clip's frame as a comparison has it, in its code values."""
    side, matrix = spec.range or wanted.range, spec.matrix or wanted.matrix
    planes = [plane.astype(np.float64) for plane in _planes(spec, index)]
    if spec.is_rgb:
        if spec.pix_fmt == "bgr0":
            packed = planes[0].reshape(HEIGHT, WIDTH, 4)
            blue, green, red = (packed[..., i] / 255 for i in range(3))
        else:
            green, blue, red = (plane / (2**spec.depth - 1) for plane in planes)
        return _quantised(_luma(red, green, blue, wanted.matrix), wanted)
    if spec.is_grey or matrix == wanted.matrix:
        if side == wanted.range is None:
            return planes[0] * 2.0 ** (_depth(wanted) - spec.depth)
        return _quantised(_level(planes[0], spec.depth, side), wanted)
    luma = _level(planes[0], spec.depth, side)
    cb, cr = (
        _enlarged(_difference(plane.reshape(-1, plane.shape[-1]), spec.depth, side))
        for plane in planes[1:]
    )
    kr, kb = _WEIGHTS[matrix or ""]
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return _quantised(_luma(red, green, blue, wanted.matrix), wanted)


def _depth(wanted: Comparison) -> int:
    return av.VideoFormat(wanted.pix_fmt, 8, 8).components[0].bits


def _scene(index: int) -> tuple[NDArray[np.float64], ...]:
    """Colours that no matrix takes out of the unit cube, and texture to compare."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    grain = np.random.default_rng(index).uniform(-0.1, 0.1, (HEIGHT, WIDTH))
    red = 0.3 + 0.4 * x / WIDTH + grain
    green = 0.5 + 0.2 * np.sin((x + 3 * index) / 9) * np.cos(y / 7) + grain
    blue = 0.7 - 0.4 * y / HEIGHT + grain
    return red, green, blue


def _planes(spec: ColourSpec, index: int) -> list[NDArray[np.uint8 | np.uint16]]:
    red, green, blue = _scene(index)
    kind = np.dtype("u1" if spec.depth <= 8 else "<u2")
    top = 2**spec.depth - 1
    if spec.is_rgb:
        codes = [np.round(part * top).astype(kind) for part in (green, blue, red)]
        if spec.pix_fmt != "bgr0":
            return codes
        packed = np.stack([codes[1], codes[0], codes[2], np.zeros_like(codes[0])], axis=-1)
        return [packed.reshape(HEIGHT, WIDTH * 4)]
    side, matrix = spec.range or _ASSUMED_RANGE, spec.matrix or _ASSUMED_MATRIX
    luma = _luma(red, green, blue, matrix)
    codes = [_codes(luma, spec.depth, side).astype(kind)]
    if spec.is_grey:
        return codes
    kr, kb = _WEIGHTS[matrix]
    for value, weight in ((blue, kb), (red, kr)):
        chroma = (value - luma) / (2 * (1 - weight))
        if "444" not in spec.pix_fmt:
            chroma = (chroma[:, ::2] + chroma[:, 1::2]) / 2
        if "420" in spec.pix_fmt:
            chroma = (chroma[::2] + chroma[1::2]) / 2
        scale = 224 * 2 ** (spec.depth - 8) if side == "tv" else top
        codes.append(np.round(chroma * scale + 2 ** (spec.depth - 1)).astype(kind))
    return codes


def _luma(
    red: NDArray[np.float64],
    green: NDArray[np.float64],
    blue: NDArray[np.float64],
    matrix: str | None,
) -> NDArray[np.float64]:
    kr, kb = _WEIGHTS[matrix or _ASSUMED_MATRIX]
    return kr * red + (1 - kr - kb) * green + kb * blue


def _codes(luma: NDArray[np.float64], depth: int, side: str) -> NDArray[np.float64]:
    top = 2.0**depth - 1
    scaled = luma * top if side == "pc" else (luma * 219 + 16) * 2.0 ** (depth - 8)
    codes: NDArray[np.float64] = np.clip(np.round(scaled), 0, top)
    return codes


def _quantised(luma: NDArray[np.float64], wanted: Comparison) -> NDArray[np.float64]:
    return _codes(luma, _depth(wanted), wanted.range or _ASSUMED_RANGE)


def _level(codes: NDArray[np.float64], depth: int, side: str | None) -> NDArray[np.float64]:
    if side == "pc":
        return codes / (2.0**depth - 1)
    return (codes / 2.0 ** (depth - 8) - 16) / 219


def _difference(codes: NDArray[np.float64], depth: int, side: str | None) -> NDArray[np.float64]:
    scale = 2.0**depth - 1 if side == "pc" else 224 * 2.0 ** (depth - 8)
    return (codes - 2.0 ** (depth - 1)) / scale


def _enlarged(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = HEIGHT // chroma.shape[0], WIDTH // chroma.shape[1]
    return chroma.repeat(rows, axis=0).repeat(columns, axis=1)
