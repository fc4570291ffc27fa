"""Build hook: packs a pinned libvmaf into the wheel, on the platform that there is one for.

The library is taken out of a binary wheel on the package index, which is named and hashed in
`third_party/libvmaf/requirements.txt`, by the pip of the build environment with the user's own
index configuration. It lands in the source tree, so that an editable install has it too, and is
used again by later builds. Where it cannot be had, the build says why and goes on: the wheel is
then pure Python.

`VMAFX_BUNDLE_LIBVMAF` is `0` to leave it out and `require` to make a missing library an error.

The player of `package --player` comes from npm in the same way, by the npm of the machine: its
version is in `third_party/hls.js/package.json`, and `VMAFX_BUNDLE_PLAYER` is its switch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BUNDLED_DIR",
    "LIBRARY_SHA256",
    "PLAYER_DIR",
    "WHEEL_TAG",
    "LibraryUnavailableError",
    "LibvmafHook",
    "PlayerUnavailableError",
    "bundle_mode",
    "download",
    "download_argv",
    "ensure_library",
    "ensure_player",
    "extract",
    "is_pinned",
    "pip_environment",
    "unsupported_reason",
]

BUNDLED_DIR = "src/vmafx_tune/scoring/libvmaf/_bundled"
LIBRARY_SHA256 = "74420e3554d342e91f276fabdf0440b761db85548bbef25203a2130179ecb320"
# As on the wheel it comes from: the newest symbol that the library asks for is GLIBC_2.4.
WHEEL_TAG = "py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64"

_REQUIREMENTS = "third_party/libvmaf/requirements.txt"
_MEMBERS = {
    "libvmaf.so": "pyvmaf.libs/libvmaf-6d8fbf0a.so.1.1.3",
    "LICENSE.libvmaf": "pyvmaf-1.0.0a1.dist-info/LICENSE",
}
_SWITCH = "VMAFX_BUNDLE_LIBVMAF"
PLAYER_DIR = "src/vmafx_tune/package/_bundled"
_PLAYER_SHA256 = "cfc70cc9e9fc63d071919e087670abc760c8fd1bc889b88588026e4d22193bbe"
_PLAYER_PIN = "third_party/hls.js/package.json"
_PLAYER_MEMBERS = {"hls.min.js": "package/dist/hls.min.js", "LICENSE.hls.js": "package/LICENSE"}
_PLAYER_SWITCH = "VMAFX_BUNDLE_PLAYER"
_MODES = {"": "auto", "1": "auto", "auto": "auto", "0": "off", "require": "require"}
_DOWNLOAD_TIMEOUT_S = 180


class LibraryUnavailableError(Exception):
    """There is no libvmaf to bundle; the message is a clause that says why."""


class PlayerUnavailableError(Exception):
    """There is no player to bundle; the message is a clause that says why."""


class LibvmafHook(BuildHookInterface[Any]):
    """Adds library and player to a wheel, and tags one with the library for its platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch library and player before the build, and force them into a standard wheel.

        Args:
            version: `standard` or `editable`.
            build_data: What hatchling builds from; changed in place.

        Raises:
            LibraryUnavailableError: It is missing and `VMAFX_BUNDLE_LIBVMAF` is `require`.
            PlayerUnavailableError: It is missing and `VMAFX_BUNDLE_PLAYER` is `require`.
            ValueError: One of these variables has no known value.
        """
        self._add_player(version, build_data)
        mode = bundle_mode(os.environ)
        if mode == "off":
            self.app.display_warning(f"libvmaf is not bundled: {_SWITCH} is 0.")
            return
        try:
            ensure_library(Path(self.root))
        except LibraryUnavailableError as error:
            if mode == "require":
                raise
            self.app.display_warning(_without_library(error))
            return
        if version != "editable":
            build_data["force_include"] |= {
                f"{BUNDLED_DIR}/{name}": f"{BUNDLED_DIR.removeprefix('src/')}/{name}"
                for name in _MEMBERS
            }
            build_data["pure_python"] = False
            build_data["tag"] = WHEEL_TAG

    def _add_player(self, version: str, build_data: dict[str, Any]) -> None:
        mode = bundle_mode(os.environ, _PLAYER_SWITCH)
        if mode == "off" or not Path(self.root, _PLAYER_PIN).is_file():
            return
        try:
            ensure_player(Path(self.root))
        except PlayerUnavailableError as error:
            if mode == "require":
                raise
            self.app.display_warning(
                f"hls.js is not bundled: {error}. This build goes on without it, and `package "
                f"--player` will not work. Set {_PLAYER_SWITCH}=require to make this an error."
            )
            return
        if version != "editable":
            build_data["force_include"] |= {
                f"{PLAYER_DIR}/{name}": f"{PLAYER_DIR.removeprefix('src/')}/{name}"
                for name in _PLAYER_MEMBERS
            }

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the fetched files."""
        for name in _PLAYER_MEMBERS:
            Path(self.root, PLAYER_DIR, name).unlink(missing_ok=True)
        for name in _MEMBERS:
            Path(self.root, BUNDLED_DIR, name).unlink(missing_ok=True)


def ensure_player(root: Path) -> None:
    """See to it that the pinned player and its licence are in the source tree.

    Raises:
        PlayerUnavailableError: They cannot be had.
    """
    target = root / PLAYER_DIR
    player = target / "hls.min.js"
    if player.is_file() and _sha256(player.read_bytes()) == _PLAYER_SHA256:
        return
    pinned = json.loads((root / _PLAYER_PIN).read_text(encoding="utf-8"))["dependencies"]
    npm = shutil.which("npm")
    if npm is None:
        raise PlayerUnavailableError("npm is not on PATH")
    with tempfile.TemporaryDirectory(prefix="vmafx-player-") as scratch:
        argv = [npm, "pack", f"hls.js@{pinned['hls.js']}", "--silent", "--ignore-scripts"]
        try:
            done = subprocess.run(
                argv,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_DOWNLOAD_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PlayerUnavailableError(f"npm could not fetch it ({error})") from error
        packed = list(Path(scratch).glob("*.tgz"))
        if done.returncode != 0 or len(packed) != 1:
            raise PlayerUnavailableError(f"npm could not fetch it ({_last_line(done.stderr)})")
        _unpack_player(packed[0], target)


def _unpack_player(packed: Path, target: Path) -> None:
    contents = {}
    with tarfile.open(packed) as archive:
        for name, member in _PLAYER_MEMBERS.items():
            file = archive.extractfile(member)
            assert file is not None
            contents[name] = file.read()
    found = _sha256(contents["hls.min.js"])
    if found != _PLAYER_SHA256:
        raise PlayerUnavailableError(
            f"the player from npm has sha256 {found}, but {_PLAYER_SHA256} is pinned"
        )
    target.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        _write_whole(target / name, data)


def bundle_mode(environ: Mapping[str, str], switch: str = _SWITCH) -> str:
    """Read a switch: `VMAFX_BUNDLE_LIBVMAF`, or that of the player.

    Returns:
        `auto`, `off` or `require`.

    Raises:
        ValueError: It has no known value.
    """
    value = environ.get(switch, "")
    if value not in _MODES:
        raise ValueError(f"{switch} is '{value}'. Use 0, 1 or require.")
    return _MODES[value]


def unsupported_reason(*, system: str, machine: str, is_64bit: bool, libc: str) -> str | None:
    """Say why the pinned library cannot run on a platform.

    Args:
        system: As `sys.platform`.
        machine: As `platform.machine()`.
        is_64bit: Whether the interpreter is.
        libc: `glibc 2.36`, for example; empty where it is another C library.

    Returns:
        A clause, or None where the library runs.
    """
    if system != "linux" or machine not in {"x86_64", "AMD64"} or not is_64bit:
        bits = "" if is_64bit else ", 32-bit Python"
        return f"only Linux on x86-64 has a pinned library, not {system} on {machine}{bits}"
    if not libc.startswith("glibc"):
        return "the pinned library needs glibc, and this Python uses another C library"
    return None


def ensure_library(root: Path) -> None:
    """See to it that the pinned library and its licence are in the source tree.

    Raises:
        LibraryUnavailableError: They cannot be had.
    """
    reason = unsupported_reason(
        system=sys.platform,
        machine=platform.machine(),
        is_64bit=sys.maxsize > 2**32,
        libc=_libc(),
    )
    if reason:
        raise LibraryUnavailableError(reason)
    target = root / BUNDLED_DIR
    if is_pinned(target / "libvmaf.so") and (target / "LICENSE.libvmaf").is_file():
        return
    with tempfile.TemporaryDirectory(prefix="vmafx-libvmaf-") as scratch:
        extract(download(root / _REQUIREMENTS, Path(scratch)), target)


def is_pinned(library: Path) -> bool:
    """Whether a file is, byte for byte, the library that this project was tested with."""
    return library.is_file() and _sha256(library.read_bytes()) == LIBRARY_SHA256


def download(requirements: Path, folder: Path) -> Path:
    """Let pip fetch the wheel that holds the library, and check its hash.

    Returns:
        The wheel, in `folder`.

    Raises:
        LibraryUnavailableError: pip is missing, or could not fetch it.
    """
    try:
        done = subprocess.run(
            download_argv(requirements, folder),
            env=pip_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DOWNLOAD_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LibraryUnavailableError(f"pip could not fetch it ({error})") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise LibraryUnavailableError(f"pip could not fetch it ({_last_line(done.stderr)})")
    return wheels[0]


def download_argv(requirements: Path, folder: Path) -> list[str]:
    """The command that fetches the wheel, whatever Python this one is.

    The wheel was built for CPython 3.10; only its library is used, which links to no Python.
    """
    return [
        *(sys.executable, "-m", "pip", "download"),
        *("--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--only-binary=:all:"),
        *("--implementation=cp", "--python-version=3.10", "--abi=cp310"),
        "--platform=manylinux2010_x86_64",
        *("--require-hashes", f"--requirement={requirements}"),
        f"--dest={folder}",
    ]


def pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip: this one, with uv's index where only uv has one set.

    `uv pip install` tells a build of its `--index-url` in no way, but its variables are inherited.
    """
    index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    if not index or "PIP_INDEX_URL" in environ:
        return dict(environ)
    _name, named, url = index.partition("=")
    is_named = named and "://" not in _name
    return {**environ, "PIP_INDEX_URL": url if is_named else index}


def extract(wheel: Path, target: Path) -> None:
    """Take the library and its licence out of `wheel` into the folder `target`.

    Raises:
        LibraryUnavailableError: The wheel does not hold the pinned library, or `target` cannot be
            written.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            contents = {name: archive.read(member) for name, member in _MEMBERS.items()}
    except (KeyError, zipfile.BadZipFile) as error:
        raise LibraryUnavailableError(f"'{wheel.name}' does not hold it ({error})") from error
    found = _sha256(contents["libvmaf.so"])
    if found != LIBRARY_SHA256:
        raise LibraryUnavailableError(
            f"the library in '{wheel.name}' has sha256 {found}, but {LIBRARY_SHA256} is pinned"
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            _write_whole(target / name, data)
    except OSError as error:
        raise LibraryUnavailableError(f"'{target}' cannot be written ({error})") from error


def _write_whole(path: Path, data: bytes) -> None:
    # A parallel build, or a running program that has the old file mapped, never sees half of it.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _without_library(error: LibraryUnavailableError) -> str:
    return (
        f"libvmaf is not bundled: {error}. This build goes on without it: files are scored by "
        "ffmpeg's libvmaf filter, and frames in memory need a libvmaf of the system or one that "
        f"VMAFX_LIBVMAF names. Set {_SWITCH}=require to make this an error."
    )
