"""`vmafx-tune score`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import MISSED_TARGET, OutputOptions, running
from vmafx_tune.cli.failure import say
from vmafx_tune.errors import UsageError
from vmafx_tune.options import ScoringOptions, SourceOptions, ToolOptions
from vmafx_tune.parsing import is_url

__all__ = ["score"]


@takes_options
def score(
    *,
    reference: Annotated[str, typer.Argument(help="The clip as it should look: a file or a URL.")],
    distorted: Annotated[str, typer.Argument(help="The clip to judge: a file or a URL.")],
    min_score: Annotated[
        float | None, typer.Option("--min-score", metavar="X", help="Exit with 3 below this score.")
    ] = None,
    frames: Annotated[bool, typer.Option("--frames", help="Add the score of each frame.")] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="HOST:PORT",
            help="Have a scoring server do it; the clips are files of the server's.",
        ),
    ] = None,
    server_ca: Annotated[
        Path | None,
        typer.Option(
            "--server-ca", metavar="FILE", help="Authorities that vouch for the server, for TLS."
        ),
    ] = None,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    output: OutputOptions,
) -> None:
    """Score a distorted clip against its reference.

    The clips must have the same frames; another size is scaled to the reference's. Example:
    vmafx-tune score source.mp4 encode.mp4 --min-score 93
    """
    if server is not None:
        _score_remotely(server, server_ca, reference, distorted, scoring, min_score, output)
        return
    with running(output, "score", tools=tools, sources=sources) as run:
        from vmafx_tune import api

        with run.observing() as observe:
            result = api.score(
                reference, distorted, scoring=scoring, observe=observe, toolbox=run.toolbox
            )
        run.finish(result, exit_code=_exit_code(result.score, min_score), frames=frames)


def _score_remotely(
    server: str,
    server_ca: Path | None,
    reference: str,
    distorted: str,
    scoring: ScoringOptions,
    min_score: float | None,
    output: OutputOptions,
) -> None:
    with running(output, "remote_score") as run:
        from vmafx_tune.client import ScoringClient
        from vmafx_tune.results import RemoteScoreResult

        if scoring != ScoringOptions(model=scoring.model):
            raise UsageError(
                "A server scores every frame with its own settings. Leave out all scoring options "
                "but --model."
            )
        if is_url(reference) or is_url(distorted):
            raise UsageError(
                "A server scores files of its own, not URLs. Name files under its media roots, or "
                "leave out --server."
            )
        started = time.monotonic()
        token = os.environ.get("VMAFX_API_TOKEN")
        with ScoringClient(server, token=token, tls_ca=server_ca) as client:
            told = client.score(reference, distorted, scoring.model or "")
        result = RemoteScoreResult(
            reference=reference,
            distorted=distorted,
            model=scoring.model or "",
            score=told.score,
            feature_means=told.features,
            server=server,
            request_id=told.request_id,
            wall_time_s=time.monotonic() - started,
        )
        run.finish(result, exit_code=_exit_code(result.score, min_score))


def _exit_code(score: float, min_score: float | None) -> int:
    if min_score is None or score >= min_score:
        return 0
    say(f"VMAF {score:.4f} is below --min-score {min_score:g}.")
    return MISSED_TARGET
