#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["av>=17.1", "numpy>=1.26"]
# ///
"""Draw the example clip: a ride past fields, hills and balloons, on film grain.

Everything is arithmetic on seeded noise, so the pictures are the same on every machine. They hold
what makes codecs differ: fine texture in motion, parallax, smooth gradients, sharp edges, occlusion
and grain.

    python examples/make_example_clip.py [OUTPUT.mp4]
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

WIDTH, HEIGHT = 640, 360
N_FRAMES = 108
FRAME_RATE = Fraction(24)
# Drawn larger and averaged down, so that edges are as soft as a lens makes them.
OVERSAMPLING = 2
HORIZON = 0.46
GRAIN = 0.005
X264_OPTIONS = {"crf": "17", "preset": "veryslow", "threads": "1", "x264-params": "aq-mode=1"}

SKY_TOP = np.array([0.24, 0.45, 0.74], np.float32)
SKY_LOW = np.array([0.96, 0.83, 0.66], np.float32)
HAZE = np.array([0.78, 0.76, 0.74], np.float32)
SUN = np.array([1.0, 0.87, 0.62], np.float32)
GRASS = np.array([0.27, 0.38, 0.13], np.float32)
STRAW = np.array([0.67, 0.56, 0.26], np.float32)
SOIL = np.array([0.34, 0.24, 0.16], np.float32)
ROCK = np.array([0.42, 0.44, 0.52], np.float32)
FOREST = np.array([0.10, 0.21, 0.12], np.float32)


@dataclass(frozen=True)
class Balloon:
    """A balloon in the sky; lengths are fractions of the picture's height."""

    x: float
    y: float
    radius: float
    speed: float
    colours: tuple[tuple[float, float, float], tuple[float, float, float]]


BALLOONS = (
    Balloon(0.30, 0.20, 0.105, 0.0030, ((0.80, 0.13, 0.12), (0.95, 0.88, 0.75))),
    Balloon(1.22, 0.31, 0.050, 0.0012, ((0.16, 0.28, 0.62), (0.96, 0.77, 0.18))),
    Balloon(0.86, 0.12, 0.034, 0.0008, ((0.92, 0.45, 0.10), (0.30, 0.13, 0.35))),
)


def fractal(size: int, slope: float, seed: int) -> Array:
    """Make a square of noise that tiles, with amplitudes falling as 1 / frequency ** slope.

    Returns:
        Values around 0 with a standard deviation of 1.
    """
    noise = np.random.default_rng(seed).standard_normal((size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    shaped = np.fft.irfft2(np.fft.rfft2(noise) / frequency**slope, s=noise.shape)
    scaled: Array = (shaped / shaped.std()).astype(np.float32)
    return scaled


def sample(texture: Array, x: Array, y: Array) -> Array:
    """Read a tiling texture at fractional places, bilinearly."""
    size = texture.shape[0]
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    x0, y0 = left.astype(np.int64) % size, top.astype(np.int64) % size
    x1, y1 = (x0 + 1) % size, (y0 + 1) % size
    upper = texture[y0, x0] * (1 - fx) + texture[y0, x1] * fx
    lower = texture[y1, x0] * (1 - fx) + texture[y1, x1] * fx
    mixed: Array = (upper * (1 - fy) + lower * fy).astype(np.float32)
    return mixed


def smooth_step(edge: float, width: float, values: Array) -> Array:
    """Go from 0 to 1 around `edge`, within `width`."""
    t = np.clip((values - edge) / width + 0.5, 0, 1)
    step: Array = (t * t * (3 - 2 * t)).astype(np.float32)
    return step


def blend(below: Array, above: Array, opacity: Array) -> Array:
    """Lay a picture over another."""
    return below + (above - below) * opacity[..., None]


class Scene:
    """The landscape, seen from a camera that rides past it."""

    def __init__(self) -> None:
        rows, columns = HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING
        # Both axes in picture heights, x from the left and y from the top.
        grid = (np.mgrid[:rows, :columns].astype(np.float32) + np.float32(0.5)) / np.float32(rows)
        self._level_y, self._x = grid
        self._y = self._level_y
        self._clouds = fractal(512, 1.7, seed=1)
        self._fine = fractal(1024, 0.9, seed=2)
        self._broad = fractal(512, 1.6, seed=3)
        self._leaves = fractal(512, 0.6, seed=4)

    def draw(self, index: int) -> Array:
        """Draw one frame.

        Returns:
            Red, green and blue in [0, 1], shape `(HEIGHT, WIDTH, 3)`.
        """
        ride = float(index)
        # The camera nods as it goes.
        self._y = self._level_y - np.float32(0.004 * math.sin(ride / 9))
        picture = self._sky(ride)
        for balloon in BALLOONS:
            picture = self._balloon(picture, balloon, ride)
        picture = self._ridge(picture, ride * 0.0009, HORIZON - 0.085, 0.05, ROCK, 0.62)
        picture = self._ridge(picture, ride * 0.0026, HORIZON - 0.022, 0.022, FOREST, 0.30)
        picture = self._ground(picture, ride)
        picture = self._hedge(picture, ride)
        shape = (HEIGHT, OVERSAMPLING, WIDTH, OVERSAMPLING, 3)
        small: Array = picture.reshape(shape).mean(axis=(1, 3), dtype=np.float32)
        return small

    def _sky(self, ride: float) -> Array:
        height = np.clip(self._y / HORIZON, 0, 1)
        sky = blend(
            np.broadcast_to(SKY_TOP, (*height.shape, 3)),
            np.broadcast_to(SKY_LOW, (*height.shape, 3)),
            height**2.2,
        )
        # Clouds lie flat, so they are squeezed towards the horizon.
        depth = 1 / (1.12 - height)
        clouds = sample(self._clouds, 70 * self._x * depth + ride * 0.35, 160 * depth)
        veil = smooth_step(0.55, 2.2, clouds) * (0.25 + 0.65 * height)
        sky = blend(sky, np.broadcast_to(np.float32(0.97), sky.shape), veil)
        distance = np.hypot(self._x - 1.35, (self._y - 0.36) * 1.1)
        glow = np.exp(-((distance / 0.28) ** 2)) * 0.8 + np.exp(-((distance / 0.035) ** 4))
        return blend(sky, np.broadcast_to(SUN, sky.shape), np.clip(glow, 0, 1).astype(np.float32))

    def _balloon(self, picture: Array, balloon: Balloon, ride: float) -> Array:
        x = self._x - balloon.x - balloon.speed * ride
        y = self._y - balloon.y - 0.008 * math.sin(ride / 17 + 40 * balloon.radius)
        # Below its middle, the envelope tapers to the basket.
        taper = np.where(y > 0, 1 + 0.55 * (y / balloon.radius) ** 2, 1)
        u, v = x * taper / balloon.radius, y / (1.18 * balloon.radius)
        inside = smooth_step(0.0, 0.05, 1 - np.hypot(u, v))
        across = np.clip(u / np.sqrt(np.maximum(1 - v * v, 1e-3)), -1, 1)
        stripe = smooth_step(0.0, 0.25, np.sin(np.arcsin(across) * 9))
        first, second = (np.array(colour, np.float32) for colour in balloon.colours)
        light = np.clip(0.72 + 0.38 * u - 0.22 * v, 0.25, 1.15)
        body = (first + (second - first) * stripe[..., None]) * light[..., None]
        picture = blend(picture, body, inside)
        basket = (
            np.maximum(np.abs(x) / 0.14, np.abs(y - 1.52 * balloon.radius) / 0.10) / balloon.radius
        )
        return blend(
            picture, np.broadcast_to(SOIL, picture.shape), smooth_step(0.0, 0.2, 1 - basket)
        )

    def _ridge(
        self,
        picture: Array,
        shift: float,
        level: float,
        roughness: float,
        colour: Array,
        haze: float,
    ) -> Array:
        x = self._x + shift
        skyline = level - roughness * sample(self._broad, 90 * x, np.full_like(x, 7 + 900 * level))
        skyline -= 0.15 * roughness * sample(self._fine, 300 * x, np.zeros_like(x))
        inside = smooth_step(0.0, 0.003, self._y - skyline)
        texture = sample(self._fine, 420 * x, 700 * self._y)
        slopes = sample(self._broad, 200 * x, 240 * self._y)
        lit = np.clip(0.9 + 0.16 * texture + 0.12 * slopes, 0.2, 1.7)
        return blend(picture, colour * lit[..., None] * (1 - haze) + HAZE * haze, inside)

    def _ground(self, picture: Array, ride: float) -> Array:
        below = np.maximum(self._y - HORIZON, np.float32(1e-3))
        depth = 0.22 / below
        east = (self._x - 0.9) * depth + 0.010 * ride
        north = depth + 0.008 * ride
        fields = sample(self._broad, 21 * east, 34 * north)
        blades = sample(self._fine, 150 * east, 150 * north)
        clods = sample(self._leaves, 420 * east, 420 * north)
        # Far away, a pixel covers so many blades that only their average is left.
        blades = blades * np.clip(1.6 / depth, 0, 1)
        clods = clods * np.clip(0.55 / depth, 0, 1) ** 2
        straw = smooth_step(0.25, 0.3, fields)
        colour = blend(
            np.broadcast_to(GRASS, picture.shape), np.broadcast_to(STRAW, picture.shape), straw
        )
        furrow = smooth_step(0.55, 0.5, np.sin(26 * east + 0.6 * fields)) * straw
        furrow *= np.clip(1.1 / depth, 0, 1)
        colour = blend(colour, np.broadcast_to(SOIL, picture.shape), 0.55 * furrow)
        lit = np.clip(0.92 + 0.08 * blades + 0.035 * clods + 0.10 * fields, 0.15, 1.8)
        haze = 1 - np.exp(-depth / 9)
        ground = colour * lit[..., None] * (1 - haze[..., None]) + HAZE * haze[..., None]
        return blend(picture, ground, smooth_step(0.0, 0.002, self._y - HORIZON))

    def _hedge(self, picture: Array, ride: float) -> Array:
        x = self._x + 0.012 * ride
        bushes = sample(self._broad, 60 * x, np.full_like(x, 300))
        twigs = sample(self._leaves, 210 * x, np.full_like(x, 40))
        top = 0.955 - 0.045 * bushes - 0.012 * twigs
        inside = smooth_step(0.0, 0.008, self._y - top)
        leaves = sample(self._leaves, 330 * x, 330 * self._y)
        clumps = sample(self._broad, 500 * x, 500 * self._y)
        lit = np.clip(1.0 + 0.16 * leaves + 0.25 * clumps - 3.0 * (self._y - top), 0.15, 2.4)
        return blend(picture, FOREST * lit[..., None], inside)


def to_yuv420(picture: Array, index: int) -> NDArray[np.uint8]:
    """Convert to BT.709 limited range and add grain.

    Returns:
        The planes below each other, as PyAV takes `yuv420p`: shape `(HEIGHT * 3 // 2, WIDTH)`.
    """
    red, green, blue = np.moveaxis(np.clip(picture, 0, 1), -1, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    generator = np.random.default_rng((99, index))
    grain = generator.standard_normal(luma.shape).astype(np.float32)
    # Film has clumps rather than single points, and least grain in black and white.
    grain = grain + 0.5 * (np.roll(grain, 1, axis=0) + np.roll(grain, 1, axis=1))
    noisy = luma + GRAIN * grain * (0.35 + 2.6 * luma * (1 - luma))
    planes = [16 + 219 * noisy]
    for difference in ((blue - luma) / 1.8556, (red - luma) / 1.5748):
        halved = difference.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3))
        planes.append(128 + 224 * halved)
    flat = np.concatenate([plane.ravel() for plane in planes])
    samples: NDArray[np.uint8] = np.rint(np.clip(flat, 16, 240)).astype(np.uint8)
    return samples.reshape(-1, WIDTH)


def frames() -> Iterator[av.VideoFrame]:
    """Draw all frames, in order."""
    scene = Scene()
    for index in range(N_FRAMES):
        frame = av.VideoFrame.from_ndarray(to_yuv420(scene.draw(index), index), format="yuv420p")
        frame.pts = index
        yield frame


def write(path: Path) -> None:
    """Encode the clip, near enough to lossless that it can stand for a source."""
    with av.open(path, "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=X264_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.color_range, stream.color_primaries = 1, 1
        stream.color_trc, stream.colorspace = 1, 1
        for frame in frames():
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("example.mp4"))
