"""Writes the output of an encode with ffmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.encode.mux_command import mux_command, trial_command
from vmafx_tune.encode.streams import plan_streams
from vmafx_tune.encoders.argv import join_command
from vmafx_tune.encoders.availability import failure_reason
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import OutputError, ToolOutputError
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.ffmpeg import frame_counter, is_disk_full
from vmafx_tune.media.filter_chain import parse_chain
from vmafx_tune.media.filtering import first_shown_s
from vmafx_tune.media.inputs import file_url
from vmafx_tune.media.streams import attached_bytes, first_frame_s, source_contents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmafx_tune.encode.streams import AudioForm, Container, Part
    from vmafx_tune.media.process import Completed
    from vmafx_tune.model import EncodeSpec, Source
    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.session import Session

__all__ = ["Muxer", "join_encodes"]

_OWN_TIMES = "The filter setpts sets when pictures are shown, and sound does not follow it."


def join_encodes(session: Session, parts: Sequence[Path], spec: EncodeSpec, joined: Path) -> None:
    """Join the encodes of a clip's parts, without a change to a packet.

    Args:
        session: Has ffmpeg, and runs it.
        parts: Their files, in order.
        spec: The encode of the whole clip.
        joined: The file to write.

    Raises:
        OutputError: There is no room for it.
        ToolOutputError: ffmpeg cannot write it.
    """
    command = join_command(
        spec, encoder_row(spec.encoder), session.ffmpeg.path, list(map(str, parts)),
        output=file_url(joined),
    )  # fmt: skip
    done = session.runner.run(command)
    if done.returncode != 0:
        raise _failure(done, joined, "The encodes cannot be joined")


class Muxer:
    """Puts an encode of a source beside the source's other streams.

    Args:
        session: Has ffmpeg, and runs it.
        source: Of the encode.
        container: What is written.
        audio: What becomes of audio.
        subtitles: `copy` or `none`.

    Attributes:
        plan: What the output is made of; found out by trials, before anything is encoded.

    Raises:
        UnreadableSourceError: The source cannot be read.
        ToolNotFoundError: There is no ffmpeg.
    """

    def __init__(
        self,
        session: Session,
        source: Source,
        container: Container,
        *,
        audio: AudioForm,
        subtitles: str,
    ) -> None:
        self.container = container
        self.session = session
        self._source = source
        self._contents = source_contents(source)
        self.plan = plan_streams(
            self._contents.streams,
            self._contents.video(source.stream).index,
            container,
            audio=audio,
            subtitles=subtitles,
            chapters=self._contents.chapters > 0,
            fits=self._fits,
        )
        for lost in self.notes:
            session.warn(lost)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the output does not have of the source, unasked, or not as it was."""
        lost = [
            f"The {each.type} stream {each.index} is left out: {each.reason}"
            for each in self.plan.dropped
            if not each.reason.startswith("--")
        ]
        if any(one.name == "setpts" for one in parse_chain(self._source.filters)):
            lost.append(_OWN_TIMES)
        return (*lost, *self.plan.changes)

    def _fits(self, parts: Sequence[Part]) -> bool:
        """Try whether the container takes streams of the source, by their first second."""
        with scratch_folder(self.session.tools.work_dir) as folder:
            command = trial_command(
                self.session.ffmpeg.path,
                self._source.path,
                self.container,
                parts,
                folder / "trial",
            )
            return self.session.runner.run(command).returncode == 0

    def write(
        self,
        encoded: Path,
        output: Path,
        *,
        settings: str | None,
        on_progress: FrameProgress | None = None,
    ) -> None:
        """Write an output.

        Sound and pictures are as far apart as in the source: the first frame of the encode is
        shown when the one of the source is that it was made of.

        Args:
            encoded: The encode.
            output: The file to write.
            settings: How the video was encoded, for a tag; None for none.
            on_progress: Told of the frames that are written.

        Raises:
            OutputError: There is no room for it.
            ToolOutputError: ffmpeg cannot write it.
        """
        source = self._source
        begins_s = first_shown_s(source, self.session.ffmpeg, self.session.runner)
        timed = (stream for stream in self.plan.streams if stream.kind != "subtitle")
        others = [stream.start_s for stream in timed if stream.start_s is not None]
        # What begins before 0 is for the muxer to write, or to move.
        zero_s = max(0.0, min([begins_s, *others]))
        with scratch_folder(self.session.tools.work_dir) as folder:
            files = [folder / f"attached-{stream.index}" for stream in self.plan.attached]
            for file, stream in zip(files, self.plan.attached, strict=True):
                file.write_bytes(attached_bytes(source.path, stream))
            command = mux_command(
                self.session.ffmpeg.path,
                encoded,
                source,
                self.container,
                self.plan,
                output,
                encoded_offset_s=begins_s - first_frame_s(encoded) - zero_s,
                source_offset_s=-zero_s,
                attached=files,
                tags=self._contents.tags,
                timecode=self._contents.timecode,
                settings=settings,
            )
            counter = frame_counter(source.n_frames, on_progress)
            done = self.session.runner.run(command, progress=counter)
        if done.returncode != 0:
            raise _failure(done, output, f"The {self.container.name} file cannot be written")


def _failure(done: Completed, output: Path, what: str) -> Exception:
    log = f"{done.stderr}\n{done.stderr_tail}"
    if is_disk_full(log, done.returncode):
        return OutputError(
            f"The output does not fit into '{output.parent.parent}': the disk is full. Free "
            "some space."
        )
    return done.error(ToolOutputError, f"{what}: {failure_reason(log, done.returncode)}.")
