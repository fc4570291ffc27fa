"""Telling whether two clips are in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.scoring.builders import a_source
from vmafx_tune.errors import FrameCountMismatchError, UsageError
from vmafx_tune.model import ScoreSet
from vmafx_tune.score.offset import overlap
from vmafx_tune.score.shift import Look, is_explained, look_plan, shift_hint, shift_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[np.float32]

REACH, LENGTH, SIDE = 6, 12, 24
TOTAL = LENGTH + 2 * REACH
RANDOM = np.random.default_rng(5)
TEXTURE = RANDOM.uniform(16, 235, (SIDE, SIDE + 8 * TOTAL))


def picture(at: int, *, speed: int) -> Pictures:
    return TEXTURE[:, speed * at : speed * at + SIDE].ravel().astype(np.float32)


def pan(speed: int = 1) -> Pictures:
    return np.stack([picture(i, speed=speed) for i in range(TOTAL)])


def encode(pictures: Pictures, shift: int, *, noise: float = 4.0) -> Pictures:
    """Take the frames that a clip out of step by `shift` has, a little the worse for it."""
    kept = pictures[REACH + shift : REACH + shift + LENGTH]
    return (kept + RANDOM.normal(0, noise, kept.shape)).astype(np.float32)


@pytest.mark.parametrize("shift", range(-REACH + 1, REACH))
@pytest.mark.parametrize("speed", [1, 3])
def test_the_shift_of_moving_pictures_is_found(shift: int, speed: int) -> None:
    clip = pan(speed)

    assert shift_of(clip, encode(clip, shift)) == shift


def test_the_shift_of_animation_on_twos_is_found() -> None:
    clip = pan(3)[np.arange(TOTAL) // 2]

    assert shift_of(clip, encode(clip, 2)) == 2


@pytest.mark.parametrize("shift", [-1, 0, 2])
def test_independent_noise_has_a_shift_as_well(shift: int) -> None:
    clip = RANDOM.uniform(0, 255, (TOTAL, SIDE * SIDE)).astype(np.float32)

    assert shift_of(clip, encode(clip, shift)) == shift


STILL = np.repeat(picture(0, speed=1)[None], TOTAL, axis=0)
RAMP = np.linspace(1.0, 0.2, TOTAL, dtype=np.float32)[:, None]


@pytest.mark.parametrize(
    "clip",
    [
        STILL,
        STILL * RAMP,
        16 + (STILL - 16) * RAMP,
        np.full((TOTAL, SIDE * SIDE), 16, np.float32),
        np.full((TOTAL, SIDE * SIDE), 16, np.float32) * RAMP,
    ],
    ids=["still", "fade", "fade-to-black", "black", "flat fade"],
)
@pytest.mark.parametrize("gain", [1.0, 0.9])
def test_where_nothing_moves_nothing_is_told(clip: Pictures, gain: float) -> None:
    assert shift_of(clip, gain * encode(clip, 1)) is None


def test_a_match_at_the_end_of_what_was_looked_at_may_lie_further_off() -> None:
    clip = pan()

    assert shift_of(clip, encode(clip, REACH)) is None


def test_pictures_that_are_of_another_clip_tell_nothing() -> None:
    other = RANDOM.uniform(16, 235, (LENGTH, SIDE * SIDE)).astype(np.float32)

    assert shift_of(pan(), other) is None


LOOKS = (Look(6, 12, 6), Look(50, 12, 6), Look(90, 12, 6))


@pytest.mark.parametrize(
    ("shifts", "sentence"),
    [
        ((None, None, None), None),
        ((0, None, 0), None),
        ((1, None, 1), "Frame N of the encode is frame N+1 of the reference; try --offset 1."),
        ((-3, -3, -3), "Frame N+3 of the encode is frame N of the reference; try --offset -3."),
        (
            (0, 1, 1),
            (
                "The encode lacks 1 frame before frame 50: from there on, frame N of the encode is "
                "frame N+1 of the reference."
            ),
        ),
        (
            (2, None, 0),
            (
                "The encode repeats or adds 2 frames before frame 90: from there on, frame N of "
                "the encode is frame N of the reference."
            ),
        ),
    ],
)
def test_a_hint_says_which_frames_belong_together(
    shifts: tuple[int | None, ...], sentence: str | None
) -> None:
    assert shift_hint(LOOKS, shifts) == sentence


def scores_of(*parts: tuple[int, float], subsample: int = 1) -> ScoreSet:
    frames = [vmaf for n_frames, vmaf in parts for _ in range(n_frames)]
    kept = tuple(frames[::subsample])
    return ScoreSet(kept, {}, n_frames=len(frames), model="m", backend="b", subsample=subsample)


@pytest.mark.parametrize(
    ("scores", "explained"),
    [
        (scores_of((200, 70)), True),
        (scores_of((80, 70), (120, 61)), True),
        (scores_of((80, 70), (120, 40)), False),
        (scores_of((80, 70), (120, 40), subsample=3), False),
        (scores_of((200, 70), subsample=150), False),
    ],
    ids=["alike", "a little lower", "much lower", "with subsampling", "with too few scores"],
)
def test_scores_as_low_as_where_clips_are_in_step_need_no_look(
    scores: ScoreSet, explained: bool
) -> None:
    assert is_explained(LOOKS[2], [LOOKS[0], LOOKS[1]], scores) == explained


def test_nothing_is_explained_before_a_place_is_in_step() -> None:
    assert not is_explained(LOOKS[0], [], scores_of((200, 70)))


@pytest.mark.parametrize("n_frames", [8, 12, 30, 100, 5000])
@pytest.mark.parametrize("difference", [0, 3, 10])
def test_looks_stay_within_both_clips(n_frames: int, difference: int) -> None:
    for look in look_plan(n_frames, difference):
        assert look.first_frame - look.reach >= 0
        assert look.first_frame + look.n_frames + look.reach <= n_frames


def test_very_short_clips_are_not_looked_at() -> None:
    assert look_plan(7) == ()


@pytest.mark.parametrize(
    ("counts", "offset", "expected"),
    [
        ((100, 100), 3, (3, 0, 97)),
        ((100, 97), 3, (3, 0, 97)),
        ((100, 94), 3, (3, 0, 94)),
        ((100, 103), -3, (0, 3, 100)),
        ((100, 100), -3, (0, 3, 97)),
    ],
)
def test_an_offset_leaves_what_both_clips_have(
    counts: tuple[int, int], offset: int, expected: tuple[int, int, int]
) -> None:
    reference, distorted = (a_source(n_frames=count) for count in counts)
    found = overlap(reference, distorted, offset)

    assert (found.reference, found.distorted, found.n_frames) == expected


def test_an_offset_does_not_explain_any_difference_in_length() -> None:
    with pytest.raises(FrameCountMismatchError, match=r"has 100 frames.*has 90.*9 are left over"):
        overlap(a_source(n_frames=100), a_source(n_frames=90), 1)


@pytest.mark.parametrize("offset", [100, -100])
def test_an_offset_beyond_the_end_is_refused(offset: int) -> None:
    with pytest.raises(UsageError, match="leaves nothing to compare"):
        overlap(a_source(n_frames=100), a_source(n_frames=100), offset)
