"""When an encode is certain to be too large: from bytes that it has, never from a guess."""

from __future__ import annotations

import dataclasses
import pickle
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.encoders.specs import make_source, make_spec
from vmafx_tune.encoders.runner import check_size, watch_size
from vmafx_tune.errors import TooLargeError
from vmafx_tune.model import EncodeOutcome, Excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.model import EncodeSpec

# 50 frames at 25 fps: 400 kb/s are 100,000 bytes, and the container's share is 19,584 at most.
LIMIT_KBPS = 400.0
PLAINLY_OVER = 140_000
PERHAPS_UNDER = 115_000


def limited(**changes: Any) -> EncodeSpec:
    return dataclasses.replace(make_spec(), max_bitrate_kbps=LIMIT_KBPS, **changes)


def report(size: int, frame: int = 20, progress: str = "continue") -> list[str]:
    """One report of ffmpeg's `-progress`, in its order and spacing."""
    return [f"frame={frame}", "fps=0.00", f"total_size={size}", f"progress={progress}"]


def follow(spec: EncodeSpec, lines: Iterable[str]) -> None:
    watch = watch_size(spec)
    for line in lines:
        watch(line)


def found_after(spec: EncodeSpec, lines: Iterable[str]) -> float | None:
    """What an encode has at least when it is ended; None where it is not."""
    try:
        follow(spec, lines)
    except TooLargeError as error:
        return error.at_least_kbps
    return None


def outcome(size_bytes: int, n_frames: int = 50) -> EncodeOutcome:
    return EncodeOutcome(make_source(), size_bytes, n_frames, 1.0, "", ())


def test_more_bytes_than_the_whole_clip_may_have_end_an_encode() -> None:
    with pytest.raises(TooLargeError) as caught:
        follow(limited(), [*report(50_000), *report(PLAINLY_OVER)])
    assert caught.value.limit_kbps == LIMIT_KBPS
    assert LIMIT_KBPS < caught.value.at_least_kbps < PLAINLY_OVER * 8 / 2 / 1000
    assert not caught.value.recalled


def test_what_may_be_the_containers_own_bytes_does_not_end_an_encode() -> None:
    follow(limited(), report(PERHAPS_UNDER))


def test_an_encode_without_a_limit_is_never_ended() -> None:
    follow(make_spec(), report(10**12))


def test_the_last_report_counts_for_nothing_since_it_holds_the_containers_index() -> None:
    follow(limited(), report(PLAINLY_OVER, progress="end"))


def test_a_size_that_is_not_known_yet_is_no_size() -> None:
    follow(limited(), ["frame=0", "total_size=N/A", "progress=continue"])


def test_a_part_of_a_clip_may_be_above_the_limit_of_the_clip() -> None:
    part = dataclasses.replace(make_source(), excerpt=Excerpt(0, 50, Fraction(0)))
    follow(limited(source=part), report(PLAINLY_OVER))
    check_size(limited(source=part), outcome(PLAINLY_OVER))


def test_a_source_with_more_frames_than_it_says_is_not_ended() -> None:
    follow(limited(), report(PLAINLY_OVER, frame=51))


def test_a_source_without_frames_is_not_ended() -> None:
    empty = dataclasses.replace(make_source(), n_frames=0)
    follow(limited(source=empty), report(PLAINLY_OVER, frame=0))


def test_a_finished_encode_is_held_against_its_limit_exactly() -> None:
    check_size(limited(), outcome(100_000))
    with pytest.raises(TooLargeError) as caught:
        check_size(limited(), outcome(100_001))
    assert caught.value.at_least_kbps == pytest.approx(400.004)


@given(
    packet_bytes=st.lists(st.integers(1, 60_000), min_size=1, max_size=60),
    overhead_bytes=st.integers(0, 4096),
    frame_overhead_bytes=st.integers(0, 32),
    limit_kbps=st.floats(1, 20_000),
)
def test_no_encode_is_ended_that_would_have_kept_its_limit(
    packet_bytes: list[int], overhead_bytes: int, frame_overhead_bytes: int, limit_kbps: float
) -> None:
    n_frames = len(packet_bytes)
    source = dataclasses.replace(make_source(), n_frames=n_frames)
    spec = dataclasses.replace(make_spec(source=source), max_bitrate_kbps=limit_kbps)
    finished = dataclasses.replace(
        outcome(sum(packet_bytes), n_frames), encoded=dataclasses.replace(source)
    )
    written = (
        (done, overhead_bytes + sum(packet_bytes[:done]) + done * frame_overhead_bytes)
        for done in range(n_frames + 1)
    )
    lines = [line for done, size in written for line in report(size, frame=done)]
    least_kbps = found_after(spec, lines)
    assert least_kbps is None or limit_kbps < least_kbps <= finished.bitrate_kbps


def test_what_was_found_travels_between_processes() -> None:
    error = TooLargeError(400.0, 512.5, recalled=True)
    back = pickle.loads(pickle.dumps(error))
    assert (back.limit_kbps, back.at_least_kbps, back.recalled) == (400.0, 512.5, True)
    assert str(back) == (
        "The encode takes 513 kb/s or more, above the limit of 400 kb/s. Raise the limit, or "
        "lower the target."
    )
