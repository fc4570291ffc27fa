"""`vmafx-tune compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import (
    EXIT_CODES,
    ChartFile,
    Commands,
    LimitOptions,
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
    option,
    option_group,
)

if TYPE_CHECKING:
    from vmafx_tune.results.compare import CompareResult

__all__ = ["CompareOptions", "compare", "compare_arguments"]


@option_group
class CompareOptions(LimitOptions):
    """Compare: what is compared."""

    codecs: str = option(
        "-c",
        "--codecs",
        default=",".join(DEFAULT_ENCODERS),
        metavar="NAMES",
        help="Encoders to compare, separated by commas.",
    )
    targets: str = option(
        "-t",
        "--targets",
        default=given(DEFAULT_TARGET),
        metavar="VMAFS",
        help="VMAF scores to reach, separated by commas.",
    )
    anchor: str | None = option(
        "--anchor", default=None, metavar="NAME", help="Report BD-rates against this encoder."
    )
    workers: int | None = option(
        "--workers", default=None, metavar="N", min=1, help="Encoders to search in parallel."
    )


def compare_arguments(
    asked: CompareOptions, encoding: EncodingOptions, scoring: ScoringOptions
) -> dict[str, Any]:
    """Name the arguments of `vmafx_tune.compare` for what was typed.

    Raises:
        UsageError: A list is empty, or a target is not a number.
    """
    from vmafx_tune.parsing import parse_names, parse_numbers

    return {
        "encoders": parse_names(asked.codecs, "encoder"),
        "targets": parse_numbers(asked.targets, "target"),
        "anchor": asked.anchor,
        "max_bitrate_kbps": asked.max_bitrate,
        "require": asked.conditions,
        "proof": asked.proof,
        "workers": asked.workers,
        "encoding": encoding,
        "scoring": scoring,
    }


@takes_options
def compare(
    *,
    reference: Reference,
    asked: CompareOptions,
    commands: Commands = False,
    chart: ChartFile = None,
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
    with running(
        output, "compare", tools=tools, sources=sources, cluster=cluster, chart=chart
    ) as run:
        import vmafx_tune

        with run.observing() as observe:
            result = vmafx_tune.compare(
                reference,
                **compare_arguments(asked, encoding, scoring),
                observe=observe,
                session=run.session,
            )
        if not output.quiet:
            _print_failures(result)
        run.finish(result, exit_code=EXIT_CODES[result.state], commands=commands)


def _print_failures(result: CompareResult) -> None:
    for row in result.rows:
        if row.error is not None:
            say(f"{row.codec} at {given(row.target_vmaf)}: {row.error}")
