"""Further encoder arguments: what they may be, and what ffmpeg and the encoders make of them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from vmafx_tune.encoders.availability import find_unused_arguments
from vmafx_tune.encoders.extra_args import HARMLESS, OutputOption, touched
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.errors import UsageError
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec, Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.model import Source

TINY = Resolution(64, 64)
NARROW = ("-t", "60", "--preset", "ultrafast", "--crf-lo", "30", "--crf-hi", "32", "-v")


@pytest.fixture(scope="module")
def commands() -> list[tuple[str, ...]]:
    """All that the module's runner was asked to run."""
    return []


@pytest.fixture(scope="module")
def runner(commands: list[tuple[str, ...]]) -> ProcessRunner:
    return ProcessRunner(on_command=commands.append)


@pytest.fixture(scope="module")
def ffmpeg(runner: ProcessRunner) -> Ffmpeg:
    return find_ffmpeg(None, runner, {})


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Source:
    return probe_source(clips.moving(size=TINY))


def spec_of(
    source: Source, encoder: str, *extra: str, size: Resolution | None = None
) -> EncodeSpec:
    row = encoder_row(encoder)
    return EncodeSpec(source, row.name, row.knob.default, "ultrafast", extra, size)


def unused(
    spec: EncodeSpec, ffmpeg: Ffmpeg, runner: ProcessRunner, facts: FileFacts | None = None
) -> tuple[str, ...]:
    return find_unused_arguments(spec, encoder_row(spec.encoder), ffmpeg, runner, facts)


def test_every_option_of_ffmpegs_own_has_its_place(ffmpeg: Ffmpeg) -> None:
    text = subprocess.run(
        [ffmpeg.path, "-hide_banner", "-h", "long"], check=True, capture_output=True, text=True
    ).stdout
    options = re.findall(r"^-(\w+)", text[text.index("Global options") :], re.MULTILINE)
    assert len(options) > 100
    placed = {name for name in options if touched(OutputOption(0, f"-{name}", name, value="1"))}
    assert set(options) - placed <= HARMLESS
    assert not placed & HARMLESS


@pytest.mark.parametrize(
    ("encoder", "extra", "reason"),
    [
        ("libx264", ("-x264-params", "foo=1"), "Error parsing option 'foo = 1'"),
        ("libx264", ("-x264-params", "me=nonsense"), "Error parsing option 'me = nonsense'"),
        ("libx264", ("-x264opts", "foo=1"), "bad option 'foo'"),
        ("libx264", ("-maxrate", "200k"), "VBV maxrate specified, but no bufsize, ignored"),
        ("libx264", ("-tune", "nonsense"), "invalid tune 'nonsense'"),
        ("libx264", ("-foo", "1"), "Unrecognized option 'foo'"),
        ("libx265", ("-x265-params", "foo=1"), "Unknown option: foo"),
        ("libx265", ("-x265-params", "me=nonsense"), "Invalid value for me: nonsense"),
        ("libsvtav1", ("-svtav1-params", "foo=1"), "Error parsing option foo: 1"),
        ("libaom-av1", ("-aom-params", "foo=1"), "foo: Invalid parameter"),
        ("libvvenc", ("-vvenc-params", "foo=1"), "Unknown vvenc option: foo"),
        ("libvpx-vp9", ("-tune", "film"), "film"),
    ],
)
def test_arguments_that_an_encoder_does_not_take_are_an_error_in_its_words(
    encoder: str,
    extra: tuple[str, ...],
    reason: str,
    source: Source,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
) -> None:
    with pytest.raises(UsageError, match=re.escape(reason)) as caught:
        unused(spec_of(source, encoder, *extra), ffmpeg, runner)
    assert str(caught.value).startswith(encoder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoder", "extra", "names"),
    [
        ("libx264", ("-cpu-used", "3", "-g", "48"), ("cpu-used",)),
        ("libx264", ("-x265-params", "aq-mode=1", "-row-mt", "1"), ("row-mt", "x265-params")),
        ("libx265", ("-aq-mode", "2"), ("aq-mode",)),
        ("libsvtav1", ("-tune", "film"), ("tune",)),
    ],
)
def test_options_of_other_encoders_are_named(
    encoder: str,
    extra: tuple[str, ...],
    names: tuple[str, ...],
    source: Source,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
) -> None:
    assert tuple(sorted(unused(spec_of(source, encoder, *extra), ffmpeg, runner))) == names


@pytest.mark.parametrize(
    ("encoder", "extra"),
    [
        ("libx264", ("-tune", "film", "-g", "48", "-x264-params", "ref=4", "-an")),
        ("libx264", ("-maxrate", "2M", "-bufsize", "4M", "-pix_fmt", "yuv422p10le")),
        ("libx265", ("-x265-params", "aq-mode=3:psy-rd=1", "-tag:v", "hvc1")),
        ("libsvtav1", ("-svtav1-params", "film-grain=8:tune=0", "-movflags", "+faststart")),
        ("libaom-av1", ("-aom-params", "sharpness=2", "-vf", "format=yuv420p")),
        ("libvpx-vp9", ("-auto-alt-ref", "1", "-metadata", "title=x")),
        (
            "libvvenc",
            (
                "-vvenc-params",
                "perceptqpa=0",
            ),
        ),
    ],
)
def test_arguments_that_work_pass_and_are_tried_once(
    encoder: str,
    extra: tuple[str, ...],
    source: Source,
    ffmpeg: Ffmpeg,
    runner: ProcessRunner,
    commands: list[tuple[str, ...]],
) -> None:
    spec = spec_of(source, encoder, *extra)
    encoder_row(encoder).check(spec)
    facts = FileFacts()
    assert unused(spec, ffmpeg, runner, facts) == ()
    tried = len(commands)
    assert unused(spec, ffmpeg, runner, facts) == ()
    assert len(commands) == tried


def test_without_arguments_nothing_is_tried(
    source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner, commands: list[tuple[str, ...]]
) -> None:
    tried = len(commands)
    assert unused(spec_of(source, "libx264"), ffmpeg, runner) == ()
    assert len(commands) == tried


def test_arguments_are_not_blamed_for_a_size_that_the_encoder_cannot_code(
    source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner
) -> None:
    spec = spec_of(source, "libx264", "-g", "48", size=Resolution(63, 64))
    assert unused(spec, ffmpeg, runner) == ()


def test_an_encode_that_goes_on_without_an_argument_is_no_probe(
    source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner, tmp_path: Path
) -> None:
    encoder = FfmpegEncoder(ffmpeg, runner)
    with pytest.raises(UsageError, match="Error parsing option 'foo = 1'"):
        encoder.encode(spec_of(source, "libx264", "-x264-params", "foo=1"), tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        (("search",), "-x264-params foo=1", "Error parsing option 'foo = 1'"),
        (("search",), "-cpu-used 3", "-cpu-used does not do anything with libx264"),
        (("search",), "-vf crop=32:32", "--filter"),
        (("search",), "-qp 0", "sets a quality or bitrate"),
        (("compare", "-c", "libx264,libx265"), "-row-mt 1", "anything with libx264, libx265"),
        (("compare", "-c", "libx264,libx265"), "-x265-params foo=1", "libx265 rejects"),
        (("ladder", "--resolutions", "64x64"), "-x264-params foo=1", "Error parsing option 'foo"),
    ],
)
def test_arguments_that_do_nothing_end_a_command_before_its_first_encode(
    command: tuple[str, ...], arguments: str, reason: str, clips: ClipFactory
) -> None:
    targets = () if command[0] == "ladder" else NARROW
    outcome = run_cli(
        command[0], "-r", clips.moving(size=TINY), *command[1:], *targets,
        f"--encoder-args={arguments}",
    )  # fmt: skip
    assert outcome.exit_code == 2
    assert reason in outcome.stderr
    assert "probe.mp4" not in outcome.stderr


def test_a_comparison_takes_arguments_that_one_of_its_encoders_has(clips: ClipFactory) -> None:
    outcome = run_cli(
        "compare", "-r", clips.moving(size=TINY), *NARROW, "-c", "libx264,libx265",
        "--encoder-args=-x265-params aq-mode=1 -g 48 -aq-mode 1",
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.document["notes"] == [
        "-x265-params has no effect on libx264, which does not have it.",
        "-aq-mode has no effect on libx265, which does not have it.",
    ]


def test_a_cap_that_binds_is_what_a_missed_target_names(clips: ClipFactory) -> None:
    outcome = run_cli(
        "search", "-r", clips.moving(n_frames=25, size=Resolution(160, 90)), "-t", "99",
        "--preset", "ultrafast", "--encoder-args=-maxrate 100k -bufsize 100k",
    )  # fmt: skip
    assert outcome.exit_code == 3
    found = outcome.document
    assert found["limit"]["kind"] == "encoder_args"
    assert "-maxrate 100k and -bufsize 100k in the encoder arguments" in found["error"]
    assert found["best_crf"] >= 1


def test_a_rendition_that_misses_names_its_size_and_not_the_range(clips: ClipFactory) -> None:
    outcome = run_cli(
        "ladder", "-r", clips.moving(size=Resolution(320, 180)), "--resolutions", "320x180,80x44",
        "-t", "60,90", "--preset", "ultrafast",
    )  # fmt: skip
    cells = {(cell["height"], cell["target_vmaf"]): cell for cell in outcome.document["cloud"]}
    assert "the resolution is the limit" in cells[44, 90]["error"]
