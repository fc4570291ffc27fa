"""A prober that makes probes ahead: those that a search is likely to ask for next."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from vmafx_tune.cancel import CancelToken
from vmafx_tune.ports import Recaller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vmafx_tune.model import Probe, ProbeSpec, ScoreSet
    from vmafx_tune.ports import ProbeProgress, Prober

__all__ = ["MOST_AHEAD", "ProbingAhead"]

MOST_AHEAD = 2
"""Probes beside the one that is asked for: its neighbours, one of which closes the case."""


class ProbingAhead:
    """Implements `ports.Prober` and `ports.AheadProber` where processors would be idle.

    A probe that was begun and is asked for is waited for; one that is not likely to be asked for
    any more is stopped. What is asked for, and what comes back, is the same as without; it only
    comes sooner. Not thread-safe: one search asks.

    Args:
        prober: Makes and recalls all other probes.
        make: Makes a prober whose probes a token stops.
        cancel: Stops everything.
        spare: Tells for how many further probes there are idle processors.
    """

    def __init__(
        self,
        prober: Prober,
        make: Callable[[CancelToken], Prober],
        *,
        cancel: CancelToken,
        spare: Callable[[], int],
    ) -> None:
        self._prober = prober
        self._make = make
        self._cancel = cancel
        self._spare = spare
        self._begun: dict[ProbeSpec, _Begun] = {}
        self._stopped: list[_Begun] = []

    def begin(self, spec: ProbeSpec, likely: Sequence[ProbeSpec]) -> None:
        """Begin probes that are likely after `spec`; see `ports.AheadProber`."""
        wanted = likely[:MOST_AHEAD]
        for other in self._begun.keys() - {spec, *wanted}:
            self._stop(self._begun.pop(other))
        if spec in self._begun:
            # It is as good as done, and most likely closes the case.
            return
        room = self._spare() - 1  # without what `spec` itself takes
        for other in [other for other in wanted if other not in self._begun][: max(0, room)]:
            self._begun[other] = _Begun(self._make, other, self._cancel)

    def end(self) -> None:
        """Stop what was begun, and wait until nothing of it is left; see `ports.AheadProber`."""
        for begun in self._begun.values():
            self._stop(begun)
        self._begun = {}
        while self._stopped:
            self._stopped.pop().wait()

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Wait for the probe of `spec`, or make it; see `ports.Prober`."""
        begun = self._begun.pop(spec, None)
        if begun is None:
            return self._prober.probe(spec, on_progress=on_progress)
        try:
            return begun.result(on_progress)
        except BaseException:
            self._stop(begun)
            raise

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Score the source against itself; see `ports.Prober`."""
        return self._prober.score_itself(spec)

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        """Recall what is known; see `ports.Recaller`."""
        return self._prober.known(template) if isinstance(self._prober, Recaller) else ()

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._prober.cancel()

    def _stop(self, begun: _Begun) -> None:
        begun.stop()
        self._stopped.append(begun)


class _Begun:
    """A probe that runs in a thread of its own."""

    def __init__(
        self, make: Callable[[CancelToken], Prober], spec: ProbeSpec, cancel: CancelToken
    ) -> None:
        self._token = CancelToken()
        self._observer: ProbeProgress | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._future: Future[Probe] = self._pool.submit(self._run, make, spec, cancel)
        self._pool.shutdown(wait=False)

    def _run(
        self, make: Callable[[CancelToken], Prober], spec: ProbeSpec, cancel: CancelToken
    ) -> Probe:
        with cancel.calling(self._token.cancel):
            return make(self._token).probe(spec, on_progress=self._tell)

    def _tell(self, stage: str, frames_done: int) -> None:
        observer = self._observer
        if observer is not None:
            observer(stage, frames_done)

    def result(self, observer: ProbeProgress | None) -> Probe:
        """Wait for the probe; from now on, its progress is told."""
        self._observer = observer
        return self._future.result()

    def stop(self) -> None:
        """Stop it; what it has made is gone, unless it was done."""
        self._token.cancel()

    def wait(self) -> None:
        """Wait until it has ended, in whatever way."""
        self._future.exception()
