"""libvmaf's JSON log, as ffmpeg's filter and the `vmaf` tool write it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import ScoringError, ToolOutputError
from vmafx_tune.formatting import counted
from vmafx_tune.model import ScoreSet
from vmafx_tune.scoring.models import check_score, features_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.model import Comparison, ScoreRequest

__all__ = ["FrameLog", "parse_frame_log", "version_name"]

_SCORE = "vmaf"
_GIT_HASH = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class FrameLog:
    """What one log says.

    Attributes:
        version: libvmaf's release, or `git-` and the commit where it was built from a checkout;
            empty where the log does not tell.
        indices: Frame numbers of the clip, ascending.
        scores: VMAF points, as many as `indices`.
        features: Values of each elementary feature by its log name, each as many as `indices`; NaN
            where libvmaf gave none.
    """

    version: str
    indices: tuple[int, ...]
    scores: tuple[float, ...]
    features: Mapping[str, tuple[float, ...]]

    def score_set(
        self, request: ScoreRequest, n_frames: int, backend: str, comparison: Comparison
    ) -> ScoreSet:
        """Make a result of the log.

        Args:
            request: What was scored.
            n_frames: Frame pairs of the clips, before subsampling.
            backend: Name of the backend.
            comparison: What the clips were brought to.

        Raises:
            ToolOutputError: The log does not hold exactly the frames that were to be scored.
            ScoringError: A score is outside of the model's range.
        """
        if self.indices != tuple(range(0, n_frames, request.subsample)):
            raise ToolOutputError(
                f"libvmaf logged {counted(len(self.indices), 'frame')} up to number "
                f"{self.indices[-1]}, where one in {request.subsample} of "
                f"{counted(n_frames, 'frame')} was to be scored."
            )
        pairs = zip(self.indices, self.scores, strict=True)
        names = features_of(request.model, self.features)
        return ScoreSet(
            frames=tuple(check_score(request.model, index, score) for index, score in pairs),
            features={name: self.features[name] for name in names},
            n_frames=n_frames,
            model=request.model.name,
            backend=backend,
            backend_version=self.version,
            subsample=request.subsample,
            comparison=comparison,
        )


def parse_frame_log(text: str) -> FrameLog:
    """Read a JSON log.

    Args:
        text: The whole file.

    Returns:
        Its frames.

    Raises:
        ToolOutputError: It is not such a log, or is cut off.
        ScoringError: A frame has no score, or one that is not finite.
    """
    try:
        document = json.loads(text)
        frames = document["frames"]
        metrics = [frame["metrics"] for frame in frames]
        indices = tuple(int(frame["frameNum"]) for frame in frames)
        version = str(document.get("version", ""))
        names = {name for values in metrics for name in values}
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ToolOutputError("The log of libvmaf cannot be understood.") from error
    if not frames:
        raise ScoringError("libvmaf scored no frame at all.")
    return FrameLog(
        version=version_name(version),
        indices=indices,
        scores=tuple(map(_finite_score, indices, metrics)),
        features={
            name: tuple(_number(values.get(name)) for values in metrics)
            for name in sorted(names - {_SCORE})
        },
    )


def version_name(told: str) -> str:
    """Name the version that libvmaf reports.

    Built from a checkout without tags, it reports a commit, in seven digits or more as git saw
    fit. That is `git-` and seven digits here, whichever backend asks.
    """
    return f"git-{told[:7]}" if _GIT_HASH.fullmatch(told) else told


def _finite_score(index: int, metrics: Mapping[str, Any]) -> float:
    score = _number(metrics.get(_SCORE))
    if not math.isfinite(score):
        raise ScoringError(f"libvmaf gave no finite score for frame {index}.")
    return score


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
