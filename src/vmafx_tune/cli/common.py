"""What every command does around its work: where output goes, what is shown, how it ends."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from vmafx_tune import shell
from vmafx_tune.choices import HlsScore, ProgressMode, Proof
from vmafx_tune.cli.binding import refuse_undecodable
from vmafx_tune.cli.failure import say
from vmafx_tune.cli.output import ChartDestination, Destination, choose_format
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.files import read_input, read_standard_input
from vmafx_tune.frozen import frozen
from vmafx_tune.options import (
    ClusterOptions,
    SourceOptions,
    ToolOptions,
    option,
    option_group,
)
from vmafx_tune.signals import unwinding_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from vmafx_tune.events import Observer
    from vmafx_tune.gate.comparable import Gated
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.record import Result, State
    from vmafx_tune.session import Session


__all__ = [
    "CLUSTER_VARIABLE",
    "EXIT_CODES",
    "MISSED_TARGET",
    "Commands",
    "DisplayOptions",
    "LimitOptions",
    "OutputOptions",
    "Reference",
    "Run",
    "running",
    "saved_ladder",
    "saved_result",
]

Reference: TypeAlias = Annotated[
    str, typer.Option("-r", "--reference", metavar="FILE|URL", help="Video to encode.")
]

Commands: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--commands",
        help="Print the encode commands above the table. JSON, Markdown and HTML always include "
        "them.",
    ),
]

ChartFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--chart", metavar="FILE", help="Also draw the chart of the result, as .png or .svg."
    ),
]

CLUSTER_VARIABLE = "VMAFX_CLUSTER"
"""Environment variable that names the cluster's scheduler."""

MISSED_TARGET = 3
"""Exit code where results were printed, but a target was not reached."""

EXIT_CODES: Mapping[State, int] = MappingProxyType(
    {"done": 0, "missed": MISSED_TARGET, "failed": 1}
)
"""Exit codes of commands by how they end."""


@option_group
class LimitOptions:
    """What an answer may have, and what it must have."""

    max_bitrate: float | None = option(
        "--max-bitrate",
        default=None,
        metavar="KBPS",
        help="Highest bitrate allowed. Encodes that exceed it are stopped early.",
    )
    require: str | None = option(
        "--require",
        default=None,
        metavar="CONDITION,…",
        help="Further conditions that an answer must meet, such as 'vmaf.p5>=85,cambi.mean<=5'.",
    )
    proof: Proof | None = option(
        "--proof",
        default=None,
        help="full: measure the answer and the next worse setting. none: estimate the answer from "
        "one probe, with its error; encode measures what it delivers. Default: full; none for "
        "encode with --sample.",
    )

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions, one by one.

        Raises:
            UsageError: There is none in the list.
        """
        from vmafx_tune.parsing import parse_names

        return () if self.require is None else parse_names(self.require, "condition")


@option_group
class DisplayOptions:
    """Output: how the result is written, and what is shown on the way."""

    format: str | None = option(
        "--format",
        default=None,
        metavar="NAME",
        help="Output format. Default: from the suffix of -o, else table on a terminal and json in "
        "a pipe.",
    )
    progress: ProgressMode = option(
        "--progress", default=ProgressMode.AUTO, help="How to show progress on stderr."
    )
    quiet: bool = option("-q", "--quiet", default=False, help="Hide progress and warnings.")
    verbose: bool = option(
        "-v", "--verbose", default=False, help="Print every command that is run."
    )


@option_group
class OutputOptions(DisplayOptions):
    """Output: where the result goes, and what is shown on the way."""

    output: Path | None = option(
        "-o",
        "--output",
        default=None,
        metavar="FILE",
        help="Write the result to this file instead of stdout.",
    )


@frozen
class Run:
    """One command's surroundings.

    Attributes:
        session: The adapters to work with.
        format: Name of the format that the result will be written in.
    """

    session: Session
    format: str
    _output: DisplayOptions
    _destination: Destination
    _chart: ChartDestination | None = None

    def observing(self) -> AbstractContextManager[Observer]:
        """Show the events of the block; live lines are gone at its end, before results come."""
        from vmafx_tune.cli.progress import showing_progress

        return showing_progress(self._output.progress, quiet=self._output.quiet)

    def writing_to(self, path: Path | None, chart: Path | None = None) -> Run:
        """Give another destination to results, and to their charts.

        Raises:
            UsageError, OutputError: As for `Destination`.
        """
        drawn = None if chart is None else ChartDestination(chart)
        return replace(self, _destination=Destination(path), _chart=drawn)

    def finish(
        self,
        result: Result,
        *,
        exit_code: int = 0,
        frames: bool = False,
        commands: bool = False,
        hls_score: HlsScore = HlsScore.TIER,
    ) -> None:
        """Write `result`, and exit unless all is well.

        Args:
            result: What the command returned.
            exit_code: How the command ends; 0 returns.
            frames: Whether per-frame scores come with it.
            commands: Whether a table has the encode commands.
            hls_score: What SCORE is in an HLS playlist.
        """
        from vmafx_tune.reports.render import fit_encoding, render

        if self._chart is not None:
            self._chart.write(result)
        destination = self._destination
        text = render(
            result,
            self.format,
            terminal=destination.is_terminal,
            frames=frames,
            commands=commands,
            hls_score=hls_score,
        )
        destination.write(fit_encoding(text, self.format, destination.encoding))
        if exit_code:
            raise typer.Exit(exit_code)


@contextmanager
def running(
    output: DisplayOptions,
    command: str,
    *,
    tools: ToolOptions | None = None,
    sources: SourceOptions | None = None,
    cluster: ClusterOptions | None = None,
    chart: Path | None = None,
) -> Iterator[Run]:
    """Set up a command's surroundings, and clean up at the end or when a signal comes.

    Args:
        output: Where the result goes.
        command: Its name, which decides the formats that it can write.
        tools: Which programs to use.
        sources: How sources are read.
        cluster: Where probes are made; None for a command that makes none.
        chart: Where the chart of the result goes, too; None for none.
    """
    from vmafx_tune.reports.render import FORMATS

    with unwinding_on_signals():
        refuse_undecodable()
        destination = Destination(output.output if isinstance(output, OutputOptions) else None)
        chosen = choose_format(output.format, destination, FORMATS[command])
        drawn = None if chart is None else ChartDestination(chart)
        with closing(_session(tools, sources, cluster, verbose=output.verbose)) as session:
            yield Run(session, chosen, output, destination, drawn)


def _session(
    tools: ToolOptions | None,
    sources: SourceOptions | None,
    cluster: ClusterOptions | None,
    *,
    verbose: bool,
) -> Session:
    from vmafx_tune.session import Session

    show = _show_command if verbose else None
    if cluster is not None and (address := _address(cluster)):
        from vmafx_tune.cluster.session import cluster_session

        _silence_dask()
        return cluster_session(
            address,
            tools,
            sources,
            timeout_s=cluster.cluster_timeout_s,
            priority=cluster.cluster_priority,
            on_command=show,
        )
    return Session(tools, sources, on_command=show)


def _address(options: ClusterOptions) -> str | None:
    """Name the scheduler to work with: the one asked for, or `VMAFX_CLUSTER`; None for none."""
    named = os.environ.get(CLUSTER_VARIABLE) if options.cluster is None else options.cluster
    return named or None


def _silence_dask() -> None:
    """Keep Dask's own log off stderr: errors are reported in messages of ours."""
    import logging

    # It adds handlers of its own when it is imported. Nothing else here goes to a log.
    logging.disable(logging.CRITICAL)


def _show_command(argv: tuple[str, ...]) -> None:
    from vmafx_tune.media.inputs import without_guard

    say(f"$ {shell.join(without_guard(argv), one_line=True)}")


def saved_ladder(name: str) -> LadderResult:
    """Read a ladder from a file; `-` is standard input.

    Raises:
        InvalidLadderError: It cannot be read, or is not a ladder.
    """
    from vmafx_tune.reports.saved_ladder import read_ladder

    shown = _shown(name)
    return read_ladder(_saved(name, f"The ladder in {shown}", InvalidLadderError), shown)


def saved_result(name: str) -> Gated:
    """Read what `score`, `search`, `encode`, `compare` or `ladder` wrote; `-` is standard input.

    Raises:
        UsageError: It cannot be read, or is none of these.
    """
    from vmafx_tune.reports.saved_result import read_result

    shown = _shown(name)
    return read_result(_saved(name, f"The result in {shown}", UsageError), shown)


def _shown(name: str) -> str:
    return "standard input" if name == "-" else f"'{name}'"


def _saved(name: str, what: str, error_kind: type[UsageError]) -> str:
    try:
        data = read_standard_input() if name == "-" else read_input(Path(name))
    except OSError as error:
        reason = error.strerror or str(error)
        raise error_kind(f"{what} cannot be read: {reason}.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise error_kind(f"{what} cannot be read: it is not text.") from error
