"""Lists of sources, with options of their own: CSV, or one JSON object a line."""

from __future__ import annotations

import codecs
import csv
import json
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["INPUT", "NAME", "ListRow", "read_list"]

INPUT, NAME = "input", "name"
"""The columns that are not options: the source, and what its results are called."""

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@frozen
class ListRow:
    """A row of a list.

    Attributes:
        line: Where it is, for messages.
        cells: What it has, by column, as it would be typed; no empty ones.
    """

    line: str
    cells: dict[str, str]


def read_list(data: bytes, name: str) -> list[ListRow]:
    """Read a list.

    Args:
        data: The file.
        name: Its name, which ends in `.csv` or `.jsonl`.

    Raises:
        UsageError: It is not such a list, or has no rows, or a row lacks its source.
    """
    if data.startswith(_WIDE):
        raise UsageError(f"The list '{name}' is in UTF-16. Save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"The list '{name}' is not UTF-8 text. Save it as UTF-8.") from error
    suffix = name.rpartition(".")[2].lower()
    if suffix not in {"csv", "jsonl"}:
        raise UsageError(f"The list '{name}' ends in neither .csv nor .jsonl. Rename it.")
    read = _csv_rows if suffix == "csv" else _json_rows
    rows = list(read(text, name))
    if not rows:
        raise UsageError(f"The list '{name}' has no rows.")
    for row in rows:
        if INPUT not in row.cells:
            raise UsageError(f"{row.line} has no {INPUT}. Name a file or a URL there.")
    return rows


def _csv_rows(text: str, name: str) -> Iterator[ListRow]:
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        if INPUT not in header or len(set(header)) < len(header):
            raise UsageError(
                f"The first line of '{name}' must name its columns, each once, and '{INPUT}' "
                "among them."
            )
        for cells in reader:
            line = f"Line {reader.line_num} of '{name}'"
            if len(cells) > len(header):
                raise UsageError(
                    f"{line} has {counted(len(cells), 'cell')}, and the first line has "
                    f"{counted(len(header), 'column')}. Put text with commas in quotes."
                )
            found = {column: cell.strip() for column, cell in zip(header, cells, strict=False)}
            if any(found.values()):
                yield ListRow(line, {column: cell for column, cell in found.items() if cell})
    except csv.Error as error:
        raise UsageError(f"Line {reader.line_num} of '{name}' is not CSV: {error}.") from error


def _json_rows(text: str, name: str) -> Iterator[ListRow]:
    # Not `splitlines`: JSON may have other separators of lines in its text.
    for number, written in enumerate(text.split("\n"), 1):
        line = f"Line {number} of '{name}'"
        if not written.strip():
            continue
        try:
            row = json.loads(written)
        except ValueError as error:
            raise UsageError(f"{line} is not JSON: {error}.") from error
        if not isinstance(row, dict) or any(isinstance(v, dict | list) for v in row.values()):
            raise UsageError(f"{line} is not an object of plain values, by the names of columns.")
        yield ListRow(
            line, {name: _typed(value) for name, value in row.items() if value is not None}
        )


def _typed(value: Any) -> str:
    """Write a value as it would be typed."""
    return value if isinstance(value, str) else json.dumps(value)
