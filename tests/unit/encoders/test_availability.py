"""Trials of encoders, and what is kept of them."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs import make_program
from vmafx_tune.encoders import availability
from vmafx_tune.encoders.availability import (
    Availability,
    check_encoder,
    encoder_version,
    failure_reason,
)
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import CancelledError
from vmafx_tune.media import file_facts
from vmafx_tune.media.ffmpeg import Ffmpeg, is_disk_full
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.probing.store import SqliteProbeStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.encoders.row import EncoderRow

    Cache = Callable[..., FileFacts]

X264, NVENC = encoder_row("libx264"), encoder_row("h264_nvenc")
BANNER = "[libx264 @ 0x1] [info] 264 - core 165 - H.264/MPEG-4 AVC codec"


class FakeFfmpeg:
    """An ffmpeg that has x264 and NVENC, counts trials, and does in them what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "trials"
        self.behave(f"echo '{BANNER}' >&2")

    def behave(self, body: str) -> None:
        listing = "echo ' V....D libx264  x264'; echo ' V....D h264_nvenc  NVENC'"
        program = make_program(
            self.folder,
            f'case "$*" in *-encoders*) {listing}; exit 0;; esac\necho trial >> {self.log}\n{body}',
            "ffmpeg",
        )
        # Rewriting it must not look like another build.
        os.utime(program, (1_700_000_000, 1_700_000_000))
        os.truncate(program, 2000)

    @property
    def ffmpeg(self) -> Ffmpeg:
        return Ffmpeg(self.folder / "ffmpeg", "7.1", "--ffmpeg")

    @property
    def n_trials(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def fake(tmp_path: Path) -> FakeFfmpeg:
    return FakeFfmpeg(tmp_path)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for the store; files count as finished at once."""
    monkeypatch.setattr(file_facts, "_SETTLED_AFTER_S", -1.0)
    return Clock()


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> Cache:
    """Makes facts as another run would have them."""

    def facts(**options: Any) -> FileFacts:
        path = tmp_path / "cache" / "probes.sqlite"
        store = SqliteProbeStore(path, limit_bytes=1 << 20, warn=warned.append, clock=clock)
        return FileFacts(store, **options)

    warned: list[str] = []
    return facts


def check(fake: FakeFfmpeg, cache: Cache, row: EncoderRow = X264) -> Availability:
    return check_encoder(row, fake.ffmpeg, ProcessRunner(), cache())


def test_an_encoder_that_opens_tells_its_version(fake: FakeFfmpeg, cache: Cache) -> None:
    found = check(fake, cache)
    assert found == Availability("libx264", compiled=True, opens=True, version="x264 core 165")
    assert found.why_not is None


def test_an_encoder_that_opened_is_known(fake: FakeFfmpeg, cache: Cache) -> None:
    assert [check(fake, cache) for _ in range(3)] == [check(fake, cache)] * 3
    assert fake.n_trials == 1


def test_without_facts_every_check_is_a_trial(fake: FakeFfmpeg) -> None:
    for _ in range(2):
        check_encoder(X264, fake.ffmpeg, ProcessRunner())
    assert fake.n_trials == 2


def test_a_refreshed_trial_takes_the_place_of_the_one_before(
    fake: FakeFfmpeg, cache: Cache
) -> None:
    check(fake, cache)
    fresh = check_encoder(X264, fake.ffmpeg, ProcessRunner(), cache(refresh=True))
    assert check(fake, cache) == fresh
    assert fake.n_trials == 2


def test_a_failure_is_tried_again(fake: FakeFfmpeg, cache: Cache) -> None:
    fake.behave("echo '[libx264 @ 0x1] [error] no luck today' >&2; exit 1")
    assert not check(fake, cache).opens
    fake.behave("exit 0")
    assert check(fake, cache).opens


def test_a_changed_ffmpeg_is_tried_again(fake: FakeFfmpeg, cache: Cache) -> None:
    check(fake, cache)
    os.utime(fake.ffmpeg.path, (1_700_000_001, 1_700_000_001))
    check(fake, cache)
    assert fake.n_trials == 2


def test_another_ffmpeg_is_tried_on_its_own(tmp_path: Path, cache: Cache) -> None:
    fakes = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fakes.append(FakeFfmpeg(tmp_path / name))
    for fake in fakes:
        check(fake, cache)
    assert [fake.n_trials for fake in fakes] == [1, 1]


def test_a_hardware_encoder_is_tried_again_after_a_day(
    fake: FakeFfmpeg, cache: Cache, clock: Clock
) -> None:
    check(fake, cache, NVENC)
    clock.now_s += 23 * 3600
    check(fake, cache, NVENC)
    assert fake.n_trials == 1
    clock.now_s += 2 * 3600
    check(fake, cache, NVENC)
    assert fake.n_trials == 2


def test_a_software_encoder_is_known_for_months(
    fake: FakeFfmpeg, cache: Cache, clock: Clock
) -> None:
    check(fake, cache)
    clock.now_s += 300 * 24 * 3600
    check(fake, cache)
    assert fake.n_trials == 1


def test_a_hardware_encoder_is_tried_again_when_devices_come_or_go(
    fake: FakeFfmpeg, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(fake, cache, NVENC)
    monkeypatch.setattr(availability, "_devices", lambda: iter(["/dev/nvidia0"]))
    check(fake, cache, NVENC)
    assert fake.n_trials == 2


def test_the_trial_of_one_encoder_is_never_that_of_another(fake: FakeFfmpeg, cache: Cache) -> None:
    check(fake, cache)
    check(fake, cache, NVENC)
    assert fake.n_trials == 2


def test_libraries_that_are_installed_have_encoders_tried_again(
    fake: FakeFfmpeg, cache: Cache
) -> None:
    libraries = fake.folder.parent / "lib"
    libraries.mkdir()
    check(fake, cache)
    check(fake, cache)
    assert fake.n_trials == 1
    os.utime(libraries, (1, 1))
    check(fake, cache)
    assert fake.n_trials == 2


@pytest.mark.parametrize("folder", ["/dev/null/cache", "/proc/cache"])
def test_a_cache_that_cannot_be_written_is_done_without(
    fake: FakeFfmpeg, clock: Clock, folder: str
) -> None:
    warned: list[str] = []
    for _ in range(2):
        store = SqliteProbeStore(Path(folder) / "x", limit_bytes=1 << 20, warn=warned.append)
        assert check_encoder(X264, fake.ffmpeg, ProcessRunner(), FileFacts(store)).opens
    assert fake.n_trials == 2
    assert warned == []


def test_checks_at_the_same_time_do_no_harm(fake: FakeFfmpeg, cache: Cache) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: check(fake, cache), range(8)))
    assert {(one.opens, one.version) for one in found} == {(True, "x264 core 165")}


def test_an_encoder_that_is_not_compiled_in_needs_no_trial(fake: FakeFfmpeg, cache: Cache) -> None:
    row = encoder_row("libx265")
    found = check_encoder(row, fake.ffmpeg, ProcessRunner(), cache())
    assert (found.compiled, found.opens, fake.n_trials) == (False, False, 0)
    assert "was built without it" in (found.why_not or "")


def test_a_trial_that_hangs_is_a_reason(fake: FakeFfmpeg, cache: Cache) -> None:
    fake.behave("sleep 1000")
    runner = ProcessRunner(stall_timeout_s=0.4)
    found = check_encoder(X264, fake.ffmpeg, runner, cache())
    assert not found.opens
    assert "made no progress" in (found.reason or "")


def test_an_encoder_that_fails_says_so_with_ffmpegs_reason(fake: FakeFfmpeg, cache: Cache) -> None:
    fake.behave("echo '[h264_nvenc @ 0x1] [error] Cannot load libcuda.so.1' >&2; exit 255")
    found = check_encoder(NVENC, fake.ffmpeg, ProcessRunner(), cache())
    reason = "h264_nvenc cannot be used here. ffmpeg says: Cannot load libcuda.so.1."
    assert (found.why_not or "").startswith(reason)


def test_a_cancelled_check_is_cancelled_not_a_missing_encoder(
    fake: FakeFfmpeg, cache: Cache
) -> None:
    runner = ProcessRunner()
    runner.cancel.cancel()
    with pytest.raises(CancelledError):
        check_encoder(X264, fake.ffmpeg, runner, cache())


NVENC_REFUSAL = """\
[graph -1 input @ 0x7f10] [verbose] w:320 h:240 pixfmt:yuv420p tb:1/25 fr:25/1 sar:1/1
[h264_nvenc @ 0x5638f61344c0] [error] Cannot load libcuda.so.1
[vost#0:0/h264_nvenc @ 0x56] [enc:h264_nvenc @ 0x56] [error] Error while opening encoder - maybe \
incorrect parameters such as bit_rate, rate, width or height.
[vf#0:0 @ 0x5638] [error] Error sending frames to consumers: Operation not permitted
Conversion failed!
"""
QSV = """\
[VAAPI @ 0x55b3] [verbose] No available render device for DRM render node.
implib-gen: libva-drm.so.2: failed to load library 'libva-drm.so.2' via dlopen: not there
ffmpeg: libva-drm.so.2.init.c:122: load_library: Assertion `0 && "generated code"' failed.
"""
AMF = """\
[AMF @ 0x7f0a68004400] [error] DLL libamfrt64.so.1 failed to open
[h264_amf @ 0x5596] [error] Failed to create  hardware device context (AMF) : Unknown error occurred
"""
VIDEOTOOLBOX = """\
[vost#0:0 @ 0x55feeaa87940] [fatal] Unknown encoder 'h264_videotoolbox'
[vost#0:0 @ 0x55feeaa87940] [fatal] Error selecting an encoder
"""
X264_REFUSAL = """\
x264 [error]: invalid preset 'nonsense'
[libx264 @ 0x5565e4ee7e00] [error] Error setting preset/tune nonsense/(null).
"""
X265 = """\
x265 [info]: HEVC encoder version 4.3+49-020d7054
x265 [error]: Picture width must be an integer multiple of the specified chroma subsampling
[libx265 @ 0x55a1c1c5cd80] [error] Cannot open libx265 encoder.
"""
OPTION = "[error] Unrecognized option 'foo'.\n[fatal] Error splitting the argument list\n"
INPUT = (
    "[in#0 @ 0x55df] [error] moov atom not found\n[error] Error opening input file file:t.mp4.\n"
)
VVENC = "[libvvenc @ 0x55] [error] cannot open libvvenc encoder: \nConversion failed!\n"
FULL = "[vost#0:0/libx264 @ 0x5] [error] Error submitting a packet: No space left on device\n"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (NVENC_REFUSAL, "Cannot load libcuda.so.1"),
        (QSV, "failed to load library 'libva-drm.so.2' via dlopen: not there"),
        (AMF, "DLL libamfrt64.so.1 failed to open"),
        (VIDEOTOOLBOX, "Unknown encoder 'h264_videotoolbox'"),
        (X264_REFUSAL, "invalid preset 'nonsense'"),
        (X265, "Picture width must be an integer multiple of the specified chroma subsampling"),
        (OPTION, "Unrecognized option 'foo'"),
        (INPUT, "moov atom not found"),
        (VVENC, "cannot open libvvenc encoder"),
    ],
)
def test_the_reason_is_the_first_error_without_its_prefixes(log: str, reason: str) -> None:
    assert failure_reason(log, 1) == reason


def test_a_log_without_an_error_gives_the_exit_status() -> None:
    log = "[info] Stream mapping:\n[verbose] decoder not found in cache\n"
    assert failure_reason(log, 3) == "it printed no reason (exit status 3)"


@pytest.mark.parametrize(
    ("returncode", "reason"),
    [
        (-signal.SIGSEGV, "it printed no reason (killed by SIGSEGV)"),
        (-250, "it printed no reason (killed by signal 250)"),
    ],
)
def test_a_crash_without_a_word_names_the_signal(returncode: int, reason: str) -> None:
    assert failure_reason("", returncode) == reason


def test_a_full_disk_is_known_by_the_systems_words_or_its_signal() -> None:
    assert is_disk_full(FULL, 228)
    assert is_disk_full("", -signal.SIGXFSZ)
    assert not is_disk_full(NVENC_REFUSAL, 255)
    assert not is_disk_full("", 0)


@pytest.mark.parametrize(
    ("encoder", "log", "version"),
    [
        (
            "libx264",
            "[libx264 @ 0x1] [info] 264 - core 165 - H.264/MPEG-4 AVC codec - Copyleft",
            "x264 core 165",
        ),
        (
            "libx264",
            "[libx264 @ 0x1] [info] 264 - core 164 r3095 baee400 - H.264/MPEG-4 AVC codec",
            "x264 core 164 r3095 baee400",
        ),
        ("libx265", X265, "x265 4.3+49-020d7054"),
        (
            "libsvtav1",
            "Svt[info]: SVT [version]:\tSVT-AV1 Encoder Lib v4.2.0-151-g5ed9ffbcb",
            "SVT-AV1 v4.2.0-151-g5ed9ffbcb",
        ),
        ("libaom-av1", "[libaom-av1 @ 0x555] [info] v3.15.1\n", "libaom v3.15.1"),
        ("libaom-av1", "[libaom-av1 @ 0x555] 3.6.0\n", "libaom 3.6.0"),
        ("libvpx-vp9", "[libvpx-vp9 @ 0x555] [info] v1.17.0\n", "libvpx v1.17.0"),
        ("libvvenc", "[libvvenc @ 0x5] [info] libvvenc version: 1.15.0-dev", "VVenC 1.15.0-dev"),
        (
            "av1_nvenc",
            "[av1_nvenc @ 0x5] [verbose] Loaded Nvenc version 13.0",
            "NVENC API 13.0",
        ),
        (
            "hevc_qsv",
            "[hevc_qsv @ 0x5] [verbose] Use Intel(R) oneVPL, API version is 2.13",
            "oneVPL API 2.13",
        ),
        ("h264_amf", "[h264_amf @ 0x5] [verbose] nothing of use", "ffmpeg 7.1"),
        ("libx265", "no banner", "ffmpeg 7.1"),
    ],
)
def test_the_version_is_the_encoders_own_or_else_ffmpegs(
    encoder: str, log: str, version: str
) -> None:
    assert encoder_version(encoder_row(encoder), log, b"", "7.1") == version


def test_a_quiet_x264_is_known_by_its_bitstream() -> None:
    packet = b"\x00\x00\x02\xad\x06\x05\xff\xffx264 - core 164 r3107 a8b68eb - H.264/MPEG-4 AVC"
    version = encoder_version(encoder_row("libx264"), "", packet, "7.1")
    assert version == "x264 core 164 r3107 a8b68eb"
