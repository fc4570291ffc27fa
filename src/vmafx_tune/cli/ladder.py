"""`vmafx-tune ladder`."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmafx_tune.choices import HlsScore, Minimize, Sampling, ScoreAt
from vmafx_tune.cli.binding import given_besides, takes_options
from vmafx_tune.cli.common import (
    EXIT_CODES,
    ChartFile,
    Commands,
    OutputOptions,
    Run,
    running,
    saved_ladder,
)
from vmafx_tune.cli.failure import say
from vmafx_tune.cli.output import Destination
from vmafx_tune.errors import UsageError
from vmafx_tune.events import Observer, ignore
from vmafx_tune.formatting import given, listed
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
    from collections.abc import Collection, Iterator, Sequence

    from vmafx_tune.events import Event
    from vmafx_tune.model import Resolution
    from vmafx_tune.results.ladder import LadderResult

__all__ = ["MeasuringOptions", "encoders_of", "ladder", "ladder_arguments"]

_MANIFESTS = frozenset({"hls", "dash"})
_PRINTED_TOGETHER = frozenset({"table", "markdown"})
_CODEC = "{codec}"


@option_group
class MeasuringOptions:
    """Ladder: what is tried."""

    codec: str | None = option(
        "-c",
        "--codec",
        default=None,
        metavar="NAMES",
        help="Encoders, by ffmpeg's names or aliases, separated by commas; each has a ladder of "
        f"its own, in -o 'NAME.{{codec}}.json'. Default: {DEFAULT_ENCODERS[0]}.",
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


@option_group
class LadderOptions(MeasuringOptions):
    """Ladder: what is tried, and where it comes from."""

    reference: str | None = option(
        "-r", "--reference", default=None, metavar="FILE|URL", help="Video to encode."
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
    titles: bool = option(
        "--titles",
        default=False,
        help="Choose one ladder for several titles from their saved ladders, and say what each "
        "title loses: --titles *.json.",
    )
    minimize: Minimize = option(
        "--minimize",
        default=Minimize.MEAN,
        help="With --titles: keep the mean loss of the titles low, or that of the worst one.",
    )


def ladder_arguments(
    asked: MeasuringOptions,
    rungs: RungOptions,
    caps: CapOptions,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
) -> dict[str, Any]:
    """Name the arguments of `vmafx_tune.ladder`, but for the encoder, for what was typed.

    Raises:
        UsageError: A target is not a number, or a size not a size.
        InvalidLadderError: The ladder whose GOPs are asked for cannot be read.
    """
    from vmafx_tune.parsing import parse_numbers

    return {
        "targets": DEFAULT_LADDER_TARGETS
        if asked.targets is None
        else parse_numbers(asked.targets, "target"),
        "resolutions": None if asked.resolutions is None else _sizes(asked.resolutions),
        "sampling": asked.sampling,
        "score_at": asked.score_at,
        "gop_s": asked.gop,
        "caps": caps,
        "same_gop_as": None if asked.same_gop_as is None else saved_ladder(asked.same_gop_as),
        "rungs": rungs,
        "workers": asked.workers,
        "encoding": encoding,
        "scoring": scoring,
    }


@takes_options
def ladder(
    *,
    saved: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LADDER.json]...", help="Saved ladders of titles, for --titles."),
    ] = None,
    asked: LadderOptions,
    commands: Commands = False,
    chart: ChartFile = None,
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
    picks rungs from it. Several encoders have a ladder each, from one run.

    Examples:
        vmafx-tune ladder -r source.mp4 -c libx265 -t 70,80,90,95 -o ladder.json
        vmafx-tune ladder -r source.mp4 -c x264,x265 --sampling adaptive -o 'ladder.{codec}.json'
        vmafx-tune ladder --from-json ladder.json --max-rungs 4 --format hls
        vmafx-tune ladder --titles one.json two.json -o catalogue.json
    """
    if asked.titles:
        _choose_for_titles(saved or [], asked.minimize, rungs, output)
        return
    if saved:
        raise UsageError(
            f"'{saved[0]}' was given without an option. Name the clip with -r, a saved ladder with "
            "--from-json, or those of several titles with --titles."
        )
    if asked.from_json is not None:
        _refuse_measuring()
        # The ladder names the encoder that may be part of the output's name. Before it is read, it
        # must not be the output itself.
        Destination(output.output)
    before = None if asked.from_json is None else saved_ladder(asked.from_json)
    encoders = encoders_of(asked.codec) if before is None else (before.encoder,)
    outputs = [replace(output, output=_for_encoder(output.output, name)) for name in encoders]
    charts = [_for_encoder(chart, name) for name in encoders]
    with running(
        outputs[0], "ladder", tools=tools, sources=sources, cluster=cluster, chart=charts[0]
    ) as run:
        import vmafx_tune

        finish = partial(
            _finish,
            score=asked.hls_score,
            commands=commands,
            quiet=output.quiet,
            several=len(encoders) > 1,
        )
        if before is not None:
            _end(finish(run, vmafx_tune.reselect(before, rungs)))
            return
        if asked.reference is None:
            raise UsageError("Name the clip with -r, or a saved ladder with --from-json.")
        _check_destinations(encoders, output.output, run.format, chart)
        others = zip(outputs[1:], charts[1:], strict=True)
        runs = [run, *(run.writing_to(other.output, drawn) for other, drawn in others)]
        relay = _Relay()
        made = vmafx_tune.ladders(
            asked.reference,
            encoders,
            **ladder_arguments(asked, rungs, caps, encoding, scoring),
            observe=relay,
            session=run.session,
        )
        _end(*(finish(own, _next(made, own, relay)) for own in runs))


class _Relay:
    """Passes events on to the live lines of the ladder that is being made."""

    to: Observer = staticmethod(ignore)

    def __call__(self, event: Event, /) -> None:
        """Pass one on."""
        self.to(event)


def _next(made: Iterator[LadderResult], run: Run, relay: _Relay) -> LadderResult:
    """Make the next ladder, with live lines of its own."""
    with run.observing() as relay.to:
        return next(made)


def encoders_of(codec: str | None) -> tuple[str, ...]:
    """Name the encoders as ffmpeg does, and files do."""
    from vmafx_tune.ladder.run import distinct_rows
    from vmafx_tune.parsing import parse_names

    names = DEFAULT_ENCODERS[:1] if codec is None else parse_names(codec, "encoder")
    return tuple(row.name for row in distinct_rows(names))


def _for_encoder(output: Path | None, encoder: str) -> Path | None:
    return None if output is None else Path(str(output).replace(_CODEC, encoder))


def _check_destinations(
    encoders: Sequence[str], output: Path | None, fmt: str, chart: Path | None
) -> None:
    """Make sure that each ladder has a place of its own: one document is one ladder."""
    together = output is None and fmt in _PRINTED_TOGETHER
    if len(encoders) > 1 and not together and _CODEC not in str(output):
        raise UsageError(
            f"{listed(encoders)} have a ladder each, and each needs a file of its own. Write "
            f"{_CODEC} into the name: -o 'ladder.{_CODEC}.json'."
        )
    if len(encoders) > 1 and chart is not None and _CODEC not in str(chart):
        raise UsageError(
            f"{listed(encoders)} have a chart each, and each needs a file of its own. Write "
            f"{_CODEC} into the name: --chart 'ladder.{_CODEC}{chart.suffix}'."
        )


def _choose_for_titles(
    names: Sequence[str], minimize: Minimize, rungs: RungOptions, output: OutputOptions
) -> None:
    _refuse_others("--titles", "rungs from saved ladders", {"saved", "titles", "minimize"})
    with running(output, "catalogue") as run:
        import vmafx_tune

        result = vmafx_tune.catalogue(list(map(saved_ladder, names)), rungs, minimize=minimize)
        if not output.quiet and run.format != "table":
            for note in result.notes:
                say(f"warning: {note}")
        run.finish(result)


def _refuse_measuring() -> None:
    allowed = {"from_json", "commands", "hls_score", "chart"}
    _refuse_others("--from-json", "rungs from a saved ladder", allowed)


def _refuse_others(option: str, chosen: str, allowed: Collection[str]) -> None:
    """Refuse options that would have no effect, where nothing is measured."""
    names = (field.name for group in (RungOptions, OutputOptions) for field in fields(group))
    if named := given_besides({*allowed, *names}):
        raise UsageError(
            f"{option} chooses {chosen} and measures nothing, so "
            f"{', '.join(named)} would have no effect. Drop such options, or measure again "
            f"without {option}."
        )


def _sizes(text: str) -> tuple[Resolution, ...]:
    from vmafx_tune.parsing import parse_resolution

    return tuple(parse_resolution(size) for size in text.split(","))


def _finish(
    run: Run,
    result: LadderResult,
    *,
    score: HlsScore,
    commands: bool,
    quiet: bool,
    several: bool,
) -> int:
    """Write a ladder, and choose how it ends."""
    if not quiet and run.format != "table":
        _print_notes(result, f"{result.encoder}: " if several else "")
    ends_with = EXIT_CODES[result.state]
    if ends_with and run.format in _MANIFESTS:
        say(
            "error: the ladder has no rungs, so no manifest is written. --format json prints "
            "what was measured."
        )
    else:
        run.finish(result, commands=commands, hls_score=score)
    return ends_with


def _end(*codes: int) -> None:
    """Exit unless all ladders are well; a failure counts more than a target out of reach."""
    failed = {code for code in codes if code}
    if failed:
        raise typer.Exit(min(failed))


def _print_notes(result: LadderResult, of: str) -> None:
    """Print notes and errors to stderr, for formats whose readers may not look for them."""
    for note in result.notes:
        say(f"warning: {of}{note}")
    failures = (cell.error for cell in result.cloud if cell.error_kind == "failed")
    for sentence in dict.fromkeys(failures):
        say(f"error: {of}{sentence}")
