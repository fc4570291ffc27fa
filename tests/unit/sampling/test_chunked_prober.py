"""A prober that encodes and scores a clip in chunks."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE, request, scores_of
from vmafx_tune.errors import EncodeFailedError
from vmafx_tune.model import Excerpt, Probe, ProbeSpec, ScoreSet, Source
from vmafx_tune.sampling.joining import join_chunks
from vmafx_tune.sampling.parts import chunk_plan
from vmafx_tune.sampling.prober import PartsProber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.model import EncodeSpec
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.sampling.parts import Segment

CLIP = dataclasses.replace(SOURCE, n_frames=50)
CHUNKS = chunk_plan(CLIP.n_frames, 20)
SPEC = dataclasses.replace(
    request().template, encode=dataclasses.replace(request().template.encode, source=CLIP)
)


def cut(source: Source, segment: Segment) -> Source:
    start_s = segment.first_frame / source.frame_rate
    excerpt = Excerpt(segment.first_frame, segment.n_frames, start_s)
    return dataclasses.replace(source, n_frames=segment.n_frames, excerpt=excerpt)


def joining(spec: EncodeSpec, chunks: Sequence[Probe]) -> tuple[str, ...]:
    return ("join", f"{spec.quality:g}", *(chunk.command[-1] for chunk in chunks))


@dataclass
class ChunkProber:
    """Gives each frame its number as its score, and 100 bytes."""

    fail_at: int | None = None
    interrupt_at: int | None = None
    asked: list[ProbeSpec] = field(default_factory=list)
    known_qualities: dict[int, tuple[float, ...]] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.asked.append(spec)
        excerpt = spec.encode.source.excerpt
        assert excerpt is not None
        first, n_frames = excerpt.first_frame, excerpt.n_frames
        if first == self.fail_at:
            raise EncodeFailedError("It failed.", argv=("ffmpeg",), returncode=1, stderr_tail="")
        if first == self.interrupt_at:
            raise KeyboardInterrupt
        if on_progress is not None:
            on_progress("encode", n_frames)
        return Probe(
            quality=spec.encode.quality,
            bitrate_kbps=20.0,
            size_bytes=100 * n_frames + first,
            scores=scores_of(*(float(first + index) for index in range(n_frames))),
            encode_time_s=1.0,
            score_time_s=0.5,
            encoder_version="fake 1.0",
            command=("encode", f"{first}.mp4"),
            codecs="fake.1",
            peak_bitrate_kbps=float(first),
            cached=first == 0,
            keyframe_bytes=(30,),
        )

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        return self.probe(spec).scores

    def known(self, template: ProbeSpec) -> tuple[Probe, ...]:
        excerpt = template.encode.source.excerpt
        assert excerpt is not None
        return tuple(
            dataclasses.replace(self.probe(template), quality=quality, cached=True)
            for quality in self.known_qualities.get(excerpt.first_frame, ())
        )

    def cancel(self) -> None:
        self.cancelled.set()


def chunked(prober: ChunkProber, workers: int = 1) -> PartsProber:
    join = partial(join_chunks, command=joining)
    return PartsProber(prober, CHUNKS, join, cut=cut, workers=workers)


def test_bits_and_times_are_summed_and_frame_scores_follow_each_other() -> None:
    probe = chunked(ChunkProber()).probe(SPEC)

    assert probe.size_bytes == 5000 + 20 + 40
    assert probe.bitrate_kbps == pytest.approx(probe.size_bytes * 8 / CLIP.duration_s / 1000)
    assert tuple(probe.scores.frames) == tuple(map(float, range(50)))
    assert probe.scores.n_frames == 50
    assert (probe.encode_time_s, probe.score_time_s) == (len(CHUNKS), len(CHUNKS) / 2)
    assert probe.peak_bitrate_kbps == CHUNKS[-1].first_frame
    assert (probe.keyframe_bytes, probe.codecs, probe.cached) == (
        (30,) * len(probe.parts),
        "fake.1",
        False,
    )


def test_the_chunks_commands_come_before_the_one_that_joins_them() -> None:
    probe = chunked(ChunkProber()).probe(SPEC)
    outputs = [f"{chunk.first_frame}.mp4" for chunk in CHUNKS]

    assert probe.chunk_commands == tuple(("encode", output) for output in outputs)
    assert probe.command == ("join", f"{SPEC.encode.quality:g}", *outputs)


def test_the_limit_of_the_whole_stops_no_chunk() -> None:
    prober = ChunkProber()
    limited = dataclasses.replace(SPEC.encode, max_bitrate_kbps=1.0)
    chunked(prober).probe(dataclasses.replace(SPEC, encode=limited))

    assert {spec.encode.max_bitrate_kbps for spec in prober.asked} == {None}


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_the_probe_does_not_depend_on_the_workers(workers: int) -> None:
    assert chunked(ChunkProber(), workers).probe(SPEC) == chunked(ChunkProber()).probe(SPEC)


def test_progress_counts_the_frames_of_the_clip() -> None:
    told: list[tuple[str, int]] = []
    chunked(ChunkProber()).probe(SPEC, on_progress=lambda stage, done: told.append((stage, done)))

    assert told == [("encode", chunk.end_frame) for chunk in CHUNKS]


@pytest.mark.parametrize("workers", [1, 4])
def test_an_error_names_the_chunk_and_stops_nothing_else(workers: int) -> None:
    prober = ChunkProber(fail_at=20)
    with pytest.raises(EncodeFailedError, match=r"It failed\. This was the part of frames 20 to"):
        chunked(prober, workers).probe(SPEC)
    assert not prober.cancelled.is_set()


def test_an_interruption_stops_the_chunks_that_run() -> None:
    prober = ChunkProber(interrupt_at=20)
    with pytest.raises(KeyboardInterrupt):
        chunked(prober, 2).probe(SPEC)
    assert prober.cancelled.is_set()


def test_a_probe_is_known_where_all_of_its_chunks_are() -> None:
    firsts = [chunk.first_frame for chunk in CHUNKS]
    prober = ChunkProber(known_qualities=dict.fromkeys(firsts, (20.0, 30.0)))
    prober.known_qualities[firsts[-1]] = (30.0, 40.0)
    (probe,) = chunked(prober).known(SPEC)

    assert (probe.quality, probe.cached, probe.scores.n_frames) == (30.0, True, 50)
    assert probe.command[:2] == ("join", "30")


def test_the_source_against_itself_is_scored_in_the_same_chunks() -> None:
    assert tuple(chunked(ChunkProber()).score_itself(SPEC).frames) == tuple(map(float, range(50)))
