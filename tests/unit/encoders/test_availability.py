"""Trials of encoders, and what is remembered of them."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.support.programs import make_program
from vmafx_tune.encoders import trial_cache
from vmafx_tune.encoders.availability import Availability, check_encoder, require_encoder
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.encoders.trial_cache import TrialCache
from vmafx_tune.errors import CancelledError, EncoderUnavailableError
from vmafx_tune.media.ffmpeg import Ffmpeg
from vmafx_tune.media.process import ProcessRunner

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


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def check(fake: FakeFfmpeg, cache: Path, *, use_cache: bool = True) -> Availability:
    return check_encoder(X264, fake.ffmpeg, ProcessRunner(), use_cache=use_cache, cache_dir=cache)


def test_an_encoder_that_opens_tells_its_version(fake: FakeFfmpeg, cache: Path) -> None:
    found = check(fake, cache)
    assert found == Availability("libx264", compiled=True, opens=True, version="x264 core 165")
    assert found.why_not is None


def test_an_encoder_that_opened_is_remembered(fake: FakeFfmpeg, cache: Path) -> None:
    assert [check(fake, cache) for _ in range(3)] == [check(fake, cache)] * 3
    assert fake.n_trials == 1


def test_without_the_cache_every_check_is_a_trial(fake: FakeFfmpeg, cache: Path) -> None:
    for _ in range(2):
        check(fake, cache, use_cache=False)
    assert fake.n_trials == 2
    assert not cache.exists()


def test_a_refreshed_trial_takes_the_place_of_the_one_before(fake: FakeFfmpeg, cache: Path) -> None:
    TrialCache(cache).remember(X264, fake.ffmpeg, "an older version")
    assert check(fake, cache).version == "an older version"
    fresh = check_encoder(X264, fake.ffmpeg, ProcessRunner(), refresh=True, cache_dir=cache)
    assert check(fake, cache) == fresh
    assert fresh.version != "an older version"


def test_a_failure_is_tried_again(fake: FakeFfmpeg, cache: Path) -> None:
    fake.behave("echo '[libx264 @ 0x1] [error] no luck today' >&2; exit 1")
    assert not check(fake, cache).opens
    fake.behave("exit 0")
    assert check(fake, cache).opens


def test_a_changed_ffmpeg_is_tried_again(fake: FakeFfmpeg, cache: Path) -> None:
    check(fake, cache)
    os.utime(fake.ffmpeg.path, (1_700_000_001, 1_700_000_001))
    check(fake, cache)
    assert fake.n_trials == 2


def test_another_ffmpeg_is_tried_on_its_own(tmp_path: Path, cache: Path) -> None:
    fakes = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fakes.append(FakeFfmpeg(tmp_path / name))
    for fake in fakes:
        check(fake, cache)
    assert [fake.n_trials for fake in fakes] == [1, 1]


def check_nvenc(fake: FakeFfmpeg, cache: Path) -> Availability:
    return check_encoder(NVENC, fake.ffmpeg, ProcessRunner(), cache_dir=cache)


def test_a_hardware_encoder_is_tried_again_after_a_day(fake: FakeFfmpeg, cache: Path) -> None:
    check_nvenc(fake, cache)
    check_nvenc(fake, cache)
    assert fake.n_trials == 1
    (entry,) = cache.iterdir()
    os.utime(entry, (1_700_000_000, 1_700_000_000))
    check_nvenc(fake, cache)
    assert fake.n_trials == 2


def test_a_software_encoder_is_remembered_for_good(fake: FakeFfmpeg, cache: Path) -> None:
    check(fake, cache)
    (entry,) = cache.iterdir()
    os.utime(entry, (1_700_000_000, 1_700_000_000))
    check(fake, cache)
    assert fake.n_trials == 1


def test_a_hardware_encoder_is_tried_again_when_devices_come_or_go(
    fake: FakeFfmpeg, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_nvenc(fake, cache)
    monkeypatch.setattr(trial_cache, "_devices", lambda: iter(["/dev/nvidia0"]))
    check_nvenc(fake, cache)
    assert fake.n_trials == 2


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not json", b"\xff\xfe\x00", b"[]", b"{}", b"null", b"[" * 60_000,
        b'{"version": 7}', b'{"version": "x264 core 165"}',
        b'{"version": "x264 core 1", "checksum": "abc"}',
    ],
)  # fmt: skip
def test_a_damaged_memory_is_no_memory(fake: FakeFfmpeg, cache: Path, content: bytes) -> None:
    check(fake, cache)
    (entry,) = cache.iterdir()
    entry.write_bytes(content)
    assert check(fake, cache).version == "x264 core 165"
    assert json.loads(entry.read_text())["version"] == "x264 core 165"


def test_the_trial_of_one_encoder_is_never_that_of_another(fake: FakeFfmpeg, cache: Path) -> None:
    check(fake, cache)
    (entry,) = cache.iterdir()
    check_nvenc(fake, cache)
    (other,) = set(cache.iterdir()) - {entry}
    shutil.copy(entry, other)
    check_nvenc(fake, cache)
    assert fake.n_trials == 3


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(fake: FakeFfmpeg, cache: Path) -> None:
    check(fake, cache)
    (entry,) = cache.iterdir()
    entry.unlink()
    os.mkfifo(entry)
    assert check(fake, cache).version == "x264 core 165"


@pytest.mark.parametrize("folder", ["/dev/null/cache", "/proc/cache"])
def test_a_cache_that_cannot_be_written_is_done_without(fake: FakeFfmpeg, folder: str) -> None:
    assert check(fake, Path(folder)).opens
    assert check(fake, Path(folder)).opens
    assert fake.n_trials == 2


def test_a_file_where_the_cache_should_be_is_left_alone(fake: FakeFfmpeg, cache: Path) -> None:
    cache.write_text("mine")
    assert check(fake, cache).opens
    assert cache.read_text() == "mine"


def test_no_home_to_keep_anything_in_is_no_trouble(
    fake: FakeFfmpeg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VMAFX_CACHE_DIR")
    monkeypatch.setenv("HOME", "/nonexistent/home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(fake.ffmpeg.path / "not-a-folder"))
    assert check_encoder(X264, fake.ffmpeg, ProcessRunner()).opens


def test_the_users_cache_folder_is_the_default(
    fake: FakeFfmpeg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VMAFX_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    check_encoder(X264, fake.ffmpeg, ProcessRunner())
    assert len(list(tmp_path.rglob("libx264-*.json"))) == 1


def test_checks_at_the_same_time_do_no_harm(fake: FakeFfmpeg, cache: Path) -> None:
    found: list[Availability] = []
    threads = [threading.Thread(target=lambda: found.append(check(fake, cache))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(one.opens, one.version) for one in found} == {(True, "x264 core 165")}
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def test_an_encoder_that_is_not_compiled_in_needs_no_trial(fake: FakeFfmpeg, cache: Path) -> None:
    row = encoder_row("libx265")
    found = check_encoder(row, fake.ffmpeg, ProcessRunner(), cache_dir=cache)
    assert (found.compiled, found.opens, fake.n_trials) == (False, False, 0)
    assert "was built without it" in (found.why_not or "")


def test_a_trial_that_hangs_is_a_reason(fake: FakeFfmpeg, cache: Path) -> None:
    fake.behave("sleep 1000")
    runner = ProcessRunner(stall_timeout_s=0.4)
    found = check_encoder(X264, fake.ffmpeg, runner, cache_dir=cache)
    assert not found.opens
    assert "made no progress" in (found.reason or "")


def test_requiring_an_encoder_that_fails_raises_with_ffmpegs_reason(
    fake: FakeFfmpeg, cache: Path
) -> None:
    fake.behave("echo '[h264_nvenc @ 0x1] [error] Cannot load libcuda.so.1' >&2; exit 255")
    with pytest.raises(
        EncoderUnavailableError,
        match=r"^h264_nvenc cannot be used here\. ffmpeg says: Cannot load libcuda\.so\.1\.",
    ) as caught:
        require_encoder(NVENC, fake.ffmpeg, ProcessRunner(), cache_dir=cache)
    assert caught.value.exit_code == 4
    assert "h264_nvenc" in caught.value.argv


def test_requiring_an_encoder_that_works_gives_it(fake: FakeFfmpeg, cache: Path) -> None:
    found = require_encoder(X264, fake.ffmpeg, ProcessRunner(), cache_dir=cache)
    assert found.version == "x264 core 165"


def test_a_cancelled_check_is_cancelled_not_a_missing_encoder(
    fake: FakeFfmpeg, cache: Path
) -> None:
    runner = ProcessRunner()
    runner.cancel.cancel()
    with pytest.raises(CancelledError):
        check_encoder(X264, fake.ffmpeg, runner, cache_dir=cache)
