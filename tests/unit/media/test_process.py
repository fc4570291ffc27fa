"""Child processes: how they end, what is kept of their output, and that none is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import is_alive, make_program, needs_proc, wait_until
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError, ToolNotFoundError, ToolTimeoutError
from vmafx_tune.media import process
from vmafx_tune.media.process import ProcessRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOREVER = "sleep 1000"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def pid_in(file: Path) -> int:
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def test_a_child_that_ends_well_gives_its_output() -> None:
    done = ProcessRunner().run(python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    assert done.stderr_tail == "err"
    assert done.argv[0] == sys.executable
    assert done.wall_time_s > 0


def test_a_child_that_fails_gives_its_status_and_last_words() -> None:
    done = ProcessRunner().run(python("import sys; sys.exit('gone wrong')"))
    assert (done.returncode, done.stderr_tail) == (1, "gone wrong")


def test_a_child_that_crashes_gives_its_signal() -> None:
    done = ProcessRunner().run(python("import os; os.kill(os.getpid(), 11)"))
    assert done.returncode == -signal.SIGSEGV


def test_a_child_cannot_read_from_the_terminal() -> None:
    done = ProcessRunner().run(python("import sys; print(repr(sys.stdin.read()))"))
    assert done.stdout == "''\n"


def test_folder_and_environment_are_passed_on(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd()); print(os.environ.get('COLOUR'))"
    done = ProcessRunner().run(python(code), cwd=tmp_path, env={"COLOUR": "red"})
    assert done.stdout.splitlines() == [str(tmp_path.resolve()), "red"]


def test_arguments_are_not_seen_by_a_shell(tmp_path: Path) -> None:
    hostile = f"; touch {tmp_path / 'made'} $(id) `id` *"
    done = ProcessRunner().run([*python("import sys; print(sys.argv[1])"), hostile])
    assert done.stdout == f"{hostile}\n"
    assert not (tmp_path / "made").exists()


def test_ten_megabytes_of_stderr_are_drained_and_kept_within_bounds() -> None:
    code = (
        "import sys\n"
        "for i in range(100_000): sys.stderr.write(f'{i:06d} ' + 'x' * 93 + chr(10))\n"
        "print('done')"
    )
    done = ProcessRunner().run(python(code))
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.startswith("000000 ")
    assert len(done.stderr) < 1_100_000
    assert done.stderr_tail.splitlines()[-1].startswith("099999 ")
    assert len(done.stderr_tail) < 10_000


def test_a_line_without_end_is_kept_within_bounds() -> None:
    code = "import sys; sys.stderr.write('x' * 10_000_000); sys.stdout.write('y' * 10_000_000)"
    done = ProcessRunner().run(python(code))
    assert done.returncode == 0
    assert len(done.stderr) < 1_100_000
    assert len(done.stdout) < 1_100_000
    assert len(done.stderr_tail) < 2000


def test_what_comes_after_a_line_without_end_is_in_the_tail() -> None:
    done = ProcessRunner().run(python("import sys; sys.stderr.write('x' * 100_000 + '\\nthe end')"))
    assert done.stderr_tail.splitlines()[-1] == "the end"


def test_bytes_that_are_no_text_do_not_hurt() -> None:
    code = "import os; os.write(1, bytes(range(256)) * 40); os.write(2, b'\\xff\\xfe end')"
    done = ProcessRunner().run(python(code))
    assert done.returncode == 0
    assert "ABC" in done.stdout
    assert done.stderr_tail.endswith("end")


def test_each_line_of_stdout_is_told_while_the_child_runs() -> None:
    lines: list[str] = []

    def note(line: str) -> bool:
        lines.append(line)
        return True

    ProcessRunner().run(python("print('a'); print('b c')"), progress=note)
    assert lines == ["a", "b c"]


def test_a_child_that_hangs_is_stopped() -> None:
    with pytest.raises(
        ToolTimeoutError, match=r"made no progress for 0\.3 s .* raise --timeout"
    ) as e:
        ProcessRunner(stall_timeout_s=0.3).run(["sleep", "1000"])
    assert e.value.argv == ("sleep", "1000")


def test_a_child_can_be_given_less_patience_than_others() -> None:
    with pytest.raises(ToolTimeoutError, match=r"made no progress for 0\.3 s and was stopped\.$"):
        ProcessRunner().run(["sleep", "1000"], stall_timeout_s=0.3)


class Clock:
    """The clock of runners, which a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return self.now_s

    def move(self, seconds: float) -> None:
        """Let time pass, and wait until a runner has looked at it."""
        self.now_s += seconds
        looks = self.looks
        wait_until(lambda: self.looks > looks + 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(process, "time", made)
    return made


def test_a_hanging_childs_last_words_are_kept(tmp_path: Path, clock: Clock) -> None:
    def hours_pass(_: str) -> bool:
        clock.now_s += 3600
        return False

    program = make_program(tmp_path, f"echo stuck on frame 7 >&2; echo; {FOREVER}")
    with pytest.raises(ToolTimeoutError) as caught:
        ProcessRunner().run([str(program)], progress=hours_pass)
    assert caught.value.stderr_tail == "stuck on frame 7"


def test_a_slow_child_that_moves_on_is_left_alone(tmp_path: Path, clock: Clock) -> None:
    def half_an_hour_passes(line: str) -> bool:
        clock.move(1800)
        if line == "3":
            (tmp_path / "end").touch()
        return True

    wait = f"while [ ! -e {tmp_path / 'end'} ]; do sleep 0.01; done"
    program = make_program(tmp_path, f"echo 1; echo 2; echo 3; {wait}")
    done = ProcessRunner(stall_timeout_s=3000).run([str(program)], progress=half_an_hour_passes)
    assert done.returncode == 0
    assert done.wall_time_s > 3000


def test_a_child_that_talks_without_moving_on_is_stopped() -> None:
    code = "import time\nwhile True: print('frame=0', flush=True); time.sleep(0.02)"
    with pytest.raises(ToolTimeoutError):
        ProcessRunner(stall_timeout_s=0.5).run(python(code), progress=lambda _: False)


@needs_proc
def test_an_exception_of_the_progress_callback_stops_the_child(tmp_path: Path) -> None:
    def fail(line: str) -> bool:
        raise ValueError(line)

    pid_file = tmp_path / "pid"
    program = make_program(tmp_path, f"echo $$ > {pid_file}; echo hello; {FOREVER}")
    with pytest.raises(ValueError, match="hello"):
        ProcessRunner().run([str(program)], progress=fail)
    assert not is_alive(pid_in(pid_file))


@needs_proc
def test_cancelling_kills_the_child_and_its_children(tmp_path: Path) -> None:
    files = tmp_path / "child", tmp_path / "grandchild"
    # The grandchild ignores every polite signal and keeps the pipes open.
    program = make_program(
        tmp_path,
        f"(trap '' TERM INT HUP; sh -c 'echo $$ > {files[1]}; exec sleep 1000') &\n"
        f"echo $$ > {files[0]}; wait",
    )
    error = cancelled_while_running([str(program)], lambda: all(pid_in(file) for file in files))
    assert isinstance(error, CancelledError)
    assert not any(is_alive(pid_in(file)) for file in files)


@needs_proc
def test_grandchildren_do_not_outlive_a_child_that_ends(tmp_path: Path) -> None:
    pid_file = tmp_path / "grandchild"
    program = make_program(
        tmp_path,
        f"sh -c 'echo $$ > {pid_file}; exec sleep 1000' &\n"
        f"while [ ! -s {pid_file} ]; do sleep 0.01; done; echo done",
    )
    done = ProcessRunner().run([str(program)])
    assert (done.returncode, done.stdout) == (0, "done\n")
    wait_until(lambda: not is_alive(pid_in(pid_file)))


@needs_proc
@pytest.mark.parametrize("ends", ["", "exec sleep 1000", "sleep 0.2; exit 3"])
def test_a_grandchild_of_another_session_that_holds_the_pipes_is_not_waited_for(
    tmp_path: Path, ends: str, clock: Clock
) -> None:
    pid_file = tmp_path / "grandchild"
    leave = f"import os; os.setsid(); open('{pid_file}', 'w').write(f'{{os.getpid()}}\\n')"
    program = make_program(
        tmp_path,
        f"{sys.executable} -c \"{leave}; os.execlp('sleep', 'sleep', '1000')\" &\n"
        f"while [ ! -s {pid_file} ]; do sleep 0.01; done; echo done; {ends}",
    )
    if "sleep 1000" in ends:

        def hours_pass(_: str) -> bool:
            clock.now_s += 3600
            return False

        with pytest.raises(ToolTimeoutError):
            ProcessRunner().run([str(program)], progress=hours_pass)
    else:
        done = ProcessRunner().run([str(program)])
        assert (done.returncode, done.stdout) == (3 if ends else 0, "done\n")
    # It is killed by then, which the kernel of a busy machine takes a moment to do.
    wait_until(lambda: not is_alive(pid_in(pid_file)))


def cancelled_while_running(argv: list[str], ready: Callable[[], bool]) -> BaseException | None:
    """Run `argv` in a thread, cancel it once it is ready, and return what it raised."""
    token = CancelToken()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            ProcessRunner(token).run(argv)
        except CancelledError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(ready)
    token.cancel()
    thread.join()
    return raised[0] if raised else None


@needs_proc
def test_one_token_cancels_every_running_child(tmp_path: Path) -> None:
    token = CancelToken()
    runner = ProcessRunner(token)
    raised: list[CancelledError] = []

    def work(program: Path) -> None:
        try:
            runner.run([str(program)])
        except CancelledError as error:
            raised.append(error)

    programs = [
        make_program(tmp_path, f"echo $$ > {tmp_path / name}.pid; {FOREVER}", name)
        for name in "abc"
    ]
    threads = [threading.Thread(target=work, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    pids = [pid_in(tmp_path / f"{name}.pid") for name in "abc"]
    token.cancel()
    for thread in threads:
        thread.join()
    assert len(raised) == 3
    assert not any(is_alive(pid) for pid in pids)


def test_a_cancelled_runner_starts_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        ProcessRunner(token).run(["touch", str(tmp_path / "made")])
    assert not (tmp_path / "made").exists()


def test_a_child_started_in_the_moment_of_cancelling_is_killed() -> None:
    token = CancelToken()
    runner = ProcessRunner(token, on_command=lambda _: token.cancel())
    with pytest.raises(CancelledError):
        runner.run(["sleep", "1000"])


def test_each_command_is_told_before_it_runs() -> None:
    told: list[tuple[str, ...]] = []
    ProcessRunner(on_command=told.append).run(["true", "x"])
    assert told == [("true", "x")]


@needs_proc
def test_ctrl_c_leaves_no_child(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = make_program(tmp_path, f"echo $$; {FOREVER}")
    code = (
        "import signal, sys\n"
        # Whatever runs the tests may have it ignored, and children inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from vmafx_tune.media.process import ProcessRunner\n"
        # Told from another thread, once this one waits for the child.
        f"tell = lambda line: open({str(pid_file)!r}, 'w').write(line + chr(10)) < 0\n"
        f"try: ProcessRunner().run([{str(program)!r}], progress=tell)\n"
        "except KeyboardInterrupt: sys.exit(130)"
    )
    with subprocess.Popen(python(code), env={"PYTHONPATH": ":".join(sys.path)}) as parent:
        child = pid_in(pid_file)
        parent.send_signal(signal.SIGINT)
        assert parent.wait() == 130
    assert not is_alive(child)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match=r"'.*/nothing' does not exist\."):
        ProcessRunner().run([str(tmp_path / "nothing"), "-version"])


def test_a_file_that_is_not_executable_is_named(tmp_path: Path) -> None:
    program = make_program(tmp_path, "true")
    program.chmod(0o644)
    with pytest.raises(ToolNotFoundError, match=r"'.*/program' cannot be run: Permission denied\."):
        ProcessRunner().run([str(program)])


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x00\x01\x02 no program")
    program.chmod(0o755)
    with pytest.raises(ToolNotFoundError, match=r"cannot be run: Exec format error\."):
        ProcessRunner().run([str(program)])


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match="cannot be run"):
        ProcessRunner().run([str(tmp_path)])


def test_no_thread_is_left_behind() -> None:
    before = {*threading.enumerate()}
    ProcessRunner().run(["true"])
    wait_until(lambda: {*threading.enumerate()} <= before)
