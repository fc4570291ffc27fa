"""`vmafx-tune score`."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmafx_tune.cli.binding import given_besides, takes_options
from vmafx_tune.cli.common import MISSED_TARGET, ChartFile, OutputOptions, running
from vmafx_tune.cli.failure import say
from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import given, vmaf
from vmafx_tune.options import (
    ScoringOptions,
    SourceOptions,
    ToolOptions,
    option,
    option_group,
)
from vmafx_tune.parsing import is_url

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vmafx_tune.model import VmafModel

__all__ = ["ScoreOptions", "score", "score_arguments"]

_REMOTE = {
    *("reference", "distorted", "min_score", "server", "server_ca", "server_timeout_s"),
    *("model", "pool", "subsample"),
    *(field.name for field in dataclasses.fields(OutputOptions)),
}
"""Parameters that mean something where a server scores."""

_SERVER_TIMEOUT_S = 3600.0


@option_group
class ScoreOptions:
    """Score: what is compared."""

    min_score: float | None = option(
        "--min-score",
        default=None,
        metavar="X",
        help="Exit with code 3 if the score is below this, from 1 up.",
    )
    offset: int = option(
        "--offset",
        default=0,
        metavar="N",
        help="Compare frame N of the reference with the first frame of the distorted clip; "
        "a negative N skips frames of the distorted clip.",
    )
    metrics: str | None = option(
        "--metrics",
        default=None,
        metavar="NAMES",
        help="More metrics to compute, separated by commas: psnr, ssim, ms_ssim, psnr_hvs, ciede, "
        "cambi, xpsnr, ssimulacra2; vmaf for more percentiles of it.",
    )
    frames: bool = option("--frames", default=False, help="Include the score of each frame.")


@option_group
class ServerOptions:
    """Server: another machine that scores."""

    server: str | None = option(
        "--server",
        default=None,
        metavar="HOST:PORT",
        help="Score on this `vmafx-tune serve`; the clips are files on that machine.",
    )
    server_ca: Path | None = option(
        "--server-ca",
        default=None,
        metavar="FILE",
        help="CA certificates to verify the server with, for TLS.",
    )
    server_timeout_s: float | None = option(
        "--server-timeout",
        default=None,
        metavar="SECONDS",
        min=1,
        help="How long to wait for the server. Default: one hour.",
    )


def score_arguments(asked: ScoreOptions, scoring: ScoringOptions) -> dict[str, Any]:
    """Name the arguments of `vmafx_tune.score` for what was typed."""
    from vmafx_tune.parsing import parse_names

    return {
        "metrics": () if asked.metrics is None else parse_names(asked.metrics, "metric"),
        "min_score": asked.min_score,
        "offset": asked.offset,
        "scoring": scoring,
    }


@takes_options
def score(
    *,
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="Reference clip, the original: a file or a URL."),
    ],
    distorted: Annotated[
        str,
        typer.Argument(metavar="DISTORTED", help="Distorted clip, the encode: a file or a URL."),
    ],
    asked: ScoreOptions,
    stills: Annotated[
        Path | None,
        typer.Option(
            "--stills",
            metavar="DIR",
            help="Write the worst frames as PNG: reference, encode and their difference.",
        ),
    ] = None,
    chart: ChartFile = None,
    elsewhere: ServerOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    output: OutputOptions,
) -> None:
    """Score an encode against its source.

    Both clips must have the same number of frames. An encode of another size is scaled to that of
    the reference first.

    Examples:
        vmafx-tune score source.mp4 encode.mp4
        vmafx-tune score source.mp4 encode.mp4 --min-score 93 -o score.json
        vmafx-tune score source.mp4 encode.mp4 --metrics psnr,ssim,xpsnr
    """
    if elsewhere.server is not None:
        _score_remotely(elsewhere, reference, distorted, asked, scoring, output)
        return
    with running(output, "score", tools=tools, sources=sources, chart=chart) as run:
        if elsewhere.server_ca is not None or elsewhere.server_timeout_s is not None:
            alone = "--server-timeout" if elsewhere.server_ca is None else "--server-ca"
            raise UsageError(f"{alone} is for --server only. Give both, or neither.")
        import vmafx_tune

        with _stills_for(run.format, stills, tools.work_dir) as folder:
            with run.observing() as observe:
                result = vmafx_tune.score(
                    reference,
                    distorted,
                    **score_arguments(asked, scoring),
                    stills=folder,
                    observe=observe,
                    session=run.session,
                )
            ends_with = _exit_code(result.score, asked.min_score)
            run.finish(result, exit_code=ends_with, frames=asked.frames)


def _stills_for(
    fmt: str, asked: Path | None, work_dir: Path | None
) -> AbstractContextManager[Path | None]:
    """Name the folder for stills: the one asked for; for a page, which holds them, any other."""
    from vmafx_tune.media.cleanup import scratch_folder

    return scratch_folder(work_dir) if asked is None and fmt == "html" else nullcontext(asked)


def _score_remotely(
    elsewhere: ServerOptions,
    reference: str,
    distorted: str,
    asked: ScoreOptions,
    scoring: ScoringOptions,
    output: OutputOptions,
) -> None:
    with running(output, "remote_score") as run:
        from vmafx_tune.client import ScoringClient
        from vmafx_tune.results.measurement import PooledScores
        from vmafx_tune.results.score import RemoteScoreResult
        from vmafx_tune.scoring.targets import checked_score

        if others := given_besides(_REMOTE):
            raise UsageError(
                f"A server scores with its own settings, so {', '.join(others)} would have no "
                "effect. Drop such options, or score without --server."
            )
        if is_url(reference) or is_url(distorted):
            raise UsageError(
                "A server only scores its own files, not URLs. Use files under its media roots, "
                "or leave out --server."
            )
        if asked.min_score is not None:
            checked_score(asked.min_score, _model_there(scoring.model), "A minimum score")
        started = time.monotonic()
        client = ScoringClient(
            str(elsewhere.server),
            token=os.environ.get("VMAFX_API_TOKEN"),
            tls_ca=elsewhere.server_ca,
            timeout_s=elsewhere.server_timeout_s or _SERVER_TIMEOUT_S,
        )
        with client:
            answer = client.score(
                reference,
                distorted,
                scoring.model or "",
                pool=scoring.pool,
                subsample=scoring.subsample,
            )
        result = RemoteScoreResult(
            reference=reference,
            distorted=distorted,
            model=answer.model or scoring.model or "",
            pool=answer.pool,
            score=answer.score,
            features=dict(answer.features),
            server=str(elsewhere.server),
            request_id=answer.request_id,
            wall_time_ms=(time.monotonic() - started) * 1000,
            model_version=answer.model_version,
            server_backend=answer.backend,
            backend_version=answer.backend_version,
            n_frames=answer.n_frames or None,
            subsample=answer.subsample,
            pooled=PooledScores(**answer.pooled) if answer.pooled else None,
        )
        run.finish(result, exit_code=_exit_code(result.score, asked.min_score))


def _model_there(name: str | None) -> VmafModel:
    """Find what is known here of a model that a server has; of its own, nothing is."""
    from vmafx_tune.model import VmafModel
    from vmafx_tune.scoring.models import BUILT_IN_MODELS, DEFAULT_MODEL

    return BUILT_IN_MODELS.get(name or DEFAULT_MODEL, VmafModel(str(name), ceiling=math.inf))


def _exit_code(score: float, min_score: float | None) -> int:
    if min_score is None or score >= min_score:
        return 0
    say(f"VMAF {vmaf(score, 4, target=min_score)} is below --min-score {given(min_score)}.")
    return MISSED_TARGET
