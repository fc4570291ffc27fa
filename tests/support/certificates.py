"""A certificate for tests of TLS."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Certificate", "make_certificate"]

_ARGUMENTS = (
    *("req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"),
    *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"),
    *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
)


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate that vouches for itself, and of its key."""

    cert: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate for this machine; skips the test where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("There is no openssl here.")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    files = ("-keyout", str(made.key), "-out", str(made.cert))
    subprocess.run([openssl, *_ARGUMENTS, *files], check=True, capture_output=True)
    return made
