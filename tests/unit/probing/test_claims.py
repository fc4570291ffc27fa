"""Claims on probes, among threads and processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError
from vmafx_tune.probing.caching import Claims, sweep_claims

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "a" * 64
HOLDER = """
import sys, threading
from pathlib import Path
from vmafx_tune.cancel import CancelToken
from vmafx_tune.probing.caching import Claims

with Claims(Path(sys.argv[1]), CancelToken())(sys.argv[2], wait=True, on_wait=lambda: None):
    print("mine", flush=True)
    sys.stdin.read()
"""


def nothing() -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "claims"


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the claim until its input is closed."""
    line = [sys.executable, "-c", HOLDER, str(folder), KEY]
    with subprocess.Popen(line, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mine\n"
        yield holder
        holder.stdin.close()


def test_nothing_is_left_of_a_claim(folder: Path) -> None:
    with Claims(folder, CancelToken())(KEY, wait=True, on_wait=nothing):
        assert [path.name for path in folder.iterdir()] == [KEY]
    assert list(folder.iterdir()) == []


def test_a_claim_waits_for_the_process_that_has_it(folder: Path) -> None:
    with another_process(folder) as holder:
        assert holder.stdin is not None
        # The claim is given back only once somebody waits.
        with Claims(folder, CancelToken())(KEY, wait=True, on_wait=holder.stdin.close):
            assert holder.wait() == 0


def test_a_claim_is_free_as_soon_as_its_process_is_killed(folder: Path) -> None:
    with (
        another_process(folder) as holder,
        Claims(folder, CancelToken())(KEY, wait=True, on_wait=holder.kill),
    ):
        assert holder.wait() == -signal.SIGKILL
    assert list(folder.iterdir()) == []


def test_another_probe_is_not_waited_for(folder: Path) -> None:
    with another_process(folder), Claims(folder, CancelToken())("b", wait=True, on_wait=nothing):
        pass


def test_who_does_not_wait_goes_on_without_the_claim(folder: Path) -> None:
    with another_process(folder) as holder:
        with Claims(folder, CancelToken())(KEY, wait=False, on_wait=nothing):
            pass
        assert holder.poll() is None
        assert [path.name for path in folder.iterdir()] == [KEY]


def test_waiting_ends_when_the_work_is_cancelled(folder: Path) -> None:
    cancel = CancelToken()
    with (
        another_process(folder),
        pytest.raises(CancelledError),
        Claims(folder, cancel)(KEY, wait=True, on_wait=cancel.cancel),
    ):
        pytest.fail("The claim belongs to another process.")


def test_threads_with_claims_of_their_own_have_it_one_after_the_other(folder: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(20):
            with Claims(folder, CancelToken())(KEY, wait=True, on_wait=nothing):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("trouble", ["a file for a folder", "a folder for a file"])
def test_where_no_claims_can_be_made_the_work_is_done_without(folder: Path, trouble: str) -> None:
    if trouble == "a file for a folder":
        folder.parent.mkdir()
        folder.touch()
    else:
        (folder / KEY).mkdir(parents=True)
    done = []
    with Claims(folder, CancelToken())(KEY, wait=True, on_wait=nothing):
        done.append(True)
    assert done == [True]


def test_sweeping_removes_what_was_left_behind_and_no_claim(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "left").touch()
    with another_process(folder):
        sweep_claims(folder)
        assert [path.name for path in folder.iterdir()] == [KEY]
    sweep_claims(folder)
    assert list(folder.iterdir()) == []
