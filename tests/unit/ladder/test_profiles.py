"""Profiles of a ladder's encodes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from vmafx_tune.ladder.engine import alike, profile_of


@dataclass(frozen=True)
class Point:
    bitrate_kbps: float
    codecs: str
    vmaf: float = 90.0


@pytest.mark.parametrize(
    ("codecs", "profile"),
    [
        ("avc1.64001f", "avc1.64"),
        ("avc1.f4000a", "avc1.f4"),
        ("avc3.42c01e", "avc3.42"),
        ("hvc1.2.4.L93.90", "hvc1.2"),
        ("av01.0.04M.10", "av01.0"),
        ("av01.1.00M.08.0.000.02.02.02.0", "av01.1"),
        ("vp09.00.10.08", "vp09.00"),
        ("vvc1.1.L51.CQA", "vvc1.1"),
        ("vvc1", "vvc1"),
        ("", ""),
    ],
)
def test_a_profile_is_what_a_decoder_must_know(codecs: str, profile: str) -> None:
    assert profile_of(codecs) == profile


def test_encodes_of_one_profile_are_all_kept_whatever_their_level() -> None:
    points = [Point(100, "avc1.64000a"), Point(900, "avc1.64001f"), Point(300, "")]
    assert alike(points) == (tuple(points), ())


def test_an_encode_of_another_profile_is_left_out_and_told() -> None:
    usual = [Point(100, "avc1.64000a"), Point(900, "avc1.64001f")]
    lossless, unknown = Point(60_000, "avc1.f4001f"), Point(300, "")
    kept, notes = alike([*usual, lossless, unknown])
    assert kept == (*usual, unknown)
    (note,) = notes
    assert note.startswith("1 encode is left out for the profile avc1.f4: the others have avc1.64")


def test_of_as_many_encodes_of_two_profiles_the_cheaper_ones_are_kept() -> None:
    lossless, usual = Point(60_000, "avc1.f4001f"), Point(900, "avc1.64001f")
    assert alike([lossless, usual])[0] == (usual,)
