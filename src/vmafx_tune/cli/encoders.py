"""`vmafx-tune encoders`."""

from __future__ import annotations

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import OutputOptions, running
from vmafx_tune.options import ToolOptions

__all__ = ["encoders"]


@takes_options
def encoders(*, tools: ToolOptions, output: OutputOptions) -> None:
    """List the encoders and which of them work here."""
    with running(output, "encoders", tools=tools) as run:
        from vmafx_tune.inspection import list_encoders

        run.finish(list_encoders(run.session))
