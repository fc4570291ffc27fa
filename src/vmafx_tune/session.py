"""Where adapters meet commands: one session for each run."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.cancel import CancelToken
from vmafx_tune.cpus import CoreShares, available_cpus
from vmafx_tune.events import Observer, Warned, ignore
from vmafx_tune.files import cache_folder
from vmafx_tune.options import SourceOptions, ToolOptions
from vmafx_tune.probing.local import LocalProbing
from vmafx_tune.source_reader import SourceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import EncodeSpec, Probe, Resolution, Source, VmafModel
    from vmafx_tune.ports import Encoder, ExpectedCurves, KeepEncode, Prober, Probing, Scorer
    from vmafx_tune.probing.store import SqliteProbeStore
    from vmafx_tune.sampling.parts import SamplePlan, Segment
    from vmafx_tune.scoring.reference_copies import ReferenceCopies

__all__ = ["Session", "open_session"]


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
        keep: Told of each trial encode that this machine makes; None to keep none.
        expected: Knows what clips like the next one score; None where nobody does.
        wrap_scorer: Called with the backend that was chosen; returns what scores in its place.
        whole: The source of which all is measured, if there is one. It is checked for damage before
            its parts are looked at.
    """

    keep: KeepEncode | None = None
    expected: ExpectedCurves | None = None
    wrap_scorer: Callable[[Scorer], Scorer] | None = None
    whole: Source | None = None

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
        if "reader" in self.__dict__:
            self.reader.close()

    def for_one_job(self, cancel: CancelToken, sources: SourceOptions | None = None) -> Session:
        """Make a session with a token of its own, which knows what this one has found out.

        Args:
            cancel: The token.
            sources: How it reads sources; None for as this one does.
        """
        session = Session(
            self.tools, sources or self._sources, cancel=cancel, on_command=self._on_command
        )
        session.facts = self.facts
        if self.tools.cache:
            session.probe_store = self.probe_store
        if "ffmpeg" in self.__dict__:
            session.ffmpeg = self.ffmpeg
        session.shares = self.shares
        session.availabilities = self.availabilities
        session.expected = self.expected
        session.probing = self.probing.for_session(session)
        return session

    def for_one_probe(self, cancel: CancelToken) -> Session:
        """Make a session with a token of its own, for a probe beside those of this one.

        It lends what this one keeps, and must not be closed.
        """
        session = self.for_one_job(cancel)
        session.reader = self.reader
        session.reference_copies = self.reference_copies
        session.whole = self.whole
        return session

    @cached_property
    def reader(self) -> SourceReader:
        """Reads sources."""
        return SourceReader(self, self._sources)

    def model(self, name: str | None, display: Resolution) -> VmafModel:
        """Find a VMAF model by name or path, or the default one for `display`.

        Raises:
            ModelNotFoundError: There is none of that name.
            ScoringError: `display` is too small for it.
        """
        from vmafx_tune.scoring.models import resolve_model

        return resolve_model(name, display)

    def scorer(
        self,
        backend: str,
        model: VmafModel,
        *,
        at_once: bool = False,
        often: bool = False,
        metrics: Sequence[str] = (),
    ) -> Scorer:
        """Choose the backend that scores with `model`; see `choose_scorer`.

        Args:
            backend: Its name, or `auto`.
            model: What it must have.
            at_once: Whether scoring is all there is to do.
            often: Whether many encodes are scored against the same clips, which are then kept
                decoded until `close`.
            metrics: What it must be able to compute beside VMAF.

        Raises:
            UsageError: There is no such backend.
            ToolNotFoundError, LibvmafNotFoundError, ModelNotFoundError, MetricUnavailableError: It
                cannot be used here; with `auto`, also any program or library that the user named.
        """
        from vmafx_tune.scoring.choice import AUTO, choose_scorer

        if backend == AUTO:
            self._require_named()
        scorer = choose_scorer(
            backend,
            model,
            find_ffmpeg=lambda: self.ffmpeg,
            runner=self.runner,
            vmaf=self.vmaf_binary,
            work_dir=self.tools.work_dir,
            at_once=at_once,
            copies=(lambda: self.reference_copies) if often else None,
            facts=self.facts,
            metrics=metrics,
        )
        return scorer if self.wrap_scorer is None else self.wrap_scorer(scorer)

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

        return FfmpegEncoder(self.ffmpeg, self.runner)

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
        return PartsProber(
            prober, plan.segments, join, cut=self.reader.cutting(source), workers=workers
        )

    def looking(self, prober: Prober, plan: SamplePlan, source: Source, *, lead_in: int) -> Prober:
        """Make a prober that looks at short parts of `source`, joined to one clip.

        Args:
            prober: Probes the parts.
            plan: Which parts; all of one length.
            source: The clip that all probes will be of.
            lead_in: Frames at the start of each part whose scores are left out.
        """
        from vmafx_tune.sampling.prober import JoinedPartsProber

        return JoinedPartsProber(
            prober,
            plan.segments,
            cut=self.reader.cutting(source),
            lead_in=lead_in,
            apart=self.sampled(prober, plan, source, lead_in=lead_in),
        )

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
        return PartsProber(prober, chunks, join, cut=self.reader.cutting(source), workers=workers)
