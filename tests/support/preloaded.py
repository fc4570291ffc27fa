"""Runs commands in forks of a process that has loaded the program already.

A short command spends most of its time on loading. From there on, a fork is a process like any
other: it has its own working directory, environment, standard streams, signals and end. What
concerns the start itself is tested with `cli.command`.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import vmafx_tune
from tests.support import ordering
from vmafx_tune.__main__ import main as run_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["loader", "program_text", "run_preloaded"]

# Loaded by few commands, at a price.
_LEFT_OUT = ("vmafx_tune.cluster", "vmafx_tune.server", "vmafx_tune.client")


def program_text() -> str:
    """Write a program that starts at once; who starts it passes on the `loader`'s descriptor."""
    program = Path(ordering.__file__)
    return f'#!/bin/sh\nexec {sys.executable} -IS {program} {loader().fileno()} "$@"\n'


def run_preloaded(
    arguments: Sequence[str], *, cwd: Path | None, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, with nothing on its standard input.

    Args:
        arguments: The command line, without the program.
        cwd: Working directory.
        environ: Its whole environment.
    """
    with (
        Path(os.devnull).open("rb") as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        status = ordering.run_ordered(
            loader(),
            arguments,
            cwd=str(cwd or Path.cwd()),
            environ=environ,
            streams=(stdin.fileno(), stdout.fileno(), stderr.fileno()),
        )
        printed = (os.pread(file.fileno(), 1 << 30, 0) for file in (stdout, stderr))
        return subprocess.CompletedProcess(arguments, status, *printed)


@cache
def loader() -> socket.socket:
    """Start the process that has everything loaded; it ends with this one.

    Returns:
        Where it takes orders.
    """
    mine, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(its.fileno())],
            cwd=Path(__file__).parents[2],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine


def _serve(orders: socket.socket) -> None:
    """Fork for each order; returns in the process that is to run a command."""
    while True:
        _, files, _, _ = socket.recv_fds(orders, 1, 5)
        if not files:
            sys.exit()
        if os.fork() == 0:
            orders.close()
            _attend(*files)
            return
        for file in files:
            os.close(file)


def _attend(order: int, stdin: int, stdout: int, stderr: int, answer: int) -> None:
    """Tell how the command ends; returns in the process that is to run it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := os.fork():
        _, status = os.waitpid(pid, 0)
        os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    with open(order, encoding="utf-8", errors="surrogateescape") as text:
        given = json.load(text)
    for number, stream in enumerate((stdin, stdout, stderr)):
        os.dup2(stream, number)
    os.closerange(3, max(stdin, stdout, stderr, answer) + 1)
    os.chdir(given["cwd"])
    os.environ.clear()
    os.environ.update(given["environ"])
    sys.argv[1:] = given["arguments"]


def _load() -> None:
    for module in pkgutil.walk_packages(vmafx_tune.__path__, "vmafx_tune."):
        if not module.name.startswith(_LEFT_OUT):
            # What it needs may not be there, which is for the command to find out.
            with suppress(ImportError):
                import_module(module.name)
    gc.freeze()


if __name__ == "__main__":
    _load()
    # Nobody waits for those who attend to a command.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _serve(socket.socket(fileno=int(sys.argv[1])))
    run_command()
