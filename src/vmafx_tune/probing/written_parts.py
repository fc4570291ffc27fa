"""Parts of a source in a file of their own: cut once, and encoded and scored many times."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolError
from vmafx_tune.media.excerpts import is_counted_sooner
from vmafx_tune.media.inputs import input_arguments, source_filters, stream_specifier
from vmafx_tune.media.process import describe_exit
from vmafx_tune.model import Comparison, Source
from vmafx_tune.scoring.alignment import ScoringPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import Excerpt
    from vmafx_tune.scoring.reference_copies import ReferenceCopies

__all__ = ["WrittenParts", "parts_arguments"]

_QUIET = ("-hide_banner", "-nostdin", "-nostats", "-v", "error")
# The inputs are decoded side by side.
_ONE_THREAD = ("-threads", "1")


class WrittenParts:
    """Writes the parts of sources. Thread-safe.

    Args:
        ffmpeg: The program.
        runner: Runs it, and cancels it.
        copies: Returns what keeps the files.
    """

    def __init__(
        self, ffmpeg: Ffmpeg, runner: ProcessRunner, copies: Callable[[], ReferenceCopies]
    ) -> None:
        self._ffmpeg = ffmpeg
        self._runner = runner
        self._copies = copies

    @contextmanager
    def of(self, source: Source) -> Iterator[Source]:
        """Lend a source with the parts as its file; it must have some.

        Its pictures have the same samples. It states no colours, so that an encode of it does not
        either, and is compared with it sample by sample all the same.

        Raises:
            OutputError: They do not fit into the work folder, or cannot be cut.
            ToolError: ffmpeg failed.
            CancelledError: The work was cancelled.
        """
        size, name = source.resolution, source.pixel_format.name
        as_it_is = ScoringPlan(Comparison(name, None, None, size.width, size.height))
        with self._copies().written(source, as_it_is, partial(self._write, source)) as clip:
            yield _plain(clip)

    def _write(self, source: Source, path: Path) -> None:
        done = self._runner.run(
            (str(self._ffmpeg.path), *_QUIET, *parts_arguments(source), f"file:{path}")
        )
        if done.returncode != 0:
            how = describe_exit(done.returncode)
            raise done.error(ToolError, f"ffmpeg failed while cutting '{source.path}' ({how}).")


def parts_arguments(source: Source) -> tuple[str, ...]:
    """Write the arguments that cut the parts of a source, up to the name of a headerless file."""
    inputs, graph = _counted(source) if is_counted_sooner(source) else _sought(source)
    written = ("-fps_mode", "passthrough", "-pix_fmt", source.pixel_format.name, "-f", "rawvideo")
    return (*inputs, "-filter_complex", graph, "-map", "[parts]", *written, "-y")


def _end_frame(source: Source) -> int:
    return max(part.first_frame + part.n_frames for part in source.parts)


def _counted(source: Source) -> tuple[tuple[str, ...], str]:
    whole = dataclasses.replace(source, parts=())
    frames = "+".join(
        rf"between(n\,{part.first_frame}\,{part.first_frame + part.n_frames - 1})"
        for part in source.parts
    )
    chain = (source.filters, f"trim=end_frame={_end_frame(source)}", f"select={frames}")
    return input_arguments(whole), _link(0, whole, ",".join(filter(None, chain)), "parts")


def _sought(source: Source) -> tuple[tuple[str, ...], str]:
    parts = [_part(source, part) for part in source.parts]
    links = [_link(i, part, source_filters(part), f"p{i}") for i, part in enumerate(parts)]
    names = "".join(f"[p{i}]" for i in range(len(parts)))
    inputs = tuple(word for part in parts for word in input_arguments(part, _ONE_THREAD))
    return inputs, ";".join((*links, f"{names}concat=n={len(parts)}[parts]"))


def _part(source: Source, part: Excerpt) -> Source:
    return dataclasses.replace(source, n_frames=part.n_frames, excerpt=part, parts=())


def _link(index: int, source: Source, chain: str, name: str) -> str:
    return f"[{index}:{stream_specifier(source)}]{chain}[{name}]"


def _plain(clip: Source) -> Source:
    return dataclasses.replace(
        clip,
        codec="rawvideo",
        rotation_deg=0,
        color_range=None,
        color_primaries=None,
        color_transfer=None,
        color_space=None,
        chroma_location=None,
        hdr_metadata=(),
        damage=None,
        without_grain=False,
    )
