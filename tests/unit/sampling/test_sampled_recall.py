from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.model import Excerpt
from vmafx_tune.sampling.joining import join_sample
from vmafx_tune.sampling.parts import SamplePlan, Segment
from vmafx_tune.sampling.prober import PartsProber

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec, Source
    from vmafx_tune.ports import Prober

TEMPLATE = request().template
PLAN = SamplePlan((Segment(5, 10), Segment(30, 10)), 50)


def sampled_prober(
    prober: Prober,
    plan: SamplePlan,
    *,
    lead_in: int = 0,
) -> PartsProber:
    join = partial(
        join_sample,
        plan=plan,
        opening_weight=lambda name: encoder_row(name).opening_weight,
        lead_in=lead_in,
    )
    return PartsProber(prober, plan.segments, join, cut=cut)


def cut(source: Source, part: Segment) -> Source:
    excerpt = Excerpt(part.first_frame, part.n_frames, Fraction(part.first_frame, 25))
    return replace(source, n_frames=part.n_frames, excerpt=excerpt)


@dataclass
class PartlyKnowing(CurveProber):
    """Knows other qualities of each part; scores a part's frames by where it begins."""

    def known(self, template: ProbeSpec) -> tuple[Probe, ...]:
        excerpt = template.encode.source.excerpt
        assert excerpt is not None
        qualities = (20.0, 26.0) if excerpt.first_frame == 5 else (26.0, 31.0)
        return tuple(
            replace(CurveProber(self.vmaf_of).probe(_at(template, quality)), cached=True)
            for quality in qualities
        )


def _at(template: ProbeSpec, quality: float) -> ProbeSpec:
    return replace(template, encode=replace(template.encode, quality=quality))


def test_what_is_known_of_all_parts_is_known_of_the_sample_and_as_it_was_measured() -> None:
    prober = PartlyKnowing(lambda quality: 100 - quality)
    sampled = sampled_prober(prober, PLAN)

    known = tuple(sampled.known(TEMPLATE))

    assert [probe.quality for probe in known] == [26.0]
    assert known == (sampled.probe(_at(TEMPLATE, 26.0)),)
    assert known[0].cached


def test_nothing_is_known_of_parts_by_a_prober_that_remembers_nothing() -> None:
    sampled = sampled_prober(CurveProber(lambda quality: 100 - quality), PLAN)

    assert sampled.known(TEMPLATE) == ()


def test_the_lead_in_of_each_part_is_left_out_but_never_all_of_it() -> None:
    prober = CurveProber(lambda quality: 100 - quality)

    # The fake scores two frames of each part.
    assert len(sampled_prober(prober, PLAN).probe(TEMPLATE).scores.frames) == 4
    for lead_in in (1, 8):
        sampled = sampled_prober(prober, PLAN, lead_in=lead_in)
        assert len(sampled.probe(TEMPLATE).scores.frames) == 2
