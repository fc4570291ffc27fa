from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from vmafx_tune.errors import ModelNotFoundError, ScoringError
from vmafx_tune.model import Resolution, VmafModel
from vmafx_tune.scoring.models import (
    BUILT_IN_MODELS,
    MODEL_DIR_VARIABLE,
    check_frame_score,
    check_picture_size,
    copy_model,
    features_of,
    load_custom_model,
    resolve_model,
    widest_model,
)

if TYPE_CHECKING:
    from pathlib import Path

FULL_HD = Resolution(1920, 1080)
UHD = Resolution(3840, 2160)
UHD_PORTRAIT = Resolution(2160, 3840)


def write_model(path: Path, **facts: Any) -> Path:
    model = {"feature_names": ["VMAF_integer_feature_adm2_score"], "score_clip": [0.0, 100.0]}
    path.write_text(json.dumps({"param_dict": {}, "model_dict": {**model, **facts}}))
    return path


@pytest.mark.parametrize(
    ("wanted", "display", "name"),
    [
        (None, FULL_HD, "vmaf_v0.6.1"),
        (None, UHD, "vmaf_4k_v0.6.1"),
        (None, Resolution(3840, 2159), "vmaf_v0.6.1"),
        ("default", UHD_PORTRAIT, "vmaf_4k_v0.6.1"),
        ("neg", FULL_HD, "vmaf_v0.6.1neg"),
        ("neg", UHD, "vmaf_4k_v0.6.1neg"),
        ("v1", FULL_HD, "vmaf_v1.0.16_3d0h"),
        ("v1", UHD, "vmaf_v1.0.16_1d5h_2160"),
        ("vmaf_v0.6.1", UHD, "vmaf_v0.6.1"),
        ("vmaf_float_v0.6.1neg", FULL_HD, "vmaf_float_v0.6.1neg"),
    ],
)
def test_the_model_follows_the_name_or_else_the_display(
    wanted: str | None, display: Resolution, name: str
) -> None:
    assert resolve_model(wanted, display, ()).name == name


def test_v1_models_are_scored_at_ten_bits_and_told_of_the_encode() -> None:
    family = [model for name, model in BUILT_IN_MODELS.items() if "_v1." in name]

    assert len(family) == 8
    assert all(model.min_bit_depth == 10 and model.wants_encode_facts for model in family)


def test_only_the_models_for_4k_television_go_beyond_100() -> None:
    beyond = {name for name, model in BUILT_IN_MODELS.items() if model.ceiling > 100}

    assert beyond == {"vmaf_v1.0.16_3d0h_2160", "vmaf_v1.0.16_hfr_3d0h_2160"}
    assert BUILT_IN_MODELS["vmaf_v1.0.16_3d0h_2160"].ceiling == 110


def test_an_unknown_name_lists_the_models_and_the_nearest_one() -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        resolve_model("vmaf_v0.6.1net", FULL_HD, ())

    assert "Did you mean vmaf_v0.6.1neg" in str(caught.value)
    assert all(name in str(caught.value) for name in BUILT_IN_MODELS)


@pytest.mark.parametrize("name", ["vmaf_b_v0.6.3", "vmaf_float_b_v0.6.3"])
def test_bootstrap_collections_are_refused_with_what_to_use(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match=r"collection of bootstrap models.*vmaf_v0\.6\.1"):
        resolve_model(name, FULL_HD, ())


def test_a_custom_model_is_named_by_its_path(tmp_path: Path) -> None:
    file = write_model(tmp_path / "mine_v2.json")

    model = resolve_model(str(file), FULL_HD, ())

    assert (model.name, model.path) == ("mine_v2", file)
    assert (model.ceiling, model.min_bit_depth, model.wants_encode_facts) == (100, 8, False)


@pytest.mark.parametrize("name", ["mine", "mine.json"])
def test_a_custom_model_is_found_by_name_in_the_model_folders(tmp_path: Path, name: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    file = write_model(second / "mine.json")

    assert resolve_model(name, FULL_HD, (first, second)).path == file


def test_a_models_name_is_not_what_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_model(tmp_path / "mine.json")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine").write_text("something else")
    monkeypatch.chdir(tmp_path / "work")

    assert resolve_model("mine", FULL_HD, (tmp_path,)).path == file


def test_the_model_folder_is_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_model(tmp_path / "mine.json")
    monkeypatch.setenv("VMAFX_MODEL_DIR", str(tmp_path))

    assert resolve_model("mine", FULL_HD).path == file


def test_an_unknown_name_lists_the_models_of_the_folders_too(tmp_path: Path) -> None:
    write_model(tmp_path / "mine.json")

    with pytest.raises(ModelNotFoundError, match="Did you mean mine"):
        resolve_model("mien", FULL_HD, (tmp_path,))


def test_a_missing_model_file_is_named_with_the_folders_searched(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=rf"'other\.json', nor in '{tmp_path}'"):
        resolve_model("other.json", FULL_HD, (tmp_path,))


@pytest.mark.parametrize("cambi", ["Cambi_feature_cambi_score", "cambi"])
def test_a_custom_model_with_cambi_is_treated_as_one_of_the_v1_family(
    tmp_path: Path, cambi: str
) -> None:
    names = [cambi, "VMAF_integer_feature_adm3_score"]

    model = load_custom_model(write_model(tmp_path / "v1.json", feature_names=names))

    assert (model.min_bit_depth, model.wants_encode_facts) == (10, True)


@pytest.mark.parametrize(
    ("clip", "ceiling"), [([0.0, 110.0], 110.0), (None, math.inf), ([0, 100], 100.0)]
)
def test_the_ceiling_of_a_custom_model_is_where_it_clips(
    tmp_path: Path, clip: list[float] | None, ceiling: float
) -> None:
    model = load_custom_model(write_model(tmp_path / "m.json", score_clip=clip))

    assert model.ceiling == ceiling
    assert model.floor == (-math.inf if clip is None else 0)


@pytest.mark.parametrize("score", [0.0, 50.0, 100.0, 100.0000005])
def test_a_score_within_the_models_range_passes(score: float) -> None:
    assert check_frame_score(BUILT_IN_MODELS["vmaf_v0.6.1"], 7, score) == score


@pytest.mark.parametrize("score", [-1.0, -0.0001, 100.0001, 1e9, math.nan, math.inf])
def test_a_score_outside_of_the_models_range_is_an_error_with_frame_and_value(
    score: float,
) -> None:
    with pytest.raises(
        ScoringError, match=re.escape(f"the score {score:g} for frame 7, ")
    ) as caught:
        check_frame_score(BUILT_IN_MODELS["vmaf_v0.6.1"], 7, score)
    assert "outside of the range of vmaf_v0.6.1 (0 to 100)" in str(caught.value)


def test_the_range_is_the_models_own() -> None:
    assert check_frame_score(BUILT_IN_MODELS["vmaf_v1.0.16_3d0h_2160"], 0, 109.9) == 109.9
    unclipped = VmafModel("mine", floor=-math.inf, ceiling=math.inf)
    assert check_frame_score(unclipped, 0, -3.5) == -3.5


def test_features_are_those_that_every_libvmaf_has() -> None:
    older = ["integer_adm2", "integer_motion", "integer_motion2", "integer_vif_scale0"]
    newer = [
        *(name for name in older if name != "integer_motion"),
        *("integer_adm3", "integer_aim", "integer_motion3"),
        "VMAF_integer_feature_motion_sad_score",
    ]
    model = BUILT_IN_MODELS["vmaf_v0.6.1"]

    assert features_of(model, older) == features_of(model, newer)
    assert features_of(model, ["integer_aim_egl_1", "adm_scale0_egl_1"]) == ("adm_scale0_egl_1",)
    assert "integer_adm3" in features_of(BUILT_IN_MODELS["vmaf_v1.0.16_3d0h"], newer)


def test_a_folder_of_models_that_is_named_and_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_DIR_VARIABLE, str(tmp_path / "gone"))

    with pytest.raises(ModelNotFoundError, match=r"VMAFX_MODEL_DIR is '.*gone', which is not"):
        resolve_model(None, FULL_HD)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not json {", "it is not JSON"),
        ("[1, 2]", "no model_dict"),
        ('{"model_dict": {}}', "no model_dict with feature_names"),
        ('{"0": {"model_dict": {}}, "1": {}}', "collection of bootstrap models"),
    ],
)
def test_files_that_are_no_model_are_refused_with_the_reason(
    tmp_path: Path, content: str, reason: str
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)

    with pytest.raises(ModelNotFoundError, match=reason):
        load_custom_model(file)


def test_a_model_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="cannot be read: No such file"):
        load_custom_model(tmp_path / "gone.json")


@pytest.mark.parametrize("name", sorted(BUILT_IN_MODELS))
def test_each_model_takes_its_smallest_picture_and_refuses_a_smaller_one(name: str) -> None:
    model = BUILT_IN_MODELS[name]

    check_picture_size(Resolution(1000, model.min_side), model)
    with pytest.raises(ScoringError, match=f"at least {model.min_side} samples"):
        check_picture_size(Resolution(model.min_side - 1, 1000), model)


@pytest.mark.parametrize("side", [2, 33, 34, 159, 160, 317])
def test_a_refusal_advises_only_models_that_take_the_picture(side: int) -> None:
    size = Resolution(side, 1000)
    too_demanding = [model for model in BUILT_IN_MODELS.values() if side < model.min_side]
    for model in too_demanding:
        with pytest.raises(ScoringError) as refused:
            check_picture_size(size, model)
        _, advises, other = str(refused.value).rstrip(".").partition("such as ")
        assert bool(advises) == (len(too_demanding) < len(BUILT_IN_MODELS))
        if advises:
            check_picture_size(size, BUILT_IN_MODELS[other])


def test_a_display_too_small_for_the_model_is_refused_when_the_model_is_chosen() -> None:
    with pytest.raises(ScoringError, match="32x32"):
        resolve_model(None, Resolution(32, 32), ())


def test_a_custom_model_is_copied_and_a_built_in_one_needs_no_copy(tmp_path: Path) -> None:
    file = write_model(tmp_path / "mine.json")

    copy_model(load_custom_model(file), tmp_path / "copy.json")
    copy_model(VmafModel("vmaf_v0.6.1"), tmp_path / "none.json")

    assert (tmp_path / "copy.json").read_bytes() == file.read_bytes()
    assert not (tmp_path / "none.json").exists()


def test_before_the_display_is_known_the_widest_model_of_a_name_is_taken(tmp_path: Path) -> None:
    assert widest_model(None).ceiling == 100
    assert widest_model("v1").ceiling == 100
    assert widest_model("vmaf_v1.0.16_3d0h_2160").ceiling == 110
    own = write_model(tmp_path / "own.json", score_clip=[0.0, 1.0])
    assert widest_model(str(own)).ceiling == 1
    with pytest.raises(ModelNotFoundError, match="Unknown VMAF model 'no'"):
        widest_model("no")
