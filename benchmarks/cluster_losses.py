"""Take a cluster's scheduler or one of its workers away in mid-run, and count what the runs do.

    python benchmarks/cluster_losses.py [--count 10] [--seed 1] [--only scheduler|worker|silent]

`scheduler`: killed. `worker`: stopped (SIGSTOP) for good; the scheduler's time to live for workers
is short. `silent`: the scheduler is stopped. Each happens at a seeded moment of a comparison on two
workers. Exits with 1 if any run ends with a traceback or hangs; a run that has lost a worker must
end with the result of a run that has not.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import signal

from tests.support.cli import command
from tests.support.cluster import make_ffmpeg, running_cluster

if TYPE_CHECKING:
    from tests.support.cluster import Cluster

KINDS = ("scheduler", "worker", "silent")
LONGEST_S = 300
LINE = (
    *("compare", "-t", "60,70", "-c", "libx264,libx265", "--preset", "ultrafast"),
    *("--crf-lo", "22", "--crf-hi", "40", "--no-cache", "--format", "json"),
    *("--cluster-timeout", "10"),
)
GOOD = {"finished", "one sentence"}


def main() -> int:
    """Run it."""
    import imageio_ffmpeg

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ffmpeg = make_ffmpeg(folder, Path(imageio_ffmpeg.get_ffmpeg_exe()))
        source = make_source(folder, ffmpeg)
        run = Run(folder, ffmpeg, source)
        usual, length_s = run.undisturbed()
        for kind in KINDS if options.only is None else (options.only,):
            for _ in range(options.count):
                after_s = chance.uniform(0, length_s)
                verdict, detail = run.disturbed(kind, after_s, usual)
                counts[kind, verdict] += 1
                print(f"{kind} after {after_s:.1f} s: {verdict} {detail[:300]}", flush=True)
    for (kind, verdict), count in sorted(counts.items()):
        print(f"{kind:10} {verdict:14} {count:4}")
    return int(any(verdict not in GOOD for _, verdict in counts))


def make_source(folder: Path, ffmpeg: Path) -> Path:
    """Encode a few seconds of a test picture."""
    source = folder / "source.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6")
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10")
    subprocess.run([str(ffmpeg), *picture, *encode, str(source)], check=True, capture_output=True)
    return source


class Run:
    """Runs the comparison on clusters of its own."""

    def __init__(self, folder: Path, ffmpeg: Path, source: Path) -> None:
        self._folder = folder
        self._ffmpeg = ffmpeg
        self._source = source

    def undisturbed(self) -> tuple[Any, float]:
        """Return the answers, and how long it took from the first encode on."""
        with self._cluster() as cluster:
            process = self._start(cluster)
            begun = time.monotonic()
            stdout, stderr = process.communicate()
            assert process.returncode == 0, stderr
            return answers(stdout), time.monotonic() - begun

    def disturbed(self, kind: str, after_s: float, usual: Any) -> tuple[str, str]:
        """Return what became of a run, and what it said."""
        with self._cluster() as cluster:
            process = self._start(cluster)
            time.sleep(after_s)
            if kind == "worker":
                cluster.workers[0].process.send_signal(signal.SIGSTOP)
            else:
                sent = signal.SIGKILL if kind == "scheduler" else signal.SIGSTOP
                cluster.scheduler.send_signal(sent)
            try:
                stdout, stderr = process.communicate(timeout=LONGEST_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                return "HANGS", ""
        said = " ".join(stderr.split())
        if "Traceback" in stderr:
            return "TRACEBACK", stderr
        if process.returncode == 0:
            return ("finished" if answers(stdout) == usual else "DIFFERS"), said
        # The run is not over because one of two workers is.
        whole = kind != "worker" and process.returncode == 1 and stderr.count("error:") == 1
        return ("one sentence" if whole else "FAILS"), said

    def _cluster(self) -> Any:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        ttl = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s"}
        return running_cluster(folder, self._ffmpeg, 2, **ttl)

    def _start(self, cluster: Cluster) -> subprocess.Popen[str]:
        """Start it, and wait for its first encode."""
        line = (*LINE, "-r", str(self._source), "--cluster", cluster.address)
        process = subprocess.Popen(
            [*command(*line), "--ffmpeg", str(self._ffmpeg)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None and not any(worker.encodes for worker in cluster.workers):
            time.sleep(0.02)
        return process


def answers(stdout: str) -> Any:
    """Take from a result what does not depend on time."""
    return [
        (row["codec"], row["target_vmaf"], row["best_crf"], row["bitrate_kbps"])
        for row in json.loads(stdout)["rows"]
    ]


if __name__ == "__main__":
    raise SystemExit(main())
