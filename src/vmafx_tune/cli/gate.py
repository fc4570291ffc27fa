"""`vmafx-tune gate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import MISSED_TARGET, OutputOptions, running, saved_result
from vmafx_tune.cli.failure import say
from vmafx_tune.cli.output import Destination
from vmafx_tune.errors import UsageError
from vmafx_tune.options import GateOptions

__all__ = ["gate"]


@takes_options
def gate(
    *,
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="BASELINE.json",
            help="Saved result to compare with. Given alone, it is the result to check.",
        ),
    ],
    current: Annotated[
        str | None,
        typer.Argument(
            metavar="CURRENT.json", help="Saved result to check, of the same command and source."
        ),
    ] = None,
    limits: GateOptions,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write the checks as JUnit XML."),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            "--summary",
            metavar="FILE",
            help="Append the checks as Markdown, as to GitHub's $GITHUB_STEP_SUMMARY.",
        ),
    ] = None,
    output: OutputOptions,
) -> None:
    """Compare a saved result with a baseline, and fail if it is worse.

    Takes what score, search, encode, compare and ladder write as JSON. Exits with 3 if something
    regressed.

    Examples:
        vmafx-tune gate baseline/score.json score.json
        vmafx-tune gate score.json --min-vmaf 93 --min-p5 85
    """
    with running(output, "gate") as run:
        import vmafx_tune
        from vmafx_tune.reports.junit import junit_xml
        from vmafx_tune.reports.markdown import gate_markdown

        if baseline == current == "-":
            raise UsageError("Only one of the two results can come from standard input.")
        junit_file = None if junit is None else Destination(junit, "junit")
        summary_file = None if summary is None else Destination(summary, "summary")
        before = saved_result(baseline)
        if current is None:
            found = replace(vmafx_tune.gate(before, limits=limits), current=Path(baseline))
        else:
            found = replace(
                vmafx_tune.gate(saved_result(current), before, limits=limits),
                baseline=Path(baseline),
                current=Path(current),
            )
        if junit_file is not None:
            junit_file.write(junit_xml(found))
        if summary_file is not None:
            summary_file.append(gate_markdown(found))
        if run.format != "table":
            for check in found.regressions:
                say(check.message)
        run.finish(found, exit_code=0 if found.ok else MISSED_TARGET)
