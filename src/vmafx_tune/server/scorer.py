"""The scorer of files, its answer, and the VMAF models that clients may ask for.

The scorer is that of `vmafx-tune score`, with an ffmpeg that is looked for once. Models are names
from a fixed list, never a path or an option.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import field
from typing import TYPE_CHECKING

from vmafx_tune.choices import PoolMethod
from vmafx_tune.errors import ToolNotFoundError, UsageError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.options import ScoringOptions
    from vmafx_tune.ports import Scorer
    from vmafx_tune.server.settings import ServerSettings
    from vmafx_tune.session import Session

__all__ = [
    "MAX_SUBSAMPLE",
    "FileScorer",
    "ModelNames",
    "Scored",
    "checked_subsample",
]

MAX_SUBSAMPLE = 1_000_000
"""The sparsest that a client may have frames scored."""


@frozen
class Scored:
    """How close a clip is to its reference.

    Attributes:
        score: The frames' scores, pooled by `pool`, in VMAF points.
        features: Mean of each elementary feature.
        model: Name of the VMAF model that scored.
        model_version: Such as `0.6.1`; of a custom model, the SHA-256 of its file.
        backend: What computed the scores: `ffmpeg`, `libvmaf` or `vmaf`.
        backend_version: Version of libvmaf; empty where it is not known.
        n_frames: Frame pairs compared, before subsampling.
        pool: How `score` is pooled.
        subsample: Every n-th frame was scored.
        pooled: Every pooling of the frames' scores, and `max`, by name.
    """

    score: float
    features: Mapping[str, float]
    model: str = ""
    model_version: str = ""
    backend: str = ""
    backend_version: str = ""
    n_frames: int = 0
    pool: str = PoolMethod.MEAN
    subsample: int = 1
    pooled: Mapping[str, float] = field(default_factory=dict)


def checked_subsample(subsample: int) -> int:
    """Refuse a subsampling that cannot be asked for.

    Raises:
        UsageError: It is not from 1 to `MAX_SUBSAMPLE`.
    """
    if 1 <= subsample <= MAX_SUBSAMPLE:
        return subsample
    raise UsageError(f"The subsampling {subsample} is not from 1 to {MAX_SUBSAMPLE}.")


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
        from vmafx_tune.session import Session

        tools = ToolOptions(
            ffmpeg=self._settings.ffmpeg, vmaf=self._settings.vmaf_binary, cache=False
        )
        session = Session(tools, cancel=cancel)
        session.wrap_scorer = self._share
        session.reader.max_pixels = self._settings.max_pixels
        if self._ffmpeg is not None:
            # Looked for already: a process for each score would only be in the way.
            session.ffmpeg = self._ffmpeg
        return session


# Slashes would make a path of it, and libvmaf's option parsers give a meaning to `:`, `=` and `|`.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")


class ModelNames:
    """Built-in models, their aliases, and the JSON models in some folders.

    Args:
        folders: Folders with custom models, searched in order.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)

    def find(self, name: str, has: Callable[[str], bool] = lambda _: True) -> str:
        """Find the model that `name` stands for, as the scorer takes it.

        Args:
            name: What a client sent; empty for the default model.
            has: Whether the scorer has a built-in model; asked for the message of an error alone.

        Returns:
            A built-in name or an alias as it is, the path of a custom model, or nothing.

        Raises:
            UsageError: There is no such model here.
        """
        from vmafx_tune.scoring.models import BUILT_IN_MODELS, MODEL_ALIASES

        if not name or name in BUILT_IN_MODELS or name in MODEL_ALIASES:
            return name
        if not _PLAIN_NAME.fullmatch(name):
            raise UsageError(
                f"{name[:100]!a} is not a valid name of a VMAF model: use letters, digits, "
                "'_', '.', '+' and '-' only."
            )
        custom = self._custom()
        if name not in custom:
            built_in = filter(has, (*BUILT_IN_MODELS, *MODEL_ALIASES))
            known = ", ".join((*built_in, *sorted(custom)))
            raise UsageError(f"Unknown VMAF model '{name}'. This server knows {known}.")
        return str(custom[name])

    def _custom(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*.json")):
                found.setdefault(path.stem, path)
        return found
