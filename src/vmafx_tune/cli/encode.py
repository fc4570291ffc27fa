"""`vmafx-tune encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import (
    EXIT_CODES,
    ChartFile,
    DisplayOptions,
    Reference,
    running,
)
from vmafx_tune.cli.output import Destination, choose_format
from vmafx_tune.cli.search import SearchOptions, search_arguments
from vmafx_tune.options import (
    ClusterOptions,
    DeliveryOptions,
    EncodingOptions,
    ScoringOptions,
    ShotOptions,
    SourceOptions,
    ToolOptions,
    option,
    option_group,
)

__all__ = ["EncodeOptions", "encode", "encode_arguments"]


@option_group
class EncodeOptions(SearchOptions):
    """Encode: what is searched."""

    fallback_targets: str | None = option(
        "--fallback-targets",
        default=None,
        metavar="VMAF,…",
        help="Lower targets to try in turn if the target is out of reach.",
    )


def encode_arguments(
    asked: EncodeOptions,
    shots: ShotOptions,
    delivery: DeliveryOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
) -> dict[str, Any]:
    """Name the arguments of `vmafx_tune.encode` for what was typed.

    Raises:
        UsageError: A fallback target is not a number.
    """
    from vmafx_tune.parsing import parse_numbers

    fallbacks = asked.fallback_targets
    return {
        **search_arguments(asked, encoding, scoring),
        "fallback_targets": parse_numbers(fallbacks, "fallback target") if fallbacks else (),
        "per_shot": shots.per_shot,
        "min_shot_s": shots.min_shot_s,
        "delivery": delivery,
    }


@takes_options
def encode(
    *,
    reference: Reference,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="File to write: .mkv, .mp4, .m4v, .mov or .webm.",
        ),
    ],
    asked: EncodeOptions,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also write the result to this file."),
    ] = None,
    chart: ChartFile = None,
    shots: ShotOptions,
    delivery: DeliveryOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    display: DisplayOptions,
) -> None:
    """Encode a source at the cheapest setting that reaches a target.

    Searches as `search` does, and delivers the encode that was measured, with the source's audio,
    subtitles, chapters and tags. The finished file is opened again and verified.

    Examples:
        vmafx-tune encode -r film.mkv -t 95 -o film-95.mkv
        vmafx-tune encode -r film.mkv -c libsvtav1 -t 93 -o film-av1.mp4 --audio opus:128
        vmafx-tune encode -r film.mkv -t 93 -o film-93.mkv --per-shot
    """
    with running(
        display, "encode", tools=tools, sources=sources, cluster=cluster, chart=chart
    ) as run:
        import vmafx_tune
        from vmafx_tune.reports.render import FORMATS, render

        Destination(output)
        saved = None if report is None else Destination(report, "report")
        saved_format = "json" if saved is None else choose_format(None, saved, FORMATS["encode"])
        with run.observing() as observe:
            result = vmafx_tune.encode(
                reference,
                output,
                **encode_arguments(asked, shots, delivery, encoding, scoring),
                sources=sources,
                observe=observe,
                session=run.session,
            )
        if saved is not None:
            saved.write(render(result, saved_format))
        run.finish(result, exit_code=EXIT_CODES[result.state])
