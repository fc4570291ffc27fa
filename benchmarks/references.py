"""What it saves to keep a reference decoded while encodes are scored against it."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from _rows import Row
from _timing import ratios, take_turns

from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import Resolution, ScoreRequest
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.ports import Scorer

__all__ = ["MEASURES", "references"]

CLIP = Path(__file__).parents[2] / "shared/media/seeking_720x480_25fps.mp4"
# Scores of one search with a few targets.
SCORES = 5
SEEKING, FULL_HD = Resolution(720, 480), Resolution(1920, 1080)
# What the reference is made with from the clip; at which size it is scored; and what is promised.
REFERENCES = {
    "H.264, 720x480": (("-t", "4", "-c", "copy"), SEEKING, 1.0),
    "FFV1, 720x480": (("-t", "4", "-c:v", "ffv1"), SEEKING, 0.8),
    "ProRes, 3840x2160, at 1920x1080": (
        ("-t", "1", "-vf", "scale=3840:2160,noise=alls=8:allf=t", "-c:v", "prores_ks"),
        FULL_HD,
        0.8,
    ),
}


def references(folder: Path, rounds: int) -> list[Row]:
    """Scores against a reference that is kept decoded, against decoding it for each of them."""
    if not CLIP.exists():
        print(f"{CLIP.name} is not here, so references are not kept.")
        return []
    return [
        Row(
            f"{SCORES} scores against one reference ({what}), against decoding it each time",
            _ratio(folder, codec, display, rounds),
            bar,
        )
        for what, (codec, display, bar) in REFERENCES.items()
    ]


MEASURES = (references,)


def _ratio(folder: Path, codec: tuple[str, ...], display: Resolution, rounds: int) -> float:
    reference, distorted = folder / "reference.mov", folder / "distorted.mp4"
    if "ffv1" in codec:
        reference = reference.with_suffix(".mkv")
    _encode(CLIP, *codec, reference)
    small = f"scale={display.width}:{display.height}"
    _encode(reference, "-vf", small, "-c:v", "libx264", "-crf", "30", distorted)
    first, second = probe_source(reference), probe_source(distorted)
    model = Session().model(None, display)
    request = ScoreRequest(first, second, model, display)

    def run(*, often: bool) -> None:
        with closing(Session()) as session:
            scorer: Scorer = session.scorer("ffmpeg", model, often=often)
            for _ in range(SCORES):
                scorer.score(request)

    times = take_turns(
        {"each time": lambda: run(often=False), "kept": lambda: run(often=True)}, rounds
    )
    return ratios(times, "each time")["kept"]


def _encode(source: Path, *arguments: str | Path) -> None:
    ffmpeg = Session().ffmpeg.path
    subprocess.run([ffmpeg, "-v", "error", "-y", "-i", source, "-an", *arguments], check=True)
