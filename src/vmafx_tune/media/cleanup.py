"""Folders for work files, and what cleans up after a process that is killed before it can itself.

A guardian is a shell, started before the first child, that reads from a pipe which process groups
begin and end, and which folders hold work files. Nobody but the guarded process holds the other
end, so the pipe closes when that process is gone, by SIGKILL too; the shell then kills the groups
that are left, removes the folders, and ends. docs/adr/0012-orphans.md says why it is not
a parent-death signal.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import stat
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import OutputError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    Start = Callable[[tuple[str, ...], int], subprocess.Popen[bytes]]

__all__ = [
    "Guardian",
    "guarded_folder",
    "guardian",
    "make_scratch",
    "remove_scratch",
    "scratch_folder",
    "written_bytes",
]

# Polite signals are ignored, as they may be sent to all the processes of a service at once; the
# guardian goes when the one that it guards is gone. Every command in it but the last is built into
# the shell. Folders are kept in "$@", the one list that takes any name; they are removed twice, for
# the sake of a file that a dying child makes while its folder is emptied.
_SCRIPT = """\
trap '' HUP INT QUIT TERM
groups=' '
while IFS= read -r line; do
  name=${line#?}
  case $line in
    +*) groups="$groups$name " ;;
    -*) case $groups in *" $name "*) groups="${groups%% $name *} ${groups#* $name }" ;; esac ;;
    /*) set -- "$@" "$line" ;;
    !*)
      n=$#
      while [ "$n" -gt 0 ]; do
        first=$1
        shift
        [ "$first" = "$name" ] || set -- "$@" "$first"
        n=$((n - 1))
      done ;;
  esac
done
for group in $groups; do kill -9 "-$group"; done
[ "$#" = 0 ] || /bin/rm -rf -- "$@" || exec /bin/rm -rf -- "$@"
"""
_ARGV = ("/bin/sh", "-c", _SCRIPT, "vmafx-tune-guardian")


class Guardian:
    """Ends process groups and removes folders when this process dies. Thread-safe.

    Where there is no shell, only this protection is missing.
    """

    def __init__(self) -> None:
        self._start: Start | None = None
        self._lock = threading.Lock()
        self._pipe: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()
        self._folders: set[Path] = set()

    @property
    def groups(self) -> frozenset[int]:
        """The process groups under guard."""
        with self._lock:
            return frozenset(self._groups)

    @property
    def pid(self) -> int | None:
        """The guardian's own process; None while there is none."""
        with self._lock:
            return None if self._process is None or self._pipe is None else self._process.pid

    def prepare(self, start: Start) -> None:
        """Start the guardian, unless there is one.

        To be called before a child is started: between its start and `watch` nothing guards it, so
        that time should not be longer than it takes to write a line.

        Args:
            start: Starts a command that reads from the descriptor given, in a session of its own.
        """
        with self._lock:
            self._start = start
            if self._pipe is None:
                self._begin(start)

    def watch(self, group: int) -> None:
        """Guard a process group that has just begun."""
        with self._lock:
            self._groups.add(group)
            if self._start and self._pipe is not None and not self._tell(f"+{group}"):
                # Somebody ended the guardian. A new one takes over all groups.
                self._end()
                self._begin(self._start)

    def release(self, group: int) -> None:
        """Forget a process group.

        To be called before its leader is reaped: until then its number is not given to another
        one, so what is under guard is never someone else's.
        """
        with self._lock:
            self._groups.discard(group)
            self._tell(f"-{group}")

    def watch_folder(self, folder: Path) -> None:
        """Guard a folder of work files that is about to be made; one whose name is a line."""
        if folder.is_absolute() and "\n" not in str(folder):
            with self._lock:
                self._folders.add(folder)
                self._tell(str(folder))

    def release_folder(self, folder: Path) -> None:
        """Forget a folder, before it is removed or kept."""
        with self._lock:
            if folder in self._folders:
                self._folders.discard(folder)
                self._tell(f"!{folder}")

    def close(self) -> None:
        """End every group that is still under guard, remove every folder, and end the guardian.

        A folder is still under guard where a signal came between its making and its use.
        """
        with self._lock:
            for group in self._groups:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
            self._groups.clear()
            for folder in self._folders:
                shutil.rmtree(folder, ignore_errors=True)
            self._folders.clear()
            self._end()

    def forget(self) -> None:
        """Leave guardian and groups to the parent of this process, which has just been forked."""
        self._lock = threading.Lock()
        self._groups = set()
        self._folders = set()
        if self._pipe is not None:
            # Or the guardian would wait for this process to end, too.
            os.close(self._pipe)
            self._pipe = None

    def _begin(self, start: Start) -> None:
        with suppress(OSError):
            read, write = os.pipe()
            try:
                self._process = start(_ARGV, read)
            except OSError:
                os.close(write)
                raise
            finally:
                os.close(read)
            # A guardian that does not read must not stop this process.
            os.set_blocking(write, False)
            self._pipe = write
            for group in self._groups:
                self._tell(f"+{group}")
            for folder in self._folders:
                self._tell(str(folder))

    def _end(self) -> None:
        if self._pipe is None or self._process is None:
            return
        # Before the pipe closes, which would make it kill.
        self._process.kill()
        self._process.wait()
        os.close(self._pipe)
        self._pipe = None

    def _tell(self, line: str) -> bool:
        if self._pipe is None:
            return False
        with suppress(OSError):
            return os.write(self._pipe, os.fsencode(f"{line}\n")) > 0
        return False


guardian = Guardian()
"""Guards the children and the work files of this process."""

atexit.register(guardian.close)
os.register_at_fork(after_in_child=guardian.forget)


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a private folder for work files and remove it with all it holds at the end.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        OutputError: `parent` does not exist, or cannot be written.
    """
    folder = make_scratch(parent)
    try:
        yield folder
    finally:
        remove_scratch(folder)


def make_scratch(parent: Path | None = None) -> Path:
    """Make a private folder for work files, to be removed with `remove_scratch`.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        OutputError: `parent` does not exist, or cannot be written.
    """
    # It loads a generator of random numbers, and a search from the cache makes no folder.
    from tempfile import gettempdir

    try:
        return _made(parent or Path(gettempdir()))
    except OSError as error:
        raise OutputError(
            f"The work folder '{parent or gettempdir()}' cannot be used: "
            f"{error.strerror or error}. Use another one with --work-dir."
        ) from error


@contextmanager
def guarded_folder(parent: Path) -> Iterator[Path]:
    """Make a private folder that is not for work files, and remove it with all it holds at the end.

    Raises:
        OSError: It cannot be made.
    """
    folder = _made(parent)
    try:
        yield folder
    finally:
        remove_scratch(folder)


def _made(parent: Path) -> Path:
    # It knows how to start one, and needs this module itself.
    from vmafx_tune.media.process import prepare_guardian

    prepare_guardian()
    folder = Path(os.path.realpath(parent), f"vmafx-tune-{os.urandom(8).hex()}")
    # Before it is made: a process can be killed between any two calls.
    guardian.watch_folder(folder)
    folder.mkdir(mode=0o700)
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove a folder of work files with all that it holds."""
    shutil.rmtree(folder, ignore_errors=True)
    guardian.release_folder(folder)


def written_bytes(path: Path) -> int | None:
    """Return the size of a file that a tool was to write.

    Returns:
        None where there is none, or something that is not to be read: a folder, a link, a pipe.
    """
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
