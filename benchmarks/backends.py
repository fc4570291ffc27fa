"""How far the libvmaf in memory and the one in ffmpeg are apart, model by model.

    python benchmarks/backends.py MEDIA_FOLDER

prints the table of docs/reference/models.md: 25 frames of each clip in the folder, encoded with
x264 at crf 25, 35 and 45, scored by both backends.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from vmafx_tune.errors import ModelNotFoundError, ScoringError
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import ScoreRequest
from vmafx_tune.scoring.models import BUILT_IN_MODELS
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.model import Source, VmafModel

CRFS = (25, 35, 45)
FRAMES = 25


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pairs = list(_pairs(Path(sys.argv[1]), Path(folder)))
        print("| model | on a frame | mean | minimum |\n|---|---:|---:|---:|")
        for model in BUILT_IN_MODELS.values():
            if (line := _line(model, pairs)) is not None:
                print(line, flush=True)


def _pairs(media: Path, folder: Path) -> list[tuple[Source, Source]]:
    ffmpeg = Session().ffmpeg.path
    pairs = []
    for clip in sorted(media.glob("*.mp4")):
        for crf in ("0", *map(str, CRFS)):
            target = folder / f"{clip.stem}.{crf}.mkv"
            codec = ("-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", crf)
            command = [ffmpeg, "-v", "error", "-i", clip, "-frames:v", str(FRAMES), *codec, target]
            subprocess.run(command, check=True)
        reference = probe_source(folder / f"{clip.stem}.0.mkv")
        pairs += [(reference, probe_source(folder / f"{clip.stem}.{crf}.mkv")) for crf in CRFS]
    return pairs


def _line(model: VmafModel, pairs: list[tuple[Source, Source]]) -> str | None:
    worst = [0.0, 0.0, 0.0]
    for reference, distorted in pairs:
        request = ScoreRequest(reference, distorted, model, reference.resolution)
        try:
            one, other = (
                Session().scorer(name, model).score(request).frames
                for name in ("libvmaf", "ffmpeg")
            )
        except (ModelNotFoundError, ScoringError):
            return None
        apart = (
            max(abs(a - b) for a, b in zip(one, other, strict=True)),
            abs(fmean(one) - fmean(other)),
            abs(min(one) - min(other)),
        )
        worst = [max(pair) for pair in zip(worst, apart, strict=True)]
    return f"| `{model.name}` | " + " | ".join(f"{value:.4f}" for value in worst) + " |"


if __name__ == "__main__":
    main()
