"""How near the time that is shown as left comes to what is left, on real runs.

`python benchmarks/eta.py record` makes the runs and writes their events with times, one JSON file a
run, where the tests find them; `python benchmarks/eta.py show` prints what would have been shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1]))

from _rows import Row

import vmafx_tune
from tests.support.eta_runs import RUNS, at_share, shown
from vmafx_tune import EncodingOptions, Resolution, SourceOptions, ToolOptions
from vmafx_tune.choices import Sampling
from vmafx_tune.cli.progress import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.events import Event

MEDIA = Path(__file__).parents[2] / "shared/media"
BIKES = MEDIA / "bikes_640x272_25fps.mp4"
INTERVIEW = MEDIA / "interview_1280x720_25fps_60s.mp4"
EXAMPLE = Path(__file__).parents[1] / "examples/example.mp4"
FRAMES = "frames_done"
SHARES = (0.25, 0.5, 0.75)


def times_left(folder: Path, _: int) -> list[Row]:
    """Time that is shown as left, against what was, at a quarter, half and three quarters of it."""
    if missing := [clip.name for clip in (BIKES, INTERVIEW) if not clip.exists()]:
        print(f"{', '.join(missing)} not here, so times left are not measured.")
        return []
    record(folder)
    moments = [at_share(shown(path), share) for path in folder.glob("*.json") for share in SHARES]
    ratios = [(m.shown_s or 0.001) / m.left_s for m in moments]
    what = (
        f"time left of {len(moments) // len(SHARES)} runs at 25, 50 and 75 %: factor that it is off"
    )
    return [Row(what, max(max(ratio, 1 / ratio) for ratio in ratios), 2)]


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
        self.events.append({"time_s": now_s, **facts(event)})


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


def runs() -> dict[str, Callable[[Recorder], object]]:
    """Name the runs that are recorded."""
    tools = ToolOptions(cache=False)
    small = SourceOptions(filter="scale=320:180")
    sample = EncodingOptions(sample="4x3s")
    verified = EncodingOptions(sample="4x3s", verify=True)
    sizes = [Resolution(320, 180), Resolution(240, 134), Resolution(160, 90)]

    def run(name: str, *arguments: Any, **options: Any) -> Callable[[Recorder], object]:
        call = getattr(vmafx_tune, name)
        return lambda see: call(*arguments, tools=tools, observe=see, **options)

    return {
        "search": run("search", BIKES, "libx264", 93),
        "search-short": run("search", EXAMPLE, "libx265", 95),
        "search-looks": run("search", INTERVIEW, "libx264", 90, sources=small),
        "search-sample": run("search", INTERVIEW, "libx265", 93, sources=small, encoding=sample),
        "search-verify": run("search", INTERVIEW, "libx264", 93, sources=small, encoding=verified),
        "compare": run("compare", EXAMPLE, ["libx264", "libx265", "libsvtav1"], [85, 93]),
        "compare-aom": run("compare", EXAMPLE, ["libx264", "libvpx-vp9", "libaom-av1"], [90]),
        "ladder": run("ladder", EXAMPLE, "libx264", [70, 80, 90]),
        "ladder-sample": run(
            "ladder",
            INTERVIEW,
            "libx264",
            [80, 93],
            resolutions=sizes,
            sources=small,
            encoding=sample,
        ),
        "ladder-adaptive": run("ladder", EXAMPLE, sampling=Sampling.ADAPTIVE),
    }


def record(folder: Path, only: str = "") -> None:
    """Make the runs, and write the events of each."""
    folder.mkdir(exist_ok=True)
    for name, run in runs().items():
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
