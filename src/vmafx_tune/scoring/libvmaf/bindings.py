"""libvmaf's C interface: structures and signatures of every function that is called.

They are those of libvmaf/include/libvmaf/*.h, which 2.3 to 3.x share but for one field: 3.0 added
`gpumask` to `VmafConfiguration`, which goes by value. An older library never looks at it.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int, c_ssize_t, c_uint, c_uint64, c_void_p
from typing import Final

__all__ = [
    "JSON_OUTPUT",
    "OPTIONAL_FUNCTIONS",
    "PIXEL_FORMATS",
    "SIGNATURES",
    "SILENT",
    "VmafConfiguration",
    "VmafModelConfig",
    "VmafPicture",
    "declare",
]

SILENT: Final = 0
"""`VMAF_LOG_LEVEL_NONE`: nothing on this process's stderr."""

JSON_OUTPUT: Final = 2
"""`VMAF_OUTPUT_FORMAT_JSON`."""

PIXEL_FORMATS: Final = {"420": 1, "422": 2, "444": 3}
"""`enum VmafPixelFormat`, by chroma format."""


class VmafConfiguration(ctypes.Structure):
    """`VmafConfiguration` of libvmaf.h."""

    _fields_ = (
        ("log_level", c_int),
        ("n_threads", c_uint),
        ("n_subsample", c_uint),
        ("cpumask", c_uint64),
        ("gpumask", c_uint64),
    )


class VmafModelConfig(ctypes.Structure):
    """`VmafModelConfig` of model.h."""

    _fields_ = (("name", c_char_p), ("flags", c_uint64))


class VmafPicture(ctypes.Structure):
    """`VmafPicture` of picture.h; sizes in samples, strides in bytes, three planes."""

    _fields_ = (
        ("pix_fmt", c_int),
        ("bpc", c_uint),
        ("w", c_uint * 3),
        ("h", c_uint * 3),
        ("stride", c_ssize_t * 3),
        ("data", c_void_p * 3),
        ("ref", c_void_p),
        ("priv", c_void_p),
    )


_Context = c_void_p
_Model = c_void_p
_Dictionary = c_void_p

SIGNATURES: Final[dict[str, tuple[object, ...]]] = {
    "vmaf_version": (),
    "vmaf_init": (POINTER(_Context), VmafConfiguration),
    "vmaf_close": (_Context,),
    "vmaf_model_load": (POINTER(_Model), POINTER(VmafModelConfig), c_char_p),
    "vmaf_model_load_from_path": (POINTER(_Model), POINTER(VmafModelConfig), c_char_p),
    "vmaf_model_destroy": (_Model,),
    "vmaf_use_features_from_model": (_Context, _Model),
    "vmaf_picture_alloc": (POINTER(VmafPicture), c_int, c_uint, c_uint, c_uint),
    "vmaf_picture_unref": (POINTER(VmafPicture),),
    "vmaf_read_pictures": (_Context, POINTER(VmafPicture), POINTER(VmafPicture), c_uint),
    "vmaf_score_at_index": (_Context, _Model, POINTER(c_double), c_uint),
    "vmaf_feature_score_at_index": (_Context, c_char_p, POINTER(c_double), c_uint),
    "vmaf_write_output": (_Context, c_char_p, c_int),
    "vmaf_feature_dictionary_set": (POINTER(_Dictionary), c_char_p, c_char_p),
    "vmaf_model_feature_overload": (_Model, c_char_p, _Dictionary),
}
"""Argument types of each function."""

OPTIONAL_FUNCTIONS: Final = frozenset(
    {"vmaf_feature_dictionary_set", "vmaf_model_feature_overload"}
)
"""Needed by v1 models alone."""

_OTHER_RESULTS: Final[dict[str, object]] = {
    "vmaf_version": c_char_p,
    "vmaf_model_destroy": None,
}


def declare(dll: ctypes.CDLL) -> tuple[str, ...]:
    """Declare the types of every function that `dll` has.

    Returns:
        The functions that are missing in it and cannot be done without.
    """
    missing = []
    for name, argument_types in SIGNATURES.items():
        function = getattr(dll, name, None)
        if function is not None:
            function.argtypes = argument_types
            function.restype = _OTHER_RESULTS.get(name, c_int)
        elif name not in OPTIONAL_FUNCTIONS:
            missing.append(name)
    return tuple(missing)
