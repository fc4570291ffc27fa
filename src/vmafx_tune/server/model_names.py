"""The VMAF models that clients may ask for: names from a fixed list, never a path or an option."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["ModelNames"]

# Slashes would make a path of it, and libvmaf's option parsers give a meaning to `:`, `=` and `|`.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")


class ModelNames:
    """Built-in models, their aliases, and the JSON models in some folders.

    Args:
        folders: Folders with custom models, searched in order.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)

    def find(self, name: str, has: Callable[[str], bool] = lambda _: True) -> str:
        """Find what the scorer is to be told for `name`.

        Args:
            name: What a client sent; empty for the default model.
            has: Whether the scorer has a built-in model; asked for the message of an error alone.

        Returns:
            A built-in name or an alias as it is, the path of a custom model, or nothing.

        Raises:
            UsageError: There is no such model here.
        """
        from vmafx_tune.scoring.models import BUILT_IN_MODELS, MODEL_ALIASES

        if not name or name in BUILT_IN_MODELS or name in MODEL_ALIASES:
            return name
        if not _PLAIN_NAME.fullmatch(name):
            raise UsageError(
                f"{name[:100]!a} is no name of a VMAF model: a name has letters, digits, "
                "'_', '.', '+' and '-' only."
            )
        custom = self._custom()
        if name not in custom:
            built_in = filter(has, (*BUILT_IN_MODELS, *MODEL_ALIASES))
            known = ", ".join((*built_in, *sorted(custom)))
            raise UsageError(f"Unknown VMAF model '{name}'. This server knows {known}.")
        return str(custom[name])

    def _custom(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*.json")):
                found.setdefault(path.stem, path)
        return found
