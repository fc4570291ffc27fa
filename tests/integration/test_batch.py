"""`batch` with real programs: every source once, whatever becomes of the others and of the run."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vmafx_tune
from tests.integration.test_cli_interrupt import HEAR_SIGNALS
from tests.support.cli import Outcome, command, run_cli
from tests.support.cluster import make_ffmpeg, needs_dask, running_cluster
from tests.support.programs import make_program, needs_proc, processes_of, wait_until
from vmafx_tune.errors import UsageError
from vmafx_tune.files import CACHE_VARIABLE
from vmafx_tune.model import Resolution
from vmafx_tune.options import EncodingOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.clips import ClipFactory

FAST = ("-t", "70", "--preset", "ultrafast", "--crf-lo", "28", "--crf-hi", "40")
NAMES = ("a", "b", "c", "deep/d")
SUMMARIES = ["batch.sqlite", "summary.csv", "summary.html", "summary.json"]


def batch(*arguments: str | Path, cwd: Path, exit_code: int = 0) -> dict[str, Any]:
    done = run_cli("batch", *arguments, cwd=cwd)
    assert done.exit_code == exit_code, done.stderr
    document: dict[str, Any] = done.document
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    return {file["name"]: file["state"] for file in document["files"]}


def listing(folder: Path) -> list[str]:
    # Unlike a glob, a walk goes on where a killed run's folder is removed under it.
    found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(str(path.relative_to(folder)) for path in found)


def same_files(folder: Path, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    found = {name: (folder / name).stat() for name in names}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


@pytest.fixture
def films(clips: ClipFactory, tmp_path: Path) -> Path:
    """Four clips, each with its own content, in a folder with another one."""
    folder = tmp_path / "films"
    (folder / "deep").mkdir(parents=True)
    for n_frames, name in zip(range(10, 14), ("a", "b", "c", "deep/d"), strict=True):
        shutil.copyfile(clips.moving(n_frames=n_frames), folder / f"{name}.mp4")
    return tmp_path


BAD: dict[str, Callable[[bytes], bytes]] = {
    "empty.mp4": lambda _: b"",
    "text.mp4": lambda _: b"WEBVTT\n\nnothing",
    "noise.mkv": lambda _: random.Random(1).randbytes(5000),
    "half.mp4": lambda data: data[: len(data) // 2],
    "holed.mp4": lambda data: data[: len(data) // 2] + bytes(3000) + data[len(data) // 2 + 3000 :],
    "head.mp4": lambda data: data[:64],
    "page.webm": lambda _: b"<html><body>Not found</body></html>",
    "zeros.mov": lambda _: bytes(100_000),
}


def test_sources_that_cannot_be_used_stop_no_other_one(films: Path, clips: ClipFactory) -> None:
    good = clips.moving(n_frames=60).read_bytes()
    for name, make in BAD.items():
        (films / "films" / name).write_bytes(make(good))
    (films / "films/nothing.mp4").symlink_to("nowhere")
    (films / "films/sound.mp4").write_bytes(clips.audio_only().read_bytes())

    named = ("films", "films/nothing.mp4", "films/missing.mkv", "https://localhost:1/x.mp4")
    document = batch("encode", *named, "-o", "out", *FAST, cwd=films, exit_code=1)

    bad = {*(Path(name).stem for name in BAD), "sound", "nothing", "missing", "x"}
    good_ones = {"a", "b", "c"}
    assert states(document) == dict.fromkeys(bad, "failed") | dict.fromkeys(good_ones, "done")
    counts = {"n_files": 15, "n_done": 3, "n_missed": 0, "n_failed": 12, "n_earlier": 0}
    assert counts.items() <= document.items()
    errors = {file["name"]: file["error"] for file in document["files"] if file["error"]}
    assert errors.keys() == bad
    assert all(error.endswith(".") and "\n" not in error for error in errors.values())
    out = films / "out"
    assert listing(out) == sorted(
        [*SUMMARIES, *(f"{name}{suffix}" for name in good_ones for suffix in (".mkv", ".json"))]
    )
    assert json.loads((out / "summary.json").read_text()) == document
    rows = list(csv.DictReader(io.StringIO((out / "summary.csv").read_text())))
    assert [row["state"] for row in rows] == [file["state"] for file in document["files"]]
    assert "3 done, 12 failed of 15 files." in (out / "summary.html").read_text()
    for name in good_ones:
        result = json.loads((out / f"{name}.json").read_text())
        assert result["output"]["path"] == f"out/{name}.mkv"
        assert result["output"]["size_bytes"] == (out / f"{name}.mkv").stat().st_size
        assert result["proven"]


@pytest.mark.parametrize("command", ["encode", "search"])
def test_a_source_whose_results_can_have_no_name_stops_no_other_one(
    films: Path, command: str
) -> None:
    long = "n" * 251
    (films / "films/a.mp4").rename(films / "films" / f"{long}.mp4")
    document = batch(command, "films", "-o", "out", *FAST, cwd=films, exit_code=1)
    assert states(document) == {long: "failed", "b": "done", "c": "done"}
    (error,) = [file["error"] for file in document["files"] if file["name"] == long]
    assert error == f"The output 'out/{long}.json' cannot be written: File name too long."


class TestARunThatIsRepeated:
    def test_does_nothing_that_is_done(self, films: Path) -> None:
        first = batch("encode", "films", "-o", "out", "--recursive", *FAST, cwd=films)
        made = same_files(films / "out", listing(films / "out")[2:5])
        done = run_cli(
            "batch", "encode", "films", "-o", "out", "--recursive", *FAST, "--verbose", cwd=films
        )

        assert first["new_probes"] > 0
        assert done.document["n_earlier"] == done.document["n_done"] == 4
        assert done.document["new_probes"] == 0
        assert "$ " not in done.stderr
        assert same_files(films / "out", made) == made

    def test_knows_sources_by_their_content(self, films: Path) -> None:
        batch("search", "films", "-o", "out", *FAST, cwd=films)
        for clip in (films / "films").glob("*.mp4"):
            os.utime(clip, (1, 1))
        (films / "films").rename(films / "moved")

        document = batch("search", "moved", "-o", "out", *FAST, cwd=films)
        assert document["n_earlier"] == 3
        assert [file["src"] for file in document["files"]] == [
            "moved/a.mp4",
            "moved/b.mp4",
            "moved/c.mp4",
        ]

    def test_does_what_is_new_changed_or_gone(self, films: Path) -> None:
        batch("search", "films", "-o", "out", *FAST, cwd=films)
        shutil.copyfile(films / "films/a.mp4", films / "films/b.mp4")
        shutil.copyfile(films / "films/a.mp4", films / "films/e.mp4")
        (films / "out/c.json").unlink()

        document = batch("search", "films", "-o", "out", *FAST, cwd=films)
        earlier = {file["name"]: file["earlier"] for file in document["files"]}
        assert earlier == {"a": True, "b": False, "c": False, "e": False}
        other = batch("search", "films", "-o", "out", *FAST, "-t", "71", cwd=films)
        assert other["n_earlier"] == 0
        again = batch("search", "films", "-o", "out", *FAST, "-t", "71", "--refresh", cwd=films)
        assert again["n_earlier"] == 0
        assert again["new_probes"] > 0

    def test_tries_again_what_failed(self, films: Path) -> None:
        whole = (films / "films/a.mp4").read_bytes()
        (films / "films/a.mp4").write_bytes(b"not yet")
        first = batch("search", "films", "-o", "out", *FAST, cwd=films, exit_code=1)
        (films / "films/a.mp4").write_bytes(whole)
        second = batch("search", "films", "-o", "out", *FAST, cwd=films)

        assert (first["n_done"], first["n_failed"]) == (2, 1)
        assert (second["n_done"], second["n_failed"], second["n_earlier"]) == (3, 0, 2)

    def test_overwrites_nothing_that_it_did_not_write(self, films: Path) -> None:
        (films / "out").mkdir()
        (films / "out/a.mkv").write_text("mine")
        document = batch("encode", "films", "-o", "out", *FAST, cwd=films, exit_code=1)

        assert states(document) == {"a": "failed", "b": "done", "c": "done"}
        assert "--force" in document["files"][0]["error"]
        assert (films / "out/a.mkv").read_text() == "mine"
        made = same_files(films / "out", ["b.mkv", "c.mkv"])
        other = batch("encode", "films", "-o", "out", *FAST, "-t", "71", cwd=films, exit_code=1)
        assert other["n_failed"] == 3
        assert same_files(films / "out", made) == made
        forced = batch("encode", "films", "-o", "out", *FAST, "--force", cwd=films)
        assert forced["n_done"] == 3
        assert (films / "out/a.mkv").stat().st_size > 4


@needs_proc
class TestARunThatEndsEarly:
    def test_goes_on_after_any_number_of_kills(self, films: Path, tmp_path: Path) -> None:
        """No source that was finished is done again, and nothing half is left."""
        seeds = random.Random(7)
        line = command("batch", "encode", "films", "-o", "out", "--recursive", *FAST)
        finished: dict[str, tuple[int, int]] = {}
        for number in itertools.count():
            process = start(line, films)
            try:
                # Longer each time, so that a slow machine comes to the end as well.
                process.wait(0.6 + (1.4 + 0.7 * number) * seeds.random())
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
            out = films / "out"
            now = same_files(out, [n for n in listing(out) if n.endswith((".mkv", ".json"))])
            now = {name: found for name, found in now.items() if "/." not in f"/{name}"}
            kept = {n: f for n, f in now.items() if n in finished and n != "summary.json"}
            assert kept == {n: f for n, f in finished.items() if n != "summary.json"}
            finished = now
            if process.returncode == 0:
                break
        wait_until(lambda: not processes_of(CACHE_VARIABLE, os.environ[CACHE_VARIABLE]))
        document = batch("encode", "films", "-o", "out", "--recursive", *FAST, cwd=films)
        assert (document["n_done"], document["n_earlier"]) == (4, 4)
        done = (f"{name}{suffix}" for name in NAMES for suffix in (".json", ".mkv"))
        assert listing(out) == sorted([*SUMMARIES, *done])

    def test_completes_what_was_finished_but_not_in_its_place(self, films: Path) -> None:
        """As where a kill comes between the two."""
        batch("encode", "films/a.mp4", "-o", "out", *FAST, cwd=films)
        out = films / "out"
        with closing(sqlite3.connect(out / "batch.sqlite")) as connection, connection:
            ((key,),) = connection.execute("SELECT key FROM files").fetchall()
            document = (out / "a.json").read_text()
            connection.execute("UPDATE files SET document = ?, outputs = '[]'", (document,))
        (out / ".batch" / key).mkdir(parents=True)
        encoded = (out / "a.mkv").read_bytes()
        (out / "a.mkv").rename(out / ".batch" / key / "output.mkv")
        (out / "a.json").unlink()

        done = run_cli("batch", "encode", "films/a.mp4", "-o", "out", *FAST, "-v", cwd=films)
        assert done.document["n_earlier"] == 1
        assert "libx264" not in done.stderr
        assert (out / "a.mkv").read_bytes() == encoded
        assert (out / "a.json").read_text() == document
        assert listing(out) == sorted([*SUMMARIES, "a.json", "a.mkv"])

    @pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_stops_at_once_when_it_is_asked_to(
        self, films: Path, clips: ClipFactory, number: int, exit_code: int
    ) -> None:
        long = clips.moving(n_frames=250, size=Resolution(320, 180))
        shutil.copyfile(long, films / "films/z.mp4")
        slow = ("-c", "libx265", "--preset", "veryslow", "--jobs", "1")
        line = command("batch", "encode", "films", "-o", "out", "-t", "70", *slow)
        process = start(line, films)
        wait_until((films / "out/a.json").exists)
        process.send_signal(number)
        stdout, stderr = process.communicate()

        assert process.returncode == exit_code, stderr
        assert stdout == ""
        assert "Traceback" not in stderr
        left = listing(films / "out")
        assert not [name for name in left if name.startswith((".batch", "summary"))]
        assert {"a.json", "a.mkv", "batch.sqlite"} <= {*left}
        wait_until(lambda: not processes_of(CACHE_VARIABLE, os.environ[CACHE_VARIABLE]))


@needs_proc
def test_runs_that_share_a_folder_share_the_work(films: Path) -> None:
    line = command("batch", "encode", "films", "-o", "out", "--recursive", *FAST)
    runs = [start([*line, "--jobs", "1"], films) for _ in range(3)]
    told = [json.loads(run.communicate()[0]) for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0]
    assert all(document["n_done"] == 4 for document in told)
    done = [file["name"] for document in told for file in document["files"] if not file["earlier"]]
    assert sorted(done) == ["a", "b", "c", "deep/d"]


def start(line: list[str], cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAR_SIGNALS, *line],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestLists:
    def test_have_options_for_each_source(self, films: Path) -> None:
        (films / "films/jobs.csv").write_text(
            "input,target,preset,name\na.mp4,60,,first\nb.mp4,,superfast,\nb.mp4,75,,x/b75\n"
        )
        document = batch("search", "@films/jobs.csv", "-o", "out", *FAST, cwd=films)

        found = {file["name"]: file["target_vmaf"] for file in document["files"]}
        assert found == {"first": 60, "b": 70, "x/b75": 75}
        commands = {
            name: json.loads((films / f"out/{name}.json").read_text())["encode_command"]
            for name in found
        }
        assert [name for name in found if "superfast" in commands[name]] == ["b"]

    def test_may_be_json_and_stand_beside_other_inputs(self, films: Path) -> None:
        (films / "jobs.jsonl").write_text('{"input": "films/a.mp4", "crop": "160:80:0:4"}\n')
        document = batch("search", "@jobs.jsonl", "films/b.mp4", "-o", "out", *FAST, cwd=films)

        assert states(document) == {"a": "done", "b": "done"}
        assert "crop" in json.loads((films / "out/a.json").read_text())["filter"]
        assert json.loads((films / "out/b.json").read_text())["filter"] == ""

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            ("taget,95", "column taget: `vmafx-tune batch search` has no option --taget."),
            ("target,abc", "column target: 'abc' is not a number."),
            ("pool,p7", "column pool: 'p7' is not one of 'mean'"),
            ("jobs,4", "column jobs: --jobs holds for the whole run."),
            ("ffmpeg,x", "column ffmpeg: --ffmpeg holds for the whole run."),
            ("max-rungs,4", "column max-rungs: `vmafx-tune batch search` has no option"),
        ],
    )
    def test_with_a_wrong_column_are_refused(self, films: Path, row: str, sentence: str) -> None:
        column, value = row.split(",")
        (films / "jobs.csv").write_text(f"input,{column}\nfilms/a.mp4,{value}\n")

        assert f"Line 2 of 'jobs.csv', {sentence}" in refused("search", "@jobs.csv", cwd=films)

    def test_may_have_an_option_that_stands_alone_as_true(self, films: Path) -> None:
        pytest.importorskip("scenedetect", reason="it is of the extra [shots]")
        row = '{"input": "films/a.mp4", "per-shot": true, "chunk": 2}'
        (films / "jobs.jsonl").write_text(f"{row}\n")

        told = refused("encode", "@jobs.jsonl", cwd=films)
        assert "Line 1 of 'jobs.jsonl': --chunk cannot be combined with --per-shot" in told

    def test_with_a_target_that_no_model_can_give_are_refused(self, films: Path) -> None:
        (films / "jobs.jsonl").write_text(
            '{"input": "films/a.mp4"}\n{"input": "films/b.mp4", "target": 900}\n'
        )
        told = refused("search", "@jobs.jsonl", cwd=films)
        assert "Line 2 of 'jobs.jsonl': A target of 900 is out of the model's range" in told

    def test_of_ten_thousand_rows_name_the_one_that_is_bad(self, films: Path) -> None:
        rows = [f"films/{n}.mp4,{60 + n % 30},n{n}" for n in range(10_000)]
        rows[7_310] = "films/7310.mp4,ninety,n7310"
        (films / "jobs.csv").write_text("\n".join(["input,target,name", *rows]))

        assert "Line 7312 of 'jobs.csv', column target" in refused("search", "@jobs.csv", cwd=films)

    def test_of_ten_thousand_rows_do_all_that_can_be_done(self, films: Path) -> None:
        (films / "jobs.csv").write_text("input\nfilms/a.mp4\nfilms/missing.mp4\nfilms/b.mp4\n")
        document = batch("search", "@jobs.csv", "-o", "out", *FAST, cwd=films, exit_code=1)

        assert states(document) == {"a": "done", "missing": "failed", "b": "done"}

    def test_in_utf_16_or_missing_are_refused(self, films: Path) -> None:
        (films / "jobs.csv").write_text("input\nfilms/a.mp4\n", encoding="utf-16")

        assert "is in UTF-16" in refused("search", "@jobs.csv", cwd=films)
        assert "'no.csv' cannot be read: No such file" in refused("search", "@no.csv", cwd=films)


def refused(*arguments: str | Path, cwd: Path, exit_code: int = 2) -> str:
    """What is said of a batch that does not begin; it leaves nothing behind."""
    before = listing(cwd)
    done = run_cli("batch", *arguments, "-o", "out", cwd=cwd)
    assert done.exit_code == exit_code, done.stderr
    assert done.stdout == ""
    assert listing(cwd) == before
    (line,) = done.stderr.splitlines()[-1:]
    return line


class TestWhatIsRefused:
    def test_a_folder_without_videos(self, films: Path) -> None:
        (films / "texts").mkdir()
        assert "in the folder 'texts'" in refused("search", "texts", cwd=films)

    def test_sources_whose_results_have_one_name(self, films: Path) -> None:
        named = ("films/a.mp4", "films/deep/d.mp4", "more/a.mp4")
        (films / "more").mkdir()
        shutil.copyfile(films / "films/b.mp4", films / "more/a.mp4")

        assert "would both have the results 'a'" in refused("search", *named, cwd=films)

    def test_options_that_the_command_lacks(self, films: Path) -> None:
        for line in (("search", "--max-rungs", "4"), ("score", "--cluster", "tcp://a:1")):
            done = run_cli("batch", *line, "films", "-o", "out", cwd=films)
            assert done.exit_code == 2
            assert f"No such option: {line[1]}" in done.stderr
        with pytest.raises(UsageError, match="search has no option 'resolutions'"):
            vmafx_tune.batch("search", [films / "films"], films / "out", options={"resolutions": 1})

    def test_what_fails_with_every_source(self, films: Path) -> None:
        unknown = refused("search", "films", "-c", "x266", cwd=films)
        assert "Unknown encoder 'x266'" in unknown
        assert "Unknown encoder 'x266'" in refused("compare", "films", "-c", "x266", cwd=films)
        assert "Unknown VMAF model 'no'" in refused(
            "search", "films", "--model", "no", cwd=films, exit_code=4
        )
        assert "There is no reference for 'films/a.mp4'" in refused("score", "films", cwd=films)
        short = refused("encode", "films", "--min-shot", "2", cwd=films)
        assert "--min-shot requires --per-shot" in short
        several = refused("ladder", "films", "-c", "x264,x265", cwd=films)
        assert "one ladder of each source" in several

    @pytest.mark.parametrize(
        "options",
        [
            ("search", "-t", "900"),
            ("encode", "-t", "0.95"),
            ("encode", "--fallback-targets", "900"),
            ("compare", "-t", "85,900"),
            ("ladder", "-t", "75,900"),
            ("ladder", "--max-vmaf", "900"),
            ("score", "-r", "films", "--min-score", "0.9"),
            ("search", "--require", "vmaf.p5>=900"),
            ("search", "-t", "101", "--model", "v1"),
        ],
    )
    def test_scores_that_no_model_can_give(self, films: Path, options: tuple[str, ...]) -> None:
        command, *more = options
        assert "out of the model's range" in refused(command, "films", *more, cwd=films)

    def test_what_no_source_can_meet_before_the_first_one_comes(self, films: Path) -> None:
        (films / "incoming").mkdir()
        told = refused("search", "incoming", "--watch", "-t", "900", cwd=films)
        assert "out of the model's range" in told

    def test_a_state_that_is_damaged(self, films: Path) -> None:
        (films / "out").mkdir()
        (films / "out/batch.sqlite").write_bytes(b"damage" * 1000)

        told = refused("search", "films", cwd=films, exit_code=1)
        assert "'out/batch.sqlite', is damaged" in told


def test_results_within_the_folder_of_the_sources_are_no_sources(films: Path) -> None:
    for _ in range(2):
        document = batch(
            "encode", "films", "-o", "films/out", "--recursive", *FAST, "--container", "mp4",
            cwd=films,
        )  # fmt: skip
        assert states(document) == dict.fromkeys(NAMES, "done")


@pytest.mark.parametrize("change", ["append", "vanish"])
def test_a_source_that_changes_meanwhile_has_no_result(
    films: Path, ffmpeg_exe: Path, change: str
) -> None:
    clip = films / "films/a.mp4"
    does = f"rm -f '{clip}'" if change == "vanish" else f"printf x >> '{clip}'"
    program = make_program(
        films, f"""case " $* " in *a.mp4*" -crf "*) {does} ;; esac; exec '{ffmpeg_exe}' "$@" """
    )
    document = batch(
        "encode", "films", "-o", "out", *FAST, "--ffmpeg", program, cwd=films, exit_code=1
    )

    assert states(document) == {"a": "failed", "b": "done", "c": "done"}
    assert not (films / "out/a.mkv").exists()
    assert not (films / "out/.batch").exists()


def test_a_full_disk_is_told_of_each_source(films: Path, ffmpeg_exe: Path) -> None:
    program = make_program(
        films,
        f"""case "$*" in *-copyts*) case "$*" in *films/a.mp4*) ulimit -f 1 ;; esac ;; esac
exec '{ffmpeg_exe}' "$@" """,
    )
    document = batch(
        "encode", "films", "-o", "out", *FAST, "--ffmpeg", program, cwd=films, exit_code=1
    )

    assert states(document) == {"a": "failed", "b": "done", "c": "done"}
    assert re.search(r"does not fit into '.*/out': the disk is full", document["files"][0]["error"])


def test_other_commands_have_the_results_that_they_have_alone(films: Path) -> None:
    def alone(*line: str) -> Outcome:
        return run_cli(*line, "--format", "json", cwd=films)

    times = re.compile(r'"(\w+_time_ms|new_probes)": [\d.]+')
    pairs = ("-c", "libx264,libx265", "-t", "60")
    rungs = ("--resolutions", "160x90,96x54", "-t", "50,60")
    for name, line in (("compare", pairs), ("ladder", rungs)):
        more = (*line, *FAST[2:])
        document = batch(name, "films/a.mp4", "-o", f"out-{name}", *more, cwd=films)
        assert states(document) == {"a": "done"}
        saved = (films / f"out-{name}/a.json").read_text()
        found = alone(name, "-r", "films/a.mp4", *more).stdout
        assert times.sub("", saved) == times.sub("", found)


def test_encodes_are_scored_against_the_clips_of_their_names(films: Path) -> None:
    batch("encode", "films", "-o", "out", "--recursive", *FAST, cwd=films)
    line = ("score", "out", "-r", "films", "--recursive", "--include", "*.mkv")
    document = batch(*line, "-o", "scores", "--min-score", "99", cwd=films, exit_code=3)

    assert states(document) == dict.fromkeys(NAMES, "missed")
    assert document["n_missed"] == 4
    for file in document["files"]:
        search = json.loads((films / f"out/{file['name']}.json").read_text())
        assert file["vmaf_score"] == pytest.approx(search["vmaf_score"], abs=0.02)
    frames = batch(*line, "-o", "frames", "--frames", cwd=films)
    assert frames["n_done"] == 4
    assert len(json.loads((films / "frames/a.json").read_text())["frames"]) == 10
    shutil.copyfile(films / "out/a.mkv", films / "out/e.mkv")
    more = batch(*line, "-o", "frames", "--frames", cwd=films, exit_code=1)
    assert "films/e.mkv" in next(f["error"] for f in more["files"] if f["name"] == "e")


@needs_proc
def test_a_watched_folder_is_worked_on_as_it_fills(films: Path, clips: ClipFactory) -> None:
    (films / "incoming").mkdir()
    line = command("batch", "search", "incoming", "-o", "incoming/out", *FAST, "--watch")
    process = start(line, films)

    def summed_up(n_done: int) -> bool:
        path = films / "incoming/out/summary.json"
        return path.exists() and json.loads(path.read_text())["n_done"] == n_done

    try:
        shutil.copyfile(films / "films/a.mp4", films / "incoming/a.mp4")
        wait_until(lambda: summed_up(1))
        growing = (films / "films/b.mp4").read_bytes()
        with (films / "incoming/b.mp4").open("wb") as slow:
            for first in range(0, len(growing), len(growing) // 3):
                slow.write(growing[first : first + len(growing) // 3])
                slow.flush()
                time.sleep(1)
        wait_until(lambda: summed_up(2))
    finally:
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert json.loads((films / "incoming/out/summary.json").read_text())["n_failed"] == 0


@needs_dask
@needs_proc
def test_a_cluster_makes_the_probes(
    films: Path, tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ffmpeg = make_ffmpeg(tmp_path_factory.mktemp("ffmpeg"), ffmpeg_exe)
    monkeypatch.setenv("VMAFX_FFMPEG", str(ffmpeg))
    with running_cluster(tmp_path_factory.mktemp("cluster"), ffmpeg) as cluster:
        cluster.restore(2)
        line = ("--cluster", cluster.address, "--cluster-timeout", "60")
        document = batch("search", "films", "-o", "out", *FAST, *line, cwd=films)
    here = batch("search", "films", "-o", "here", *FAST, cwd=films)

    answers = ("name", "state", "best_crf", "bitrate_kbps", "vmaf_score")
    assert document["new_probes"] > 0
    assert here["new_probes"] == 0
    for one, other in zip(document["files"], here["files"], strict=True):
        assert {key: one[key] for key in answers} == {key: other[key] for key in answers}


def test_searches_begin_where_those_of_earlier_files_ended(
    clips: ClipFactory, tmp_path: Path
) -> None:
    cuts = [clips.moving(n_frames=n) for n in range(20, 26)]
    encoding = EncodingOptions(preset="ultrafast")
    options = {"target": 60.0, "encoding": encoding}
    together = vmafx_tune.batch(
        "search", cuts, tmp_path / "out", options=options, many=vmafx_tune.BatchOptions(jobs=1)
    )

    assert all(file.state == "done" for file in together.files)
    assert all(
        json.loads((tmp_path / f"out/{f.name}.json").read_text())["proven"] for f in together.files
    )
    assert together.files[0].new_probes > 2
    assert sum(file.new_probes for file in together.files[1:]) <= 2.1 * (len(cuts) - 1)
