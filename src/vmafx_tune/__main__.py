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
    try:
        from vmafx_tune.cli.app import run

        run()
    except KeyboardInterrupt:
        # Ctrl-C while modules were still being loaded.
        sys.exit(130)


if __name__ == "__main__":
    main()
