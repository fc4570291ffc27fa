"""What an engineer is told of an answer beside its score: what it lost, and if it is smaller."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import run_cli
from vmafx_tune.formatting import rough_bitrate
from vmafx_tune.media.packets import measure_packets, video_bitrate_kbps
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

NARROW = ("-t", "50", "--preset", "ultrafast", "--crf-lo", "30", "--crf-hi", "33")


def search(clip: Path, *more: str, codes: tuple[int, ...] = (0, 3)) -> dict[str, Any]:
    outcome = run_cli("search", "-r", clip, *NARROW, *more)
    assert outcome.exit_code in codes, outcome.stderr
    found: dict[str, Any] = outcome.document
    return found


def with_hdr10_plus(clips: ClipFactory) -> Path:
    """HEVC whose every picture has a message as HDR10+ players read it."""
    plain = clips.remade(
        "plain.hevc",
        clips.ten_bit(),
        ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0"),
    )
    # ITU-T T.35 of application 4, with one window and percentiles left out.
    fields = [(1, 2), (0, 28), (100, 17), (100, 17), (100, 17), (50, 17), (0, 4), (0, 13)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    message = b"\xb5\x00\x3c\x00\x01\x04\x01" + body
    sei = b"\x4e\x01" + _escaped(bytes([4, len(message)]) + message + b"\x80")
    units = re.split(rb"\x00*\x00\x00\x01", plain.read_bytes())[1:]
    written = []
    for unit in units:
        is_picture = unit[0] >> 1 & 63 < 32
        written += [sei, unit] if is_picture else [unit]
    path = clips.folder / "hdr10-plus.hevc"
    path.write_bytes(b"".join(b"\x00\x00\x00\x01" + unit for unit in written))
    return clips.remade("hdr10-plus.mp4", path, ("-c", "copy"))


def _escaped(payload: bytes) -> bytes:
    return re.sub(rb"\x00\x00([\x00-\x03])", lambda found: b"\x00\x00\x03" + found[1], payload)


@pytest.mark.parametrize(("encoder", "kept"), [("libx264", False), ("libaom-av1", True)])
def test_dynamic_metadata_is_told_where_an_encoder_drops_it(
    encoder: str, clips: ClipFactory, *, kept: bool
) -> None:
    clip = with_hdr10_plus(clips)
    assert probe_source(clip).hdr_metadata == ("HDR10+",)
    notes = search(clip, "-c", encoder)["notes"]
    assert ("The HDR10+ metadata of the source is not in the encode." in notes) is not kept


@pytest.mark.parametrize(
    ("pix_fmt", "encoder", "sentence"),
    [
        ("yuv444p", "libsvtav1", "The source is 4:4:4 (yuv444p), and the encode 4:2:0"),
        ("yuv444p", "libx264", None),
        ("yuva420p", "libx264", "The source has an alpha channel (yuva420p)"),
        ("yuv420p", "libvvenc", None),
    ],
)
def test_what_the_pictures_lose_is_told_by_what_the_encode_is(
    pix_fmt: str, encoder: str, sentence: str | None, clips: ClipFactory
) -> None:
    clip = clips.remade(f"as-{pix_fmt}.mkv", clips.moving(), ("-c:v", "ffv1", "-pix_fmt", pix_fmt))
    notes = search(clip, "-c", encoder)["notes"]
    assert [note for note in notes if sentence and sentence in note] == notes
    assert len(notes) == (sentence is not None)


def test_what_the_users_own_pixel_format_drops_is_told_and_recalled(clips: ClipFactory) -> None:
    line = ("-c", "libx264", "--encoder-args=-pix_fmt yuv420p")
    first, again = (search(clips.chroma_444(), *line) for _ in range(2))
    assert "4:4:4 (yuv444p), and the encode 4:2:0 (yuv420p)" in first["notes"][0]
    assert (again["new_probes"], again["notes"]) == (0, first["notes"])


def test_the_bitrate_of_a_source_is_that_of_its_video_alone(
    clips: ClipFactory, tmp_path: Path
) -> None:
    clip = clips.degraded(40)
    both = tmp_path / "both.mkv"
    clips.run(
        *("-i", str(clips.audio_only()), "-i", str(clip)),
        *("-map", "0:a", "-map", "1:v", "-c", "copy", str(both)),
    )
    source = probe_source(both)
    expected = measure_packets(clip).size_bytes * 8 / source.duration_s / 1000
    assert video_bitrate_kbps(source) == pytest.approx(expected)
    assert video_bitrate_kbps(probe_source(clips.y4m())) is None


def test_an_answer_that_is_larger_than_its_source_is_told(clips: ClipFactory) -> None:
    clip = clips.degraded(45, n_frames=25)
    outcome = run_cli("compare", "-r", clip, "-c", "libx264", "-t", "5,95", "--preset=ultrafast")
    small, large = outcome.document["rows"]
    assert small["notes"] == []
    assert "The encode is larger than the source: " in large["notes"][0]
    assert f"{rough_bitrate(large['bitrate_kbps'])} kb/s, where" in large["notes"][0]


def test_a_ladder_whose_top_rung_is_larger_than_its_source_says_so_again_when_reselected(
    clips: ClipFactory, tmp_path: Path
) -> None:
    clip, saved = clips.degraded(45, n_frames=25), tmp_path / "ladder.json"
    size = str(Resolution(160, 90))
    line = ("--resolutions", size, "-t", "50,95", "--preset=ultrafast", "-o", saved)
    assert run_cli("ladder", "-r", clip, *line).exit_code in {0, 3}
    document = json.loads(saved.read_text("utf-8"))
    told = f"The rung of {size} is larger than the source: "
    assert any(note.startswith(told) for note in document["notes"])
    assert document["source"]["bitrate_kbps"] == video_bitrate_kbps(probe_source(clip))
    other = run_cli("ladder", "--from-json", saved, "--max-rungs", "1", "--format", "json")
    assert any(note.startswith(told) for note in other.document["notes"])


def test_a_note_on_arguments_is_kept_when_other_rungs_are_chosen(
    clips: ClipFactory, tmp_path: Path
) -> None:
    source, saved = clips.degraded(45, n_frames=25), tmp_path / "libx264.json"
    line = ("--resolutions", "160x90", "-t", "50,70", "-c", "libx264,libvpx-vp9", "--preset=fast")
    outcome = run_cli(
        *("ladder", "-r", source, *line, "--encoder-args=-row-mt 1"),
        *("-o", tmp_path / "{codec}.json"),
    )
    assert outcome.exit_code == 0, outcome.stderr
    note = "-row-mt has no effect on libx264, which does not have it."
    assert note in json.loads(saved.read_text("utf-8"))["notes"]
    other = run_cli("ladder", "--from-json", saved, "--max-rungs", "1", "--format", "json")
    assert other.document["notes"].count(note) == 1
