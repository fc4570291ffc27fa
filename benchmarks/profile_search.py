"""How much of the package a `search` goes through before its first encode.

Run with `python benchmarks/profile_search.py [CLIP]`; without one, a clip of two seconds is made.
The cache is left out of it. Prints the counts, then the files and the classes.

A file counts where one of its functions or methods is called; importing it and defining its classes
do not count. A class of the package counts where an object of it is made, by its own `__init__` or
by that of a dataclass; what is made while modules are imported counts as well. The interpreter's
profile hook tells, in all threads, until the command of the first encode is about to run.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _pair import short_clip

import vmafx_tune
from vmafx_tune.options import EncodingOptions, ToolOptions
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from types import FrameType

_PACKAGE = Path(vmafx_tune.__file__).parent
_ENCODED = ".part."


class _Done(BaseException):
    """The first encode is about to begin."""


class Profile:
    """What is called, by file and by class."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.classes: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(_PACKAGE)):
            # Dataclasses have generated constructors, which are in no file.
            if event == "call" and code.co_name == "__init__":
                self._count_class(frame)
            return
        # The bodies of modules and classes are no functions.
        if not code.co_flags & inspect.CO_OPTIMIZED:
            return
        self.files.add(str(Path(code.co_filename).relative_to(_PACKAGE)))
        if code.co_name == "__init__":
            self._count_class(frame)

    def _count_class(self, frame: FrameType) -> None:
        kind = type(frame.f_locals.get("self"))
        if kind.__module__.startswith(_PACKAGE.name):
            self.classes.add(f"{kind.__module__}.{kind.__qualname__}")


def profile_search(clip: Path) -> Profile:
    """Search a clip up to the first encode, and tell what was gone through."""
    profile = Profile()

    def until_encode(command: tuple[str, ...]) -> None:
        if any(_ENCODED in argument for argument in command):
            raise _Done

    session = Session(ToolOptions(cache=False), on_command=until_encode)
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        vmafx_tune.search(
            clip, "libx264", 90, encoding=EncodingOptions(preset="ultrafast"), session=session
        )
    except _Done:
        pass
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] # as documented
        session.close()
    return profile


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(sys.argv[1]) if len(sys.argv) > 1 else short_clip(Path(folder))
        found = profile_search(clip)
    print(f"{len(found.files)} files, {len(found.classes)} classes")
    print("", *sorted(found.files), "", *sorted(found.classes), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
