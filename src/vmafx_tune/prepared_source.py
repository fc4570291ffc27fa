"""A source made ready for trial encodes: everything that is checked before work starts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune.choices import SearchStrategy
from vmafx_tune.cpus import LocalCores, share_of
from vmafx_tune.encoders.availability import unused_arguments_error
from vmafx_tune.encoders.extra_args import caps_among
from vmafx_tune.errors import EncoderUnavailableError, UsageError
from vmafx_tune.formatting import given
from vmafx_tune.frozen import frozen
from vmafx_tune.model import EncodeSpec, ProbeSpec, Resolution, Source, VmafModel
from vmafx_tune.options import EncodingOptions, ScoringOptions
from vmafx_tune.parsing import parse_arguments
from vmafx_tune.sampling.estimates import sample_of
from vmafx_tune.sampling.parts import (
    LOOK_LEAD_IN,
    chunks_of,
    look_plan,
    look_subsample,
    sample_plan,
)
from vmafx_tune.scoring.conditions import metrics_of, parse_conditions
from vmafx_tune.scoring.metrics import check_metric_sizes
from vmafx_tune.search.losses import larger_than_source
from vmafx_tune.search.prescan import LookProbers
from vmafx_tune.search.request import SearchRequest
from vmafx_tune.source import check_moving, display_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.knob import Knob
    from vmafx_tune.model import CapFactors
    from vmafx_tune.ports import Prober, Scorer
    from vmafx_tune.results.measurement import Sample
    from vmafx_tune.results.search import Answer
    from vmafx_tune.sampling.parts import SamplePlan, Segment
    from vmafx_tune.scoring.conditions import Condition
    from vmafx_tune.session import Session

__all__ = [
    "PreparedSource",
    "checked_max_bitrate",
    "narrowed_knob",
    "row_of",
]

AnswerT = TypeVar("AnswerT", bound="Answer")


# The first picture of a part has nothing before it to move from, and is a keyframe of more quality
# than the clip has there.
_SAMPLE_LEAD_IN = 2


@frozen
class PreparedSource:
    """What every trial encode of one source has in common.

    Attributes:
        display: Size at which viewers watch, and at which encodes are scored.
        sample: Parts that stand for the source; None to measure the whole of it.
        chunks: What the source is divided into; empty to encode it as a whole.
        gop_frames: Length of closed GOPs; None leaves keyframes to the encoder.
        notes: What results have to say of the parts.
        caps: Caps on all encodes; None for none.
        conditions: What an answer must meet beside its target.
    """

    session: Session
    source: Source
    display: Resolution
    model: VmafModel
    scorer: Scorer
    encoding: EncodingOptions
    scoring: ScoringOptions
    sample: SamplePlan | None = None
    chunks: tuple[Segment, ...] = ()
    gop_frames: int | None = None
    notes: tuple[str, ...] = ()
    caps: CapFactors | None = None
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def prepare(
        cls,
        source: Source,
        encoding: EncodingOptions | None,
        scoring: ScoringOptions | None,
        session: Session,
        *,
        gop_frames: int | None = None,
        caps: CapFactors | None = None,
        require: Sequence[str] = (),
    ) -> PreparedSource:
        """Choose model and scorer for a source, and the parts of it to measure.

        Args:
            source: The clip.
            encoding: How it is encoded.
            scoring: How encodes are scored.
            session: Has the adapters.
            gop_frames: Length of closed GOPs; None leaves keyframes to the encoder.
            caps: Caps on all encodes; None for none.
            require: Conditions that an answer must meet: `vmaf.p5>=85`.

        Raises:
            UsageError: An option makes no sense.
            MediaError: The source is a picture, or parts of it cannot be cut.
            ScoringError, ToolNotFoundError: The source cannot be scored here.
        """
        encoding, scoring = encoding or EncodingOptions(), scoring or ScoringOptions()
        check_moving(source)
        source = session.reader.with_field_order(source)
        display = display_size(scoring, source)
        model = session.model(scoring.model, display)
        conditions = parse_conditions(require, model)
        metrics = metrics_of(conditions)
        check_metric_sizes(display, metrics)
        if conditions and encoding.sample is not None and not encoding.verify:
            raise UsageError(
                "--require cannot be checked on a sample, which has only some of the frames. Add "
                "--verify, or leave out --sample."
            )
        chunks = chunks_of(source, encoding, gop_frames)
        sample = sample_plan(source, encoding, scoring.pool, session)
        parts = chunks or (() if sample is None else sample.segments)
        notes = tuple(note for note in (session.reader.cutting_note(source, parts),) if note)
        for note in notes:
            session.warn(note)
        scorer = session.probing.scorer(scoring.backend, model, metrics)
        return cls(
            session,
            source,
            display,
            model,
            scorer,
            encoding,
            scoring,
            sample,
            chunks,
            gop_frames,
            notes,
            caps,
            conditions,
        )

    def request(
        self,
        row: EncoderRow,
        target: float,
        *,
        size: Resolution | None = None,
        max_bitrate_kbps: float | None = None,
    ) -> SearchRequest:
        """Build the search of one encoder.

        Args:
            row: The encoder.
            target: Pooled score to reach.
            size: Size of the encodes; None for the source's.
            max_bitrate_kbps: What an answer may have; encodes that are certain to have more are
                stopped.

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
            depth=_checked_depth(self.encoding.depth),
            gop_frames=self.gop_frames,
            max_bitrate_kbps=max_bitrate_kbps,
            caps=self.caps,
        )
        row.check(encode)
        row.check_location(encode)
        knob = narrowed_knob(row, self.encoding)
        expected = self.session.expected
        if expected is not None:
            lines = (size or self.source.resolution).height
            typical = expected.curve(row.name, self.encoding.preset, lines)
            knob = replace(knob, typical=typical or knob.typical)
        return SearchRequest(
            template=self._template(encode),
            sample=self.sample,
            verify=self.encoding.verify,
            knob=knob,
            target=target,
            pool=self.scoring.pool,
            max_iter=self.encoding.max_iter,
            strategy=self.encoding.strategy,
            chunk_frames=self.chunk_frames,
            caps=caps_among(encode.extra_args),
            effort=row.effort_of(encode),
            notes=row.notes(encode),
            conditions=self.conditions,
            has_typical_curve=row.knob.typical is not None,
            scouts=row.scouts(encode),
        )

    def _template(self, encode: EncodeSpec) -> ProbeSpec:
        return ProbeSpec(
            encode=encode,
            model=self.model,
            display=self.display,
            subsample=self.scoring.subsample,
            threads=self.scoring.threads,
            metrics=metrics_of(self.conditions),
        )

    @property
    def chunk_frames(self) -> int | None:
        """Frames of each chunk but the last; None where the source is encoded as a whole."""
        return self.chunks[0].n_frames if self.chunks else None

    @property
    def provenance(self) -> dict[str, Any]:
        """How it is measured, by the names of the fields that results have for it."""
        return {
            "display": self.display,
            "model": self.model.name,
            "pool": self.scoring.pool,
            "subsample": self.scoring.subsample,
            "backend": self.scorer.name,
            "backend_version": self.scorer.version,
            "ffmpeg_version": self.session.probing.ffmpeg.version,
            "hdr": self.source.is_hdr,
            "filter": self.source.filters,
        }

    @property
    def sampled(self) -> Sample | None:
        """The parts that stand for the source; None to measure the whole of it."""
        if self.sample is None:
            return None
        verify, subsample = self.encoding.verify, self.scoring.subsample
        return sample_of(
            self.sample,
            self.source.frame_rate,
            subsample=(
                look_subsample(self.scoring.pool, subsample, self.conditions)
                if verify
                else subsample
            ),
            verified=verify,
        )

    def probers(
        self, rows: Sequence[EncoderRow], *, workers: int = 1, ahead: bool = False
    ) -> tuple[Prober, LookProbers | None]:
        """Make what probes the source, and what shows its searches their way.

        Args:
            rows: Encoders that they are for.
            workers: Searches that use them side by side, at least 1.
            ahead: Whether a search that is alone may probe on idle processors what it is likely to
                need next.

        Returns:
            A prober of the whole source, in chunks or not, or of its sample; and those of a
            prescan.
        """
        prober = self.session.prober()
        self.session.whole = self.source if self.sample is None or self.encoding.verify else None
        if self.chunks:
            at_once = self.part_workers(rows, len(self.chunks), workers)
            chunked = self.session.chunked(prober, self.chunks, self.source, workers=at_once)
            return chunked, self.prescan(prober)
        if self.sample is None:
            looks = self.prescan(prober)
            return (self._ahead(prober, rows) if ahead else prober), looks
        sampled = self.session.sampled(
            prober,
            self.sample,
            self.source,
            lead_in=_SAMPLE_LEAD_IN,
            workers=self.part_workers(rows, len(self.sample.segments), workers),
        )
        looks = self.prescan(prober, sampled)
        return (prober if self.encoding.verify else sampled), looks

    def _ahead(self, prober: Prober, rows: Sequence[EncoderRow]) -> Prober:
        """Use what processors one search leaves idle, but for files that somebody keeps."""
        session = self.session
        # A graphics card takes few encodes at once, of which others may need some.
        if any(row.is_hardware for row in rows):
            return prober
        if session.probing.slots is not None or session.keep is not None:
            return prober
        busy = max(self.cores.busy(row, self.source.resolution) for row in rows)
        if session.shares.spare(busy) < 2:
            return prober
        from vmafx_tune.probing.ahead import ProbingAhead

        return ProbingAhead(
            prober,
            self._prober_alone,
            cancel=session.cancel,
            spare=lambda: session.shares.spare(busy),
        )

    def _prober_alone(self, cancel: CancelToken) -> Prober:
        session = self.session.for_one_probe(cancel)
        metrics = metrics_of(self.conditions)
        session.probing.scorer(self.scoring.backend, self.model, metrics)
        return session.prober()

    def part_workers(self, rows: Sequence[EncoderRow], parts: int, workers: int = 1) -> int:
        """Choose how many parts of the source to probe at once, by each of `workers` searches."""
        if self.session.probing.slots is not None:
            return share_of(self.session.probing.slots, workers)
        return min(
            self.cores.part_workers(row, self.source.resolution, parts, beside=workers)
            for row in rows
        )

    @property
    def cores(self) -> LocalCores:
        """What this machine has for trial encodes of the source."""
        return LocalCores(self.display, self.source.pixel_format.bit_depth, self.scoring.threads)

    def prescan(self, prober: Prober, sampled: Prober | None = None) -> LookProbers | None:
        """Make what takes cheap looks at the source.

        Args:
            prober: Probes the whole of it, or a part.
            sampled: Probes its sample; None where there is none.

        Returns:
            None for a search that takes no looks.
        """
        if self.encoding.strategy is not SearchStrategy.INTERPOLATE:
            return None
        probe_frames = None if self.sample is None else self.sample.n_sampled
        plan = look_plan(self.source.n_frames, probe_frames)
        parts = None
        if plan is not None and not self.source.variable_frame_rate:
            parts = self.session.looking(prober, plan, self.source, lead_in=LOOK_LEAD_IN)
        return LookProbers(parts, sampled or prober, sampled if self.encoding.verify else None)

    def noted(self, result: AnswerT) -> AnswerT:
        """Add to an answer's notes what only its source's file tells."""
        if result.size_bytes is None or result.bitrate_kbps is None:
            return result
        source_kbps = self.session.reader.video_bitrate_kbps(self.source, result.size_bytes)
        note = larger_than_source("The encode", result.bitrate_kbps, source_kbps)
        return result if note is None else replace(result, notes=(*result.notes, note))

    def require_arguments(self, *requests: SearchRequest) -> tuple[str, ...]:
        """Make sure that each further argument does something with one of the encoders at least.

        Returns:
            Sentences about those that do nothing with others of them.

        Raises:
            UsageError: One does nothing with any, or an encoder refuses it.
        """
        unused = {
            one.encoder: self.session.probing.unused_arguments(one.template.encode)
            for one in requests
        }
        names = dict.fromkeys(name for found in unused.values() for name in found)
        without = {name: [one for one in unused if name in unused[one]] for name in names}
        useless = [name for name, encoders in without.items() if len(encoders) == len(unused)]
        if useless:
            raise unused_arguments_error(useless, list(unused))
        return tuple(
            f"-{name} has no effect on {', '.join(encoders)}, which "
            f"{'does' if len(encoders) == 1 else 'do'} not have it."
            for name, encoders in without.items()
        )

    def require(self, row: EncoderRow) -> None:
        """Make sure that an encoder runs here.

        Raises:
            EncoderUnavailableError: It does not, with the reason.
        """
        reason = self.session.probing.availability(row).why_not
        if reason is not None:
            raise EncoderUnavailableError(reason)


def row_of(name: str) -> EncoderRow:
    """Find an encoder's row.

    Raises:
        UnknownEncoderError: There is none.
    """
    # The registry takes a while to build, and `score` does without.
    from vmafx_tune.encoders.registry import encoder_row

    return encoder_row(name)


def checked_max_bitrate(max_bitrate_kbps: float | None) -> float | None:
    """Check what an answer may have.

    Raises:
        UsageError: It is no bitrate.
    """
    if max_bitrate_kbps is None:
        return None
    if not (math.isfinite(max_bitrate_kbps) and max_bitrate_kbps > 0):
        raise UsageError(f"{given(max_bitrate_kbps)} kb/s is not a valid bitrate. Use more than 0.")
    return float(max_bitrate_kbps)


def _checked_depth(depth: int | None) -> int | None:
    if depth not in {None, 8, 10}:
        raise UsageError(f"--depth {depth} is not a valid bit depth. Use 8 or 10.")
    return depth


def narrowed_knob(row: EncoderRow, encoding: EncodingOptions) -> Knob:
    """Narrow an encoder's knob to what the options allow.

    Raises:
        UsageError: They make no sense, or not with this encoder.
    """
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
            f"The range {lo:g} to {hi:g} is out of the range of {row.name}: {knob.name} goes "
            f"from {knob.extent}.{f' {knob.beyond}' if knob.beyond else ''}"
        )
    return knob.narrowed(lo, hi, encoding.crf_step)
