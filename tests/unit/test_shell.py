"""Commands for a shell: the text gives the very same bytes back, to a shell and to us."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vmafx_tune import shell

ARGUMENTS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\0", codec="utf-8")),
        st.binary().filter(lambda data: b"\0" not in data).map(os.fsdecode),
    ),
    min_size=1,
)
HARD = [
    os.fsdecode(b"file:caf\xe9 'it''s' \"$HOME\" `id` 100%% \\041 \x1b[31m.mp4"),
    "data:,ffconcat version 1.0\nfile file:a\\ b.mp4\nfile file:c.mp4",
    "$(printf 'x')",
    "\u2028é\t",
    "ends in a line break\n",
    "",
]


@given(argv=ARGUMENTS, one_line=st.booleans())
@example(argv=HARD, one_line=True)
@example(argv=HARD, one_line=False)
def test_a_command_is_read_back_as_it_was(argv: list[str], one_line: bool) -> None:
    assert shell.split(shell.join(argv, one_line=one_line)) == tuple(argv)


@given(st.lists(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))), min_size=1))
def test_what_text_can_hold_is_quoted_as_usual(argv: list[str]) -> None:
    if not any(argument.startswith("$(printf") for argument in argv):
        assert shell.join(argv) == shlex.join(argv)


@given(ARGUMENTS)
def test_what_can_be_one_line_is_one(argv: list[str]) -> None:
    text = shell.join([argument.rstrip("\n") for argument in argv], one_line=True)
    assert len(text.splitlines()) <= 1


@pytest.mark.parametrize("program", ["sh", "bash"])
@pytest.mark.parametrize("one_line", [True, False])
def test_a_shell_runs_the_very_command(program: str, one_line: bool) -> None:
    text = shell.join(["printf", r"%s\0", *HARD], one_line=one_line)
    done = subprocess.run([program, "-c", text.encode()], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(argument) for argument in HARD]
