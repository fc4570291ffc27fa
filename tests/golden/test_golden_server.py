"""The golden pairs score the same through the server as through Netflix's own tool."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from tests.golden.pairs import MODELS, PAIRS, GoldenPair
from tests.support.clips import ClipFactory
from tests.support.server_process import server_process
from vmafx_tune import score
from vmafx_tune.client import Aggregate, FramePair, FrameScore, ScoringClient, StreamConfig
from vmafx_tune.options import ScoringOptions
from vmafx_tune.scoring.libvmaf.handles import PictureFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.server_process import ServerProcess
    from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer

SAME_VERSION = 0.0001
OLDER_FRAME = 0.02
OLDER_MEAN = 0.01

each_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair.log_prefix for pair in PAIRS])
each_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def lossless(
    tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path, golden_dir: Path
) -> ClipFactory:
    """Makes files with headers of the raw clips, as the server is not told their geometry."""
    del golden_dir
    return ClipFactory(tmp_path_factory.mktemp("golden"), ffmpeg_exe)


@pytest.fixture(scope="module")
def server(lossless: ClipFactory) -> Iterator[ServerProcess]:
    with server_process(lossless.folder) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[ScoringClient]:
    with ScoringClient(server.grpc_address) as client:
        yield client


def wrapped(lossless: ClipFactory, pair: GoldenPair, raw: Path) -> str:
    """Put a raw clip into a file with a header, without loss."""
    path = lossless.folder / f"{raw.stem}.mkv"
    if not path.exists():
        geometry = ("-s", str(pair.size), "-pix_fmt", pair.pix_fmt, "-r", "25")
        lossless.run("-f", "rawvideo", *geometry, "-i", str(raw), "-c:v", "ffv1", str(path))
    return path.name


def frame_pairs(folder: Path, pair: GoldenPair) -> Iterator[FramePair]:
    size = PictureFormat.of(pair.size.width, pair.size.height, pair.pix_fmt).frame_bytes
    with (folder / pair.reference).open("rb") as ref, (folder / pair.distorted).open("rb") as dist:
        index = 0
        while picture := ref.read(size):
            yield FramePair(index, picture, dist.read(size))
            index += 1


@each_pair
@each_model
def test_a_score_through_every_door_is_that_of_netflixs_tool(
    client: ScoringClient,
    server: ServerProcess,
    lossless: ClipFactory,
    golden_dir: Path,
    pair: GoldenPair,
    model: str,
) -> None:
    reference = wrapped(lossless, pair, golden_dir / pair.reference)
    distorted = wrapped(lossless, pair, golden_dir / pair.distorted)

    over_grpc = client.score(reference, distorted, model).score
    over_http = server.score(reference, distorted, model).json()["score"]
    in_process = score(
        lossless.folder / reference,
        lossless.folder / distorted,
        scoring=ScoringOptions(model=model),
    ).score

    expected = fmean(pair.scores(golden_dir, model))
    assert over_grpc == pytest.approx(expected, abs=SAME_VERSION, rel=0)
    assert over_grpc == over_http == in_process


@each_pair
@each_model
def test_a_stream_of_frames_scores_as_netflixs_tool_does(
    client: ScoringClient,
    libvmaf_scorer: LibvmafFileScorer,
    golden_dir: Path,
    pair: GoldenPair,
    model: str,
) -> None:
    config = StreamConfig(pair.size.width, pair.size.height, pair.pix_fmt, model)

    *frames, total = client.score_frames(config, frame_pairs(golden_dir, pair))

    expected = pair.scores(golden_dir, model)
    newer = libvmaf_scorer.version.startswith("3.")
    frame, mean = (SAME_VERSION, SAME_VERSION) if newer else (OLDER_FRAME, OLDER_MEAN)
    scores = [answer.score for answer in frames if isinstance(answer, FrameScore)]
    assert scores == pytest.approx(expected, abs=frame, rel=0)
    assert isinstance(total, Aggregate)
    assert total.score == pytest.approx(fmean(expected), abs=mean, rel=0)


@each_model
def test_files_and_streams_list_the_same_features(
    client: ScoringClient, lossless: ClipFactory, golden_dir: Path, model: str
) -> None:
    pair = PAIRS[0]
    reference = wrapped(lossless, pair, golden_dir / pair.reference)
    distorted = wrapped(lossless, pair, golden_dir / pair.distorted)
    config = StreamConfig(pair.size.width, pair.size.height, pair.pix_fmt, model)

    of_files = client.score(reference, distorted, model).features
    *frames, total = client.score_frames(config, frame_pairs(golden_dir, pair))

    assert isinstance(total, Aggregate)
    assert set(total.features) == set(of_files)
    assert all(
        set(frame.features) == set(of_files) for frame in frames if isinstance(frame, FrameScore)
    )
