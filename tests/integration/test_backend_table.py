"""The two libvmafs are no further apart than the documentation says, model by model."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import ScoreRequest
from vmafx_tune.scoring.models import BUILT_IN_MODELS
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory
    from vmafx_tune.model import ScoreSet

PAGE = Path(__file__).parents[2] / "docs/reference/models.md"
ROW = re.compile(r"^\| `(vmaf_\w+[.\w]*)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)
TABLE = {name: tuple(map(float, numbers)) for name, *numbers in ROW.findall(PAGE.read_text())}
FRAMES = 12


def test_the_table_has_every_model_that_both_have() -> None:
    assert set(TABLE) == {
        name
        for name, model in BUILT_IN_MODELS.items()
        if not model.wants_encode_facts and name != "vmaf_4k_v0.6.1neg"
    }


@pytest.mark.parametrize("model", sorted(TABLE))
def test_the_backends_are_no_further_apart_than_the_table_says_and_list_the_same_features(
    clips: ClipFactory, media_dir: Path, model: str
) -> None:
    source = ("-i", str(media_dir / "bikes_640x272_25fps.mp4"), "-an", "-frames:v", str(FRAMES))
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf")
    clip, encode = clips.folder / "bikes.mkv", clips.folder / "bikes-35.mkv"
    if not encode.exists():
        clips.run(*source, *codec, "0", str(clip))
        clips.run(*source, *codec, "35", str(encode))
    reference = probe_source(clip)
    request = ScoreRequest(
        reference, probe_source(encode), BUILT_IN_MODELS[model], reference.resolution
    )

    loaded, filtered = (_score(request, backend) for backend in ("libvmaf", "ffmpeg"))

    on_a_frame, mean, minimum = TABLE[model]
    assert filtered.frames == pytest.approx(loaded.frames, abs=on_a_frame, rel=0)
    assert fmean(filtered.frames) == pytest.approx(fmean(loaded.frames), abs=mean, rel=0)
    assert min(filtered.frames) == pytest.approx(min(loaded.frames), abs=minimum, rel=0)
    assert list(filtered.features) == list(loaded.features)


def _score(request: ScoreRequest, backend: str) -> ScoreSet:
    return Session().scorer(backend, request.model).score(request)
