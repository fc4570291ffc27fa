"""What a batch does again after kills and failures, what it takes, and what earlier files save."""

from __future__ import annotations

import csv
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
from _clips import made, recipes, resized
from _rows import Row

from vmafx_tune.files import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MEASURES", "bad_files", "cuts_of_a_film", "drawn_cuts", "finished_files", "kills"]

CLIP = Path(__file__).parents[1] / "examples/example.mp4"
MEDIA = Path(__file__).parents[2] / "shared/media"
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
LOSSLESS = ("-an", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")
QUICK = ("--preset", "ultrafast", "--crf-lo", "28", "--crf-hi", "40", "-t", "70")
N_FILES, N_BAD, N_KILLS, N_FINISHED, N_CUTS = 200, 20, 20, 1000, 12
TARGETS = (85, 93)
DRAWN_SEEDS, DRAWN_S = (41, 61), 4.6


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
        rows.append(_searched(source, f"{N_CUTS} cuts of {film.stem}", folder))
    return rows


def drawn_cuts(folder: Path, _: int) -> list[Row]:
    """Cuts that are long enough for looks, and that nothing was chosen on."""
    rows = []
    for seed in DRAWN_SEEDS:
        for one in range(seed, seed + N_CUTS):
            (recipe,) = (each for each in recipes(one) if each.name.startswith("film-cuts"))
            made(resized(recipe, 320, DRAWN_S), folder / f"drawn-{seed}")
        what = f"{N_CUTS} drawn cuts of {DRAWN_S:g} s, from seed {seed}"
        rows.append(_searched(folder / f"drawn-{seed}", what, folder))
    return rows


def _searched(source: Path, what: str, folder: Path) -> Row:
    probes: list[int] = []
    for target in TARGETS:
        options = ("-t", str(target), "--preset", "veryfast", "--jobs", "1")
        env = _environment(folder / f"cache-{source.name}-{target}")
        done = _run(["search", source, "-o", f"{source}-{target}", *options], folder, env)
        files = json.loads(done.stdout)["files"][1:]
        probes += [file["new_probes"] for file in files if file["state"] == "done"]
    title = f"`batch search`, {what}: probes from the second one on"
    return Row(title, sum(probes) / len(probes), 2.1, unit="")


def bad_files(folder: Path, _: int) -> list[Row]:
    """Two hundred short files, of which twenty are bad, each in a way of its own."""
    films = _films(folder, N_FILES - N_BAD)
    _make_bad(films, (films / "f000.mkv").read_bytes())
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
    print(f"memory in MiB by files done: { {n: rss[n] >> 10 for n in sorted(rss)[19::20]} }")
    summary = json.loads((folder / "out/summary.json").read_text(encoding="utf-8"))
    failed = {f["name"]: f["error"] for f in summary["files"] if f["state"] == "failed"}
    print(*failed.values(), sep="\n")
    ways = {error.replace(name, "") for name, error in failed.items()}
    encoded = sum((folder / "out" / f["output"]).exists() for f in summary["files"] if f["output"])
    table = _run(["encode", films, "-o", "out", *QUICK], folder, env, "table").stdout
    wrong = sum(not right for right in _counts_right(folder / "out", summary, table))
    what = f"`batch encode`, {N_FILES} files of which {N_BAD} are bad"
    return [
        Row(f"{what}: files encoded", encoded, N_FILES - N_BAD, unit="", least=True),
        Row(f"{what}: different sentences", len(ways), N_BAD, unit="", least=True),
        Row(f"{what}: counts that are wrong in table, JSON, CSV and HTML", wrong, 0, unit=""),
        Row(f"{what}: memory after the last in that after 20", rss[N_FILES] / rss[20], 1.1),
    ]


def _counts_right(out: Path, summary: Mapping[str, Any], table: str) -> Iterator[bool]:
    """Tell of each form of a summary whether it counts and lists all files as they are."""
    verdict = f"{N_FILES - N_BAD} done, {N_BAD} failed of {N_FILES} files"
    states = ["done"] * (N_FILES - N_BAD) + ["failed"] * N_BAD
    counts = (summary["n_files"], summary["n_done"], summary["n_failed"])
    yield counts == (N_FILES, N_FILES - N_BAD, N_BAD)
    yield sorted(file["state"] for file in summary["files"]) == states
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        yield sorted(row["state"] for row in csv.DictReader(file)) == states
    html = (out / "summary.html").read_text(encoding="utf-8")
    yield verdict in html
    yield verdict in " ".join(table.split())
    yield all(file["name"] in html and file["name"] in table for file in summary["files"])


def _make_bad(films: Path, whole: bytes) -> None:
    """Write files that cannot be encoded, each for another reason."""
    size = len(whole)
    contents = {
        "empty": b"",
        "text": b"text",
        "noise": random.Random(1).randbytes(9000),
        "cut": whole[: size // 2],
        "header": whole[:64],
        "hole": whole[: size // 2] + bytes(1000) + whole[size // 2 + 1000 :],
        "codec": whole.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"),
        "list": b"ffconcat version 1.0\nfile f000.mkv\n",
    }
    for name, content in contents.items():
        (films / f"bad-{name}.mkv").write_bytes(content)
    bars = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=24", "-frames:v")
    tone = ("-f", "lavfi", "-i", "sine=duration=1")
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0" * 32)
    pq = "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    _ffmpeg(*tone, films / "bad-audio.mkv")
    _ffmpeg(*bars, "1", films / "bad-image.png")
    (films / "bad-image.png").rename(films / "bad-image.mkv")
    cover = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    _ffmpeg(*tone, "-i", films / "bad-image.mkv", *cover, "-f", "mp3", films / "bad-cover.mkv")
    (films / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nWords\n")
    _ffmpeg("-i", films / "words.srt", films / "bad-words.mkv")
    _ffmpeg(
        *bars,
        "12",
        *LOSSLESS,
        *key,
        "-encryption_kid",
        "1" * 32,
        "-f",
        "mp4",
        films / "bad-key.mkv",
    )
    _ffmpeg(
        *bars,
        "12",
        "-pix_fmt",
        "yuv420p10le",
        "-c:v",
        "libx265",
        "-x265-params",
        pq,
        films / "bad-hdr.mkv",
    )
    _ffmpeg(*bars, "12", "-vf", "scale=8:8", *LOSSLESS, films / "bad-tiny.mkv")
    _ffmpeg(*bars, "12", *LOSSLESS, films / "index.mp4")
    (films / "bad-index.mkv").write_bytes(
        (films / "index.mp4").read_bytes().partition(b"moov")[0][:-4]
    )
    (films / "index.mp4").unlink()
    parts = b""
    for picture in ("160:90", "320:180"):
        _ffmpeg(*bars, "12", "-vf", f"scale={picture}", *LOSSLESS, films / "part.h264")
        parts += (films / "part.h264").read_bytes()
    (films / "part.h264").write_bytes(parts)
    _ffmpeg("-i", films / "part.h264", "-c", "copy", films / "bad-size.mkv")
    for left in ("words.srt", "part.h264"):
        (films / left).unlink()
    (films / "bad-link.mkv").symlink_to("nowhere.mkv")
    (films / "bad-loop.mkv").symlink_to("bad-loop.mkv")
    os.mkfifo(films / "bad-pipe.mkv")


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


MEASURES = (cuts_of_a_film, drawn_cuts, bad_files, kills, finished_files)


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
    arguments: list[str | Path], cwd: Path, env: Mapping[str, str], fmt: str = "json"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_line(*arguments), "--format", fmt, "--quiet"],
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
