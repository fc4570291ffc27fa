"""Scoring pictures that arrive one pair after the other: what a stream says, and its session."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.errors import InvalidFrameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmafx_tune.model import VmafModel
    from vmafx_tune.scoring.libvmaf.pictures import PictureFormat
    from vmafx_tune.scoring.libvmaf.session import FrameScore as SessionScore
    from vmafx_tune.scoring.libvmaf.session import LibvmafScorer

__all__ = [
    "PIXEL_FORMATS",
    "Aggregate",
    "FramePair",
    "FrameScore",
    "FrameSession",
    "StreamConfig",
    "picture_format",
]

PIXEL_FORMATS = (
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p10le",
)
"""What a stream's pictures may be, in ffmpeg's words."""

_MAX_SIDE = 16384
# Motion looks one picture ahead, so the score of the last pair cannot be there yet.
_LOOK_AHEAD = 1


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What a client says of the pictures that it is going to send.

    Attributes:
        width: Luma samples per row.
        height: Luma rows.
        pix_fmt: One of `PIXEL_FORMATS`.
        model: Name of a VMAF model; empty for the default.
        frame_count_hint: How many pairs will come; 0 where that is not known.
    """

    width: int
    height: int
    pix_fmt: str
    model: str = ""
    frame_count_hint: int = 0


@dataclass(frozen=True, slots=True)
class FramePair:
    """A pair of pictures, each with its planes Y, U and V one after the other without padding.

    Attributes:
        index: Number of the pair, from 0 and rising by one.
        reference: The picture as it should look.
        distorted: The picture to judge.
    """

    index: int
    reference: bytes
    distorted: bytes


@dataclass(frozen=True, slots=True)
class FrameScore:
    """The score of a pair.

    Attributes:
        index: Number of the pair.
        score: VMAF points.
        features: Elementary features by name, those that libvmaf has a value for.
    """

    index: int
    score: float
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The scores of a whole stream.

    Attributes:
        frames_processed: Pairs scored.
        score: Mean of their scores, in VMAF points.
        features: Mean of each feature.
        elapsed_ms: From the stream's admission to its last score.
    """

    frames_processed: int
    score: float
    features: Mapping[str, float]
    elapsed_ms: float


def picture_format(config: StreamConfig, max_pair_bytes: int) -> PictureFormat:
    """Check what a client says of its pictures.

    Args:
        config: What it says.
        max_pair_bytes: Largest pair that is taken.

    Raises:
        InvalidFrameError: There are no such pictures, or they are too large.
    """
    from vmafx_tune.scoring.libvmaf.pictures import PictureFormat

    if config.pix_fmt not in PIXEL_FORMATS:
        raise InvalidFrameError(
            f"'{config.pix_fmt}' is no pixel format that this server takes. Send one of "
            f"{', '.join(PIXEL_FORMATS)}."
        )
    if not (1 <= config.width <= _MAX_SIDE and 1 <= config.height <= _MAX_SIDE):
        raise InvalidFrameError(
            f"{config.width}x{config.height} is no picture size that this server takes: each side "
            f"is from 1 to {_MAX_SIDE}."
        )
    layout = PictureFormat.of(config.width, config.height, config.pix_fmt)
    if 2 * layout.frame_bytes > max_pair_bytes:
        raise InvalidFrameError(
            f"A pair of pictures of {layout} has {2 * layout.frame_bytes} bytes, and this server "
            f"takes {max_pair_bytes}. Send smaller pictures."
        )
    return layout


class FrameSession:
    """Scores the pairs of one stream. Its methods block; one thread at a time may call them.

    Args:
        config: What the client said of its pictures.
        layout: Their geometry.
        model: A built-in model's name, an alias, or the path of a model; empty for the default.
        cpus: Processors that the stream may fill.

    Raises:
        InvalidFrameError: The model does not take such pictures.
        ScoringError: They are too small for it, or libvmaf cannot be used.
    """

    def __init__(self, config: StreamConfig, layout: PictureFormat, model: str, cpus: int) -> None:
        self._hint = config.frame_count_hint
        self._layout = layout
        self._started = time.monotonic()
        self._scorer = _open_scorer(config, layout, model, cpus)
        self._means = _Means()

    @property
    def behind(self) -> bool:
        """Whether a score is due that needs no further picture."""
        return self._scorer.n_fed - self._means.count > _LOOK_AHEAD

    def feed(self, pair: FramePair) -> list[FrameScore]:
        """Take the next pair; returns the scores that have become available.

        Raises:
            InvalidFrameError: Its number is not the next one, or its pictures are not of the size
                that was announced.
            LibvmafCallError: libvmaf failed.
        """
        if pair.index != self._scorer.n_fed:
            raise InvalidFrameError(
                f"The frame index {pair.index} came where {self._scorer.n_fed} was expected: it "
                "starts at 0 and rises by one."
            )
        for role, picture in (("reference", pair.reference), ("distorted", pair.distorted)):
            if len(picture) != self._layout.frame_bytes:
                raise InvalidFrameError(
                    f"The {role} picture of frame {pair.index} has {len(picture)} bytes, where "
                    f"{self._layout} takes {self._layout.frame_bytes}: the planes Y, U and V one "
                    "after the other, without padding."
                )
        split = self._layout.split
        return self._told(self._scorer.feed(split(pair.reference), split(pair.distorted)))

    def poll(self) -> list[FrameScore]:
        """Return the scores that have become available meanwhile."""
        return self._told(self._scorer.poll())

    def finish(self) -> list[FrameScore]:
        """Return the last scores; no more pairs can be fed.

        Raises:
            InvalidFrameError: No pair came at all, or not as many as were announced.
            LibvmafCallError: libvmaf failed.
        """
        n_fed = self._scorer.n_fed
        if not n_fed:
            raise InvalidFrameError("The stream ended without a pair of pictures. Send one.")
        if self._hint and n_fed != self._hint:
            raise InvalidFrameError(
                f"The stream ended after {n_fed} pairs of pictures, where {self._hint} were "
                "announced. Send them all, or announce 0 where their number is not known."
            )
        return self._told(self._scorer.finish())

    def aggregate(self) -> Aggregate:
        """Sum the stream up, after `finish`."""
        elapsed_ms = (time.monotonic() - self._started) * 1000
        score, features = self._means.result()
        return Aggregate(self._means.count, score, features, elapsed_ms)

    def close(self) -> None:
        """Free everything; pairs that are being scored are waited for."""
        self._scorer.close()

    def _told(self, frames: Iterable[SessionScore]) -> list[FrameScore]:
        told = [
            FrameScore(
                frame.index,
                frame.vmaf,
                {name: value for name, value in frame.features.items() if math.isfinite(value)},
            )
            for frame in frames
        ]
        for frame in told:
            self._means.add(frame)
        return told


class _Means:
    """Running sums, so that memory does not grow with the stream."""

    def __init__(self) -> None:
        self.count = 0
        self._score = 0.0
        self._features: dict[str, tuple[float, int]] = {}

    def add(self, frame: FrameScore) -> None:
        self.count += 1
        self._score += frame.score
        for name, value in frame.features.items():
            total, count = self._features.get(name, (0.0, 0))
            self._features[name] = (total + value, count + 1)

    def result(self) -> tuple[float, dict[str, float]]:
        means = {name: total / count for name, (total, count) in self._features.items()}
        return self._score / self.count, means


def _open_scorer(
    config: StreamConfig, layout: PictureFormat, name: str, cpus: int
) -> LibvmafScorer:
    from vmafx_tune.model import Resolution
    from vmafx_tune.scoring.alignment import EncodeFacts
    from vmafx_tune.scoring.libvmaf.session import LibvmafScorer
    from vmafx_tune.scoring.models import resolve_model
    from vmafx_tune.scoring.threads import default_threads

    size = Resolution(config.width, config.height)
    model = resolve_model(name or None, size, ())
    _check_depth(model, layout)
    facts = EncodeFacts(size.width, size.height, layout.bit_depth)
    return LibvmafScorer.open(
        size.width,
        size.height,
        config.pix_fmt,
        model=model,
        threads=default_threads(size, layout.bit_depth, cpus),
        facts=facts if model.wants_encode_facts else None,
    )


def _check_depth(model: VmafModel, layout: PictureFormat) -> None:
    if layout.bit_depth < model.min_bit_depth:
        raise InvalidFrameError(
            f"The model {model.name} needs pictures of at least {model.min_bit_depth} bits, and "
            f"these have {layout.bit_depth}. Convert them, or take another model."
        )
