"""Finding the sources of a batch: files, folders, patterns and URLs."""

from __future__ import annotations

import os
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import glob, has_magic
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from vmafx_tune.batch.jobs import BatchJob, result_name
from vmafx_tune.errors import UnreadableSourceError, UsageError
from vmafx_tune.files import is_folder
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["VIDEO_SUFFIXES", "find_jobs"]

VIDEO_SUFFIXES = frozenset(
    {
        *(".264", ".265", ".3g2", ".3gp", ".asf", ".av1", ".avi", ".dv", ".f4v", ".flv"),
        *(".h264", ".h265", ".hevc", ".ivf", ".m2ts", ".m2v", ".m4v", ".mj2", ".mkv", ".mov"),
        *(".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".qt"),
        *(".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    }
)
"""What a file in a folder ends in that is taken for a video."""


def find_jobs(
    inputs: Iterable[str | BatchJob],
    output: Path,
    *,
    recursive: bool = False,
    include: Sequence[str] = (),
) -> list[BatchJob]:
    """List the sources that are named, each once.

    What is in the output folder is not a source, wherever that folder is.

    Args:
        inputs: Files, folders, patterns such as `films/**/*.mkv`, URLs, and jobs as they are.
        output: Folder of the results.
        recursive: Whether to look into the folders within folders, too.
        include: Patterns of file names that are wanted of folders; empty for `VIDEO_SUFFIXES`.

    Raises:
        UsageError: A folder or a pattern gives nothing, or an input is in the output folder.
        UnreadableSourceError: A folder cannot be read.
    """
    results = os.path.realpath(output)
    found: list[BatchJob] = []
    for named in inputs:
        if isinstance(named, BatchJob):
            found.append(_outside(_named(named), results))
        elif is_url(named):
            found.append(BatchJob(named, result_name(named)))
        elif is_folder(Path(named)):
            _refuse_inside(named, results)
            found += _in_folder(named, results, recursive=recursive, include=include)
        elif has_magic(named) and not os.path.lexists(named):
            found += _matching(named, results)
        else:
            found.append(_outside(BatchJob(named, result_name(named)), results))
    return _each_once(found)


def _named(job: BatchJob) -> BatchJob:
    name = job.name or result_name(job.source)
    return replace(job, name=name)


def _in_folder(
    folder: str, results: str, *, recursive: bool, include: Sequence[str]
) -> Iterator[BatchJob]:
    files = sorted(_files(folder, results, recursive=recursive))
    wanted = [file for file in files if _is_wanted(PurePath(file), include)]
    if not wanted:
        what = f"that match {' or '.join(include)}" if include else "with the suffix of a video"
        deeper = "" if recursive else " --recursive looks into the folders in it, too."
        raise UsageError(f"There are no files {what} in the folder '{folder}'.{deeper}")
    return (BatchJob(file, result_name(file, folder)) for file in wanted)


def _files(folder: str, results: str, *, recursive: bool) -> Iterator[str]:
    def fail(error: OSError) -> None:
        reason = error.strerror or error
        raise UnreadableSourceError(f"The folder '{error.filename}' cannot be read: {reason}.")

    for where, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [
            name
            for name in sorted(folders)
            if recursive
            and not name.startswith(".")
            and os.path.realpath(Path(where, name)) != results
        ]
        for name in names:
            # A link to nothing is a film that is missing, which nobody should have to find out.
            if not name.startswith("."):
                yield str(Path(where, name))


def _is_wanted(file: PurePath, include: Sequence[str]) -> bool:
    if include:
        return any(fnmatchcase(file.name, pattern) for pattern in include)
    return file.suffix.lower() in VIDEO_SUFFIXES


def _matching(pattern: str, results: str) -> Iterator[BatchJob]:
    matches = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
    files = [f for f in matches if not is_folder(Path(f)) and not _is_inside(f, results)]
    if not files:
        raise UsageError(f"No file matches '{pattern}'.")
    plain: list[str] = []
    for part in PurePath(pattern).parts[:-1]:
        if has_magic(part):
            break
        plain.append(part)
    root = str(PurePath(*plain)) if plain else "."
    return (BatchJob(file, result_name(file, root)) for file in files)


def _outside(job: BatchJob, results: str) -> BatchJob:
    if not is_url(job.source):
        _refuse_inside(job.source, results)
    return job


def _refuse_inside(source: str, results: str) -> None:
    if _is_inside(source, results):
        raise UsageError(
            f"The source '{source}' is in the folder of the results. Name another folder with -o."
        )


def _is_inside(source: str, results: str) -> bool:
    return Path(os.path.realpath(source)).is_relative_to(results)


def _each_once(jobs: Iterable[BatchJob]) -> list[BatchJob]:
    once: dict[str, list[BatchJob]] = {}
    kept = []
    for job in jobs:
        place = job.source if is_url(job.source) else os.path.realpath(job.source)
        alike = once.setdefault(place, [])
        if all(job.options != other.options for other in alike):
            alike.append(job)
            kept.append(job)
    return kept
