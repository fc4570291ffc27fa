from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import ToolOutputError
from vmafx_tune.scoring.xpsnr_log import read_xpsnr_log

if TYPE_CHECKING:
    from pathlib import Path

LOG = """\
n:    1  XPSNR y: 47.2331  XPSNR u: 56.2537  XPSNR v: 56.1488
n:    2  XPSNR y: inf  XPSNR u: inf  XPSNR v: inf
n:    3  XPSNR y: 34.2323  XPSNR u: 42.2399  XPSNR v: 41.0569

XPSNR average, 3 frames  y: 32.3339  u: 40.2466  v: 39.9330  (minimum: 32.3339)
"""


def test_each_frame_has_the_values_of_its_planes(tmp_path: Path) -> None:
    log = tmp_path / "xpsnr.log"
    log.write_text(LOG)

    found = read_xpsnr_log(log, range(3))

    assert {name: list(values) for name, values in found.items()} == {
        "xpsnr": [47.2331, math.inf, 34.2323],
        "xpsnr_cb": [56.2537, math.inf, 42.2399],
        "xpsnr_cr": [56.1488, math.inf, 41.0569],
    }
    assert list(read_xpsnr_log(log, [0, 2])["xpsnr"]) == [47.2331, 34.2323]


@pytest.mark.parametrize(
    "text", [None, "", "n: 2  XPSNR y: 1.0\n", LOG[:100], LOG.replace("u: 42.2399", "u: nan")]
)
def test_a_log_without_all_frames_is_refused(tmp_path: Path, text: str | None) -> None:
    log = tmp_path / "xpsnr.log"
    if text is not None:
        log.write_text(text)

    with pytest.raises(ToolOutputError, match="XPSNR"):
        read_xpsnr_log(log, range(3))
