"""Where adapters meet commands: one session for each run."""

from __future__ import annotations

import hashlib
import os
import zlib
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.cancel import CancelToken
from vmafx_tune.cpus import CoreShares, available_cpus
from vmafx_tune.events import Observer, Warned, ignore
from vmafx_tune.files import cache_folder
from vmafx_tune.model import Excerpt, RawFormat, Source
from vmafx_tune.options import SourceOptions, ToolOptions
from vmafx_tune.parsing import parse_frame_rate, parse_resolution
from vmafx_tune.probing.local import LocalProbing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.media.excerpts import ExcerptCutter
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.media.frames import Thumbnails
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.media.source_cache import SourceCache
    from vmafx_tune.model import (
        Complexity,
        EncodeSpec,
        Probe,
        Resolution,
        VmafModel,
    )
    from vmafx_tune.ports import Encoder, KeepEncode, Prober, Probing, Scorer
    from vmafx_tune.probing.store import SqliteProbeStore
    from vmafx_tune.sampling.parts import SamplePlan, Segment
    from vmafx_tune.scoring.reference_copies import ReferenceCopies

__all__ = ["Session", "open_session"]

# Facts of a file do not depend on what it is called.
_ANY_PATH = Path()
_RAW_SUFFIXES = frozenset({".yuv", ".raw"})


@contextmanager
def open_session(
    session: Session | None,
    tools: ToolOptions | None,
    sources: SourceOptions | None,
    observe: Observer,
) -> Iterator[Session]:
    """Lend a caller's session, which stays open, or one that is made for the block and closed.

    Either reports to `observe` meanwhile.
    """
    if session is None:
        with closing(Session(tools, sources, observe=observe)) as own:
            yield own
        return
    before, session.observe = session.observe, observe
    try:
        yield session
    finally:
        session.observe = before


class Session:
    """The adapters of one run, each made when it is first needed.

    Args:
        tools: Which programs to use, and where to work.
        sources: How sources are read.
        cancel: Stops everything that the session's adapters have running.
        on_command: Called with each command before it runs.
        observe: Told what a user should know.

    Attributes:
        probing: Makes the probes.
        urls: Where copies of sources come from.
        max_pixels: Largest picture that is decoded; None for any.
        keep: Told of each trial encode that this machine makes; None to keep none.
    """

    max_pixels: int | None = None
    keep: KeepEncode | None = None

    def __init__(
        self,
        tools: ToolOptions | None = None,
        sources: SourceOptions | None = None,
        *,
        cancel: CancelToken | None = None,
        on_command: Callable[[tuple[str, ...]], None] | None = None,
        observe: Observer = ignore,
    ) -> None:
        self.observe = observe
        self.tools = tools or ToolOptions()
        self.cancel = cancel or CancelToken()
        self._sources = sources or SourceOptions()
        self._on_command = on_command
        self.availabilities: dict[str, Availability] = {}
        self.probing: Probing = LocalProbing(self)
        self.urls: dict[Path, str] = {}
        self._cutters: dict[Source, ExcerptCutter] = {}

    @cached_property
    def runner(self) -> ProcessRunner:
        """Runs child processes."""
        from vmafx_tune.media.process import ProcessRunner

        return ProcessRunner(self.cancel, self.tools.timeout_s, on_command=self._on_command)

    @cached_property
    def shares(self) -> CoreShares:
        """Splits this machine's processors between the probes that are being made."""
        return CoreShares(available_cpus())

    @cached_property
    def ffmpeg(self) -> Ffmpeg:
        """The ffmpeg to run.

        Raises:
            ToolNotFoundError: There is none.
        """
        from vmafx_tune.media.ffmpeg import find_ffmpeg

        return find_ffmpeg(self.tools.ffmpeg, self.runner, facts=self.facts)

    def close(self) -> None:
        """Remove what was kept to be used again, and end what makes probes."""
        self.probing.close()
        if "reference_copies" in self.__dict__:
            self.reference_copies.close()
        if "source_cache" in self.__dict__:
            self.source_cache.close()

    def for_one_job(self, cancel: CancelToken) -> Session:
        """Make a session with a token of its own, which knows what this one has found out."""
        session = Session(self.tools, self._sources, cancel=cancel, on_command=self._on_command)
        session.facts = self.facts
        session.ffmpeg = self.ffmpeg
        session.shares = self.shares
        session.reference_copies = self.reference_copies
        session.availabilities = self.availabilities
        return session

    @cached_property
    def source_cache(self) -> SourceCache:
        """Fetches sources by URL; the copies stay until the session is closed."""
        from vmafx_tune.media.source_cache import SourceCache

        return SourceCache(self.cancel, digest_of=self.facts.digest)

    def copy_of(self, url: str) -> Path:
        """Fetch what is at an http or https URL; the copy stays until the session is closed.

        Raises:
            UsageError: It is not a valid URL.
            UnreadableSourceError: It cannot be fetched.
            OutputError: There is no room for it.
        """
        self.probing.connect()
        path = self.source_cache.current(url)
        self.urls[path] = url
        return path

    def source(self, path: Path) -> Source:
        """Probe a source; a `.yuv` file with the geometry of the options.

        Raises:
            UnreadableSourceError: It is missing, or not a video.
        """
        # A cluster that is down shows before a long source is read.
        self.probing.connect()
        return self._probed(path, self._sources.video_stream)

    def distorted(self, path: Path) -> Source:
        """Probe a clip to be judged; the stream asked for is meant where it has several.

        Raises:
            UnreadableSourceError: It is missing, or not a video.
        """
        wanted = self._sources.video_stream
        found = self._probed(path, None)
        return found if wanted is None or found.n_streams == 1 else self._probed(path, wanted)

    def _probed(self, path: Path, stream: int | None) -> Source:
        raw = self._raw_format() if _is_raw(path) else None
        read = partial(self._read, path, raw, stream)
        if self.max_pixels is not None:
            return read()
        name = f"source {self._reader} {raw} {stream} {self._sources.allow_damage}"
        found = self.facts.of(path, name, lambda: replace(read(), path=_ANY_PATH), kind=Source)
        return replace(found, path=path)

    def _read(self, path: Path, raw: RawFormat | None, stream: int | None) -> Source:
        from vmafx_tune.media.probe import probe_source

        allow_damage = self._sources.allow_damage
        source = probe_source(
            path, raw, stream, allow_damage=allow_damage, max_pixels=self.max_pixels
        )
        if not allow_damage:
            return source
        from vmafx_tune.media.damage import accept_damage

        return accept_damage(source, self.cancel)

    @cached_property
    def decoder(self) -> str:
        """Version of PyAV, which decodes here."""

        def version() -> str:
            import av

            return av.__version__

        found = find_spec("av")
        path = Path(found.origin) if found and found.origin else _ANY_PATH
        return str(self.facts.of(path, "version of PyAV", version))

    @cached_property
    def _reader(self) -> str:
        """What reads sources here: another version may see other facts in a file, or tell more."""
        told = zlib.crc32(" ".join((*Source.__slots__, *Excerpt.__slots__)).encode())
        return f"{__version__} {self.decoder} {told}"

    def filtered(self, source: Source) -> Source:
        """Put the options' crop, filters and deinterlacing before a source.

        Args:
            source: As probed.

        Raises:
            UsageError: They do not fit the source, or ffmpeg does not take them.
            ToolNotFoundError: There is no ffmpeg to run them.
        """
        options = self._sources
        if options.filter is None and options.crop is None and not options.deinterlace:
            return source
        from vmafx_tune.encoders.named_files import filter_files
        from vmafx_tune.media.filtering import prepare_source

        return prepare_source(
            source,
            chain=options.filter,
            crop=options.crop,
            deinterlace=options.deinterlace,
            find_ffmpeg=lambda: self.ffmpeg,
            runner=self.runner,
            note=self.warn,
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

            return find_field_order(source, self.ffmpeg, self.runner).bottom_field_first

        name = f"field order {source.stream}"
        bottom_field_first = bool(self.facts.of(source.path, name, find))
        return replace(source, bottom_field_first=bottom_field_first)

    def thumbnails(self, source: Source, shape: Resolution) -> Thumbnails:
        """Read small pictures of a source; see `Thumbnails`."""
        from vmafx_tune.media.frames import Thumbnails

        return Thumbnails(source, shape, self.cancel)

    def _raw_format(self) -> RawFormat | None:
        if self._sources.size is None:
            return None
        return RawFormat(
            parse_resolution(self._sources.size),
            self._sources.pix_fmt,
            parse_frame_rate(self._sources.fps),
        )

    def model(self, name: str | None, display: Resolution) -> VmafModel:
        """Find a VMAF model by name or path, or the default one for `display`.

        Raises:
            ModelNotFoundError: There is none of that name.
            ScoringError: `display` is too small for it.
        """
        from vmafx_tune.scoring.models import resolve_model

        return resolve_model(name, display)

    def scorer(
        self, backend: str, model: VmafModel, *, at_once: bool = False, often: bool = False
    ) -> Scorer:
        """Choose the backend that scores with `model`; see `choose_scorer`.

        Args:
            backend: Its name, or `auto`.
            model: What it must have.
            at_once: Whether scoring is all there is to do.
            often: Whether many encodes are scored against the same clips, which are then kept
                decoded until `close`.

        Raises:
            UsageError: There is no such backend.
            ToolNotFoundError, LibvmafNotFoundError, ModelNotFoundError: It cannot be used here;
                with `auto`, also any program or library that the user named.
        """
        from vmafx_tune.scoring.choice import AUTO, choose_scorer

        if backend == AUTO:
            self._require_named()
        return choose_scorer(
            backend,
            model,
            find_ffmpeg=lambda: self.ffmpeg,
            runner=self.runner,
            vmaf=self.vmaf_binary,
            work_dir=self.tools.work_dir,
            at_once=at_once,
            copies=(lambda: self.reference_copies) if often else None,
            facts=self.facts,
        )

    def _require_named(self) -> None:
        """Refuse what the user named and cannot be used: `auto` would score with something else."""
        from vmafx_tune.media.ffmpeg import ffmpeg_is_named

        if ffmpeg_is_named(self.tools.ffmpeg) and "ffmpeg" not in self.__dict__:
            _ = self.ffmpeg
        if os.environ.get("VMAFX_LIBVMAF"):
            from vmafx_tune.scoring.libvmaf.library import load_libvmaf

            load_libvmaf()
        if self.vmaf_binary is not None:
            from vmafx_tune.scoring.vmaf_binary import find_vmaf

            find_vmaf(self.vmaf_binary)

    @cached_property
    def reference_copies(self) -> ReferenceCopies:
        """Keeps references decoded, until the session is closed."""
        from vmafx_tune.scoring.reference_copies import ReferenceCopies

        return ReferenceCopies(self.tools.work_dir)

    @cached_property
    def vmaf_binary(self) -> Path | None:
        """The `vmaf` program that was named, if one was."""
        named = os.environ.get("VMAFX_VMAF_BINARY")
        return self.tools.vmaf or (Path(named) if named else None)

    def encoder(self) -> Encoder:
        """Make encodes without scores, on this machine."""
        from vmafx_tune.encoders.runner import FfmpegEncoder
        from vmafx_tune.media.probe import probe_source

        return FfmpegEncoder(self.ffmpeg, self.runner, probe_source)

    def prober(self) -> Prober:
        """Make the probes that are not known already, with the scorer that `probing` has chosen.

        Raises:
            UsageError: The size that the store may have is no size.
        """
        prober = self.probing.prober()
        return self._caching(prober) if self.tools.cache else prober

    def _caching(self, prober: Prober) -> Prober:
        from vmafx_tune.probing.caching import CLAIMS_FOLDER, CachingProber, Claims
        from vmafx_tune.probing.keys import ProbeKeys

        return CachingProber(
            prober,
            self.probe_store,
            ProbeKeys(self.facts, self.probing.setup()),
            command=self.user_command,
            claim=Claims(cache_folder() / CLAIMS_FOLDER, self.cancel),
            refresh=self.tools.refresh,
        )

    @cached_property
    def facts(self) -> FileFacts:
        """What is known of files: sources, and programs."""
        from vmafx_tune.media.file_facts import FileFacts

        return FileFacts(self.probe_store if self.tools.cache else None, refresh=self.tools.refresh)

    @cached_property
    def probe_store(self) -> SqliteProbeStore:
        """The store of probes.

        Raises:
            UsageError: The size that it may have is no size.
        """
        from vmafx_tune.probing.store import STORE_NAME, SqliteProbeStore, store_limit

        return SqliteProbeStore(
            cache_folder() / STORE_NAME,
            limit_bytes=store_limit(),
            warn=self.warn,
        )

    def warn(self, message: str) -> None:
        """Tell a user something, as a sentence."""
        self.observe(Warned(message))

    def user_command(self, spec: EncodeSpec) -> tuple[str, ...]:
        """Build the command with which a user repeats an encode."""
        from vmafx_tune.encoders.argv import user_command
        from vmafx_tune.encoders.registry import encoder_row

        return user_command(spec, encoder_row(spec.encoder), self.probing.ffmpeg.path)

    def join_command(self, spec: EncodeSpec, chunks: Sequence[Probe]) -> tuple[str, ...]:
        """Build the command that joins the chunks of an encode, after the chunks' own commands."""
        from vmafx_tune.encoders.argv import join_command
        from vmafx_tune.encoders.registry import encoder_row

        names = [chunk.command[-1] for chunk in chunks]
        return join_command(spec, encoder_row(spec.encoder), self.probing.ffmpeg.path, names)

    def sampled(
        self,
        prober: Prober,
        plan: SamplePlan,
        source: Source,
        *,
        lead_in: int = 0,
        workers: int = 1,
    ) -> Prober:
        """Make a prober that measures parts of `source` with `prober`.

        Args:
            prober: Probes the parts.
            plan: Which parts.
            source: The clip that all probes will be of.
            lead_in: Frames at the start of each part whose scores are left out.
            workers: Parts probed side by side.
        """
        from vmafx_tune.encoders.registry import encoder_row
        from vmafx_tune.sampling.joining import join_sample
        from vmafx_tune.sampling.prober import PartsProber

        join = partial(
            join_sample,
            plan=plan,
            opening_weight=lambda name: encoder_row(name).opening_weight,
            command=self.user_command,
            lead_in=lead_in,
        )
        return PartsProber(prober, plan.segments, join, cut=self.cutting(source), workers=workers)

    def chunked(
        self, prober: Prober, chunks: Sequence[Segment], source: Source, *, workers: int = 1
    ) -> Prober:
        """Make a prober that encodes and scores `source` in chunks with `prober`.

        Args:
            prober: Probes the chunks.
            chunks: The whole of the clip, in order.
            source: The clip that all probes will be of.
            workers: Chunks probed side by side.
        """
        from vmafx_tune.sampling.joining import join_chunks
        from vmafx_tune.sampling.prober import PartsProber

        join = partial(join_chunks, command=self.join_command)
        return PartsProber(prober, chunks, join, cut=self.cutting(source), workers=workers)

    def cutting_note(self, source: Source, segments: Sequence[Segment]) -> str | None:
        """Say what it costs to cut parts out of `source`; None where that is little."""
        return self._cutter(source).note(segments) if segments else None

    def cutting(self, source: Source) -> Callable[[Source, Segment], Source]:
        """Make what takes parts of `source`, looking into its file once for all of them."""
        known = hashlib.sha256(repr(replace(source, path=_ANY_PATH)).encode()).hexdigest()

        def cut(_: Source, segment: Segment) -> Source:
            first, n_frames = segment.first_frame, segment.n_frames

            def find() -> Source:
                return self._cutter(source).cut(first, n_frames)

            name = f"excerpt {self._reader} {known} {first} {n_frames}"
            return replace(self.facts.of(source.path, name, find, kind=Source), path=source.path)

        return cut

    def _cutter(self, source: Source) -> ExcerptCutter:
        """Make what takes parts of a source, looking into the file once for all of them."""
        from vmafx_tune.media.excerpts import ExcerptCutter

        return self._cutters.setdefault(source, ExcerptCutter(source))

    def video_bitrate_kbps(self, source: Source, encode_bytes: int) -> float | None:
        """Measure a source's video bitrate, to hold an encode's against; None where far above."""
        from vmafx_tune.media.packets import is_far_larger, video_bitrate_kbps

        if source.codec == "rawvideo" or is_far_larger(source, encode_bytes):
            return None
        name = f"kbps of video {source.stream}, {source.n_frames} at {source.frame_rate}"
        found: float | None = self.facts.of(source.path, name, lambda: video_bitrate_kbps(source))
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
