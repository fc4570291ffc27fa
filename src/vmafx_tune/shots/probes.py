"""Probes of shots: each an encode of the shot alone, with its score."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.cancel import together
from vmafx_tune.errors import MediaError, ToolError
from vmafx_tune.model import Probe
from vmafx_tune.scoring.pooling import pool_scores
from vmafx_tune.shots.curves import ShotPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmafx_tune.knob import Knob
    from vmafx_tune.model import PoolMethod, ProbeSpec
    from vmafx_tune.ports import FrameProgress, Prober
    from vmafx_tune.shots.steering import ShotWish

__all__ = ["ShotProbes"]


class ShotProbes:
    """The probes of all shots so far.

    Args:
        specs: The probe of each shot; its quality counts for nothing.
        knob: Of their encoder.
        pool: How frame scores are pooled.

    Attributes:
        points: What was measured of each shot, by step.
        n_made: Encodes made; what was recalled is none of them.
    """

    def __init__(self, specs: Sequence[ProbeSpec], knob: Knob, pool: PoolMethod) -> None:
        self._specs = tuple(specs)
        self._knob = knob
        self._pool = pool
        self._probes: dict[ShotWish, Probe] = {}
        self.points: tuple[dict[int, ShotPoint], ...] = tuple({} for _ in specs)
        self.n_made = 0

    def __getitem__(self, wish: ShotWish) -> Probe:
        """The probe of a step of a shot, which must have been measured, without its frames."""
        return self._probes[wish]

    def __len__(self) -> int:
        """Settings that were measured, of all shots together."""
        return len(self._probes)

    def spec(self, wish: ShotWish) -> ProbeSpec:
        """Build the probe of a step of a shot."""
        spec = self._specs[wish.shot]
        quality = self._knob.quality_of(wish.step)
        return replace(spec, encode=replace(spec.encode, quality=quality))

    def measure(
        self,
        wishes: Sequence[ShotWish],
        prober: Prober,
        *,
        workers: int = 1,
        on_progress: FrameProgress | None = None,
    ) -> None:
        """Make probes, side by side, and keep what they measured.

        Args:
            wishes: What is not measured yet.
            prober: Makes them; must be thread-safe if there are several workers.
            workers: How many are made at once.
            on_progress: Told of the frames that are encoded, and of those that are scored.

        Raises:
            MediaError, ToolError: A probe failed; the others are kept.
            VmafxTuneError: Something else is wrong; all end with it.
        """
        frames = _Frames(on_progress)

        def probe(wish: ShotWish) -> Probe | MediaError | ToolError:
            try:
                return prober.probe(self.spec(wish), on_progress=frames.of(wish))
            except (MediaError, ToolError) as error:
                return error

        with ThreadPoolExecutor(min(workers, len(wishes)), "shots") as pool:
            futures = {wish: pool.submit(probe, wish) for wish in wishes}
            with together(futures.values(), prober.cancel):
                for future in wait(futures.values(), return_when=FIRST_EXCEPTION).done:
                    future.result()
        found = {wish: future.result() for wish, future in futures.items()}
        for wish, result in found.items():
            if isinstance(result, Probe):
                self._keep(wish, result)
        for result in found.values():
            if not isinstance(result, Probe):
                raise result

    def _keep(self, wish: ShotWish, probe: Probe) -> None:
        score = pool_scores(probe.scores.frames, self._pool)
        self.points[wish.shot][wish.step] = ShotPoint(probe.size_bytes, score)
        self._probes[wish] = probe.without_frames()
        self.n_made += not probe.cached


class _Frames:
    """Adds up the frames of all probes of a round. Thread-safe."""

    def __init__(self, observer: FrameProgress | None) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._done: dict[tuple[ShotWish, str], int] = {}

    def of(self, wish: ShotWish) -> Callable[[str, int], None]:
        def move(stage: str, frames_done: int) -> None:
            with self._lock:
                self._done[wish, stage] = frames_done
                total = sum(self._done.values())
            if self._observer is not None:
                self._observer(total)

        return move
