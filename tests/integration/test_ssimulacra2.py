"""SSIMULACRA2 against VapourSynth run by hand; `nox -s newer` has what it needs."""

from __future__ import annotations

import json
import math
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vmafx_tune
from tests.golden.pairs import PAIRS
from tests.support.cli import run_cli
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, MetricUnavailableError, ScoringError
from vmafx_tune.events import FramesDone
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution
from vmafx_tune.options import ScoringOptions, SourceOptions
from vmafx_tune.scoring import ssimulacra2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.events import Event
    from vmafx_tune.results.score import ScoreResult

METRIC = "ssimulacra2"
SIZE = Resolution(160, 90)
LOSSY = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30")

needs_plugin = pytest.mark.skipif(
    ssimulacra2.plugin_version() is None,
    reason="VapourSynth with vszip, of the extra [ssimulacra2], is not here",
)


def samples(
    ffmpeg: Path, clip: Path, size: Resolution, pix_fmt: str, *options: str
) -> list[list[Any]]:
    """Decode a clip with ffmpeg, to the planes of each frame."""
    command = [str(ffmpeg), "-v", "error", *options, "-i", str(clip), "-pix_fmt", pix_fmt]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-"], check=True, capture_output=True, stdin=subprocess.DEVNULL
    ).stdout
    whole = (size.height, size.width)
    part = {
        "420": (-(-size.height // 2), -(-size.width // 2)),
        "422": (size.height, -(-size.width // 2)),
    }.get(pix_fmt[3:6], whole)
    shapes = (whole, part, part)
    flat = np.frombuffer(raw, "<u2" if "10" in pix_fmt else np.uint8)
    frames = flat.reshape(-1, sum(math.prod(shape) for shape in shapes))
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [
        [plane.reshape(s) for plane, s in zip(np.split(frame, ends), shapes, strict=True)]
        for frame in frames
    ]


def by_hand(
    pair: Sequence[list[list[Any]]], pix_fmt: str, properties: Mapping[str, int] | None = None
) -> list[float]:
    """Have vszip compare frames, which it converts itself by what their properties say."""
    import vapoursynth as vs

    chroma, depth = pix_fmt[3:6], "10" if "10" in pix_fmt else "8"
    height, width = pair[0][0][0].shape
    blank = vs.core.std.BlankClip(
        format=getattr(vs, f"YUV{chroma}P{depth}"),
        width=width,
        height=height,
        length=len(pair[0]),
    )

    def drawn(frames: list[list[Any]], n: int, f: Any) -> Any:
        picture = f.copy()
        for number, plane in enumerate(frames[n]):
            np.asarray(picture[number])[:] = plane
        for name, value in (properties or {}).items():
            picture.props[name] = value
        return picture

    clips = [blank.std.ModifyFrame(blank, partial(drawn, part)) for part in pair]
    compared = vs.core.vszip.SSIMULACRA2(*clips)
    return [float(frame.props["SSIMULACRA2"]) for frame in compared.frames()]


def score(reference: Path, distorted: Path, **options: Any) -> list[float]:
    return list(result_of(reference, distorted, **options).scores.metrics[METRIC])


def result_of(reference: Path, distorted: Path, **options: Any) -> ScoreResult:
    return vmafx_tune.score(reference, distorted, metrics=["psnr", METRIC], **options)


@pytest.fixture(scope="module")
def pair(clips: ClipFactory) -> tuple[Path, Path]:
    return clips.moving(), clips.degraded(30)


@pytest.fixture(scope="module")
def of_pair(pair: tuple[Path, Path], ffmpeg_exe: Path) -> list[float]:
    decoded = [samples(ffmpeg_exe, clip, SIZE, "yuv420p") for clip in pair]
    return by_hand(decoded, "yuv420p")


@needs_plugin
class TestValues:
    @pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
    @pytest.mark.parametrize("golden", PAIRS, ids=lambda pair: pair.log_prefix)
    def test_raw_pairs_have_those_of_vszip(
        self, golden_dir: Path, ffmpeg_exe: Path, golden: Any, backend: str
    ) -> None:
        clips = golden_dir / golden.reference, golden_dir / golden.distorted
        geometry = ("-f", "rawvideo", "-s", str(golden.size), "-pix_fmt", golden.pix_fmt)
        decoded = [
            samples(ffmpeg_exe, clip, golden.size, golden.pix_fmt, *geometry)[::8] for clip in clips
        ]

        found = score(
            *clips,
            scoring=ScoringOptions(backend=backend, subsample=8),
            sources=SourceOptions(size=str(golden.size), pix_fmt=golden.pix_fmt),
        )

        assert found == pytest.approx(by_hand(decoded, golden.pix_fmt), abs=1e-4)

    @pytest.mark.parametrize(
        ("pix_fmt", "size", "labels", "properties"),
        [
            ("yuv420p10le", SIZE, "-colorspace bt709 -color_range pc", {"_Matrix": 1, "_Range": 1}),
            ("yuv422p", SIZE, "-colorspace bt2020nc -color_range tv", {"_Matrix": 9, "_Range": 0}),
            ("yuv444p", Resolution(161, 91), "-colorspace bt709", {"_Matrix": 1}),
            ("yuv422p10le", Resolution(160, 91), "", {}),
        ],
    )
    def test_frames_are_taken_for_what_their_labels_say(
        self,
        clips: ClipFactory,
        ffmpeg_exe: Path,
        pix_fmt: str,
        size: Resolution,
        labels: str,
        properties: dict[str, int],
    ) -> None:
        drawn = clips.moving(n_frames=2, size=size, pix_fmt=pix_fmt, suffix=".mkv")
        name = f"{pix_fmt}-{size}"
        reference, distorted = clips.folder / f"{name}-a.mkv", clips.folder / f"{name}-b.mkv"
        clips.run("-i", str(drawn), "-c:v", "ffv1", *labels.split(), str(reference))
        clips.run("-i", str(reference), *LOSSY, *labels.split(), str(distorted))
        decoded = [samples(ffmpeg_exe, clip, size, pix_fmt) for clip in (reference, distorted)]

        found = score(reference, distorted)

        assert found == pytest.approx(by_hand(decoded, pix_fmt, properties), abs=1e-4)

    def test_an_odd_size_loses_and_adds_nothing(self, clips: ClipFactory, ffmpeg_exe: Path) -> None:
        # Without colour, subsampled chroma is that of 4:4:4, which VapourSynth takes in odd sizes.
        size = Resolution(161, 91)
        names = [clips.folder / f"odd-{kind}.mkv" for kind in ("a", "b")]
        drawn = clips.odd_size()
        clips.run("-i", str(drawn), "-vf", "lut=u=128:v=128", "-c:v", "ffv1", str(names[0]))
        clips.run(
            "-i", str(names[0]), "-vf", "boxblur=1,lut=u=128:v=128", "-c:v", "ffv1", str(names[1])
        )
        decoded = [samples(ffmpeg_exe, clip, size, "yuv444p") for clip in names]

        assert score(*names) == pytest.approx(by_hand(decoded, "yuv444p"), abs=1e-4)

    def test_a_clip_against_itself_has_100_but_for_rounding(
        self, clips: ClipFactory, ffmpeg_exe: Path
    ) -> None:
        clip, flat = clips.one_frame(), clips.folder / "flat.mkv"
        decoded = samples(ffmpeg_exe, clip, SIZE, "yuv420p")
        clips.run(
            "-f", "lavfi", "-i", f"color=navy:s={SIZE}:r=25:d=0.08", "-c:v", "ffv1", str(flat)
        )

        (found,) = score(clip, clip)

        assert found == pytest.approx(100, abs=0.1)
        assert found == pytest.approx(by_hand([decoded, decoded], "yuv420p")[0], abs=1e-4)
        assert set(score(flat, flat)) == {100}

    def test_other_scores_stay_what_they_are(self, pair: tuple[Path, Path]) -> None:
        alone = vmafx_tune.score(*pair, metrics=["psnr"])

        result = result_of(*pair)

        assert (result.score, result.features) == (alone.score, alone.features)
        assert result.metrics["psnr"] == alone.metrics["psnr"]

    def test_pairs_are_those_of_vmaf(self, pair: tuple[Path, Path], of_pair: list[float]) -> None:
        assert score(*pair) == pytest.approx(of_pair, abs=1e-4)
        found = score(*pair, scoring=ScoringOptions(subsample=5))
        assert found == pytest.approx(of_pair[::5], abs=1e-4)

        moved = result_of(pair[0], pair[1], offset=-3)

        assert len(moved.scores.metrics[METRIC]) == moved.n_frames == len(of_pair) - 3
        # Of another frame, each of them is worse.
        assert max(moved.scores.metrics[METRIC]) < min(of_pair)

    def test_an_encode_is_compared_at_the_display_size(
        self, clips: ClipFactory, pair: tuple[Path, Path], ffmpeg_exe: Path
    ) -> None:
        small = clips.folder / "small.mkv"
        clips.run("-i", str(pair[0]), "-vf", "scale=80:46", *LOSSY, str(small))
        scaled = clips.folder / "scaled.mkv"
        clips.run(
            "-i", str(small), "-vf", "scale=160:90:flags=bicubic", "-c:v", "ffv1", str(scaled)
        )

        assert score(pair[0], small) == pytest.approx(score(pair[0], scaled), abs=1e-4)


@needs_plugin
def test_a_search_meets_a_condition_and_another_is_served_by_the_cache(
    clips: ClipFactory, tmp_path: Path
) -> None:
    options = ("-r", clips.moving(), "--crf-lo", "24", "--crf-hi", "40", "--preset", "ultrafast")

    def search(*asked: str) -> Any:
        cache = {"VMAFX_CACHE_DIR": str(tmp_path)}
        done = run_cli("search", *options, "-t", "30", *asked, env=cache)
        assert done.exit_code == 0, done.stderr
        return done.document

    found = search("--require", f"{METRIC}.p5>=40")
    values = {one["crf"]: one["metrics"][f"{METRIC}.p5"] for one in found["bisect_samples"]}
    assert values[found["best_crf"]] >= 40 > values[found["best_crf"] + 1]
    assert search("--require", f"{METRIC}.p5>=40")["new_probes"] == 0
    search("--require", f"{METRIC}.p5>=1")
    assert search()["new_probes"] == 0


@needs_plugin
def test_progress_goes_to_the_end_once(pair: tuple[Path, Path]) -> None:
    seen: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, FramesDone):
            seen.append(event.frames_done)

    result = result_of(*pair, observe=observe)

    assert seen == sorted(seen)
    assert seen[-1] == result.n_frames


@needs_plugin
def test_a_cancelled_comparison_ends(pair: tuple[Path, Path]) -> None:
    from vmafx_tune.model import ScoreRequest
    from vmafx_tune.scoring.models import resolve_model

    cancel = CancelToken()
    reference, distorted = map(probe_source, pair)
    request = ScoreRequest(reference, distorted, model=resolve_model(None, SIZE), display=SIZE)

    with pytest.raises(CancelledError):
        ssimulacra2._Comparer(request).compare(cancel, lambda frames: cancel.cancel())


@needs_plugin
def test_a_matrix_that_cannot_be_converted_is_refused_before_work(clips: ClipFactory) -> None:
    clip = clips.folder / "constant-luminance.mp4"
    label = ("-bsf:v", "h264_metadata=matrix_coefficients=10")
    clips.run("-i", str(clips.moving()), "-c", "copy", *label, str(clip))

    with pytest.raises(ScoringError, match="cannot convert these frames to RGB"):
        score(clip, clip)


@pytest.mark.parametrize("backend", ["auto", "libvmaf"])
def test_without_the_extra_it_is_refused_before_work(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(ssimulacra2, "plugin_version", lambda: None)
    events: list[Event] = []

    with pytest.raises(MetricUnavailableError) as refused:
        result_of(*pair, scoring=ScoringOptions(backend=backend), observe=events.append)

    assert refused.value.exit_code == 4
    assert "Python 3.12" in str(refused.value)
    assert "pip install 'vmafx-tune[ssimulacra2]'" in str(refused.value)
    assert not events


def test_doctor_lists_it() -> None:
    done = run_cli("doctor", "--format", "json")

    (check,) = [one for one in json.loads(done.stdout)["checks"] if one["name"] == "SSIMULACRA2"]
    assert check["ok"] == (ssimulacra2.plugin_version() is not None)
    assert not check["required"]
