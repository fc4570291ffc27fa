"""Finding libvmaf's shared library and loading it, on first use."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys
from ctypes import POINTER, c_char_p, c_double, c_int, c_ssize_t, c_uint, c_uint64, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vmafx_tune.errors import LibvmafCallError, LibvmafNotFoundError
from vmafx_tune.files import is_file
from vmafx_tune.scoring.frame_log import version_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "JSON_OUTPUT",
    "OPTIONAL_FUNCTIONS",
    "PIXEL_FORMATS",
    "SIGNATURES",
    "SILENT",
    "VARIABLE",
    "Libvmaf",
    "VmafConfiguration",
    "VmafModelConfig",
    "VmafPicture",
    "declare",
    "load_libvmaf",
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
    "vmaf_use_feature": (_Context, c_char_p, _Dictionary),
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


VARIABLE = "VMAFX_LIBVMAF"
"""Environment variable that names the library to load."""

_BUNDLE = Path(__file__).parent / "_bundled"
_CONDA = "CONDA_PREFIX"
_SONAMES = {
    "linux": ("libvmaf.so.3", "libvmaf.so.1", "libvmaf.so"),
    "darwin": ("libvmaf.3.dylib", "libvmaf.1.dylib", "libvmaf.dylib"),
}
_LIBRARY = re.compile(r"\.(so|dylib)\b")
_HOMEBREW = ("/opt/homebrew/lib", "/usr/local/lib", "/home/linuxbrew/.linuxbrew/lib")


class Libvmaf:
    """A loaded libvmaf.

    Attributes:
        path: What was loaded: a file, or a name that the dynamic linker knows.
        origin: Why it was tried: `VMAFX_LIBVMAF`, `bundled`, `system`, `Homebrew` or `conda`.
        version: What the library says of itself: a release such as `2.3.1`, or a commit as
            `git-86da14d`.
    """

    def __init__(self, path: str, origin: str) -> None:
        # The linker would wait for a writer of a pipe.
        if Path(path).exists() and not Path(path).is_file():
            raise OSError("it is not a file")
        self._dll = ctypes.CDLL(path)
        if missing := declare(self._dll):
            raise OSError(f"it is too old or not libvmaf: {', '.join(missing)} is missing")
        self.path = path
        self.origin = origin
        self.version = version_name(self._dll.vmaf_version().decode(errors="replace"))
        self._silence()

    def _silence(self) -> None:
        # A model that it lacks is logged before there is any context, by the level of the last one.
        context = ctypes.c_void_p()
        self.call("vmaf_init", ctypes.byref(context), VmafConfiguration(SILENT, 0, 1, 0, 0))
        self.release("vmaf_close", context)

    def has(self, function: str) -> bool:
        """Whether the library has an optional function."""
        return hasattr(self._dll, function)

    def attempt(self, function: str, *args: object) -> int:
        """Call a function and return its code: 0, or a negated errno."""
        code: int = getattr(self._dll, function)(*args)
        return code

    def call(self, function: str, *args: object) -> None:
        """Call a function that must succeed.

        Raises:
            LibvmafCallError: It returned another code than 0.
        """
        code = self.attempt(function, *args)
        if code:
            raise LibvmafCallError(function, code, os.strerror(abs(code)))

    def release(self, function: str, handle: object) -> None:
        """Call a function that frees something; what it returns is of no use to anybody."""
        getattr(self._dll, function)(handle)


def load_libvmaf(environ: Mapping[str, str] | None = None) -> Libvmaf:
    """Load libvmaf: the one named, the bundled copy, or the system's. Loaded once per process.

    Args:
        environ: Environment to read; None for this process's.

    Raises:
        LibvmafNotFoundError: None can be loaded, or not the one that `VMAFX_LIBVMAF` names.
    """
    environ = os.environ if environ is None else environ
    return _load(environ.get(VARIABLE), environ.get(_CONDA))


@lru_cache(maxsize=8)
def _load(named: str | None, conda: str | None) -> Libvmaf:
    tried: list[tuple[str, str]] = []
    # What the user names is loaded or is an error.
    candidates = iter([(named, VARIABLE)]) if named else _candidates(conda)
    for path, origin in candidates:
        try:
            return Libvmaf(path, origin)
        # Where its own name is not UTF-8, the linker's complaint cannot even be read.
        except (OSError, UnicodeError) as error:
            tried.append((path, str(error).removeprefix(f"{path}: ")))
    raise LibvmafNotFoundError(tried)


def _candidates(conda: str | None) -> Iterator[tuple[str, str]]:
    bundled = sorted(str(path) for path in _BUNDLE.glob("libvmaf*") if _LIBRARY.search(path.name))
    yield from ((path, "bundled") for path in bundled or [str(_BUNDLE)])
    names = _SONAMES.get(sys.platform, _SONAMES["linux"])
    yield from ((name, "system") for name in names)
    if (found := ctypes.util.find_library("vmaf")) is not None and found not in names:
        yield found, "system"
    folders = [(folder, "Homebrew") for folder in _HOMEBREW]
    folders += [(f"{prefix}/lib", "conda") for prefix in (conda, sys.prefix) if prefix]
    for folder, origin in folders:
        yield from ((str(path), origin) for name in names if is_file(path := Path(folder, name)))
