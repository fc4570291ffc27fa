"""The command line at hand: what was typed, and which files it names.

`takes_options` notes it for each command, so that what holds for every option is checked once, and
no command has to check it itself.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

__all__ = ["Typed", "given_besides", "named_files", "noted", "refuse_undecodable"]

_STANDARD_INPUT = "-"
_FILE_VARIABLES = ("VMAFX_FFMPEG", "VMAFX_VMAF_BINARY", "VMAFX_LIBVMAF")
_MODEL_DIRS = "VMAFX_MODEL_DIR"
# In ffmpeg's arguments and filters a file may stand behind any of these.
_SEPARATORS = re.compile(r"[=:,;|\[\]']")


@frozen
class Typed:
    """One option or argument.

    Attributes:
        name: The parameter's.
        label: How people call it: `--model`, `REFERENCE`.
        value: What it has, by default or as it was typed.
        given: Whether it was typed.
        holds: What it may hold: its metavar, or the name of its type.
    """

    name: str
    label: str
    value: object
    given: bool
    holds: str

    @property
    def names_file(self) -> bool:
        """Whether its value may be a file's name."""
        return "FILE" in self.holds or "PATH" in self.holds.upper()

    @property
    def files(self) -> Iterator[str]:
        """What in its value may be files' names."""
        values = self.value if isinstance(self.value, list | tuple) else (self.value,)
        for text in values:
            if isinstance(text, str | Path) and self.names_file:
                yield str(text)
                if found := shutil.which(text):
                    yield found
            elif isinstance(text, str | Path) and self.holds in {"ARGS", "CHAIN"}:
                yield from _pieces(str(text))


_LINE: ContextVar[tuple[Typed, ...]] = ContextVar("_LINE", default=())


@contextmanager
def noted(line: Sequence[Typed]) -> Iterator[None]:
    """Have `line` be the command line while the block lasts."""
    token = _LINE.set(tuple(line))
    try:
        yield
    finally:
        _LINE.reset(token)


def named_files(but: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """List the files that the command line and the environment name, as far as they exist.

    Args:
        but: Name of a parameter to leave out.

    Yields:
        What names the file, its name, and what the file system says of it.
    """
    typed = ((t.label, file) for t in _LINE.get() if t.name != but for file in t.files)
    for label, file in chain(typed, _of_environment()):
        with suppress(OSError, ValueError):
            status = os.fstat(sys.stdin.fileno()) if file == _STANDARD_INPUT else Path(file).stat()
            yield label, file, status


def given_besides(names: Collection[str]) -> list[str]:
    """List the options that were typed, without those called `names`."""
    return [typed.label for typed in _LINE.get() if typed.given and typed.name not in names]


def refuse_undecodable() -> None:
    """Refuse options that are not valid text; file names may have any bytes.

    Raises:
        UsageError: An option has bytes that are not UTF-8.
    """
    for typed in _LINE.get():
        text = typed.value
        if not isinstance(text, str):
            continue
        # What a filter is made of goes to libavfilter as text.
        if typed.holds != "CHAIN" and any(typed.files) and not is_url(text):
            continue
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{typed.label} '{text}' is not valid {sys.getfilesystemencoding()}. Only file "
                "names may contain other bytes."
            ) from error


def _pieces(text: str) -> Iterator[str]:
    try:
        words = shlex.split(text)
    except ValueError:  # the parser will report it
        words = text.split()
    for word in words:
        yield from (piece for piece in (word, *_SEPARATORS.split(word)) if piece)


def _of_environment() -> Iterator[tuple[str, str]]:
    for variable in _FILE_VARIABLES:
        if named := os.environ.get(variable):
            yield from ((variable, file) for file in (named, shutil.which(named)) if file)
    for folder in os.environ.get(_MODEL_DIRS, "").split(os.pathsep):
        if folder:
            yield from ((_MODEL_DIRS, str(file)) for file in Path(folder).glob("*.json"))
