"""What is typed wrong at the command line, in the program's own words."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, get_args

import pytest
from typer.testing import CliRunner

from vmafx_tune.cli.app import COMMANDS, app, function_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# What Typer and pydantic say by themselves.
_LIBRARIES = ("Input should", "unable to parse", "Value error", "validation error", "pydantic")


def _typed_options() -> Iterator[tuple[str, str]]:
    """Every option, and argument with choices, that is not plain text: those that can be wrong."""
    for command in COMMANDS:
        function = function_of(command)
        for parameter in inspect.signature(function, eval_str=True).parameters.values():
            if not (parts := get_args(parameter.annotation)):
                continue
            hint, info = parts
            kinds = {*get_args(hint), hint}
            flags = [f for f in (info.default, *(info.param_decls or ())) if isinstance(f, str)]
            if flags and any(kind in kinds for kind in (int, float)):
                yield command, flags[-1]


@pytest.mark.parametrize(("command", "option"), sorted(_typed_options()))
def test_what_is_no_number_is_said_to_be_none(command: str, option: str) -> None:
    outcome = CliRunner().invoke(app, [command, f"{option}=12x"])
    assert outcome.exit_code == 2
    assert "'12x' is not a " in outcome.output
    assert not any(words in outcome.output for words in _LIBRARIES)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search", "-t", "abc"], "'abc' is not a number."),
        (["search", "--max-iter", "1.5"], "'1.5' is not a whole number."),
        (["search", "--max-iter", "0"], "'0' is not a number from 1 up."),
        (["search", "--timeout", "nan"], "'nan' is not a number from 0.1 up."),
        (["search", "--pool", "p7"], "'p7' is not one of 'mean', 'harmonic_mean'"),
        (["cache", "nope"], "'nope' is not one of 'info', 'list'"),
        (["score", "source.mp4"], "Missing argument 'DISTORTED'."),
    ],
)
def test_a_wrong_value_is_named_with_what_belongs_there(
    arguments: list[str], sentence: str
) -> None:
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert sentence in outcome.output
    assert not any(words in outcome.output for words in _LIBRARIES)
