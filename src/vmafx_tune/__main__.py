"""`python -m vmafx_tune`, and the `vmafx-tune` script."""

from __future__ import annotations

import sys

__all__ = ["main"]

_HELP = frozenset({"-h", "--help"})


def main() -> None:
    """Run the command line and exit."""
    from vmafx_tune.signals import Signalled, exit_on_signals
    from vmafx_tune.standard_streams import open_standard_streams

    exit_on_signals()
    open_standard_streams()
    try:
        exit_code = _run(sys.argv[1:])
        sys.stdout.flush()
    except (Exception, Signalled) as error:  # noqa: BLE001 - raised again unless it is ours
        from vmafx_tune.cli.failure import report

        exit_code = report(error)
    sys.exit(exit_code)


def _run(arguments: list[str]) -> int:
    """Run a command; what has to be quick is done without loading the others."""
    if arguments == ["--version"]:
        from vmafx_tune._version import __version__

        sys.stdout.write(f"vmafx-tune {__version__}\n")
        return 0
    if arguments[:1] == ["serve"] and not _HELP & {*arguments[1:]}:
        from vmafx_tune.server.run import main as serve

        return serve(arguments[1:])
    import gc
    import os

    # Loading a command makes many objects and drops few: by default, they are searched for garbage
    # some fifty times meanwhile.
    gc.set_threshold(50_000)
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from vmafx_tune.cli.app import run

    return run()


if __name__ == "__main__":
    main()
