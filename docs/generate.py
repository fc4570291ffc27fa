"""Writes the reference pages that are made from the code: the command line and the encoders."""

from __future__ import annotations

import html
import inspect
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from typer.models import ArgumentInfo, ParameterInfo

from vmafx_tune.cli.app import app
from vmafx_tune.cli.help import split_examples
from vmafx_tune.encoders.presets import X264_PRESETS
from vmafx_tune.encoders.registry import all_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.encoders.row import EncoderRow

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/generate.py; do not edit. -->\n"

# Examples that the test of the documentation cannot run.
NOT_RUN = {
    "encoders": "it takes another ffmpeg.",
    "serve": "it runs until it is stopped.",
}


def main() -> None:
    """Write every generated page."""
    (REFERENCE / "cli.md").write_text("\n".join(cli_page()) + "\n", encoding="utf-8")
    (REFERENCE / "encoders.md").write_text("\n".join(encoders_page()) + "\n", encoding="utf-8")


def cli_page() -> Iterator[str]:
    """Describe every command and its options, line by line."""
    yield "# Commands\n"
    yield NOTE
    assert app.registered_callback is not None
    yield f"{inspect.getdoc(app.registered_callback.callback)}\n"
    for command in app.registered_commands:
        assert command.callback is not None
        yield from _command(command.callback)


def _command(function: Callable[..., None]) -> Iterator[str]:
    signature = inspect.signature(function, eval_str=True)
    # Typer's context is not a parameter of the command line.
    parameters = [p for p in signature.parameters.values() if get_args(p.annotation)]
    arguments = [p for p in parameters if isinstance(_info(p), ArgumentInfo)]
    options = [p for p in parameters if p not in arguments]
    usage = "".join(f" {argument.name.upper()}" for argument in arguments)
    yield f"## {function.__name__}\n"
    description, examples = split_examples(inspect.getdoc(function) or "")
    yield f"{description}\n"
    yield f"```text\nvmafx-tune {function.__name__} [OPTIONS]{usage}\n```\n"
    if reason := NOT_RUN.get(function.__name__):
        yield f"<!-- not run: {reason} -->"
    yield "\n".join(("```sh", *examples, "```\n"))
    for kind, rows in (("argument", arguments), ("option", options)):
        if rows:
            yield f"| {kind} | value | default | meaning |"
            yield "|---|---|---|---|"
            yield from map(_row, rows)
            yield ""


def _row(parameter: inspect.Parameter) -> str:
    info = _info(parameter)
    names = ", ".join(f"`{flag}`" for flag in _flags(parameter))
    return f"| {names} | {_value(parameter)} | {_default(parameter.default)} | {info.help} |"


def _flags(parameter: inspect.Parameter) -> list[str]:
    info = _info(parameter)
    # Typer takes the first flag of an annotation for the default until it builds the command.
    declared = [flag for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)]
    return sorted(declared, key=len) or [parameter.name.upper()]


def _info(parameter: inspect.Parameter) -> ParameterInfo:
    _, info = get_args(parameter.annotation)
    assert isinstance(info, ParameterInfo)
    return info


def _value(parameter: inspect.Parameter) -> str:
    hint, info = get_args(parameter.annotation)
    for choice in (hint, *get_args(hint)):
        if isinstance(choice, type) and issubclass(choice, StrEnum):
            return ", ".join(f"`{value}`" for value in choice)
    # An argument is called by its name already.
    shown = info.metavar if not isinstance(info, ArgumentInfo) else None
    # A backslash would be shown in code, where it keeps a bar from ending the cell elsewhere.
    return f"<code>{html.escape(shown).replace('|', '&#124;')}</code>" if shown else ""


def _default(default: object) -> str:
    match default:
        case inspect.Parameter.empty:
            return "required"
        case None | "" | False:
            return ""
        case True:
            return "on"
        case float():
            return f"`{default:g}`"
        case _:
            return f"`{default}`"


def encoders_page() -> Iterator[str]:
    """Describe every encoder of the registry, line by line."""
    rows = all_rows()
    yield "# Encoders\n"
    yield NOTE
    yield "`vmafx-tune encoders` shows which of them open on your machine.\n"
    yield "| name | aliases | writes | runs on | quality knob | default |"
    yield "|---|---|---|---|---|---:|"
    yield from (_encoder(row) for row in rows)
    yield "\n## Presets\n"
    yield (
        "`--preset` takes x264's names for every encoder, and an encoder's own values. "
        "The default is `medium`.\n"
    )
    yield f"| encoder | {' | '.join(X264_PRESETS)} |"
    yield f"|---|{'---|' * len(X264_PRESETS)}"
    yield from (_presets(row) for row in rows if row.presets.native)


def _encoder(row: EncoderRow) -> str:
    aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
    knob = f"`{row.knob.name}` {row.knob.extent}. {row.knob.beyond}".rstrip(". ")
    default = row.knob.text(row.knob.default)
    return f"| `{row.name}` | {aliases} | {row.codec} | {row.kind} | {knob} | {default} |"


def _presets(row: EncoderRow) -> str:
    cells = " | ".join(row.presets.native_of(preset) for preset in X264_PRESETS)
    return f"| `{row.name}` | {cells} |"


if __name__ == "__main__":
    main()
