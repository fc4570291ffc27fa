from __future__ import annotations

import subprocess
import sys


def test_searching_pooling_and_choosing_rungs_load_no_heavy_package() -> None:
    script = (
        "import sys, vmafx_tune.core.grid, vmafx_tune.core.pooling, vmafx_tune.core.search,"
        "vmafx_tune.core.selection, vmafx_tune.core.strategies, vmafx_tune.core.throughput;"
        "print(sorted({'av', 'numpy', 'pydantic', 'rich', 'typer'} & sys.modules.keys()))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    assert loaded.stdout.strip() == "[]"
