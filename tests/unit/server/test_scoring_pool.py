from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import children_running, needs_proc, wait_until
from vmafx_tune.cancel import CancelToken
from vmafx_tune.cpus import CoreShares, bytes_needed
from vmafx_tune.errors import (
    CancelledError,
    FrameCountMismatchError,
    MemoryLimitError,
    ScorerCrashedError,
    ToolError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.model import Resolution
from vmafx_tune.options import ScoringOptions
from vmafx_tune.server import scoring_pool
from vmafx_tune.server.admission import MemoryBudget
from vmafx_tune.server.scoring_pool import ScoringPool
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

STAND_IN = "tests.support.hostile_process"
FULL_HD = Resolution(1920, 1080)


def ask(pool: ScoringPool, what: str, cancel: CancelToken | None = None) -> float:
    return pool(Path(what), Path("b"), ScoringOptions(), cancel or CancelToken()).score


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScoringPool]:
    monkeypatch.setattr(scoring_pool, "_MODULE", STAND_IN)
    with closing(ScoringPool(ServerSettings(), CoreShares(8), MemoryBudget(10**9))) as made:
        yield made


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("crash", "killed by SIGSEGV"),
        ("exit", "exit status 3"),
        ("garbage", "killed by SIGKILL"),
        ("an array", "killed by SIGKILL"),
        ("deep", "killed by SIGKILL"),
        ("endless", "killed by SIGKILL"),
    ],
)
def test_a_process_that_does_not_answer_is_one_error_and_the_next_score_works(
    what: str, told: str, pool: ScoringPool
) -> None:
    with pytest.raises(ScorerCrashedError, match=told):
        ask(pool, what)
    assert ask(pool, "well") == 50


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("no score", VmafxTuneError),
        ("a bug", ToolError),
        ("a foreign error", ToolError),
        ("an error", UnreadableSourceError),
        ("a count", FrameCountMismatchError),
    ],
)
def test_an_error_is_of_the_class_that_was_raised_and_of_no_other_tree(
    what: str, error: type[VmafxTuneError], pool: ScoringPool
) -> None:
    with pytest.raises(VmafxTuneError) as caught:
        ask(pool, what)
    assert type(caught.value) is error
    assert ask(pool, "well") == 50


@needs_proc
def test_a_process_that_hangs_is_killed_when_its_score_is_cancelled(pool: ScoringPool) -> None:
    token = CancelToken()
    caught: list[BaseException] = []

    def score() -> None:
        with pytest.raises(CancelledError) as error:
            ask(pool, "hang", token)
        caught.append(error.value)

    before = set(children_running(STAND_IN))
    thread = threading.Thread(target=score)
    thread.start()
    wait_until(lambda: bool(set(children_running(STAND_IN)) - before))
    token.cancel()
    thread.join()
    assert caught
    assert set(children_running(STAND_IN)) == before


@needs_proc
def test_a_process_is_used_again(pool: ScoringPool) -> None:
    before = set(children_running(STAND_IN))
    ask(pool, "well")
    first = set(children_running(STAND_IN)) - before
    ask(pool, "well")
    assert set(children_running(STAND_IN)) - before == first
    pool.close()
    assert set(children_running(STAND_IN)) == before


def test_a_score_gets_the_threads_that_cores_and_memory_allow(pool: ScoringPool) -> None:
    for threads in (1, 3):
        memory = MemoryBudget(bytes_needed(FULL_HD, threads=threads))
        with closing(ScoringPool(ServerSettings(), CoreShares(8), memory)) as small:
            assert ask(small, "share [1920, 1080, 8]") == threads
    assert ask(pool, "share [64, 64, 8]") == 8


def test_a_score_that_never_fits_is_refused_and_the_next_one_works(pool: ScoringPool) -> None:
    with pytest.raises(MemoryLimitError, match="1000 MB"):
        ask(pool, "share [1000000, 1000000, 16]")
    assert ask(pool, "well") == 50


def test_a_scoring_process_has_no_more_memory_than_it_is_let() -> None:
    script = (
        "from vmafx_tune.server.scoring_process import _limit_memory, _known\n"
        "_limit_memory(300_000_000)\n"
        "try: bytearray(400_000_000)\n"
        "except MemoryError as error: print(type(_known(error)).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "MemoryLimitError"


def test_the_token_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMAFX_API_TOKEN", "secret")
    given: list[dict[str, str]] = []

    class Talk:
        def __init__(self, argv: list[str], *, env: dict[str, str]) -> None:
            given.append(env)

        def say(self, line: str) -> None:
            assert "secret" not in json.dumps(line)

        def close(self) -> int:
            return 0

    monkeypatch.setattr(scoring_pool, "Conversation", Talk)
    with closing(ScoringPool(ServerSettings(api_token="secret"))) as pool:
        pool.warm()
    assert given
    assert "VMAFX_API_TOKEN" not in given[0]
