"""`encode` with real programs: the file that was measured, with all else that its source has."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import av
import pytest

import vmafx_tune
from tests.support.cli import command, run_cli
from tests.support.full_sources import NAMES, FullSources, beep_after_flash_s
from tests.support.programs import make_program, wait_until
from tests.support.users import ordinary_user
from vmafx_tune.errors import OutputError
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.pyav import side_data_kinds
from vmafx_tune.media.streams import read_contents
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

FAST = ("-t", "70", "--preset", "ultrafast", "--allow-hdr")
# What the muxer of MP4 and MOV writes for chapters and time code.
MADE_ANEW = {"data"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> FullSources:
    return FullSources(tmp_path_factory.mktemp("full"), ffmpeg_exe)


def encode(source: Path, output: Path, *options: str | Path) -> dict[str, Any]:
    done = run_cli("encode", "-r", source, "-o", output, *FAST, *options)
    assert done.exit_code == 0, done.stderr
    document: dict[str, Any] = done.document
    return document


def video_sha256(path: Path, stream: int = 0) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        films = [s for s in container.streams.video if not s.disposition.value & 1024]
        for packet in container.demux(films[stream]):
            digest.update(bytes(packet))
    return digest.hexdigest()


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


def first_sound_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return next(container.decode(audio=0)).time or 0.0


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_the_output_has_every_stream_or_says_why_not(
    sources: FullSources, name: str, tmp_path: Path
) -> None:
    for suffix in (".mkv", ".mp4"):
        (folder := tmp_path / suffix[1:]).mkdir()
        check_streams(sources[name], folder / f"output{suffix}")


def check_streams(source: Path, output: Path) -> None:
    document = encode(source, output)

    dropped = {each["index"] for each in document["output"]["dropped"]}
    wanted = [s.kind for s in read_contents(source).streams if s.index not in dropped]
    found = [s.kind for s in read_contents(output).streams]
    assert sorted(kind for kind in found if kind not in MADE_ANEW) == sorted(
        kind for kind in wanted if kind not in MADE_ANEW
    )
    assert found == [stream["type"] for stream in document["output"]["streams"]]
    assert all(each["reason"].endswith(".") for each in document["output"]["dropped"])
    assert document["output"]["size_bytes"] == output.stat().st_size
    assert leftovers(output.parent) == [output.name]


def test_the_video_is_the_very_encode_that_was_measured(
    sources: FullSources, tmp_path: Path
) -> None:
    output = tmp_path / "output.mkv"
    done = run_cli(
        "encode", "-r", sources["full.mkv"], "-o", output, *FAST, "--verbose", "--format", "json"
    )
    document = done.document

    encodes = [
        line
        for line in done.stderr.splitlines()
        if "-c:v libx264" in line and "-copyts" not in line
    ]
    assert len(encodes) == document["new_probes"] > 1
    subprocess.run(shlex.split(document["encode_command"]), cwd=tmp_path, check=True)
    (again,) = (path for path in tmp_path.iterdir() if path != output)
    assert document["output"]["verified"]["video_sha256"] == video_sha256(again)
    assert video_sha256(output) == video_sha256(again)
    assert document["proven"]


def test_tags_languages_flags_chapters_and_attachments_stay(
    sources: FullSources, tmp_path: Path
) -> None:
    before = read_contents(sources["full.mkv"])
    encode(sources["full.mkv"], tmp_path / "output.mkv")

    after = read_contents(tmp_path / "output.mkv")
    assert [s.dispositions for s in after.streams] == [s.dispositions for s in before.streams]
    assert [s.language for s in after.streams] == [s.language for s in before.streams]
    assert [s.title for s in after.streams] == [s.title for s in before.streams]
    assert after.streams[0].tags["director"] == "Somebody else"
    assert "libx264" in after.streams[0].tags["encoder_settings"]
    assert (after.tags["title"], after.tags["artist"]) == ("A film", "Somebody")
    assert after.timecode == before.timecode == "00:00:10:00"
    assert after.chapters == before.chapters == 2
    assert after.streams[-1].tags["filename"] == "font.ttf"


def test_drop_frame_time_code_stays(sources: FullSources, tmp_path: Path) -> None:
    for suffix in (".mkv", ".mp4", ".mov"):
        output = tmp_path / f"output{suffix}"
        encode(sources["drop-frame.mov"], output)

        assert read_contents(output).timecode == "01:00:00;00"


def test_a_headerless_source_is_delivered(clips: ClipFactory, tmp_path: Path) -> None:
    output = tmp_path / "output.mkv"
    raw = clips.raw(n_frames=12, size=Resolution(160, 90), pix_fmt="yuv420p")
    document = encode(raw, output, "--size", "160x90", "--pix-fmt", "yuv420p", "--fps", "25")

    assert document["output"]["verified"]["frames"] == 12
    assert [stream["type"] for stream in document["output"]["streams"]] == ["video"]


def test_statistics_of_the_source_are_not_those_of_the_encode(
    sources: FullSources, tmp_path: Path, ffmpeg_exe: Path
) -> None:
    source, output = tmp_path / "source.mkv", tmp_path / "output.mkv"
    tags = ("BPS-eng=12345", "NUMBER_OF_FRAMES-eng=7", "_STATISTICS_WRITING_APP-eng=x")
    words = [word for tag in tags for word in ("-metadata:s:v:0", tag)]
    files = str(sources["full.mkv"]), str(source)
    copy = [str(ffmpeg_exe), "-v", "error", "-i", files[0], "-c", "copy", *words, files[1]]
    subprocess.run(copy, check=True)
    encode(source, output)

    kept = read_contents(output).streams[0].tags
    assert not [name for name in kept if name.startswith(("bps", "number_of", "_statistics"))]


def test_no_tag_leaves_out_how_it_was_encoded(sources: FullSources, tmp_path: Path) -> None:
    encode(sources["open-gop.mkv"], tmp_path / "output.mkv", "--no-tag")

    assert "encoder_settings" not in read_contents(tmp_path / "output.mkv").streams[0].tags


@pytest.mark.parametrize("name", ["late-video.mp4", "edited.mp4", "stream.ts"])
def test_sound_and_pictures_are_as_far_apart_as_in_the_source(
    sources: FullSources, name: str, tmp_path: Path
) -> None:
    for suffix in (".mkv", ".mp4", ".mov"):
        output = tmp_path / f"output{suffix}"
        encode(sources[name], output)

        apart_s = beep_after_flash_s(output) - beep_after_flash_s(sources[name])
        assert abs(apart_s) <= 0.001


@pytest.mark.parametrize("name", ["late-video.mp4", "stream.ts"])
@pytest.mark.parametrize("chain", ["trim=start=0.8", r"select=gte(n\,10),hqdn3d"])
def test_sound_and_pictures_stay_as_far_apart_behind_a_filter_that_drops_pictures(
    sources: FullSources, name: str, chain: str, tmp_path: Path
) -> None:
    output = tmp_path / "output.mkv"
    document = encode(sources[name], output, "--filter", chain)

    apart_s = beep_after_flash_s(output) - beep_after_flash_s(sources[name])
    assert abs(apart_s) <= 0.001
    assert not any("setpts" in note for note in document["notes"])


def test_a_filter_that_sets_times_of_its_own_is_noted(sources: FullSources, tmp_path: Path) -> None:
    chain = "trim=start=0.8,setpts=PTS-STARTPTS"
    document = encode(sources["late-video.mp4"], tmp_path / "output.mkv", "--filter", chain)

    assert [note for note in document["notes"] if "setpts" in note] == [
        "The filter setpts sets when pictures are shown, and sound does not follow it."
    ]


@pytest.mark.parametrize("name", ["variable.mkv", "open-gop.mkv", "drop-frame.mov"])
def test_every_frame_keeps_its_time(sources: FullSources, name: str, tmp_path: Path) -> None:
    before = frame_times(sources[name])
    for suffix in (".mkv", ".mp4"):
        output = tmp_path / f"output{suffix}"
        encode(sources[name], output)

        after = frame_times(output)
        shift_s = first_sound_s(output) - first_sound_s(sources[name])
        assert len(after) == len(before)
        assert max(abs(b - a - shift_s) for a, b in zip(before, after, strict=True)) <= 0.001


@pytest.mark.parametrize("audio", ["opus:96", "aac:128", "flac"])
def test_audio_is_encoded_in_step_with_the_pictures(
    sources: FullSources, audio: str, tmp_path: Path
) -> None:
    output = tmp_path / "output.mkv"
    document = encode(sources["late-video.mp4"], output, "--audio", audio)

    kinds = {stream["type"]: stream["codec"] for stream in document["output"]["streams"]}
    assert kinds["audio"] == audio.partition(":")[0]
    apart_s = beep_after_flash_s(output) - beep_after_flash_s(sources["late-video.mp4"])
    assert abs(apart_s) <= 0.001


def test_audio_and_subtitles_can_be_left_out(sources: FullSources, tmp_path: Path) -> None:
    document = encode(
        sources["full.mkv"], tmp_path / "output.mp4", "--audio", "none", "--subtitles", "none"
    )

    kinds = {stream["type"] for stream in document["output"]["streams"]}
    assert kinds.isdisjoint({"audio", "subtitle"})
    assert document["notes"] == [
        note for note in document["notes"] if "audio" not in note and "subtitle" not in note
    ]


def test_webm_takes_opus_and_text_and_names_what_it_cannot_hold(
    sources: FullSources, tmp_path: Path
) -> None:
    document = encode(sources["full.mkv"], tmp_path / "output.webm", "-c", "vp9")

    codecs = [stream["codec"] for stream in document["output"]["streams"]]
    assert codecs == ["vp9", "opus", "webvtt"]
    assert [each["reason"] for each in document["output"]["dropped"]] == [
        "WebM cannot hold aac audio.",
        "WebM has no attachments.",
    ]
    assert "The audio stream 1 is left out: WebM cannot hold aac audio." in document["notes"]


def test_an_attachment_that_ffmpeg_does_not_list_is_kept(
    sources: FullSources, tmp_path: Path
) -> None:
    encode(sources["untyped.mkv"], tmp_path / "output.mkv")

    (found,) = (
        s
        for s in read_contents(tmp_path / "output.mkv").streams
        if s.tags.get("filename") == "notes.txt"
    )
    assert found.tags["mimetype"] == "application/octet-stream"
    assert sources["styled.ass"].read_bytes() in (tmp_path / "output.mkv").read_bytes()


def test_styles_that_subtitles_lose_are_said(sources: FullSources, tmp_path: Path) -> None:
    document = encode(sources["styled.mkv"], tmp_path / "output.mp4")

    assert any("loses its styles" in note for note in document["notes"])


def test_a_cover_is_the_same_picture(sources: FullSources, tmp_path: Path) -> None:
    output = tmp_path / "output.mkv"
    encode(sources["cover.mp4"], output)

    def picture(path: Path) -> bytes:
        with av.open(str(path)) as container:
            cover = next(s for s in container.streams.video if s.disposition.value & 1024)
            return next(bytes(packet) for packet in container.demux(cover) if packet.size)

    assert picture(output) == picture(sources["cover.mp4"])


def test_the_default_video_is_encoded_and_the_other_one_copied(
    sources: FullSources, tmp_path: Path
) -> None:
    source, output = sources["two-videos.mkv"], tmp_path / "output.mkv"
    document = encode(source, output)

    assert video_sha256(output, 0) == video_sha256(source, 0)
    assert video_sha256(output, 1) == document["output"]["verified"]["video_sha256"]


def test_rotation_is_applied_and_the_shape_of_samples_kept(
    sources: FullSources, tmp_path: Path
) -> None:
    output = tmp_path / "output.mp4"
    encode(sources["rotated.mp4"], output)

    with av.open(str(output)) as container:
        video = container.streams.video[0]
        frame = next(container.decode(video))
        assert (frame.width, frame.height, frame.rotation) == (90, 160, 0)
        assert str(video.sample_aspect_ratio) == "3/4"


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9"])
def test_hdr10_metadata_is_that_of_the_source(
    sources: FullSources, encoder: str, tmp_path: Path, ffmpeg_exe: Path
) -> None:
    for suffix in (".mkv", ".mp4"):
        output = tmp_path / f"output{suffix}"
        encode(sources["hdr.mp4"], output, "-c", encoder)

        listed = subprocess.run(
            [ffmpeg_exe, "-hide_banner", "-i", output], capture_output=True, text=True, check=False
        ).stderr
        assert "MaxCLL=1000, MaxFALL=400" in listed
        assert "r(0.6800,0.3200) g(0.2650,0.6900)" in listed
        assert "max_luminance=1000.000000" in listed
        assert "bt2020nc/bt2020/smpte2084" in listed
        with av.open(str(output)) as container:
            kinds = side_data_kinds(next(container.decode(video=0)))
        assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= kinds


def test_hlg_is_labelled_as_in_the_source(
    sources: FullSources, tmp_path: Path, ffmpeg_exe: Path
) -> None:
    for suffix in (".mkv", ".mp4"):
        output = tmp_path / f"output{suffix}"
        encode(sources["hlg.mkv"], output, "-c", "libsvtav1")

        listed = subprocess.run(
            [ffmpeg_exe, "-hide_banner", "-i", output], capture_output=True, text=True, check=False
        ).stderr
        assert "yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67" in listed


@pytest.mark.parametrize(
    ("name", "called", "kept_by"),
    [("dolby-vision.mkv", "Dolby Vision", ()), ("hdr10-plus.mkv", "HDR10+", ("libaom-av1",))],
)
def test_dynamic_metadata_is_kept_or_missed_in_one_sentence(
    sources: FullSources, name: str, called: str, kept_by: tuple[str, ...], tmp_path: Path
) -> None:
    for encoder in ("libx265", "libaom-av1"):
        output = tmp_path / f"{encoder}.mkv"
        document = encode(sources[name], output, "-c", encoder)

        kept = called in probe_source(output).hdr_metadata
        assert kept == (encoder in kept_by)
        assert [note for note in document["notes"] if "metadata" in note] == (
            [] if kept else [f"The {called} metadata of the source is not in the encode."]
        )
        assert "mastering display" in probe_source(output).hdr_metadata


def test_film_grain_is_left_out_of_scoring_and_delivered(
    clips: ClipFactory, tmp_path: Path
) -> None:
    clip, output = clips.moving(n_frames=25), tmp_path / "output.mkv"
    plain, grained = (
        encode(clip, output, "-c", "libsvtav1", "--preset", "10", "--force", *arguments)
        for arguments in ((), ("--encoder-args", "-svtav1-params film-grain=50"))
    )

    assert grained["best_crf"] == plain["best_crf"]
    assert grained["vmaf_score"] == pytest.approx(plain["vmaf_score"], abs=1e-3)
    assert any("film grain" in note for note in grained["notes"])
    with av.open(str(output)) as container:
        container.streams.video[0].codec_context.options = {"export_side_data": "film_grain"}
        assert "FILM_GRAIN_PARAMS" in side_data_kinds(next(container.decode(video=0)))


def test_an_answer_from_the_cache_is_encoded_again_and_is_the_same(
    sources: FullSources, tmp_path: Path
) -> None:
    first = encode(sources["full.mkv"], tmp_path / "first.mkv")
    second = encode(sources["full.mkv"], tmp_path / "second.mkv")

    assert (first["new_probes"] > 0, second["new_probes"]) == (True, 0)
    assert second["output"]["verified"] == first["output"]["verified"]


def test_an_encoder_that_never_writes_the_same_is_measured_anew(
    sources: FullSources, tmp_path: Path, ffmpeg_exe: Path
) -> None:
    # As hardware does; a user's data unit differs in each encode.
    changing = make_program(
        tmp_path,
        f"""case " $* " in
          *" -copyts "*) ;;
          *" -progress "*" -crf "*) exec bash -c '
            data=086f3693-b7b3-4f2c-9653-21492feee5b8+$(date +%s%N)
            exec "$0" "${{@:1:$#-1}}" -bsf:v "h264_metadata=sei_user_data=$data" "${{@: -1}}"
            ' '{ffmpeg_exe}' "$@" ;;
        esac
        exec '{ffmpeg_exe}' "$@" """,
    )
    outputs = [tmp_path / "first.mkv", tmp_path / "second.mkv"]
    first, second = (
        encode(sources["open-gop.mkv"], output, "--ffmpeg", changing) for output in outputs
    )

    assert second["new_probes"] == 1
    assert second["best_crf"] == first["best_crf"]
    assert second["output"]["verified"]["video_sha256"] == video_sha256(outputs[1])
    assert video_sha256(outputs[0]) != video_sha256(outputs[1])


def test_chunks_are_joined_to_what_was_measured(clips: ClipFactory, tmp_path: Path) -> None:
    output = tmp_path / "output.mkv"
    document = encode(clips.moving(n_frames=60), output, "--chunk", "1")

    assert document["output"]["verified"]["frames"] == 60
    assert document["output"]["verified"]["video_sha256"] == video_sha256(output)
    assert len(document["chunk_commands"]) == 2
    again = encode(clips.moving(n_frames=60), tmp_path / "again.mkv", "--chunk", "1")
    assert (again["new_probes"], again["output"]["verified"]) == (
        0,
        document["output"]["verified"],
    )


def test_a_sample_leads_to_an_encode_of_the_whole_that_is_measured(
    clips: ClipFactory, tmp_path: Path
) -> None:
    output = tmp_path / "output.mkv"
    document = encode(clips.moving(n_frames=250), output, "--sample", "3x1s")

    assert document["vmaf_score"] >= 70
    assert document["output"]["verified"]["frames"] == 250
    assert document["sample"]["verified"]


def test_a_target_out_of_reach_writes_nothing(clips: ClipFactory, tmp_path: Path) -> None:
    output = tmp_path / "output.mkv"
    done = run_cli(
        "encode", "-r", clips.moving(), "-o", output, "-t", "99.99", "--preset", "ultrafast",
        "--crf-lo", "30", "--crf-hi", "40",
    )  # fmt: skip

    assert done.exit_code == 3
    assert (done.document["ok"], done.document["output"]) == (False, None)
    assert leftovers(tmp_path) == []


def test_the_best_is_delivered_where_that_is_enough(clips: ClipFactory, tmp_path: Path) -> None:
    output = tmp_path / "output.mkv"
    done = run_cli(
        "encode", "-r", clips.moving(), "-o", output, "-t", "99.99", "--preset", "ultrafast",
        "--crf-lo", "30", "--crf-hi", "40", "--best-effort",
    )  # fmt: skip

    assert (done.exit_code, done.document["ok"], done.document["best_crf"]) == (3, False, 30)
    assert done.document["output"]["verified"]["video_sha256"] == video_sha256(output)


def test_a_lower_target_is_taken_where_the_first_is_out_of_reach(
    clips: ClipFactory, tmp_path: Path
) -> None:
    output = tmp_path / "output.mkv"
    best = run_cli(
        "search", "-r", clips.moving(), "-t", "99.99", "--preset", "ultrafast", "--crf-lo", "30",
        "--crf-hi", "40",
    ).document["vmaf_score"]  # fmt: skip
    fallback = f"{best - 1:.2f}"
    done = run_cli(
        "encode", "-r", clips.moving(), "-o", output, "-t", "99.99", "--preset", "ultrafast",
        "--crf-lo", "30", "--crf-hi", "40", "--fallback-targets", f"99.9,{fallback}",
    )  # fmt: skip

    assert done.exit_code == 0
    assert (done.document["ok"], done.document["target_vmaf"]) == (True, float(fallback))
    assert done.document["vmaf_score"] >= float(fallback)
    assert f"VMAF 99.99 is not reached, so the target is {fallback}." in done.document["notes"]


def test_a_size_limit_in_percent_of_the_source_is_one_of_bitrate(
    sources: FullSources, tmp_path: Path
) -> None:
    limits = [
        run_cli(
            "encode", "-r", sources["full.mkv"], "-o", tmp_path / "output.mkv", "-t", "95",
            "--preset", "ultrafast", "--max-size-percent", percent,
        )
        for percent in ("1", "900")
    ]  # fmt: skip

    too_small, enough = limits
    assert too_small.exit_code == 3
    assert too_small.document["limit"]["kind"] == "max_bitrate"
    limit_kbps = too_small.document["max_bitrate_kbps"]
    assert limit_kbps == round(limit_kbps, 3)
    assert enough.exit_code == 0
    assert enough.document["max_bitrate_kbps"] == pytest.approx(
        900 * too_small.document["max_bitrate_kbps"], abs=1
    )


def test_no_proof_stops_at_what_reaches_the_target_closely(
    clips: ClipFactory, tmp_path: Path
) -> None:
    clip = clips.moving(n_frames=50)
    document = encode(clip, tmp_path / "output.mkv", "--proof", "none")

    assert document["ok"]
    assert document["vmaf_score"] >= 70
    assert document["output"] is not None


def test_the_result_is_written_too_where_a_report_is_asked_for(
    clips: ClipFactory, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    done = run_cli(
        "encode", "-r", clips.moving(), "-o", tmp_path / "output.mkv", *FAST, "--report", report
    )

    assert report.read_text() == done.stdout


class TestBadInput:
    """Each is one clear sentence, before any work."""

    @pytest.fixture
    def clip(self, clips: ClipFactory, tmp_path: Path) -> Path:
        clip = tmp_path / "clip.mp4"
        shutil.copy(clips.moving(), clip)
        return clip

    def refused(self, clip: Path, output: Path | str, *options: str | Path, code: int = 2) -> str:
        before = {path: path.stat().st_size for path in clip.parent.iterdir()}
        done = run_cli("encode", "-r", clip, "-o", output, *FAST, *options)
        assert done.exit_code == code, done.stderr
        assert done.stderr.count("\n") <= 4
        assert {path: path.stat().st_size for path in clip.parent.iterdir()} == before
        return " ".join(done.stderr.split())

    @pytest.mark.parametrize("kind", ["same", "dots", "symlink", "hard link"])
    def test_the_output_is_the_source(self, clip: Path, kind: str) -> None:
        output = clip.parent / "other.mp4"
        match kind:
            case "same":
                output = clip
            case "dots":
                output = clip.parent / ".." / clip.parent.name / clip.name
            case "symlink":
                output.symlink_to(clip)
            case "hard link":
                os.link(clip, output)

        assert "overwrite it" in self.refused(clip, output, "--force")

    def test_the_output_exists(self, clip: Path) -> None:
        output = clip.parent / "output.mkv"
        output.write_text("precious")

        assert "exists. Use --force" in self.refused(clip, output)
        assert output.read_text() == "precious"

    def test_the_output_is_a_link_to_an_open_descriptor(self, clip: Path) -> None:
        (output := clip.parent / "output.mkv").symlink_to("/dev/fd/1")

        message = self.refused(clip, output, "--force", code=1)
        assert "is a device or a pipe. Name a file" in message

    @pytest.mark.parametrize("name", ["output", "output.avi", "output.ts"])
    def test_a_suffix_of_no_container(self, clip: Path, name: str) -> None:
        assert "Rename it" in self.refused(clip, clip.parent / name)

    def test_a_container_that_cannot_hold_the_codec(self, clip: Path) -> None:
        message = self.refused(clip, clip.parent / "output.webm", "-c", "libx265")

        assert "WebM cannot hold what libx265 writes" in message

    def test_a_folder_that_does_not_exist(self, clip: Path) -> None:
        output = clip.parent / "nowhere" / "output.mkv"

        assert "does not exist. Create it first" in self.refused(clip, output, code=1)

    def test_an_output_that_is_a_folder(self, clip: Path) -> None:
        (clip.parent / "folder.mkv").mkdir()

        assert "is a folder" in self.refused(clip, clip.parent / "folder.mkv", code=1)

    @pytest.mark.parametrize("audio", ["mp3:128", "opus:", "opus:0", "flac:9", "aac:x"])
    def test_an_audio_that_is_none(self, clip: Path, audio: str) -> None:
        assert "--audio" in self.refused(clip, clip.parent / "o.mkv", "--audio", audio)

    def test_a_fallback_that_is_no_lower(self, clip: Path) -> None:
        message = self.refused(clip, clip.parent / "o.mkv", "--fallback-targets", "60,80")

        assert "fallback target 80 is not below the target, 70" in message

    @pytest.mark.parametrize("percent", ["0", "-5", "nan"])
    def test_a_size_limit_that_is_none(self, clip: Path, percent: str) -> None:
        self.refused(clip, clip.parent / "o.mkv", "--max-size-percent", percent)

    def test_a_source_that_is_damaged_in_the_middle(
        self, clips: ClipFactory, tmp_path: Path
    ) -> None:
        clip = tmp_path / "damaged.mp4"
        data = bytearray(clips.moving(n_frames=60).read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2000] = bytes(2000)
        clip.write_bytes(data)

        message = self.refused(clip, tmp_path / "output.mkv", code=1)
        assert "--allow-damage" in message
        done = run_cli("encode", "-r", clip, "-o", tmp_path / "o.mkv", *FAST, "--allow-damage")
        assert done.exit_code == 0
        assert done.document["damage"] is not None

    def test_a_folder_that_is_full(self, clip: Path, ffmpeg_exe: Path, tmp_path: Path) -> None:
        # Only the muxing is held to so little.
        program = make_program(
            tmp_path,
            f"""case " $* " in *" -copyts "*) ulimit -f 8 ;; esac; exec '{ffmpeg_exe}' "$@" """,
        )
        message = self.refused(clip, clip.parent / "o.mkv", "--ffmpeg", program, code=1)

        assert "does not fit" in message

    def test_no_space_for_the_files_of_probes(
        self, clip: Path, ffmpeg_exe: Path, tmp_path: Path
    ) -> None:
        program = make_program(
            tmp_path,
            f"""case " $* " in *" -progress "*" -crf "*) ulimit -f 8 ;; esac
exec '{ffmpeg_exe}' "$@" """,
        )
        (tmp_path / "work").mkdir()
        message = self.refused(
            clip, clip.parent / "o.mkv", "--ffmpeg", program, "--work-dir", tmp_path / "work",
            code=1,
        )  # fmt: skip

        assert "is full" in message
        assert leftovers(tmp_path / "work") == []

    def test_a_folder_that_is_read_only(self, clip: Path, tmp_path: Path) -> None:
        (folder := tmp_path / "folder").mkdir(mode=0o555)
        encode_to = vmafx_tune.encode  # loaded while its files can be read
        with ordinary_user(), pytest.raises(OutputError, match="permission denied"):
            encode_to(clip, folder / "o.mkv")

    def test_a_folder_that_becomes_read_only(
        self, clip: Path, ffmpeg_exe: Path, tmp_path: Path
    ) -> None:
        # Not even root may write there.
        (folder := tmp_path / "folder").mkdir()
        program = make_program(
            tmp_path,
            f"""rmdir '{folder}'; ln -sfn /proc/sys '{folder}'; exec '{ffmpeg_exe}' "$@" """,
        )
        done = run_cli("encode", "-r", clip, "-o", folder / "o.mkv", *FAST, "--ffmpeg", program)

        assert done.exit_code == 1
        assert "cannot be written" in " ".join(done.stderr.split())

    def test_a_folder_that_vanishes(self, clip: Path, ffmpeg_exe: Path, tmp_path: Path) -> None:
        folder = tmp_path / "vanishing"
        folder.mkdir()
        program = make_program(
            tmp_path, f"""rmdir '{folder}' 2>/dev/null; exec '{ffmpeg_exe}' "$@" """
        )
        done = run_cli("encode", "-r", clip, "-o", folder / "o.mkv", *FAST, "--ffmpeg", program)

        assert done.exit_code == 1
        assert "is gone" in " ".join(done.stderr.split())


@pytest.fixture
def slow_encode(sources: FullSources, tmp_path: Path) -> list[str]:
    (tmp_path / "out").mkdir()
    (tmp_path / "work").mkdir()
    return command(
        "encode", "-r", sources["full.mkv"], "-o", tmp_path / "out" / "output.mkv", "-t", "90",
        "--preset", "medium", "--work-dir", tmp_path / "work",
    )  # fmt: skip


def run_for(line: list[str], seconds: float, number: int) -> int:
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    return process.wait(60)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_and_is_taken_up_again(
    slow_encode: list[str], tmp_path: Path, number: int
) -> None:
    started = time.monotonic()
    subprocess.run([*slow_encode, "--no-cache"], check=True, capture_output=True)
    whole_s = time.monotonic() - started
    (tmp_path / "out" / "output.mkv").unlink()

    for part in range(1, 5):
        ended = run_for(slow_encode, whole_s * part / 5, number)
        # The guardian may still be at work.
        wait_until(lambda: leftovers(tmp_path / "out") in ([], ["output.mkv"]))
        if leftovers(tmp_path / "out"):
            # When all is done, Python takes its handlers back, and a signal ends the process.
            assert ended in {0, 130, -signal.SIGINT, -signal.SIGKILL}
            read_contents(tmp_path / "out" / "output.mkv")
            (tmp_path / "out" / "output.mkv").unlink()
    done = subprocess.run(slow_encode, check=True, capture_output=True)
    assert leftovers(tmp_path / "out") == ["output.mkv"]
    assert done.returncode == 0
    wait_until(lambda: not leftovers(tmp_path / "work"))


def test_two_runs_of_one_source_share_their_probes(slow_encode: list[str], tmp_path: Path) -> None:
    import json

    second = [word.replace("output.mkv", "second.mkv") for word in slow_encode]
    runs = [
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in (slow_encode, second)
    ]
    documents = [json.loads(run.communicate()[0]) for run in runs]

    verified = [document["output"]["verified"] for document in documents]
    assert verified[0] == verified[1]
    new = sum(document["new_probes"] for document in documents)
    assert new == len(documents[0]["bisect_samples"])
    assert leftovers(tmp_path / "out") == ["output.mkv", "second.mkv"]
