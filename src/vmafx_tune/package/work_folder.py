"""The folder beside a package in which its parts are made.

A run that ends early leaves it behind, and the next run takes from it what is finished.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Self, TypeVar

from vmafx_tune.coding import build, plain
from vmafx_tune.errors import OutputError
from vmafx_tune.files import locked

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WorkFolder"]

NoteT = TypeVar("NoteT")


class WorkFolder:
    """The folder where one run makes the parts of a package; `with` holds it for this process.

    Args:
        output: The package, beside which it is.
    """

    def __init__(self, output: Path) -> None:
        self.path = output.parent / f".{output.name}.vmafx-tune"
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Make it, unless an earlier run has left it.

        Raises:
            OutputError: It cannot be made, or another process works in it.
        """
        try:
            self.path.mkdir(exist_ok=True)
            self._lock = locked(self.path / "lock", create=True)
        except OSError as error:
            raise OutputError(
                f"The work folder '{self.path}' cannot be made: {error.strerror or error}."
            ) from error
        if self._lock is None:
            raise OutputError(
                f"Another run is making this package, in '{self.path}'. Wait until it has ended."
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what is finished for the next run; nothing is left where nothing is."""
        if self._lock is not None:
            self._lock.close()
        with suppress(OSError):
            if {entry.name for entry in self.path.iterdir()} == {"lock"}:
                shutil.rmtree(self.path)

    def remove(self) -> None:
        """Remove it: the package is done."""
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, key: str, suffix: str) -> Path:
        """Name a file by what it is made of."""
        return self.path / f"{key}{suffix}"

    def note(self, key: str, kind: type[NoteT]) -> NoteT | None:
        """Read what is kept beside an encode; None where there is nothing, or it is damaged."""
        try:
            text = self.file(key, ".json").read_text(encoding="utf-8")
            return build(kind, json.loads(text))
        except (OSError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return None

    def keep(self, key: str, note: object) -> None:
        """Write what is to be kept beside an encode."""
        partial = self.file(key, ".json.part")
        partial.write_text(json.dumps(plain(note)), encoding="utf-8")
        partial.replace(self.file(key, ".json"))
