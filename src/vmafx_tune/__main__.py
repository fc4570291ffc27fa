"""`python -m vmafx_tune`, and the `vmafx-tune` script."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; the most common question is answered without loading it."""
    if sys.argv[1:] == ["--version"]:
        from vmafx_tune._version import __version__

        sys.stdout.write(f"vmafx-tune {__version__}\n")
        return
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
