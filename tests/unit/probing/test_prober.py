"""A prober of an encoder and a scorer, and the processors that it lets the scorer fill."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.unit.probing.samples import scores
from tests.unit.search.fakes import request
from vmafx_tune.cancel import CancelToken
from vmafx_tune.cpus import CoreShares
from vmafx_tune.errors import FrameCountMismatchError, UnreadableSourceError, VmafxTuneError
from vmafx_tune.model import EncodeOutcome, ScoreRequest, ScoreSet
from vmafx_tune.probing.local import EncodingProber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmafx_tune.model import EncodeSpec
    from vmafx_tune.ports import FrameProgress

SPEC = request().template


@dataclass
class Encoder:
    """Encodes nothing; `meet` makes encodes wait for one another."""

    meet: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))

    def encode(
        self, spec: EncodeSpec, target: Path, *, on_progress: FrameProgress | None = None
    ) -> EncodeOutcome:
        self.meet.wait(timeout=60)
        return EncodeOutcome(
            encoded=dataclasses.replace(spec.source, path=target),
            size_bytes=1000,
            n_frames=spec.source.n_frames,
            encode_time_s=0.1,
            encoder_version="",
            command=(),
        )


@dataclass
class Scorer:
    """Takes down what it is asked; `meet` makes scores wait for one another."""

    meet: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))
    asked: list[ScoreRequest] = field(default_factory=list)
    name: str = "fake"
    version: str = ""

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        self.asked.append(request)
        self.meet.wait(timeout=60)
        return scores()


def prober_of(encoder: Encoder, scorer: Scorer, tmp_path: Path) -> EncodingProber:
    return EncodingProber(
        encoder, scorer, cancel=CancelToken(), shares=CoreShares(8), work_dir=tmp_path
    )


def test_a_probe_that_is_made_alone_is_scored_with_all_processors(tmp_path: Path) -> None:
    scorer = Scorer()
    prober_of(Encoder(), scorer, tmp_path).probe(SPEC)
    assert [request.cpus for request in scorer.asked] == [8]


def test_probes_that_are_made_at_once_share_the_processors(tmp_path: Path) -> None:
    encoder, scorer = Encoder(threading.Barrier(2)), Scorer(threading.Barrier(2))
    prober = prober_of(encoder, scorer, tmp_path)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(prober.probe, [SPEC, SPEC]))
    assert [request.cpus for request in scorer.asked] == [4, 4]


def test_the_last_probe_has_all_processors_again(tmp_path: Path) -> None:
    scorer = Scorer()
    prober = prober_of(Encoder(), scorer, tmp_path)
    prober.probe(SPEC)
    prober.score_itself(SPEC)
    assert [request.cpus for request in scorer.asked] == [8, 8]


def test_a_number_of_threads_that_was_asked_for_is_passed_on(tmp_path: Path) -> None:
    scorer = Scorer()
    prober_of(Encoder(), scorer, tmp_path).probe(dataclasses.replace(SPEC, threads=3))
    assert [request.threads for request in scorer.asked] == [3]


def test_each_stage_is_told_when_it_begins(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    prober_of(Encoder(), Scorer(), tmp_path).probe(
        SPEC, on_progress=lambda stage, frames: told.append((stage, frames))
    )
    assert told == [("encode", 0), ("score", 0)]


class Refusing(Scorer):
    """Raises what scorers raise of an encode, which they know by its file."""

    def __init__(self, error: Callable[[Path], VmafxTuneError]) -> None:
        super().__init__()
        self._error = error

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        raise self._error(request.distorted.path)


@pytest.mark.parametrize(
    "error",
    [
        lambda encode: FrameCountMismatchError("clip.mp4", 100, str(encode), 96),
        lambda encode: UnreadableSourceError(f"'{encode}' cannot be decoded."),
    ],
)
def test_an_error_of_an_encode_names_the_encode_and_not_its_file(
    tmp_path: Path, error: Callable[[Path], VmafxTuneError]
) -> None:
    prober = prober_of(Encoder(), Refusing(error), tmp_path)
    with pytest.raises(VmafxTuneError) as refused:
        prober.probe(SPEC)
    message = str(refused.value)
    encode = SPEC.encode
    assert f"the encode of '{encode.source.path}' with {encode.encoder} at 23" in message
    assert str(tmp_path) not in message
