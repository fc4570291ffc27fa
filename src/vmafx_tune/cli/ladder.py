"""`vmafx-tune ladder`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import typer

from vmafx_tune.choices import HlsScore, Sampling, ScoreAt
from vmafx_tune.cli.binding import given_besides, takes_options
from vmafx_tune.cli.common import MISSED_TARGET, Commands, OutputOptions, Run, running, saved_ladder
from vmafx_tune.cli.failure import say
from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import given
from vmafx_tune.options import (
    DEFAULT_ENCODERS,
    DEFAULT_LADDER_TARGETS,
    CapOptions,
    ClusterOptions,
    EncodingOptions,
    RungOptions,
    ScoringOptions,
    SourceOptions,
    ToolOptions,
    option,
    option_group,
)

if TYPE_CHECKING:
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import LadderResult

__all__ = ["exit_code", "ladder"]

_MANIFESTS = frozenset({"hls", "dash"})


@option_group
class LadderOptions:
    """Ladder: what is tried, and where it comes from."""

    reference: str | None = option(
        "-r", "--reference", default=None, metavar="FILE|URL", help="Video to encode."
    )
    codec: str | None = option(
        "-c",
        "--codec",
        default=None,
        metavar="NAME",
        help=f"Encoder, by ffmpeg's name or an alias. Default: {DEFAULT_ENCODERS[0]}.",
    )
    targets: str | None = option(
        "-t",
        "--targets",
        default=None,
        metavar="VMAFS",
        help="VMAF scores to reach at each resolution, separated by commas. Default: "
        f"{','.join(map(given, DEFAULT_LADDER_TARGETS))}.",
    )
    resolutions: str | None = option(
        "--resolutions",
        default=None,
        metavar="WxH,…",
        help="Resolutions to try. Default: the common ones up to the source's, at its aspect "
        "ratio.",
    )
    sampling: Sampling = option(
        "--sampling",
        default=Sampling.GRID,
        help="grid searches every resolution for every target; adaptive only makes encodes that "
        "can change the hull, about a third as many.",
    )
    score_at: ScoreAt = option(
        "--score-at",
        default=ScoreAt.DISPLAY,
        help="Resolution at which renditions are scored.",
    )
    gop: float = option(
        "--gop", default=2.0, metavar="SECONDS", help="Length of closed GOPs in all encodes."
    )
    same_gop_as: str | None = option(
        "--same-gop-as",
        default=None,
        metavar="LADDER.json",
        help="Take the GOP length of a saved ladder, so that segments of both are aligned.",
    )
    workers: int | None = option(
        "--workers",
        default=None,
        metavar="N",
        min=1,
        help="Resolutions to search in parallel. Default: as many as keep the cores busy.",
    )
    hls_score: HlsScore = option(
        "--hls-score",
        default=HlsScore.TIER,
        help="SCORE in --format hls: tier is one value per codec, vmaf one per rung, with which "
        "some players stay at the top rung.",
    )
    from_json: str | None = option(
        "--from-json",
        default=None,
        metavar="FILE|-",
        help="Choose rungs from a saved ladder without encoding; - reads standard input.",
    )


@takes_options
def ladder(
    *,
    asked: LadderOptions,
    commands: Commands = False,
    rungs: RungOptions,
    caps: CapOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    output: OutputOptions,
) -> None:
    """Choose the renditions of an adaptive ladder.

    Searches every resolution for every target, takes the upper convex hull of all probes, and
    picks rungs from it.

    Examples:
        vmafx-tune ladder -r source.mp4 -c libx265 -t 70,80,90,95 -o ladder.json
        vmafx-tune ladder --from-json ladder.json --max-rungs 4 --format hls
    """
    with running(output, "ladder", tools=tools, sources=sources, cluster=cluster) as run:
        import vmafx_tune
        from vmafx_tune.parsing import parse_numbers

        if asked.from_json is not None:
            _refuse_measuring()
            result = vmafx_tune.reselect(saved_ladder(asked.from_json), rungs)
            _finish(run, output, result, asked.hls_score, commands=commands)
            return
        if asked.reference is None:
            raise UsageError("Name the clip with -r, or a saved ladder with --from-json.")
        targets = asked.targets
        with run.observing() as observe:
            result = vmafx_tune.ladder(
                asked.reference,
                asked.codec or DEFAULT_ENCODERS[0],
                DEFAULT_LADDER_TARGETS if targets is None else parse_numbers(targets, "target"),
                resolutions=None if asked.resolutions is None else _sizes(asked.resolutions),
                sampling=asked.sampling,
                score_at=asked.score_at,
                gop_s=asked.gop,
                caps=caps,
                same_gop_as=None if asked.same_gop_as is None else saved_ladder(asked.same_gop_as),
                rungs=rungs,
                workers=asked.workers,
                encoding=encoding,
                scoring=scoring,
                observe=observe,
                session=run.session,
            )
        _finish(run, output, result, asked.hls_score, commands=commands)


def exit_code(result: LadderResult) -> int:
    """Choose how a ladder ends.

    0 where there are rungs; without any 1 where every cell failed for another reason than an
    unreachable target, else 3.
    """
    if result.renditions:
        return 0
    kinds = {cell.error_kind for cell in result.cloud} - {"left_out"}
    return 1 if kinds == {"failed"} else MISSED_TARGET


def _refuse_measuring() -> None:
    names = (field.name for group in (RungOptions, OutputOptions) for field in fields(group))
    if named := given_besides({"from_json", "commands", "hls_score", *names}):
        raise UsageError(
            "--from-json chooses rungs from a saved ladder and measures nothing, so "
            f"{', '.join(named)} would have no effect. Leave it out, or measure again without "
            "--from-json."
        )


def _sizes(text: str) -> tuple[Resolution, ...]:
    from vmafx_tune.parsing import parse_resolution

    return tuple(parse_resolution(size) for size in text.split(","))


def _finish(
    run: Run, output: OutputOptions, result: LadderResult, score: HlsScore, *, commands: bool
) -> None:
    if not output.quiet and run.format != "table":
        _print_notes(result)
    ends_with = exit_code(result)
    if ends_with and run.format in _MANIFESTS:
        say(
            "error: the ladder has no rungs, so no manifest is written. --format json prints "
            "what was measured."
        )
        raise typer.Exit(ends_with)
    run.finish(result, exit_code=ends_with, commands=commands, hls_score=score)


def _print_notes(result: LadderResult) -> None:
    """Print notes and errors to stderr, for formats whose readers may not look for them."""
    for note in result.notes:
        say(f"warning: {note}")
    failures = (cell.error for cell in result.cloud if cell.error_kind == "failed")
    for sentence in dict.fromkeys(failures):
        say(f"error: {sentence}")
