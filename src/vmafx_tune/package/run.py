"""Make a folder that plays of saved ladders."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from vmafx_tune.cancel import together
from vmafx_tune.cpus import LocalCores
from vmafx_tune.errors import (
    EncoderUnavailableError,
    FormatMismatchError,
    InvalidLadderError,
    OutputError,
    ToolError,
    UnreadableSourceError,
    UsageError,
)
from vmafx_tune.events import FramesDone, JobFinished, JobStarted, Observer, ignore
from vmafx_tune.files import is_file
from vmafx_tune.formatting import counted
from vmafx_tune.media.output_file import check_parent, exists
from vmafx_tune.media.packets import segment_length
from vmafx_tune.media.streams import source_contents
from vmafx_tune.options import CapOptions, PackageOptions, SourceOptions
from vmafx_tune.package.encodes import EncodeMaker
from vmafx_tune.package.folder import Made, Plan, write_package
from vmafx_tune.package.packager import (
    CODECS,
    find_packager,
)
from vmafx_tune.package.plan import (
    AudioTrack,
    TextTrack,
    audio_forms,
    check_ladders,
    check_segment,
    plan_renditions,
    plan_tracks,
)
from vmafx_tune.package.player import check_player
from vmafx_tune.package.shots import RungShots, check_ladder
from vmafx_tune.package.work_folder import WorkFolder
from vmafx_tune.parsing import cap_factors, is_url, parse_arguments
from vmafx_tune.prepared_source import row_of
from vmafx_tune.results.encode import DroppedStream
from vmafx_tune.session import open_session
from vmafx_tune.shots.run import find_shots
from vmafx_tune.source_reader import SourceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vmafx_tune.model import Source
    from vmafx_tune.options import ToolOptions
    from vmafx_tune.package.encodes import Delivered
    from vmafx_tune.package.plan import Rendition, Tracks
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.package import (
        PackageResult,
    )
    from vmafx_tune.session import Session

__all__ = ["package"]

TrackT = TypeVar("TrackT", AudioTrack, TextTrack)

_JOB = "package"


def package(
    ladders: Sequence[LadderResult],
    output: str | Path,
    *,
    options: PackageOptions | None = None,
    caps: CapOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> PackageResult:
    """Make a folder that HLS and DASH players play, of saved ladders of one source.

    Each rung is encoded as the ladder measured it, with caps on its bitrate if they are asked for,
    and scored again; with settings per shot, each rung reaches the same score with fewer bits where
    its shots allow that. Shaka Packager cuts the encodes, audio and subtitles into segments, which
    both manifests share. What an earlier run of the same command has finished is not made again.

    Args:
        ladders: One for each codec, as `ladder` returned them or as they were saved.
        output: The folder to make.
        options: What it holds, and how it is made.
        caps: What encodes may have at most, in the bitrates of the ladders; None for the caps that
            the ladders were measured with, if any.
        tools: Which programs to use.
        observe: Receives progress and warnings, perhaps from other threads.
        session: Use these adapters instead of ones made from `tools`.

    Returns:
        What the folder holds, with the score of each delivery encode.

    Raises:
        UsageError: An option makes no sense, or the folder exists and may not be replaced.
        InvalidLadderError: The ladders cannot share manifests, or do not say how to encode.
        ToolNotFoundError: There is no Shaka Packager, no ffmpeg, or nothing that finds cuts.
        MediaError: The source is missing, or is not the one that the ladder measured.
        OutputError: The folder cannot be written, or the disk is full.
        ToolError: An encode or the packager failed.
    """
    started, options, path = time.monotonic(), options or PackageOptions(), Path(output)
    check_ladders(ladders)
    for ladder in ladders:
        check_ladder(ladder, options)
    plan = _planned(ladders, options, caps or CapOptions())
    _check_output(path, Path(ladders[0].src), force=options.force)
    with open_session(session, tools, None, observe) as session:
        if options.player:
            check_player()
        packager = find_packager(options.packager, session.runner, plan.packager_args)
        _require_encoders(plan.renditions, session)
        with _read(ladders[0], plan.renditions[0], session) as source:
            _require_same(source, ladders[0], session)
            tracks = _tracks(source, options)
            searches = _shot_searches(ladders, plan, source, options, session)
            with WorkFolder(path) as work:
                made = _made(plan, tracks, source, ladders[0], options, work, session, searches)
                result = write_package(made, packager, path, options, session)
                work.remove()
    wall_time_ms = (time.monotonic() - started) * 1000
    return replace(result, wall_time_ms=wall_time_ms)


def _planned(ladders: Sequence[LadderResult], options: PackageOptions, caps: CapOptions) -> Plan:
    first = ladders[0]
    rate, gop = first.source.frame_rate, first.gop_frames
    if rate is None or gop is None:
        missing = "frame rate" if rate is None else "length of GOPs"
        raise InvalidLadderError(
            f"The ladder of '{first.src}' has no {missing}, which segments need. Measure the "
            "source with `vmafx-tune ladder`, which stores it."
        )
    check_segment(options.segment_s, gop, rate)
    audio_forms(options.audio)
    factors = cap_factors(caps.maxrate_factor, caps.bufsize_factor)
    renditions = plan_renditions(ladders, factors)
    segment_s = segment_length(rate, gop, options.segment_s)
    return Plan(renditions, segment_s, rate, parse_arguments(options.packager_args))


def _check_output(path: Path, source: Path, *, force: bool) -> None:
    """Make sure that a folder can be made, before anything else is done.

    Raises:
        UsageError: There is something in it, and it may not be replaced.
        OutputError: It cannot be made.
    """
    for kept, what in _kept(source):
        if kept.resolve().is_relative_to(path.resolve()):
            raise OutputError(
                f"The output '{path}' cannot be made a package: {what} in it. Name a folder of its "
                "own."
            )
    check_parent(path)
    if exists(path) and not path.is_dir():
        raise OutputError(f"The output '{path}' is a file. Name a folder.")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise UsageError(f"The folder '{path}' is not empty. Use --force to replace it.")


def _kept(source: Path) -> Iterator[tuple[Path, str]]:
    """List what must not go when a folder is replaced, which removes all that is in it."""
    yield source, "the source is"
    yield Path.cwd(), "you are"
    with suppress(RuntimeError):  # there is no home
        yield Path.home(), "your home folder is"


def _require_encoders(renditions: Sequence[Rendition], session: Session) -> None:
    for name in dict.fromkeys(rendition.encoder for rendition in renditions):
        row = row_of(name)
        if row.codec not in CODECS:
            raise UsageError(
                f"Shaka Packager does not take what {name} writes ({row.codec}). Package "
                "ladders of other encoders."
            )
        reason = session.probing.availability(row).why_not
        if reason is not None:
            raise EncoderUnavailableError(reason)
        if any(each.caps is not None for each in renditions):
            row.require_caps()


@contextmanager
def _read(ladder: LadderResult, rendition: Rendition, session: Session) -> Iterator[Source]:
    """Read the source of a ladder, as the ladder did."""
    name = str(ladder.src)
    if is_url(name) or not is_file(Path(name)):
        raise UnreadableSourceError(
            f"The source '{name}' of the ladder is not there. Run the command in the folder in "
            "which the ladder was measured, or put the source back."
        )
    command = (*rendition.chunks, rendition.command)[0]
    with closing(SourceReader(session, _source_options(ladder, command))) as reader:
        source = reader.filtered(reader.source(Path(name)))
        yield reader.with_field_order(source)


def _source_options(ladder: LadderResult, command: Sequence[str]) -> SourceOptions:
    """Find out how the source was read when the ladder was measured."""
    return SourceOptions(
        filter=ladder.filter or None,
        size=_value(command, "-video_size"),
        pix_fmt=_value(command, "-pixel_format") or "yuv420p",
        fps=_value(command, "-framerate") or "25",
        video_stream=int((_value(command, "-map") or "0").rpartition(":")[2]),
        allow_damage=ladder.source.damage is not None,
    )


def _value(command: Sequence[str], option: str) -> str | None:
    return command[command.index(option) + 1] if option in command else None


def _require_same(source: Source, ladder: LadderResult, session: Session) -> None:
    """Make sure that a source is the one that was measured.

    Raises:
        FormatMismatchError: It has changed.
    """
    told = ladder.source
    pairs = [
        ("content", told.digest, session.facts.digest(source.path)),
        ("size", told.resolution, source.resolution),
        ("number of frames", told.n_frames, source.n_frames),
        ("frame rate", told.frame_rate, source.frame_rate),
    ]
    for what, before, now in pairs:
        if before is not None and before != now:
            values = "" if what == "content" else f", from {before} to {now}"
            raise FormatMismatchError(
                f"The source '{ladder.src}' has changed since the ladder was measured: its {what} "
                f"is another one{values}. Measure the ladder again."
            )


def _tracks(source: Source, options: PackageOptions) -> Tracks:
    contents = source_contents(source)
    return plan_tracks(
        contents.streams,
        contents.video(source.stream).index,
        audio=audio_forms(options.audio),
        subtitles=options.subtitles,
    )


def _shot_searches(
    ladders: Sequence[LadderResult],
    plan: Plan,
    source: Source,
    options: PackageOptions,
    session: Session,
) -> dict[Rendition, RungShots]:
    """Make what searches the shots of each rendition; none where shots were not asked for."""
    if options.per_shot is None:
        return {}
    frames = int(plan.segment_s * plan.frame_rate)
    shots = find_shots(source, options.min_shot_s, session, segment_frames=frames)
    if len(shots) == 1:
        session.warn("The source is one shot and one segment, so each rung has one setting.")
        return {}
    of_rung = {id(rung): ladder for ladder in ladders for rung in ladder.renditions}
    searches = {
        each: RungShots(each, of_rung[id(each.rung)], source, shots, session)
        for each in plan.renditions
    }
    for search in searches.values():
        session.observe(search.plan)
    return searches


def _made(
    plan: Plan,
    tracks: Tracks,
    source: Source,
    ladder: LadderResult,
    options: PackageOptions,
    work: WorkFolder,
    session: Session,
    searches: Mapping[Rendition, RungShots],
) -> Made:
    """Make all files that the packager takes: first those that show at once what is missing."""
    scorer = None
    if options.verify:
        model = session.model(ladder.model, ladder.display or source.resolution)
        scorer = session.scorer("auto", model, often=True)
    segment_frames = int(plan.segment_s * plan.frame_rate)
    maker = EncodeMaker(session, source, ladder, work, scorer, segment_frames=segment_frames)
    dropped = list(tracks.dropped)
    audio = _extracted(tracks.audio, maker.audio, dropped)
    text = _extracted(tracks.text, maker.text, dropped)
    notes = tuple(maker.cut(audio))
    for each in dropped:
        if not each.reason.startswith("--"):
            session.warn(f"The {each.type} stream {each.index} is left out: {each.reason}")
    video = _encoded(plan.renditions, maker, source, options, session)
    for rendition, search in searches.items():
        video[rendition] = maker.shots(rendition, video[rendition], search, options)
        # What an earlier run found is not searched again.
        session.observe(replace(search.plan, probes_expected=0.0))
    by_index = tuple(sorted(dropped, key=lambda each: each.index))
    return Made(plan, ladder, source, scorer, video, audio, text, by_index, notes)


def _extracted(
    tracks: Sequence[TrackT], make: Callable[[TrackT], Path], dropped: list[DroppedStream]
) -> dict[TrackT, Path]:
    """Make the files of tracks; one that cannot be made is left out."""
    made: dict[TrackT, Path] = {}
    for track in tracks:
        try:
            made[track] = make(track)
        except ToolError as error:
            stream = track.stream
            if all(stream.index != each.index for each in dropped):
                reason = str(error)
                dropped.append(DroppedStream(stream.index, stream.kind, stream.codec, reason))
    return made


def _encoded(
    renditions: Sequence[Rendition],
    maker: EncodeMaker,
    source: Source,
    options: PackageOptions,
    session: Session,
) -> dict[Rendition, Delivered]:
    """Make all delivery encodes, several at a time."""
    jobs = [(row_of(each.encoder), each.resolution) for each in renditions]
    workers = options.jobs or LocalCores(source.resolution).workers(jobs)
    passes = 2 if options.verify else 1
    session.observe(JobStarted(_JOB, passes * source.n_frames * len(renditions)))
    done = _FramesOfAll(session.observe)

    def make(rendition: Rendition) -> Delivered:
        with session.shares.taken():
            return maker.rendition(
                rendition,
                on_encode=done.counting(f"encode {rendition.name}"),
                on_score=done.counting(f"score {rendition.name}"),
            )

    with ThreadPoolExecutor(min(workers, len(renditions)), thread_name_prefix="package") as pool:
        futures = [pool.submit(make, rendition) for rendition in renditions]
        with together(futures, session.cancel.cancel):
            found = [future.result() for future in futures]
    summary = f"{counted(len(renditions), 'rendition')} encoded"
    session.observe(JobFinished(_JOB, ok=True, summary=summary))
    return dict(zip(renditions, found, strict=True))


class _FramesOfAll:
    """Adds up the frames of what goes on side by side."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._frames: dict[str, int] = {}
        self._lock = Lock()

    def counting(self, part: str) -> FrameProgress:
        """Count the frames of one part of the work."""

        def count(frames: int) -> None:
            with self._lock:
                self._frames[part] = frames
                total = sum(self._frames.values())
            self._observe(FramesDone(_JOB, "encode", total))

        return count
