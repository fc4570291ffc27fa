"""`vmafx-tune score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import MISSED_TARGET, OutputOptions, running
from vmafx_tune.cli.failure import say
from vmafx_tune.options import RawOptions, ScoringOptions, ToolOptions

__all__ = ["score"]


@takes_options
def score(
    *,
    reference: Annotated[Path, typer.Argument(help="The clip as it should look.")],
    distorted: Annotated[Path, typer.Argument(help="The clip to judge.")],
    min_score: Annotated[
        float | None, typer.Option("--min-score", metavar="X", help="Exit with 3 below this score.")
    ] = None,
    frames: Annotated[bool, typer.Option("--frames", help="Add the score of each frame.")] = False,
    scoring: ScoringOptions,
    raw: RawOptions,
    tools: ToolOptions,
    output: OutputOptions,
) -> None:
    """Score a distorted clip against its reference.

    The clips must have the same frames; another size is scaled to the reference's. Example:
    vmafx-tune score source.mp4 encode.mp4 --min-score 93
    """
    with running(output, "score", tools=tools, raw=raw) as run:
        from vmafx_tune import api

        with run.observing() as observe:
            result = api.score(
                reference, distorted, scoring=scoring, observe=observe, toolbox=run.toolbox
            )
        missed = min_score is not None and result.score < min_score
        if missed:
            say(f"VMAF {result.score:.4f} is below --min-score {min_score:g}.")
        run.finish(result, exit_code=MISSED_TARGET if missed else 0, frames=frames)
