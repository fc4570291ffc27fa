"""`--filter`, `--crop` and `--deinterlace` against pairs prepared by hand with ffmpeg."""

from __future__ import annotations

import re
import shlex
import subprocess
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.cli import run_cli
from tests.support.clips import SIZE
from vmafx_tune import ScoringOptions, SourceOptions, score
from vmafx_tune.errors import UsageError
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution, ScoreRequest
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.ffmpeg_filter import decode_arguments
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.results.score import ScoreResult

N_FRAMES = 40
FFV1 = ("-fps_mode", "passthrough", "-c:v", "ffv1")
LOSSY = ("-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "32")
QUICK = ("--preset", "ultrafast", "--crf-lo", "24", "--crf-hi", "40", "-t", "80")
# The picture is from 6,11 on: neither place is on the chroma's grid.
BARS = "pad=176:112:6:11:eval=frame,fade=in:0:8"
WIDE = (*FFV1[2:], "-vf", f"format=yuv444p,{BARS},format=yuv420p")
CROP = "crop=160:92:6:10"
BACKENDS = ["ffmpeg", "libvmaf"]


@pytest.fixture(scope="module")
def wide(clips: ClipFactory) -> Path:
    """The moving clip with black bars on all sides, after a black intro."""
    clip = clips.moving(n_frames=N_FRAMES)
    return clips.remade("bars it's.mkv", clip, WIDE)


@pytest.fixture(scope="module")
def woven(clips: ClipFactory) -> Path:
    """Fields of a clip of twice the frame rate, bottom first."""
    codec = ("-vf", "tinterlace=interleave_bottom,setfield=bff", *FFV1[2:])
    size = Resolution(160, 96)
    return clips.encode(
        "woven.mkv", pictures.moving, range(2 * N_FRAMES), codec, size=size, rate=Fraction(50)
    )


def by_hand(clips: ClipFactory, source: Path, chain: str, name: str) -> tuple[Path, Path]:
    """Filter a source with plain ffmpeg: without loss, and an encode of that."""
    filtered = clips.remade(f"{name}.mkv", source, ("-vf", chain, *FFV1))
    return filtered, clips.remade(f"{name}.mp4", filtered, LOSSY)


def scored(
    reference: Path, distorted: Path, sources: SourceOptions | None = None, backend: str = "ffmpeg"
) -> ScoreResult:
    return score(reference, distorted, sources=sources, scoring=ScoringOptions(backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("options", "chain"),
    [
        (SourceOptions(crop="160:92:6:10"), CROP),
        (SourceOptions(crop="auto"), CROP),
        (SourceOptions(filter="fps=10,transpose=1"), "fps=10,transpose=1"),
        (SourceOptions(filter="tmix=frames=3,select='gt(n,4)'"), "tmix=frames=3,select='gt(n,4)'"),
        (SourceOptions(crop="64:64:32:32", filter="hflip"), "crop=64:64:32:32,hflip"),
    ],
    ids=["crop", "auto", "rate", "time", "both"],
)
def test_a_filtered_reference_scores_as_one_that_was_filtered_by_hand(
    clips: ClipFactory, wide: Path, backend: str, options: SourceOptions, chain: str
) -> None:
    filtered, encoded = by_hand(clips, wide, chain, re.sub(r"\W", "_", chain))

    ours = scored(wide, encoded, options, backend)
    theirs = scored(filtered, encoded, None, backend)

    assert ours.filter == chain
    assert ours.scores.frames == theirs.scores.frames
    assert ours.display == theirs.display


def test_the_vmaf_program_reads_the_filtered_reference(
    clips: ClipFactory, wide: Path, ffmpeg_exe: Path, tmp_path: Path
) -> None:
    chain = f"{CROP},fps=10"
    filtered, _ = by_hand(clips, wide, chain, "program")
    with closing(Session(None, SourceOptions(filter=chain))) as session:
        source = session.reader.filtered(session.reader.source(wide))
        plan = plan_scoring(
            ScoreRequest(source, source, session.model(None, source.resolution), source.resolution)
        )

    decoding = decode_arguments(source, plan, "decoded.yuv")
    subprocess.run([ffmpeg_exe, *decoding], cwd=tmp_path, check=True, capture_output=True)

    by_ffmpeg = clips.run("-i", str(filtered), "-f", "rawvideo", "-")
    assert (tmp_path / "decoded.yuv").read_bytes() == by_ffmpeg


def test_a_search_encodes_what_leaves_the_chain_and_its_command_repeats_it(
    clips: ClipFactory, wide: Path, tmp_path: Path
) -> None:
    done = run_cli("search", "-r", wide, "-c", "x264", *QUICK, "--crop", "auto")
    found = done.document
    command = shlex.split(found["encode_command"])
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    encoded = tmp_path / command[-1]

    assert found["filter"] == CROP
    assert "to 160x92 at 6,10" in done.stderr
    assert measure_packets(encoded).size_bytes == found["size_bytes"]
    assert probe_source(encoded).resolution == Resolution(160, 92)
    cropped, _ = by_hand(clips, wide, CROP, "searched")
    assert scored(cropped, encoded).score == pytest.approx(found["vmaf_score"], abs=1e-6)


@pytest.mark.parametrize(
    "chain", ["hflip", "fps=20", "fade=in:0:30"], ids=["plain", "rate", "time"]
)
def test_chunks_are_parts_of_what_leaves_the_chain(
    clips: ClipFactory, wide: Path, tmp_path: Path, chain: str
) -> None:
    arguments = ("search", "-r", wide, "-c", "x264", *QUICK, "--filter", chain, "--chunk", "0.8")
    found = run_cli(*arguments).document
    for line in (*found["chunk_commands"], found["encode_command"]):
        subprocess.run(shlex.split(line), cwd=tmp_path, check=True, capture_output=True)
    joined = tmp_path / shlex.split(found["encode_command"])[-1]
    filtered, _ = by_hand(clips, wide, chain, f"chunked-{chain.partition('=')[0]}")

    assert len(found["chunk_commands"]) > 1
    assert measure_packets(joined).size_bytes == found["size_bytes"]
    # Only the first frame of a chunk is scored otherwise: nothing has moved before it.
    assert scored(filtered, joined).score == pytest.approx(found["vmaf_score"], abs=0.5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_deinterlaced_reference_is_what_bwdif_makes_of_it(
    clips: ClipFactory, woven: Path, backend: str
) -> None:
    filtered, encoded = by_hand(clips, woven, "bwdif=mode=send_frame:parity=bff", "deinterlaced")

    ours = scored(woven, encoded, SourceOptions(deinterlace=True), backend)
    theirs = scored(filtered, encoded, None, backend)

    assert ours.scores.n_frames == theirs.scores.n_frames == N_FRAMES
    # libavfilter's versions do not agree on the first picture, which has none before it.
    assert ours.scores.frames[2:] == pytest.approx(theirs.scores.frames[2:], abs=0.001)


def test_nothing_is_deinterlaced_or_cropped_where_there_is_nothing_to_do(
    clips: ClipFactory,
) -> None:
    clip = clips.moving(n_frames=N_FRAMES)

    done = run_cli("score", clip, clip, "--deinterlace", "--crop", "auto", "--format", "json")

    assert done.document["filter"] == ""
    assert "progressive, so --deinterlace has no effect" in done.stderr
    assert "no black bars" in done.stderr


def test_a_black_clip_is_not_cropped(clips: ClipFactory) -> None:
    black = clips.remade("black.mkv", clips.static(), ("-vf", "fade=out:0:1", *FFV1))

    found = scored(black, black, SourceOptions(crop="auto"))

    assert (found.display, found.filter) == (SIZE, "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (SourceOptions(crop="2x2"), "'2x2' is not a crop"),
        (SourceOptions(crop="170:92:20:0"), "does not fit into the 176x112 pictures"),
        (SourceOptions(crop="0:92:0:0"), "does not fit"),
        (SourceOptions(crop="161:92:0:0"), "multiples of 2"),
        (SourceOptions(filter="crop=999:2:0:0"), "--filter 'crop=999:2:0:0': .*Invalid"),
        (SourceOptions(filter="nosuch"), "unknown filter 'nosuch'"),
        (SourceOptions(filter="hqdn3d=foo=1"), "option 'foo'"),
        (SourceOptions(filter="overlay"), "exactly 1 input"),
        (SourceOptions(filter="[a]hflip"), "labels"),
        (SourceOptions(filter="movie=a.mkv"), "cannot use 'movie'"),
        (SourceOptions(filter="lut3d=missing.cube"), "missing.cube: No such file"),
        (SourceOptions(filter="select=0"), "leaves no frame"),
    ],
)
def test_what_does_not_fit_is_refused(wide: Path, options: SourceOptions, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence), closing(Session(None, options)) as session:
        session.reader.filtered(session.reader.source(wide))


def test_a_chain_that_ffmpeg_does_not_take_ends_with_2_before_any_encode(
    wide: Path, work_dir: Path
) -> None:
    search = ("search", "-r", wide, "-c", "x264", "--work-dir", work_dir, *QUICK)

    done = run_cli(*search, "--filter", "nosuch")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "unknown filter 'nosuch'" in done.stderr


def test_the_content_of_a_look_up_table_is_in_the_key(wide: Path, tmp_path: Path) -> None:
    table = tmp_path / "look,up.cube"
    search = ("search", "-r", wide, "-c", "x264", *QUICK, "--filter", r"lut3d=look\,up.cube")

    def fresh_probes(scale: float) -> int:
        points = (f"{r * scale} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
        table.write_text("\n".join(("LUT_3D_SIZE 2", *points)))
        count: int = run_cli(*search, cwd=tmp_path).document["new_probes"]
        return count

    assert fresh_probes(0.8) > 0
    assert fresh_probes(0.8) == 0
    assert fresh_probes(0.7) > 0


def test_a_ladder_is_built_of_the_cropped_source_and_says_so(wide: Path) -> None:
    found = run_cli(
        *("ladder", "-r", wide, "-c", "x264", "-t", "80", "--crop", "160:92:8:10"),
        *("--resolutions", "160x92,80x46", "--preset", "ultrafast", "--format", "json"),
    ).document

    assert (found["filter"], found["display"]) == ("crop=160:92:8:10", "160x92")
    assert all("crop=160:92:8:10" in probe["encode_command"] for probe in found["probes"])
