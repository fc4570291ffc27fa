"""The sources of a batch and what to do with each: names, and what makes two jobs the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vmafx_tune.coding import plain
from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import listed
from vmafx_tune.frozen import frozen
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "COMMANDS",
    "SUMMARY_NAME",
    "BatchJob",
    "check_names",
    "key_of",
    "options_digest",
    "result_name",
]

COMMANDS = ("search", "score", "encode", "compare", "ladder")
"""What can be done with many sources."""

SUMMARY_NAME = "summary"
"""What the files are called that sum up a run, without their suffixes."""

_URL_ENDS = "?#"


@frozen
class BatchJob:
    """A source, and what is special about it.

    Attributes:
        source: A file, or a URL.
        name: What its results are called in the output folder, without a suffix; may have folders.
            Empty for the name of the source without its suffix.
        options: Arguments of the command for this source alone, by name.
        line: Where a list has it, for messages: `line 7 of 'jobs.csv'`.
    """

    source: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    line: str = ""

    @property
    def key(self) -> str:
        """A file name that no other name of results has."""
        return key_of(self.name)

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"'{self.source}'{f' ({self.line})' if self.line else ''}"


def result_name(source: str, root: str = "") -> str:
    """Name the results of a source.

    Args:
        source: A file, or a URL.
        root: The folder from which its own folders count; empty for that of the file.

    Returns:
        Its name without the suffix, after the folders between it and `root`.
    """
    if is_url(source):
        for end in _URL_ENDS:
            source = source.partition(end)[0]
        return PurePath(source.rstrip("/")).stem
    path = PurePath(source)
    relative = path.relative_to(root) if root else PurePath(path.name)
    return relative.with_suffix("").as_posix()


def check_names(jobs: Iterable[BatchJob], output: str) -> None:
    """Make sure that each job has results of its own, in the output folder.

    Raises:
        UsageError: A name leads out of the folder, or two jobs have the same one.
    """
    taken: dict[str, BatchJob] = {}
    for job in jobs:
        parts = PurePath(job.name).parts
        if not parts or PurePath(job.name).is_absolute() or any(p.startswith(".") for p in parts):
            raise UsageError(
                f"The results of {job.label} cannot be called '{job.name}'. Give it a name within "
                f"'{output}', without parts that start with a dot, in the column name of a list."
            )
        if job.name.casefold() == SUMMARY_NAME:
            raise UsageError(
                f"The results of {job.label} cannot be called '{job.name}', as those of the whole "
                "batch are. Give it another name in the column name of a list."
            )
        # Some file systems do not tell upper case from lower case.
        other = taken.setdefault(job.name.casefold(), job)
        if other is not job:
            raise UsageError(
                f"{listed([other.label, job.label])} would both have the results '{job.name}' in "
                f"'{output}'. Name a folder that holds both, with --recursive, or give them names "
                "in the column name of a list."
            )


def key_of(name: str) -> str:
    """Make a file name of a result's name."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def options_digest(command: str, options: Mapping[str, Any]) -> str:
    """Identify what is done with a source.

    Args:
        command: One of `COMMANDS`.
        options: All of its arguments, by name; those that are None or missing are the same.
    """
    given = {name: value for name, value in options.items() if value is not None}
    body = json.dumps([command, plain(given)], sort_keys=True)
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()
