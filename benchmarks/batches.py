"""What a batch does again after kills and failures, what it takes, and what earlier files save."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import imageio_ffmpeg
from _rows import Row

from vmafx_tune.files import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEASURES", "bad_files", "cuts_of_a_film", "finished_files", "kills"]

CLIP = Path(__file__).parents[1] / "examples/example.mp4"
MEDIA = Path(__file__).parents[2] / "shared/media"
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
LOSSLESS = ("-an", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")
QUICK = ("--preset", "ultrafast", "--crf-lo", "28", "--crf-hi", "40", "-t", "70")
N_FILES, N_BAD, N_KILLS, N_FINISHED, N_CUTS = 200, 20, 20, 1000, 12
TARGETS = (85, 93)


def cuts_of_a_film(folder: Path, _: int) -> list[Row]:
    """Twelve cuts of each film, one after the other: probes from the second one on."""
    rows = []
    for film in sorted(MEDIA.glob("*.mp4")):
        source = folder / film.stem
        source.mkdir()
        with av.open(str(film)) as container:
            length_s = (container.duration or 0) / 1e6 / N_CUTS
        for index in range(N_CUTS):
            span = ("-ss", f"{index * length_s:.3f}", "-t", f"{length_s:.3f}")
            _ffmpeg("-i", film, *span, *LOSSLESS, source / f"{index:02}.mkv")
        probes: list[int] = []
        for target in TARGETS:
            options = ("-t", str(target), "--preset", "veryfast", "--jobs", "1")
            env = _environment(folder / f"cache-{target}")
            done = _run(["search", source, "-o", f"{source}-{target}", *options], folder, env)
            files = json.loads(done.stdout)["files"][1:]
            probes += [file["new_probes"] for file in files if file["state"] == "done"]
        what = f"`batch search`, {N_CUTS} cuts of {film.stem}: probes from the second one on"
        rows.append(Row(what, sum(probes) / len(probes), 2.1, unit=""))
    return rows


def bad_files(folder: Path, _: int) -> list[Row]:
    """Two hundred short files, of which twenty are bad in as many ways."""
    films = _films(folder, N_FILES)
    whole = (films / "f000.mkv").read_bytes()
    noise = random.Random(1)
    for index, name in enumerate(sorted(films.iterdir())[::10][:N_BAD]):
        half, part = len(whole) // 2, len(whole) * (index + 1) // (N_BAD + 2)
        ways = (
            b"", b"text", noise.randbytes(9000), bytes(9000), whole[:part], whole[:64],
            b"<html></html>", whole[:half] + bytes(1000), whole[half:], whole[::-1],
        )  # fmt: skip
        name.write_bytes(ways[index] if index < len(ways) else whole[:part])
    env = _environment(folder / "cache")
    line = [*_line("encode", films, "-o", "out", *QUICK), "--progress", "json", "--format", "json"]
    rss: dict[int, int] = {}
    with subprocess.Popen(
        line, cwd=folder, env=env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for told in process.stderr:
            if '"file_finished"' in told:
                rss[json.loads(told)["files_done"]] = _rss_kib(process.pid)
    summary = json.loads((folder / "out/summary.json").read_text(encoding="utf-8"))
    sentences = [f["error"] for f in summary["files"] if f["state"] == "failed" and f["error"]]
    encoded = sum((folder / "out" / f["output"]).exists() for f in summary["files"] if f["output"])
    counts = (summary["n_files"], summary["n_done"], summary["n_failed"])
    exact = counts == (N_FILES, N_FILES - N_BAD, N_BAD)
    what = f"`batch encode`, {N_FILES} files of which {N_BAD} are bad"
    return [
        Row(f"{what}: files encoded", encoded, N_FILES - N_BAD, unit="", least=True),
        Row(f"{what}: sentences", len(sentences), N_BAD, unit="", least=True),
        Row(f"{what}: counts that are wrong", float(not exact), 0, unit=""),
        Row(f"{what}: memory after the last in that after 20", rss[N_FILES] / rss[20], 1.1),
    ]


def kills(folder: Path, _: int) -> list[Row]:
    """A batch that is killed twenty times: finished files that are touched again, files left."""
    films = _films(folder, 24)
    env, chance = _environment(folder / "cache"), random.Random(3)
    before: dict[str, tuple[int, int]] = {}
    touched = 0
    for _number in range(N_KILLS):
        process = subprocess.Popen(
            _line("encode", films, "-o", "out", *QUICK, "--quiet"),
            cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.5 + 1.5 * chance.random())
        process.kill()
        process.wait()
        now = _delivered(folder / "out")
        touched += sum(now.get(name) != found for name, found in before.items())
        before = now
    done = json.loads(_run(["encode", films, "-o", "out", *QUICK], folder, env).stdout)
    now = _delivered(folder / "out")
    touched += sum(now.get(name) != found for name, found in before.items())
    names = {f"f{index:03}" for index in range(24)}
    left = [p for p in (folder / "out").rglob("*") if p.stem not in {*names, "summary", "batch"}]
    what = f"`batch encode`, killed {N_KILLS} times"
    return [
        Row(f"{what}: finished files that were touched again", touched, 0, unit=""),
        Row(f"{what}: files encoded in the end", done["n_done"], 24, unit="", least=True),
        Row(f"{what}: other files in the folder", len(left), 0, unit=""),
    ]


def finished_files(folder: Path, rounds: int) -> list[Row]:
    """A run over a thousand files that are all finished."""
    films = _films(folder, 1)
    for index in range(1, N_FINISHED):
        (films / f"f{index:03}.mkv").write_bytes((films / "f000.mkv").read_bytes())
    env = _environment(folder / "cache")
    line = ["search", films, "-o", "out", *QUICK]
    _run(line, folder, env)
    took_s = []
    for _round in range(min(rounds, 3)):
        started = time.perf_counter()
        summary = json.loads(_run(line, folder, env).stdout)
        took_s.append(time.perf_counter() - started)
        assert summary["n_earlier"] == N_FINISHED
    what = f"`batch` of {N_FINISHED} finished files: time of each"
    return [Row(what, 1000 * min(took_s) / N_FINISHED, 20, " ms")]


MEASURES = (cuts_of_a_film, bad_files, kills, finished_files)


def _films(folder: Path, count: int) -> Path:
    """Cut the example into short clips, each with its own content."""
    films = folder / "films"
    films.mkdir()
    for index in range(count):
        span = ("-ss", f"{index % 90 / 24:.3f}", "-frames:v", str(12 + index // 90))
        scaled = (*span, "-vf", "scale=160:90", *LOSSLESS, films / f"f{index:03}.mkv")
        _ffmpeg("-i", CLIP, *scaled)
    return films


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, arguments)], check=True)


def _line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "vmafx_tune", "batch", *map(str, arguments)]


def _run(
    arguments: list[str | Path], cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_line(*arguments), "--format", "json", "--quiet"],
        cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip


def _environment(cache: Path) -> dict[str, Any]:
    return {**os.environ, CACHE_VARIABLE: str(cache)}


def _delivered(out: Path) -> dict[str, tuple[int, int]]:
    """Identify each encode that is in its place."""
    found = {path.name: path.stat() for path in out.glob("*.mkv")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def _rss_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])
