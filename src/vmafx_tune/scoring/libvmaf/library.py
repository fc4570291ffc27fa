"""Finding libvmaf's shared library and loading it, on first use."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import LibvmafCallError, LibvmafNotFoundError
from vmafx_tune.scoring.frame_log import version_name
from vmafx_tune.scoring.libvmaf.bindings import SILENT, VmafConfiguration, declare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["VARIABLE", "Libvmaf", "load_libvmaf"]

VARIABLE = "VMAFX_LIBVMAF"
"""Environment variable that names the library to load."""

_BUNDLE = Path(__file__).parent / "_bundled"
_CONDA = "CONDA_PREFIX"
_SONAMES = {
    "linux": ("libvmaf.so.3", "libvmaf.so.1", "libvmaf.so"),
    "darwin": ("libvmaf.3.dylib", "libvmaf.1.dylib", "libvmaf.dylib"),
    "win32": ("libvmaf-3.dll", "libvmaf.dll"),
}
_LIBRARY = re.compile(r"\.(so|dylib|dll)\b")
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
        self._dll = ctypes.CDLL(path)
        if missing := declare(self._dll):
            raise OSError(f"it is too old or no libvmaf: {', '.join(missing)} is missing")
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

    def call(self, function: str, *args: object, detail: str = "") -> None:
        """Call a function that must succeed.

        Raises:
            LibvmafCallError: It returned another code than 0.
        """
        code = self.attempt(function, *args)
        if code:
            raise LibvmafCallError(function, code, detail or os.strerror(abs(code)))

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
        yield from ((str(path), origin) for name in names if (path := Path(folder, name)).exists())
