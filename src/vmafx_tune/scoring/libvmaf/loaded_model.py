"""Models in libvmaf's memory, and the names of the features that they bring."""

from __future__ import annotations

import ctypes
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.errors import LibvmafCallError, ModelNotFoundError
from vmafx_tune.media.scratch import scratch_folder
from vmafx_tune.scoring.frame_log import parse_frame_log
from vmafx_tune.scoring.libvmaf.library import (
    JSON_OUTPUT,
    SILENT,
    VmafConfiguration,
    VmafModelConfig,
)
from vmafx_tune.scoring.libvmaf.pictures import PictureFormat, read_pair
from vmafx_tune.scoring.models import features_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmafx_tune.model import VmafModel
    from vmafx_tune.scoring.alignment import EncodeFacts
    from vmafx_tune.scoring.libvmaf.library import Libvmaf

__all__ = ["FeatureName", "feature_names", "open_context", "open_model"]

_MODEL_NAME = b"vmaf"
_CAMBI = b"cambi"
_REHEARSAL_FRAMES = 2
_REHEARSAL_SIDE = 64


@dataclass(frozen=True, slots=True)
class FeatureName:
    """One elementary feature.

    Attributes:
        log: What libvmaf's logs call it, and so do results: `integer_adm2`.
        query: What `vmaf_feature_score_at_index` calls it: `VMAF_integer_feature_adm2_score`.
    """

    log: str
    query: bytes


@contextmanager
def open_context(library: Libvmaf, *, threads: int, subsample: int) -> Iterator[ctypes.c_void_p]:
    """Make a `VmafContext`, closed when the block ends.

    Args:
        library: Makes it.
        threads: Worker threads; 0 computes in the thread that feeds it.
        subsample: Score every n-th frame.

    Raises:
        LibvmafCallError: libvmaf cannot make it.
    """
    context = ctypes.c_void_p()
    library.call(
        "vmaf_init", ctypes.byref(context), VmafConfiguration(SILENT, threads, subsample, 0, 0)
    )
    try:
        yield context
    finally:
        library.release("vmaf_close", context)


@contextmanager
def open_model(
    library: Libvmaf, model: VmafModel, facts: EncodeFacts | None = None
) -> Iterator[ctypes.c_void_p]:
    """Load a model, freed when the block ends; to be freed after every context that uses it.

    Args:
        library: Loads it.
        model: Which one.
        facts: What CAMBI is told of the encode; None leaves it out.

    Raises:
        ModelNotFoundError: The library does not have the model, or cannot read its file.
        LibvmafCallError: The library is too old to take the facts of the encode.
    """
    handle = ctypes.c_void_p()
    config = VmafModelConfig(_MODEL_NAME, 0)
    loader, name = (
        ("vmaf_model_load", model.name)
        if model.path is None
        else ("vmaf_model_load_from_path", str(model.path))
    )
    if library.attempt(loader, ctypes.byref(handle), ctypes.byref(config), name.encode()):
        raise ModelNotFoundError(_refused(library, model))
    try:
        if facts is not None:
            _tell_of_encode(library, handle, facts)
        yield handle
    finally:
        library.release("vmaf_model_destroy", handle)


def _refused(library: Libvmaf, model: VmafModel) -> str:
    if model.path is not None:
        return f"libvmaf {library.version} cannot use the model file '{model.path}'."
    return (
        f"libvmaf {library.version} ({library.path}) does not have the model {model.name}. "
        "Try --backend ffmpeg, whose libvmaf is usually newer."
    )


def _tell_of_encode(library: Libvmaf, model: ctypes.c_void_p, facts: EncodeFacts) -> None:
    if not library.has("vmaf_model_feature_overload"):
        raise LibvmafCallError(
            "vmaf_model_feature_overload", 0, f"libvmaf {library.version} does not have it"
        )
    options = ctypes.c_void_p()
    for name, value in facts.options().items():
        library.call(
            "vmaf_feature_dictionary_set", ctypes.byref(options), name.encode(), value.encode()
        )
    # libvmaf frees the options, whatever comes of it.
    library.call("vmaf_model_feature_overload", model, _CAMBI, options)


_names: dict[tuple[str, VmafModel, EncodeFacts | None], tuple[FeatureName, ...]] = {}
_names_lock = threading.Lock()


def feature_names(
    library: Libvmaf, model: VmafModel, facts: EncodeFacts | None = None
) -> tuple[FeatureName, ...]:
    """Find out what features come with a model, once per process.

    Which they are and what they are called depends on the model's options and on libvmaf's
    version, and no function lists them. So two blank frames are scored, and the log is read.

    Raises:
        ModelNotFoundError: The library does not have the model.
        LibvmafCallError: It has the model, but cannot score with it.
    """
    key = (library.path, model, facts)
    with _names_lock:
        if key not in _names:
            _names[key] = _rehearse(library, model, facts)
        return _names[key]


def _rehearse(
    library: Libvmaf, model: VmafModel, facts: EncodeFacts | None
) -> tuple[FeatureName, ...]:
    side = max(model.min_side, _REHEARSAL_SIDE)
    layout = PictureFormat(side * 2, side, "420", model.min_bit_depth)
    blank = layout.rows(layout.split(np.zeros(layout.frame_bytes, np.uint8)), "rehearsal")
    score = ctypes.c_double()
    with ExitStack() as stack:
        handle = stack.enter_context(open_model(library, model, facts))
        context = stack.enter_context(open_context(library, threads=0, subsample=1))
        library.call("vmaf_use_features_from_model", context, handle)
        for index in range(_REHEARSAL_FRAMES):
            read_pair(library, context, layout, (blank, blank), index)
        library.call("vmaf_read_pictures", context, None, None, 0)
        for index in range(_REHEARSAL_FRAMES):
            library.call("vmaf_score_at_index", context, handle, ctypes.byref(score), index)
        return tuple(
            _queries(library, context, features_of(model, _logged_names(library, context)))
        )


def _logged_names(library: Libvmaf, context: ctypes.c_void_p) -> list[str]:
    with scratch_folder() as folder:
        log = folder / "names.json"
        library.call("vmaf_write_output", context, str(log).encode(), JSON_OUTPUT)
        with log.open(encoding="utf-8") as file:
            return list(parse_frame_log(file).features)


def _queries(
    library: Libvmaf, context: ctypes.c_void_p, names: Iterable[str]
) -> Iterator[FeatureName]:
    value = ctypes.c_double()
    for name in names:
        # The log's aliases; see alias.c of libvmaf.
        integer = f"VMAF_integer_feature_{name.removeprefix('integer_')}_score"
        for query in (name, integer, f"VMAF_feature_{name}_score"):
            if not library.attempt(
                "vmaf_feature_score_at_index", context, query.encode(), ctypes.byref(value), 0
            ):
                yield FeatureName(name, query.encode())
                break
