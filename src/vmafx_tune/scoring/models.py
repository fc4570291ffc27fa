"""The VMAF models known by name, how what a user asks for becomes one, and what each can score.

The facts are those of libvmaf 3.2's own model files. The sizes in `min_side` were found by trial:
one row less and libvmaf 3.2 reads past the end of a picture, or ends the process.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import ModelNotFoundError, OutputError, ScoringError
from vmafx_tune.files import is_file, is_folder, read_input
from vmafx_tune.model import Resolution, VmafModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "BUILT_IN_MODELS",
    "DEFAULT_MODEL",
    "DEFAULT_MODEL_4K",
    "MODEL_ALIASES",
    "MODEL_DIR_VARIABLE",
    "check_frame_score",
    "check_picture_size",
    "copy_model",
    "features_of",
    "known_model",
    "load_custom_model",
    "model_version",
    "resolve_model",
    "widest_model",
]

DEFAULT_MODEL = "vmaf_v0.6.1"
DEFAULT_MODEL_4K = "vmaf_4k_v0.6.1"

MODEL_DIR_VARIABLE = "VMAFX_MODEL_DIR"
"""Environment variable that names the folders with custom models, separated as in `PATH`."""

_4K_LINES = 2160
_V1_BIT_DEPTH = 10
_V1_CEILING_4K_TV = 110.0
_V1_MIN_SIDE = 160
_V1_MIN_SIDE_PHONE = 266
_V1_MIN_SIDE_4K_TV = 318
_CAMBI = "cambi"
# The last digit of libvmaf's logs.
_SLACK = 1e-6
_VERSION = re.compile(r"_v(\d+(?:\.\d+)*)")
_BY_THE_WAY = re.compile(
    r"(VMAF_)?(integer_)?(feature_)?(motion|motion3|motion_sad|adm3|aim)(_score)?(_egl_[\d.]+)?"
)


def _v1(name: str, *, min_side: int = _V1_MIN_SIDE, ceiling: float = 100.0) -> VmafModel:
    return VmafModel(
        name,
        ceiling=ceiling,
        min_bit_depth=_V1_BIT_DEPTH,
        wants_encode_facts=True,
        min_side=min_side,
    )


def _v1_family(prefix: str) -> tuple[VmafModel, ...]:
    return (
        _v1(f"{prefix}3d0h"),
        _v1(f"{prefix}5d0h", min_side=_V1_MIN_SIDE_PHONE),
        _v1(f"{prefix}1d5h_2160"),
        _v1(f"{prefix}3d0h_2160", min_side=_V1_MIN_SIDE_4K_TV, ceiling=_V1_CEILING_4K_TV),
    )


BUILT_IN_MODELS: Mapping[str, VmafModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            VmafModel("vmaf_v0.6.1"),
            VmafModel("vmaf_v0.6.1neg"),
            VmafModel("vmaf_4k_v0.6.1"),
            VmafModel("vmaf_4k_v0.6.1neg"),
            VmafModel("vmaf_float_v0.6.1"),
            VmafModel("vmaf_float_v0.6.1neg"),
            VmafModel("vmaf_float_4k_v0.6.1"),
            *_v1_family("vmaf_v1.0.16_"),
            *_v1_family("vmaf_v1.0.16_hfr_"),
        )
    }
)
"""Models built into libvmaf 3.2, by name; an older libvmaf has fewer of them."""

MODEL_ALIASES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "default": (DEFAULT_MODEL, DEFAULT_MODEL_4K),
        "neg": ("vmaf_v0.6.1neg", "vmaf_4k_v0.6.1neg"),
        "v1": ("vmaf_v1.0.16_3d0h", "vmaf_v1.0.16_1d5h_2160"),
    }
)
"""Short names: the model for displays below 2160 lines, and the one from there on."""

_BOOTSTRAP_COLLECTIONS = frozenset({"vmaf_b_v0.6.3", "vmaf_float_b_v0.6.3"})


def resolve_model(
    name_or_path: str | None, display: Resolution, model_dirs: Sequence[Path] | None = None
) -> VmafModel:
    """Turn what a user asked for into a model.

    Args:
        name_or_path: A built-in name, an alias, the path of a JSON model, or the name of one in
            `model_dirs` (with or without `.json`). None takes the default for `display`.
        display: Size at which clips are compared; from 2160 lines on, the default and the aliases
            mean the 4K models.
        model_dirs: Folders with JSON models, searched in order; None takes those that
            `VMAFX_MODEL_DIR` names.

    Returns:
        The model. Whether a backend has it is the backend's to say.

    Raises:
        ModelNotFoundError: The model is unknown, or its file is not a VMAF model.
        ScoringError: `display` is too small for it.
    """
    folders = _model_dirs() if model_dirs is None else model_dirs
    model = _resolve(name_or_path or "default", display, folders)
    check_picture_size(display, model)
    return model


def widest_model(name_or_path: str | None) -> VmafModel:
    """Find what was asked for before the display is known.

    Returns:
        Of the models that it may turn out to be, the one whose scores go highest.

    Raises:
        ModelNotFoundError: As for `resolve_model`.
    """
    folders = _model_dirs()
    found = (
        _resolve(name_or_path or "default", Resolution(1, lines), folders)
        for lines in (1, _4K_LINES)
    )
    return max(found, key=lambda model: model.ceiling)


def known_model(name: str | None) -> VmafModel:
    """Return what is known of a model that scored something, perhaps elsewhere."""
    return BUILT_IN_MODELS.get(name or "", VmafModel(name or "the model", ceiling=math.inf))


def _resolve(wanted: str, display: Resolution, model_dirs: Sequence[Path]) -> VmafModel:
    if wanted in MODEL_ALIASES:
        return BUILT_IN_MODELS[MODEL_ALIASES[wanted][display.height >= _4K_LINES]]
    if wanted in BUILT_IN_MODELS:
        return BUILT_IN_MODELS[wanted]
    if wanted in _BOOTSTRAP_COLLECTIONS:
        raise ModelNotFoundError(_not_one_model(wanted))
    return load_custom_model(_model_file(wanted, model_dirs))


def _model_dirs() -> tuple[Path, ...]:
    named = os.environ.get(MODEL_DIR_VARIABLE, "")
    folders = tuple(Path(folder) for folder in named.split(os.pathsep) if folder)
    for folder in folders:
        if not is_folder(folder):
            raise ModelNotFoundError(
                f"{MODEL_DIR_VARIABLE} is '{folder}', which is not a readable folder. Set it to "
                "another folder, or unset it."
            )
    return folders


def check_picture_size(size: Resolution, model: VmafModel) -> None:
    """Refuse pictures on which libvmaf would read past their end.

    Raises:
        ScoringError: A side of `size` is shorter than the model needs.
    """
    side = min(size.width, size.height)
    if side >= model.min_side:
        return
    smaller = next((other.name for other in BUILT_IN_MODELS.values() if side >= other.min_side), "")
    raise ScoringError(
        f"The model {model.name} needs frames of at least {model.min_side} samples per side, but "
        f"these are {size}. Compare at a larger "
        f"size{f', or with a model for small frames, such as {smaller}' if smaller else ''}."
    )


def check_frame_score(model: VmafModel, frame: int, score: float) -> float:
    """Refuse a frame score that the model cannot have given.

    libvmaf clips to the model's range, exactly; its logs round to six decimals, which is all the
    slack that there is.

    Args:
        model: What scored.
        frame: Index of the frame in the clip.
        score: VMAF points.

    Returns:
        `score`.

    Raises:
        ScoringError: It is not finite, or outside of the model's range.
    """
    if math.isfinite(score) and model.floor - _SLACK <= score <= model.ceiling + _SLACK:
        return score
    raise ScoringError(
        f"libvmaf returned the score {score:g} for frame {frame}, which is outside of the range "
        f"of {model.name} ({model.floor:g} to {model.ceiling:g}). Score the pair again with "
        "another --backend or --model."
    )


def features_of(model: VmafModel, names: Iterable[str]) -> tuple[str, ...]:
    """Choose the features that results report, the same for every version of libvmaf.

    Those that a version computes by the way are left out: `motion` by 2.3, `motion3`, `adm3`, `aim`
    and the SAD behind `motion` by 3.2. The v1 models, which only 3.2 has, are made of some of them.

    Args:
        model: What scored.
        names: What libvmaf logged.

    Returns:
        In the order of the alphabet.
    """
    keep_all = model.wants_encode_facts
    return tuple(name for name in sorted(names) if keep_all or not _BY_THE_WAY.fullmatch(name))


def load_custom_model(path: Path) -> VmafModel:
    """Read a JSON model's facts.

    Args:
        path: The file, in the format of libvmaf's own `model/*.json`.

    Returns:
        A model called by the file's stem. Its floor and ceiling are the model's `score_clip`, and
        infinite where it does not clip.

    Raises:
        ModelNotFoundError: The file cannot be read or is not a VMAF model.
    """
    document = _read_json(path)
    facts = document.get("model_dict")
    if not isinstance(facts, dict) or "feature_names" not in facts:
        if isinstance(document.get("0"), dict):
            raise ModelNotFoundError(_not_one_model(str(path)))
        raise ModelNotFoundError(
            f"'{path}' is JSON, but not a VMAF model: it has no model_dict with feature_names."
        )
    has_cambi = any(str(name).lower().startswith(_CAMBI) for name in facts["feature_names"])
    floor, ceiling = facts.get("score_clip") or (-math.inf, math.inf)
    model = VmafModel(path.stem, path=path.resolve(), floor=float(floor), ceiling=float(ceiling))
    if not has_cambi:
        return model
    # Which of the v1 models it comes from is not to be seen, so it gets the safest of their sizes.
    return replace(
        model,
        min_bit_depth=_V1_BIT_DEPTH,
        wants_encode_facts=True,
        min_side=_V1_MIN_SIDE_4K_TV,
    )


def model_version(model: VmafModel) -> str:
    """Tell a model from others of its name.

    Returns:
        The version in the name of a built-in model, such as `0.6.1`; of a custom one the SHA-256 of
        its file, in hexadecimal.

    Raises:
        ModelNotFoundError: The file cannot be read.
    """
    if model.path is None:
        found = _VERSION.search(model.name)
        return found[1] if found else ""
    return hashlib.sha256(_read(model.path)).hexdigest()


def copy_model(model: VmafModel, copy: Path) -> None:
    """Put a custom model's file into a work folder, where its name needs no escaping.

    Does nothing for a built-in model.

    Raises:
        OutputError: It cannot be copied.
    """
    if model.path is None:
        return
    try:
        shutil.copyfile(model.path, copy)
    except OSError as error:
        raise OutputError(
            f"The model '{model.path}' cannot be copied to the work folder: {error.strerror}."
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise ModelNotFoundError(
            f"'{path}' is not a VMAF model: it is not JSON. Old .pkl models have JSON successors "
            "of the same name."
        ) from error
    return document if isinstance(document, dict) else {}


def _read(path: Path) -> bytes:
    try:
        return read_input(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelNotFoundError(f"The VMAF model '{path}' cannot be read: {reason}.") from error


def _model_file(wanted: str, model_dirs: Sequence[Path]) -> Path:
    path = Path(wanted).expanduser()
    names_file = path.name != wanted or path.suffix == ".json"
    name = wanted if path.suffix == ".json" else f"{wanted}.json"
    in_folders = [folder / name for folder in model_dirs if path.name == wanted]
    # A name is not a path, whatever lies in the working directory under it.
    for file in [path, *in_folders] if names_file else [*in_folders, path]:
        if is_file(file):
            return file
    raise ModelNotFoundError(_unknown(wanted, model_dirs))


def _unknown(wanted: str, model_dirs: Sequence[Path]) -> str:
    if wanted.endswith(".json") or Path(wanted).name != wanted:
        where = "".join(f", nor in '{folder}'" for folder in model_dirs)
        return f"There is not a VMAF model file '{wanted}'{where}."
    custom = sorted({file.stem for folder in model_dirs for file in folder.glob("*.json")})
    names = [*BUILT_IN_MODELS, *MODEL_ALIASES, *custom]
    nearest = difflib.get_close_matches(wanted, names, n=2, cutoff=0.5)
    hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
    return (
        f"Unknown VMAF model '{wanted}'.{hint} Use one of {', '.join(names)}, or the path of "
        f"a JSON model. {MODEL_DIR_VARIABLE} can name a folder of more models."
    )


def _not_one_model(name: str) -> str:
    return (
        f"'{name}' is a collection of bootstrap models, which return an interval instead of "
        f"one score. Use a single model, such as {DEFAULT_MODEL}."
    )
