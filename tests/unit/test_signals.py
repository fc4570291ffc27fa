"""Signals unwind the program wherever it is."""

from __future__ import annotations

import subprocess
import sys

_HIT_ANOTHER_THREAD = """
import signal, threading, time
from vmafx_tune.signals import Signalled, exit_on_signals, unwinding_on_signals

def hit():
    time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

signal.signal(signal.SIGTERM, signal.SIG_DFL)
exit_on_signals()
lock = threading.Lock()
lock.acquire()
try:
    with unwinding_on_signals():
        threading.Thread(target=hit, daemon=True).start()
        lock.acquire()
except Signalled as error:
    print(error.exit_code)
"""


def test_a_signal_that_another_thread_gets_ends_what_the_main_thread_waits_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HIT_ANOTHER_THREAD],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("143\n", "")
