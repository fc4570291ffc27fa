"""Rungs whose shots have settings of their own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vmafx_tune.encode.muxing import join_encodes
from vmafx_tune.encode.per_shot import checked_mode
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.model import PoolMethod
from vmafx_tune.options import EncodingOptions, ScoringOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.shots.run import ShotSearch, WholeScores, plan_shots

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmafx_tune.choices import PerShot
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.events import JobPlanned
    from vmafx_tune.model import Source
    from vmafx_tune.options import ShotOptions
    from vmafx_tune.package.plan import Rendition
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.sampling.parts import Segment
    from vmafx_tune.session import Session
    from vmafx_tune.shots.run import PerShotAnswer

__all__ = ["RungShots", "check_ladder"]


def check_ladder(ladder: LadderResult, how: ShotOptions) -> None:
    """Make sure that shots can be encoded as the rungs of a ladder were, if they are asked for.

    Raises:
        ToolNotFoundError: The extra `shots` is not installed.
        UsageError: There is no such mode, or the encoder's streams cannot be joined.
        InvalidLadderError: The ladder does not tell how it was encoded.
    """
    mode = checked_mode(how.per_shot, how.min_shot_s, None, row_of(ladder.encoder))
    if mode is not None and ladder.encoding is None:
        raise InvalidLadderError(
            f"The ladder of '{ladder.src}' does not tell its preset and encoder arguments, with "
            "which --per-shot encodes shots. Measure the source again with `vmafx-tune ladder`."
        )


class RungShots:
    """Searches the shots of one rung.

    Args:
        rendition: The rung.
        ladder: Where it is from; `check_ladder` has passed it.
        source: As probed, behind the ladder's filters.
        shots: All of the source, in order.
        session: Encodes and scores.

    Raises:
        VmafxTuneError: The source cannot be encoded or scored so.
    """

    def __init__(
        self,
        rendition: Rendition,
        ladder: LadderResult,
        source: Source,
        shots: Sequence[Segment],
        session: Session,
    ) -> None:
        assert ladder.encoding is not None
        self._rung = rendition.rung
        self._row = row_of(rendition.encoder)
        self._ladder = ladder
        self._shots = shots
        self._job = f"shots of {rendition.name}"
        size = rendition.resolution
        display = ladder.display or source.resolution
        if ladder.score_at == "rendition":
            display = size
        encoding = EncodingOptions(
            preset=ladder.encoding.preset,
            depth=ladder.encoding.depth,
            encoder_args=ladder.encoding.encoder_args,
            crf_step=_step(self._row, self._rung.crf),
        )
        scoring = ScoringOptions(
            model=ladder.model,
            display=str(display),
            pool=ladder.pool or PoolMethod.MEAN,
            subsample=ladder.subsample or 1,
        )
        self._prepared = PreparedSource.prepare(
            source, encoding, scoring, session, gop_frames=ladder.gop_frames
        )
        request = self._prepared.request(self._row, self._rung.vmaf, size=size)
        encode = request.template.encode.capped(rendition.caps)
        self._request = replace(request, template=replace(request.template, encode=encode))

    @property
    def plan(self) -> JobPlanned:
        """What the search should take."""
        return plan_shots(self._request, len(self._shots), job=self._job)

    def run(
        self, mode: PerShot, target: float, size_bytes: int, folder: Path
    ) -> PerShotAnswer | None:
        """Search, and leave the encode in a folder.

        Args:
            mode: What is equal in all shots.
            target: Pooled score to reach.
            size_bytes: What the video takes at the rung's single setting.
            folder: Where to keep encodes.

        Returns:
            None where no encode that was measured reaches the target.

        Raises:
            ToolOutputError: The shots' encodes cannot be joined.
            VmafxTuneError: A probe failed.
        """
        join = partial(join_encodes, self._prepared.session)
        search = ShotSearch(
            self._prepared, self._row, self._request, self._shots, folder, join, job=self._job
        )
        return search.run(
            mode, self._whole(size_bytes), target=target, quality=self._rung.crf,
            size_bytes=size_bytes,
        )  # fmt: skip

    def _whole(self, size_bytes: int) -> WholeScores:
        """Tell how fast bitrates fall, from the ladder's other encodes of this size."""
        knob, whole = self._request.knob, WholeScores(self._request, self._shots)
        whole.sizes[knob.step_of(self._rung.crf)] = size_bytes
        for probe in self._ladder.probes:
            step = knob.position_of(probe.crf)
            if probe.resolution == self._rung.resolution and probe.size_bytes and step.is_integer():
                whole.sizes.setdefault(int(step), probe.size_bytes)
        return whole


def _step(row: EncoderRow, quality: float) -> float:
    """Choose the distance between settings to try: 1, unless the rung lies between two of these."""
    usual = EncodingOptions().crf_step
    try:
        row.knob.narrowed(row.knob.lo, row.knob.hi, usual).step_of(quality)
    except UsageError:
        return row.knob.increment
    return usual
