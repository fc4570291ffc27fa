"""A source made ready for trial encodes: everything that is checked before work starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.core.alignment import check_source
from vmafx_tune.core.grid import KnobGrid
from vmafx_tune.core.prior import Prior
from vmafx_tune.errors import EncoderUnavailableError, UsageError
from vmafx_tune.events import Warned
from vmafx_tune.model import EncodeSpec, ProbeSpec, Resolution, Source, VmafModel
from vmafx_tune.options import EncodingOptions, ScoringOptions
from vmafx_tune.parsing import parse_arguments, parse_resolution
from vmafx_tune.workflows.request import SearchRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.events import Observer
    from vmafx_tune.ports import Scorer
    from vmafx_tune.wiring import Toolbox

__all__ = [
    "Bench",
    "checked_target",
    "checked_targets",
    "display_size",
    "open_source",
    "row_of",
]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every trial encode of one source has in common.

    Attributes:
        display: Size at which viewers watch, and at which encodes are scored.
    """

    box: Toolbox
    source: Source
    display: Resolution
    model: VmafModel
    scorer: Scorer
    encoding: EncodingOptions
    scoring: ScoringOptions

    @classmethod
    def prepare(
        cls,
        source: Source,
        encoding: EncodingOptions | None,
        scoring: ScoringOptions | None,
        box: Toolbox,
    ) -> Bench:
        """Choose model and scorer for a source.

        Raises:
            UsageError: An option makes no sense.
            ScoringError, ToolNotFoundError: The source cannot be scored here.
        """
        encoding, scoring = encoding or EncodingOptions(), scoring or ScoringOptions()
        display = display_size(scoring, source)
        model = box.model(scoring.model, display)
        scorer = box.scorer(scoring.backend, model)
        return cls(box, source, display, model, scorer, encoding, scoring)

    def request(
        self,
        row: EncoderRow,
        target: float,
        *,
        size: Resolution | None = None,
        gop_frames: int | None = None,
    ) -> SearchRequest:
        """Build the search of one encoder.

        Args:
            row: The encoder.
            target: Pooled score to reach.
            size: Size of the encodes; None for the source's.
            gop_frames: Length of closed GOPs; None leaves keyframes to the encoder.

        Raises:
            UsageError: The preset, the range or the step is not one that the encoder takes.
            MediaError: The encoder cannot take the source.
        """
        encode = EncodeSpec(
            source=self.source,
            encoder=row.name,
            quality=row.knob.default,
            preset=self.encoding.preset,
            extra_args=parse_arguments(self.encoding.encoder_args),
            size=size,
            threads=self.scoring.threads,
            gop_frames=gop_frames,
        )
        row.check(encode)
        grid = _grid(row, self.encoding)
        return SearchRequest(
            template=self._template(encode),
            knob=row.knob.name,
            grid=grid,
            target=target,
            pool=self.scoring.pool,
            max_iter=self.encoding.max_iter,
            strategy=self.encoding.strategy,
            prior=_prior(row, grid),
        )

    def _template(self, encode: EncodeSpec) -> ProbeSpec:
        return ProbeSpec(
            encode=encode,
            model=self.model,
            display=self.display,
            subsample=self.scoring.subsample,
            threads=self.scoring.threads,
        )

    def require(self, row: EncoderRow) -> None:
        """Make sure that an encoder runs here.

        Raises:
            EncoderUnavailableError: It does not, with the reason.
        """
        reason = self.box.availability(row).why_not
        if reason is not None:
            raise EncoderUnavailableError(reason)


def open_source(
    path: str | Path, scoring: ScoringOptions | None, box: Toolbox, observe: Observer
) -> Source:
    """Probe a source, and tell what a user should know of it.

    Raises:
        MediaError: It cannot be read, or is HDR without the user's consent.
    """
    source = box.source(Path(path))
    allow_hdr = scoring is not None and scoring.allow_hdr
    for note in check_source(source, allow_hdr=allow_hdr):
        observe(Warned(note))
    return source


def display_size(scoring: ScoringOptions, source: Source) -> Resolution:
    """Choose the size at which clips are compared.

    Raises:
        UsageError: The size asked for is none.
    """
    return parse_resolution(scoring.display) if scoring.display else source.resolution


def row_of(name: str) -> EncoderRow:
    """Find an encoder's row.

    Raises:
        UnknownEncoderError: There is none.
    """
    # The registry takes a while to build, and `score` does without.
    from vmafx_tune.encoders.registry import encoder_row

    return encoder_row(name)


def checked_targets(targets: Iterable[float], model: VmafModel) -> tuple[float, ...]:
    """Check targets, and put them in ascending order without repeats.

    Raises:
        UsageError: One is out of the model's range.
    """
    return tuple(sorted({checked_target(target, model) for target in targets}))


def checked_target(target: float, model: VmafModel) -> float:
    """Check a target.

    Raises:
        UsageError: It is out of the model's range.
    """
    if not (math.isfinite(target) and 0 < target <= model.ceiling):
        raise UsageError(
            f"A target of {target:g} is out of the model's range: {model.name} goes up to "
            f"{model.ceiling:g}, and a target is above 0."
        )
    return float(target)


def _grid(row: EncoderRow, encoding: EncodingOptions) -> KnobGrid:
    knob = row.knob
    lo, hi = encoding.crf_lo, encoding.crf_hi
    if (lo is None) != (hi is None):
        given, missing = ("--crf-lo", "--crf-hi") if hi is None else ("--crf-hi", "--crf-lo")
        raise UsageError(f"{given} was given without {missing}. Give both, or neither.")
    if lo is None or hi is None:
        lo, hi = knob.lo, knob.hi
    if lo > hi:
        raise UsageError(f"--crf-lo {lo:g} is above --crf-hi {hi:g}. Swap the two.")
    if lo < knob.lo or hi > knob.hi:
        raise UsageError(
            f"The range {lo:g} to {hi:g} is outside of what {row.name} takes: {knob.name} goes "
            f"from {knob.lo:g} to {knob.hi:g}."
        )
    knob.check_increment(encoding.crf_step)
    return KnobGrid.between(lo, hi, encoding.crf_step, higher_is_better=knob.higher_is_better)


def _prior(row: EncoderRow, grid: KnobGrid) -> Prior:
    if row.typical is not None:
        return Prior(grid.position_of(row.typical.midpoint), row.typical.width / grid.increment)
    ends = grid.position_of(row.knob.lo), grid.position_of(row.knob.hi)
    return Prior.across(min(ends), max(ends))
