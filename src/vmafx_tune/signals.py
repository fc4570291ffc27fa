"""Signals that end the program, turned into one exception; installed before anything is loaded."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Signalled", "stop_on_signals"]


class Signalled(KeyboardInterrupt):
    """A signal that asks the program to stop."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        self.words = (
            "interrupted"
            if number == signal.SIGINT
            else f"stopped by {signal.Signals(number).name}"
        )
        super().__init__(self.words)


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP unwind the stack once, so that everything is cleaned up."""
    for number in _stopping_signals():
        # nohup has SIGHUP ignored: keep that.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise_signalled)


def _raise_signalled(number: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C would interrupt the cleaning up after the first.
    for other in _stopping_signals():
        signal.signal(other, signal.SIG_IGN)
    raise Signalled(number)


def _stopping_signals() -> tuple[signal.Signals, ...]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))
