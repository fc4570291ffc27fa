from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from vmafx_tune.errors import (
    LibvmafNotFoundError,
    ModelNotFoundError,
    ScoringError,
    ToolNotFoundError,
    UsageError,
    VmafxTuneError,
)
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import ScoreRequest, ScoreSet, VmafModel
from vmafx_tune.scoring.choice import choose_scorer, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmafx_tune.ports import FrameProgress
    from vmafx_tune.scoring.choice import CheckedScorer

MODEL = VmafModel("vmaf_v0.6.1")


class FakeScorer:
    def __init__(self, name: str, error: VmafxTuneError | None = None) -> None:
        self._name = name
        self._error = error

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return "3.2.0"

    def require(self, model: VmafModel, metrics: Sequence[str] = ()) -> None:
        if self._error is not None:
            raise self._error

    def score(self, request: ScoreRequest, *, on_progress: FrameProgress | None = None) -> ScoreSet:
        raise NotImplementedError


def makers(
    **errors: VmafxTuneError | None,
) -> Mapping[str, Callable[[], CheckedScorer]]:
    return {name: partial(FakeScorer, name, error) for name, error in errors.items()}


def lacking(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"{name} lacks it.")


def test_auto_takes_the_fastest_backend() -> None:
    assert pick("auto", MODEL, makers(vmaf=None, libvmaf=None, ffmpeg=None)).name == "ffmpeg"


@pytest.mark.parametrize(
    "error", [lacking("ffmpeg"), ToolNotFoundError("none"), LibvmafNotFoundError([])]
)
def test_auto_passes_over_a_backend_that_lacks_the_model_or_is_not_there(
    error: VmafxTuneError,
) -> None:
    assert pick("auto", MODEL, makers(ffmpeg=error, libvmaf=None)).name == "libvmaf"


def test_auto_does_not_hide_that_a_backend_is_broken() -> None:
    with pytest.raises(ScoringError, match="broken"):
        pick("auto", MODEL, makers(ffmpeg=ScoringError("broken"), libvmaf=None))


def test_where_no_backend_has_the_model_each_says_why() -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        pick("auto", MODEL, makers(ffmpeg=lacking("ffmpeg"), libvmaf=LibvmafNotFoundError([])))

    assert "No backend can score with vmaf_v0.6.1" in str(caught.value)
    assert "ffmpeg lacks it" in str(caught.value)
    assert "No usable libvmaf" in str(caught.value)


def test_the_only_backends_error_stands_for_itself() -> None:
    with pytest.raises(ToolNotFoundError, match="gone"):
        pick("auto", MODEL, makers(ffmpeg=ToolNotFoundError("gone")))


def test_a_named_backend_is_taken_even_where_another_is_faster() -> None:
    assert pick("libvmaf", MODEL, makers(ffmpeg=None, libvmaf=None)).name == "libvmaf"


def test_a_named_backend_without_the_model_is_an_error_and_no_other_is_tried() -> None:
    with pytest.raises(ModelNotFoundError, match="libvmaf lacks it"):
        pick("libvmaf", MODEL, makers(ffmpeg=None, libvmaf=lacking("libvmaf")))


def test_an_unknown_backend_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="auto, libvmaf, ffmpeg, vmaf"):
        pick("cuda", MODEL, makers(ffmpeg=None))


def no_ffmpeg() -> NoReturn:
    raise ToolNotFoundError("There is no ffmpeg here.")


def test_the_ffmpeg_backend_needs_ffmpeg() -> None:
    with pytest.raises(ToolNotFoundError, match="no ffmpeg here"):
        choose_scorer("ffmpeg", MODEL, find_ffmpeg=no_ffmpeg, runner=ProcessRunner())


def test_the_vmaf_backend_needs_its_program() -> None:
    with pytest.raises(ToolNotFoundError, match="'/nowhere/vmaf' does not exist"):
        choose_scorer(
            "vmaf",
            MODEL,
            find_ffmpeg=no_ffmpeg,
            runner=ProcessRunner(),
            vmaf=Path("/nowhere/vmaf"),
        )
