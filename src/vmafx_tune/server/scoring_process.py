"""The process in which files that clients name are opened: `python -m …scoring_process`.

Whatever a file does to libav, to libvmaf or to the parsers of this project happens here, under a
limit of memory, and the server can end it at any moment. It is spoken to in lines of JSON:

- first, once: the settings that it needs, as `ScoringPool` writes them;
- `score`: two paths, and how to score them; it asks for a `share` when it knows the pictures, and
  is granted processors and memory; the last line is `scored`, or `failed`;
- `cancel` ends the score that runs. So does the end of its input.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vmafx_tune.cancel import CancelToken
from vmafx_tune.choices import PoolMethod
from vmafx_tune.errors import MemoryLimitError, ToolError, VmafxTuneError
from vmafx_tune.options import ScoringOptions
from vmafx_tune.scoring.alignment import plan_scoring
from vmafx_tune.server.scorer import FileScorer
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.model import ScoreRequest, ScoreSet
    from vmafx_tune.ports import FrameProgress, Scorer

__all__ = ["MOST_MESSAGE_CHARS", "main"]

MOST_MESSAGE_CHARS = 4000
"""Longest text of an error, and of what a program printed, that is passed on."""

# ffmpeg's and libav's words for it.
_NO_MEMORY = ("Cannot allocate memory", "cannot allocate memory", "bad_alloc", "out of memory")
# A score that is cancelled ends within a few milliseconds, unless it hangs in a library.
_ENDING_S = 1.0
_STDERR = 2


def main() -> None:
    """Score what is asked for, until the input ends."""
    faulthandler.enable()
    # Libraries print to both; only answers are to reach the server.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(_STDERR, 1)
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    _Process(json.loads(lines.readline()), answers).work(lines)


class _Process:
    def __init__(self, settings: dict[str, Any], answers: IO[str]) -> None:
        self._probe_bytes: int = settings.pop("probe_bytes")
        for name in ("ffmpeg", "vmaf_binary"):
            settings[name] = _path(settings[name])
        self._scorer = FileScorer(ServerSettings(**settings), self._shared)
        self._answers = answers
        self._granted: queue.SimpleQueue[dict[str, int]] = queue.SimpleQueue()
        self._token = CancelToken()

    def work(self, lines: IO[str]) -> None:
        threading.Thread(target=_preload).start()
        score: threading.Thread | None = None
        for line in lines:
            message = json.loads(line)
            if "score" in message:
                if score is not None:
                    score.join()
                self._token, self._granted = CancelToken(), queue.SimpleQueue()
                score = threading.Thread(target=self._score, args=message["score"], daemon=True)
                score.start()
            elif "granted" in message:
                self._granted.put(message["granted"])
            else:
                self._cancel()
        self._cancel()
        if score is not None:
            score.join(_ENDING_S)
        os._exit(0)

    def _cancel(self) -> None:
        self._token.cancel()
        # One that waits for its share looks at the token next.
        self._granted.put({})

    def _score(self, reference: str, distorted: str, asked: dict[str, Any]) -> None:
        _limit_memory(self._probe_bytes)
        try:
            self._scorer.prepare()
            scoring = ScoringOptions(**asked | {"pool": PoolMethod(asked["pool"])})
            scored = self._scorer(Path(reference), Path(distorted), scoring, self._token)
            answer: dict[str, Any] = {"scored": asdict(scored)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the server gets an answer
            answer = {"failed": _described(_known(error))}
        self._say(answer)

    def _shared(self, scorer: Scorer) -> Scorer:
        return _SharedScorer(scorer, self._ask_for_share)

    def _ask_for_share(self, width: int, height: int, bit_depth: int) -> int:
        self._say({"share": [width, height, bit_depth]})
        granted = self._granted.get()
        self._token.raise_if_cancelled()
        _limit_memory(granted["memory_bytes"])
        return granted["threads"]

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):
            self._answers.write(json.dumps(message) + "\n")
            self._answers.flush()


class _SharedScorer:
    """Implements `ports.Scorer`: asks for a share of the machine before it lets another one score.

    Args:
        scorer: The other one.
        ask: Called with width, height and depth of the pictures; returns how many threads to use.
    """

    def __init__(self, scorer: Scorer, ask: Callable[[int, int, int], int]) -> None:
        self._scorer = scorer
        self._ask = ask

    @property
    def name(self) -> str:
        """Name of the backend."""
        return self._scorer.name

    @property
    def version(self) -> str:
        """Version of its libvmaf."""
        return self._scorer.version

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        """Score with the threads that are granted."""
        plan = plan_scoring(request)
        cpus = self._ask(plan.size.width, plan.size.height, plan.bit_depth)
        return self._scorer.score(replace(request, cpus=cpus), on_progress=on_progress)


def _known(error: Exception) -> Exception:
    """Turn any sign of too little memory into one error; others stay as they are."""
    text = f"{error} {error.stderr_tail}" if isinstance(error, ToolError) else str(error)
    if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY):
        return MemoryLimitError(
            "Scoring these clips takes more memory than their pictures should take. Use smaller "
            "pictures, and check that both play."
        )
    return error


def _described(error: Exception) -> dict[str, str]:
    if isinstance(error, VmafxTuneError):
        printed = error.stderr_tail if isinstance(error, ToolError) else ""
        name, message = type(error).__name__, str(error)
    else:
        name, message = "", f"{type(error).__name__}: {error}"
        printed = "".join(traceback.format_exception(error))
    return {
        "name": name,
        "message": message[:MOST_MESSAGE_CHARS],
        "printed": printed[-MOST_MESSAGE_CHARS:],
    }


def _limit_memory(n_bytes: int) -> None:
    """Let this process, and those that it starts from now on, have so much memory of their own.

    What counts is what they may write to, not what they have mapped: each thread has 64 MiB mapped.
    """
    import resource

    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _preload() -> None:
    """Load what the first score needs before it comes."""
    with suppress(ImportError):
        import av  # noqa: F401

        import vmafx_tune.media.probe
        import vmafx_tune.score.run
        import vmafx_tune.scoring.ffmpeg_backend  # noqa: F401


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


if __name__ == "__main__":
    main()
