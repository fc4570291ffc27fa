"""Send a signal to each command that measures at seeded instants, and count what is left.

    python benchmarks/fuzz_kills.py [--count 60] [--only COMMAND] [--signal KILL|TERM|INT]

After each, no process may live on and the work folder must be empty; the store of probes must be
sound, what was delivered is whole or absent, and the same command must then give the answer of one
that was never killed, without making a finished probe again where it searches. Exits with 1
if any of that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.cli import command
from tests.support.programs import children_running, processes_of
from vmafx_tune.files import CACHE_VARIABLE

FAST = ("--preset", "ultrafast", "--crf-lo", "28", "--crf-hi", "40")
COMMANDS = {
    "search": ("search", "-r", "10.mp4", "-t", "60", *FAST),
    "compare": ("compare", "-r", "10.mp4", "-t", "60", "-c", "libx264,libx265", *FAST),
    "ladder": ("ladder", "-r", "10.mp4", "-t", "50,70", "--resolutions", "160x90,96x54", *FAST),
    "encode": ("encode", "-r", "10.mp4", "-t", "60", *FAST, "--force"),
    "score": ("score", "10.mp4", "40.mp4", "--backend", "ffmpeg"),
}
ANSWERS = {
    "search": ("best_crf", "bitrate_kbps", "vmaf_score", "new_probes"),
    "compare": ("rows", "new_probes"),
    "ladder": ("hull", "renditions"),
    "encode": ("best_crf", "bitrate_kbps", "vmaf_score", "new_probes"),
    "score": ("score", "pooled"),
}
PATIENCE_S = 60
STARTING_S = 0.5


def line(name: str, folder: Path) -> list[str]:
    """Build a command that works in `folder`; what it delivers goes to a folder beside that."""
    words = command(*COMMANDS[name], "--work-dir", str(folder))
    return [*words, "-o", f"{folder}-out/out.mkv"] if name == "encode" else words


def answer(name: str, folder: Path, env: dict[str, str]) -> Any:
    """Run a command to its end, and return what it found; its whole stderr where it fails."""
    done = subprocess.run(
        line(name, folder),
        cwd=folder.parent, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        return done.stderr.decode()
    found = json.loads(done.stdout)
    answers = _measured({key: found[key] for key in ANSWERS[name]})
    # Those of a row are in those of all rows.
    for row in answers.get("rows", ()):
        del row["new_probes"]
    return answers


def _measured(value: Any) -> Any:
    # Times differ from run to run, and so does what commands call their output.
    if isinstance(value, dict):
        return {k: _measured(v) for k, v in value.items() if "time" not in k and "command" not in k}
    return [_measured(item) for item in value] if isinstance(value, list) else value


def examine(
    name: str, delay_s: float, folder: Path, wanted: Any, number: signal.Signals
) -> tuple[str, str]:
    """Send a command a signal after a while; return a verdict and what there is to say."""
    folder.mkdir()
    (delivered := Path(f"{folder}-out")).mkdir()
    env = {**os.environ, CACHE_VARIABLE: f"{folder}-cache"}
    with subprocess.Popen(
        line(name, folder),
        cwd=folder.parent, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as killed:  # fmt: skip
        time.sleep(delay_s)
        over = killed.poll() is not None
        killed.send_signal(number)
    # Python itself is not up in the first milliseconds, and answers in its own way.
    expected = {0, -number, 1 if delay_s < STARTING_S else 0}
    if number != signal.SIGKILL:
        expected.add(128 + number)
    if killed.returncode not in expected:
        return "another exit code", f"{killed.returncode}"
    deadline = time.monotonic() + PATIENCE_S
    while (left := _left(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left:
        return "left behind", left
    for file in delivered.iterdir():
        if file.name != "out.mkv" or not _is_whole(file):
            return "a part of the output", file.name
    known = _n_known(env)
    found = answer(name, folder, env)
    if isinstance(found, dict) and "new_probes" in found:
        # Those that were finished when the signal came are not made again.
        found["new_probes"] += known
    if found != wanted:
        return "another answer", f"{found} instead of {wanted}"
    store = subprocess.run(
        command("cache", "--format", "json"), env=env, capture_output=True, check=False
    )
    damaged = [path.name for path in Path(f"{folder}-cache").rglob("*damaged*")]
    if store.returncode != 0 or damaged:
        return "damaged store", f"{store.stderr.decode()} {damaged}"
    return ("over before" if over else "nothing left, same answer"), ""


def _n_known(env: dict[str, str]) -> int:
    """Count the probes in the cache."""
    done = subprocess.run(
        command("cache", "--format", "json"), env=env, capture_output=True, check=False
    )
    return int(json.loads(done.stdout)["n_entries"]) if done.returncode == 0 else -1


def _is_whole(file: Path) -> bool:
    import imageio_ffmpeg

    read = (imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-i", str(file))
    done = subprocess.run([*read, "-f", "null", "-"], capture_output=True, check=False)
    return done.returncode == 0 and not done.stderr


def _left(folder: Path) -> str:
    alive = {*processes_of(CACHE_VARIABLE, f"{folder}-cache"), *children_running(f"{folder}/")}
    return " ".join(map(str, [*alive, *(path.name for path in folder.iterdir())]))


def main() -> int:
    """Run it."""
    import imageio_ffmpeg

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[*COMMANDS], help="one command")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    options = parser.parse_args()
    sent = signal.Signals[f"SIG{options.signal}"]
    chance = random.Random(options.seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for crf in (10, 40):
            subprocess.run(
                [
                    *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi"),
                    *("-i", "testsrc2=s=160x90:r=24:d=1", "-c:v", "libx264", "-crf", str(crf)),
                    home / f"{crf}.mp4",
                ],
                check=True,
            )
        wanted, takes_s = {}, {}
        names = [options.only] if options.only else [*COMMANDS]
        for command_name in names:
            (folder := home / command_name).mkdir()
            Path(f"{folder}-out").mkdir()
            started = time.monotonic()
            env = {**os.environ, CACHE_VARIABLE: f"{folder}-cache"}
            wanted[command_name] = answer(command_name, folder, env)
            takes_s[command_name] = time.monotonic() - started
        cases = []
        for number in range(options.count):
            command_name = names[number % len(names)]
            delay_s = chance.uniform(0.1, 0.9) * takes_s[command_name]
            cases.append((command_name, delay_s, home / str(number), wanted[command_name], sent))
        with ThreadPoolExecutor(options.jobs) as pool:
            for case, (verdict, said) in zip(
                cases, pool.map(lambda case: examine(*case), cases), strict=True
            ):
                counts[verdict] += 1
                if said:
                    print(f"{case[0]} after {case[1]:.2f} s: {verdict}: {said}", flush=True)
    for verdict, count in sorted(counts.items()):
        print(f"{verdict:34} {count:4}")
    return int(not {*counts} <= {"over before", "nothing left, same answer"})


if __name__ == "__main__":
    raise SystemExit(main())
