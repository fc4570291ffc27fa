"""`encode --per-shot`: shots with settings of their own, beside the best single setting."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vmafx_tune.choices import PerShot
from vmafx_tune.encode.muxing import join_encodes
from vmafx_tune.errors import MediaError, ToolError, UsageError
from vmafx_tune.formatting import quality
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.options import EncodingOptions
from vmafx_tune.shots.run import (
    ShotSearch,
    WholeScores,
    check_per_shot,
    find_shots,
    plan_shots,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.prepared_source import PreparedSource
    from vmafx_tune.results.encode import EncodeResult
    from vmafx_tune.sampling.parts import Segment
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.shots.joined import JoinedShots

__all__ = ["PerShotRun", "checked_mode"]


def checked_mode(
    per_shot: PerShot | str | None,
    min_shot_s: float | None,
    encoding: EncodingOptions | None,
    row: EncoderRow,
) -> PerShot | None:
    """Check what shots are to have in common, and that they can be encoded, before any work.

    Raises:
        UsageError: There is no such mode, or it does not go with an option or the encoder.
        ToolNotFoundError: The extra `shots` is not installed.
    """
    if per_shot is None:
        if min_shot_s is not None:
            raise UsageError("--min-shot requires --per-shot. Without it, there are no shots.")
        return None
    if per_shot not in list(PerShot):
        raise UsageError(f"'{per_shot}' is not one of {', '.join(PerShot)}.")
    check_per_shot(encoding or EncodingOptions(), row)
    return PerShot(per_shot)


class PerShotRun:
    """What one encode does about its shots; nothing where they were not asked for.

    Args:
        prepared: The source.
        row: The encoder.
        request: The search of the single setting.
        mode: What shots are to have in common; None for one setting.
        min_shot_s: Seconds that a shot lasts at least; None for the default.

    Attributes:
        whole: Takes note of the search's probes.
        notes: What results have to say of the shots.

    Raises:
        UsageError, MediaError: As for `find_shots`.
    """

    def __init__(
        self,
        prepared: PreparedSource,
        row: EncoderRow,
        request: SearchRequest,
        mode: PerShot | None,
        min_shot_s: float | None,
    ) -> None:
        self._prepared = prepared
        self._row = row
        self._request = request
        self._mode = mode
        self._shots: tuple[Segment, ...] = ()
        if mode is not None:
            self._shots = find_shots(prepared.source, min_shot_s, prepared.session)
        if len(self._shots) > 1:
            prepared.session.observe(plan_shots(request, len(self._shots)))
        self.whole = WholeScores(request, self._shots)
        note = prepared.session.reader.cutting_note(prepared.source, self._shots)
        self.notes = () if note is None else (note,)
        for each in self.notes:
            prepared.session.warn(each)

    @contextmanager
    def answered(self, single: EncodeResult) -> Iterator[tuple[EncodeResult, JoinedShots | None]]:
        """Search the shots, and keep their encode while the block lasts.

        Args:
            single: The best single setting.

        Yields:
            The result with what was found; and the encode, where it is the cheaper one.

        Raises:
            VmafxTuneError: A probe failed.
        """
        if self._mode is None:
            yield single, None
            return
        if (why := self._why_not(single)) is not None:
            plan = plan_shots(self._request, len(self._shots), done=math.inf)
            self._prepared.session.observe(plan)
            yield _noted(single, why), None
            return
        with scratch_folder(self._prepared.session.tools.work_dir) as folder:
            join = partial(join_encodes, self._prepared.session)
            search = ShotSearch(self._prepared, self._row, self._request, self._shots, folder, join)
            try:
                assert single.size_bytes is not None
                found = search.run(
                    self._mode,
                    self.whole,
                    target=single.target_vmaf,
                    quality=single.best_crf,
                    size_bytes=single.size_bytes,
                )
            except (MediaError, ToolError) as error:
                yield _noted(single, f"{error} The single setting is delivered."), None
                return
            if found is None:
                note = "No encode of the shots reached the target, so the single setting is"
                yield _noted(single, f"{note} delivered."), None
                return
            result = self._with_notes(replace(single, per_shot=found.result))
            yield result, found.joined if found.result.delivered else None

    def _why_not(self, single: EncodeResult) -> str | None:
        if len(self._shots) == 1:
            return "The source is one shot, so it has one setting."
        if not single.ok:
            return "The target is out of reach at one setting, so its shots were not searched."
        return None

    def _with_notes(self, result: EncodeResult) -> EncodeResult:
        found, pool = result.per_shot, self._request.pool
        assert found is not None
        if found.mode is not self._mode:
            result = _noted(
                result,
                f"What a shot adds to {pool.value} depends on the others, so all shots were "
                "given equal quality, as by --per-shot=constant.",
            )
        if found.delivered:
            return result
        setting = f"{self._row.knob.name} {quality(result.best_crf)}"
        return _noted(
            result,
            f"With a setting for each shot the video takes {-found.saving_percent:.1f} % more than "
            f"at {setting}, so the single setting is delivered.",
        )


def _noted(result: EncodeResult, note: str) -> EncodeResult:
    return replace(result, notes=(*result.notes, note))
