"""libvmaf's JSON log, as ffmpeg's filter and the `vmaf` tool write it."""

from __future__ import annotations

import json
import math
import re
from array import array
from itertools import repeat
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import ScoringError, ToolOutputError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.media.cleanup import written_bytes
from vmafx_tune.model import ScoreSet
from vmafx_tune.scoring.metrics import columns_of, metric_columns
from vmafx_tune.scoring.models import check_frame_score, features_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from vmafx_tune.model import Comparison, ScoreRequest

__all__ = ["FrameColumns", "FrameLog", "parse_frame_log", "read_frame_log", "version_name"]

_SCORE = "vmaf"
_GIT_HASH = re.compile(r"[0-9a-f]{7,40}")
_VERSION = re.compile(r"[\w.+-]{1,64}", re.ASCII)
# The most that libvmaf logs of a frame are some 2 kB.
_LOG_BYTES = 1 << 20
_FRAME_BYTES = 1 << 14
# Sums of a film's worth of these are finite.
_LARGEST = 1e300
_FRAMES = re.compile(r'"frames"\s*:\s*\[')
# Between two frames, or before the first or after the last one.
_GAP = re.compile(r"\s*,?\s*")
# A frame takes a thousandth of it.
_CHUNK_CHARS = 1 << 20


class FrameColumns:
    """Scores and features of frames as they come: eight bytes for each number.

    Attributes:
        scores: VMAF points.
    """

    def __init__(self) -> None:
        self.scores = array("d")
        self._features: dict[str, array[float]] = {}

    def add(self, score: float, features: Mapping[str, float]) -> None:
        """Take the next frame."""
        for name, value in features.items():
            column = self._features.setdefault(name, array("d"))
            _fill(column, len(self.scores))
            column.append(value)
        self.scores.append(score)

    def features(self) -> dict[str, array[float]]:
        """Return the values of each feature by its name, NaN for frames that have none."""
        for column in self._features.values():
            _fill(column, len(self.scores))
        return self._features


def _fill(column: array[float], n_frames: int) -> None:
    column.extend(repeat(math.nan, n_frames - len(column)))


@frozen
class FrameLog:
    """The contents of one log.

    Attributes:
        version: libvmaf's release, or `git-` and the commit where it was built from a checkout;
            empty where the log does not say.
        indices: Frame numbers of the clip, ascending.
        scores: VMAF points, as many as `indices`.
        features: Values of each elementary feature by its log name, each as many as `indices`; NaN
            where libvmaf gave none.
    """

    version: str
    indices: array[int]
    scores: array[float]
    features: Mapping[str, array[float]]

    def score_set(
        self,
        request: ScoreRequest,
        n_frames: int,
        backend: str,
        comparison: Comparison,
        filtered: Mapping[str, Sequence[float]] | None = None,
    ) -> ScoreSet:
        """Make a result of the log.

        Args:
            request: What was scored.
            n_frames: Frame pairs of the clips, before subsampling.
            backend: Name of the backend.
            comparison: What the clips were brought to.
            filtered: Values of each scored frame that filters computed, by the names of results.

        Raises:
            ToolOutputError: The log does not hold exactly the frames that were to be scored.
            ScoringError: A score is outside of the model's range, or a metric is missing.
        """
        if self.indices != array("q", range(0, n_frames, request.subsample)):
            raise ToolOutputError(
                f"libvmaf logged {counted(len(self.indices), 'frame')} up to number "
                f"{self.indices[-1]}, but should have scored one in {request.subsample} of "
                f"{counted(n_frames, 'frame')}."
            )
        for index, score in zip(self.indices, self.scores, strict=True):
            check_frame_score(request.model, index, score)
        beside = set(columns_of(request.metrics).values())
        names = features_of(request.model, self.features.keys() - beside)
        return ScoreSet(
            frames=self.scores,
            features={name: self.features[name] for name in names},
            n_frames=n_frames,
            model=request.model.name,
            backend=backend,
            backend_version=self.version,
            subsample=request.subsample,
            comparison=comparison,
            metrics=metric_columns(request.metrics, self.features) | dict(filtered or {}),
        )


def read_frame_log(path: Path, n_frames: int) -> FrameLog:
    """Read a JSON log that a tool was to write.

    Args:
        path: The file.
        n_frames: Frames of the longer clip, which bound its size.

    Raises:
        ToolOutputError: It is missing, not a regular file, or not such a log.
        ScoringError: A frame has no score, or one that is not finite.
    """
    size_bytes = written_bytes(path)
    if size_bytes is None:
        raise ToolOutputError("libvmaf did not write a log.")
    if size_bytes > _LOG_BYTES + _FRAME_BYTES * n_frames:
        raise ToolOutputError(f"The libvmaf log is far too large: {size_bytes} bytes.")
    with path.open(encoding="utf-8", errors="replace") as log:
        return parse_frame_log(log)


def parse_frame_log(file: TextIO) -> FrameLog:
    """Read a JSON log, a frame at a time: that of a film has a hundred megabytes.

    Args:
        file: The log, from its beginning.

    Returns:
        Its frames.

    Raises:
        ToolOutputError: It is not such a log, or is cut off.
        ScoringError: A frame has no score, or one that is not finite.
    """
    indices, columns = array("q"), FrameColumns()

    def take(frame: dict[str, Any]) -> None:
        index, metrics = int(frame["frameNum"]), frame["metrics"]
        score = _finite_score(index, metrics)
        values = {name: _number(value) for name, value in metrics.items() if name != _SCORE}
        indices.append(index)
        columns.add(score, values)

    try:
        version = str(_read_frames(file, take).get("version", ""))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ToolOutputError("The libvmaf log is invalid.") from error
    if not indices:
        raise ScoringError("libvmaf did not score any frame.")
    features = columns.features()
    return FrameLog(
        version=version_name(version),
        indices=indices,
        scores=columns.scores,
        features={name: features[name] for name in sorted(features)},
    )


def version_name(reported: str) -> str:
    """Name the version that libvmaf reports.

    Built from a checkout without tags, it reports a commit, in seven digits or more as git saw
    fit. That is `git-` and seven digits here, whichever backend asks.
    """
    if _GIT_HASH.fullmatch(reported):
        return f"git-{reported[:7]}"
    return reported if _VERSION.fullmatch(reported) else ""


def _read_frames(file: TextIO, take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Give each frame of a log to `take`, and return the log without its frames."""
    text = file.read(_CHUNK_CHARS)
    begin = _FRAMES.search(text)
    if begin is None:
        raise ValueError("there are no frames in it")
    at = begin.end()
    head = text[:at]
    decode = json.JSONDecoder().raw_decode
    while True:
        if len(text) - at < _CHUNK_CHARS // 2:
            text, at = text[at:] + file.read(_CHUNK_CHARS), 0
        at = _GAP.match(text, at).end()  # type: ignore[union-attr] # always
        if text.startswith("]", at):
            break
        frame, at = decode(text, at)
        take(frame)
    document: dict[str, Any] = json.loads(head + text[at:] + file.read(_CHUNK_CHARS))
    return document


def _finite_score(index: int, metrics: Mapping[str, Any]) -> float:
    score = _number(metrics.get(_SCORE))
    if not math.isfinite(score):
        raise ScoringError(f"libvmaf returned no usable score for frame {index}.")
    return score


def _number(value: object) -> float:
    usable = isinstance(value, int | float) and abs(value) <= _LARGEST
    return float(value) if usable else math.nan  # type: ignore[arg-type]
