from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.scoring.builders import a_request, a_source
from vmafx_tune.errors import CancelledError
from vmafx_tune.media.pixel_formats import frame_size_bytes
from vmafx_tune.model import Resolution
from vmafx_tune.scoring.alignment import ScoringPlan, plan_scoring
from vmafx_tune.scoring.reference_copies import ReferenceCopies

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import Source
    from vmafx_tune.scoring.reference_copies import ReferenceCopy

SIZE = Resolution(16, 8)
SPACE = replace(plan_scoring(a_request()).comparison, width=SIZE.width, height=SIZE.height)
PLAN = ScoringPlan(SPACE)
# As large as each other.
PLANS = [ScoringPlan(replace(SPACE, pix_fmt=name)) for name in ("yuv420p", "nv12", "nv21")]
N_FRAMES = 3
WHOLE = bytes(N_FRAMES * frame_size_bytes("yuv420p", SIZE))
BUDGET_BYTES = 3 * len(WHOLE)


@pytest.fixture
def reference(tmp_path: Path) -> Source:
    path = tmp_path / "reference.mp4"
    path.write_bytes(b"as it was")
    return replace(a_source(n_frames=N_FRAMES), path=path)


@pytest.fixture
def other(tmp_path: Path) -> Source:
    path = tmp_path / "other.mp4"
    path.write_bytes(b"another one")
    return replace(a_source(n_frames=N_FRAMES), path=path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def copies(folder: Path) -> ReferenceCopies:
    return ReferenceCopies(folder, budget_bytes=BUDGET_BYTES)


def write(
    copies: ReferenceCopies, reference: Source, data: bytes = WHOLE, plan: ScoringPlan = PLAN
) -> ReferenceCopy:
    with copies.of(reference, plan) as copy:
        assert copy is not None
        assert not copy.is_made
        copy.path.write_bytes(data)
    return copy


def _write_whole(path: Path) -> None:
    path.write_bytes(WHOLE)


def lent(
    copies: ReferenceCopies, reference: Source, plan: ScoringPlan = PLAN
) -> ReferenceCopy | None:
    with copies.of(reference, plan) as copy:
        return copy


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_the_first_one_wrote_the_others_read(
    copies: ReferenceCopies, reference: Source
) -> None:
    written = write(copies, reference)
    copy = lent(copies, reference)

    assert copy is not None
    assert copy.is_made
    assert copy.path == written.path
    assert copy.path.read_bytes() == WHOLE


def test_what_is_decoded_quickly_is_copied_by_the_third_score(
    copies: ReferenceCopies, reference: Source
) -> None:
    quick = replace(reference, resolution=SIZE)
    quick.path.write_bytes(b"tiny")

    assert [lent(copies, quick) for _ in range(2)] == [None, None]
    write(copies, quick)
    assert lent(copies, quick) is not None
    assert lent(copies, replace(quick, filters="hqdn3d")) is not None


def test_a_copy_is_described_as_what_it_is(copies: ReferenceCopies, reference: Source) -> None:
    clip = write(copies, reference).clip

    assert clip.raw is not None
    assert (clip.raw.resolution, clip.raw.pix_fmt) == (SIZE, "yuv420p")
    assert (clip.resolution, clip.excerpt, clip.n_frames) == (SIZE, None, N_FRAMES)


@pytest.mark.parametrize("data", [b"", WHOLE[:-1], WHOLE + b"x"])
def test_a_file_that_has_not_all_frames_is_no_copy(
    copies: ReferenceCopies, reference: Source, folder: Path, data: bytes
) -> None:
    write(copies, reference, data)

    assert lent(copies, reference) is None
    assert files(folder) == []


def test_a_failure_leaves_no_copy_and_is_not_tried_again(
    copies: ReferenceCopies, reference: Source, folder: Path
) -> None:
    with suppress(KeyboardInterrupt), copies.of(reference, PLAN) as copy:
        assert copy is not None
        copy.path.write_bytes(WHOLE)
        raise KeyboardInterrupt

    assert lent(copies, reference) is None
    assert files(folder) == []


def test_one_that_was_stopped_is_written_by_the_next(
    copies: ReferenceCopies, reference: Source, folder: Path
) -> None:
    with suppress(CancelledError), copies.of(reference, PLAN) as copy:
        assert copy is not None
        copy.path.write_bytes(WHOLE)
        raise CancelledError("Another probe is made.")
    assert files(folder) == []

    with copies.written(reference, PLAN, _write_whole) as clip:
        assert clip.path.read_bytes() == WHOLE


def test_a_copy_that_was_discarded_is_none(
    copies: ReferenceCopies, reference: Source, folder: Path
) -> None:
    with copies.of(reference, PLAN) as copy:
        assert copy is not None
        copy.path.write_bytes(WHOLE)
        copy.discard()

    assert lent(copies, reference) is None
    assert files(folder) == []


def test_while_one_writes_the_others_do_without(copies: ReferenceCopies, reference: Source) -> None:
    with copies.of(reference, PLAN) as copy:
        assert copy is not None
        assert lent(copies, reference) is None


def test_each_conversion_has_a_copy_of_its_own(copies: ReferenceCopies, reference: Source) -> None:
    first = write(copies, reference)
    second = lent(copies, reference, ScoringPlan(replace(SPACE, range="pc")))

    assert second is not None
    assert not second.is_made
    assert second.path != first.path


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_reference_that_was_edited_is_another_clip(
    copies: ReferenceCopies, reference: Source, when: str
) -> None:
    with copies.of(reference, PLAN) as copy:
        assert copy is not None
        copy.path.write_bytes(WHOLE)
        if when == "meanwhile":
            reference.path.write_bytes(b"edited...")
    if when == "before":
        reference.path.write_bytes(b"edited...")
    found = lent(copies, reference)

    assert found is None or not found.is_made


def test_there_are_no_more_copies_than_there_is_room_for(
    copies: ReferenceCopies, reference: Source
) -> None:
    plans = [*PLANS, ScoringPlan(replace(SPACE, pix_fmt="yuvj420p"))]
    with ExitStack() as stack:
        found = [stack.enter_context(copies.of(reference, plan)) for plan in plans]

    assert [copy is not None for copy in found] == [True, True, True, False]


def test_copies_of_another_file_give_way_the_one_that_was_used_last_at_the_end(
    copies: ReferenceCopies, reference: Source, other: Source, folder: Path
) -> None:
    for plan in PLANS:
        write(copies, reference, plan=plan)
    lent(copies, reference, PLANS[0])
    write(copies, other)
    kept = [copy is not None and copy.is_made for copy in (lent(copies, other),)]
    left = len(files(folder))
    kept += [copy is not None and copy.is_made for copy in (lent(copies, reference, PLANS[0]),)]

    assert kept == [True, True]
    assert left == 3
    # There is room for it again, once another one goes.
    again = lent(copies, reference, PLANS[1])
    assert again is not None
    assert not again.is_made


def test_a_copy_that_is_read_does_not_give_way(
    copies: ReferenceCopies, reference: Source, other: Source
) -> None:
    for plan in PLANS:
        write(copies, reference, plan=plan)
    with ExitStack() as stack:
        for plan in PLANS:
            stack.enter_context(copies.of(reference, plan))
        assert lent(copies, other) is None
    assert lent(copies, other) is not None


def test_a_copy_that_is_larger_than_the_budget_is_not_made(folder: Path, reference: Source) -> None:
    copies = ReferenceCopies(folder, budget_bytes=len(WHOLE) - 1)

    assert lent(copies, reference) is None
    assert list(folder.iterdir()) == []


def test_without_a_budget_it_is_a_share_of_disk_and_memory(folder: Path, reference: Source) -> None:
    assert lent(ReferenceCopies(folder), reference) is not None
    huge = replace(reference, n_frames=10**12)
    assert lent(ReferenceCopies(folder), huge) is None


def test_a_copy_that_somebody_removed_is_missed_and_not_made_again(
    copies: ReferenceCopies, reference: Source
) -> None:
    write(copies, reference).discard()

    assert lent(copies, reference) is None


def test_a_folder_that_cannot_be_used_costs_nothing_but_time(
    reference: Source, tmp_path: Path
) -> None:
    copies = ReferenceCopies(tmp_path / "nowhere", budget_bytes=BUDGET_BYTES)

    assert lent(copies, reference) is None


def test_a_reference_that_is_gone_has_no_copy(copies: ReferenceCopies, reference: Source) -> None:
    reference.path.unlink()

    assert lent(copies, reference) is None


def test_closing_removes_them_and_those_that_are_being_written(
    copies: ReferenceCopies, reference: Source, folder: Path
) -> None:
    write(copies, reference)
    with copies.of(reference, ScoringPlan(replace(SPACE, range="pc"))) as copy:
        assert copy is not None
        copies.close()

    assert list(folder.iterdir()) == []
    assert lent(copies, reference) is None


def test_forgetting_them_removes_them(folder: Path, reference: Source) -> None:
    write(ReferenceCopies(folder, budget_bytes=BUDGET_BYTES), reference)

    assert list(folder.iterdir()) == []
