from __future__ import annotations

import subprocess
import sys


def test_searching_pooling_and_choosing_rungs_load_no_heavy_package() -> None:
    script = (
        "import sys, vmafx_tune.search.grid, vmafx_tune.scoring.pooling, vmafx_tune.search.bisect,"
        "vmafx_tune.ladder.selection, vmafx_tune.search.probe_set, vmafx_tune.ladder.throughput;"
        "print(sorted({'av', 'numpy', 'pydantic', 'rich', 'typer'} & sys.modules.keys()))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    assert loaded.stdout.strip() == "[]"
