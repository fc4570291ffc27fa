"""The models that a server says it knows are those that it scores with, for files and streams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support import pictures
from tests.support.pictures import render
from tests.support.programs import needs_proc
from tests.support.server_process import server_process
from vmafx_tune.client import FramePair, ScoringClient, StreamConfig
from vmafx_tune.errors import UsageError, VmafxTuneError
from vmafx_tune.model import Resolution
from vmafx_tune.scoring.models import BUILT_IN_MODELS, MODEL_ALIASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.clips import ClipFactory

pytestmark = needs_proc

# Large enough for every model, and deep enough.
SIZE = Resolution(320, 320)
FORMAT = "yuv420p10le"


def accepted(score: Callable[[str], object]) -> set[str]:
    """Find the models with which a score comes out."""
    found = set()
    for name in (*BUILT_IN_MODELS, *MODEL_ALIASES):
        try:
            score(name)
        except VmafxTuneError:
            continue
        found.add(name)
    return found


def known(score: Callable[[str], object]) -> set[str]:
    """Read what the server says it knows."""
    with pytest.raises(UsageError) as caught:
        score("nonesuch")
    (names,) = re.findall(r"This server knows (.*)\.", str(caught.value))
    return set(names.split(", "))


def test_the_models_that_it_names_are_those_that_it_scores_with(clips: ClipFactory) -> None:
    clip = clips.moving(n_frames=2, size=SIZE, pix_fmt=FORMAT, suffix=".mkv").name
    picture = render(pictures.moving, 0, SIZE, FORMAT)
    pairs = [FramePair(index, picture, picture) for index in range(2)]
    with server_process(clips.folder) as server, ScoringClient(server.grpc_address) as client:

        def stream(name: str) -> None:
            config = StreamConfig(SIZE.width, SIZE.height, FORMAT, model=name)
            list(client.score_frames(config, iter(pairs)))

        def files(name: str) -> None:
            client.score(clip, clip, model=name)

        assert known(files) == accepted(files)
        assert known(stream) == accepted(stream)
        assert known(stream) >= {"vmaf_v0.6.1", "default"}
