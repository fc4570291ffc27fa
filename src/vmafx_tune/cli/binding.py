"""From option dataclasses to Typer parameters, and from what was typed to the dataclasses.

What was typed is noted for each command, so that what holds for every option is checked once, and
no command has to check it itself.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import fields
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from vmafx_tune.cli.command import implied_by
from vmafx_tune.cli.completion import COMPLETERS
from vmafx_tune.errors import UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence


__all__ = [
    "Typed",
    "given_besides",
    "named_files",
    "names_of",
    "noted",
    "read_option",
    "refuse_undecodable",
    "takes_options",
]

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take option dataclasses, whose fields become options of its own.

    Every parameter annotated with a dataclass of `options.option` fields is replaced by those
    fields; the command is called with the dataclass built from what was typed.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if hasattr(hint, "__dataclass_fields__")}
    owners = {field.name: name for name, group in groups.items() for field in fields(group)}

    parameters = _parameters(command, hints, groups)

    @wraps(command)
    def call(context: typer.Context, **typed: Any) -> None:
        values: dict[str, dict[str, Any]] = {name: {} for name in groups}
        plain: dict[str, Any] = {}
        for name, value in typed.items():
            (values[owners[name]] if name in owners else plain)[name] = value
        line = [_typed(context, parameter, typed) for parameter in parameters]
        with noted(line), _reading_for(context):
            command(**plain, **{name: group(**values[name]) for name, group in groups.items()})

    signature = inspect.Signature([_CONTEXT, *parameters])
    call.__signature__ = signature  # type: ignore[attr-defined] # set for Typer
    call.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    # Typer follows __wrapped__ to the original signature, which it must not see.
    del call.__wrapped__
    return call


def _typed(context: typer.Context, parameter: inspect.Parameter, values: dict[str, Any]) -> Typed:
    name = parameter.name
    hint, info = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
    # Within Annotated, Typer takes the first flag for the default until it looks closer.
    flags = [flag for flag in (info.default, *(info.param_decls or ())) if _is_long_flag(flag)]
    source = context.get_parameter_source(name)
    return Typed(
        name,
        label=flags[0].partition("/")[0] if flags else name.upper(),
        value=values[name],
        given=source is not None and source.name == "COMMANDLINE",
        # What stands without a flag is what the command works on.
        holds="FILE"
        if hint in {str, list[str], list[str] | None} and not flags
        else info.metavar or str(hint),
    )


def _is_long_flag(flag: object) -> bool:
    return isinstance(flag, str) and flag.startswith("--")


def _parameters(
    command: Callable[..., None], hints: dict[str, Any], groups: dict[str, Any]
) -> list[inspect.Parameter]:
    own = [
        parameter.replace(annotation=_completed(name, hints[name]), kind=_KEYWORD)
        for name, parameter in inspect.signature(command).parameters.items()
        if name not in groups
    ]
    shared = [parameter for group in groups.values() for parameter in _of_group(group)]
    return [*own, *shared]


def _of_group(group: Any) -> Iterator[inspect.Parameter]:
    # Once for all fields: each look reads the annotations of the whole group.
    hints = get_type_hints(group)
    panel = (group.__doc__ or "").partition(":")[0]
    for field in fields(group):
        more = dict(field.metadata)
        info = typer.Option(*more.pop("flags"), rich_help_panel=panel, **more)
        hint = _completed(field.name, Annotated[hints[field.name], info])
        yield inspect.Parameter(field.name, _KEYWORD, default=field.default, annotation=hint)


def _completed(name: str, hint: Any) -> Any:
    hint.__metadata__[0].autocompletion = COMPLETERS.get(name)
    return hint


_STANDARD_INPUT = "-"
_FILE_VARIABLES = ("VMAFX_FFMPEG", "VMAFX_VMAF_BINARY", "VMAFX_LIBVMAF")
_MODEL_DIRS = "VMAFX_MODEL_DIR"
# In ffmpeg's arguments and filters a file may stand behind any of these.
_SEPARATORS = re.compile(r"[=:,;|\[\]']")


@frozen
class Typed:
    """One option or argument.

    Attributes:
        name: The parameter's.
        label: How people call it: `--model`, `REFERENCE`.
        value: What it has, by default or as it was typed.
        given: Whether it was typed.
        holds: What it may hold: its metavar, or the name of its type.
    """

    name: str
    label: str
    value: object
    given: bool
    holds: str

    @property
    def names_file(self) -> bool:
        """Whether its value may be a file's name."""
        return "FILE" in self.holds or "PATH" in self.holds.upper()

    @property
    def files(self) -> Iterator[str]:
        """What in its value may be files' names."""
        values = self.value if isinstance(self.value, list | tuple) else (self.value,)
        for text in values:
            if isinstance(text, str | Path) and self.names_file:
                yield str(text)
                if found := shutil.which(text):
                    yield found
            elif isinstance(text, str | Path) and self.holds in {"ARGS", "CHAIN"}:
                yield from _pieces(str(text))


_LINE: ContextVar[tuple[Typed, ...]] = ContextVar("_LINE", default=())


@contextmanager
def noted(line: Sequence[Typed]) -> Iterator[None]:
    """Have `line` be the command line while the block lasts."""
    token = _LINE.set(tuple(line))
    try:
        yield
    finally:
        _LINE.reset(token)


_PARSER: ContextVar[typer.Context] = ContextVar("_PARSER")


@contextmanager
def _reading_for(context: typer.Context) -> Iterator[None]:
    token = _PARSER.set(context)
    try:
        yield
    finally:
        _PARSER.reset(token)


def read_option(flag: str, text: str) -> tuple[str, Any]:
    """Read an option of the command that runs, as if it had been typed.

    Args:
        flag: Its name, with the dashes.
        text: Its value; `true` for an option that stands alone.

    Returns:
        The name of its parameter, and the value.

    Raises:
        UsageError: The command has no such option, or it does not take the value.
    """
    context = _PARSER.get()
    for parameter in context.command.params:
        if flag in parameter.opts:
            try:
                value = parameter.process_value(context, implied_by(flag, text))
                return str(parameter.name), value
            except typer.BadParameter as error:
                raise UsageError(error.message) from error
    raise UsageError(f"`{context.command_path}` has no option {flag}.")


def named_files(but: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """List the files that the command line and the environment name, as far as they exist.

    Args:
        but: Name of a parameter to leave out.

    Yields:
        What names the file, its name, and what the file system says of it.
    """
    typed = ((t.label, file) for t in _LINE.get() if t.name != but for file in t.files)
    for label, file in chain(typed, _of_environment()):
        with suppress(OSError, ValueError):
            status = os.fstat(sys.stdin.fileno()) if file == _STANDARD_INPUT else Path(file).stat()
            yield label, file, status


def names_of(path: str, but: str) -> Iterator[tuple[str, str]]:
    """List what on the command line has a path for its value, whether or not there is a file.

    Args:
        path: The path, without links.
        but: Name of a parameter to leave out.

    Yields:
        What names it, and the name.
    """
    for typed in _LINE.get():
        value = typed.value
        if typed.name == but or not isinstance(value, str | Path):
            continue
        # Where a value may be something else, such as a model, its name is not taken for a file's.
        if typed.holds.startswith("FILE") and os.path.realpath(value) == path:
            yield typed.label, str(value)


def given_besides(names: Collection[str]) -> list[str]:
    """List the options that were typed, without those called `names`, in alphabetical order."""
    given = (typed for typed in _LINE.get() if typed.given and typed.name not in names)
    return sorted(typed.label for typed in given)


def refuse_undecodable() -> None:
    """Refuse options that are not valid text; file names may have any bytes.

    Raises:
        UsageError: An option has bytes that are not UTF-8.
    """
    for typed in _LINE.get():
        text = typed.value
        if not isinstance(text, str):
            continue
        # What a filter is made of goes to libavfilter as text.
        if typed.holds != "CHAIN" and any(typed.files) and not is_url(text):
            continue
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{typed.label} '{text}' is not valid {sys.getfilesystemencoding()}. Only file "
                "names may contain other bytes."
            ) from error


def _pieces(text: str) -> Iterator[str]:
    try:
        words = shlex.split(text)
    except ValueError:  # the parser will report it
        words = text.split()
    for word in words:
        yield from (piece for piece in (word, *_SEPARATORS.split(word)) if piece)


def _of_environment() -> Iterator[tuple[str, str]]:
    for variable in _FILE_VARIABLES:
        if named := os.environ.get(variable):
            yield from ((variable, file) for file in (named, shutil.which(named)) if file)
    for folder in os.environ.get(_MODEL_DIRS, "").split(os.pathsep):
        if folder:
            yield from ((_MODEL_DIRS, str(file)) for file in Path(folder).glob("*.json"))
