"""Lists of sources: what is read of them, and what is wrong with them, in a sentence."""

from __future__ import annotations

import pytest

from vmafx_tune.batch.lists import read_list
from vmafx_tune.errors import UsageError


def test_a_row_has_the_cells_that_are_not_empty() -> None:
    rows = read_list(b"input, target,name\r\na.mkv,95,\r\n\r\n'b'.mkv,,b\r\n", "jobs.csv")

    assert [row.cells for row in rows] == [
        {"input": "a.mkv", "target": "95"},
        {"input": "'b'.mkv", "name": "b"},
    ]
    assert [row.line for row in rows] == ["Line 2 of 'jobs.csv'", "Line 4 of 'jobs.csv'"]


def test_cells_in_quotes_may_have_commas_and_quotes() -> None:
    (row,) = read_list(b'\xef\xbb\xbfinput,encoder-args\n"a, ""b"".mkv",-tune film', "jobs.CSV")

    assert row.cells == {"input": 'a, "b".mkv', "encoder-args": "-tune film"}


def test_values_of_json_are_read_as_they_would_be_typed() -> None:
    line = b'{"input": "a.mkv", "target": 95.5, "deinterlace": true, "crop": null, "max-iter": 4}'
    (row,) = read_list(line + b"\n\n", "jobs.jsonl")

    assert row.cells == {
        "input": "a.mkv",
        "target": "95.5",
        "deinterlace": "true",
        "max-iter": "4",
    }


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        ("input\na.mkv\n".encode("utf-16"), "jobs.csv", "is in UTF-16. Save it as UTF-8."),
        (b"input\n\xff\xfa.mkv\n", "jobs.csv", "is not UTF-8 text"),
        (b"input\na.mkv\n", "jobs.txt", "ends in neither .csv nor .jsonl"),
        (b"", "jobs.csv", "must name its columns"),
        (b"source,target\na.mkv,95\n", "jobs.csv", "'input' among them"),
        (b"input,target,target\na.mkv,95,96\n", "jobs.csv", "each once"),
        (b"input;target\na.mkv;95\n", "jobs.csv", "'input' among them"),
        (b"input,target\n", "jobs.csv", "has no rows"),
        (b"input,target\n,95\n", "jobs.csv", "Line 2 of 'jobs.csv' has no input."),
        (b"input\na.mkv\nb, c.mkv\n", "jobs.csv", "Line 3 of 'jobs.csv' has 2 cells"),
        (b'input\n"a.mkv\n', "jobs.csv", "of 'jobs.csv' is not CSV"),
        (b'{"input": "a"}\n{"input": \n', "jobs.jsonl", "Line 2 of 'jobs.jsonl' is not JSON"),
        (b'["a.mkv"]\n', "jobs.jsonl", "is not an object of plain values"),
        (b'{"input": "a", "target": [1]}\n', "jobs.jsonl", "is not an object of plain values"),
        (b'{"target": 95}\n', "jobs.jsonl", "Line 1 of 'jobs.jsonl' has no input."),
    ],
)
def test_what_is_no_list_is_told_in_a_sentence(data: bytes, name: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_list(data, name)

    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")
