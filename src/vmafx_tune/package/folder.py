"""The folder that plays: what the packager writes of the finished encodes, and what it holds."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.errors import OutputError
from vmafx_tune.frozen import frozen
from vmafx_tune.manifests.variant import VideoRange
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.output_file import followed, publish
from vmafx_tune.package.manifests import (
    AudioFacts,
    VideoFacts,
    complete_dash,
    complete_hls,
    measure_playlist,
)
from vmafx_tune.package.packager import (
    DASH,
    HLS,
    audio_playlist,
    packager_command,
    run_packager,
    text_playlist,
    video_playlist,
)
from vmafx_tune.package.plan import delivery_notes
from vmafx_tune.package.player import PAGE, write_player
from vmafx_tune.results.package import (
    PackagedAudio,
    PackagedRendition,
    PackagedText,
    PackageResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from vmafx_tune.model import Source
    from vmafx_tune.options import PackageOptions
    from vmafx_tune.package.encodes import Delivered
    from vmafx_tune.package.packager import Packager
    from vmafx_tune.package.plan import AudioTrack, Rendition, TextTrack
    from vmafx_tune.ports import Scorer
    from vmafx_tune.results.encode import DroppedStream
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.session import Session

__all__ = ["Made", "Plan", "write_package"]


@frozen
class Plan:
    """What is to be made, as far as the ladders tell."""

    renditions: tuple[Rendition, ...]
    segment_s: Fraction
    frame_rate: Fraction
    packager_args: tuple[str, ...]


@frozen
class Made:
    """The files that the packager takes, and what a user should know of them."""

    plan: Plan
    ladder: LadderResult
    source: Source
    scorer: Scorer | None
    video: Mapping[Rendition, Delivered]
    audio: Mapping[AudioTrack, Path]
    text: Mapping[TextTrack, Path]
    dropped: tuple[DroppedStream, ...]
    notes: tuple[str, ...]


def write_package(
    made: Made,
    packager: Packager,
    path: Path,
    options: PackageOptions,
    session: Session,
) -> PackageResult:
    """Have the packager write the folder under another name, complete it, and give it its name.

    Args:
        made: The files that it takes.
        packager: The program.
        path: The folder to make, or to replace; of a link, what it leads to.
        options: What the folder holds.
        session: Runs the packager, and is told what a user should know.

    Raises:
        OutputError: The folder cannot be written.
        ToolError: The packager failed.
    """
    place = followed(path)
    with _writing(path), scratch_folder(place.parent) as scratch:
        folder = scratch / "package"
        folder.mkdir()
        command = packager_command(
            packager.path,
            video={each: delivered.path.resolve() for each, delivered in made.video.items()},
            audio={track: file.resolve() for track, file in made.audio.items()},
            text={track: file.resolve() for track, file in made.text.items()},
            segment_s=made.plan.segment_s,
            extra=made.plan.packager_args,
        )
        run_packager(command, folder, session.runner)
        video, audio = _video_facts(made, folder), _audio_facts(made, folder)
        subtitles = [measure_playlist(folder / text_playlist(track.name)) for track in made.text]
        text_bps = max((rates.peak_bps for rates in subtitles), default=0.0)
        complete_hls(folder, video, audio, text_bps, options.hls_score)
        complete_dash(folder, video, audio)
        if options.player:
            write_player(folder, made.source.path.stem, video)
        size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        _put(folder, place)
    return _result(made, packager, path, video, audio, size_bytes, session)


def _video_facts(made: Made, folder: Path) -> dict[str, VideoFacts]:
    facts = {}
    for rendition, delivered in made.video.items():
        playlist = video_playlist(rendition.name)
        facts[playlist] = VideoFacts(
            delivered.codecs,
            rendition.resolution,
            made.plan.frame_rate,
            VideoRange.of_transfer(made.source.color_transfer),
            rendition.rung.vmaf if delivered.vmaf is None else delivered.vmaf,
            measure_playlist(folder / playlist),
            measure_playlist((folder / playlist).with_name("iframes.m3u8")),
        )
    return facts


def _audio_facts(made: Made, folder: Path) -> dict[str, AudioFacts]:
    facts = {}
    for track in made.audio:
        playlist = audio_playlist(track.name)
        rates = measure_playlist(folder / playlist)
        facts[playlist] = AudioFacts(track.group, track.is_default, rates)
    return facts


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The folder '{path}' cannot be written: {error.strerror or error}."
        ) from error


def _put(folder: Path, path: Path) -> None:
    """Give a finished folder its name; what has it now goes only when the new one is whole."""
    publish(folder)
    if not path.exists():
        folder.rename(path)
        return
    before = folder.with_name("before")
    path.rename(before)
    try:
        folder.rename(path)
    except OSError:
        before.rename(path)
        raise


def _result(
    made: Made,
    packager: Packager,
    path: Path,
    video: Mapping[str, VideoFacts],
    audio: Mapping[str, AudioFacts],
    size_bytes: int,
    session: Session,
) -> PackageResult:
    ladder, scorer = made.ladder, made.scorer
    return PackageResult(
        src=Path(ladder.src),
        output=path,
        hls=HLS,
        dash=DASH,
        page=PAGE if (path / PAGE).exists() else None,
        segment_duration=made.plan.segment_s,
        renditions=tuple(
            _rendition(each, delivered, video[video_playlist(each.name)])
            for each, delivered in made.video.items()
        ),
        audio=tuple(_audio(track, audio[audio_playlist(track.name)]) for track in made.audio),
        text=tuple(map(_text, made.text)),
        dropped=made.dropped,
        size_bytes=size_bytes,
        ffmpeg_bin=session.ffmpeg.path,
        ffmpeg_version=session.ffmpeg.version,
        packager_version=packager.version,
        notes=_notes(made, session),
        model=ladder.model,
        pool=ladder.pool,
        display=ladder.display,
        comparison=None,
        subsample=ladder.subsample,
        backend=None if scorer is None else scorer.name,
        backend_version=None if scorer is None else scorer.version,
        hdr=made.source.is_hdr,
        filter=made.source.filters,
        wall_time_ms=None,
    )


def _notes(made: Made, session: Session) -> tuple[str, ...]:
    scores = {rendition: delivered.vmaf for rendition, delivered in made.video.items()}
    notes = delivery_notes(scores, made.ladder.ffmpeg_version, session.ffmpeg.version)
    kept = [
        f"Rendition '{rendition.name}' keeps its single setting. {delivered.shots.why_not}"
        for rendition, delivered in made.video.items()
        if delivered.shots is not None and delivered.shots.why_not
    ]
    notes = (*notes, *made.notes, *kept)
    for note in notes:
        session.warn(note)
    return notes


def _rendition(rendition: Rendition, delivered: Delivered, facts: VideoFacts) -> PackagedRendition:
    rung, caps = rendition.rung, rendition.caps
    return PackagedRendition(
        name=rendition.name,
        encoder=rendition.encoder,
        codecs=delivered.codecs,
        width=rung.width,
        height=rung.height,
        crf=rung.crf,
        bitrate_kbps=delivered.bitrate_kbps,
        vmaf=delivered.vmaf,
        ladder_vmaf=rung.vmaf,
        bandwidth_bps=round(facts.rates.peak_bps),
        average_bandwidth_bps=round(facts.rates.average_bps),
        maxrate_kbps=None if caps is None else caps.maxrate_kbps,
        bufsize_kbits=None if caps is None else caps.bufsize_kbits,
        segments=facts.rates.segments,
        video_sha256=delivered.video_sha256,
        reused=delivered.reused,
        encode_command=shell.join(delivered.command),
        per_shot=None if delivered.shots is None else delivered.shots.result,
    )


def _audio(track: AudioTrack, facts: AudioFacts) -> PackagedAudio:
    stream, form = track.stream, track.form
    return PackagedAudio(
        name=track.name,
        stream=stream.index,
        codec=stream.codec if form.codec == "copy" else form.codec,
        group=track.group,
        language=stream.language,
        title=stream.title,
        bandwidth_bps=round(facts.rates.peak_bps),
        average_bandwidth_bps=round(facts.rates.average_bps),
    )


def _text(track: TextTrack) -> PackagedText:
    stream = track.stream
    return PackagedText(
        name=track.name,
        stream=stream.index,
        language=stream.language,
        title=stream.title,
        forced=track.forced,
    )
