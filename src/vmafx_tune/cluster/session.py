"""The adapters of a run whose probes are made on a cluster."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.cluster.messages import Inquiry, Kit, difference
from vmafx_tune.errors import ClusterWorkersError, ScoringError, UsageError, VmafxTuneError
from vmafx_tune.probing.local import LocalProbing
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.cluster.connection import Connection
    from vmafx_tune.cluster.eligibility import EligibleWorkers
    from vmafx_tune.cluster.messages import Report
    from vmafx_tune.cluster.placement import Placement
    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.model import EncodeSpec, ScoreRequest, ScoreSet, VmafModel
    from vmafx_tune.options import SourceOptions, ToolOptions
    from vmafx_tune.ports import FrameProgress, Prober, Scorer
    from vmafx_tune.probing.keys import Setup

__all__ = ["ClusterProbing", "cluster_session"]

_KEPT = "Finished probes are cached."


def cluster_session(
    address: str,
    tools: ToolOptions | None = None,
    sources: SourceOptions | None = None,
    *,
    timeout_s: float = 10.0,
    priority: int = 0,
    cancel: CancelToken | None = None,
    on_command: Callable[[tuple[str, ...]], None] | None = None,
) -> Session:
    """Make a session whose encodes and scores are made by workers of a Dask cluster.

    The source is read here, for its facts and its content; the store of probes is here; all that is
    measured is measured there. Close it when the work is done.

    Args:
        address: Of the scheduler: `tcp://HOST:PORT`.
        tools: Programs that are named are those of the workers.
        sources: How sources are read.
        timeout_s: How long to wait for the scheduler, and for a worker where there is none.
        priority: Probes of sessions with a higher one are started first.
        cancel: Stops everything, on the workers too.
        on_command: Called with each command that runs on this machine.
    """
    session = Session(tools, sources, cancel=cancel, on_command=on_command)
    session.probing = ClusterProbing(session, address, timeout_s=timeout_s, priority=priority)
    return session


class ClusterProbing:
    """Implements `session.Probing` with the workers of a Dask cluster.

    Args:
        session: Reads the source, and keeps what was measured.
        address: Of the scheduler.
        timeout_s: How long to wait for it, and for a worker where there is none.
        priority: Probes of sessions with a higher one are started first.
    """

    def __init__(
        self, session: Session, address: str, *, timeout_s: float, priority: int = 0
    ) -> None:
        self._session = session
        self._address = address
        self._timeout_s = timeout_s
        self._priority = priority
        self._scoring: Inquiry | None = None
        self._is_lent = False
        self._own_reports: dict[Inquiry, Report | None] = {}

    @cached_property
    def _connection(self) -> Connection:
        from vmafx_tune.cluster.connection import connect

        return connect(
            self._address,
            timeout_s=self._timeout_s,
            warn=self._session.warn,
            consolation=_KEPT if self._session.tools.cache else "",
            priority=self._priority,
        )

    @cached_property
    def _eligible(self) -> EligibleWorkers:
        from vmafx_tune.cluster.eligibility import EligibleWorkers

        return EligibleWorkers(
            self._connection,
            here=self._report_of_this_machine,
            warn=self._session.warn,
            patience_s=self._timeout_s,
        )

    @cached_property
    def _placement(self) -> Placement:
        from vmafx_tune.cluster.placement import Placement

        return Placement(self._connection.loads)

    @cached_property
    def _kit(self) -> Kit:
        def text(path: Path | None) -> str | None:
            return None if path is None else str(path)

        return Kit(
            text(self._session.tools.ffmpeg),
            text(self._session.tools.vmaf),
            self._session.tools.timeout_s,
        )

    def connect(self) -> None:
        """Connect to the scheduler; see `Probing`."""
        _ = self._connection

    @property
    def slots(self) -> int | None:
        """Probes that the workers make at once."""
        return self._eligible.slots

    def for_session(self, session: Session) -> ClusterProbing:
        """Make probes for another session, on the same connection; see `Probing`."""
        probing = ClusterProbing(session, self._address, timeout_s=self._timeout_s)
        probing._connection, probing._eligible = self._connection, self._eligible
        probing._placement = self._placement
        probing._is_lent = True
        return probing

    def close(self) -> None:
        """End the connection, unless it is another's; what is still under way is stopped."""
        if "_connection" in self.__dict__ and not self._is_lent:
            self._connection.close()

    def scorer(self, backend: str, model: VmafModel, metrics: Sequence[str] = ()) -> Scorer:
        """Choose the backend that the workers score with, and compute metrics.

        Raises:
            ClusterError: No worker can.
        """
        from vmafx_tune.cluster.prober import file_ref

        file = None if model.path is None else file_ref(model.path, self._session.facts)
        self._scoring = Inquiry(
            self._kit, backend=backend, model=model, model_file=file, metrics=tuple(metrics)
        )
        report = self._eligible.agreed(self._scoring)
        return _RemoteScorer(report.name, report.version)

    @property
    def ffmpeg(self) -> Ffmpeg:
        """The workers' ffmpeg: under its name here where this machine has the same."""
        from vmafx_tune.media.ffmpeg import Ffmpeg

        if self._has_the_workers_ffmpeg:
            return self._session.ffmpeg
        report = self._eligible.agreed(self._asked_scoring())
        return Ffmpeg(Path(report.ffmpeg), report.ffmpeg_version, "cluster")

    @property
    def _has_the_workers_ffmpeg(self) -> bool:
        report = self._eligible.agreed(self._asked_scoring())
        own = self._report_of_this_machine(self._asked_scoring())
        return own is not None and own.facts == report.facts

    def availability(self, row: EncoderRow) -> Availability:
        """Find out whether any worker can use an encoder."""
        from vmafx_tune.encoders.availability import Availability

        try:
            inquiry = Inquiry(self._kit, encoder=row.name)
            report = self._eligible.agreed(inquiry, among=self._scoring)
        except ClusterWorkersError as error:
            return Availability(row.name, compiled=True, opens=False, reason=str(error))
        return Availability(row.name, compiled=True, opens=True, version=report.version)

    def unused_arguments(self, spec: EncodeSpec) -> tuple[str, ...]:
        """Find arguments that do nothing, where this machine has the workers' ffmpeg.

        Elsewhere the workers' encodes have to tell.
        """
        here = LocalProbing(self._session)
        return here.unused_arguments(spec) if self._has_the_workers_ffmpeg else ()

    def setup(self) -> Setup:
        """Tell what decides the outcome of a probe on the workers."""
        return _AgreedSetup(self._eligible, self._kit, self._asked_scoring())

    def why_not_here(self, spec: EncodeSpec) -> str | None:
        """Say what tells this machine from the workers, as a clause; see `Probing`."""
        scoring = self._asked_scoring()
        encoding = Inquiry(self._kit, encoder=spec.encoder)
        for inquiry in (scoring, encoding):
            among = None if inquiry is scoring else scoring
            expected = dict(self._eligible.agreed(inquiry, among=among).facts or {})
            if spec.threads is not None:
                expected.pop("processors", None)
            own = self._report_of_this_machine(inquiry)
            facts = {} if own is None else own.facts or {}
            if (reason := difference(facts, expected)) is not None:
                return reason
        return None

    def prober(self) -> Prober:
        """Make probes on the cluster."""
        from vmafx_tune.cluster.prober import ClusterProber

        return ClusterProber(
            self._connection,
            self._eligible,
            self._placement,
            self._kit,
            self._asked_scoring(),
            facts=self._session.facts,
            url_of=self._session.reader.urls.get,
            ranges_of=self._session.reader.remote_ranges,
            command=self._session.user_command,
            cancel=self._session.cancel,
            patience_s=self._timeout_s,
        )

    def _asked_scoring(self) -> Inquiry:
        if self._scoring is None:
            raise UsageError("The scorer has to be chosen before anything is measured with it.")
        return self._scoring

    def _report_of_this_machine(self, inquiry: Inquiry) -> Report | None:
        from vmafx_tune.cluster.worker import tools_for

        if inquiry not in self._own_reports:
            try:
                self._own_reports[inquiry] = tools_for(inquiry.kit).report(inquiry)
            except (VmafxTuneError, OSError):
                self._own_reports[inquiry] = None
        return self._own_reports[inquiry]


class _AgreedSetup:
    """Implements `probing.keys.Setup` with what the workers have reported."""

    def __init__(self, eligible: EligibleWorkers, kit: Kit, scoring: Inquiry) -> None:
        self._eligible = eligible
        self._kit = kit
        self._scoring = scoring

    def scoring(self) -> Mapping[str, Any]:
        facts = dict(self._eligible.agreed(self._scoring).facts or {})
        # It is asked for with the scorer, so that all workers have one and the same; a score of a
        # clip against itself takes none.
        del facts["ffmpeg"]
        return facts

    def encoding(self, row: EncoderRow) -> Mapping[str, Any]:
        inquiry = Inquiry(self._kit, encoder=row.name)
        return self._eligible.agreed(inquiry, among=self._scoring).facts or {}


class _RemoteScorer:
    """Tells what the workers score with; scores themselves are made by the prober."""

    def __init__(self, name: str, version: str) -> None:
        self.name = name
        self.version = version

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        del on_progress
        raise ScoringError(
            f"Workers of a cluster score their own encodes, and not '{request.distorted.path}'."
        )
