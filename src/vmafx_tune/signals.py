"""Signals that end the program: at once where there is nothing to clean up, else as an exception.

This is loaded before all else, so it loads little.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager, suppress

TYPE_CHECKING = False  # as in `__init__`
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Signalled", "exit_on_signals", "unwinding_on_signals"]

_STDERR = 2
_AGAIN_S = 0.01
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signalled(BaseException):
    """A signal that asks the program to stop.

    Not a `KeyboardInterrupt`, which libraries take for their own.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.exit_code = 128 + number
        super().__init__(_words(number))


def exit_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end the program where it stands."""
    for number in _STOPPING:
        # nohup has SIGHUP ignored: keep that.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)


@contextmanager
def unwinding_on_signals() -> Iterator[None]:
    """Let them unwind the stack once while the block lasts, so that everything is cleaned up.

    Does nothing where `exit_on_signals` was not called before.

    Raises:
        Signalled: One came.
    """
    heard = [number for number in _STOPPING if signal.getsignal(number) is _exit]
    if not heard:
        yield
        return
    for number in heard:
        signal.signal(number, _raise_signalled)
    before, sys.unraisablehook = sys.unraisablehook, _unraisable
    try:
        with _waking_the_main_thread():
            yield
    finally:
        sys.unraisablehook = before
        for number in heard:
            signal.signal(number, _exit)


@contextmanager
def _waking_the_main_thread() -> Iterator[None]:
    """Interrupt what the main thread waits for when another thread gets a signal.

    The kernel may give it to any, and Python handles it in the main one: only once that runs again.
    """
    import threading

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_wake, args=(reader, threading.get_ident()), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)


def _wake(reader: int, thread: int) -> None:
    while received := os.read(reader, 1):
        time.sleep(_AGAIN_S)
        # Sent once more it is heard once more, until it is handled.
        if signal.getsignal(received[0]) is _raise_signalled:
            signal.pthread_kill(thread, received[0])
    os.close(reader)


def _exit(number: int, _frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(_STDERR, f"vmafx-tune: {_words(number)}.\n".encode())
    # What may just be running, such as an import or the interpreter's own end, takes no exception.
    os._exit(128 + number)


def _raise_signalled(number: int, _frame: FrameType | None) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        return
    # A second Ctrl-C would interrupt the cleaning up after the first.
    for other in _STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise Signalled(number)


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Repeat a signal that came where Python drops exceptions, such as in a finalizer."""
    if not isinstance(unraisable.exc_value, Signalled):
        sys.__unraisablehook__(unraisable)
        return
    from threading import Timer

    number = unraisable.exc_value.number
    signal.signal(number, _raise_signalled)
    Timer(_AGAIN_S, os.kill, (os.getpid(), number)).start()


def _words(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
