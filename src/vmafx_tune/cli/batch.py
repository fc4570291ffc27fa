"""`vmafx-tune batch`: a command of each kind, for many sources."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from vmafx_tune.choices import Container
from vmafx_tune.cli.binding import read_option, takes_options
from vmafx_tune.cli.common import MISSED_TARGET, DisplayOptions, running
from vmafx_tune.cli.compare import CompareOptions, compare_arguments
from vmafx_tune.cli.encode import EncodeOptions, encode_arguments
from vmafx_tune.cli.failure import say
from vmafx_tune.cli.ladder import MeasuringOptions, encoders_of, ladder_arguments
from vmafx_tune.cli.score import ScoreOptions, score_arguments
from vmafx_tune.cli.search import SearchOptions, search_arguments
from vmafx_tune.errors import UsageError
from vmafx_tune.files import read_input
from vmafx_tune.frozen import frozen
from vmafx_tune.options import (
    BatchOptions,
    CapOptions,
    ClusterOptions,
    DeliveryOptions,
    EncodingOptions,
    RungOptions,
    ScoringOptions,
    ShotOptions,
    SourceOptions,
    ToolOptions,
    option,
    option_group,
)
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vmafx_tune.batch.jobs import BatchJob
    from vmafx_tune.batch.lists import ListRow
    from vmafx_tune.results.batch import BatchResult

__all__ = ["SUBCOMMANDS", "batch"]

Inputs: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Files, folders, patterns such as 'films/**/*.mkv', URLs, or lists with options for "
        "each source: @LIST.csv, @LIST.jsonl.",
    ),
]

Results: TypeAlias = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="DIR", help="Folder for the results, created if missing."
    ),
]


@frozen
class _Typed:
    """What was typed.

    Attributes:
        command: What is done with each source.
        inputs: The sources, and lists of them.
        output: The folder of the results.
        many: Which files, and how many at once.
        arguments: Names the arguments of the command's function for groups of options.
        groups: What was typed, by the parameters of `arguments`.
        sources: How sources are read.
    """

    command: str
    inputs: Sequence[str]
    output: Path
    many: BatchOptions
    arguments: Callable[..., dict[str, Any]]
    groups: Mapping[str, Any]
    sources: SourceOptions

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the command's function that hold for all sources."""
        return {**self.arguments(**self.groups), "sources": self.sources}

    def named(self) -> Iterator[str | BatchJob]:
        """List the sources, with the options that lists have for them.

        Raises:
            UsageError: A list cannot be read.
        """
        for name in self.inputs:
            if name.startswith("@"):
                yield from self._listed(Path(name[1:]))
            else:
                yield name

    def _listed(self, path: Path) -> Iterator[BatchJob]:
        from vmafx_tune.batch.jobs import BatchJob
        from vmafx_tune.batch.lists import INPUT, NAME, read_list

        try:
            data = read_input(path)
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"The list '{path}' cannot be read: {reason}.") from error
        known: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        for row in read_list(data, str(path)):
            cells = dict(row.cells)
            source, name = _beside(path, cells.pop(INPUT)), cells.pop(NAME, "")
            if "reference" in cells:
                cells["reference"] = _beside(path, cells["reference"])
            typed = tuple(cells.items())
            if typed not in known:
                known[typed] = self._own_options(row, cells)
            yield BatchJob(source, name, known[typed], row.line[0].lower() + row.line[1:])

    def _own_options(self, row: ListRow, cells: Mapping[str, str]) -> dict[str, Any]:
        """Read the options of a row, as if they had been typed."""
        groups, sources, more = dict(self.groups), self.sources, {}
        for column, text in cells.items():
            try:
                name, value = read_option(f"--{column.removeprefix('--')}", text)
            except UsageError as error:
                raise UsageError(f"{row.line}, column {column}: {error}") from error
            owner = next((key for key, one in groups.items() if _has(one, name)), None)
            if owner is not None:
                groups[owner] = replace(groups[owner], **{name: value})
            elif _has(sources, name):
                sources = replace(sources, **{name: value})
            elif name == "reference":
                more[name] = value
            else:
                raise UsageError(
                    f"{row.line}, column {column}: --{column} holds for the whole run. Give it on "
                    "the command line."
                )
        try:
            return {**self.arguments(**groups), "sources": sources, **more} if cells else {}
        except UsageError as error:
            raise UsageError(f"{row.line}: {error}") from error


def _has(group: Any, name: str) -> bool:
    return any(field.name == name for field in fields(group))


def _beside(path: Path, name: str) -> str:
    """Name what a list names: files count from its folder."""
    return name if is_url(name) else str(path.parent / name)


def _run(
    order: _Typed,
    display: DisplayOptions,
    tools: ToolOptions,
    cluster: ClusterOptions | None = None,
    *,
    container: Container = Container.MKV,
) -> None:
    with running(display, "batch", tools=tools, cluster=cluster) as run:
        import vmafx_tune
        from vmafx_tune.reports.batch_facts import failures

        with run.observing() as observe:
            result = vmafx_tune.batch(
                order.command,
                list(order.named()),
                order.output,
                options=order.options,
                many=order.many,
                container=container,
                observe=observe,
                session=run.session,
            )
        if not display.quiet and run.format != "table":
            for source, why in failures(result):
                say(f"{source}: {why}")
        run.finish(result, exit_code=_exit_code(result))


def _exit_code(result: BatchResult) -> int:
    """Choose how a batch ends: one source that failed counts more than those that missed."""
    if result.n_failed:
        return 1
    return MISSED_TARGET if result.n_missed else 0


@option_group
class SizedRungOptions(RungOptions):
    """Rungs: how they are chosen."""

    include: str | None = option(
        "--include-sizes",
        default=None,
        metavar="WxH,...",
        help="Sizes that some rung must have, as with `ladder --include`.",
    )


def batch() -> None:
    """Run a command on many sources, and summarise the results.

    Goes on where a source fails, and where an earlier run ended. Takes the options of the command,
    and keeps the result of each source in the folder, beside summary.json, .csv and .html.

    Examples:
        vmafx-tune batch encode films -o encoded -t 95
        vmafx-tune batch search 'films/**/*.mkv' -o found -c libsvtav1 -t 93
        vmafx-tune batch score encoded -r films -o scores --min-score 93
    """


@takes_options
def search(
    *,
    inputs: Inputs,
    output: Results,
    many: BatchOptions,
    asked: SearchOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    display: DisplayOptions,
) -> None:
    """Search many sources, as `search` does.

    Examples:
        vmafx-tune batch search films -o found -c libx265 -t 95 --preset slow
    """
    groups = {"asked": asked, "encoding": encoding, "scoring": scoring}
    order = _Typed("search", inputs, output, many, search_arguments, groups, sources)
    _run(order, display, tools, cluster)


@takes_options
def score(
    *,
    inputs: Inputs,
    reference: Annotated[
        str | None,
        typer.Option(
            "-r",
            "--reference",
            metavar="FILE|FOLDER",
            help="Reference for all clips, or a folder with one of the same name for each.",
        ),
    ] = None,
    output: Results,
    many: BatchOptions,
    asked: ScoreOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    display: DisplayOptions,
) -> None:
    """Score many encodes, as `score` does.

    Examples:
        vmafx-tune batch score encoded -r films -o scores --min-score 93
    """

    def arguments(asked: ScoreOptions, scoring: ScoringOptions) -> dict[str, Any]:
        own = {"reference": reference, "frames": asked.frames or None}
        return {**score_arguments(asked, scoring), **own}

    order = _Typed(
        "score", inputs, output, many, arguments, {"asked": asked, "scoring": scoring}, sources
    )
    _run(order, display, tools)


@takes_options
def encode(
    *,
    inputs: Inputs,
    output: Results,
    container: Annotated[
        Container, typer.Option("--container", help="Container of the encoded files.")
    ] = Container.MKV,
    many: BatchOptions,
    asked: EncodeOptions,
    shots: ShotOptions,
    delivery: DeliveryOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    display: DisplayOptions,
) -> None:
    """Encode many sources, as `encode` does.

    Examples:
        vmafx-tune batch encode films -o encoded -t 95
        vmafx-tune batch encode incoming -o encoded -c libsvtav1 -t 93 --watch
    """
    groups = {
        "asked": asked,
        "shots": shots,
        "delivery": delivery,
        "encoding": encoding,
        "scoring": scoring,
    }
    order = _Typed("encode", inputs, output, many, encode_arguments, groups, sources)
    _run(order, display, tools, cluster, container=container)


@takes_options
def compare(
    *,
    inputs: Inputs,
    output: Results,
    many: BatchOptions,
    asked: CompareOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    display: DisplayOptions,
) -> None:
    """Compare encoders on many sources, as `compare` does.

    Examples:
        vmafx-tune batch compare films -o compared -c x264,x265 -t 80,90
    """
    groups = {"asked": asked, "encoding": encoding, "scoring": scoring}
    order = _Typed("compare", inputs, output, many, compare_arguments, groups, sources)
    _run(order, display, tools, cluster)


@takes_options
def ladder(
    *,
    inputs: Inputs,
    output: Results,
    many: BatchOptions,
    asked: MeasuringOptions,
    rungs: SizedRungOptions,
    caps: CapOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    display: DisplayOptions,
) -> None:
    """Choose a ladder for each of many sources, as `ladder` does.

    Examples:
        vmafx-tune batch ladder films -o ladders -c libx265 -t 70,80,90,95
    """
    groups = {
        "asked": asked, "rungs": rungs, "caps": caps, "encoding": encoding, "scoring": scoring,
    }  # fmt: skip
    order = _Typed("ladder", inputs, output, many, _one_ladder, groups, sources)
    _run(order, display, tools, cluster)


SUBCOMMANDS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "search": search,
        "score": score,
        "encode": encode,
        "compare": compare,
        "ladder": ladder,
    }
)
"""What can be done with many sources, by name and in the order of the help."""


def _one_ladder(asked: MeasuringOptions, **groups: Any) -> dict[str, Any]:
    encoders = encoders_of(asked.codec)
    if len(encoders) > 1:
        raise UsageError(
            "A batch makes one ladder of each source. Name one encoder, and run it once for each."
        )
    return {"encoder": encoders[0], **ladder_arguments(asked, **groups)}
