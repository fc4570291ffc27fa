"""`vmafx-tune doctor`."""

from __future__ import annotations

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import OutputOptions, running
from vmafx_tune.options import ToolOptions

__all__ = ["doctor"]

_MISSING = 4


@takes_options
def doctor(*, tools: ToolOptions, output: OutputOptions) -> None:
    """Check what is installed, and say how to fix what is missing.

    Examples:
        vmafx-tune doctor
    """
    with running(output, "doctor", tools=tools) as run:
        from vmafx_tune.inspection import examine

        result = examine(run.session)
        usable = all(check.ok for check in result.checks if check.required)
        run.finish(result, exit_code=0 if usable else _MISSING)
