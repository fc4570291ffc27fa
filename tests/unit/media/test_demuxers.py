from __future__ import annotations

from vmafx_tune.media.demuxers import input_guard, without_guard


def test_people_are_shown_a_command_without_its_guard() -> None:
    guard = [part for name, value in input_guard().items() for part in (f"-{name}", value)]
    argv = ("ffmpeg", *guard, "-i", "a.mp4", *guard, "-i", "b.mp4", "-f", "null", "-")
    assert without_guard(argv) == ("ffmpeg", "-i", "a.mp4", "-i", "b.mp4", "-f", "null", "-")
    assert without_guard(()) == ()
