"""What every renderer reads out of a gate: what was checked, the verdict, a table of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.formatting import ABSENT, bitrate, counted, duration, encodable, given, vmaf
from vmafx_tune.reports.facts import Heading, Sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.results.gate import Check, GateResult

__all__ = ["heading", "sheet", "verdict"]

_CHECKS = {
    "vmaf": "VMAF",
    "frames": "VMAF of the frame that dropped most",
    "bitrate": "Bitrate at the target",
    "bd_rate": "BD-rate",
    "reached": "Target reached",
    "proven": "Proven",
    "time": "Time",
    "min_vmaf": "VMAF at least",
    "min_p5": "5th percentile at least",
}
_HEADINGS = (
    Heading("Result", number=False),
    Heading("Check", number=False),
    Heading("Baseline", rank=1),
    Heading("Now"),
    Heading("Change"),
    Heading("Limit"),
    Heading("", number=False),
)


def heading(result: GateResult) -> str:
    """Say what a gate checked."""
    current = "the result" if result.current is None else encodable(str(result.current))
    if result.noise is None:
        return f"{result.results_of}: {current}"
    baseline = "the baseline" if result.baseline is None else encodable(str(result.baseline))
    return f"{result.results_of}: {current} against {baseline}"


def verdict(result: GateResult) -> str:
    """Sum up a gate."""
    skipped = sum(check.exemption == "not_checked" for check in result.checks)
    found = "Nothing regressed" if result.ok else counted(len(result.regressions), "regression")
    more = f"; {counted(skipped, 'check')} could not be made" if skipped else ""
    return f"{found} in {counted(len(result.checks) - skipped, 'check')}{more}."


def sheet(result: GateResult) -> Sheet:
    """Lay out the checks of a gate."""
    return Sheet(
        _HEADINGS,
        tuple(
            (
                check.subject or result.results_of,
                _CHECKS[check.kind],
                *_numbers(check),
                _state(check),
            )
            for check in result.checks
        ),
        tuple("" if check.ok else "failed" for check in result.checks),
    )


def _state(check: Check) -> str:
    if not check.ok:
        return "regressed"
    return "ok" if check.exemption is None else check.exemption.replace("_", " ")


def _numbers(check: Check) -> tuple[str, str, str, str]:
    """Write baseline, current value, change and limit of a check."""
    write: Callable[[float | None], str] = vmaf
    unit = ""
    if check.kind in ("bitrate", "bd_rate", "time"):
        write, unit = (duration if check.kind == "time" else bitrate), " %"
    change = ABSENT if check.change is None else f"{check.change:+z.2f}{unit}"
    limit = ABSENT if check.limit is None else f"{given(check.limit)}{unit}"
    return write(check.baseline), write(check.current), change, limit
