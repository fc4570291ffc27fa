"""`vmafx-tune search`."""

from __future__ import annotations

from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import (
    MISSED_TARGET,
    Codec,
    MaxBitrate,
    OutputOptions,
    Reference,
    Target,
    running,
)
from vmafx_tune.options import (
    DEFAULT_ENCODERS,
    DEFAULT_TARGET,
    ClusterOptions,
    EncodingOptions,
    ScoringOptions,
    SourceOptions,
    ToolOptions,
)

__all__ = ["search"]


@takes_options
def search(
    *,
    reference: Reference,
    codec: Codec = DEFAULT_ENCODERS[0],
    target: Target = DEFAULT_TARGET,
    max_bitrate: MaxBitrate = None,
    encoding: EncodingOptions,
    scoring: ScoringOptions,
    sources: SourceOptions,
    tools: ToolOptions,
    cluster: ClusterOptions,
    output: OutputOptions,
) -> None:
    """Find the cheapest setting that reaches a target, with proof.

    The answer is measured and reaches the target; the next worse setting is measured too, and
    misses it.

    Examples:
        vmafx-tune search -r source.mp4 -c libx265 -t 95 --preset slow
        vmafx-tune search -r film.mkv -c libsvtav1 -t 93 --sample 12x10s --verify
    """
    with running(output, "search", tools=tools, sources=sources, cluster=cluster) as run:
        import vmafx_tune

        with run.observing() as observe:
            result = vmafx_tune.search(
                reference,
                codec,
                target,
                max_bitrate_kbps=max_bitrate,
                encoding=encoding,
                scoring=scoring,
                observe=observe,
                session=run.session,
            )
        run.finish(result, exit_code=0 if result.ok else MISSED_TARGET)
