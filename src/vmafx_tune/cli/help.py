"""Help as plain text, its options under headings.

Typer's own panels are drawn with rich, and loading that takes longer than all the rest of `--help`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from vmafx_tune.cli.values import read_plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GroupedCommand", "split_examples"]


_LEADING: Mapping[str | None, tuple[str, ...]] = MappingProxyType(
    {
        "encode": ("reference", "output", "codec", "target", "preset"),
        "score": ("min_score", "frames", "model", "pool", "output"),
        "search": ("reference", "codec", "target", "preset", "output"),
        "compare": ("reference", "codecs", "targets", "preset", "output"),
        "ladder": ("reference", "codec", "targets", "max_rungs", "output"),
        "serve": ("host", "port", "grpc_port", "media_roots", "backend"),
    }
)
"""The options that most runs need, by command; the help lists them first."""


class GroupedCommand(TyperCommand):
    """A command whose help lists common options first, the others under their group's heading."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as declared
        """Write the description, then its examples without wrapping them."""
        text, examples = split_examples(self.help or "")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)
        if examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in examples))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, common options, the command's other options, then groups of options."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        leading = _LEADING.get(self.name, ())
        parameters = {parameter.name: parameter for parameter in self.get_params(ctx)}
        for name in (*leading, *(name for name in parameters if name not in leading)):
            record = parameters[name].get_help_record(ctx)
            if record is not None:
                groups.setdefault(self._heading(parameters[name]), []).append(record)
        for heading, records in groups.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def _heading(self, parameter: Any) -> str:
        leading = _LEADING.get(self.name, ())
        if parameter.param_type_name == "argument":
            return "Arguments"
        if parameter.name in (*leading, "help"):
            return "Options"
        own = str(self.name).capitalize() if leading else "Options"
        return getattr(parameter, "rich_help_panel", None) or own


def split_examples(text: str) -> tuple[str, list[str]]:
    """Split a command's docstring into its description and its examples, one a line."""
    description, _, examples = text.partition("\n\nExamples:\n")
    return description, [line.strip() for line in examples.splitlines() if line.strip()]
