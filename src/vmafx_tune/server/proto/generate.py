"""Make the Python modules of the gRPC contract again: `python -m vmafx_tune.server.proto.generate`.

Needs grpcio-tools, in the version that noxfile.py has: what an older version generates, newer
run-time libraries take, but not the other way round.
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["generate", "main"]

_FOLDER = Path(__file__).parent
_PROTO = "vmafx/v1/vmafx.proto"
_STUBS = "vmafx/v1/vmafx_pb2_grpc.py"


def generate(folder: Path) -> None:
    """Write messages, their types and the stubs below `folder`.

    Raises:
        RuntimeError: The compiler refuses the contract; it has said why on stderr.
    """
    from grpc_tools import protoc

    outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    status = protoc.main(["protoc", f"--proto_path={_FOLDER}", *outputs, _PROTO])
    if status != 0:
        raise RuntimeError(f"protoc ended with {status}.")
    _import_from_package(folder / _STUBS)


def main() -> None:
    """Write them beside the contract."""
    generate(_FOLDER)
    sys.stdout.write(f"{_FOLDER / _PROTO}: generated\n")


def _import_from_package(stubs: Path) -> None:
    """Let the stubs import the messages from where they are, not from a package `vmafx`."""
    text = stubs.read_text(encoding="utf-8")
    package = __package__ or "vmafx_tune.server.proto"
    stubs.write_text(text.replace("from vmafx.v1 ", f"from {package}.vmafx.v1 "), encoding="utf-8")


if __name__ == "__main__":
    main()
