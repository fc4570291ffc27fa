"""`vmafx-tune compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import (
    MISSED_TARGET,
    Commands,
    MaxBitrate,
    OutputOptions,
    Reference,
    running,
)
from vmafx_tune.cli.failure import say
from vmafx_tune.formatting import given
from vmafx_tune.options import (
    DEFAULT_ENCODERS,
    DEFAULT_TARGET,
    ClusterOptions,
    EncodingOptions,
    ScoringOptions,
    SourceOptions,
    ToolOptions,
)

if TYPE_CHECKING:
    from vmafx_tune.results.compare import CompareResult

__all__ = ["compare", "exit_code"]


@takes_options
def compare(
    *,
    reference: Reference,
    codecs: Annotated[
        str,
        typer.Option(
            "-c", "--codecs", metavar="NAMES", help="Encoders to compare, separated by commas."
        ),
    ] = ",".join(DEFAULT_ENCODERS),
    targets: Annotated[
        str,
        typer.Option(
            "-t", "--targets", metavar="VMAFS", help="VMAF scores to reach, separated by commas."
        ),
    ] = given(DEFAULT_TARGET),
    anchor: Annotated[
        str | None,
        typer.Option("--anchor", metavar="NAME", help="Report BD-rates against this encoder."),
    ] = None,
    max_bitrate: MaxBitrate = None,
    commands: Commands = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Encoders to search in parallel."),
    ] = None,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    output: OutputOptions,
) -> None:
    """Rank encoders by bitrate at equal quality.

    Runs a search for every encoder and target.

    Examples:
        vmafx-tune compare -r source.mp4 -c x264,x265,svt-av1 -t 90
        vmafx-tune compare -r source.mp4 -c x264,x265 -t 80,90,95 --anchor x264 -o compare.html
    """
    with running(output, "compare", tools=tools, sources=sources, cluster=cluster) as run:
        import vmafx_tune
        from vmafx_tune.parsing import parse_names, parse_numbers

        with run.observing() as observe:
            result = vmafx_tune.compare(
                reference,
                parse_names(codecs, "encoder"),
                parse_numbers(targets, "target"),
                anchor=anchor,
                max_bitrate_kbps=max_bitrate,
                workers=workers,
                encoding=encoding,
                scoring=scoring,
                observe=observe,
                session=run.session,
            )
        if not output.quiet:
            _print_failures(result)
        run.finish(result, exit_code=exit_code(result), commands=commands)


def exit_code(result: CompareResult) -> int:
    """Choose how a comparison ends.

    3 where an unreachable target is the only thing that went wrong or other rows are ok, 1 where
    every row failed for another reason, else 0.
    """
    kinds = {row.error_kind for row in result.rows}
    if kinds == {"unreachable"} or kinds >= {None, "unreachable"}:
        return MISSED_TARGET
    return 0 if None in kinds else 1


def _print_failures(result: CompareResult) -> None:
    for row in result.rows:
        if row.error is not None:
            say(f"{row.codec} at {given(row.target_vmaf)}: {row.error}")
