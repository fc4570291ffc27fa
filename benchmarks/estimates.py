"""How far estimates of `--proof none` are off, and what they take, on clips not fitted to.

`python benchmarks/estimates.py --seed 7` draws another set than the published one.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from _clips import gradient_colours
from _metered import MeteredProber, cpu_s
from _rows import Row

from vmafx_tune.model import PoolMethod
from vmafx_tune.options import EncodingOptions, ScoringOptions, ToolOptions
from vmafx_tune.prepared_source import PreparedSource, row_of
from vmafx_tune.search.engine import search
from vmafx_tune.search.estimate import estimate
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.results.search import SearchResult

__all__ = ["MEASURES", "estimates"]

SEED = 44
PRESETS = {"libx264": "veryfast", "libx265": "ultrafast", "libsvtav1": "10"}
TARGETS = (78, 84, 88, 91, 93, 95)
SIZES = ("256x144", "320x180", "352x288", "416x240")
# Below it, pictures of a few colours make encodes of SVT-AV1 that do not decode.
BEST = 8.0
# The errors of an interval of 95 % may be outside of it three times in sixty.
WITHIN = 0.95
MOST_TIME = 0.55


def estimates(folder: Path, _: int) -> list[Row]:
    """Estimates against proven answers: 10 kinds of clips, 2 encoders each, 3 targets each."""
    return _rows([*_cases(folder, SEED)])


MEASURES = (estimates,)


@dataclass(frozen=True)
class Case:
    """One target on one clip, estimated and searched.

    Attributes:
        estimated: From one probe.
        proven: By a search that knew nothing.
        measured: What the estimated setting has: VMAF and kb/s.
        share: CPU time of the estimate in that of the search.
    """

    name: str
    estimated: SearchResult
    proven: SearchResult
    measured: tuple[float, float]
    share: tuple[float, float]

    @property
    def within(self) -> tuple[bool, bool, bool]:
        """Whether setting, score and bitrate are as far off as was said, at most."""
        found, errors = self.estimated, self.estimated.estimate
        # Where no setting reaches the target, the best one is the nearest to an answer.
        answer = self.proven.best_crf if self.proven.ok else BEST
        offs = (
            abs(found.best_crf - answer),
            abs((found.vmaf_score or 0.0) - self.measured[0]),
            abs((found.bitrate_kbps or 0.0) - self.measured[1]),
        )
        told = (errors.crf_error, errors.vmaf_error, errors.bitrate_error_kbps) if errors else ()
        return tuple(off <= (error or 0.0) + 1e-6 for off, error in zip(offs, told, strict=True))  # type: ignore[return-value]

    @property
    def line(self) -> str:
        """Show it."""
        found = self.estimated
        told = (found.best_crf, found.vmaf_score, found.bitrate_kbps)
        return (
            f"{self.name}: {self.proven.best_crf:g} proven, estimated {told[0]:g}, {told[1]:.1f} "
            f"({self.measured[0]:.1f}), {told[2]:.0f} ({self.measured[1]:.0f}) {found.estimate}: "
            f"{self.within}"
        )


def _rows(cases: Sequence[Case]) -> list[Row]:
    what = f"`search --proof none`, {len(cases)} cases on unfitted clips"
    settings, scores, bitrates = (
        sum(case.within[part] for case in cases) / len(cases) for part in range(3)
    )
    spent = [sum(case.share[part] for case in cases) for part in range(2)]
    return [
        Row(f"{what}: settings within the stated error", settings, WITHIN, unit="", least=True),
        Row(f"{what}: scores within it", scores, WITHIN, unit="", least=True),
        Row(f"{what}: bitrates within it", bitrates, WITHIN, unit="", least=True),
        Row(f"{what}: CPU time against a proof", spent[0] / spent[1], MOST_TIME),
    ]


def _cases(folder: Path, seed: int) -> Iterator[Case]:
    session = Session(ToolOptions(cache=False))
    for kind in _kinds(random.Random(0), "256x144", 25):
        dice = random.Random(f"{kind} {seed}")
        clip = _drawn(session, folder, kind, seed, dice)
        source = session.reader.source(clip)
        for encoder in dice.sample(sorted(PRESETS), 2):
            worst = row_of(encoder).knob.hi
            encoding = EncodingOptions(preset=PRESETS[encoder], crf_lo=BEST, crf_hi=worst)
            pool = dice.choice((PoolMethod.MEAN, PoolMethod.MEAN, PoolMethod.P5))
            scoring = ScoringOptions(pool=pool)
            prepared = PreparedSource.prepare(source, encoding, scoring, session)
            prober = MeteredProber(session.prober(), clock=cpu_s)
            looks = prepared.prescan(prober)
            for target in dice.sample(TARGETS, 3):
                request = prepared.request(row_of(encoder), target)
                before = prober.spent_s
                estimated = estimate(request, prober, prescan=looks)
                between = prober.spent_s
                proven = search(request, prober, prescan=looks)
                spent = between - before, prober.spent_s - between
                encode = replace(request.template.encode, quality=estimated.best_crf)
                probe = prober.probe(replace(request.template, encode=encode))
                measured = request.goal.read(probe.scores).vmaf, probe.bitrate_kbps
                name = f"{clip.stem} {encoder} {pool} {target}"
                yield Case(name, estimated, proven, measured, spent)


def _kinds(dice: random.Random, size: str, rate: int) -> dict[str, str]:
    """Write a graph of each kind of clip, in ffmpeg's syntax."""
    shape, (width, height) = f"s={size}:r={rate}", size.split("x")
    blur = f"gblur=sigma={dice.uniform(0.3, 3):.2f}"
    zoom = f"start_scale={dice.uniform(0.05, 2):.3f}"
    seed = dice.randint(1, 9999)

    def noise(least: int, most: int) -> str:
        return f"noise=alls={dice.randint(least, most)}:allf=t:all_seed={seed}"

    def life(divisor: int) -> str:
        cells = f"{int(width) // divisor}x{int(height) // divisor}"
        ratio, mold = dice.uniform(0.2, 0.6), dice.randint(5, 60)
        return (
            f"life=s={cells}:r={rate}:seed={seed}:ratio={ratio:.2f}:mold={mold}:mold_color=gray,"
            f"scale={width}:{height}:flags=bicubic,format=yuv420p"
        )

    return {
        "test": f"testsrc2={shape}",
        "fractal": f"mandelbrot={shape}:{zoom}:end_scale=0.001:end_pts={dice.randint(100, 600)}",
        "cells": f"{life(4)},{blur}",
        "gradients": f"gradients={shape}:seed={seed}:speed=0.03:"
        f"{gradient_colours(dice.randint(2, 8), seed)}",
        "grain": f"gradients={shape}:seed={seed}:speed=0.02:{gradient_colours(6, seed)},"
        f"{noise(4, 25)}",
        "still": f"smptehdbars={shape},{blur},{noise(1, 5)}",
        "pan": f"mandelbrot=s=1280x720:r={rate}:{zoom}:end_pts=100000,crop={width}:{height}"
        f":x='mod(n*{dice.randint(1, 9)},1280-{width})'"
        f":y='mod(n*{dice.randint(0, 4)},720-{height})'",
        "waves": f"nullsrc={shape},format=gray,geq=lum='128+60*sin(X/{dice.randint(5, 30)}+N/9)"
        f"+60*sin(Y/{dice.randint(5, 30)}-N/{dice.randint(4, 20)})',{noise(1, 8)}",
        "cuts": f"mandelbrot={shape}:{zoom}:end_pts=300[a];testsrc2={shape},{blur}[b];[a][b]"
        f"overlay=enable='lt(mod(t,{dice.uniform(0.6, 1.2):.2f}),0.4)'",
        "mixed": f"testsrc2={shape}[a];{life(2)}[b];[a][b]blend=all_mode=average,{blur}",
    }


def _drawn(session: Session, folder: Path, kind: str, seed: int, dice: random.Random) -> Path:
    """Draw a clip without loss; one in five is long enough for looks."""
    clip = folder / f"{kind}-{seed}.mkv"
    graph = _kinds(dice, dice.choice(SIZES), dice.choice((24, 25, 30)))[kind]
    duration_s = dice.choice((2.0, 2.5, 2.5, 3.0, 6.0))
    source = ("-f", "lavfi", "-i", graph, "-t", f"{duration_s:g}", "-pix_fmt", "yuv420p")
    command = (str(session.ffmpeg.path), "-v", "error", "-y", *source, "-c:v", "ffv1", str(clip))
    subprocess.run(command, check=True)
    return clip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="of the clips")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for case in _cases(Path(folder), asked.seed):
            cases.append(case)
            print(case.line, flush=True)
        rows = _rows(cases)
    print(*(row.line for row in rows), sep="\n")
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
