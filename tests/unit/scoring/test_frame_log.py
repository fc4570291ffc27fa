from __future__ import annotations

import io
import json
import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.scoring.builders import a_request, frame_log
from vmafx_tune.errors import ScoringError, ToolOutputError
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.frame_log import FrameLog, parse_frame_log

SPACE = plan_scoring(a_request()).comparison
LOG = json.dumps(frame_log({0: 93.5, 1: 94.25, 2: 95.0}, integer_adm2=0.98, integer_motion2=1.5))


class Counted(io.StringIO):
    """Notes how much is read at once."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.sizes: list[int | None] = []

    def read(self, size: int | None = -1) -> str:
        self.sizes.append(size)
        return super().read(size)


def read(text: str) -> FrameLog:
    return parse_frame_log(io.StringIO(text))


def test_scores_and_features_are_read_frame_by_frame() -> None:
    log = read(LOG)

    assert log.version == "3.2.0"
    assert (log.indices, log.scores) == (array("q", range(3)), array("d", [93.5, 94.25, 95.0]))
    assert log.features == {
        "integer_adm2": array("d", [0.98] * 3),
        "integer_motion2": array("d", [1.5] * 3),
    }


@pytest.mark.parametrize("indent", [None, 2])
def test_a_long_log_is_read_in_parts(indent: int | None) -> None:
    """That of libvmaf has a name or a number on each line."""
    n_frames = 30_000
    document = frame_log({index: index / n_frames for index in range(n_frames)}, x=0.5)
    file = Counted(json.dumps(document, indent=indent))

    log = parse_frame_log(file)

    assert log.indices == array("q", range(n_frames))
    assert log.scores == array("d", [index / n_frames for index in range(n_frames)])
    assert log.features == {"x": array("d", [0.5] * n_frames)}
    assert len(file.sizes) > 2
    assert set(file.sizes) == {1 << 20}


def test_a_log_with_a_frame_that_never_ends_is_an_error() -> None:
    text = '{"frames": [{"frameNum": 0, "metrics": {"' + 3_000_000 * "x"
    with pytest.raises(ToolOutputError, match="is invalid"):
        read(text)


@pytest.mark.parametrize(
    ("logged", "told"),
    [
        ("3.2.0", "3.2.0"),
        ("86da14d", "git-86da14d"),
        ("f85a8536", "git-f85a853"),
        ("f85a853661dd0b1d5a5b3a2bf1f7f2f8d1f1a6f0", "git-f85a853"),
        ("v3.2.0-12-g86da14d", "v3.2.0-12-g86da14d"),
        ("", ""),
        ("\x1b[31m3.2.0", ""),
        ("3" * 1000, ""),
    ],
)
def test_a_bare_commit_is_told_as_one(logged: str, told: str) -> None:
    assert read(json.dumps(frame_log({0: 1.0}, version=logged))).version == told


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf, 1e308, 10**400])
def test_a_frame_without_a_finite_score_is_an_error_that_names_it(score: float | None) -> None:
    with pytest.raises(ScoringError, match="no usable score for frame 7"):
        read(json.dumps(frame_log({6: 90.0, 7: score})))


@pytest.mark.parametrize("value", [None, math.nan, -1e308, 10**400])
def test_a_feature_without_a_value_is_nan(value: float | None) -> None:
    log = read(json.dumps(frame_log({0: 90.0}, speed_chroma_u=value)))

    assert math.isnan(log.features["speed_chroma_u"][0])


def test_a_feature_that_only_some_frames_have_is_nan_in_the_others() -> None:
    document = json.loads(LOG)
    del document["frames"][1]["metrics"]["integer_adm2"]

    values = read(json.dumps(document)).features["integer_adm2"]

    assert values[0] == 0.98
    assert math.isnan(values[1])


def test_a_log_without_frames_is_an_error() -> None:
    with pytest.raises(ScoringError, match="not score any frame"):
        read(json.dumps(frame_log({})))


@settings(deadline=None)
@given(st.integers(0, len(LOG) - 1))
def test_a_log_that_is_cut_off_anywhere_is_an_error(length: int) -> None:
    with pytest.raises(ToolOutputError, match="is invalid"):
        read(LOG[:length])


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", '{"frames": 3}', '{"frames": [1]}', '{"frames": [{}]}'),
        '{"frames": [{"frameNum": 0, "metrics": ["vmaf"]}]}',
        '{"frames": [{"frameNum": 0, "metrics": 3}]}',
        '{"frames": [{"frameNum": 1e999, "metrics": {"vmaf": 1}}]}',
    ],
)
def test_what_is_no_log_is_an_error(text: str) -> None:
    with pytest.raises(ToolOutputError, match="is invalid"):
        read(text)


def test_a_result_says_which_backend_and_version_it_is_from() -> None:
    scores = read(LOG).score_set(a_request(), 3, "ffmpeg", SPACE)

    assert list(scores.frames) == [93.5, 94.25, 95.0]
    assert (scores.backend, scores.backend_version, scores.model) == (
        "ffmpeg",
        "3.2.0",
        "vmaf_v0.6.1",
    )


@pytest.mark.parametrize("n_frames", [1, 4, 5])
def test_every_nth_frame_must_be_in_the_log(n_frames: int) -> None:
    indices = range(0, n_frames, 2)
    log = read(json.dumps(frame_log(dict.fromkeys(indices, 90.0))))

    scores = log.score_set(a_request(subsample=2), n_frames, "ffmpeg", SPACE)

    assert [scores.frame_index(i) for i in range(len(scores.frames))] == list(indices)


@pytest.mark.parametrize("indices", [[0, 1], [0, 1, 2, 3], [0, 2, 1], [1, 2, 3]])
def test_missing_and_surplus_frames_are_an_error(indices: list[int]) -> None:
    log = read(json.dumps(frame_log(dict.fromkeys(indices, 90.0))))

    with pytest.raises(ToolOutputError, match="should have scored one in 1 of 3 frames"):
        log.score_set(a_request(), 3, "ffmpeg", SPACE)


@pytest.mark.parametrize("score", [-1.0, 100.0001, 1e9])
def test_a_score_outside_of_the_models_range_is_no_result(score: float) -> None:
    log = read(json.dumps(frame_log({0: 90.0, 1: score, 2: 91.0})))

    with pytest.raises(
        ScoringError, match=r"for frame 1, which is outside of the range of vmaf_v0"
    ):
        log.score_set(a_request(), 3, "ffmpeg", SPACE)
