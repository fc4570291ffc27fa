"""What belongs to a key, and what does not."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.encoders.specs import make_source, make_spec
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.model import (
    CapFactors,
    EncodeSpec,
    Excerpt,
    PixelFormat,
    ProbeKey,
    ProbeSpec,
    RawFormat,
    Resolution,
    VmafModel,
)
from vmafx_tune.probing import keys
from vmafx_tune.probing.keys import LocalSetup, ProbeKeys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Bench:
    """Keys of probes with made-up programs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = {"name": "ffmpeg", "version": "3.2.0"}
        self.encoder_version = "x264 core 165"
        self.metric_tools: dict[str, str] = {}
        self.clip = self.file("clip.mp4", "a clip")
        self.file("ffmpeg", "a program")
        self.file("library", "a library")

    def file(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content)
        return path

    def keys(self) -> ProbeKeys:
        facts = FileFacts()
        machine = LocalSetup(
            facts,
            ffmpeg=self.folder / "ffmpeg",
            scorer=self.facts,
            scoring_files=(self.folder / "library",),
            encoder_version=lambda row: self.encoder_version,
            metric_tools=self.metric_tools,
        )
        return ProbeKeys(facts, machine)

    def spec(self, **encode: Any) -> ProbeSpec:
        source = make_source(str(self.clip))
        return ProbeSpec(
            encode=make_spec(**{"source": source, **encode}),
            model=VmafModel("vmaf_v0.6.1"),
            display=Resolution(640, 360),
        )

    def key(self, spec: ProbeSpec | None = None) -> ProbeKey:
        return self.keys().of(spec or self.spec())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def replaced(spec: ProbeSpec, **source: Any) -> ProbeSpec:
    changed = dataclasses.replace(spec.encode.source, **source)
    return dataclasses.replace(spec, encode=dataclasses.replace(spec.encode, source=changed))


def encode_of(**changes: Any) -> Callable[[ProbeSpec], ProbeSpec]:
    return lambda spec: dataclasses.replace(
        spec, encode=dataclasses.replace(spec.encode, **changes)
    )


RAW = RawFormat(Resolution(640, 360), "yuv420p", Fraction(25))
SCORING: dict[str, Callable[[ProbeSpec], ProbeSpec]] = {
    "raw geometry": lambda spec: replaced(spec, raw=RAW),
    "pixel format": lambda spec: replaced(spec, pixel_format=PixelFormat("yuv420p10le", 10, "420")),
    "excerpt": lambda spec: replaced(spec, excerpt=Excerpt(5, 10, Fraction(1, 5))),
    "frame rate": lambda spec: replaced(spec, frame_rate=Fraction(30)),
    "display": lambda spec: dataclasses.replace(spec, display=Resolution(1280, 720)),
    "model": lambda spec: dataclasses.replace(spec, model=VmafModel("vmaf_v0.6.1neg")),
    "subsampling": lambda spec: dataclasses.replace(spec, subsample=2),
}
ENCODING: dict[str, Callable[[ProbeSpec], ProbeSpec]] = {
    "encoder": encode_of(encoder="libx265"),
    "preset": encode_of(preset="fast"),
    "extra arguments": encode_of(extra_args=("-tune", "film")),
    "size": encode_of(size=Resolution(320, 180)),
    "threads": encode_of(threads=1),
    "GOP": encode_of(gop_frames=48),
    "caps": encode_of(caps=CapFactors(1.5, 3.0)),
}


@pytest.mark.parametrize("change", (SCORING | ENCODING).values(), ids=(SCORING | ENCODING).keys())
def test_whatever_decides_the_outcome_gives_another_key_and_another_curve(
    bench: Bench, change: Callable[[ProbeSpec], ProbeSpec]
) -> None:
    first, second = bench.key(), bench.key(change(bench.spec()))
    assert first.digest != second.digest
    assert first.curve != second.curve


@pytest.mark.parametrize("change", SCORING.values(), ids=SCORING.keys())
def test_whatever_decides_scores_gives_another_key_to_the_source_against_itself(
    bench: Bench, change: Callable[[ProbeSpec], ProbeSpec]
) -> None:
    spec = bench.spec()
    assert bench.keys().of_itself(spec) != bench.keys().of_itself(change(spec))


@pytest.mark.parametrize("change", ENCODING.values(), ids=ENCODING.keys())
def test_the_encode_is_nothing_to_the_source_against_itself(
    bench: Bench, change: Callable[[ProbeSpec], ProbeSpec]
) -> None:
    spec = bench.spec()
    assert bench.keys().of_itself(spec) == bench.keys().of_itself(change(spec))


def test_quality_gives_another_key_on_the_same_curve(bench: Bench) -> None:
    first, second = bench.key(bench.spec(quality=23)), bench.key(bench.spec(quality=24))
    assert first.digest != second.digest
    assert first.curve == second.curve


def test_a_fractional_quality_is_on_the_same_curve(bench: Bench) -> None:
    whole = bench.key(bench.spec(encoder="libsvtav1", quality=30))
    between = bench.key(bench.spec(encoder="libsvtav1", quality=30.25))
    assert whole.digest != between.digest
    assert whole.curve == between.curve


@pytest.mark.parametrize("name", ["clip.mp4", "ffmpeg", "library"])
def test_the_content_of_source_and_programs_counts(bench: Bench, name: str) -> None:
    first = bench.key()
    bench.file(name, "something else")
    assert bench.key() != first


def test_names_of_the_source_count_for_nothing(bench: Bench) -> None:
    first = bench.key()
    moved = bench.clip.rename(bench.folder / "renamed.mp4")
    assert bench.key(replaced(bench.spec(), path=moved)) == first


def test_two_excerpts_of_a_source_have_two_keys(bench: Bench) -> None:
    excerpts = (Excerpt(5, 10, Fraction(1, 5)), Excerpt(6, 10, Fraction(6, 25)))
    keys = {bench.key(replaced(bench.spec(), excerpt=excerpt)).digest for excerpt in excerpts}
    assert len(keys) == 2


def test_versions_of_scorer_and_encoder_count(bench: Bench) -> None:
    found = {bench.key().digest}
    bench.facts["version"] = "3.3.0"
    found.add(bench.key().digest)
    bench.encoder_version = "x264 core 166"
    found.add(bench.key().digest)
    assert len(found) == 3


def test_the_content_of_a_custom_model_counts(bench: Bench) -> None:
    model = VmafModel("mine", path=bench.file("mine.json", "{}"))
    spec = dataclasses.replace(bench.spec(), model=model)
    first = bench.key(spec)
    bench.file("mine.json", '{"changed": 1}')
    assert bench.key(spec) != first


def test_the_content_of_a_file_that_an_argument_names_counts(bench: Bench) -> None:
    table = bench.file("look.cube", "a table")
    spec = bench.spec(extra_args=("-vf", f"lut3d=file='{table}',format=yuv420p"))
    first = bench.key(spec)
    bench.file("look.cube", "another table")
    assert bench.key(spec) != first


def test_a_file_that_is_called_as_a_number_is_no_part_of_an_encode(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    spec = bench.spec(encoder="libx265", extra_args=("-x265-params", "aq-mode=1"))
    first = bench.key(spec)
    bench.file("1", "notes")
    assert bench.key(spec) == first


def test_a_key_says_which_quality_it_is_of(bench: Bench) -> None:
    assert bench.key(bench.spec(quality=24)).quality == 24
    assert bench.keys().of_itself(bench.spec()).quality is None


def test_the_number_of_processors_counts_where_the_encoder_chooses_its_threads(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both() -> tuple[ProbeKey, ProbeKey]:
        return bench.key(), bench.key(bench.spec(threads=2))

    chosen, told = both()
    monkeypatch.setattr(keys, "visible_cpus", lambda: 96)
    assert both() == (both()[0], told)
    assert both()[0] != chosen


def test_the_scorers_threads_count_for_nothing(bench: Bench) -> None:
    assert bench.key(dataclasses.replace(bench.spec(), threads=7)) == bench.key()


def test_what_computes_a_metric_counts_only_where_it_is_asked_for(bench: Bench) -> None:
    plain, spec = bench.key(), dataclasses.replace(bench.spec(), metrics=("ssimulacra2",))
    keys = []
    for version in ("23.1", "24.0"):
        bench.metric_tools = {"ssimulacra2": version}
        assert bench.key() == plain
        keys.append(bench.key(spec))

    assert len({plain, *keys}) == 3


def test_metrics_count_and_a_probe_without_any_has_the_key_of_earlier_versions(
    bench: Bench,
) -> None:
    spec = bench.spec()
    keys = [
        bench.key(dataclasses.replace(spec, metrics=metrics))
        for metrics in ((), ("psnr",), ("psnr", "cambi"))
    ]

    assert keys[0] == bench.key(spec)
    assert len({key.digest for key in keys}) == len({key.curve for key in keys}) == 3


def test_drivers_count_for_hardware_encoders_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both() -> tuple[ProbeKey, ProbeKey]:
        return bench.key(), bench.key(bench.spec(encoder="h264_nvenc"))

    software, hardware = both()
    monkeypatch.setattr(keys, "hardware_devices", lambda: ["another driver"])
    assert both()[0] == software
    assert both()[1] != hardware


def test_a_default_that_is_spelled_out_gives_the_same_key(bench: Bench) -> None:
    assert bench.key(bench.spec(preset="medium")) == bench.key(bench.spec(preset=None))


def test_every_field_of_a_specification_is_accounted_for() -> None:
    """A new field must be put into the key, or be known not to matter, and be named here."""
    encode = {field.name for field in dataclasses.fields(EncodeSpec)}
    assert encode == {
        "source", "encoder", "quality", "preset", "extra_args", "size", "threads", "depth",
        "gop_frames", "max_bitrate_kbps", "caps", "joinable",
    }  # fmt: skip
    probe = {field.name for field in dataclasses.fields(ProbeSpec)}
    assert probe == {"encode", "model", "display", "subsample", "threads", "metrics"}
