from __future__ import annotations

import json
import os
import stat
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.unit.scoring.builders import a_request, a_source, frame_log
from vmafx_tune.errors import (
    FrameCountMismatchError,
    ModelNotFoundError,
    ToolError,
    ToolNotFoundError,
    ToolOutputError,
)
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import RawFormat, Resolution, VmafModel
from vmafx_tune.ports import Scorer
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.scoring.models import BUILT_IN_MODELS
from vmafx_tune.scoring.vmaf_binary import VmafBinaryScorer, find_vmaf, vmaf_arguments

if TYPE_CHECKING:
    from vmafx_tune.model import ScoreRequest, Source

SIZE = Resolution(64, 64)
FRAME_BYTES = 64 * 64 * 3 // 2
MODEL = VmafModel("vmaf_v0.6.1")

FAKE = """\
#!{python}
import json, pathlib, sys
pathlib.Path({calls!r}).open("a").write(json.dumps(sys.argv[1:]) + "\\n")
sys.stderr.write({stderr!r})
if {log!r} is not None:
    pathlib.Path(sys.argv[sys.argv.index("--output") + 1]).write_text({log!r})
sys.exit({status})
"""


class FakeVmaf:
    """A program that notes its arguments and leaves a given log."""

    def __init__(
        self, folder: Path, log: str | None = None, stderr: str = "", status: int = 0
    ) -> None:
        self._calls = folder / "calls"
        self.path = folder / "vmaf"
        self.path.write_text(
            FAKE.format(
                python=sys.executable,
                calls=str(self._calls),
                log=log,
                stderr=stderr,
                status=status,
            )
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self._calls.read_text().splitlines()]

    def scorer(self, work_dir: Path | None = None) -> VmafBinaryScorer:
        return VmafBinaryScorer(self.path, no_ffmpeg, ProcessRunner(), work_dir)


def no_ffmpeg() -> NoReturn:
    raise ToolNotFoundError("There is no ffmpeg here.")


def a_log(n_frames: int = 2, subsample: int = 1) -> str:
    return json.dumps(frame_log(dict.fromkeys(range(0, n_frames, subsample), 90.0), "f85a8536"))


def raw_clip(folder: Path, name: str, n_frames: int = 2) -> Source:
    path = folder / name
    path.write_bytes(bytes(n_frames * FRAME_BYTES))
    raw = RawFormat(SIZE, "yuv420p", Fraction(25))
    return a_source(path=path, resolution=SIZE, codec="rawvideo", raw=raw, n_frames=n_frames)


def raw_request(folder: Path, n_distorted: int = 2, subsample: int = 1) -> ScoreRequest:
    return a_request(
        raw_clip(folder, "r.yuv"),
        raw_clip(folder, "d.yuv", n_distorted),
        display=SIZE,
        threads=3,
        subsample=subsample,
    )


def arguments(request: ScoreRequest) -> tuple[str, ...]:
    clips = (Path("/w/r.yuv"), Path("/w/d.yuv"))
    return vmaf_arguments(
        clips, plan_scoring(request), request.model, threads=4, subsample=request.subsample
    )


def test_the_command_names_both_files_their_geometry_and_the_model() -> None:
    assert arguments(a_request(subsample=5)) == (
        *("--reference", "/w/r.yuv", "--distorted", "/w/d.yuv"),
        *("--width", "1280", "--height", "720", "--pixel_format", "420", "--bitdepth", "8"),
        *("--model", "version=vmaf_v0.6.1", "--threads", "4", "--subsample", "5"),
        *("--json", "--output", "vmaf.json", "--quiet"),
    )


def test_a_v1_model_is_told_of_the_encode_and_gets_ten_bits() -> None:
    args = arguments(a_request(model=BUILT_IN_MODELS["vmaf_v1.0.16_5d0h"]))

    assert args[args.index("--model") + 1] == (
        "version=vmaf_v1.0.16_5d0h:cambi.enc_width=1280:cambi.enc_height=720:cambi.enc_bitdepth=8"
    )
    assert args[args.index("--bitdepth") + 1] == "10"


def test_a_custom_model_goes_by_the_name_of_its_copy() -> None:
    args = arguments(a_request(model=VmafModel("a:b", Path("/models/a:b.json"))))

    assert args[args.index("--model") + 1] == "path=model.json"


def test_it_is_a_scorer(tmp_path: Path) -> None:
    scorer = FakeVmaf(tmp_path).scorer()

    assert isinstance(scorer, Scorer)
    assert scorer.name == "vmaf"


def test_headerless_clips_are_scored_where_they_are(tmp_path: Path) -> None:
    vmaf = FakeVmaf(tmp_path, a_log())
    told: list[int] = []

    scores = vmaf.scorer().score(raw_request(tmp_path), on_progress=told.append)

    (call,) = vmaf.calls
    assert call[:4] == [
        *("--reference", str(tmp_path / "r.yuv")),
        *("--distorted", str(tmp_path / "d.yuv")),
    ]
    assert list(scores.frames) == [90.0, 90.0]
    assert (scores.backend, scores.backend_version) == ("vmaf", "git-f85a853")
    assert told == [2]


def test_subsampled_logs_hold_every_nth_frame(tmp_path: Path) -> None:
    vmaf = FakeVmaf(tmp_path, a_log(n_frames=2, subsample=2))

    scores = vmaf.scorer().score(raw_request(tmp_path, subsample=2))

    assert (scores.n_frames, len(scores.frames), scores.subsample) == (2, 1, 2)


def test_unequal_lengths_are_found_before_anything_runs(tmp_path: Path) -> None:
    vmaf = FakeVmaf(tmp_path, a_log())

    with pytest.raises(FrameCountMismatchError) as caught:
        vmaf.scorer().score(raw_request(tmp_path, n_distorted=3))

    assert (caught.value.reference_frames, caught.value.distorted_frames) == (2, 3)


def test_a_clip_with_a_header_needs_ffmpeg(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match="no ffmpeg here"):
        FakeVmaf(tmp_path, a_log()).scorer().score(a_request())


def test_a_model_is_checked_on_a_blank_frame(tmp_path: Path) -> None:
    vmaf = FakeVmaf(tmp_path, a_log(n_frames=1))
    scorer = vmaf.scorer()

    scorer.require(MODEL)

    (call,) = vmaf.calls
    assert call[call.index("--model") + 1] == "version=vmaf_v0.6.1"
    assert scorer.version == "git-f85a853"


def test_a_model_that_the_program_lacks_is_named(tmp_path: Path) -> None:
    stderr = "problem loading model version: vmaf_v0.6.1\n"

    with pytest.raises(ModelNotFoundError, match=r"does not have the VMAF model vmaf_v0\.6\.1"):
        FakeVmaf(tmp_path, stderr=stderr, status=255).scorer().require(MODEL)


def test_a_program_that_fails_keeps_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="exit status 9") as caught:
        FakeVmaf(tmp_path, stderr="out of luck", status=9).scorer().score(raw_request(tmp_path))

    assert caught.value.stderr_tail == "out of luck"


@pytest.mark.parametrize("log", [None, "", '{"frames": ['])
def test_a_log_that_is_missing_or_cut_off_is_an_error(tmp_path: Path, log: str | None) -> None:
    with pytest.raises(ToolOutputError, match="did not write a valid log"):
        FakeVmaf(tmp_path, log).scorer().score(raw_request(tmp_path))


def test_the_version_is_empty_where_the_program_does_not_work(tmp_path: Path) -> None:
    assert FakeVmaf(tmp_path, status=1).scorer().version == ""


def test_nothing_is_left_in_the_work_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()

    FakeVmaf(tmp_path, a_log()).scorer(work).score(raw_request(tmp_path))

    assert list(work.iterdir()) == []


def test_the_program_is_found_by_name_environment_or_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vmaf = FakeVmaf(tmp_path).path
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    monkeypatch.delenv("VMAFX_VMAF_BINARY", raising=False)

    assert find_vmaf(vmaf) == find_vmaf(Path("vmaf")) == find_vmaf(None) == vmaf
    monkeypatch.setenv("VMAFX_VMAF_BINARY", str(tmp_path / "gone"))
    with pytest.raises(ToolNotFoundError, match="VMAFX_VMAF_BINARY"):
        find_vmaf(None)


def test_a_file_that_cannot_be_run_is_no_program(tmp_path: Path) -> None:
    file = tmp_path / "vmaf"
    file.touch()

    with pytest.raises(ToolNotFoundError, match="cannot be run"):
        find_vmaf(file)
