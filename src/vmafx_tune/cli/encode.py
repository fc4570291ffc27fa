"""`vmafx-tune encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import (
    MISSED_TARGET,
    Codec,
    DisplayOptions,
    MaxBitrate,
    Reference,
    Target,
    running,
)
from vmafx_tune.cli.output import Destination, choose_format
from vmafx_tune.options import (
    DEFAULT_ENCODERS,
    DEFAULT_TARGET,
    DeliveryOptions,
    EncodingOptions,
    ScoringOptions,
    SourceOptions,
    ToolOptions,
)

__all__ = ["encode"]


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
    codec: Codec = DEFAULT_ENCODERS[0],
    target: Target = DEFAULT_TARGET,
    fallback_targets: Annotated[
        str | None,
        typer.Option(
            "--fallback-targets",
            metavar="VMAF,…",
            help="Lower targets to try in turn if the target is out of reach.",
        ),
    ] = None,
    max_bitrate: MaxBitrate = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the result to this file, too."),
    ] = None,
    delivery: DeliveryOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    display: DisplayOptions,
) -> None:
    """Encode a source at the cheapest setting that reaches a target.

    Searches as `search` does, and delivers the encode that was measured, with the source's audio,
    subtitles, chapters and tags. The finished file is opened again and verified.

    Examples:
        vmafx-tune encode -r film.mkv -t 95 -o film-95.mkv
        vmafx-tune encode -r film.mkv -c libsvtav1 -t 93 -o film-av1.mp4 --audio opus:128
    """
    with running(display, "encode", tools=tools, sources=sources) as run:
        import vmafx_tune
        from vmafx_tune.parsing import parse_numbers
        from vmafx_tune.reports.render import FORMATS, render

        Destination(output)
        saved = None if report is None else Destination(report, "report")
        saved_format = "json" if saved is None else choose_format(None, saved, FORMATS["encode"])
        with run.observing() as observe:
            result = vmafx_tune.encode(
                reference,
                output,
                codec,
                target,
                fallback_targets=(
                    parse_numbers(fallback_targets, "fallback target") if fallback_targets else ()
                ),
                max_bitrate_kbps=max_bitrate,
                delivery=delivery,
                encoding=encoding,
                scoring=scoring,
                sources=sources,
                observe=observe,
                session=run.session,
            )
        if saved is not None:
            saved.write(render(result, saved_format))
        run.finish(result, exit_code=0 if result.ok else MISSED_TARGET)
