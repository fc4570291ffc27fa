from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.media.container import open_video
from vmafx_tune.media.pyav import side_data_kinds, to_fraction
from vmafx_tune.media.streams import read_contents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory


class Ratio(NamedTuple):
    """Like PyAV's own class of ratios, which not every release has."""

    numerator: int
    denominator: int

    def __bool__(self) -> bool:
        return self.numerator != 0


def test_a_ratio_is_a_fraction_in_every_release() -> None:
    assert to_fraction(Fraction(1001, 30000)) == Fraction(1001, 30000)
    assert type(to_fraction(Ratio(1001, 30000))) is Fraction
    assert to_fraction(Ratio(1001, 30000)) == Fraction(1001, 30000)


def test_a_ratio_that_is_not_set_is_none_in_every_release() -> None:
    assert to_fraction(None) is None
    assert to_fraction(Ratio(0, 1)) is None


def test_side_data_is_listed_by_kind(clips: ClipFactory) -> None:
    turned = clips.remux("told.mp4", clips.moving(), (), before=("-display_rotation", "90"))

    with open_video(turned) as video:
        assert "DISPLAYMATRIX" in side_data_kinds(next(video.decode()))


def test_tags_that_are_not_utf_8_can_be_printed(clips: ClipFactory, tmp_path: Path) -> None:
    path = clips.remux("title.avi", clips.moving(), ("-metadata", "title=naive cafe"))
    odd = tmp_path / "latin1.avi"
    odd.write_bytes(path.read_bytes().replace(b"naive cafe", b"na\xefve caf\xe9"))

    assert read_contents(odd).tags["title"] == "na\ufffdve caf\ufffd"
