"""`vmafx-tune package`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import DisplayOptions, running, saved_ladder
from vmafx_tune.cli.output import Destination, choose_format
from vmafx_tune.errors import UsageError
from vmafx_tune.files import is_file
from vmafx_tune.options import CapOptions, PackageOptions, ToolOptions

__all__ = ["package"]


@takes_options
def package(
    *,
    ladders: Annotated[
        list[str],
        typer.Argument(metavar="LADDER.json", help="Saved ladders of one source, one per codec."),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder to make."),
    ],
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also write the result to this file."),
    ] = None,
    options: PackageOptions,
    caps: CapOptions,
    tools: ToolOptions,
    display: DisplayOptions,
) -> None:
    """Turn saved ladders into a folder that HLS and DASH players play.

    Encodes each rung as it was measured, scores it again, and has Shaka Packager (extra
    [package]) cut it into segments with the source's audio and text subtitles. A run that ends
    early goes on where it ended.

    Examples:
        vmafx-tune package ladder.json -o title
        vmafx-tune package ladder.json -o capped --audio aac:128,aac:64 --maxrate-factor 1.5
    """
    with running(display, "package", tools=tools) as run:
        import vmafx_tune
        from vmafx_tune.reports.render import FORMATS, render

        for name in ladders:
            _refuse_inside(Path(name), output)
        saved = None if report is None else Destination(report, "report")
        saved_format = "json" if saved is None else choose_format(None, saved, FORMATS["package"])
        with run.observing() as observe:
            result = vmafx_tune.package(
                [saved_ladder(name) for name in ladders],
                output,
                options=options,
                caps=caps,
                observe=observe,
                session=run.session,
            )
        if saved is not None:
            saved.write(render(result, saved_format))
        run.finish(result)


def _refuse_inside(ladder: Path, output: Path) -> None:
    """Refuse to replace the folder that a ladder is in."""
    if is_file(ladder) and ladder.resolve().is_relative_to(output.resolve()):
        raise UsageError(
            f"The ladder '{ladder}' is in the output '{output}', which would be replaced. Name "
            "another folder."
        )
