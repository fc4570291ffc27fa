"""Run `search` and `score` with stand-ins for ffmpeg that misbehave, and count their ends.

    python benchmarks/fuzz_tools.py [--count 100] [--seed 1]

Each stand-in is one of some 20 kinds, with seeded sizes and texts, and misbehaves at one stage:
when it is asked for its version or its encoders, when it encodes, or when it scores. To all else it
answers as ffmpeg does. Exits with 1 if a command ends with a traceback, hangs, says nothing, says
more than a terminal shows, or leaves a process or a file behind.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.cli import command
from tests.support.programs import make_program, processes_of
from vmafx_tune.files import CACHE_VARIABLE

# $OUT is the encode or libvmaf's log, $N a seeded number and $TEXT seeded noise.
KINDS = {
    "hangs": "sleep 1000",
    "hangs with children": "sleep 1000 & sleep 1000 & wait",
    "ignores polite signals": "trap '' TERM INT HUP; while :; do sleep 1; done",
    "stops itself": "kill -STOP $$",
    "leaves a child with its pipes": "sleep 1000 & exit $((N % 2))",
    "leaves a session with its pipes": "setsid sleep 1000 & exit $((N % 2))",
    "leaves a session and hangs": "setsid sleep 1000 & exec sleep 1000",
    "leaves a session that talks": 'setsid yes "$TEXT" & exit 0',
    "counts for ever": "i=0; while :; do i=$((i + N)); echo frame=$i; sleep 0.01; done",
    "counts up and down": "while :; do echo frame=$N; echo frame=1; sleep 0.01; done",
    "counts beyond numbers": "echo frame=$(head -c 5000 /dev/zero | tr '\\0' 9); sleep 1000",
    "leaves a pipe": 'rm -f "$OUT"; mkfifo "$OUT"',
    "leaves a device": 'rm -f "$OUT"; ln -s /dev/zero "$OUT"',
    "leaves a folder": 'rm -f "$OUT"; mkdir "$OUT"',
    "leaves a folder with files": 'rm -f "$OUT"; mkdir -p "$OUT/a/b"; touch "$OUT/a/b/c"',
    "leaves a hole of a file": 'truncate -s ${N}G "$OUT"',
    "leaves noise": 'head -c ${N}000 /dev/urandom > "$OUT"',
    "leaves nothing": 'rm -f "$OUT"',
    "removes its folder": 'cd /; rm -rf "$FOLDER"',
    "writes huge scores": """echo '{"frames": [{"frameNum": 0, "metrics": {"vmaf": 1e308}}]}' """
    '> "$OUT"',
    "writes other shapes": """echo "{\\"frames\\": [{\\"frameNum\\": 0, \\"metrics\\": [$N]}]}" """
    '> "$OUT"',
    "floods stderr": "head -c 100000000 /dev/zero | tr '\\0' x >&2; exit $((N % 2))",
    "floods stderr with lines": 'yes "$TEXT" | head -c ${N}00000 >&2; exit 1',
    "floods stdout for ever": 'yes "$TEXT"',
    "prints noise": "head -c ${N}000 /dev/urandom; head -c ${N}000 /dev/urandom >&2; exit $N",
    "prints escapes": "printf '[error] \\033[31m\\033]0;title\\007\\r\\n' >&2; exit 1",
    "crashes": "kill -SEGV $$",
    "ends well without a word": "exit 0",
}
# What is found in the arguments at each stage.
STAGES = {
    "version": "*-version*",
    "list": "*-encoders*",
    "encode": "*.part.mp4*",
    "score": "*libvmaf*",
}
TIMEOUT_S = 2
HANGS_S = 240
MOST_LINES, MOST_BYTES = 80, 100_000


def body_of(kind: str, stage: str, chance: random.Random) -> str:
    """Write the misbehaviour as a shell script."""
    text = "".join(chance.choice("abc[]%\\\x1b\xe9 :=") for _ in range(chance.randint(1, 40)))
    out = '"$PWD/vmaf.json"' if stage == "score" else '"${last#file:}"'
    return (
        f"N={chance.randint(1, 120)} TEXT='{text}'\nfor last; do :; done\n"
        f'OUT={out}\nFOLDER="${{OUT%/*}}"\n{KINDS[kind]}'
    )


def examine(program: Path, arguments: list[str], folder: Path) -> tuple[str, str]:
    """Run a command with a stand-in; return a verdict and what there is to say."""
    work = folder / "work"
    work.mkdir()
    mark = str(program)
    env = {**os.environ, "VMAFX_FFMPEG": mark, CACHE_VARIABLE: str(folder / "cache")}
    argv = command(*arguments, "--backend", "ffmpeg", "--timeout", str(TIMEOUT_S))
    try:
        done = subprocess.run(
            [*argv, "--work-dir", str(work)],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=HANGS_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "hangs", ""
    finally:
        left = [path.name for path in work.iterdir()]
        for _ in range(100):
            if not (alive := processes_of("VMAFX_FFMPEG", mark)):
                break
            time.sleep(0.05)
    stderr = done.stderr
    said = stderr.decode(errors="replace")
    if b"Traceback" in stderr or b"Exception ignored" in stderr:
        return "traceback", said
    if left or alive:
        return "left behind", f"{left} {alive}"
    if b"\x1b" in stderr or len(stderr) > MOST_BYTES or len(stderr.splitlines()) > MOST_LINES:
        return "raw or too long", said[:500]
    if done.returncode == 0:
        return "succeeds", ""
    if done.returncode not in {1, 2, 3, 4} or "vmafx-tune: " not in said:
        return "no sentence", f"{done.returncode} {said[:500]}"
    return f"exit {done.returncode}", said.splitlines()[0][:200]


def is_good(verdict: str) -> bool:
    """Tell whether a verdict is one that a command may get."""
    return verdict.startswith("exit ") or verdict == "succeeds"


def main() -> int:
    """Run it."""
    import imageio_ffmpeg

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        clips = [Path(name, f"{crf}.mp4") for crf in (10, 40)]
        for clip, crf in zip(clips, (10, 40), strict=True):
            subprocess.run(
                [
                    *(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=24:d=0.5"),
                    *("-c:v", "libx264", "-crf", str(crf), clip),
                ],
                check=True,
            )
        search = ["search", "-r", str(clips[0]), "-t", "60", "--preset", "ultrafast", "--no-cache"]
        cases = []
        for number in range(options.count):
            kind = list(KINDS)[number % len(KINDS)]
            stage = chance.choice(["encode", "score"] * 3 + ["version", "list"])
            folder = Path(name, str(number))
            folder.mkdir()
            body = body_of(kind, stage, chance)
            program = make_program(
                folder,
                f'case "$*" in\n{STAGES[stage]}) {body}\n;;\n*) exec {ffmpeg} "$@" ;;\nesac',
                "ffmpeg",
            )
            whole = stage in {"encode", "list"} or chance.random() < 0.5
            arguments = search if whole else ["score", *map(str, clips)]
            cases.append((f"{number} {arguments[0]} {stage}: {kind}", program, arguments, folder))
        with ThreadPoolExecutor(options.jobs) as pool:
            verdicts = pool.map(lambda case: (case[0], *examine(*case[1:])), cases)
            for case, verdict, said in verdicts:
                counts[verdict] += 1
                if options.verbose or not is_good(verdict):
                    print(f"{case}: {verdict} {said}", flush=True)
    for verdict, count in sorted(counts.items()):
        print(f"{verdict:16} {count:4}")
    return int(not all(map(is_good, counts)))


if __name__ == "__main__":
    raise SystemExit(main())
