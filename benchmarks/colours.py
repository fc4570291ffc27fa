"""Every pair of colours that a reference and an encode may have, against luma from numpy.

    python benchmarks/colours.py

Grey of 8 and 16 bits, RGB of 8 and 10, and 4:2:0, 4:2:2, 4:4:4 of 8, 10 and 12 bits in both ranges
and three matrices or none, on both sides: 6400 pairs. Each clip of each pair is decoded as the
in-memory backend and as the file backends decode it; what is more than 1.25 of an 8-bit code off is
false.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.colour_clips import ALL_SPECS, HEIGHT, WIDTH, luma_in, luma_of, write_clip
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import ScoreRequest, Source
from vmafx_tune.scoring.alignment import ScoringPlan, plan_scoring
from vmafx_tune.scoring.ffmpeg_filter import decode_arguments
from vmafx_tune.scoring.models import BUILT_IN_MODELS
from vmafx_tune.session import Session

LIMIT = 1.25
MODEL = BUILT_IN_MODELS["vmaf_v0.6.1"]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for spec in ALL_SPECS:
            write_clip(spec, folder / f"{spec}.mkv")
        sources = {spec: probe_source(folder / f"{spec}.mkv") for spec in ALL_SPECS}
        needed = set()
        pairs = list(itertools.product(ALL_SPECS, ALL_SPECS))
        for reference, distorted in pairs:
            request = ScoreRequest(
                sources[reference], sources[distorted], MODEL, sources[reference].resolution
            )
            needed |= {(reference, plan_scoring(request)), (distorted, plan_scoring(request))}
        false, worst = 0, 0.0
        for spec, plan in needed:
            for decoded in (luma_of(sources[spec], plan), _by_command(sources[spec], plan, folder)):
                off = max(
                    float(np.abs(found - luma_in(spec, plan.comparison, index)).max())
                    for index, found in enumerate(decoded)
                ) / 2 ** (plan.bit_depth - 8)
                worst = max(worst, off)
                if off > LIMIT:
                    false += 1
                    print(f"{spec} as {plan.comparison}: off by {off}")
        print(
            f"{len(pairs)} pairs, {2 * len(needed)} conversions: {false} false, "
            f"at most {worst:.2f} of an 8-bit code off"
        )
    sys.exit(1 if false else 0)


def _by_command(source: Source, plan: ScoringPlan, folder: Path) -> list[np.ndarray]:
    raw = folder / "decoded.yuv"
    command = [Session().ffmpeg.path, "-y", *decode_arguments(source, plan, str(raw))]
    subprocess.run(command, check=True, capture_output=True)
    data, size = raw.read_bytes(), 1 if plan.bit_depth == 8 else 2
    frame_bytes = len(data) // source.n_frames
    luma_bytes = WIDTH * HEIGHT * size
    starts = (index * frame_bytes for index in range(source.n_frames))
    kind = "u1" if size == 1 else "<u2"
    return [
        np.frombuffer(data[start : start + luma_bytes], kind).reshape(HEIGHT, WIDTH).astype(float)
        for start in starts
    ]


if __name__ == "__main__":
    main()
