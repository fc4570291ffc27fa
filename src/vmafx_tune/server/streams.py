"""Scoring pictures that arrive one pair after the other: what a stream says, and its session."""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import asdict
from typing import TYPE_CHECKING

from vmafx_tune.choices import PoolMethod
from vmafx_tune.errors import InvalidFrameError
from vmafx_tune.frozen import frozen
from vmafx_tune.server.scorer import Scored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmafx_tune.model import VmafModel
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.scoring.libvmaf.handles import PictureFormat
    from vmafx_tune.scoring.libvmaf.session import FrameScore as SessionScore
    from vmafx_tune.scoring.libvmaf.session import LibvmafScorer

__all__ = [
    "PIXEL_FORMATS",
    "Aggregate",
    "FramePair",
    "FrameScore",
    "FrameSession",
    "StreamConfig",
    "has_model",
    "picture_format",
    "stream_bytes",
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
# The pair that is scored and the next one, which grpc has three times while it hands it over.
_PAIRS_HELD = 6
# Motion looks one picture ahead, so the score of the last pair cannot be there yet.
_LOOK_AHEAD = 1
# For any model, and not yet 4K.
_LARGE_ENOUGH = 1080


@frozen
class StreamConfig:
    """What a client says of the pictures that it is going to send.

    Attributes:
        width: Luma samples per row.
        height: Luma rows.
        pix_fmt: One of `PIXEL_FORMATS`.
        model: Name of a VMAF model; empty for the default.
        frame_count_hint: How many pairs will come; 0 where that is not known.
        pool: Name of a `PoolMethod`, for the aggregate.
        subsample: Score every n-th pair, up to `MAX_SUBSAMPLE`. All pairs are sent all the same:
            motion is measured between neighbours.
    """

    width: int
    height: int
    pix_fmt: str
    model: str = ""
    frame_count_hint: int = 0
    pool: str = PoolMethod.MEAN
    subsample: int = 1


@frozen
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


@frozen
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


@frozen
class Aggregate(Scored):
    """The scores of a whole stream, as those of two files, and how it went.

    Attributes:
        frames_processed: Pairs scored.
        elapsed_ms: From the stream's admission to its last score.
    """

    frames_processed: int = 0
    elapsed_ms: float = 0.0


def picture_format(
    config: StreamConfig, max_pair_bytes: int, max_pixels: int = _MAX_SIDE**2
) -> PictureFormat:
    """Check what a client says of its pictures.

    Args:
        config: What it says.
        max_pair_bytes: Largest pair that is taken.
        max_pixels: Largest picture that is taken.

    Raises:
        InvalidFrameError: There are no such pictures, or they are too large.
    """
    from vmafx_tune.scoring.libvmaf.handles import PictureFormat

    if config.pix_fmt not in PIXEL_FORMATS:
        raise InvalidFrameError(
            f"'{config.pix_fmt}' is not a pixel format that this server accepts. Send one of "
            f"{', '.join(PIXEL_FORMATS)}."
        )
    if not (1 <= config.width <= _MAX_SIDE and 1 <= config.height <= _MAX_SIDE):
        raise InvalidFrameError(
            f"{config.width}x{config.height} is not a picture size that this server accepts: each "
            f"side is from 1 to {_MAX_SIDE}."
        )
    if config.width * config.height > max_pixels:
        raise InvalidFrameError(
            f"Pictures of {config.width}x{config.height} were announced, and this server takes "
            f"{max_pixels} pixels. Send smaller pictures."
        )
    layout = PictureFormat.of(config.width, config.height, config.pix_fmt)
    if 2 * layout.frame_bytes > max_pair_bytes:
        raise InvalidFrameError(
            f"A pair of pictures of {layout} has {2 * layout.frame_bytes} bytes, and this server "
            f"takes {max_pair_bytes}. Send smaller pictures."
        )
    return layout


def stream_bytes(layout: PictureFormat, threads: int) -> int:
    """Estimate the memory that a stream takes.

    Args:
        layout: Its pictures.
        threads: Threads of libvmaf, each of which has a pair, and planes for every feature.
    """
    from vmafx_tune.cpus import BYTES_PER_PIXEL

    pairs = 2 * layout.frame_bytes * (_PAIRS_HELD + threads)
    return pairs + threads * BYTES_PER_PIXEL * layout.width * layout.height


class FrameSession:
    """Scores the pairs of one stream. Its methods block; one thread at a time may call them.

    Args:
        config: What the client said of its pictures.
        layout: Their geometry.
        scoring: Model, pooling and subsampling.
        cpus: Processors that the stream may fill.

    Raises:
        InvalidFrameError: The model does not take such pictures.
        ScoringError: They are too small for it, or libvmaf cannot be used.
    """

    def __init__(
        self, config: StreamConfig, layout: PictureFormat, scoring: ScoringOptions, cpus: int
    ) -> None:
        self._hint = config.frame_count_hint
        self._layout = layout
        self._started = time.monotonic()
        self._scoring = scoring
        self._scorer = _open_scorer(config, layout, scoring, cpus)
        self._scores = array("d")
        self._features = _Means()

    @property
    def behind(self) -> bool:
        """Whether a score is due that needs no further picture."""
        due = len(self._scores) * self._scoring.subsample
        return self._scorer.n_fed - due > _LOOK_AHEAD

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
        return self._reported(self._scorer.feed(split(pair.reference), split(pair.distorted)))

    def poll(self) -> list[FrameScore]:
        """Return the scores that have become available meanwhile."""
        return self._reported(self._scorer.poll())

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
        return self._reported(self._scorer.finish())

    def aggregate(self) -> Aggregate:
        """Sum the stream up, after `finish`."""
        from vmafx_tune.scoring.models import model_version
        from vmafx_tune.scoring.pooling import pool_scores, summarize

        elapsed_ms = (time.monotonic() - self._started) * 1000
        scorer, pool = self._scorer, self._scoring.pool
        return Aggregate(
            score=pool_scores(self._scores, pool),
            features=self._features.result(),
            model=scorer.model.name,
            model_version=model_version(scorer.model),
            backend="libvmaf",
            backend_version=scorer.version,
            n_frames=scorer.n_fed,
            pool=pool,
            subsample=self._scoring.subsample,
            pooled=asdict(summarize(self._scores)),
            frames_processed=len(self._scores),
            elapsed_ms=elapsed_ms,
        )

    def close(self) -> None:
        """Free everything; pairs that are being scored are waited for."""
        self._scorer.close()

    def _reported(self, frames: Iterable[SessionScore]) -> list[FrameScore]:
        scored = [
            FrameScore(
                frame.index,
                frame.vmaf,
                {name: value for name, value in frame.features.items() if math.isfinite(value)},
            )
            for frame in frames
        ]
        for frame in scored:
            self._scores.append(frame.score)
            self._features.add(frame.features)
        return scored


class _Means:
    """Running sums of features, so that memory grows by no more than a score for each pair."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, features: Mapping[str, float]) -> None:
        for name, value in features.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, count + 1)

    def result(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self._sums.items()}


def has_model(config: StreamConfig, name: str) -> bool:
    """Whether a stream can be scored with a built-in model or what an alias stands for."""
    from vmafx_tune.errors import ModelNotFoundError
    from vmafx_tune.model import Resolution
    from vmafx_tune.scoring.libvmaf.handles import open_model
    from vmafx_tune.scoring.libvmaf.library import load_libvmaf
    from vmafx_tune.scoring.models import resolve_model

    # That pictures are too small for a model is reported by itself.
    size = Resolution(max(config.width, _LARGE_ENOUGH), max(config.height, _LARGE_ENOUGH))
    try:
        with open_model(load_libvmaf(), resolve_model(name, size, ())):
            return True
    except ModelNotFoundError:
        return False


def _open_scorer(
    config: StreamConfig, layout: PictureFormat, scoring: ScoringOptions, cpus: int
) -> LibvmafScorer:
    from vmafx_tune.cpus import default_threads
    from vmafx_tune.model import Resolution
    from vmafx_tune.scoring.alignment import EncodeFacts
    from vmafx_tune.scoring.libvmaf.session import LibvmafScorer
    from vmafx_tune.scoring.models import resolve_model

    size = Resolution(config.width, config.height)
    model = resolve_model(scoring.model, size, ())
    _check_depth(model, layout)
    facts = EncodeFacts(size.width, size.height, layout.bit_depth)
    return LibvmafScorer.open(
        size.width,
        size.height,
        config.pix_fmt,
        model=model,
        threads=default_threads(size, layout.bit_depth, cpus),
        subsample=scoring.subsample,
        facts=facts if model.wants_encode_facts else None,
    )


def _check_depth(model: VmafModel, layout: PictureFormat) -> None:
    if layout.bit_depth < model.min_bit_depth:
        raise InvalidFrameError(
            f"The model {model.name} needs pictures of at least {model.min_bit_depth} bits, and "
            f"these have {layout.bit_depth}. Convert them, or take another model."
        )
