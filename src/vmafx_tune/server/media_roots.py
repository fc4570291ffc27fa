"""Files that clients name, opened only where they lie under the folders that the server may read.

On Linux what is judged is an open descriptor, never a name. The name is resolved once, with
`O_PATH`, which reads nothing and wakes no device; the kernel then says what the descriptor is and
where it lies; and what libav and ffmpeg are given is `/proc/<this process>/fd/<n>`, which is that
same inode, whatever becomes of the name meanwhile. ffmpeg must run as the same user as the server.

Elsewhere the resolved path is what is given, and it is looked at again when the work is done; a
result is thrown away if another file stands there by then. Someone who can write to a root, and
puts a file back in time, is not found out there.

A hard link in a root to a file outside of it is a file of the root: they cannot be distinguished.
Linux lets users make one to files of their own only (`fs.protected_hardlinks`).
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import MediaNotAllowedError, VmafxTuneError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MediaRoots", "OpenedMedia", "in_shown_names", "with_shown_names"]

_MAX_NAME_BYTES = 4096
_MAX_SHOWN_CHARS = 200
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.,-]*:")
# A pipe would block an open until someone writes to it, and a terminal could become our own.
_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DESCRIPTORS = Path("/proc/self/fd")
_MOUNTS = Path("/proc/self/mountinfo")
# File systems in which regular files are no files, but ways to talk to the kernel.
_KERNEL_FILE_SYSTEMS = frozenset(
    {
        *("bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "mqueue"),
        *("nsfs", "proc", "pstore", "securityfs", "selinuxfs", "sysfs", "tracefs"),
    }
)


class _RefusedError(OSError):
    """It can be opened, but may not be; clients never see this."""


@frozen
class OpenedMedia:
    """A file that may be read, for as long as the block that opened it lasts.

    Attributes:
        path: What to give to libav and ffmpeg. Has no suffix, and says nothing to a client.
        shown: The name that the client gave, fit for messages.
        fd: The descriptor that keeps it; at the beginning of the file, if nobody read from it.
    """

    path: Path
    shown: str
    fd: int


class MediaRoots:
    """The folders whose files clients may name.

    Roots may be links, may lie in one another, and may come and go: they are resolved anew for
    each file. A relative name is looked for in each root in turn; an absolute one must begin with
    a root, as it was given or as it is resolved. Links within a root are followed as long as what
    they lead to lies under a root, too; `..` is refused even where it would stay inside, or names
    could ask which folders there are outside.

    Args:
        roots: The folders; relative ones are taken from the working directory of now.
        by_descriptor: Whether descriptors are judged, as on Linux, or paths; None for what this
            system can do.
    """

    def __init__(self, roots: Sequence[Path], *, by_descriptor: bool | None = None) -> None:
        self._roots = tuple(root.absolute() for root in roots)
        self._by_descriptor = _has_descriptors() if by_descriptor is None else by_descriptor

    @contextmanager
    def open(self, name: str) -> Iterator[OpenedMedia]:
        """Open the file that a client calls `name`, for as long as the block lasts.

        May block for as long as the file system does; not for an event loop's own thread.

        Args:
            name: A path, relative to a root or absolute. Nothing in it is expanded or decoded.

        Yields:
            The file, which is a regular one.

        Raises:
            MediaNotAllowedError: There is no such file, or it may not be read. The error does not
                say which of the two, or why.
        """
        shown = _fit_to_show(name)
        opened = self._open(name, shown)
        try:
            yield opened
            if not self._by_descriptor:
                _check_still_there(opened)
        finally:
            os.close(opened.fd)

    def _open(self, name: str, shown: str) -> OpenedMedia:
        resolved = tuple(_resolved(self._roots))
        for path in self._candidates(name, resolved) if _is_plain(name) else ():
            with suppress(OSError, ValueError):
                if self._by_descriptor:
                    fd = _open_descriptor(path, resolved)
                    return OpenedMedia(Path(f"/proc/{os.getpid()}/fd/{fd}"), shown, fd)
                fd, real = _open_resolved(path, resolved)
                return OpenedMedia(real, shown, fd)
        raise _refusal(shown)

    def _candidates(self, name: str, resolved: Sequence[Path]) -> Iterator[Path]:
        path = Path(name)
        if not path.is_absolute():
            yield from (root / path for root in self._roots)
        # Not even looked at where it begins elsewhere: that may be a network drive that hangs.
        elif _is_under(path, (*self._roots, *resolved)):
            yield path


def in_shown_names(text: str, opened: Sequence[OpenedMedia]) -> str:
    """Replace the paths of opened files in a message by the names that the client knows."""
    for media in opened:
        path = re.compile(rf"(?:file:)?{re.escape(str(media.path))}(?![0-9])")
        text = path.sub(media.shown.replace("\\", r"\\"), text)
    return text


@contextmanager
def with_shown_names(*opened: OpenedMedia) -> Iterator[None]:
    """Let errors in the block speak of files by the names that the client knows.

    Raises:
        VmafxTuneError: What the block raises, with its message changed in place. The output of
            programs (`ToolError.stderr_tail`) is left as it is, and is not for clients.
    """
    try:
        yield
    except VmafxTuneError as error:
        error.args = (in_shown_names(str(error), opened), *error.args[1:])
        raise


def _refusal(shown: str) -> MediaNotAllowedError:
    return MediaNotAllowedError(
        f"'{shown}' is not a file that this server may read. It reads regular files under its "
        "media roots."
    )


def _fit_to_show(name: str) -> str:
    """Escape what would not survive a log or a status line, and shorten what is too long."""
    fit = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name[: _MAX_SHOWN_CHARS + 1])
    return fit if len(fit) <= _MAX_SHOWN_CHARS else f"{fit[:_MAX_SHOWN_CHARS]}…"


def _is_plain(name: str) -> bool:
    """Whether a name is a path and nothing else; the rest is refused without a look at the disk."""
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        return False
    parts = re.split(r"[/\\]", name)
    return (
        0 < size_bytes <= _MAX_NAME_BYTES
        and name.isprintable()
        and not name.startswith("-")
        and _SCHEME.match(name) is None
        and ".." not in parts
        # These ask for a folder, which `pathlib` forgets.
        and parts[-1] not in {"", "."}
    )


def _resolved(roots: Sequence[Path]) -> Iterator[Path]:
    for root in roots:
        with suppress(OSError):
            yield _real(root)


def _real(path: Path) -> Path:
    # Unlike `Path.resolve`, it takes a loop of links for an OSError in every Python.
    return Path(os.path.realpath(path, strict=True))


def _is_under(path: Path, roots: Sequence[Path]) -> bool:
    return any(path != root and path.is_relative_to(root) for root in roots)


def _may_be_read(place: Path, found: os.stat_result, roots: Sequence[Path]) -> bool:
    return (
        stat.S_ISREG(found.st_mode)
        and _is_under(place, roots)
        and found.st_dev not in _kernel_devices()
    )


def _has_descriptors() -> bool:
    return hasattr(os, "O_PATH") and _DESCRIPTORS.is_dir()


def _open_descriptor(path: Path, roots: Sequence[Path]) -> int:
    """Open a path once, and look at what was opened before anything is read from it.

    Raises:
        OSError: It cannot be opened, or may not be.
    """
    # Only Linux has it, which the type checker cannot know.
    pin = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    try:
        found = os.fstat(pin)
        if not _may_be_read(_place(pin, found), found, roots):
            raise _RefusedError
        # Through the descriptor, so it is the same inode, however the name has changed.
        return os.open(_DESCRIPTORS / str(pin), _TO_READ)
    finally:
        os.close(pin)


def _place(pin: int, found: os.stat_result) -> Path:
    """Ask the kernel where a descriptor's file lies."""
    place = (_DESCRIPTORS / str(pin)).readlink()
    # That is how it marks a file that has no name any more, but a name may end so, too.
    if place.name.endswith(" (deleted)") and not os.path.samestat(os.lstat(place), found):
        raise _RefusedError
    return place


def _kernel_devices() -> set[int]:
    """Find the devices of mounted file systems that hold no real files, such as `/proc`."""
    devices: set[int] = set()
    if not _MOUNTS.exists():
        return devices
    for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        mount, _, file_system = line.partition(" - ")
        if file_system.split(" ", 1)[0] in _KERNEL_FILE_SYSTEMS:
            major, _, minor = mount.split(" ", 3)[2].partition(":")
            devices.add(os.makedev(int(major), int(minor)))
    return devices


def _open_resolved(path: Path, roots: Sequence[Path]) -> tuple[int, Path]:
    """Open what a path leads to, where descriptors cannot be asked; see the module's docstring.

    Raises:
        OSError: It cannot be opened, or may not be.
    """
    real = _real(path)
    if not _may_be_read(real, real.lstat(), roots):
        raise _RefusedError
    fd = os.open(real, _TO_READ | os.O_NOFOLLOW)
    if not _stands_at(fd, real):
        os.close(fd)
        raise _RefusedError
    return fd, real


def _check_still_there(opened: OpenedMedia) -> None:
    if not _stands_at(opened.fd, opened.path):
        raise _refusal(opened.shown)


def _stands_at(fd: int, real: Path) -> bool:
    """Whether an open regular file is the one at a path in which no link has come up."""
    with suppress(OSError):
        found = os.fstat(fd)
        return (
            stat.S_ISREG(found.st_mode)
            and os.path.samestat(found, real.lstat())
            and _real(real) == real
        )
    return False
