"""examples/package_ladder.sh: from a saved ladder to a folder that players can open."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import m3u8
import pytest
from mpegdash.parser import MPEGDASHParser

from tests.support.cli import run_cli
from tests.support.programs import make_program
from tests.unit.reports.ladder_factories import bare_ladder_result
from vmafx_tune.manifests.variant import variant_name
from vmafx_tune.media.packets import measure_packets
from vmafx_tune.model import Resolution
from vmafx_tune.reports.json_csv import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clips import ClipFactory
    from tests.support.node_readers import NodeReaders

SCRIPT = Path(__file__).resolve().parents[2] / "examples/package_ladder.sh"
# Few pictures a second, so that a tiny clip has several segments: 3003/500 s each but the last.
RATE, N_FRAMES = Fraction(6000, 1001), 80
FRAMES_OF_SEGMENTS = [36, 36, 8]
SIZES = (Resolution(160, 90), Resolution(96, 54))
TITLE = "the title"
QUICK = ("--preset", "ultrafast", "--crf-step", "10", "--min-bitrate-gap", "0", "--max-rungs", "2")


@dataclass(frozen=True)
class Desk:
    """A directory with a saved ladder in which the script is run."""

    here: Path

    @property
    def folder(self) -> Path:
        return self.here / TITLE

    @property
    def document(self) -> Any:
        return json.loads((self.here / "ladder.json").read_text(encoding="utf-8"))

    @property
    def names(self) -> list[str]:
        """What the renditions are called once they are delivered."""
        return [variant_name(one["name"]) for one in self.document["renditions"]]

    def save(self, text: str) -> None:
        (self.here / "ladder.json").write_text(text, encoding="utf-8")

    def package(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script with this interpreter's vmafx-tune on its `PATH`."""
        programs = self.here / "bin"
        programs.mkdir()
        body = f'exec {shlex.quote(sys.executable)} -m vmafx_tune "$@"'
        make_program(programs, body, "vmafx-tune")
        path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return subprocess.run(
            ["sh", str(SCRIPT), *arguments],
            cwd=self.here,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    for name in ("sh", "jq"):
        if shutil.which(name) is None:
            pytest.skip(f"There is no {name} here, which the script needs.")


@pytest.fixture(scope="module", params=[(), ("--chunk", "6")], ids=["whole", "chunks"])
def packaged(
    request: pytest.FixtureRequest, clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory
) -> Desk:
    """A ladder of two rungs, measured and packaged; the source's name has a space in it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    shutil.copy(clips.moving(n_frames=N_FRAMES, rate=RATE), desk.here / "My clip.mp4")
    sizes = ",".join(map(str, SIZES))
    asked = ("-r", "My clip.mp4", "-t", "40,90", "--resolutions", sizes, "-o", "ladder.json")
    measured = run_cli("ladder", *asked, *QUICK, *request.param, cwd=desk.here)
    assert measured.exit_code == 0, measured.stderr
    done = desk.package("ladder.json", TITLE)
    assert done.returncode == 0, done.stderr
    return desk


def read_hls(desk: Desk) -> list[tuple[Any, Any]]:
    """Load each variant of the playlist with the segments that it refers to."""
    master = m3u8.load(str(desk.folder / "master.m3u8"))
    return [(one, m3u8.load(str(desk.folder / one.uri))) for one in master.playlists]


def files_of_hls(desk: Desk) -> set[str]:
    return {
        name
        for variant, playlist in read_hls(desk)
        for name in (
            variant.uri,
            *(segment.uri for segment in playlist.segments),
            *(segment.init_section.uri for segment in playlist.segments),
        )
    }


def files_of_dash(desk: Desk) -> set[str]:
    mpd = MPEGDASHParser.parse(str(desk.folder / "manifest.mpd"))
    duration_s = float(mpd.media_presentation_duration.removeprefix("PT").removesuffix("S"))
    return {
        name
        for one in mpd.periods[0].adaptation_sets[0].representations
        for name in _files_of_representation(one, duration_s)
    }


def _files_of_representation(one: Any, duration_s: float) -> Iterator[str]:
    (template,) = one.segment_templates
    n_segments = math.ceil(duration_s * template.timescale / template.duration)
    yield template.initialization.replace("$RepresentationID$", one.id)
    for number in range(template.start_number, template.start_number + n_segments):
        media = template.media.replace("$RepresentationID$", one.id)
        yield media.replace("$Number$", str(number))


def test_the_manifests_name_every_file_of_the_folder_and_no_other(packaged: Desk) -> None:
    manifests = {"master.m3u8", "manifest.mpd"}
    playlists = {f"{name}.m3u8" for name in packaged.names}
    on_disk = {path.name for path in packaged.folder.iterdir()}
    assert files_of_hls(packaged) == on_disk - manifests
    assert files_of_dash(packaged) == on_disk - manifests - playlists
    assert len(on_disk) == 2 + 2 * (2 + len(FRAMES_OF_SEGMENTS))


def test_the_names_of_renditions_are_safe_in_urls(packaged: Desk) -> None:
    assert all(name.startswith("My-clip.") for name in packaged.names)


def test_the_length_of_segments_is_exact(packaged: Desk) -> None:
    assert packaged.document["segment_duration"] == "3003/500"
    mpd = MPEGDASHParser.parse(str(packaged.folder / "manifest.mpd"))
    for one in mpd.periods[0].adaptation_sets[0].representations:
        (template,) = one.segment_templates
        assert (template.duration, template.timescale) == (3003, 500)


def test_segments_last_as_long_as_the_manifests_say(packaged: Desk) -> None:
    expected = [float(n / RATE) for n in FRAMES_OF_SEGMENTS]
    for _, playlist in read_hls(packaged):
        assert [one.duration for one in playlist.segments] == pytest.approx(expected, abs=1e-5)


def test_each_segment_begins_with_a_keyframe_and_holds_whole_groups(packaged: Desk) -> None:
    for name in packaged.names:
        start = (packaged.folder / f"{name}-init.mp4").read_bytes()
        found = []
        for number in (1, 2, 3):
            alone = packaged.here / f"{name}.alone.{number}.mp4"
            alone.write_bytes(start + (packaged.folder / f"{name}-{number}.m4s").read_bytes())
            found.append(measure_packets(alone))
        assert [packets.n_packets for packets in found] == FRAMES_OF_SEGMENTS
        assert all(packets.keyframes[0] for packets in found)


def test_each_rendition_plays_whole_at_its_size(packaged: Desk) -> None:
    for variant, _ in read_hls(packaged):
        with av.open(str(packaged.folder / variant.uri)) as container:
            sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
        assert sizes == [variant.stream_info.resolution] * N_FRAMES


def test_the_declared_peak_is_not_below_any_segment_that_counts(packaged: Desk) -> None:
    for variant, playlist in read_hls(packaged):
        sizes = [(packaged.folder / one.uri).stat().st_size for one in playlist.segments]
        durations = [one.duration for one in playlist.segments]
        peak = max(8 * size / s for size, s in zip(sizes, durations, strict=True) if s > 3)
        assert peak <= variant.stream_info.bandwidth
        assert 8 * sum(sizes) / sum(durations) <= variant.stream_info.average_bandwidth * 1.001


def test_parsers_for_node_read_both_manifests_without_a_warning(
    packaged: Desk, node: NodeReaders
) -> None:
    hls = node.read("hls", packaged.folder / "master.m3u8")
    dash = node.read("dash", packaged.folder / "manifest.mpd")
    assert hls["warnings"] == dash["warnings"] == []
    variants = [one["uri"] for one in hls["hlsParser"]["variants"]]
    assert sorted(variants) == sorted(f"{name}.m3u8" for name in packaged.names)
    found = {name["uri"] for one in dash["playlists"] for name in one["segments"]}
    assert found == {path.name for path in packaged.folder.glob("*.m4s")}


def test_a_ladder_that_no_manifest_can_describe_is_not_encoded(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.save(dumps(bare_ladder_result()))
    done = desk.package("ladder.json", TITLE)
    assert done.returncode == 2
    assert "which a manifest needs" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "ladder.json"]


def test_a_failed_encode_ends_the_script_before_there_is_a_manifest(
    packaged: Desk, tmp_path: Path
) -> None:
    desk, document = Desk(tmp_path), packaged.document
    for rendition in document["renditions"]:
        rendition.update(chunk_commands=["false", "exit 2"], encode_command="exit 3")
    desk.save(json.dumps(document))
    assert desk.package("ladder.json", TITLE).returncode == 1
    assert list(desk.folder.iterdir()) == []


def test_wrong_arguments_are_answered_with_how_to_use_it(tmp_path: Path) -> None:
    done = Desk(tmp_path).package("ladder.json")
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ")
