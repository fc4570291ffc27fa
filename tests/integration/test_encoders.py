"""Real encodes with the real ffmpeg: all software encoders, and the hardware ones' refusals."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.programs import children_running, make_program, needs_proc, wait_until
from vmafx_tune.encoders.availability import check_encoder
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.errors import (
    CancelledError,
    EncodeFailedError,
    OutputError,
)
from vmafx_tune.ladder.engine import profile_of
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg, list_encoders
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec, RawFormat, Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.model import EncodeOutcome, Source

SOFTWARE = [row for row in all_rows() if not row.is_hardware]
HARDWARE = [row for row in all_rows() if row.is_hardware]
each_software = pytest.mark.parametrize("row", SOFTWARE, ids=lambda row: row.name)
each_hardware = pytest.mark.parametrize("row", HARDWARE, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def runner() -> ProcessRunner:
    return ProcessRunner()


@pytest.fixture(scope="module")
def ffmpeg(runner: ProcessRunner) -> Ffmpeg:
    return find_ffmpeg(None, runner, {})


@pytest.fixture(scope="module")
def encoder(ffmpeg: Ffmpeg, runner: ProcessRunner) -> FfmpegEncoder:
    return FfmpegEncoder(ffmpeg, runner)


@pytest.fixture(scope="module")
def source(clips: ClipFactory) -> Source:
    return probe_source(clips.moving())


def spec_of(row: EncoderRow, source: Source, **more: object) -> EncodeSpec:
    """Specify the fastest encode of `source` at the encoder's default quality."""
    spec = EncodeSpec(source, row.name, row.knob.default, preset="ultrafast")
    return replace(spec, **more)  # type: ignore[arg-type]  # the names are EncodeSpec's


def run_again(outcome: EncodeOutcome, folder: Path) -> Path:
    """Run the command that users are given, as it is, and return what it wrote."""
    subprocess.run(outcome.command, cwd=folder, check=True, capture_output=True)
    return folder / outcome.command[-1]


VERSIONS = {
    "libx264": r"x264 core \d+.*",
    "libx265": r"x265 \d+\.\d+.*",
    "libsvtav1": r"SVT-AV1 v\d+\.\d+.*",
    "libaom-av1": r"libaom v\d+\.\d+.*",
    "libvpx-vp9": r"libvpx v\d+\.\d+.*",
    "libvvenc": r"VVenC \d+\.\d+.*",
}
TAGS = {"h264": "avc1", "hevc": "hvc1", "av1": "av01", "vp9": "vp09", "vvc": "vvc1"}


@each_software
def test_every_software_encoder_encodes_all_frames_and_tells_its_version(
    row: EncoderRow, source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    told: list[int] = []
    outcome = encoder.encode(spec_of(row, source), target, on_progress=told.append)
    assert outcome.n_frames == source.n_frames
    assert outcome.encoded.n_frames == source.n_frames
    assert outcome.encoded.path == target
    assert outcome.encoded.resolution == source.resolution
    assert outcome.encoded.frame_rate == source.frame_rate
    assert 0 < outcome.size_bytes < target.stat().st_size
    assert outcome.encode_time_s > 0
    assert re.fullmatch(VERSIONS[row.name], outcome.encoder_version)
    assert told[-1] == source.n_frames
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.codec_tag == TAGS[row.codec]


@each_software
def test_the_command_run_as_it_is_writes_the_same_bytes(
    row: EncoderRow, source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    outcome = encoder.encode(spec_of(row, source), tmp_path / "out.mp4")
    again = run_again(outcome, tmp_path)
    assert again.name.startswith(f"{source.path.stem}.{row.name}.")
    assert again.read_bytes() == (tmp_path / "out.mp4").read_bytes()


def test_the_command_with_every_kind_of_option_writes_the_same_bytes(
    source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    spec = spec_of(
        encoder_row("libsvtav1"),
        source,
        quality=40.25,
        size=Resolution(80, 46),
        threads=2,
        extra_args=("-g", "6", "-svtav1-params", "tune=0", "-vf", "format=yuv420p"),
    )
    outcome = encoder.encode(spec, tmp_path / "out.mp4")
    assert outcome.encoded.resolution == Resolution(80, 46)
    assert run_again(outcome, tmp_path).read_bytes() == (tmp_path / "out.mp4").read_bytes()


@each_software
def test_every_encoder_takes_a_number_of_threads_and_repeats_to_the_byte(
    row: EncoderRow, source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    outcome = encoder.encode(spec_of(row, source, threads=1), tmp_path / "out.mp4")
    assert run_again(outcome, tmp_path).read_bytes() == (tmp_path / "out.mp4").read_bytes()


@each_software
def test_colour_metadata_survives(
    row: EncoderRow, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    hdr = probe_source(clips.hdr_pq())
    encoded = encoder.encode(spec_of(row, hdr), tmp_path / "out.mp4").encoded
    assert encoded.pixel_format.bit_depth == 10
    for name in ("color_range", "color_primaries", "color_transfer", "color_space"):
        assert getattr(encoded, name) == getattr(hdr, name)


@each_software
def test_a_worse_quality_takes_fewer_bytes(
    row: EncoderRow, source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    sizes = [
        encoder.encode(spec_of(row, source, quality=quality), tmp_path / "out.mp4").size_bytes
        for quality in (row.knob.lo + 5, row.knob.hi - 5)
    ]
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize(
    ("name", "qualities"),
    [
        ("libx264", (23.0, 23.1, 23.2)),
        ("libx265", (23.0, 23.1, 23.2)),
        ("libsvtav1", (20.0, 20.25, 20.5, 20.75, 21.0)),
    ],
)
def test_fractional_qualities_really_differ(
    name: str,
    qualities: tuple[float, ...],
    clips: ClipFactory,
    encoder: FfmpegEncoder,
    tmp_path: Path,
) -> None:
    row, clip = encoder_row(name), probe_source(clips.moving(size=Resolution(320, 180)))
    encodes = set()
    for quality in qualities:
        encoder.encode(spec_of(row, clip, quality=quality), tmp_path / "out.mp4")
        encodes.add((tmp_path / "out.mp4").read_bytes())
    assert len(encodes) == len(qualities)


@pytest.mark.parametrize(("finer", "same_as"), [("30.1", "30"), ("30.3", "30.25")])
def test_svt_av1_tells_no_steps_below_a_quarter_apart(
    finer: str, same_as: str, source: Source, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    written = []
    for crf in (finer, same_as):
        output = tmp_path / f"{crf}.mp4"
        options = ["-c:v", "libsvtav1", "-preset", "11", "-svtav1-params", f"crf={crf}"]
        command = [str(ffmpeg.path), "-v", "error", "-i", str(source.path), *options, str(output)]
        subprocess.run(command, check=True, capture_output=True)
        written.append(output.read_bytes())
    assert written[0] == written[1]


def test_svt_av1_gets_both_the_users_parameters_and_a_fractional_crf(
    source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    row, sizes = encoder_row("libsvtav1"), set()
    grain = ("-svtav1-params", "film-grain=50")
    for quality in (30.0, 30.5):
        for extra_args in ((), grain):
            spec = spec_of(row, source, quality=quality, preset="6", extra_args=extra_args)
            sizes.add(encoder.encode(spec, tmp_path / "out.mp4").size_bytes)
    assert len(sizes) == 4


def test_further_arguments_win(source: Source, encoder: FfmpegEncoder, tmp_path: Path) -> None:
    spec = spec_of(encoder_row("libx264"), source, extra_args=("-g", "1", "-bf", "0"))
    plain = encoder.encode(replace(spec, extra_args=()), tmp_path / "plain.mp4")
    assert encoder.encode(spec, tmp_path / "intra.mp4").size_bytes > plain.size_bytes


def test_only_the_video_is_encoded(
    clips: ClipFactory, source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\ntitle=Holiday\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n"
    )
    rich = tmp_path / "rich.mp4"
    clips.run(
        *("-i", str(source.path), "-i", str(clips.audio_only()), "-i", str(chapters)),
        *("-map", "1:a", "-map", "0:v", "-map_metadata", "2", "-c", "copy", str(rich)),
    )
    spec = spec_of(encoder_row("libx264"), probe_source(rich))
    encoder.encode(spec, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert "title" not in container.metadata


def test_a_cover_picture_is_not_taken_for_the_video(
    clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.with_cover())
    outcome = encoder.encode(spec_of(encoder_row("libx264"), source), tmp_path / "out.mp4")
    assert outcome.n_frames == source.n_frames > 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_source_becomes_upright(
    degrees: int, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.rotated(degrees))
    outcome = encoder.encode(spec_of(encoder_row("libx264"), source), tmp_path / "out.mp4")
    assert outcome.encoded.resolution == source.resolution
    assert outcome.encoded.rotation_deg == 0
    assert run_again(outcome, tmp_path).read_bytes() == (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize("name", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_a_variable_rate_source_keeps_each_frame_once(
    name: str, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.variable_rate())
    outcome = encoder.encode(spec_of(encoder_row(name), source), tmp_path / "out.mp4")
    assert outcome.n_frames == source.n_frames


@each_software
def test_a_single_frame_is_encoded(
    row: EncoderRow, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.one_frame())
    assert encoder.encode(spec_of(row, source), tmp_path / "out.mp4").n_frames == 1


@pytest.mark.parametrize("name", ["libsvtav1", "libaom-av1", "libvpx-vp9"])
def test_encoders_that_take_odd_sizes_keep_them(
    name: str, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.odd_size())
    outcome = encoder.encode(spec_of(encoder_row(name), source), tmp_path / "out.mp4")
    assert outcome.encoded.resolution == Resolution(161, 91)


@pytest.mark.parametrize("name", ["libx264", "libx265", "libvvenc"])
def test_encoders_that_the_registry_says_refuse_odd_sizes_do(
    name: str, clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    done = subprocess.run(
        [ffmpeg.path, "-v", "error", "-i", clips.odd_size(), "-c:v", name, tmp_path / "out.mp4"],
        check=False,
        capture_output=True,
    )
    assert done.returncode != 0


@pytest.mark.parametrize("name", ["libx264", "libx265"])
def test_an_odd_size_in_444_is_encoded_as_it_is(
    name: str, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    clip = clips.moving(size=Resolution(161, 91), pix_fmt="yuv444p", suffix=".mkv")
    outcome = encoder.encode(spec_of(encoder_row(name), probe_source(clip)), tmp_path / "out.mp4")
    assert outcome.encoded.resolution == Resolution(161, 91)
    assert outcome.encoded.pixel_format.chroma == "444"


def test_a_raw_source_is_encoded(
    clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    raw = RawFormat(Resolution(160, 90), "yuv420p", Fraction(30000, 1001))
    source = probe_source(clips.raw(), raw)
    outcome = encoder.encode(spec_of(encoder_row("libx264"), source), tmp_path / "out.mp4")
    assert outcome.n_frames == source.n_frames
    assert outcome.encoded.frame_rate == Fraction(30000, 1001)


@pytest.mark.parametrize("name", ["-v clip.mp4", "a:b.mp4", 'it\'s 100%d "fine".mp4'])
def test_a_source_with_a_strange_name_is_encoded(
    name: str,
    clips: ClipFactory,
    encoder: FfmpegEncoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    strange = (tmp_path / name).relative_to(tmp_path)
    strange.write_bytes(clips.moving().read_bytes())
    spec = spec_of(encoder_row("libx264"), probe_source(strange))
    outcome = encoder.encode(spec, tmp_path / "out.mp4")
    subprocess.run(outcome.command, check=True, capture_output=True)
    written = tmp_path / outcome.command[-1].removeprefix("file:")
    assert written.read_bytes() == (tmp_path / "out.mp4").read_bytes()


def test_the_measured_size_is_that_of_the_packets(
    source: Source, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    outcome = encoder.encode(spec_of(encoder_row("libx264"), source), target)
    packets = measure_packets(target)
    assert packets.size_bytes == outcome.size_bytes == sum(packets.sizes_bytes)
    assert packets.n_packets == source.n_frames
    assert sum(packets.durations_s) == pytest.approx(source.duration_s)
    assert b"x264 - core" in packets.first
    assert outcome.bitrate_kbps == pytest.approx(outcome.size_bytes * 8 / source.duration_s / 1000)


@pytest.mark.parametrize(
    ("extra_args", "reason"),
    [
        (("-tune", "nonsense"), r"invalid tune 'nonsense'"),
        (("-no_such_option", "1"), r"Unrecognized option 'no_such_option'"),
        (("-vf", "format=no_such_format"), r"no_such_format"),
    ],
)
def test_a_failed_encode_says_why_in_ffmpegs_words(
    extra_args: tuple[str, ...],
    reason: str,
    source: Source,
    encoder: FfmpegEncoder,
    tmp_path: Path,
) -> None:
    spec = spec_of(encoder_row("libx264"), source, extra_args=extra_args)
    with pytest.raises(EncodeFailedError, match=reason) as caught:
        encoder.encode(spec, tmp_path / "out.mp4")
    assert caught.value.argv[-3:-1] == extra_args
    assert caught.value.stderr_tail
    assert list(tmp_path.iterdir()) == []


def test_a_limit_on_file_sizes_is_told_as_a_full_disk(
    source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner, tmp_path: Path
) -> None:
    limited = make_program(tmp_path, f"ulimit -f 8; exec '{ffmpeg.path}' \"$@\"")
    work = tmp_path / "work"
    work.mkdir()
    spec = spec_of(encoder_row("libx264"), source, quality=1)
    with pytest.raises(OutputError, match="The encode does not fit"):
        FfmpegEncoder(replace(ffmpeg, path=limited), runner).encode(spec, work / "out.mp4")
    assert list(work.iterdir()) == []


def test_a_full_disk_is_told_as_one(source: Source, encoder: FfmpegEncoder, tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("Mounting a small file system is not allowed here.")
    try:
        spec = spec_of(encoder_row("libx264"), source, quality=1)
        with pytest.raises(OutputError, match="The encode does not fit"):
            encoder.encode(spec, tmp_path / "out.mp4")
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def endless_spec(clips: ClipFactory) -> EncodeSpec:
    """Specify an encode that takes minutes, and tells of each frame as soon as it is done."""
    source = probe_source(clips.moving(n_frames=48, size=Resolution(320, 180)))
    frame_by_frame = "rc-lookahead=0:bframes=0:sync-lookahead=0:threads=1"
    return spec_of(
        encoder_row("libx264"),
        source,
        preset="placebo",
        size=Resolution(3840, 2160),
        extra_args=("-x264-params", frame_by_frame),
    )


@needs_proc
def test_cancelling_in_the_middle_leaves_no_file_and_no_child(
    clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    runner = ProcessRunner()
    running = threading.Event()

    def cancel() -> None:
        running.wait()
        runner.cancel.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(CancelledError):
        FfmpegEncoder(ffmpeg, runner).encode(
            endless_spec(clips), tmp_path / "out.mp4", on_progress=lambda _: running.set()
        )
    thread.join()
    assert list(tmp_path.iterdir()) == []
    assert not children_running(str(tmp_path))


@needs_proc
def test_ctrl_c_in_the_middle_leaves_no_file_and_no_child(
    clips: ClipFactory, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    spec = endless_spec(clips)
    code = f"""
import signal, sys
from pathlib import Path
# Whatever runs the tests may have it ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from vmafx_tune.encoders.runner import FfmpegEncoder
from vmafx_tune.media.ffmpeg import Ffmpeg
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import EncodeSpec, Resolution
source = probe_source(Path({str(spec.source.path)!r}))
spec = EncodeSpec(source, "libx264", 23, "placebo", {spec.extra_args!r}, {spec.size!r})
ffmpeg = Ffmpeg(Path({str(ffmpeg.path)!r}), {ffmpeg.version!r}, "--ffmpeg")
encoder = FfmpegEncoder(ffmpeg, ProcessRunner())
tell = lambda frames: print(frames, flush=True)
try:
    encoder.encode(spec, Path({str(tmp_path)!r}, "out.mp4"), on_progress=tell)
except KeyboardInterrupt:
    sys.exit(130)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip().isdigit()
        assert children_running(str(tmp_path))
        parent.send_signal(signal.SIGINT)
        assert parent.wait() == 130
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: not children_running(str(tmp_path)))


@each_software
def test_every_software_encoder_opens_here(
    row: EncoderRow, ffmpeg: Ffmpeg, runner: ProcessRunner
) -> None:
    facts = FileFacts()
    found = check_encoder(row, ffmpeg, runner, facts)
    assert (found.compiled, found.opens, found.reason) == (True, True, None)
    assert re.fullmatch(VERSIONS[row.name], found.version)
    assert check_encoder(row, ffmpeg, runner, facts) == found


REASONS = {
    "nvenc": r"Cannot load libcuda\.so\.1",
    "qsv": r"libva|MFX session|No available render device|Device creation failed",
    "amf": r"libamfrt64\.so\.1",
    "videotoolbox": r"was built without it",
}


@each_hardware
def test_a_hardware_encoder_without_its_device_says_what_is_missing(
    row: EncoderRow, ffmpeg: Ffmpeg, runner: ProcessRunner
) -> None:
    found = check_encoder(row, ffmpeg, runner)
    if found.opens:
        assert found.version
        pytest.skip(f"This machine has the device for {row.name}.")
    message = str(found.why_not)
    assert message.startswith(f"{row.name} cannot be used here.")
    assert "\n" not in message
    if sys.platform == "linux":
        assert re.search(REASONS[row.kind], message)


def encoder_help(ffmpeg: Ffmpeg, row: EncoderRow) -> str:
    """Ask ffmpeg for an encoder's options; skips where this build does not have it."""
    if row.name not in list_encoders(ffmpeg, ProcessRunner()):
        pytest.skip(f"This ffmpeg has no {row.name}.")
    done = subprocess.run(
        [ffmpeg.path, "-hide_banner", "-h", f"encoder={row.name}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def option_block(text: str, name: str) -> tuple[str, dict[str, str]]:
    """Find an option's line in ffmpeg's help, and its named values."""
    lines = iter(text.splitlines())
    line = next((line for line in lines if re.match(rf"  -{re.escape(name)} ", line)), "")
    values = {}
    for value in lines:
        match = re.match(r"     (\S+)\s+(-?\d+) ", value)
        if match is None:
            break
        values[match[1]] = match[2]
    return line, values


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_the_knobs_range_is_one_that_ffmpeg_takes(row: EncoderRow, ffmpeg: Ffmpeg) -> None:
    help_text = encoder_help(ffmpeg, row)
    for name, template in row.templates:
        line, _ = option_block(help_text, name)
        limits = re.search(r"\(from (-?\d+) to (\w+)\)", line)
        if "{quality}" not in template or limits is None:
            continue
        upper = float("inf") if limits[2].endswith("MAX") else float(limits[2])
        assert float(limits[1]) <= row.knob.lo
        # x264 and x265 leave the upper end open: 51 is that of their quantiser.
        assert row.knob.hi == upper or upper == float("inf")
        whole_numbers = "<int>" in line and row.fraction_option is None
        assert not whole_numbers or row.knob.increment == 1


@pytest.fixture(scope="module")
def generic_options(ffmpeg: Ffmpeg) -> frozenset[str]:
    """Options that ffmpeg itself and its codec layer have for every encoder."""
    done = subprocess.run(
        [ffmpeg.path, "-hide_banner", "-h", "full"], check=True, capture_output=True, text=True
    )
    own, _, rest = done.stdout.partition("AVCodecContext AVOptions:")
    codec_layer = rest.partition("AVOptions:")[0]
    # A stream specifier may follow ffmpeg's own, as in `-q[:<stream_spec>] <q>`.
    names = re.findall(r"^-([\w-]+)", own, re.MULTILINE)
    return frozenset([*names, *re.findall(r"^  -([\w-]+) .* E\S*V", codec_layer, re.MULTILINE)])


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_every_option_of_a_row_is_one_that_its_encoder_has(
    row: EncoderRow, ffmpeg: Ffmpeg, generic_options: frozenset[str]
) -> None:
    help_text = encoder_help(ffmpeg, row)
    own = set(re.findall(r"^  -([\w-]+) ", help_text, re.MULTILINE))
    used = [name for name, _ in (*row.templates, *row.gop_templates, *row.thread_templates)]
    used += [row.fraction_option] if row.fraction_option else []
    assert {name.partition(":")[0] for name in used} <= own | generic_options


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_a_row_that_sets_the_quality_of_one_type_of_frame_sets_that_of_all(
    row: EncoderRow, ffmpeg: Ffmpeg
) -> None:
    # Such as `qp_i`: what is left at its default keeps its quality, whatever the knob says.
    set_here = {name for name, template in row.templates if "{quality}" in template}
    stems = {name[:-2] for name in set_here if name.endswith(("_i", "_p", "_b"))}
    listed = re.findall(r"^  -(\w+_[ipb]) ", encoder_help(ffmpeg, row), re.MULTILINE)
    assert {name for name in listed if name[:-2] in stems} <= set_here


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
@each_software
def test_no_step_of_a_knob_is_lossless_or_has_a_profile_of_its_own(
    row: EncoderRow, pix_fmt: str, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.moving(n_frames=4, pix_fmt=pix_fmt))
    profiles = set()
    for quality in (row.knob.lo, row.knob.default, row.knob.hi):
        target = tmp_path / f"{quality:g}.mp4"
        outcome = encoder.encode(spec_of(row, source, quality=quality), target)
        profiles.add(profile_of(outcome.codecs))
    assert len(profiles) == 1
    assert decoded(tmp_path / f"{row.knob.lo:g}.mp4", pix_fmt) != decoded(source.path, pix_fmt)


def decoded(clip: Path, pix_fmt: str) -> list[bytes]:
    """Decode a clip into the bytes of its frames."""
    with av.open(str(clip)) as container:
        return [
            frame.reformat(format=pix_fmt).to_ndarray().tobytes()
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_native_presets_are_ones_that_ffmpeg_knows(row: EncoderRow, ffmpeg: Ffmpeg) -> None:
    help_text = encoder_help(ffmpeg, row)
    for name, template in row.templates:
        line, values = option_block(help_text, name)
        if "{preset}" not in template or "<string>" in line:
            continue
        limits = re.search(r"\(from (-?\d+) to (-?\d+)\)", line)
        assert limits is not None
        for preset in row.presets.native:
            number = int(values.get(preset, preset))
            assert int(limits[1]) <= number <= int(limits[2])


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_subsamplings_kept_are_ones_that_the_encoder_takes(row: EncoderRow, ffmpeg: Ffmpeg) -> None:
    formats = re.search(r"Supported pixel formats: (.*)", encoder_help(ffmpeg, row))
    assert formats is not None
    listed = formats[1].split()
    signs = {
        "400": ("gray",),
        "420": ("yuv420p", "nv12"),
        "422": ("yuv422p", "nv16", "yuyv422"),
        "444": ("yuv444p", "vuyx"),
    }
    for chroma, names in signs.items():
        taken = any(one.startswith(names) for one in listed)
        assert (chroma in row.chroma) == taken, chroma


@pytest.mark.parametrize(
    ("row", "preset"),
    [(row, preset) for row in SOFTWARE for preset in ("superfast", "medium")],
    ids=lambda value: getattr(value, "name", value),
)
def test_presets_from_x264_are_taken_by_the_encoder(
    row: EncoderRow, preset: str, clips: ClipFactory, encoder: FfmpegEncoder, tmp_path: Path
) -> None:
    source = probe_source(clips.moving(n_frames=2, size=Resolution(64, 64)))
    outcome = encoder.encode(spec_of(row, source, preset=preset), tmp_path / "out.mp4")
    assert outcome.n_frames == 2
