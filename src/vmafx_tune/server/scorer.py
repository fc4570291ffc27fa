"""The scorer of files: the same as `vmafx-tune score`, with an ffmpeg that is looked for once."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolNotFoundError
from vmafx_tune.server.scored import Scored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.ports import Scorer
    from vmafx_tune.server.settings import ServerSettings
    from vmafx_tune.session import Session

__all__ = ["FileScorer"]


class FileScorer:
    """Compares two files. Thread-safe once `prepare` has been called.

    Args:
        settings: Which programs and which backend to use, and how large pictures may be.
        share: Called with the chosen backend; returns what scores in its place.
    """

    def __init__(
        self, settings: ServerSettings, share: Callable[[Scorer], Scorer] | None = None
    ) -> None:
        self._settings = settings
        self._share = share
        self._ffmpeg: Ffmpeg | None = None

    def prepare(self) -> None:
        """Find what scoring needs; light enough to be done before the server is ready.

        Raises:
            ToolNotFoundError: The backend's program is not there.
            LibvmafNotFoundError: The backend's library is not there.
        """
        if self._ffmpeg is not None:
            return
        backend = self._settings.backend
        try:
            self._ffmpeg = self._find_ffmpeg()
        except ToolNotFoundError:
            # With `auto` and with `libvmaf`, the library alone will do; not in the place of an
            # ffmpeg that was named.
            if backend in {"ffmpeg", "vmaf"} or (backend == "auto" and self._ffmpeg_is_named()):
                raise
            self._find_libvmaf()
            return
        if backend == "libvmaf":
            self._find_libvmaf()

    def __call__(
        self, reference: Path, distorted: Path, scoring: ScoringOptions, cancel: CancelToken
    ) -> Scored:
        """Compare two files; see `ScoringService` for the arguments.

        Raises:
            VmafxTuneError: They cannot be scored.
        """
        from vmafx_tune import score
        from vmafx_tune.scoring.models import model_version

        scoring = dataclasses.replace(scoring, backend=self._settings.backend)
        result = score(reference, distorted, scoring=scoring, session=self._session(cancel))
        means = result.features.items()
        scores = result.scores
        return Scored(
            score=result.score,
            features={name: mean for name, mean in means if math.isfinite(mean)},
            model=scores.model,
            model_version=model_version(result.vmaf_model),
            backend=scores.backend,
            backend_version=scores.backend_version,
            n_frames=scores.n_frames,
            pool=result.pool,
            subsample=scores.subsample,
            pooled=dataclasses.asdict(result.pooled),
        )

    def _find_ffmpeg(self) -> Ffmpeg:
        # Not through a session, whose modules the server would have to load before it is ready.
        from vmafx_tune.media.ffmpeg import find_ffmpeg
        from vmafx_tune.media.process import ProcessRunner

        return find_ffmpeg(self._settings.ffmpeg, ProcessRunner())

    def _ffmpeg_is_named(self) -> bool:
        from vmafx_tune.media.ffmpeg import ffmpeg_is_named

        return ffmpeg_is_named(self._settings.ffmpeg)

    def _find_libvmaf(self) -> None:
        from vmafx_tune.scoring.libvmaf.library import load_libvmaf

        load_libvmaf()

    def _session(self, cancel: CancelToken) -> Session:
        from vmafx_tune.options import ToolOptions
        from vmafx_tune.server.served_session import ServedSession

        tools = ToolOptions(
            ffmpeg=self._settings.ffmpeg, vmaf=self._settings.vmaf_binary, cache=False
        )
        session = ServedSession(tools, cancel, self._share)
        session.max_pixels = self._settings.max_pixels
        if self._ffmpeg is not None:
            # Looked for already: a process for each score would only be in the way.
            session.ffmpeg = self._ffmpeg
        return session
