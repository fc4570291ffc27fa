"""What was measured once is not measured again, whatever happens to the store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.support.caches import store_in
from tests.support.cli import Outcome, command, run_cli, without
from tests.support.damaged_stores import DAMAGE
from vmafx_tune.cancel import CancelToken
from vmafx_tune.probing.caching import Claims

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory

QUICK = ("--preset", "ultrafast")
NARROW = ("--crf-lo", "30", "--crf-hi", "36")
PASSING = {"wall_time_ms", "new_probes"}


def encodes(outcome: Outcome) -> int:
    """Count the encodes in the output of a run with --verbose; trials of encoders are none."""
    commands = [line for line in outcome.stderr.splitlines() if line.startswith("vmafx-tune: $")]
    return sum(" -y " in line and "-c:v" in line for line in commands)


def scores(outcome: Outcome) -> int:
    """Count the comparisons of clips likewise."""
    commands = [line for line in outcome.stderr.splitlines() if line.startswith("vmafx-tune: $")]
    return sum("libvmaf=" in line and "-progress" in line for line in commands)


def search(clip: Path, *more: str | Path, env: dict[str, str] | None = None) -> Outcome:
    outcome = run_cli("search", "-r", clip, "-t", "60", *QUICK, *NARROW, "-v", *more, env=env)
    assert outcome.exit_code in {0, 3}, outcome.stderr
    return outcome


def measured(outcome: Outcome) -> list[tuple[float, ...]]:
    names = ("crf", "bitrate_kbps", "vmaf_score")
    return [tuple(map(sample.get, names)) for sample in outcome.document["bisect_samples"]]


@pytest.fixture
def no_store(own_cache: Path) -> Path:
    """A cache folder in which nothing has been made yet."""
    store_in(own_cache).unlink()
    return own_cache


def rows(cache: Path, table: str) -> int:
    """Rows of a table of the store."""
    with closing(sqlite3.connect(store_in(cache))) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def warnings(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stderr.splitlines() if "warning:" in line]


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "-t", "60", "-c", "libx264"),
        # No setting reaches it, so the source is scored against itself.
        ("search", "-t", "99.99", "-c", "libx264"),
        ("compare", "-t", "50,60", "-c", "libx264,libx265", "--anchor", "libx264"),
        ("ladder", "-t", "50,60", "--resolutions", "160x90,128x72"),
    ],
    ids=["search", "unreachable search", "compare", "ladder"],
)
def test_the_second_run_of_a_command_encodes_and_scores_nothing(
    clips: ClipFactory, arguments: tuple[str, ...]
) -> None:
    name, *options = arguments
    line = (name, "-r", str(clips.moving()), *options, *QUICK, *NARROW, "-v")
    first, second = run_cli(*line), run_cli(*line)
    assert encodes(first) > 0
    assert (encodes(second), scores(second)) == (0, 0)
    assert second.exit_code == first.exit_code
    assert without(second.document, PASSING) == without(first.document, PASSING)


def test_a_search_counts_only_what_it_measured_itself(clips: ClipFactory) -> None:
    first, second = search(clips.moving()), search(clips.moving())
    assert first.document["new_probes"] == encodes(first)
    assert second.document["new_probes"] == 0


def test_progress_tells_what_was_recalled(clips: ClipFactory) -> None:
    search(clips.moving())
    lines = search(clips.moving(), "--progress", "json").stderr.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert {event["cached"] for event in events if event["event"] == "probe_finished"} == {True}


def test_another_target_and_pooling_cost_nothing_where_the_settings_are_known(
    clips: ClipFactory,
) -> None:
    few = ("--crf-lo", "30", "--crf-hi", "31")
    search(clips.moving(), *few, "-t", "1")
    search(clips.moving(), *few, "-t", "99")
    assert encodes(search(clips.moving(), *few, "-t", "70", "--pool", "p5")) == 0


def test_another_command_uses_the_same_probes(clips: ClipFactory) -> None:
    search(clips.moving())
    line = ("compare", "-r", clips.moving(), "-c", "libx264", "-t", "60", *QUICK, *NARROW, "-v")
    assert encodes(run_cli(*line)) == 0


def test_a_source_under_another_name_is_the_same_and_its_command_names_it(
    clips: ClipFactory, tmp_path: Path
) -> None:
    search(clips.moving())
    moved = shutil.copyfile(clips.moving(), tmp_path / "renamed.mp4")
    again = search(moved)
    assert encodes(again) == 0
    assert "renamed.mp4" in again.document["encode_command"]


def test_a_source_edited_behind_the_clock_is_measured_anew(
    clips: ClipFactory, tmp_path: Path
) -> None:
    source = tmp_path / "source.yuv"
    shutil.copyfile(clips.raw(), source)
    raw = ("--size", "160x90")
    first, before = search(source, *raw), source.stat()
    frames = source.read_bytes()
    with source.open("r+b") as file:
        file.write(frames[::-1])
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (source.stat().st_size, source.stat().st_mtime_ns) == (
        before.st_size,
        before.st_mtime_ns,
    )
    second = search(source, *raw)
    assert encodes(second) == second.document["new_probes"] > 0
    assert second.document["bisect_samples"] != first.document["bisect_samples"]


def test_other_arguments_are_measured_anew(clips: ClipFactory) -> None:
    search(clips.moving())
    assert encodes(search(clips.moving(), "--encoder-args", "-g 4")) > 0
    assert encodes(search(clips.moving(), "--subsample", "2")) > 0
    assert encodes(search(clips.moving(), "--threads", "1")) > 0


def test_a_killed_run_is_taken_up_where_it_ended(clips: ClipFactory) -> None:
    line = ("search", "-r", clips.moving(), "-t", "60", *QUICK, "--progress", "json")
    with subprocess.Popen(command(*line), stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        done = 0
        for text in run.stderr:
            done += json.loads(text)["event"] == "probe_finished"
            if done == 2:
                run.send_signal(signal.SIGKILL)
                break
    again = run_cli(*line)
    finished = [
        event["cached"]
        for event in map(json.loads, again.stderr.splitlines())
        if event["event"] == "probe_finished"
    ]
    assert finished[:2] == [True, True]
    assert again.document["new_probes"] == finished.count(False)


@pytest.mark.usefixtures("no_store")
def test_many_processes_share_a_store_that_none_has_made_yet(clips: ClipFactory) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: search(clips.moving()), range(4)))
    answers = {outcome.document["best_crf"] for outcome in outcomes}
    assert len(answers) == 1
    assert [warnings(outcome) for outcome in outcomes] == [[]] * 4
    assert run_cli("cache").document["damaged"] == []
    assert encodes(search(clips.moving())) == 0


def test_processes_that_want_the_same_probes_make_each_of_them_once(
    clips: ClipFactory, own_cache: Path
) -> None:
    line = ("compare", "-r", clips.moving(), "-c", "libx264,libx265", "-t", "50,60", *QUICK)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: run_cli(*line, *NARROW, "-v"), range(4)))
    kept = run_cli("cache", "list").document["entries"]
    probes = [entry for entry in kept if entry["codec"] is not None]
    assert sum(map(encodes, outcomes)) == len(probes)
    answers = {json.dumps(without(outcome.document["rows"], PASSING)) for outcome in outcomes}
    assert len(answers) == 1
    assert list((own_cache / "claims").iterdir()) == []


@contextmanager
def claimed(own_cache: Path) -> Iterator[None]:
    """Have the claims on all probes that a search made, and forget the probes."""
    with closing(sqlite3.connect(store_in(own_cache))) as connection, connection:
        digests = [digest for (digest,) in connection.execute("SELECT digest FROM probes")]
        connection.execute("DELETE FROM probes")
    with ExitStack() as held:
        for digest in digests:
            claims = Claims(own_cache / "claims", CancelToken())
            held.enter_context(claims(digest, wait=False, on_wait=lambda: None))
        yield


@contextmanager
def waiting_search(clip: Path) -> Iterator[subprocess.Popen[str]]:
    """A search that waits for a probe of another process."""
    line = command("search", "-r", clip, "-t", "60", *QUICK, *NARROW, "--progress", "json")
    with subprocess.Popen(line, stdout=-1, stderr=-1, text=True) as run:
        assert run.stderr is not None
        assert any(json.loads(text).get("stage") == "wait" for text in run.stderr)
        yield run


def test_a_run_that_waits_for_another_is_interrupted_at_once(
    clips: ClipFactory, own_cache: Path
) -> None:
    search(clips.moving())
    with claimed(own_cache), waiting_search(clips.moving()) as run:
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert run.returncode == 130


def test_a_run_that_waits_for_another_takes_over_when_that_has_no_result(
    clips: ClipFactory, own_cache: Path
) -> None:
    first = search(clips.moving())
    with ExitStack() as held:
        held.enter_context(claimed(own_cache))
        with waiting_search(clips.moving()) as run:
            held.close()
            document = json.loads(run.communicate()[0])
    assert run.returncode == 0
    assert document["new_probes"] == first.document["new_probes"]


def test_a_damaged_store_is_replaced_with_one_warning(clips: ClipFactory, own_cache: Path) -> None:
    store_in(own_cache).write_bytes(b"This was a database once." * 500)
    first = search(clips.moving())
    assert first.exit_code == 0
    assert ["damaged" in warning for warning in warnings(first)] == [True]
    assert encodes(search(clips.moving())) == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_answer_from_a_damaged_store_is_that_of_a_measurement(
    clips: ClipFactory, own_cache: Path, seed: int
) -> None:
    first = search(clips.moving())
    chance = Random(seed)
    chance.choice(DAMAGE[seed::4])(store_in(own_cache), chance)
    again = search(clips.moving())
    assert measured(again) == measured(first)
    assert len(warnings(again)) <= 2


@pytest.mark.parametrize("trouble", ["no room", "a folder in its place"])
def test_a_store_that_cannot_be_used_costs_one_warning_and_no_answer(
    clips: ClipFactory, no_store: Path, trouble: str
) -> None:
    line = command("search", "-r", clips.moving(), "-t", "60", *QUICK, *NARROW)
    if trouble == "no room":
        # Files may grow to 15 or 30 KB, by the shell's unit: enough for a trial encode.
        line = ["sh", "-c", 'ulimit -f 30; exec "$@"', "sh", *line]
    else:
        store_in(no_store).mkdir()
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]
    assert done.stderr.count("warning:") == 1
    assert "probes.sqlite" in done.stderr


def test_no_cache_neither_reads_nor_writes_the_store(clips: ClipFactory, no_store: Path) -> None:
    assert encodes(search(clips.moving(), "--no-cache")) > 0
    assert not store_in(no_store).exists()
    search(clips.moving())
    assert encodes(search(clips.moving(), "--no-cache")) > 0


def test_refresh_measures_anew_for_later_runs_to_recall(clips: ClipFactory) -> None:
    search(clips.moving())
    again = search(clips.moving(), "--refresh")
    assert encodes(again) == again.document["new_probes"] > 0
    recalled = search(clips.moving())
    assert encodes(recalled) == 0
    assert recalled.document["bisect_samples"] == again.document["bisect_samples"]


def test_the_limit_holds_the_store_down(clips: ClipFactory) -> None:
    search(clips.moving(), env={"VMAFX_CACHE_LIMIT": "30K"})
    assert run_cli("cache").document["size_bytes"] <= 40 * 1024


def test_a_limit_that_is_no_size_is_a_usage_error(clips: ClipFactory) -> None:
    line = ("search", "-r", clips.moving(), "-t", "60", *QUICK)
    outcome = run_cli(*line, env={"VMAFX_CACHE_LIMIT": "plenty"})
    assert outcome.exit_code == 2
    assert "'plenty' is not a size" in outcome.stderr


def test_the_cache_command_lists_what_a_search_left(clips: ClipFactory, own_cache: Path) -> None:
    found = search(clips.moving()).document
    listed = run_cli("cache", "list").document
    assert listed["path"] == str(store_in(own_cache))
    assert {entry["crf"] for entry in listed["entries"]} == {
        sample["crf"] for sample in found["bisect_samples"]
    }
    assert {entry["src"] for entry in listed["entries"]} == {str(clips.moving())}
    info = run_cli("cache").document
    assert (info["n_entries"], info["entries"]) == (len(listed["entries"]), None)


def test_pruning_by_age_leaves_what_was_used_just_now(clips: ClipFactory) -> None:
    search(clips.moving())
    assert run_cli("cache", "prune", "--unused-days", "1").document["n_removed"] == 0
    assert run_cli("cache", "prune", "--unused-days", "0").document["n_entries"] == 0


def test_pruning_to_a_size_forgets_what_does_not_fit(clips: ClipFactory) -> None:
    search(clips.moving())
    before = run_cli("cache").document
    after = run_cli("cache", "prune", "--limit", "1K").document
    assert after["n_entries"] == 0 < before["n_entries"] == after["n_removed"]


def test_clearing_forgets_everything(clips: ClipFactory, own_cache: Path) -> None:
    search(clips.moving())
    assert run_cli("cache", "clear").document["n_entries"] == 0
    for table in ("probes", "facts"):
        assert rows(own_cache, table) == 0
    assert encodes(search(clips.moving())) > 0


def test_clearing_takes_a_damaged_store_away(own_cache: Path) -> None:
    store_in(own_cache).write_bytes(b"This was a database once." * 500)
    told = run_cli("cache")
    assert told.exit_code == 1
    assert "cache clear" in told.stderr
    assert run_cli("cache", "clear").exit_code == 0
    assert not store_in(own_cache).exists()


def test_an_empty_cache_is_looked_at_without_making_one(no_store: Path) -> None:
    for action in ("info", "list", "prune", "clear"):
        assert run_cli("cache", action).document["n_entries"] == 0
    assert not store_in(no_store).exists()


def test_options_of_pruning_are_refused_elsewhere() -> None:
    outcome = run_cli("cache", "clear", "--limit", "1G")
    assert outcome.exit_code == 2
    assert "prune" in outcome.stderr
