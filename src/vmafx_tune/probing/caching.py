"""A prober that measures nothing twice: it asks the cache first, and caches what it measured.

What one process measures, others wait for: it claims the probe, by a lock on a small file. The
kernel releases the lock when its holder ends, however that happens, so that none is ever stale; the
file is removed with the claim, and one that a killed process leaves behind stands in nobody's way.
Whoever cannot have locks goes without.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Protocol, TypeVar

from vmafx_tune.errors import TooLargeError, VmafxTuneError
from vmafx_tune.files import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.model import EncodeSpec, Probe, ProbeKey, ProbeSpec, ScoreSet
    from vmafx_tune.ports import ProbeProgress, Prober, ProbeStore

__all__ = [
    "CLAIMS_FOLDER",
    "CachingProber",
    "Claim",
    "Claims",
    "KeyMaker",
    "no_claim",
    "sweep_claims",
]

T = TypeVar("T")


_log = logging.getLogger(__name__)

CLAIMS_FOLDER = "claims"
"""Name of the folder with the files, in the cache folder."""

_PAUSE_S = 0.1


class Claim(Protocol):
    """Makes others wait with a probe for as long as a block lasts."""

    def __call__(
        self, digest: str, /, *, wait: bool, on_wait: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """Claim the probe with that key.

        Args:
            digest: Of the key.
            wait: Whether to wait for whoever has it; otherwise the block runs without it.
            on_wait: Called once, when there is something to wait for.

        Raises:
            CancelledError: The work was cancelled meanwhile.
        """
        ...


@contextmanager
def no_claim(digest: str, /, *, wait: bool, on_wait: Callable[[], None]) -> Iterator[None]:  # noqa: ARG001 - implements `Claim`
    """Claim nothing."""
    yield


class Claims:
    """Implements `Claim` among processes and threads.

    Nobody may wait for a claim while holding another one, or two could wait for each other.

    Args:
        folder: Of the files; it is made when it is first used.
        cancel: Ends waiting.
    """

    def __init__(self, folder: Path, cancel: CancelToken) -> None:
        self._folder = folder
        self._cancel = cancel

    @contextmanager
    def __call__(
        self, digest: str, /, *, wait: bool, on_wait: Callable[[], None]
    ) -> Iterator[None]:
        """Claim a probe; see `Claim`."""
        path = self._folder / digest
        try:
            lock = self._acquired(path, wait=wait, on_wait=on_wait)
        except OSError as error:
            _log.debug("There is no claim on %s: %s", digest, error)
            lock = None
        try:
            yield
        finally:
            if lock is not None:
                _release_claim(path, lock)

    def _acquired(self, path: Path, *, wait: bool, on_wait: Callable[[], None]) -> IO[bytes] | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = locked(path, create=True)
        if lock is not None or not wait:
            return lock
        on_wait()
        stopped = threading.Event()
        with self._cancel.calling(stopped.set):
            while (lock := locked(path, create=True)) is None:
                stopped.wait(_PAUSE_S)
                self._cancel.raise_if_cancelled()
        return lock


def sweep_claims(folder: Path) -> None:
    """Remove the files that killed processes left behind.

    Raises:
        OSError: One cannot be removed.
    """
    for path in folder.glob("*"):
        if (lock := locked(path)) is not None:
            _release_claim(path, lock)


def _release_claim(path: Path, lock: IO[bytes]) -> None:
    # Removed first: whoever opened it before sees that, and opens the next one.
    with suppress(OSError):
        path.unlink()
    lock.close()


class KeyMaker(Protocol):
    """Makes the keys that a store goes by."""

    def of(self, spec: ProbeSpec) -> ProbeKey:
        """Make the key of a probe."""
        ...

    def of_itself(self, spec: ProbeSpec) -> ProbeKey:
        """Make the key of the source's scores against itself."""
        ...


class CachingProber:
    """Implements `ports.Prober` with another prober and a store. Thread-safe.

    Each probe is kept as soon as it is measured, so that a run that is killed is taken up again
    where it ended. Threads and processes that ask for the same probe at once wait for the first of
    them; the next one takes over where that fails.

    Args:
        prober: Measures what is not known.
        store: Keeps what was measured.
        keys: Names what is to be measured.
        command: Builds the command that reproduces an encode, for the source's name of today.
        claim: Claims what is to be measured, so that other processes wait for it.
        refresh: Whether to measure anew what earlier runs measured, and to keep that instead. What
            another process measures meanwhile is then not waited for.
    """

    def __init__(
        self,
        prober: Prober,
        store: ProbeStore,
        keys: KeyMaker,
        *,
        command: Callable[[EncodeSpec], tuple[str, ...]],
        claim: Claim = no_claim,
        refresh: bool = False,
    ) -> None:
        self._prober = prober
        self._store = store
        self._keys = keys
        self._command = command
        self._claim = claim
        self._refresh = refresh
        self._turns = _Turns()
        self._fresh: set[str] = set()

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        """Recall a probe, or encode and score; see `ports.Prober`."""
        key = _key(self._keys.of, spec)
        if key is None:
            return self._prober.probe(spec, on_progress=on_progress)
        with self._turns.of(key):
            known = self._recall(self._store.get, key)
            if known is None:
                with self._claimed(key, on_progress):
                    # It may have been measured while the claim was waited for.
                    known = self._recall(self._store.get, key)
                    if known is None:
                        return self._made(key, spec, on_progress)
            return self._recalled(known, spec)

    def _made(self, key: ProbeKey, spec: ProbeSpec, on_progress: ProbeProgress | None) -> Probe:
        made = self._measured(key, spec, on_progress)
        if _key(self._keys.of, spec) != key:
            return made
        self._store.put(key, made)
        self._fresh.add(key.digest)
        self._put_plain(spec, made)
        return _without_features(made)

    def _put_plain(self, spec: ProbeSpec, made: Probe) -> None:
        """Let a probe with metrics serve whoever asks for none."""
        if not spec.metrics:
            return
        key = _key(self._keys.of, dataclasses.replace(spec, metrics=()))
        if key is not None and self._recall(self._store.get, key) is None:
            scores = dataclasses.replace(made.scores, metrics={})
            self._store.put(key, dataclasses.replace(made, scores=scores))
            self._fresh.add(key.digest)

    def _measured(self, key: ProbeKey, spec: ProbeSpec, on_progress: ProbeProgress | None) -> Probe:
        """Measure, or find out from here or from an earlier run that the encode is too large."""
        limit_kbps = spec.encode.max_bitrate_kbps
        if limit_kbps is None:
            return self._prober.probe(spec, on_progress=on_progress)
        least_kbps = self._recall(self._store.least_kbps, key)
        if least_kbps is not None and least_kbps > limit_kbps:
            raise TooLargeError(limit_kbps, least_kbps, recalled=True)
        try:
            return self._prober.probe(spec, on_progress=on_progress)
        except TooLargeError as error:
            if _key(self._keys.of, spec) == key:
                self._store.put_least_kbps(key, error.at_least_kbps)
            raise

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        """Recall the scores of the source against itself, or score it; see `ports.Prober`."""
        key = _key(self._keys.of_itself, spec)
        if key is None:
            return self._prober.score_itself(spec)
        with self._turns.of(key):
            known = self._recall(self._store.get_scores, key)
            if known is None:
                with self._claimed(key):
                    known = self._recall(self._store.get_scores, key)
                    if known is None:
                        known = self._prober.score_itself(spec)
                        if _key(self._keys.of_itself, spec) != key:
                            return known
                        self._store.put_scores(key, known)
                        self._fresh.add(key.digest)
            return known

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        """Recall all probes that differ from `template` in quality only, one after the other.

        Args:
            template: What to encode and how to score; its quality counts for nothing.

        Returns:
            The probes in the order of their qualities; none where old ones are not wanted.
        """
        key = None if self._refresh else _key(self._keys.of, template)
        if key is None:
            return ()
        return (
            self._recalled(
                probe,
                dataclasses.replace(
                    template, encode=dataclasses.replace(template.encode, quality=probe.quality)
                ),
            )
            for probe in self._store.curve(key)
        )

    def cancel(self) -> None:
        """Stop all running probes now."""
        self._prober.cancel()

    def _claimed(
        self, key: ProbeKey, on_progress: ProbeProgress | None = None
    ) -> AbstractContextManager[None]:
        def on_wait() -> None:
            if on_progress is not None:
                on_progress("wait", 0)

        return self._claim(key.digest, wait=not self._refresh, on_wait=on_wait)

    def _recall(self, get: Callable[[ProbeKey], T | None], key: ProbeKey) -> T | None:
        return None if self._refresh and key.digest not in self._fresh else get(key)

    def _recalled(self, probe: Probe, spec: ProbeSpec) -> Probe:
        lean = _without_features(probe)
        return dataclasses.replace(
            lean, command=self._command(spec.encode.capped(probe.caps)), cached=True
        )


def _without_features(probe: Probe) -> Probe:
    """Leave to the store what no search looks at, which is ten times as much as all else."""
    return dataclasses.replace(probe, scores=dataclasses.replace(probe.scores, features={}))


def _key(make: Callable[[ProbeSpec], ProbeKey], spec: ProbeSpec) -> ProbeKey | None:
    """Make a key, or none where that fails: the probe then fails for the same reason, and says it.

    Asked for once more after a probe, it tells whether the source is still the one that was probed.
    """
    try:
        return make(spec)
    except (OSError, VmafxTuneError) as error:
        _log.debug("A probe has no key: %s", error)
        return None


class _Turns:
    """One lock for each key that somebody works on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    @contextmanager
    def of(self, key: ProbeKey) -> Iterator[None]:
        with self._lock:
            turn = self._locks.setdefault(key.digest, threading.Lock())
        with turn:
            yield
