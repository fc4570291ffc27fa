"""`vmafx-tune search`."""

from __future__ import annotations

from typing import Any

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import (
    EXIT_CODES,
    ChartFile,
    LimitOptions,
    OutputOptions,
    Reference,
    running,
)
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

__all__ = ["SearchOptions", "search", "search_arguments"]


@option_group
class SearchOptions(LimitOptions):
    """Search: what is searched."""

    codec: str = option(
        "-c",
        "--codec",
        default=DEFAULT_ENCODERS[0],
        metavar="NAME",
        help="Encoder, by ffmpeg's name or an alias.",
    )
    target: float = option(
        "-t",
        "--target",
        default=DEFAULT_TARGET,
        metavar="VMAF",
        help="Pooled VMAF score to reach, from 1 up.",
    )


def search_arguments(
    asked: SearchOptions, encoding: EncodingOptions, scoring: ScoringOptions
) -> dict[str, Any]:
    """Name the arguments of `vmafx_tune.search` for what was typed."""
    return {
        "encoder": asked.codec,
        "target": asked.target,
        "max_bitrate_kbps": asked.max_bitrate,
        "require": asked.conditions,
        "proof": asked.proof,
        "encoding": encoding,
        "scoring": scoring,
    }


@takes_options
def search(
    *,
    reference: Reference,
    asked: SearchOptions,
    chart: ChartFile = None,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    output: OutputOptions,
) -> None:
    """Find the cheapest setting that reaches a target, with proof.

    The answer is measured and reaches the target; the next worse setting is measured too, and
    misses it. With --proof none, the answer is an estimate from one probe.

    Examples:
        vmafx-tune search -r source.mp4 -c libx265 -t 95 --preset slow
        vmafx-tune search -r source.mp4 -t 93 --require 'vmaf.p5>=88'
        vmafx-tune search -r film.mkv -c libsvtav1 -t 93 --sample 12x10s --verify
        vmafx-tune search -r source.mp4 -t 93 --proof none
    """
    with running(
        output, "search", tools=tools, sources=sources, cluster=cluster, chart=chart
    ) as run:
        import vmafx_tune

        with run.observing() as observe:
            result = vmafx_tune.search(
                reference,
                **search_arguments(asked, encoding, scoring),
                observe=observe,
                session=run.session,
            )
        run.finish(result, exit_code=EXIT_CODES[result.state])
