"""`score --offset`, and the hint that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.cli import run_cli
from vmafx_tune import ScoringOptions, score
from vmafx_tune.errors import FrameCountMismatchError
from vmafx_tune.media.frames import Thumbnails

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tests.support.clips import ClipFactory

N_FRAMES = 60
LOSSY = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30")


def clip(clips: ClipFactory, name: str, numbers: Iterable[int]) -> Path:
    return clips.encode(f"offset-{name}.mp4", pictures.moving, numbers, LOSSY)


@pytest.fixture(scope="module")
def reference(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=N_FRAMES)


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
@pytest.mark.parametrize(
    ("name", "numbers", "offset", "first", "n_frames"),
    [
        ("ahead", range(2, N_FRAMES), 2, 2, N_FRAMES - 2),
        ("behind", [0, 0, 0, *range(N_FRAMES - 3)], -3, 0, N_FRAMES - 3),
    ],
)
def test_an_offset_compares_what_a_cut_by_hand_does(
    clips: ClipFactory,
    reference: Path,
    backend: str,
    name: str,
    numbers: Iterable[int],
    offset: int,
    first: int,
    n_frames: int,
) -> None:
    encoded = clip(clips, name, numbers)
    cuts = [
        clips.remade(
            f"{name}-{role}-cut.mkv",
            source,
            (
                *("-vf", f"trim=start_frame={start}:end_frame={start + n_frames}"),
                *("-fps_mode", "passthrough", "-c:v", "ffv1"),
            ),
        )
        for role, source, start in (
            ("reference", reference, first),
            ("encode", encoded, max(-offset, 0)),
        )
    ]

    ours = score(reference, encoded, offset=offset, scoring=ScoringOptions(backend=backend))
    theirs = score(*cuts, scoring=ScoringOptions(backend=backend))

    assert ours.scores.frames == theirs.scores.frames
    assert (ours.offset, ours.scores.n_frames) == (offset, n_frames)


def test_a_clip_that_is_a_frame_off_says_so_and_is_not_shifted(
    clips: ClipFactory, reference: Path
) -> None:
    encoded = clip(clips, "off", [*range(1, N_FRAMES), N_FRAMES - 1])
    arguments = ("score", reference, encoded, "--format")

    found = run_cli(*arguments, "json").document
    shifted = run_cli(*arguments, "json", "--offset", "1").document
    table = run_cli(*arguments, "table").stdout

    hint = "Frame N of the encode is frame N+1 of the reference; try --offset 1."
    assert (found["notes"], found["offset"], found["n_frames"]) == ([hint], 0, N_FRAMES)
    assert hint in table
    assert (shifted["notes"], shifted["offset"], shifted["n_frames"]) == ([], 1, N_FRAMES - 1)
    assert shifted["score"] > found["score"] + 20


def test_lengths_that_differ_by_a_cut_at_the_head_carry_the_hint(
    clips: ClipFactory, reference: Path
) -> None:
    with pytest.raises(FrameCountMismatchError, match="try --offset 2"):
        score(reference, clip(clips, "ahead", range(2, N_FRAMES)))


def test_lengths_that_differ_by_more_than_the_offset_are_told_as_they_are(
    clips: ClipFactory, reference: Path
) -> None:
    late = clip(clips, "late", range(3, N_FRAMES))

    with pytest.raises(FrameCountMismatchError) as refused:
        score(reference, late, offset=-3)

    assert f"has {N_FRAMES} frames" in str(refused.value)
    assert f"has {N_FRAMES - 3}." in str(refused.value)
    assert "With --offset -3, 6 are left over." in str(refused.value)


def test_lengths_that_differ_by_a_frame_that_was_dropped_name_the_place(
    clips: ClipFactory, reference: Path
) -> None:
    kept = [i for i in range(N_FRAMES) if i != 20]

    with pytest.raises(FrameCountMismatchError, match=r"lacks 1 frame before frame 2[0-9]"):
        score(reference, clip(clips, "dropped", kept))


def test_a_frame_that_was_dropped_and_another_one_repeated_name_the_place(
    clips: ClipFactory, reference: Path
) -> None:
    kept = [*(i for i in range(N_FRAMES) if i != 30), N_FRAMES - 1]

    (hint,) = score(reference, clip(clips, "replaced", kept)).notes
    assert "lacks 1 frame before frame 3" in hint


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """First frames of all that is read of pictures."""
    first_frames: list[int] = []
    read = Thumbnails.luma

    def counted(self: Thumbnails, first_frame: int, n_frames: int) -> NDArray[np.float32]:
        first_frames.append(first_frame)
        return read(self, first_frame, n_frames)

    monkeypatch.setattr(Thumbnails, "luma", counted)
    return first_frames


# Of the best one, a glance at the beginning tells; at the worst, pictures are too poor to tell.
@pytest.mark.parametrize(("crf", "most_places"), [(32, 1), (36, 3), (45, 6)])
def test_a_poor_encode_that_is_in_step_gets_no_hint(
    clips: ClipFactory, reference: Path, looks: list[int], crf: int, most_places: int
) -> None:
    poor = clips.encode(
        f"offset-poor-{crf}.mp4",
        pictures.moving,
        range(N_FRAMES),
        ("-c:v", "libx264", "-preset", "ultrafast", "-crf", str(crf)),
    )

    found = score(reference, poor)

    assert found.score < 85
    assert found.notes == ()
    assert 0 < len(looks) <= 2 * most_places


def test_a_still_clip_gets_no_hint(clips: ClipFactory) -> None:
    still = clips.static(n_frames=N_FRAMES)
    dark = clips.remade("offset-dark.mp4", still, ("-vf", "lutyuv=y=val/3", *LOSSY))

    found = score(still, dark)

    assert found.score < 85
    assert found.notes == ()


def test_a_server_takes_no_offset_and_no_filter() -> None:
    for options in (("--offset", "1"), ("--crop", "auto")):
        done = run_cli("score", "a.mp4", "b.mp4", "--server", "127.0.0.1:1", *options)

        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{options[0]} would have no effect" in done.stderr
