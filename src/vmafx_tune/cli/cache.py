"""`vmafx-tune cache`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vmafx_tune.choices import CacheAction
from vmafx_tune.cli.binding import takes_options
from vmafx_tune.cli.common import OutputOptions, running
from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from vmafx_tune.results.machine import CacheResult

__all__ = ["cache"]


@takes_options
def cache(
    *,
    action: Annotated[
        CacheAction,
        typer.Argument(
            metavar="ACTION",
            help="info: show the size; list: show every entry; prune: delete old entries; "
            "clear: delete everything.",
        ),
    ] = CacheAction.INFO,
    limit: Annotated[
        str | None,
        typer.Option(
            "--limit",
            metavar="SIZE",
            help="With prune: size to shrink the cache to, such as 500M or 2G. Default: "
            "VMAFX_CACHE_LIMIT, or 2G.",
        ),
    ] = None,
    unused_days: Annotated[
        float | None,
        typer.Option(
            "--unused-days",
            metavar="DAYS",
            min=0,
            help="With prune: delete entries that were not used for this long.",
        ),
    ] = None,
    output: OutputOptions,
) -> None:
    """Show, prune or clear the cache of measured encodes.

    Every measured encode is cached, so no encode is made twice. Other commands take --no-cache and
    --refresh.

    Examples:
        vmafx-tune cache list
        vmafx-tune cache prune --unused-days 30
    """
    with running(output, "cache") as run:
        if action is not CacheAction.PRUNE and (limit is not None or unused_days is not None):
            raise UsageError("--limit and --unused-days are for `vmafx-tune cache prune` only.")
        run.finish(_done(action, limit, unused_days))


def _done(action: CacheAction, limit: str | None, unused_days: float | None) -> CacheResult:
    from vmafx_tune.cache import clear_cache, examine_cache, prune_cache
    from vmafx_tune.parsing import parse_size_bytes

    match action:
        case CacheAction.CLEAR:
            return clear_cache()
        case CacheAction.PRUNE:
            limit_bytes = None if limit is None else parse_size_bytes(limit)
            return prune_cache(limit_bytes=limit_bytes, unused_days=unused_days)
        case _:
            return examine_cache(entries=action is CacheAction.LIST)
