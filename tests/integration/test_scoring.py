"""Scoring files with each backend, with real clips, ffmpeg and libvmaf."""

from __future__ import annotations

import shutil
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.clips import N_FRAMES, SIZE
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import (
    CancelledError,
    FrameCountMismatchError,
    LibvmafNotFoundError,
    ModelNotFoundError,
    OutputError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    ToolOutputError,
    ToolTimeoutError,
    UnreadableSourceError,
)
from vmafx_tune.media.ffmpeg import Ffmpeg, find_ffmpeg
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import RawFormat, Resolution, ScoreRequest, Source, VmafModel
from vmafx_tune.ports import Scorer
from vmafx_tune.scoring.choice import choose_scorer
from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
from vmafx_tune.scoring.libvmaf.library import load_libvmaf
from vmafx_tune.scoring.libvmaf.session import LibvmafFileScorer
from vmafx_tune.scoring.models import resolve_model
from vmafx_tune.scoring.vmaf_binary import VmafBinaryScorer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.clips import ClipFactory
    from vmafx_tune.scoring.choice import CheckedScorer

BACKENDS = ("ffmpeg", "libvmaf")
LARGE = Resolution(320, 180)
both = pytest.mark.parametrize("backend", BACKENDS)


class Bench:
    """Makes scorers and requests for a test."""

    def __init__(self, ffmpeg: Ffmpeg, work_dir: Path) -> None:
        self.ffmpeg = ffmpeg
        self.work_dir = work_dir
        self.cancel = CancelToken()
        self.runner = ProcessRunner(self.cancel)

    def scorer(self, backend: str) -> CheckedScorer:
        if backend == "ffmpeg":
            return FfmpegScorer(self.ffmpeg, self.runner, self.work_dir)
        try:
            return LibvmafFileScorer(self.cancel)
        except LibvmafNotFoundError as error:
            pytest.skip(str(error))

    def standing_in(self, script: str, stall_timeout_s: float = 60.0) -> FfmpegScorer:
        """The ffmpeg backend with a program of the test's own."""
        program = self.work_dir.parent / "ffmpeg"
        program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        runner = ProcessRunner(self.cancel, stall_timeout_s)
        return FfmpegScorer(Ffmpeg(program, "9.0", "--ffmpeg"), runner, self.work_dir)


@pytest.fixture
def bench(ffmpeg_exe: Path, tmp_path: Path) -> Bench:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    return Bench(find_ffmpeg(ffmpeg_exe, ProcessRunner()), work_dir)


def ask(
    reference: Path | Source,
    distorted: Path | Source,
    model: str | None = None,
    subsample: int = 1,
) -> ScoreRequest:
    first, second = (
        clip if isinstance(clip, Source) else probe_source(clip) for clip in (reference, distorted)
    )
    return ScoreRequest(
        first,
        second,
        model=resolve_model(model, first.resolution, ()),
        display=first.resolution,
        subsample=subsample,
    )


def test_the_backends_are_scorers_with_a_name_and_a_version(bench: Bench) -> None:
    for backend in BACKENDS:
        scorer = bench.scorer(backend)

        assert isinstance(scorer, Scorer)
        assert scorer.name == backend
        assert scorer.version


@both
def test_every_frame_pair_is_scored_with_its_features(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    scorer = bench.scorer(backend)

    scores = scorer.score(ask(clips.moving(), clips.degraded(30)))

    assert scores.n_frames == len(scores.frames) == N_FRAMES
    assert (scores.model, scores.backend, scores.subsample) == ("vmaf_v0.6.1", backend, 1)
    assert scores.backend_version == scorer.version
    assert all(len(values) == N_FRAMES for values in scores.features.values())
    assert {"integer_adm2", "integer_motion2", "integer_vif_scale3"} <= scores.features.keys()


@both
def test_no_encode_scores_above_the_clip_against_itself_and_worse_ones_score_lower(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    scorer, source = bench.scorer(backend), probe_source(clips.moving())

    itself, good, bad = (
        fmean(scorer.score(ask(source, clip)).frames)
        for clip in (source, probe_source(clips.degraded(20)), probe_source(clips.degraded(40)))
    )

    assert 97 < itself <= 100
    assert itself >= good > bad


def test_a_clip_against_itself_scores_the_same_as_against_its_copy(
    bench: Bench, clips: ClipFactory, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    shutil.copy(clips.moving(), copy)
    scorer = bench.scorer("ffmpeg")

    itself = scorer.score(ask(clips.moving(), clips.moving()))

    assert itself.frames == scorer.score(ask(clips.moving(), copy)).frames


def labelled(clips: ClipFactory, colorspace: str, **facts: str) -> Path:
    """The moving clip with other labels; its samples are the same."""
    flags = {"colorspace": colorspace, **facts}
    params = ":".join(f"{name}={value}" for name, value in flags.items())
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-vf", f"setparams={params}")
    name = f"labelled-{'-'.join(flags.values())}.mp4"
    return clips.encode(name, pictures.moving, range(N_FRAMES), codec)


CASES: dict[str, Callable[[ClipFactory], tuple[Path, Path]]] = {
    "one frame": lambda clips: (clips.one_frame(), clips.degraded(30, n_frames=1)),
    "odd size": lambda clips: (clips.odd_size(), clips.odd_size()),
    "portrait": lambda clips: (clips.portrait(), clips.degraded(30, size=Resolution(90, 160))),
    "smaller distorted": lambda clips: (clips.moving(size=LARGE), clips.degraded(30)),
    "larger distorted": lambda clips: (clips.moving(), clips.degraded(30, size=LARGE)),
    "10 bits": lambda clips: (clips.ten_bit(), clips.degraded(30)),
    "8 bits against 10": lambda clips: (clips.moving(), clips.ten_bit()),
    "12 bits": lambda clips: (
        clips.moving(pix_fmt="yuv420p12le", suffix=".mkv"),
        clips.degraded(30),
    ),
    "16 bits": lambda clips: (
        clips.moving(pix_fmt="yuv420p16le", suffix=".mkv"),
        clips.degraded(30),
    ),
    "4:2:2": lambda clips: (clips.chroma_422(), clips.degraded(30)),
    "4:4:4": lambda clips: (clips.chroma_444(), clips.degraded(30)),
    "variable rate": lambda clips: (clips.variable_rate(), clips.degraded(30)),
    "rotated": lambda clips: (clips.rotated(90), clips.rotated(90, mirrored=True)),
    "full range against limited": lambda clips: (clips.full_range(), clips.degraded(30)),
    "limited range against full": lambda clips: (clips.moving(), clips.full_range()),
    "full range on both sides": lambda clips: (
        clips.full_range(),
        labelled(clips, "bt709", range="pc"),
    ),
    "labelled reference": lambda clips: (labelled(clips, "bt709"), clips.degraded(30)),
    "labelled distorted": lambda clips: (clips.degraded(30), labelled(clips, "bt709")),
    "labelled and smaller": lambda clips: (clips.moving(size=LARGE), labelled(clips, "bt709")),
    "different matrices": lambda clips: (labelled(clips, "bt709"), labelled(clips, "smpte170m")),
    "different ranges": lambda clips: (
        labelled(clips, "bt709", range="tv"),
        labelled(clips, "bt709", range="pc"),
    ),
    "anamorphic": lambda clips: (clips.anamorphic(), clips.degraded(30)),
    "RGB": lambda clips: (
        clips.moving(pix_fmt="gbrp", suffix=".mkv"),
        clips.degraded(30),
    ),
    "RGB against RGB": lambda clips: (
        clips.moving(pix_fmt="gbrp", suffix=".mkv"),
        clips.moving(pix_fmt="gbrp10le", suffix=".mkv"),
    ),
    "grey": lambda clips: (clips.moving(pix_fmt="gray", suffix=".mkv"), clips.degraded(30)),
    "HDR": lambda clips: (clips.hdr_pq(), clips.ten_bit()),
    "interlaced": lambda clips: (clips.interlaced(), clips.interlaced()),
    "y4m": lambda clips: (clips.y4m(), clips.degraded(30)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_backends_agree_on_every_kind_of_clip(
    bench: Bench, clips: ClipFactory, case: str
) -> None:
    request = ask(*CASES[case](clips))

    filtered, loaded = (bench.scorer(backend).score(request) for backend in BACKENDS)

    assert filtered.n_frames == loaded.n_frames
    assert fmean(filtered.frames) == pytest.approx(fmean(loaded.frames), abs=0.01)
    assert filtered.frames == pytest.approx(loaded.frames, abs=0.02)


@both
def test_a_label_changes_no_score_beside_a_clip_without_one(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    scorer = bench.scorer(backend)
    plain = scorer.score(ask(clips.moving(), clips.degraded(30)))

    for reference in (
        labelled(clips, "bt709"),
        labelled(clips, "bt2020nc"),
        labelled(clips, "bt709", range="pc"),
    ):
        scores = scorer.score(ask(reference, clips.degraded(30)))
        assert scores.frames == pytest.approx(plain.frames, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["bikes_640x272_25fps.mp4", "interview_1280x720_25fps_60s.mp4", "seeking_720x480_25fps.mp4"],
)
def test_the_backends_agree_on_real_clips(
    bench: Bench, clips: ClipFactory, media_dir: Path, tmp_path: Path, name: str
) -> None:
    reference, distorted = tmp_path / "reference.mkv", tmp_path / "distorted.mp4"
    start = ("-i", str(media_dir / name), "-an", "-frames:v", "25")
    clips.run(*start, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", str(reference))
    clips.run(*start, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "35", str(distorted))
    request = ask(reference, distorted)

    filtered, loaded = (bench.scorer(backend).score(request) for backend in BACKENDS)

    assert fmean(filtered.frames) == pytest.approx(fmean(loaded.frames), abs=0.01)
    assert filtered.frames == pytest.approx(loaded.frames, abs=0.02)


def test_a_rotated_clip_is_compared_upright(bench: Bench, clips: ClipFactory) -> None:
    upright = clips.portrait()
    turned = probe_source(clips.rotated(90))
    assert turned.resolution == probe_source(upright).resolution

    scores = bench.scorer("ffmpeg").score(ask(turned, turned))

    assert fmean(scores.frames) > 97


@both
def test_a_range_that_is_only_labelled_otherwise_is_not_the_same_picture(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    limited, full = (labelled(clips, "bt709", range=side) for side in ("tv", "pc"))

    scores = bench.scorer(backend).score(ask(limited, full))

    assert fmean(scores.frames) < 97


@both
@pytest.mark.parametrize("kind", ["moving", "ten_bit", "full_range"])
def test_a_clip_that_changes_midway_is_refused_with_the_frame_and_the_change(
    bench: Bench, clips: ClipFactory, backend: str, kind: str
) -> None:
    second = clips.moving(size=LARGE) if kind == "moving" else getattr(clips, kind)()
    path = clips.changing(second)

    for pair in ((path, clips.moving()), (clips.moving(), path)):
        with pytest.raises(
            UnreadableSourceError, match=rf"{path.name}' changes midway: from frame {N_FRAMES} on"
        ):
            bench.scorer(backend).score(ask(*pair))


@both
@pytest.mark.parametrize(("longer", "shorter"), [(12, 9), (9, 12)])
def test_unequal_lengths_are_an_error_that_names_both(
    bench: Bench, clips: ClipFactory, backend: str, longer: int, shorter: int
) -> None:
    request = ask(clips.moving(n_frames=longer), clips.moving(n_frames=shorter))

    with pytest.raises(FrameCountMismatchError) as caught:
        bench.scorer(backend).score(request)

    assert (caught.value.reference_frames, caught.value.distorted_frames) == (longer, shorter)


@both
def test_a_dropped_frame_is_an_error_however_the_rest_is_timed(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    with pytest.raises(FrameCountMismatchError, match=r"has 12 frames.*has 11\."):
        bench.scorer(backend).score(ask(clips.moving(), clips.dropped(5)))


@both
@pytest.mark.parametrize("subsample", [2, 5, 100])
def test_subsampling_scores_every_nth_frame_as_a_full_run_does(
    bench: Bench, clips: ClipFactory, backend: str, subsample: int
) -> None:
    scorer, request = bench.scorer(backend), ask(clips.moving(), clips.degraded(30))
    every = scorer.score(request)

    some = scorer.score(replace(request, subsample=subsample))

    assert some.frames == pytest.approx(every.frames[::subsample], abs=1e-6)
    assert (some.n_frames, some.subsample) == (N_FRAMES, subsample)
    with pytest.raises(FrameCountMismatchError):
        scorer.score(ask(clips.moving(), clips.dropped(5), subsample=subsample))


@both
def test_a_headerless_pair_is_scored(bench: Bench, clips: ClipFactory, backend: str) -> None:
    raw = RawFormat(SIZE, "yuv420p", probe_source(clips.moving()).frame_rate)
    request = ask(probe_source(clips.raw(), raw), clips.degraded(30))

    scores = bench.scorer(backend).score(request)

    expected = bench.scorer(backend).score(ask(clips.moving(), clips.degraded(30)))
    assert scores.frames == pytest.approx(expected.frames, abs=1e-6)


@both
def test_names_that_look_like_options_or_protocols_are_files(
    bench: Bench, clips: ClipFactory, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    option, protocol = Path("-v quiet.mp4"), Path("http:it's [a] 100%d, file;.mp4")
    for name in (option, protocol):
        shutil.copy(clips.moving(), name)

    scores = bench.scorer(backend).score(ask(option, protocol))

    assert scores.n_frames == N_FRAMES


@both
def test_progress_counts_up_to_the_last_frame(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    told: list[int] = []

    bench.scorer(backend).score(ask(clips.moving(), clips.degraded(30)), on_progress=told.append)

    assert told == sorted(told)
    assert told[-1] == N_FRAMES


@both
def test_a_cut_off_clip_is_not_scored(bench: Bench, clips: ClipFactory, backend: str) -> None:
    whole = probe_source(clips.moving())
    cut = replace(whole, path=clips.cut_short())

    with pytest.raises((UnreadableSourceError, FrameCountMismatchError)):
        bench.scorer(backend).score(ask(whole, cut))


@both
@pytest.mark.parametrize("kind", ["empty", "text", "audio_only", "without_index"])
def test_a_file_that_went_bad_after_probing_is_named(
    bench: Bench, clips: ClipFactory, backend: str, kind: str
) -> None:
    source = probe_source(clips.moving())
    bad: Path = getattr(clips, kind)()

    with pytest.raises(UnreadableSourceError):
        bench.scorer(backend).score(ask(source, replace(source, path=bad)))


@both
def test_a_missing_file_is_named(bench: Bench, clips: ClipFactory, backend: str) -> None:
    source = probe_source(clips.moving())

    with pytest.raises(UnreadableSourceError, match=r"gone\.mp4.*(No such file|not exist)"):
        bench.scorer(backend).score(ask(source, replace(source, path=bench.work_dir / "gone.mp4")))


@both
def test_cancelling_stops_at_once_and_leaves_nothing(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    scorer = bench.scorer(backend)
    long = clips.static(n_frames=400, size=LARGE)
    copy = bench.work_dir.parent / "copy.mp4"
    shutil.copy(long, copy)
    request = ask(long, copy)

    with pytest.raises(CancelledError):
        scorer.score(request, on_progress=lambda _: bench.cancel.cancel())

    assert list(bench.work_dir.iterdir()) == []


@both
def test_a_cancelled_scorer_does_not_start(bench: Bench, clips: ClipFactory, backend: str) -> None:
    bench.cancel.cancel()

    with pytest.raises(CancelledError):
        bench.scorer(backend).score(ask(clips.moving(), clips.moving()))


@both
def test_neither_threads_nor_processors_change_a_score(
    bench: Bench, clips: ClipFactory, backend: str
) -> None:
    plain = ask(clips.moving(), clips.degraded(40))
    requests = (
        replace(plain, threads=1),
        replace(plain, threads=3),
        replace(plain, cpus=1),
        replace(plain, cpus=2),
    )
    found = [bench.scorer(backend).score(request) for request in requests]

    assert len({tuple(scores.frames) for scores in found}) == 1
    assert all(scores.features == found[0].features for scores in found)


@both
def test_one_scorer_serves_several_threads(bench: Bench, clips: ClipFactory, backend: str) -> None:
    scorer = bench.scorer(backend)
    requests = [ask(clips.moving(), clips.degraded(crf)) for crf in (20, 30, 40)]
    expected = [scorer.score(request).frames for request in requests]
    found: dict[int, Sequence[float]] = {}

    def work(i: int) -> None:
        found[i] = scorer.score(requests[i]).frames

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[i] for i in range(len(requests))] == expected


@both
def test_a_model_that_the_backend_lacks_is_known_before_any_work(
    bench: Bench, backend: str
) -> None:
    scorer = bench.scorer(backend)

    scorer.require(VmafModel("vmaf_v0.6.1"))
    with pytest.raises(ModelNotFoundError, match=r"vmaf_v9\.9"):
        scorer.require(VmafModel("vmaf_v9.9"))


@pytest.mark.parametrize(
    "model",
    ["vmaf_v1.0.16_3d0h", "vmaf_v1.0.16_5d0h", "vmaf_v1.0.16_1d5h_2160", "vmaf_v1.0.16_3d0h_2160"],
)
def test_each_v1_model_of_ffmpeg_works_at_its_smallest_size(bench: Bench, model: str) -> None:
    bench.scorer("ffmpeg").require(resolve_model(model, Resolution(1920, 1080), ()))


def test_a_v1_model_scores_eight_bit_clips_and_is_told_of_the_encodes_size(
    bench: Bench, clips: ClipFactory
) -> None:
    source = clips.moving(size=LARGE, n_frames=3)
    request = ask(source, clips.degraded(35, size=LARGE, n_frames=3), "v1")
    scorer = bench.scorer("ffmpeg")

    scores = scorer.score(request)

    (cambi,) = (name for name in scores.features if name.startswith("cambi"))
    assert cambi.endswith("_encbd_8_ench_180_encw_320")
    assert all(0 <= vmaf <= 100 for vmaf in scores.frames)


def test_a_v1_model_scores_the_smallest_rung(bench: Bench, clips: ClipFactory) -> None:
    request = ask(clips.moving(size=LARGE), clips.degraded(35), "v1")

    assert len(bench.scorer("ffmpeg").score(request).frames) == N_FRAMES


def test_auto_goes_to_whoever_has_the_model(bench: Bench) -> None:
    size = Resolution(1920, 1080)
    for name in ("vmaf_v0.6.1", "vmaf_v1.0.16_3d0h"):
        scorer = choose_scorer(
            "auto",
            resolve_model(name, size, ()),
            find_ffmpeg=lambda: bench.ffmpeg,
            runner=bench.runner,
            work_dir=bench.work_dir,
        )
        assert scorer.name == "ffmpeg"


def test_auto_takes_the_library_where_there_is_no_ffmpeg(bench: Bench) -> None:
    bench.scorer("libvmaf")

    def none() -> Ffmpeg:
        raise ToolNotFoundError("There is no ffmpeg.")

    model = VmafModel("vmaf_v0.6.1")
    assert choose_scorer("auto", model, find_ffmpeg=none, runner=bench.runner).name == "libvmaf"


def test_the_library_says_who_has_the_models_that_it_lacks(bench: Bench) -> None:
    bench.scorer("libvmaf")
    if load_libvmaf().version.startswith("3."):
        pytest.skip("This libvmaf has the v1 models.")

    with pytest.raises(ModelNotFoundError, match="Try --backend ffmpeg"):
        bench.scorer("libvmaf").require(VmafModel("vmaf_v1.0.16_3d0h"))


def test_pictures_too_small_for_the_model_are_refused_before_libvmaf_sees_them(
    bench: Bench, clips: ClipFactory
) -> None:
    request = replace(
        ask(clips.moving(), clips.moving()), model=VmafModel("vmaf_v1.0.16_3d0h", min_side=160)
    )

    for backend in BACKENDS:
        with pytest.raises(ScoringError, match="at least 160 samples"):
            bench.scorer(backend).score(request)


GOOD_LOG = """
import json
log = {"version": "9.9.9", "frames": [
    {"frameNum": i, "metrics": {"vmaf": 90.0}} for i in range(FRAMES)
]}
open("vmaf.json", "w").write(json.dumps(log))
"""


def test_an_ffmpeg_that_crashes_is_an_error_with_its_last_words(
    bench: Bench, clips: ClipFactory
) -> None:
    scorer = bench.standing_in("sys.stderr.write('oh no\\n'); sys.stderr.flush(); os.abort()")

    with pytest.raises(ToolError, match="killed by SIGABRT") as caught:
        scorer.score(ask(clips.moving(), clips.moving()))

    assert caught.value.stderr_tail == "oh no"
    assert list(bench.work_dir.iterdir()) == []


def test_an_ffmpeg_that_hangs_is_stopped(bench: Bench, clips: ClipFactory) -> None:
    scorer = bench.standing_in(
        "while True: print('frame=3', flush=True); time.sleep(0.05)", stall_timeout_s=0.5
    )

    with pytest.raises(ToolTimeoutError, match="made no progress"):
        scorer.score(ask(clips.moving(), clips.moving()))


@pytest.mark.parametrize("script", ["pass", "open('vmaf.json', 'w').write('{ \\x00 garbage')"])
def test_an_ffmpeg_that_leaves_no_log_or_garbage_is_an_error(
    bench: Bench, clips: ClipFactory, script: str
) -> None:
    with pytest.raises(ToolOutputError, match="did not write a valid libvmaf log"):
        bench.standing_in(script).score(ask(clips.moving(), clips.moving()))


def test_an_ffmpeg_that_fails_silently_tells_what_libvmaf_said(
    bench: Bench, clips: ClipFactory
) -> None:
    scorer = bench.standing_in("sys.stderr.write('libvmaf ERROR SpEED: image too small\\n')")

    with pytest.raises(ScoringError, match="SpEED: image too small"):
        scorer.score(ask(clips.moving(), clips.moving()))


def test_an_ffmpeg_that_does_not_count_frames_is_held_against_the_containers(
    bench: Bench, clips: ClipFactory
) -> None:
    request = ask(clips.moving(), clips.degraded(30))
    whole, part = (GOOD_LOG.replace("FRAMES", str(n)) for n in (N_FRAMES, N_FRAMES - 1))

    assert bench.standing_in(whole).score(request).n_frames == N_FRAMES
    with pytest.raises(ToolOutputError, match="compared 11 frames, but both containers declare"):
        bench.standing_in(part).score(request)
    with pytest.raises(FrameCountMismatchError):
        bench.standing_in(whole).score(ask(clips.moving(), clips.dropped(5)))


def test_a_full_work_folder_is_an_error_that_says_so(bench: Bench, clips: ClipFactory) -> None:
    scorer = bench.standing_in(
        "sys.stderr.write('vmaf.json: No space left on device\\n'); sys.exit(228)"
    )

    with pytest.raises(OutputError, match="work folder is full"):
        scorer.score(ask(clips.moving(), clips.moving()))


def test_a_work_folder_that_is_removed_meanwhile_is_an_error_that_says_so(
    bench: Bench, clips: ClipFactory
) -> None:
    scorer = bench.standing_in("import os, shutil; shutil.rmtree(os.getcwd())")

    with pytest.raises(OutputError, match="work folder was removed"):
        scorer.score(ask(clips.moving(), clips.moving()))


def test_a_work_folder_that_is_not_there_is_an_error(bench: Bench, clips: ClipFactory) -> None:
    scorer = FfmpegScorer(bench.ffmpeg, bench.runner, bench.work_dir / "gone")

    with pytest.raises(OutputError, match="cannot be used"):
        scorer.score(ask(clips.moving(), clips.moving()))


def test_an_ffmpeg_without_libvmaf_is_known_before_any_work(bench: Bench) -> None:
    scorer = bench.standing_in("sys.stderr.write(\"No such filter: 'libvmaf'\\n\"); sys.exit(8)")

    with pytest.raises(ToolNotFoundError, match="built without libvmaf"):
        scorer.require(VmafModel("vmaf_v0.6.1"))
    assert scorer.version == ""


def test_the_vmaf_program_gets_clips_decoded_scaled_and_counted(
    bench: Bench, clips: ClipFactory, tmp_path: Path
) -> None:
    vmaf = tmp_path / "vmaf"
    script = GOOD_LOG.replace("FRAMES", "os.path.getsize(sys.argv[2]) // (160 * 90 * 3 // 2)")
    vmaf.write_text(f"#!{sys.executable}\nimport os, sys\n{script}\n")
    vmaf.chmod(vmaf.stat().st_mode | stat.S_IXUSR)
    scorer = VmafBinaryScorer(vmaf, lambda: bench.ffmpeg, bench.runner, bench.work_dir)

    scores = scorer.score(ask(clips.moving(), clips.degraded(30, size=LARGE)))

    assert (scores.n_frames, scores.backend_version) == (N_FRAMES, "9.9.9")
    assert list(bench.work_dir.iterdir()) == []
    with pytest.raises(FrameCountMismatchError, match=r"has 12 frames.*has 11\."):
        scorer.score(ask(clips.moving(), clips.dropped(5)))


def test_a_clip_that_cannot_be_decoded_for_the_vmaf_program_is_named(
    bench: Bench, clips: ClipFactory
) -> None:
    scorer = VmafBinaryScorer(bench.work_dir, lambda: bench.ffmpeg, bench.runner, bench.work_dir)
    source = probe_source(clips.moving())
    request = ask(source, replace(source, path=clips.text()))

    with pytest.raises(UnreadableSourceError, match=r"text\.mp4"):
        scorer.score(request)
