"""Where a result goes: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from vmafx_tune.cli.binding import named_files, names_of
from vmafx_tune.cli.failure import say
from vmafx_tune.errors import OutputError, UsageError
from vmafx_tune.media.output_file import (
    check_writable,
    descriptor_of,
    is_stream,
    written_whole,
)
from vmafx_tune.standard_streams import check_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vmafx_tune.results.record import Result

__all__ = ["ChartDestination", "Destination", "choose_format", "suffixes_of"]

_SUFFIXES = {
    ".json": "json",
    ".md": "markdown",
    ".markdown": "markdown",
    ".csv": "csv",
    ".html": "html",
    ".htm": "html",
    ".m3u8": "hls",
    ".mpd": "dash",
    ".txt": "table",
}


class Destination:
    """Standard output, or a file.

    Args:
        path: The file; None for standard output.
        option: Name of the parameter that `path` comes from.

    Raises:
        UsageError: It is `-`, or a file that the command reads, or writes besides; found out before
            any work is done.
        OutputError: The file could not be written; likewise.
    """

    def __init__(self, path: Path | None, option: str = "output") -> None:
        self.path = path
        if path is not None and str(path) == "-":
            raise UsageError(
                "'-' is not the name of an output. Name a file; results for which none is named go "
                "to standard output."
            )
        _refuse_inputs(path, option)
        if path is None:
            check_output()
        else:
            check_writable(path)

    @property
    def is_terminal(self) -> bool:
        """Whether people will read it as it is written."""
        return self.path is None and sys.stdout.isatty()

    @property
    def encoding(self) -> str:
        """Name of the codec that text is written in."""
        return "utf-8" if self.path else sys.stdout.encoding or "utf-8"

    def write(self, text: str) -> None:
        """Write the whole of `text`.

        Raises:
            OutputError: It cannot be written; a file that was there before is untouched.
        """
        if self.path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write_whole(self.path, text.encode())

    def append(self, text: str) -> None:
        """Write `text` behind what a file already holds.

        Raises:
            OutputError: It cannot be read or written; it is untouched then.
        """
        before = ""
        if self.path is not None and self.path.is_file() and not is_stream(self.path):
            try:
                before = self.path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise OutputError(
                    f"'{self.path}' is not a text file that can be appended to."
                ) from error
        self.write(before + text)


class ChartDestination:
    """A file for a chart.

    Args:
        path: The file.

    Raises:
        UsageError: Its suffix is not that of a picture, or it is a file that the command reads.
        ToolNotFoundError: What draws charts is not installed.
        OutputError: It could not be written.
    """

    def __init__(self, path: Path) -> None:
        from vmafx_tune.reports.charts.drawing import DRAWN, require_drawing

        if path.suffix.lower() not in DRAWN:
            raise UsageError(
                f"The chart '{path}' cannot be drawn: its name must end in {' or '.join(DRAWN)}."
            )
        Destination(path, "chart")
        require_drawing()
        self._path = path

    def write(self, result: Result) -> None:
        """Draw the chart of a result; says so where there is nothing to draw.

        Raises:
            OutputError: It cannot be written; a file that was there before is untouched.
        """
        from vmafx_tune.reports.charts.drawing import DRAWN
        from vmafx_tune.reports.charts.results import chart_of, title_of

        chart = chart_of(result)
        if chart is None:
            say(f"There is nothing to draw, so '{self._path}' is not written.")
            return
        picture = DRAWN[self._path.suffix.lower()](chart, title_of(result))
        _write_whole(self._path, picture)


def choose_format(asked: str | None, destination: Destination, formats: Sequence[str]) -> str:
    """Choose the output format: what was asked, else by file name, else by who reads.

    Args:
        asked: The value of `--format`.
        destination: Its suffix decides where nothing was asked; without one a terminal gets a
            table, a pipe or a file JSON.
        formats: What the command can write.

    Raises:
        UsageError: The format asked for is not one of `formats`, or the suffix is that of none.
    """
    if asked is not None:
        if asked not in formats:
            raise UsageError(f"'{asked}' is not a format. Choose one of {', '.join(formats)}.")
        return asked
    suffix = destination.path.suffix if destination.path else ""
    if not suffix:
        return "table" if destination.is_terminal else "json"
    by_suffix = _SUFFIXES.get(suffix.lower(), "")
    if by_suffix not in formats:
        writes = ", ".join(f"{name} ({usual})" for name, usual in suffixes_of(formats).items())
        other = ", or name a format with --format" if len(formats) > 1 else ""
        raise UsageError(
            f"'{destination.path}' ends in {suffix}, which is not the suffix of a format that this "
            f"command writes. It writes {writes}. Rename the output{other}."
        )
    return by_suffix


def suffixes_of(formats: Sequence[str]) -> dict[str, str]:
    """Find the usual suffix of each format."""
    usual = {name: suffix for suffix, name in reversed(_SUFFIXES.items())}
    return {name: usual[name] for name in formats}


def _refuse_inputs(path: Path | None, option: str) -> None:
    """Refuse to write what the command reads or writes besides, whatever the two are called.

    Where standard output is a file, it is that one that must be another.
    """
    output = "Standard output" if path is None else f"The output '{path}'"
    for label, name in _same_file(path, option):
        raise UsageError(
            f"{output} is also the file of {label}, '{name}', and would overwrite it. Write "
            "to another file."
        )


def _same_file(path: Path | None, option: str) -> Iterator[tuple[str, str]]:
    try:
        written = os.fstat(sys.stdout.fileno()) if path is None else path.stat()
    except (OSError, ValueError):  # it is not there yet, or no file at all
        if path is not None:
            yield from names_of(os.path.realpath(path), but=option)
        return
    if stat.S_ISREG(written.st_mode):
        for label, name, read in named_files(but=option):
            if os.path.samestat(written, read):
                yield label, name


def _write_whole(path: Path, data: bytes) -> None:
    if is_stream(path):
        _write_stream(path, data)
        return
    with written_whole(path) as unnamed:
        unnamed.write_bytes(data)


def _write_stream(path: Path, data: bytes) -> None:
    # A device, a pipe, or what a shell has opened for /dev/stdout: nothing to rename onto.
    descriptor = descriptor_of(path)
    try:
        opened = path.open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb")
        with opened as stream:
            stream.write(data)
    except OSError as error:
        raise OutputError(
            f"The output '{path}' cannot be written: {error.strerror or error}."
        ) from error
