"""Pictures drawn by arithmetic: the same bytes on every machine.

A scene is a function from a frame's number to its luma, in [0, 1]. `render` brings it to any
planar YUV format, so a test knows each sample of a lossless clip.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from av.video.format import VideoFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vmafx_tune.model import Resolution

    Luma = NDArray[np.float64]
    Scene = Callable[[int, Resolution], Luma]

__all__ = ["moving", "render", "static", "two_halves"]

_SEED = 20
_GRAIN = 0.02
_PAN_PIXELS = 2


def moving(index: int, size: Resolution) -> Luma:
    """Draw texture under a panning camera, with a disc that crosses it and film grain."""
    texture = _texture(size, _SEED)
    view = np.roll(texture, -_PAN_PIXELS * index, axis=1)
    rows, columns = np.mgrid[: size.height, : size.width]
    across = (7 * index + size.width // 4) % size.width
    disc = np.hypot(rows - size.height / 2, columns - across) < size.height / 5
    return _clip(np.where(disc, 0.85 - 0.3 * view, view) + _grain(index, size))


def static(index: int, size: Resolution) -> Luma:
    """Draw texture on which nothing moves, grain included."""
    return _clip(_texture(size, _SEED) + _grain(0, size))


def two_halves(cut: int) -> Scene:
    """Make a scene of two shots that have nothing in common.

    Args:
        cut: Number of the second shot's first frame.
    """

    def scene(index: int, size: Resolution) -> Luma:
        if index < cut:
            return moving(index, size)
        bright = 1.0 - 0.5 * _texture(size, _SEED + 1)[::-1]
        return _clip(np.roll(bright, 3 * index, axis=0) + _grain(index, size))

    return scene


def render(scene: Scene, index: int, size: Resolution, pix_fmt: str = "yuv420p") -> bytes:
    """Draw one frame as the bytes of a raw file.

    Args:
        scene: What to draw.
        index: Number of the frame.
        size: May be odd.
        pix_fmt: A planar YUV or grey format of 8 bits, or more in little-endian.
    """
    layout = VideoFormat(pix_fmt, size.width, size.height)
    luma = scene(index, size)
    planes = [_quantise(luma, layout.components[0].bits)]
    for number, part in enumerate(layout.components[1:]):
        planes.append(_quantise(_chroma(number, index, part.width, part.height), part.bits))
    return b"".join(planes)


def _quantise(samples: Luma, bits: int) -> bytes:
    # Limited range, as nearly all video has it.
    scale = 1 << (bits - 8)
    values = np.rint((16 + 219 * samples) * scale)
    return values.astype("u1" if bits <= 8 else "<u2").tobytes()


def _chroma(number: int, index: int, width: int, height: int) -> Luma:
    rows, columns = np.mgrid[:height, :width]
    wave = rows / height if number else columns / width
    swing: Luma = np.sin(2 * np.pi * wave + index / 8)
    return 0.5 + 0.25 * swing


@lru_cache(maxsize=16)
def _texture(size: Resolution, seed: int) -> Luma:
    noise = np.random.default_rng(seed).standard_normal((size.height, size.width))
    down = np.fft.fftfreq(size.height)[:, None]
    across = np.fft.rfftfreq(size.width)[None, :]
    # Natural pictures have amplitudes that fall with frequency.
    falloff = 1 / np.maximum(np.hypot(down, across), 1 / max(size.width, size.height))
    shaped = np.fft.irfft2(np.fft.rfft2(noise) * falloff, s=noise.shape)
    spread = float(np.ptp(shaped)) or 1.0
    picture = 0.1 + 0.8 * (shaped - float(shaped.min())) / spread
    picture.flags.writeable = False
    return picture


def _grain(index: int, size: Resolution) -> Luma:
    generator = np.random.default_rng((_SEED, index))
    return _GRAIN * generator.standard_normal((size.height, size.width))


def _clip(luma: Luma) -> Luma:
    return np.clip(luma, 0.0, 1.0)
