"""What a worker knows of its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmafx_tune.cluster.messages import Kit
from vmafx_tune.cluster.worker import WorkerTools
from vmafx_tune.media import file_facts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_worker_that_starts_again_hashes_no_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMAFX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(file_facts, "_SETTLED_AFTER_S", -1.0)
    (tmp_path / "film").write_bytes(b"frames")
    read: list[int] = []
    pread = os.pread

    def counting(descriptor: int, size_bytes: int, offset: int) -> bytes:
        read.append(offset)
        return pread(descriptor, size_bytes, offset)

    monkeypatch.setattr(os, "pread", counting)
    kit = Kit(None, None, 1.0)
    first = WorkerTools(kit)._facts.digest(tmp_path / "film")
    n_read = len(read)

    assert WorkerTools(kit)._facts.digest(tmp_path / "film") == first
    assert len(read) == n_read > 0
