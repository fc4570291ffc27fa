"""The files that a package is made of: delivery encodes with their scores, audio, subtitles."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.choices import PerShot
from vmafx_tune.coding import plain
from vmafx_tune.encode.streams import COPY, encoded_audio
from vmafx_tune.encoders.availability import failure_reason
from vmafx_tune.errors import (
    EncodeFailedError,
    MediaError,
    OutputError,
    ToolError,
    ToolOutputError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.codec_strings import codec_string
from vmafx_tune.media.ffmpeg import frame_counter, is_disk_full
from vmafx_tune.media.filtering import first_shown_s
from vmafx_tune.media.inputs import file_url, input_guard
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.media.probe import leave_out_grain, probe_source
from vmafx_tune.media.streams import end_s
from vmafx_tune.model import ScoreRequest
from vmafx_tune.results.per_shot import PerShotEncode  # noqa: TC001 - notes are read by it
from vmafx_tune.scoring.pooling import pool_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from vmafx_tune.media.process import Completed
    from vmafx_tune.model import Caps, Source
    from vmafx_tune.options import ShotOptions
    from vmafx_tune.package.plan import AudioTrack, Rendition, TextTrack
    from vmafx_tune.package.shots import RungShots
    from vmafx_tune.package.work_folder import WorkFolder
    from vmafx_tune.ports import FrameProgress, Scorer
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.session import Session
    from vmafx_tune.shots.run import PerShotAnswer

__all__ = ["Delivered", "EncodeMaker", "ShotsFound"]

_LOG = ("-v", "level+info", "-nostats", "-progress", "pipe:1")
# As audio, subtitles and shots do: a source may begin with audio alone.
_FROM_ZERO = ("-bsf:v", "setts=pts=PTS-STARTPTS:dts=DTS-STARTPTS")
_NOTED_CUT_S = 0.25
_QUIET = ("-hide_banner", "-nostdin", "-y", "-v", "level+info")


@frozen
class Delivered:
    """A finished delivery encode.

    Attributes:
        path: Its file.
        vmaf: Pooled score; None where it was not scored.
        reused: Whether an earlier run had made it.
    """

    path: Path
    command: tuple[str, ...]
    video_sha256: str
    bitrate_kbps: float
    codecs: str
    vmaf: float | None = None
    reused: bool = False
    shots: ShotsFound | None = None


@frozen
class _Note:
    """What is kept beside an encode: the hash of its packets, and scores by how they were made."""

    video_sha256: str
    scores: dict[str, float]


@frozen
class ShotsFound:
    """What became of a rendition's shots.

    Attributes:
        result: The encode that joins them; None where none could be made.
        video_sha256: Hash of its packets.
        why_not: Why it is not delivered, as a sentence; empty where it is.
    """

    result: PerShotEncode | None
    video_sha256: str = ""
    why_not: str = ""


class EncodeMaker:
    """Makes the files of one source's package. Thread-safe.

    Args:
        session: Has ffmpeg, and runs it.
        source: As probed, behind the ladder's filters.
        ladder: How renditions are scored, and how long their GOPs are.
        work: Where the files go.
        scorer: Scores delivery encodes; None to leave that out.
        segment_frames: Frames between the keyframes that segments begin with.
    """

    def __init__(
        self,
        session: Session,
        source: Source,
        ladder: LadderResult,
        work: WorkFolder,
        scorer: Scorer | None,
        *,
        segment_frames: int,
    ) -> None:
        self._session = session
        self._source = source
        self._ladder = ladder
        self._work = work
        self._scorer = scorer
        self._segment_frames = segment_frames
        self._digest = session.facts.digest(source.path)
        self._starts_s = first_shown_s(source, session.ffmpeg, session.runner)

    def rendition(
        self,
        rendition: Rendition,
        *,
        on_encode: FrameProgress | None = None,
        on_score: FrameProgress | None = None,
    ) -> Delivered:
        """Make a delivery encode, and score it.

        Raises:
            EncodeFailedError: ffmpeg ended with an error.
            ToolOutputError: The encode is not made of segments, or has frames too many or too few.
            OutputError: There is no room for it.
        """
        key = self._key("video", [*rendition.chunks, rendition.command], rendition.added)
        path, command = self._work.file(key, ".mp4"), self._command(rendition)
        note = self._work.note(key, _Note)
        if reused := note is not None and _is_intact(path, note.video_sha256):
            assert note is not None
        else:
            self._encode(rendition, path, on_encode)
            note = _Note(self._checked(rendition, path), {})
            self._work.keep(key, note)
        delivered = self._delivered(path, command, note.video_sha256, reused=reused)
        return replace(delivered, vmaf=self._scored(rendition, key, note, path, on_score))

    def shots(
        self, rendition: Rendition, single: Delivered, search: RungShots, how: ShotOptions
    ) -> Delivered:
        """Deliver a rendition with a setting for each shot, if that takes fewer bits.

        Args:
            rendition: The rung.
            single: Its encode at a single setting.
            search: Searches its shots.
            how: What is asked of them.

        Returns:
            The one or the other, with what was found.

        Raises:
            ToolOutputError: The encode is not made of segments.
            VmafxTuneError: A probe failed.
        """
        assert how.per_shot is not None
        target = rendition.rung.vmaf if single.vmaf is None else single.vmaf
        facts = (single.video_sha256, target, how.per_shot, how.min_shot_s, self._segment_frames)
        key = self._key("shots", rendition.command, rendition.added, *facts)
        path, found = self._work.file(key, ".mp4"), self._work.note(key, ShotsFound)
        reused = found is not None and (bool(found.why_not) or _is_intact(path, found.video_sha256))
        if found is None or not reused:
            with scratch_folder(self._work.path) as folder:
                size_bytes = measure_packets(single.path).size_bytes
                try:
                    answer = search.run(PerShot(how.per_shot), target, size_bytes, folder)
                    found = self._found(rendition, single, answer, path)
                except (MediaError, ToolError) as error:
                    # Not kept: another run may be luckier.
                    return replace(single, shots=ShotsFound(None, why_not=str(error)))
            self._work.keep(key, found)
        if found.result is None or found.why_not:
            return replace(single, shots=found)
        command = shell.split(found.result.join_command)
        delivered = self._delivered(path, command, found.video_sha256, reused=reused)
        return replace(delivered, vmaf=found.result.vmaf_score, shots=found)

    def _found(
        self, rendition: Rendition, single: Delivered, answer: PerShotAnswer | None, path: Path
    ) -> ShotsFound:
        """Take the encode of a search's answer, unless the single setting is better."""
        if answer is None:
            return ShotsFound(None, why_not="No encode of its shots reaches its score.")
        result, joined = answer.result, answer.joined.path
        if not result.delivered:
            why = f"With a setting for each shot it takes {-result.saving_percent:.1f} % more."
            return ShotsFound(result, why_not=why)
        if rendition.caps is not None and _lack(joined, rendition.caps) > _lack(
            single.path, rendition.caps
        ):
            why = "With a setting for each shot it exceeds its cap where one shot follows another."
            return ShotsFound(replace(result, delivered=False), why_not=why)
        sha256 = self._checked(rendition, joined)
        joined.replace(path)
        return ShotsFound(result, sha256)

    def _delivered(
        self, path: Path, command: Sequence[str], video_sha256: str, *, reused: bool
    ) -> Delivered:
        packets = measure_packets(path)
        duration_s = packets.n_packets / self._source.frame_rate
        return Delivered(
            path,
            tuple(command),
            video_sha256,
            float(8 * packets.size_bytes / duration_s / 1000),
            codec_string(path),
            reused=reused,
        )

    def audio(self, track: AudioTrack) -> Path:
        """Make the file of an audio track: it begins when the video does.

        Raises:
            ToolOutputError: ffmpeg cannot.
        """
        part = encoded_audio(track.stream, track.form) if track.form.codec != COPY else None
        end = f"{self._source.duration_s:.6f}"
        if part is None:
            options: list[str] = ["-c:a", "copy", "-t", end]
        else:
            ours = f"aresample=async=1:first_pts=0,atrim=end={end}"
            theirs = dict(part.options)
            filters = ",".join(filter(None, (ours, theirs.pop("filter", ""))))
            options = ["-c:a", str(part.codec), "-af", filters]
            options += [word for name, value in theirs.items() for word in (f"-{name}:a", value)]
            if part.codec == "aac" and track.stream.channels > 2:
                options += ["-ac", "2"]
        return self._extracted(track.stream.index, (*options, "-f", "mp4"), ".m4a")

    def cut(self, tracks: Collection[AudioTrack]) -> Iterator[str]:
        """Say what audio tracks lose because there is no picture beside it.

        Raises:
            UnreadableSourceError: The source cannot be read.
        """
        ends_s = self._starts_s + self._source.duration_s
        for stream in {track.stream.index: track.stream for track in tracks}.values():
            begins_s = self._starts_s if stream.start_s is None else stream.start_s
            before_s = self._starts_s - begins_s
            after_s = end_s(self._source.path, stream.index, ends_s) - ends_s
            lost = [
                f"{seconds:.2f} s {where}"
                for seconds, where in (
                    (before_s, "before the video begins"),
                    (after_s, "after it ends"),
                )
                if seconds >= _NOTED_CUT_S
            ]
            if lost:
                yield f"The audio stream {stream.index} loses {' and '.join(lost)}."

    def text(self, track: TextTrack) -> Path:
        """Make the WebVTT file of a subtitle track, on the clock of the video.

        Raises:
            ToolOutputError: ffmpeg cannot, or there is no text in it.
        """
        path = self._extracted(track.stream.index, ("-c:s", "webvtt", "-f", "webvtt"), ".vtt")
        if "-->" not in path.read_text(encoding="utf-8", errors="replace"):
            raise ToolOutputError("There is no text in it.")
        return path

    def _extracted(self, index: int, options: Sequence[str], suffix: str) -> Path:
        key = self._key("stream", [(str(index), *options)], f"{self._starts_s:.6f}")
        path = self._work.file(key, suffix)
        if path.exists():
            return path
        guard = [word for name, value in input_guard().items() for word in (f"-{name}", value)]
        inputs = ("-copyts", "-itsoffset", f"{-self._starts_s:.6f}", *guard)
        read = ("-i", file_url(self._source.path.absolute()), "-map", f"0:{index}")
        tags = ("-map_metadata", "-1", "-map_chapters", "-1")
        with scratch_folder(self._work.path) as folder:
            partial = folder / f"partial{suffix}"
            argv = (*_QUIET, *inputs, *read, *tags, *options, file_url(partial))
            done = self._session.runner.run([str(self._session.ffmpeg.path), *argv])
            if done.returncode != 0:
                raise self._failure(done, "It cannot be converted")
            partial.replace(path)
        return path

    def _encode(self, rendition: Rendition, path: Path, progress: FrameProgress | None) -> None:
        counter = frame_counter(self._source.n_frames, progress)
        with scratch_folder(self._work.path) as folder:
            for command in rendition.chunks:
                output = str(folder / command[-1].removeprefix("file:"))
                self._run(self._placed(command, rendition, output), rendition, counter)
            whole = str(folder / "whole.mp4")
            command = self._placed(rendition.command, rendition, whole)
            # The command that joins chunks names them as their own commands do.
            joining = folder if rendition.chunks else None
            self._run(command, rendition, counter, cwd=joining)
            Path(whole).replace(path)

    def _placed(self, command: Sequence[str], rendition: Rendition, output: str) -> tuple[str, ...]:
        """Have a ladder's command read the source, keep the caps, and write where it should."""
        words = list(command[1:-1])
        joins = bool(rendition.chunks) and command is rendition.command
        if not joins:
            words[words.index("-i") + 1] = file_url(self._source.path.absolute())
        added = () if joins else (*rendition.added, *_FROM_ZERO)
        program = str(self._session.ffmpeg.path)
        return (program, *_LOG, *words, *added, file_url(Path(output)))

    def _command(self, rendition: Rendition) -> tuple[str, ...]:
        """Write a rendition's command as a user would repeat it."""
        added = () if rendition.chunks else rendition.added
        return (*rendition.command[:-1], *added, rendition.command[-1])

    def _run(
        self,
        command: Sequence[str],
        rendition: Rendition,
        counter: Callable[[str], bool],
        cwd: Path | None = None,
    ) -> None:
        done = self._session.runner.run(command, cwd=cwd, progress=counter)
        if done.returncode != 0:
            raise self._failure(done, f"Rendition '{rendition.name}' cannot be encoded")

    def _failure(self, done: Completed, what: str) -> VmafxTuneError:
        log = f"{done.stderr}\n{done.stderr_tail}"
        if is_disk_full(log, done.returncode):
            return OutputError(
                f"The package does not fit into '{self._work.path.parent}': the disk is full. Free "
                "some space, and run the command again: finished encodes are kept."
            )
        reason = failure_reason(log, done.returncode)
        return done.error(EncodeFailedError, f"{what}: {reason}.")

    def _checked(self, rendition: Rendition, path: Path) -> str:
        """Make sure that an encode can be cut into segments; returns the hash of its packets."""
        packets, wanted = measure_packets(path), self._source.n_frames
        if packets.n_packets != wanted:
            raise ToolOutputError(
                f"Rendition '{rendition.name}' has {counted(packets.n_packets, 'frame')}, and the "
                f"source {wanted}."
            )
        starts = packets.keyframes[:: self._segment_frames]
        if not all(starts):
            frame = starts.index(False) * self._segment_frames
            raise ToolOutputError(
                f"Rendition '{rendition.name}' has no keyframe at frame {frame}, where a segment "
                "begins. Measure the ladder without encoder arguments that move keyframes."
            )
        return packets.sha256

    def _scored(
        self,
        rendition: Rendition,
        key: str,
        note: _Note,
        path: Path,
        progress: FrameProgress | None,
    ) -> float | None:
        if self._scorer is None:
            return None
        ladder = self._ladder
        display = ladder.display or self._source.resolution
        if ladder.score_at == "rendition":
            display = rendition.resolution
        how = f"{ladder.model} {ladder.pool} {ladder.subsample} {display} {self._scorer.version}"
        if how not in note.scores:
            request = ScoreRequest(
                reference=self._source,
                distorted=leave_out_grain(probe_source(path)),
                model=self._session.model(ladder.model, display),
                display=display,
                subsample=ladder.subsample or 1,
                cpus=self._session.shares.share(),
            )
            scores = self._scorer.score(request, on_progress=progress)
            assert ladder.pool is not None
            note.scores[how] = pool_scores(scores.frames, ladder.pool)
            self._work.keep(key, note)
        return note.scores[how]

    def _key(self, *facts: object) -> str:
        made_of = [self._digest, self._session.ffmpeg.version, *facts]
        return hashlib.sha256(json.dumps(plain(made_of)).encode()).hexdigest()[:32]


def _is_intact(path: Path, video_sha256: str) -> bool:
    try:
        return measure_packets(path).sha256 == video_sha256
    except UnreadableSourceError:
        return False


def _lack(path: Path, caps: Caps) -> float:
    """Find how many bits the buffer of a cap lacks at worst while an encode plays."""
    packets = measure_packets(path)
    return caps.lack_bits(packets.sizes_bytes, packets.durations_s)
