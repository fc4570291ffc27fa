"""What is read out of ffmpeg's log: every log here is a real one, shortened."""

from __future__ import annotations

import signal

import pytest

from vmafx_tune.encoders.diagnosis import encoder_version, failure_reason
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.media.ffmpeg import is_disk_full

NVENC = """\
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
X264 = """\
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
        (NVENC, "Cannot load libcuda.so.1"),
        (QSV, "failed to load library 'libva-drm.so.2' via dlopen: not there"),
        (AMF, "DLL libamfrt64.so.1 failed to open"),
        (VIDEOTOOLBOX, "Unknown encoder 'h264_videotoolbox'"),
        (X264, "invalid preset 'nonsense'"),
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
    assert failure_reason(log, 3) == "it exited with status 3 and printed no reason"


@pytest.mark.parametrize(
    ("returncode", "reason"),
    [(-signal.SIGSEGV, "it was killed by SIGSEGV"), (-250, "it was killed by signal 250")],
)
def test_a_crash_without_a_word_names_the_signal(returncode: int, reason: str) -> None:
    assert failure_reason("", returncode) == reason


def test_a_full_disk_is_known_by_the_systems_words_or_its_signal() -> None:
    assert is_disk_full(FULL, 228)
    assert is_disk_full("", -signal.SIGXFSZ)
    assert not is_disk_full(NVENC, 255)
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
        ("av1_nvenc", "[av1_nvenc @ 0x5] [verbose] Loaded Nvenc version 13.0", "NVENC API 13.0"),
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
