"""Where the processor time of a command goes: every program that it starts, and Python itself.

Run with `python benchmarks/profile_processes.py encode -r CLIP -o OUT.mkv --report FILE …`, or any
other command of `vmafx-tune` with its options; an empty cache is used. Prints each program with its
purpose and its seconds of processor time, then the sums by purpose: encodes and scores of the
whole, those of parts, and the rest. `VERBOSE=1` shows whole commands.
"""

from __future__ import annotations

import os
import resource
import tempfile
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from vmafx_tune.media import process

_SHOWN_CHARS = 100


def cpu_s(who: int) -> float:
    """Processor time in seconds, of user and system."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def purpose(argv: list[str]) -> str:
    """Tell from a command what it is for."""
    words = " ".join(argv)
    # Parts are cut out, or written to a file without a header.
    is_part = "trim=" in words or ("-pixel_format" in words and "n_subsample=1:" not in words)
    part = "of parts" if is_part else "of the whole"
    if "libvmaf" in words:
        return "model check" if "nullsrc" in words else f"scores {part}"
    if ".part." in words:
        return f"encodes {part}"
    return "cutting of parts" if "concat=" in words or "select=" in words else "rest"


def main() -> int:
    found: list[tuple[float, str, list[str]]] = []
    reap = process._Group._reap  # noqa: SLF001

    def counting(self: Any) -> int:
        before = cpu_s(resource.RUSAGE_CHILDREN)
        status = reap(self)
        argv = list(map(str, self.process.args))
        found.append((cpu_s(resource.RUSAGE_CHILDREN) - before, purpose(argv), argv))
        return status

    process._Group._reap = counting  # type: ignore[method-assign] # noqa: SLF001
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as null:
        os.environ["VMAFX_CACHE_DIR"] = folder
        from vmafx_tune.__main__ import main as run

        try:
            with redirect_stdout(null):
                run()
        except SystemExit as end:
            print(f"exit status {end.code}")
    sums: dict[str, list[float]] = defaultdict(list)
    verbose = os.environ.get("VERBOSE")
    for seconds, what, argv in found:
        sums[what].append(seconds)
        words = " ".join(argv[1:])
        print(f"{seconds:7.2f}  {what:22} {words if verbose else words[-_SHOWN_CHARS:]}")
    sums["Python"].append(cpu_s(resource.RUSAGE_SELF))
    total = sum(map(sum, sums.values()))
    print()
    for what, each in sums.items():
        print(f"{sum(each):7.2f} {100 * sum(each) / total:4.0f} %  {len(each):3} x {what}")
    print(f"{total:7.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
