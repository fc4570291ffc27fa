from __future__ import annotations

import ctypes
import gc
import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.programs import wait_until
from vmafx_tune.errors import (
    FormatMismatchError,
    LibvmafCallError,
    LibvmafNotFoundError,
    ModelNotFoundError,
    ScoringError,
    UsageError,
)
from vmafx_tune.model import VmafModel
from vmafx_tune.scoring.alignment import EncodeFacts
from vmafx_tune.scoring.libvmaf.handles import feature_names
from vmafx_tune.scoring.libvmaf.library import Libvmaf, load_libvmaf
from vmafx_tune.scoring.libvmaf.session import FrameScore, LibvmafScorer
from vmafx_tune.scoring.models import load_custom_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = list[NDArray[Any]]

WIDTH, HEIGHT = 96, 64
V061_FEATURES = {
    "integer_adm2",
    "integer_motion2",
    "integer_vif_scale0",
    "integer_vif_scale1",
    "integer_vif_scale2",
    "integer_vif_scale3",
}
MIB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def library() -> Libvmaf:
    try:
        return load_libvmaf()
    except LibvmafNotFoundError as error:
        pytest.skip(str(error))


def pictures(
    n: int, pix_fmt: str = "yuv420p", *, noise: float = 0.0, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> list[Picture]:
    """A texture that wanders, with noise of that strength on it, in any depth."""
    with LibvmafScorer.open(*size, pix_fmt) as scorer:
        layout = scorer.layout
    dtype = np.uint8 if layout.bit_depth == 8 else np.uint16
    top = 2**layout.bit_depth - 1

    def draw(i: int, plane: int) -> NDArray[Any]:
        rows, columns = layout.plane_shapes[plane]
        texture = np.random.default_rng(plane).random((rows + n, columns + n))
        grain = np.random.default_rng([plane, i]).random((rows, columns))
        moved = texture[i : i + rows, i : i + columns]
        drawn: NDArray[Any] = ((moved + noise * grain) / (1 + noise) * top).astype(dtype)
        return drawn

    return [[draw(i, plane) for plane in range(3)] for i in range(n)]


def score(
    reference: list[Picture],
    distorted: list[Picture],
    pix_fmt: str = "yuv420p",
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    threads: int | None = None,
    subsample: int = 1,
    model: str | None = None,
) -> list[FrameScore]:
    with LibvmafScorer.open(
        *size, pix_fmt, threads=threads, subsample=subsample, model=model
    ) as scorer:
        frames = []
        for pair in zip(reference, distorted, strict=True):
            frames += scorer.feed(*pair)
        return frames + scorer.finish()


def vmafs(frames: list[FrameScore]) -> list[float]:
    return [frame.vmaf for frame in frames]


def test_each_pair_gets_one_score_with_features_in_order() -> None:
    frames = score(pictures(6), pictures(6, noise=0.2))

    assert [frame.index for frame in frames] == list(range(6))
    assert all(0 <= frame.vmaf < 100 for frame in frames)
    assert all(frame.features.keys() >= V061_FEATURES for frame in frames)
    assert all(math.isfinite(value) for frame in frames for value in frame.features.values())


def test_scores_come_as_soon_as_the_next_pair_is_in() -> None:
    reference, distorted = pictures(5), pictures(5, noise=0.2)

    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", threads=0) as scorer:
        seen = [
            [frame.index for frame in scorer.feed(*pair)]
            for pair in zip(reference, distorted, strict=True)
        ]
        rest = [frame.index for frame in scorer.finish()]

    assert [index for fed in seen for index in fed] + rest == list(range(5))
    assert all(index >= fed - 1 for fed, indices in enumerate(seen) for index in indices)
    assert rest == [4]


def test_scores_that_worker_threads_get_ready_can_be_asked_for_without_another_pair() -> None:
    reference, distorted = pictures(6), pictures(6, noise=0.2)

    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", threads=2) as scorer:
        seen = [
            frame.index
            for pair in zip(reference, distorted, strict=True)
            for frame in scorer.feed(*pair)
        ]

        def all_but_the_last() -> bool:
            # Motion of the last one needs the pair after it.
            seen.extend(frame.index for frame in scorer.poll())
            return len(seen) == 5

        wait_until(all_but_the_last)
        rest = [frame.index for frame in scorer.finish()]

    assert seen == list(range(5))
    assert rest == [5]


def test_worker_threads_change_no_score() -> None:
    reference, distorted = pictures(12), pictures(12, noise=0.3)

    alone = score(reference, distorted, threads=0)

    assert score(reference, distorted, threads=3) == alone


def test_a_picture_scores_best_against_itself() -> None:
    reference = pictures(4)

    itself = score(reference, reference)
    noisy = score(reference, pictures(4, noise=0.3))

    assert all(a > b for a, b in zip(vmafs(itself), vmafs(noisy), strict=True))
    assert all(97 < vmaf <= 100 for vmaf in vmafs(itself))


def test_a_single_pair_is_scored() -> None:
    (frame,) = score(pictures(1), pictures(1))

    assert frame.index == 0
    assert frame.features["integer_motion2"] == 0


def test_no_pair_gives_no_score() -> None:
    assert score([], []) == []


@pytest.mark.parametrize("n", [1, 4, 5])
def test_subsampling_scores_every_nth_pair_as_a_full_run_does(n: int) -> None:
    reference, distorted = pictures(n), pictures(n, noise=0.2)
    every = score(reference, distorted)

    some = score(reference, distorted, subsample=2)

    assert [frame.index for frame in some] == list(range(0, n, 2))
    assert vmafs(some) == vmafs(every)[::2]


@pytest.mark.parametrize("depth", ["", "10le", "12le", "16le"])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_every_depth_and_chroma_format_is_scored_alike(chroma: str, depth: str) -> None:
    pix_fmt = f"yuv{chroma}p{depth}"
    plain = score(pictures(3), pictures(3, noise=0.2))

    frames = score(pictures(3, pix_fmt), pictures(3, pix_fmt, noise=0.2), pix_fmt)

    # The same luma, but for what rounding to 8 bits takes away.
    assert vmafs(frames) == pytest.approx(vmafs(plain), abs=0.5)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_odd_sizes_are_scored(pix_fmt: str) -> None:
    size = (95, 63)

    frames = score(
        pictures(2, pix_fmt, size=size),
        pictures(2, pix_fmt, noise=0.2, size=size),
        pix_fmt,
        size=size,
    )

    assert len(frames) == 2


def test_row_padding_is_no_part_of_the_picture() -> None:
    reference, distorted = pictures(3), pictures(3, noise=0.2)
    padded = [
        [np.pad(plane, ((0, 0), (5, 11)), constant_values=255)[:, 5:-11] for plane in planes]
        for planes in distorted
    ]

    assert score(reference, padded) == score(reference, distorted)


def test_planes_may_be_overwritten_once_they_are_fed() -> None:
    reference, distorted = pictures(6), pictures(6, noise=0.2)
    expected = score(reference, distorted)

    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", threads=2) as scorer:
        frames = []
        for pair in zip(reference, distorted, strict=True):
            copies = [[plane.copy() for plane in planes] for planes in pair]
            frames += scorer.feed(*copies)
            for planes in copies:
                for plane in planes:
                    plane[...] = 0
        frames += scorer.finish()

    assert frames == expected


def test_packed_pictures_are_cut_by_the_layout() -> None:
    reference, distorted = pictures(3), pictures(3, noise=0.2)

    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p") as scorer:
        frames = []
        for pair in zip(reference, distorted, strict=True):
            packed = [b"".join(plane.tobytes() for plane in planes) for planes in pair]
            frames += scorer.feed(*map(scorer.layout.split, packed))
        frames += scorer.finish()

    assert frames == score(reference, distorted)


def test_sessions_in_different_threads_do_not_touch_each_other() -> None:
    jobs = [(pictures(8), pictures(8, noise=noise)) for noise in (0.1, 0.3, 0.5, 0.7)]
    expected = [score(*job) for job in jobs]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda job: score(*job, threads=1), jobs))

    assert found == expected


@pytest.mark.parametrize(
    "model", ["vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_4k_v0.6.1", "vmaf_float_v0.6.1"]
)
def test_each_model_scores(model: str) -> None:
    frames = score(pictures(2), pictures(2, noise=0.2), model=model)

    assert all(math.isfinite(vmaf) for vmaf in vmafs(frames))
    assert frames[0].features


def test_the_enhancement_gain_of_neg_shows_in_its_feature_names() -> None:
    (frame,) = score(pictures(1), pictures(1), model="vmaf_v0.6.1neg")

    assert "integer_adm2_egl_1" in frame.features
    assert "integer_vif_scale0_egl_1" in frame.features


def test_float_models_have_their_own_feature_names() -> None:
    (frame,) = score(pictures(1), pictures(1), model="vmaf_float_v0.6.1")

    assert {"adm2", "motion2", "vif_scale0"} <= frame.features.keys()


def test_a_model_that_the_library_lacks_is_named_with_who_may_have_it(library: Libvmaf) -> None:
    with pytest.raises(ModelNotFoundError, match=r"does not have the model.*backend ffmpeg"):
        feature_names(library, VmafModel("vmaf_v9.9.9"))


def test_a_custom_model_scores_as_its_file_says(tmp_path: Path) -> None:
    file = constant_model(tmp_path / "flat.json", 42.0)

    frames = score(pictures(3), pictures(3, noise=0.4), model=str(file))

    assert vmafs(frames) == pytest.approx([42.0] * 3)


def test_a_custom_model_that_the_library_cannot_use_is_named(tmp_path: Path) -> None:
    file = constant_model(tmp_path / "broken.json", 1.0, model="no support vectors")

    with pytest.raises(ModelNotFoundError, match="cannot use the model file"):
        LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", model=load_custom_model(file))


def test_cambi_is_told_of_the_encode(tmp_path: Path) -> None:
    file = constant_model(tmp_path / "cambi.json", 1.0, feature_names=["cambi"])
    model = load_custom_model(file)
    shapes = ((360, 640), (180, 320), (180, 320))
    ramp = [np.linspace(200, 280, num=w * h).reshape(h, w).astype(np.uint16) for h, w in shapes]

    def cambi(facts: EncodeFacts | None) -> float:
        with LibvmafScorer.open(640, 360, "yuv420p10le", model=model, facts=facts) as scorer:
            (frame,) = [*scorer.feed(ramp, ramp), *scorer.finish()]
            return next(value for name, value in frame.features.items() if "cambi" in name)

    assert cambi(EncodeFacts(640, 360, 10)) == pytest.approx(cambi(None))
    assert cambi(EncodeFacts(320, 180, 8)) != pytest.approx(cambi(None))


def test_wrong_pictures_are_refused_and_leave_the_session_usable() -> None:
    reference, distorted = pictures(2), pictures(2, noise=0.2)

    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p") as scorer:
        scorer.feed(reference[0], distorted[0])
        with pytest.raises(FormatMismatchError, match="Plane 0 of the distorted"):
            scorer.feed(reference[1], [plane[:-2] for plane in distorted[1]])
        scorer.feed(reference[1], distorted[1])
        scorer.finish()

        assert scorer.n_fed == 2


def test_nothing_works_on_a_closed_session() -> None:
    scorer = LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p")
    scorer.close()
    scorer.close()

    assert scorer.closed
    with pytest.raises(ScoringError, match="closed"):
        scorer.feed(pictures(1)[0], pictures(1)[0])
    with pytest.raises(ScoringError, match="closed"):
        scorer.finish()
    with pytest.raises(ScoringError, match="closed"), scorer:
        pass


def test_a_finished_session_takes_no_more_pictures() -> None:
    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p") as scorer:
        scorer.finish()
        with pytest.raises(ScoringError, match="finished"):
            scorer.feed(pictures(1)[0], pictures(1)[0])


def test_a_session_closed_in_the_middle_of_its_work_ends_cleanly() -> None:
    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", threads=2) as scorer:
        for pair in zip(pictures(8), pictures(8), strict=True):
            scorer.feed(*pair)


def test_a_libvmaf_function_that_fails_is_named_with_its_code(library: Libvmaf) -> None:
    with pytest.raises(LibvmafCallError) as caught:
        library.call("vmaf_close", None)

    assert (caught.value.function, caught.value.code) == ("vmaf_close", -22)


@pytest.mark.parametrize(("subsample", "threads"), [(0, 1), (1, -1)])
def test_options_that_make_no_sense_are_refused(subsample: int, threads: int) -> None:
    with pytest.raises(UsageError, match="subsample must be at least 1"):
        LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", subsample=subsample, threads=threads)


def test_pictures_that_libvmaf_would_read_beyond_are_refused() -> None:
    with pytest.raises(ScoringError, match="at least 34 samples"):
        LibvmafScorer.open(33, 64, "yuv420p", model=VmafModel("vmaf_v0.6.1"))


def resident_bytes() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_memory_stays_flat_over_thousands_of_pictures() -> None:
    planes = pictures(1)[0]
    with LibvmafScorer.open(WIDTH, HEIGHT, "yuv420p", threads=2) as scorer:
        for _ in range(200):
            scorer.feed(planes, planes)
        before = resident_bytes()
        for _ in range(3000):
            scorer.feed(planes, planes)
        grown = resident_bytes() - before

    # The pictures took 3000 * 2 * 9 KiB = 54 MiB. Scores are kept, a few dozen bytes each.
    assert grown < 8 * MIB


@linux
def test_memory_stays_flat_over_many_sessions() -> None:
    reference = pictures(2)
    for _ in range(10):
        score(reference, reference, threads=2)
    before = resident_bytes()
    for _ in range(100):
        score(reference, reference, threads=2)

    assert resident_bytes() - before < 8 * MIB


def constant_model(path: Path, value: float, **facts: object) -> Path:
    """A model with a single support vector far away, which scores everything alike."""
    names = facts.get("feature_names", ["VMAF_integer_feature_adm2_score"])
    svm = (
        "svm_type nu_svr\nkernel_type rbf\ngamma 0.04\nnr_class 2\ntotal_sv 1\n"
        f"rho {-value}\nSV\n1e-9 1:1 \n"
    )
    model = {
        "model_type": "LIBSVMNUSVR",
        "norm_type": "none",
        "score_clip": [0.0, 100.0],
        "feature_names": names,
        "feature_opts_dicts": [{}],
        "model": svm,
        "slopes": [0.01, 1.0],
        "intercepts": [0.0, 0.0],
    }
    path.write_text(json.dumps({"param_dict": {}, "model_dict": {**model, **facts}}))
    return path
