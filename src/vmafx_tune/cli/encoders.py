"""`vmafx-tune encoders`."""

from __future__ import annotations

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import OutputOptions, running
from vmafx_tune.options import ToolOptions

__all__ = ["encoders"]


@takes_options
def encoders(*, tools: ToolOptions, output: OutputOptions) -> None:
    """List encoders, and which of them work on this machine.

    Examples:
        vmafx-tune encoders
        vmafx-tune encoders --ffmpeg /opt/ffmpeg/bin/ffmpeg
    """
    with running(output, "encoders", tools=tools) as run:
        from vmafx_tune.inspection import list_encoders

        run.finish(list_encoders(run.session))
