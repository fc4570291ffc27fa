"""Messages come out as they went in, and say so where they cannot."""

from __future__ import annotations

import dataclasses
import json
import zlib
from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.encoders.specs import make_source, make_spec
from tests.unit.probing.samples import probe, scores
from vmafx_tune import errors
from vmafx_tune.cluster.messages import (
    Answer,
    Failure,
    FileRef,
    ForeignVersionError,
    Inquiry,
    Job,
    Kit,
    Report,
    difference,
    failure_of,
    listing,
    pack,
    raised,
    unpack,
)
from vmafx_tune.model import Excerpt, ProbeSpec, RawFormat, Resolution, VmafModel

KIT = Kit("/opt/ffmpeg", None, 600.0)
FACTS = {"ffmpeg": "abc", "scorer": {"name": "ffmpeg"}, "devices": []}


def make_job() -> Job:
    source = dataclasses.replace(
        make_source("/media/clip.yuv"),
        raw=RawFormat(Resolution(64, 36), "yuv420p", Fraction(30000, 1001)),
        excerpt=Excerpt(10, 20, Fraction(1, 3)),
    )
    encode = make_spec(source=source, extra_args=("-tune", "film"), size=Resolution(32, 18))
    spec = ProbeSpec(encode, VmafModel("mine", Path("/models/mine.json")), Resolution(64, 36), 2)
    file = FileRef("/media/clip.yuv", "digest", 123, "https://host/clip.yuv")
    return Job(KIT, "ffmpeg", spec, file, file, (file,), FACTS, None, "ticket")


@pytest.mark.parametrize(
    "message",
    [
        make_job(),
        Inquiry(KIT, backend="auto", model=VmafModel("vmaf_v0.6.1")),
        Inquiry(KIT, encoder="libx264"),
        Report(FACTS, name="ffmpeg", version="3.2.0"),
        Report(None, reason="There is none."),
        Answer(probe=probe(), worker="tcp://a:1"),
        Answer(probe=dataclasses.replace(probe(), parts=(probe(20), probe(21)))),
        Answer(scores=scores()),
        Answer(failure=Failure("MediaError", "It is broken.", {}, elsewhere=True)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_comes_out_as_it_went_in(message: object) -> None:
    assert unpack(type(message), pack(message)) == message


def test_a_message_is_plain_json_inside() -> None:
    parcel = json.loads(zlib.decompress(pack(make_job())))

    assert parcel["body"]["spec"]["encode"]["source"]["path"] == "/media/clip.yuv"


def test_a_message_of_another_version_is_told_by_its_version() -> None:
    parcel = json.loads(zlib.decompress(pack(make_job())))
    data = zlib.compress(json.dumps({**parcel, "version": "0.0.1", "body": 5}).encode())

    with pytest.raises(ForeignVersionError, match=r"0\.0\.1"):
        unpack(Job, data)


@pytest.mark.parametrize(
    "error",
    [
        errors.EncodeFailedError("It failed.", argv=("a", "b"), returncode=1, stderr_tail="why"),
        errors.FrameCountMismatchError("a.mp4", 10, "b.mp4", 9),
        errors.LibvmafNotFoundError([("/lib/a.so", "no such file")]),
        errors.LibvmafCallError("vmaf_init", -22),
        errors.UnknownEncoderError("x", ["y"]),
        errors.ClusterWorkersError("None.", [("tcp://a:1", "because")]),
        errors.UnreadableSourceError("It is empty."),
        errors.TooLargeError(100.0, 120.5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_as_it_was_raised(error: errors.VmafxTuneError) -> None:
    answer = unpack(Answer, pack(Answer(failure=failure_of(error))))
    assert answer.failure is not None
    again = raised(answer.failure)

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_an_error_that_this_version_does_not_know_keeps_its_message() -> None:
    again = raised(Failure("SomethingNewError", "It is new.", {}))

    assert type(again) is errors.VmafxTuneError
    assert str(again) == "It is new."


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (errors.OutputError("full"), True),
        (errors.ToolNotFoundError("none"), True),
        (errors.EncoderUnavailableError("no GPU"), True),
        (errors.EncodeFailedError("bad argument"), False),
        (errors.UnreadableSourceError("damaged"), False),
    ],
)
def test_what_is_the_machines_fault_is_tried_elsewhere(
    error: errors.VmafxTuneError, *, elsewhere: bool
) -> None:
    assert failure_of(error).elsewhere is elsewhere


@pytest.mark.parametrize(
    ("name", "found", "expected", "words"),
    [
        ("ffmpeg", "abc", "def", "another ffmpeg"),
        ("processors", "8 of 8 processors", "2 of 2 processors", "8 of 8 processors instead of 2"),
        ("machine", "aarch64", "x86_64", "aarch64 instead of x86_64"),
        ("scorer", {"name": "ffmpeg", "version": "3.1"}, {"name": "ffmpeg"}, "ffmpeg 3.1"),
        ("encoder_version", "x264 164", "x264 165", "x264 164 instead of x264 165"),
        ("scoring_files", ["a"], ["b"], "libraries that score"),
        ("devices", ["a"], [], "hardware"),
    ],
)
def test_a_difference_is_told_in_words(
    name: str, found: object, expected: object, words: str
) -> None:
    assert words in str(difference({name: found}, {name: expected}))


def test_facts_that_are_not_asked_for_make_no_difference() -> None:
    assert difference({"machine": "a", "processors": "8"}, {"machine": "a"}) is None


def test_what_several_say_is_said_once() -> None:
    said = [("tcp://a:1", "It is missing."), ("tcp://b:1", "It is missing"), ("tcp://c:1", "No.")]

    assert listing(said) == "tcp://a:1, tcp://b:1: It is missing. tcp://c:1: No."
