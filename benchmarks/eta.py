"""How near the time that is shown as left comes to what is left, on real runs.

`python benchmarks/eta.py record` makes the runs and writes their events with times, one JSON file a
run, where the tests find them; `python benchmarks/eta.py show` prints what would have been shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1]))

from _rows import Row

import vmafx_tune
from tests.support.eta_runs import RUNS, at_share, shown
from vmafx_tune import EncodingOptions, Resolution, ToolOptions
from vmafx_tune.choices import Sampling
from vmafx_tune.reports.progress_json import event_fields
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.events import Event

MEDIA = Path(__file__).parents[2] / "shared/media"
BIKES, INTERVIEW, SEEKING = (
    MEDIA / name
    for name in (
        "bikes_640x272_25fps.mp4",
        "interview_1280x720_25fps_60s.mp4",
        "seeking_720x480_25fps.mp4",
    )
)
EXAMPLE = Path(__file__).parents[1] / "examples/example.mp4"
# What is cut and made up for runs that no constant of the estimate comes from.
CLIPS = {
    "zoom": (
        "-f lavfi -i mandelbrot=s=400x224:r=25:start_scale=0.8:end_scale=0.01 -t 7 "
        "-vf noise=alls=6:allf=t"
    ),
    "desert": f"-ss 2 -t 4 -i {SEEKING} -vf scale=480:320",
    "reel": (
        f"-i {SEEKING} -i {BIKES} -f lavfi -i sierpinski=s=320x180:r=25:type=triangle "
        f"-i {INTERVIEW} "
        "-filter_complex [0]scale=320:180,setsar=1,fps=25[a];[1]scale=320:180,setsar=1,fps=25[b];"
        "[2]trim=duration=6,gblur=1,setsar=1[c];"
        "[3]trim=10:22,setpts=PTS-STARTPTS,scale=320:180,setsar=1[d];[d][a][c][b]concat=n=4"
    ),
}
FRAMES = "frames_done"
SHARES = (0.25, 0.5, 0.75)


def times_left(folder: Path, _: int) -> list[Row]:
    """Time that is shown as left, against what was, at a quarter, half and three quarters of it."""
    if missing := [clip.name for clip in (BIKES, INTERVIEW, SEEKING) if not clip.exists()]:
        print(f"{', '.join(missing)} not here, so times left are not measured.")
        return []
    record(folder)
    moments = [at_share(shown(path), share) for path in folder.glob("*.json") for share in SHARES]
    near = fmean(0.5 <= (m.shown_s or 0) / m.left_s <= 2 for m in moments)
    what = (
        f"time left of {len(moments) // len(SHARES)} runs at 25, 50 and 75 %: within a factor of 2"
    )
    return [Row(what, 100 * near, 90, unit=" %", least=True)]


MEASURES = (times_left,)
# Progress is told many times a second; so much of it in each stage of a run says as much.
_REPORTS = 80


class Recorder:
    """An observer that writes down events with their times."""

    def __init__(self) -> None:
        self.started_s = time.monotonic()
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: Event, /) -> None:
        now_s = round(time.monotonic() - self.started_s, 2)
        self.events.append({"time_s": now_s, **event_fields(event)})


def thinned(events: list[dict[str, Any]], took_s: float) -> Iterator[dict[str, Any]]:
    """Leave out progress that comes too often, but not the first of a stage."""
    last: dict[str, tuple[str, float]] = {}
    for event in events:
        if event["event"] == FRAMES:
            stage, time_s = last.get(event["job"], ("", 0.0))
            if stage == event["stage"] and event["time_s"] - time_s < took_s / _REPORTS:
                continue
            last[event["job"]] = event["stage"], event["time_s"]
        yield event


def runs(folder: Path) -> dict[str, Callable[[Recorder], object]]:
    """Name the runs that are recorded, with clips in `folder`."""
    tools = ToolOptions(cache=False)
    zoom, desert, reel = (folder / f"{name}.mkv" for name in CLIPS)
    x4, x5, av1 = "libx264", "libx265", "libsvtav1"

    def run(name: str, *arguments: Any, **options: Any) -> Callable[[Recorder], object]:
        call = getattr(vmafx_tune, name)
        return lambda see: call(*arguments, tools=tools, observe=see, **options)

    def sizes(*lines: int, aspect: float = 16 / 9) -> list[Resolution]:
        return [Resolution(round(aspect * n / 2) * 2, n) for n in lines]

    return {
        "search": run("search", BIKES, x4, 93),
        "search-short": run("search", EXAMPLE, x5, 95),
        "search-zoom": run("search", zoom, x5, 83),
        "search-looks": run("search", reel, x5, 90),
        "search-sample": run(
            "search", reel, x4, 93, encoding=EncodingOptions(sample="5x2s", preset="slow")
        ),
        "compare": run("compare", EXAMPLE, [x4, x5, av1], [85, 93]),
        "compare-zoom": run("compare", zoom, [x5, av1], [78, 90]),
        "ladder": run("ladder", EXAMPLE, x4, [70, 80, 90]),
        "ladder-desert": run(
            "ladder", desert, av1, [75, 90], resolutions=sizes(320, 240, aspect=1.5)
        ),
        "ladder-sample": run(
            "ladder",
            reel,
            x4,
            [82, 91],
            resolutions=sizes(180, 134, 90),
            encoding=EncodingOptions(sample="4x2s"),
        ),
        "ladder-adaptive": run("ladder", EXAMPLE, sampling=Sampling.ADAPTIVE),
    }


def made(folder: Path) -> None:
    """Make the clips, without loss."""
    ffmpeg = str(Session().ffmpeg.path)
    for name, arguments in CLIPS.items():
        command = [ffmpeg, "-v", "error", "-y", *arguments.split(), "-an", "-pix_fmt", "yuv420p"]
        subprocess.run([*command, "-c:v", "ffv1", str(folder / f"{name}.mkv")], check=True)


def record(folder: Path, only: str = "") -> None:
    """Make the runs, and write the events of each."""
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory() as clips:
        made(Path(clips))
        for name, run in runs(Path(clips)).items():
            if only in name:
                see = Recorder()
                run(see)
                took_s = round(time.monotonic() - see.started_s, 2)
                print(f"{name}: {took_s} s", flush=True)
                lines = ",\n".join(json.dumps(event) for event in thinned(see.events, took_s))
                text = f'{{"took_s": {took_s}, "events": [\n{lines}\n]}}\n'
                (folder / f"{name}.json").write_text(text)


def show(paths: list[Path]) -> None:
    """Print what would have been shown of recorded runs, and what was left."""
    for path in paths:
        moments = shown(path)
        print(f"{path.stem}: {moments[-1].time_s:.0f} s")
        for share in SHARES:
            moment = at_share(moments, share)
            eta = "nothing" if moment.shown_s is None else f"{moment.shown_s:.1f} s"
            print(f"  at {share:.0%}: shown {eta}, left {moment.left_s:.1f} s", end="")
            print("" if moment.shown_s is None else f", {moment.shown_s / moment.left_s:.2f} times")
        ratios = [m.shown_s / m.left_s for m in moments if m.shown_s is not None and m.left_s > 1]
        print(f"  from {min(ratios):.2f} to {max(ratios):.2f} times what was left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("record", "show"))
    parser.add_argument("folder", type=Path, nargs="?", default=RUNS)
    parser.add_argument("--only", default="", help="only runs that have this in their names")
    options = parser.parse_args()
    if options.what == "record":
        record(options.folder, options.only)
    show([path for path in sorted(options.folder.glob("*.json")) if options.only in path.stem])


if __name__ == "__main__":
    main()
