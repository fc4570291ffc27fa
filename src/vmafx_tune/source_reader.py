"""Reading sources: where they come from, what is known of them, and taking parts of them."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import fields, replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune._version import __version__
from vmafx_tune.model import Excerpt, RawFormat, Source
from vmafx_tune.parsing import parse_frame_rate, parse_resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.media.excerpts import ExcerptCutter
    from vmafx_tune.media.file_facts import Ranges
    from vmafx_tune.media.frames import Thumbnails
    from vmafx_tune.media.source_cache import SourceCache
    from vmafx_tune.model import Complexity, Resolution
    from vmafx_tune.options import SourceOptions
    from vmafx_tune.sampling.parts import Segment
    from vmafx_tune.session import Session

__all__ = ["SourceReader"]

# Facts of a file do not depend on what it is called.
_ANY_PATH = Path()
_RAW_SUFFIXES = frozenset({".yuv", ".raw"})


class SourceReader:
    """Reads the sources of one run. What is found out about a file is kept with its digest.

    Args:
        session: Knows the programs, and what is known of files.
        options: How sources are read.

    Attributes:
        urls: Where copies of sources come from.
        max_pixels: Largest picture that is decoded; None for any.
    """

    max_pixels: int | None = None

    def __init__(self, session: Session, options: SourceOptions) -> None:
        self._session = session
        self._options = options
        self.urls: dict[Path, str] = {}
        self._cutters: dict[Source, ExcerptCutter] = {}

    def close(self) -> None:
        """Remove the copies of sources."""
        if "_source_cache" in self.__dict__:
            self._source_cache.close()

    @cached_property
    def _source_cache(self) -> SourceCache:
        """Fetches sources by URL; the copies stay until the session is closed."""
        from vmafx_tune.media.source_cache import SourceCache

        return SourceCache(self._session.cancel, digest_of=self._session.facts.digest)

    def copy_of(self, url: str) -> Path:
        """Fetch what is at a URL; the copy stays until the session is closed.

        Raises:
            UsageError: It is not a valid URL.
            UnreadableSourceError: It cannot be fetched.
            OutputError: There is no room for it.
        """
        self._session.probing.connect()
        path = self._source_cache.current(url)
        self.urls[path] = url
        return path

    def source(self, path: Path) -> Source:
        """Probe a source; a `.yuv` file with the geometry of the options.

        Raises:
            UnreadableSourceError: It is missing, or not a video.
        """
        # A cluster that is down shows before a long source is read.
        self._session.probing.connect()
        return self._probed(path, self._options.video_stream)

    def distorted(self, path: Path) -> Source:
        """Probe a clip to be judged; the stream asked for is meant where it has several.

        Raises:
            UnreadableSourceError: It is missing, or not a video.
        """
        wanted = self._options.video_stream
        found = self._probed(path, None)
        return found if wanted is None or found.n_streams == 1 else self._probed(path, wanted)

    def _probed(self, path: Path, stream: int | None) -> Source:
        raw = self._raw_format() if _is_raw(path) else None
        read = partial(self._read, path, raw, stream)
        if self.max_pixels is not None:
            return read()
        name = f"source {self._reader_version} {raw} {stream} {self._options.allow_damage}"
        found = self._session.facts.of(
            path, name, lambda: replace(read(), path=_ANY_PATH), kind=Source
        )
        return replace(found, path=path)

    def _raw_format(self) -> RawFormat | None:
        if self._options.size is None:
            return None
        return RawFormat(
            parse_resolution(self._options.size),
            self._options.pix_fmt,
            parse_frame_rate(self._options.fps),
        )

    def _read(self, path: Path, raw: RawFormat | None, stream: int | None) -> Source:
        from vmafx_tune.media.probe import probe_source

        allow_damage = self._options.allow_damage
        source = probe_source(
            path, raw, stream, allow_damage=allow_damage, max_pixels=self.max_pixels
        )
        if not allow_damage:
            return source
        from vmafx_tune.media.damage import accept_damage

        return accept_damage(source, self._session.cancel)

    @cached_property
    def decoder(self) -> str:
        """Version of PyAV, which decodes here."""

        def version() -> str:
            import av

            return av.__version__

        found = find_spec("av")
        path = Path(found.origin) if found and found.origin else _ANY_PATH
        return str(self._session.facts.of(path, "version of PyAV", version))

    @cached_property
    def _reader_version(self) -> str:
        """What reads sources here: another version may see other facts in a file, or tell more."""
        names = (each.name for each in (*fields(Source), *fields(Excerpt)))
        told = zlib.crc32(" ".join(names).encode())
        return f"{__version__} {self.decoder} {told}"

    def key_of(self, source: Source) -> str:
        """Tell apart what is read of one file: by the facts, the filters' files, and the reader.

        Raises:
            OSError: A file that its filters name cannot be read.
        """
        from vmafx_tune.encoders.named_files import filter_files

        files = [self._session.facts.digest(path) for path in filter_files(source.filters)]
        facts = (self._reader_version, replace(source, path=_ANY_PATH), files)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def filtered(self, source: Source) -> Source:
        """Put the options' crop, filters and deinterlacing before a source.

        Args:
            source: As probed.

        Raises:
            UsageError: They do not fit the source, or ffmpeg does not take them.
            ToolNotFoundError: There is no ffmpeg to run them.
        """
        options = self._options
        if options.filter is None and options.crop is None and not options.deinterlace:
            return source
        from vmafx_tune.encoders.named_files import filter_files
        from vmafx_tune.media.filtering import prepare_source

        return prepare_source(
            source,
            chain=options.filter,
            crop=options.crop,
            deinterlace=options.deinterlace,
            find_ffmpeg=lambda: self._session.ffmpeg,
            runner=self._session.runner,
            note=self._session.warn,
            files_of=filter_files,
        )

    def with_field_order(self, source: Source) -> Source:
        """Find out which field of an interlaced source comes first.

        Raises:
            ToolNotFoundError: There is no ffmpeg to look at it.
        """
        if not source.interlaced or source.filters:
            return source

        def find() -> bool:
            from vmafx_tune.media.filtering import find_field_order

            found = find_field_order(source, self._session.ffmpeg, self._session.runner)
            return found.bottom_field_first

        name = f"field order {source.stream}"
        bottom_field_first = bool(self._session.facts.of(source.path, name, find))
        return replace(source, bottom_field_first=bottom_field_first)

    def thumbnails(self, source: Source, shape: Resolution) -> Thumbnails:
        """Read small pictures of a source; see `Thumbnails`."""
        from vmafx_tune.media.frames import Thumbnails

        return Thumbnails(source, shape, self._session.cancel)

    def cutting_note(self, source: Source, segments: Sequence[Segment]) -> str | None:
        """Say what it costs to cut parts out of `source`; None where that is little."""
        return self._cutter(source).note(segments) if segments else None

    def cutting(self, source: Source) -> Callable[[Source, Segment], Source]:
        """Make what takes parts of `source`, looking into its file once for all of them."""
        known = self.key_of(source)

        def cut(_: Source, segment: Segment) -> Source:
            first, n_frames = segment.first_frame, segment.n_frames

            def find() -> Source:
                return self._cutter(source).cut(first, n_frames)

            name = f"excerpt {known} {first} {n_frames}"
            found = self._session.facts.of(source.path, name, find, kind=Source)
            return replace(found, path=source.path)

        return cut

    def _cutter(self, source: Source) -> ExcerptCutter:
        from vmafx_tune.media.excerpts import ExcerptCutter

        return self._cutters.setdefault(source, ExcerptCutter(source))

    def remote_ranges(self, source: Source) -> Ranges:
        """Find the bytes of an object in a store that reading an excerpt or parts of it takes.

        Returns:
            The bytes; empty where all of them are to be had, and for other files.
        """
        url = self.urls.get(source.path)
        if url is None:
            return ()
        from vmafx_tune.media.urls import parse_url

        if not parse_url(url).is_object:
            return ()

        def find() -> list[Any]:
            from vmafx_tune.media.byte_ranges import needed_ranges

            return list(needed_ranges(source))

        found = self._session.facts.of(source.path, f"bytes {self.key_of(source)}", find)
        return tuple((first, end) for first, end in found)

    def video_bitrate_kbps(self, source: Source, encode_bytes: int) -> float | None:
        """Measure a source's video bitrate, to hold an encode's against; None where far above."""
        from vmafx_tune.media.packets import is_far_larger, video_bitrate_kbps

        if source.codec == "rawvideo" or is_far_larger(source, encode_bytes):
            return None
        name = f"kbps of video {source.stream}, {source.n_frames} at {source.frame_rate}"
        measure = partial(video_bitrate_kbps, source)
        found: float | None = self._session.facts.of(source.path, name, measure)
        return found

    def complexity(self, source: Source) -> Complexity:
        """Find out how hard each frame of a source is to encode, at little cost.

        Raises:
            UnreadableSourceError: It cannot be read to its end.
        """
        from vmafx_tune.media.packets import measure_complexity

        return measure_complexity(source)


def _is_raw(path: Path) -> bool:
    return path.suffix.lower() in _RAW_SUFFIXES
