"""The worst frames as pictures: the frames they are said to be, and what stands in their way."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.cli import run_cli
from tests.support.users import ordinary_user
from vmafx_tune import score
from vmafx_tune.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.results.score import ScoreResult

N_FRAMES = 60
BAD = 40


@pytest.fixture(scope="module")
def reference(clips: ClipFactory) -> Path:
    return clips.moving(n_frames=N_FRAMES)


@pytest.fixture(scope="module")
def encode(clips: ClipFactory) -> Path:
    """Good up to one frame, which shows another picture."""
    numbers = [0 if number == BAD else number for number in range(N_FRAMES)]
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "24")
    return clips.encode("one-bad-frame.mp4", pictures.moving, numbers, codec)


def digest(ffmpeg: Path, clip: Path, frame: int, *, more: str = "") -> str:
    """Hash a frame of a clip, or a picture, as ffmpeg decodes it to RGB."""
    done = subprocess.run(
        [
            *(str(ffmpeg), "-v", "error", "-i", str(clip)),
            *("-vf", f"select=eq(n\\,{frame}){more}", "-frames:v", "1"),
            *("-pix_fmt", "rgb24", "-f", "rawvideo", "-"),
        ],
        capture_output=True,
        check=True,
    )
    assert done.stdout
    return hashlib.sha256(done.stdout).hexdigest()


def check(
    result: ScoreResult, ffmpeg_exe: Path, reference: Path, encode: Path, shift: int = 0
) -> None:
    assert [still.frame for still in result.stills] == [one.frame for one in result.worst_frames]
    for still in result.stills:
        assert digest(ffmpeg_exe, still.distorted, 0) == digest(ffmpeg_exe, encode, still.frame)
        of_reference = digest(ffmpeg_exe, reference, still.frame + shift)
        assert digest(ffmpeg_exe, still.reference, 0) == of_reference


def test_stills_are_the_frames_that_they_are_called(
    ffmpeg_exe: Path, reference: Path, encode: Path, tmp_path: Path
) -> None:
    result = score(reference, encode, stills=tmp_path / "stills")
    assert result.stills[0].frame == BAD
    check(result, ffmpeg_exe, reference, encode)
    assert len(list((tmp_path / "stills").iterdir())) == 3 * len(result.stills)


def test_stills_of_clips_with_an_offset_have_the_numbers_of_the_distorted(
    clips: ClipFactory, ffmpeg_exe: Path, encode: Path, tmp_path: Path
) -> None:
    late = clips.encode(
        "late.mp4", pictures.moving, range(3, N_FRAMES), ("-c:v", "libx264", "-qp", "0")
    )
    result = score(late, encode, offset=-3, stills=tmp_path)
    assert result.stills[0].frame == BAD
    check(result, ffmpeg_exe, late, encode, shift=-3)


def test_a_clip_against_itself_has_stills_without_a_difference(
    ffmpeg_exe: Path, reference: Path, tmp_path: Path
) -> None:
    result = score(reference, reference, stills=tmp_path)
    check(result, ffmpeg_exe, reference, reference)
    black = digest(ffmpeg_exe, result.stills[0].difference, 0, more=",drawbox=t=fill:c=black")
    assert digest(ffmpeg_exe, result.stills[0].difference, 0) == black


def test_frames_that_are_black_have_stills_as_any_others(
    clips: ClipFactory, ffmpeg_exe: Path, reference: Path, tmp_path: Path
) -> None:
    black = tmp_path / "black.mp4"
    clips.run(
        *("-i", str(reference), "-vf", "drawbox=t=fill:c=black:enable='between(n,20,45)'"),
        *("-c:v", "libx264", "-qp", "0", str(black)),
    )
    stills = tmp_path / "stills"
    page = tmp_path / "page.html"
    done = run_cli("score", reference, black, "--stills", stills, "-o", page)
    assert done.exit_code == 0, done.stderr
    assert page.read_text(encoding="utf-8").count("data:image/jpeg") >= 3
    result = score(black, black, stills=stills)
    check(result, ffmpeg_exe, black, black)


def test_an_encode_of_another_size_has_stills_of_the_size_that_was_compared(
    clips: ClipFactory, reference: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.mp4"
    clips.run("-i", str(reference), "-vf", "scale=iw/2:-2", "-c:v", "libx264", str(small))
    result = score(reference, small, stills=tmp_path)
    heads = {path.read_bytes()[16:24] for still in result.stills for path in pictures_of(still)}
    (head,) = heads
    size = int.from_bytes(head[:4]), int.from_bytes(head[4:])
    assert size == (result.display.width, result.display.height)


def pictures_of(still: object) -> tuple[Path, ...]:
    return tuple(getattr(still, kind) for kind in ("reference", "distorted", "difference"))


def test_stills_are_named_in_json(reference: Path, encode: Path, tmp_path: Path) -> None:
    done = run_cli("score", reference, encode, "--stills", "out", cwd=tmp_path)
    stills = done.document["stills"]
    assert stills[0]["difference"] == f"out/frame-{BAD:06}-difference.png"
    assert all((tmp_path / still["distorted"]).is_file() for still in stills)
    assert "stills" not in run_cli("score", reference, encode).document


def test_a_folder_that_is_read_only_is_refused_before_any_work(
    reference: Path, encode: Path, tmp_path: Path
) -> None:
    (folder := tmp_path / "folder").mkdir(mode=0o555)
    for stills in (folder, folder / "new"):
        with ordinary_user(), pytest.raises(OutputError, match="permission denied"):
            score(reference, encode, stills=stills)
    assert list(folder.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(
    reference: Path, encode: Path, tmp_path: Path
) -> None:
    (there := tmp_path / "there").write_text("kept")
    done = run_cli("score", reference, encode, "--stills", there)
    assert done.exit_code == 1
    assert "is not a folder" in done.stderr
    assert there.read_text() == "kept"


@pytest.mark.parametrize("name", ["x.gif", "x", "x.png.txt"])
def test_a_chart_with_an_unknown_suffix_is_refused_before_any_work(
    tmp_path: Path, name: str
) -> None:
    done = run_cli("score", "a", "b", "--chart", name, cwd=tmp_path)
    assert done.exit_code == 2
    assert "must end in .png or .svg" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_chart_in_a_folder_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    done = run_cli("score", "a", "b", "--chart", "no/x.png", cwd=tmp_path)
    assert done.exit_code == 1
    assert "does not exist" in done.stderr


def test_a_chart_never_overwrites_what_is_read(reference: Path, tmp_path: Path) -> None:
    (clip := tmp_path / "clip.png").write_bytes(reference.read_bytes())
    done = run_cli("score", clip, clip, "--chart", clip)
    assert done.exit_code == 2
    assert "would overwrite it" in done.stderr


def test_without_the_extra_a_chart_is_refused_and_a_page_has_a_table(
    reference: Path, encode: Path, tmp_path: Path
) -> None:
    hidden = (
        "import sys, importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: None if name == 'vl_convert' else find(name);"
        "from vmafx_tune.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", hidden, "score", str(reference), str(encode)]
    refused = subprocess.run(
        [*command, "--chart", "x.png"], capture_output=True, cwd=tmp_path, check=False
    )
    assert refused.returncode == 4
    assert b"pip install 'vmafx-tune[report]'" in refused.stderr
    written = subprocess.run(
        [*command, "-o", "x.html"], capture_output=True, cwd=tmp_path, check=False
    )
    assert written.returncode == 0, written.stderr
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "pip install &#x27;vmafx-tune[report]&#x27;" in page
    assert page.count("<table>") >= 3
