"""What is left of a process's children when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import is_alive, make_program, needs_proc, wait_until
from vmafx_tune.media import cleanup
from vmafx_tune.media.cleanup import Guardian
from vmafx_tune.media.process import ProcessRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_proc

RUN = "from vmafx_tune.media.process import ProcessRunner as R"


def start(argv: tuple[str, ...], stdin: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdin=stdin, start_new_session=True)


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    own = Guardian()
    yield own
    own.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as child:
        yield child
        child.kill()


def telling(folder: Path, n_groups: int = 0) -> str:
    """Code that waits until so many groups are under guard, and tells the guardian's number."""
    return (
        "import time\nfrom vmafx_tune.media.cleanup import guardian\n"
        f"while len(guardian.groups) < {n_groups}: time.sleep(0.01)\n"
        f"open({str(folder / 'guardian')!r}, 'w').write(f'{{guardian.pid}}\\n')\n"
    )


def pid_in(file: Path) -> int:
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


@contextmanager
def parent(code: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", f"{RUN}\n{code}"]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_children_of_a_killed_process_are_ended(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "abc"]
    code = "import threading\n" + "\n".join(
        f"threading.Thread(target=R().run, args=([{str(endless(tmp_path, file))!r}],)).start()"
        for file in files
    )
    with parent(f"{code}\n{telling(tmp_path, 3)}") as killed:
        pids = [pid_in(file) for file in [*files, tmp_path / "guardian"]]
        killed.kill()
    wait_until(lambda: not any(map(is_alive, pids)))


def test_grandchildren_of_a_killed_process_are_ended_too(tmp_path: Path) -> None:
    inner = endless(tmp_path, tmp_path / "inner")
    outer = make_program(tmp_path, f"trap '' TERM INT HUP\n{inner} &\nwait", "outer")
    code = f"import threading\nthreading.Thread(target=R().run, args=([{str(outer)!r}],)).start()\n"
    with parent(f"{code}{telling(tmp_path, 1)}") as killed:
        pid_in(tmp_path / "guardian")
        pid = pid_in(tmp_path / "inner")
        killed.kill()
    wait_until(lambda: not is_alive(pid))


def endless(folder: Path, pid_file: Path) -> Path:
    return make_program(
        folder, f"echo $$ > {pid_file}\nexec sleep 1000", f"endless-{pid_file.name}"
    )


def test_the_guardian_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    with parent(f"R().run(['true'])\n{telling(tmp_path)}\ntime.sleep(1000)"):
        own = pid_in(tmp_path / "guardian")
        assert is_alive(own)
    wait_until(lambda: not is_alive(own))


def test_a_process_that_ends_well_ends_its_guardian_first(tmp_path: Path) -> None:
    with parent(f"R().run(['true'])\n{telling(tmp_path)}") as ended:
        assert ended.wait() == 0
    assert not is_alive(pid_in(tmp_path / "guardian"))


def test_a_thread_that_still_has_a_child_when_the_process_ends_loses_it(tmp_path: Path) -> None:
    program = endless(tmp_path, tmp_path / "pid")
    code = (
        "import pathlib, threading, time\n"
        f"threading.Thread(target=R().run, args=([{str(program)!r}],), daemon=True).start()\n"
        # The shell makes the file first and writes to it later.
        f"pid = pathlib.Path({str(tmp_path / 'pid')!r})\n"
        "while not (pid.exists() and pid.read_text()): time.sleep(0.01)\n"
        f"{telling(tmp_path, 1)}"
    )
    with parent(code) as ended:
        assert ended.wait() == 0
    wait_until(lambda: not is_alive(pid_in(tmp_path / "pid")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_guardian_ignores_what_a_terminal_or_a_service_manager_sends_to_all(
    guardian: Guardian, sleeper: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    guardian.prepare(start)
    guardian.watch(sleeper.pid)
    assert guardian.pid is not None
    wait_until(lambda: ignores(guardian.pid or 0, number))
    os.kill(guardian.pid, number)
    guardian.release(sleeper.pid)
    assert is_alive(guardian.pid)
    assert os.getsid(guardian.pid) == guardian.pid


def ignores(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    masks = dict(line.split(":", 1) for line in status)
    return bool(int(masks["SigIgn"], 16) >> (number - 1) & 1)


def test_a_hundred_quick_children_leave_nothing_to_guard() -> None:
    threads = [
        threading.Thread(target=lambda: [ProcessRunner().run(["true"]) for _ in range(25)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cleanup.guardian.groups == frozenset()


def test_the_guardian_kills_only_what_was_not_released(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "from vmafx_tune.media.cleanup import guardian\n"
        "from vmafx_tune.media.process import _start_guardian\n"
        "many = [subprocess.Popen(['sleep', '1000'], start_new_session=True).pid "
        "for _ in range(12)]\n"
        "guardian.prepare(_start_guardian)\n"
        "for pid in many: guardian.watch(pid)\n"
        "for pid in many[::2]: guardian.release(pid)\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(' '.join(map(str, many)) + chr(10))\n"
        f"{telling(tmp_path)}\n"
        "time.sleep(1000)"
    )
    with parent(code) as killed:
        wait_until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text() != "")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        own = pid_in(tmp_path / "guardian")
        killed.kill()
    try:
        wait_until(lambda: not any(map(is_alive, pids[1::2])))
        wait_until(lambda: not is_alive(own))
        assert all(map(is_alive, pids[::2]))
    finally:
        for pid in pids[::2]:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ["plain", "two words", " spaces ", "a*b?", "\"'$HOME`", "\udcff"])
def test_the_folders_of_a_killed_process_are_removed_but_those_that_were_released(
    tmp_path: Path, name: str
) -> None:
    folders = [tmp_path / f"{name}{number}" for number in range(4)]
    for folder in folders:
        (folder / "inner").mkdir(parents=True)
        (folder / "inner/file").touch()
    code = (
        "import pathlib, time\n"
        "from vmafx_tune.media.cleanup import guardian\n"
        f"folders = [pathlib.Path(name) for name in {[str(folder) for folder in folders]!a}]\n"
        "guardian.watch_folder(folders[0])\n"
        "R().run(['true'])\n"
        "for folder in folders[1:]: guardian.watch_folder(folder)\n"
        "guardian.release_folder(folders[1])\n"
        f"{telling(tmp_path)}\n"
        "time.sleep(1000)"
    )
    with parent(code) as killed:
        own = pid_in(tmp_path / "guardian")
        killed.kill()
    wait_until(lambda: not is_alive(own))
    assert [folder.exists() for folder in folders] == [False, True, False, False]


def test_a_process_that_ends_removes_the_folders_that_are_still_under_guard(
    tmp_path: Path,
) -> None:
    code = (
        "import pathlib\n"
        "from vmafx_tune.media.cleanup import guardian\n"
        f"guardian.watch_folder(pathlib.Path({str(tmp_path / 'orphan')!r}))\n"
        "R().run(['true'])\n"
    )
    (tmp_path / "orphan").mkdir()
    with parent(code) as ended:
        assert ended.wait() == 0
    assert not (tmp_path / "orphan").exists()


def test_a_guardian_that_was_killed_is_followed_by_another(
    guardian: Guardian, sleeper: subprocess.Popen[bytes]
) -> None:
    guardian.prepare(start)
    guardian.watch(sleeper.pid)
    first = guardian.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_alive(first))
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as other:
        guardian.watch(other.pid)
        assert guardian.pid not in {None, first}
        assert guardian.groups == {sleeper.pid, other.pid}
        guardian.close()
        assert other.wait() == -signal.SIGKILL
    assert sleeper.wait() == -signal.SIGKILL


def test_without_a_shell_children_run_all_the_same(sleeper: subprocess.Popen[bytes]) -> None:
    def fail(argv: tuple[str, ...], stdin: int) -> subprocess.Popen[bytes]:
        raise FileNotFoundError(argv[0], stdin)

    before = n_descriptors()
    unguarded = Guardian()
    unguarded.prepare(fail)
    unguarded.watch(sleeper.pid)
    assert unguarded.pid is None
    unguarded.release(sleeper.pid)
    unguarded.close()
    assert n_descriptors() <= before
    assert is_alive(sleeper.pid)


def test_folders_that_are_still_under_guard_at_the_end_are_removed(tmp_path: Path) -> None:
    kept, released = tmp_path / "kept", tmp_path / "released"
    own = Guardian()
    for folder in (kept, released):
        folder.mkdir()
        (folder / "file").touch()
        own.watch_folder(folder)
    own.release_folder(released)

    own.close()
    assert not kept.exists()
    assert released.exists()


def n_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_children_do_not_inherit_the_guardians_pipe() -> None:
    done = ProcessRunner().run(["ls", "-l", "/proc/self/fd"])
    pipes = [line for line in done.stdout.splitlines() if "pipe:" in line]
    # Its own stdout and stderr.
    assert len(pipes) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_leaves_its_parents_children_alone_and_guards_its_own(
    tmp_path: Path,
) -> None:
    programs = [endless(tmp_path, tmp_path / name) for name in ("parent", "child")]
    code = (
        "import os, threading, time\n"
        f"threading.Thread(target=R().run, args=([{str(programs[0])!r}],), daemon=True).start()\n"
        f"{telling(tmp_path, 1)}"
        "pid = os.fork()\n"
        "if not pid:\n"
        f"    threading.Thread(target=R().run, args=([{str(programs[1])!r}],)).start()\n"
        "    while not guardian.groups: time.sleep(0.01)\n"
        f"    open({str(tmp_path / 'guarded')!r}, 'w').write('1\\n')\n"
        "    time.sleep(1000)\n"
        f"open({str(tmp_path / 'forked')!r}, 'w').write(f'{{pid}}\\n')\n"
        "os.waitpid(pid, 0)\n"
        f"open({str(tmp_path / 'waited')!r}, 'w').write('1\\n')\n"
        "time.sleep(1000)"
    )
    with parent(code) as first:
        kept, lost, _ = (pid_in(tmp_path / name) for name in ("parent", "child", "guarded"))
        os.kill(pid_in(tmp_path / "forked"), signal.SIGKILL)
        wait_until(lambda: not is_alive(lost))
        pid_in(tmp_path / "waited")
        assert is_alive(kept)
        first.kill()
    wait_until(lambda: not is_alive(kept))


def test_a_folder_is_guarded_before_any_child_is_run(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\n"
        "from vmafx_tune.media.cleanup import make_scratch\n"
        f"folder = make_scratch(pathlib.Path({str(tmp_path)!r}))\n"
        "print(folder, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as made:
        assert made.stdout is not None
        folder = Path(made.stdout.readline().strip())
        assert folder.is_dir()
        made.kill()
    wait_until(lambda: not folder.exists())


def test_a_process_that_is_killed_as_it_makes_a_folder_leaves_none(tmp_path: Path) -> None:
    code = (
        "import os, pathlib\n"
        "from vmafx_tune.media.cleanup import make_scratch\n"
        "mkdir = os.mkdir\n"
        "def mkdir_and_die(*args, **options):\n"
        "    mkdir(*args, **options)\n"
        "    os.kill(os.getpid(), 9)\n"
        "os.mkdir = mkdir_and_die\n"
        f"make_scratch(pathlib.Path({str(tmp_path)!r}))\n"
    )
    with parent(code) as killed:
        assert killed.wait() == -signal.SIGKILL
    wait_until(lambda: not list(tmp_path.iterdir()))


def test_a_file_that_is_made_while_its_folder_is_emptied_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "work").mkdir()
    rm = make_program(
        tmp_path,
        f"""/bin/rm "$@"; [ -e '{tmp_path}/late' ] && exit
touch '{tmp_path}/late'; mkdir '{folder}'; exit 1""",
    )
    script = cleanup._SCRIPT.replace("/bin/rm", str(rm))
    subprocess.run(["sh", "-c", script], input=f"{folder}\n", text=True, check=True)

    assert (tmp_path / "late").exists()
    assert not folder.exists()
