"""What settings for each shot save against the best single one, and how many encodes they take.

The film is drawn here: talk, sport, landscape and titles. Sizes and scores are taken from the
delivered files, not from what the runs say of themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
from _rows import Row
from _timing import running

from vmafx_tune.choices import PerShot
from vmafx_tune.encode.run import encode
from vmafx_tune.options import DeliveryOptions, EncodingOptions, ToolOptions
from vmafx_tune.score.run import score
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from vmafx_tune.results.encode import EncodeResult

__all__ = ["MEASURES", "draw_film", "per_shot"]

EXAMPLE = Path(__file__).parents[1] / "examples/example.mp4"
TARGET = 93.0
PRESETS = {"libx264": "medium", "libx265": "fast", "libsvtav1": "8"}
RATE = 24

_STILL = "trim=start_frame={frame}:end_frame={end},loop=loop=-1:size=1,setpts=N/24/TB"
_CREDITS = "235*lt(mod(Y+2*N,24),9)*gt(sin(X*0.7+7*floor((Y+2*N)/24))+sin(X*0.31),0.2)+16"
SHOTS = (
    # Titles: a slow gradient, and lines that roll.
    (
        "lavfi:gradients=s=480x270:r=24:seed=3:speed=0.004:n=2:c0=0x203050:c1=0xb08060",
        "fade=in:0:24",
        2,
    ),
    # Talk: a still room with some sensor noise, in which a small part moves.
    ("clip", f"{_STILL.format(frame=20, end=21)},noise=alls=5:allf=t,{{patch}}", 3),
    ("clip", "setpts=PTS/2.5,fps=24,scroll=h=0.012,noise=alls=6:allf=t", 1.7),
    ("clip", f"{_STILL.format(frame=80, end=81)},hflip,noise=alls=5:allf=t,{{patch}}", 3),
    ("lavfi:mandelbrot=s=480x270:r=24:start_scale=0.4:end_pts=120", "rotate=0.3*t:c=gray", 2),
    ("clip", "null", 3),
    ("clip", "hflip,crop=240:135:30:40,scale=480:270,setpts=PTS/2,fps=24,scroll=v=0.01", 2),
    ("clip", f"{_STILL.format(frame=50, end=51)},crop=240:135,scale=480:270,{{patch}}", 3),
    ("lavfi:color=black:s=480x270:r=24", f"geq=lum='{_CREDITS}':cb=128:cr=128", 3),
)


def draw_film(path: Path, ffmpeg: Path) -> Path:
    """Draw the film: nine shots, each with its own kind of motion."""
    inputs: list[str] = []
    chains: list[str] = []
    for index, (source, chain, seconds) in enumerate(SHOTS):
        kind, _, graph = source.partition(":")
        is_drawn = kind == "lavfi"
        inputs += ["-f", "lavfi", "-i", graph] if is_drawn else ["-i", str(EXAMPLE)]
        n_frames = round(seconds * RATE)
        patch = (
            f"split[a{index}][b{index}];[b{index}]crop=90:90:180:90,rotate=0.15*sin(3*t)[c{index}];"
            f"[a{index}][c{index}]overlay=x='195+9*sin(5*t)':y='90+5*sin(7*t)'"
        )
        told = chain.format(patch=patch) if "{patch}" in chain else chain
        fitted = told if is_drawn else f"scale=480:270,{told}"
        chains.append(
            f"[{index}:v]{fitted},format=yuv420p,setsar=1,trim=end_frame={n_frames},"
            f"setpts=N/{RATE}/TB[s{index}]"
        )
    joined = "".join(f"[s{index}]" for index in range(len(SHOTS)))
    graph = ";".join((*chains, f"{joined}concat=n={len(SHOTS)}"))
    command = (str(ffmpeg), "-y", "-v", "error", *inputs, "-filter_complex", graph)
    running((*command, "-r", str(RATE), "-c:v", "ffv1", str(path)))()
    return path


def per_shot(folder: Path, rounds: int) -> list[Row]:  # noqa: ARG001 - nothing here is timed
    """Equal slopes against the best single setting, at the same VMAF, for three encoders."""
    session = Session(ToolOptions(work_dir=folder, cache=False))
    film = draw_film(folder / "film.mkv", session.ffmpeg.path)
    return [row for encoder in PRESETS for row in _rows(film, encoder, folder)]


MEASURES = (per_shot,)


def _rows(film: Path, encoder: str, folder: Path) -> list[Row]:
    single = _encoded(film, encoder, folder / "single.mkv", None)
    shots = _encoded(film, encoder, folder / "shots.mkv", PerShot.SLOPE)
    found = shots.per_shot
    assert found is not None
    sizes = [_video_bytes(folder / name) for name in ("single.mkv", "shots.mkv")]
    scores = [score(film, folder / name).score for name in ("single.mkv", "shots.mkv")]
    assert min(scores) >= TARGET, scores
    below = 100 * (1 - sizes[1] / _size_at(single, scores[1]))
    print(
        f"{encoder}: {below:.2f} % below single settings of the same score; "
        f"crf {single.best_crf:g}, {sizes[0]} bytes, VMAF {scores[0]:.3f}; "
        f"{len(found.shots)} shots at {', '.join(f'{s.crf:g}' for s in found.shots)}, "
        f"{sizes[1]} bytes, VMAF {scores[1]:.3f}; {found.probes} of {found.grid_probes} encodes, "
        f"{found.measured_wholes} wholes, {single.new_probes} probes of the single setting"
    )
    what = f"`encode --per-shot` with {encoder}"
    saving = 100 * (1 - sizes[1] / sizes[0])
    share = found.new_probes / found.grid_probes
    return [
        Row(f"{what}: bitrate saved at VMAF {TARGET:g}", saving, 8, unit=" %", least=True),
        Row(f"{what}: encodes of the shots' grids", share, 0.15, unit=""),
    ]


def _encoded(film: Path, encoder: str, path: Path, mode: PerShot | None) -> EncodeResult:
    result = encode(
        film,
        path,
        encoder,
        TARGET,
        per_shot=mode,
        encoding=EncodingOptions(preset=PRESETS[encoder]),
        session=Session(ToolOptions(work_dir=path.parent, cache=False)),
        delivery=DeliveryOptions(force=True),
    )
    assert result.ok, result.error
    return result


def _size_at(single: EncodeResult, vmaf: float) -> float:
    """Interpolate what a single setting would take for a score that lies between two steps."""
    worse = single.next_worse
    assert worse is not None
    assert single.size_bytes is not None
    assert single.vmaf_score is not None
    share = (vmaf - worse.vmaf_score) / (single.vmaf_score - worse.vmaf_score)
    return worse.size_bytes * (single.size_bytes / worse.size_bytes) ** share


def _video_bytes(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))
