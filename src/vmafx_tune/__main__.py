"""`python -m vmafx_tune`, and the `vmafx-tune` script."""

from __future__ import annotations

import sys

__all__ = ["main"]

_HELP = frozenset({"-h", "--help"})


def main() -> None:
    """Run the command line; what has to be quick is done without loading it."""
    if sys.argv[1:] == ["--version"]:
        from vmafx_tune._version import __version__

        sys.stdout.write(f"vmafx-tune {__version__}\n")
        return
    if sys.argv[1:2] == ["serve"] and not _HELP & {*sys.argv[2:]}:
        from vmafx_tune.server.run import main as serve

        sys.exit(serve(sys.argv[2:]))
    import os

    from vmafx_tune.signals import Signalled, stop_on_signals

    stop_on_signals()
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from vmafx_tune.cli.app import run

        run()
    except Signalled as error:
        # While modules were still being loaded; commands tell it themselves.
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
