"""Ten kinds of clips, drawn by ffmpeg's own sources and filters: nothing was ever fitted to a seed.

A seed decides everything that is random about them, so another seed gives another set, on which
constants that were chosen with the first one can be judged.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Recipe", "gradient_colours", "made", "recipes", "resized"]


@dataclass(frozen=True)
class Recipe:
    """How to draw a clip.

    Attributes:
        name: Kind, size and seed: `steep-768x432-1`.
        graph: Of filters, in ffmpeg's syntax.
        duration_s: Length.
    """

    name: str
    graph: str
    duration_s: float


def recipes(seed: int) -> list[Recipe]:
    """Write the recipes of a set: one clip of each kind."""
    return [_recipe(kind, seed) for kind in _KINDS]


def resized(recipe: Recipe, width: int, duration_s: float | None = None) -> Recipe:
    """Change the width of a clip, and its length."""
    duration_s = duration_s or recipe.duration_s
    kind, _, seed = recipe.name.rsplit("-", 2)
    graph = f"{recipe.graph},scale={width}:-2:flags=lanczos"
    return Recipe(f"{kind}-{width}-{duration_s:g}s-{seed}", graph, duration_s)


def made(recipe: Recipe, folder: Path) -> Path:
    """Draw a clip without loss, unless that has been done."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = folder / f"{recipe.name}.mkv"
    if not clip.exists():
        begun = clip.with_suffix(".part.mkv")
        source = ("-f", "lavfi", "-i", recipe.graph, "-t", f"{recipe.duration_s:g}")
        lossless = ("-pix_fmt", "yuv420p", "-c:v", "ffv1", "-g", "1", begun)
        subprocess.run([Session().ffmpeg.path, "-v", "error", "-y", *source, *lossless], check=True)
        begun.rename(clip)
    return clip


def gradient_colours(n_colours: int, seed: int) -> str:
    """Choose the colours of ffmpeg's gradients, which takes others each time, whatever its seed."""
    dice = random.Random(seed)
    colours = (f"c{index}=0x{dice.randrange(1 << 24):06x}" for index in range(n_colours))
    return ":".join([f"n={n_colours}", *colours])


def _recipe(kind: str, seed: int) -> Recipe:
    dice = random.Random(f"{kind} {seed}")
    draw, sizes = _KINDS[kind]
    width, height = dice.choice(sizes)
    canvas = _Canvas(dice, width, height, dice.choice((24, 25, 30)))
    duration_s = dice.choice((2.0, 2.5, 3.0, 4.0) if height < 500 else (2.0, 2.4))
    return Recipe(f"{kind}-{width}x{height}-{seed}", draw(canvas), duration_s)


_SMALL = ((640, 360), (480, 360), (854, 480), (768, 432))
_MIDDLE = ((854, 480), (960, 540), (1024, 576), (720, 576))
_LARGE = ((1280, 720), (1440, 810), (1920, 1080))


@dataclass(frozen=True)
class _Canvas:
    """What is random about a clip, and its size and frame rate."""

    dice: random.Random
    width: int
    height: int
    rate: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    def number(self, least: float, most: float) -> str:
        return f"{self.dice.uniform(least, most):.4g}"

    def seed(self) -> int:
        return self.dice.randrange(1 << 20)

    def gradients(self) -> str:
        dice = self.dice
        kind = dice.choice(("linear", "radial", "circular", "spiral"))
        n_colours, seed = dice.randint(2, 6), self.seed()
        return (
            f"gradients=s={self.size}:r={self.rate}:t={kind}:seed={seed}"
            f":speed={self.number(0.004, 0.03)}:{gradient_colours(n_colours, seed)}"
        )

    def fractal(self) -> str:
        x, y = self.dice.choice(((-0.7436, 0.1318), (-0.1011, 0.9563), (0.2501, 0.0001)))
        scale = self.dice.uniform(0.05, 0.8)
        return (
            f"mandelbrot=s={self.size}:r={self.rate}:maxiter=600:start_x={x}:start_y={y}"
            f":start_scale={scale:.4g}:end_scale={scale / 20:.4g}"
            f":end_pts={self.dice.randint(150, 500)}"
        )

    def still(self, detail: float, *, edges: bool = True, spread: float = 1.5) -> str:
        """Draw one picture of blotches with texture, `spread` times as large as the clip."""
        w, h = (2 * round(spread * side / 2) for side in (self.width, self.height))
        blotch, fine = self.number(3, 9), self.number(25, 70)
        levels = self.dice.randint(25, 60) if edges else 1
        form = f"perlin=s={w}x{h}:r={self.rate}:octaves=3:persistence=0.5:xscale={blotch}"
        form += f":yscale={blotch}:random_mode=seed:seed={self.seed()}"
        texture = f"perlin=s={w}x{h}:r={self.rate}:octaves=6:persistence={detail:.3g}"
        texture += f":xscale={fine}:yscale={fine}:random_mode=seed:seed={self.seed()}"
        stretch = f"lutyuv=y='clip(trunc((val-128)*2.6/{levels})*{levels}+128,16,235)'"
        return (
            f"{form},trim=end_frame=1,format=yuv420p,{stretch}[form];"
            f"{texture},trim=end_frame=1,format=yuv420p[fine];"
            f"[form][fine]blend=all_expr='clip(A+(B-128)*{detail:.3g},16,235)',"
            f"loop=loop=-1:size=1,setpts=N/({self.rate}*TB)"
        )

    def panned(self, speed: float, detail: float, **options: bool | float) -> str:
        """Move over a still picture; `speed` is in widths a second."""
        way = self.dice.uniform(0, 6.28)
        across = f"(iw-ow)/2*(1+sin({way:.3g}+t*{speed * 3:.4g}))"
        down = f"(ih-oh)/2*(1+cos({way:.3g}+t*{speed * 2.1:.4g}))"
        crop = f"crop={self.width}:{self.height}:'{across}':'{down}'"
        return f"{self.still(detail, **options)},{crop}"

    def with_grain(self, picture: str, strength: float, name: str = "g") -> str:
        """Add grain that is soft, as film has it."""
        noise = f"color=c=gray:s={self.size}:r={self.rate},format=yuv420p"
        noise += f",noise=c0s={strength:.3g}:c0f=t:c0_seed={self.seed()}"
        noise += f",gblur=sigma={self.number(0.4, 0.9)}"
        blend = "blend=c0_mode=grainmerge:c1_expr=A:c2_expr=A:shortest=1"
        return f"{picture},format=yuv420p[{name}a];{noise}[{name}b];[{name}a][{name}b]{blend}"


def _flat(canvas: _Canvas) -> str:
    return f"{canvas.gradients()},gblur=sigma={canvas.number(2, 6)}"


def _steep(canvas: _Canvas) -> str:
    return canvas.panned(canvas.dice.uniform(0.3, 0.8), canvas.dice.uniform(0.6, 1.0))


def _noisy(canvas: _Canvas) -> str:
    picture = canvas.dice.choice((canvas.fractal(), canvas.panned(0.1, 0.4)))
    return f"{picture},format=yuv420p,noise=alls={canvas.number(18, 40)}:allf=t:all_seed=7"


def _dark(canvas: _Canvas) -> str:
    picture = canvas.panned(canvas.dice.uniform(0.05, 0.2), canvas.dice.uniform(0.3, 0.6))
    dim = f"lutyuv=y='16+(val-16)*{canvas.number(0.15, 0.35)}',vignette"
    return canvas.with_grain(f"{picture},{dim}", canvas.dice.uniform(4, 9))


def _film_cuts(canvas: _Canvas) -> str:
    dice, shots, heads = canvas.dice, "", ""
    n_shots = dice.randint(3, 4)
    for number in range(n_shots):
        kinds: tuple[Callable[[], str], ...] = (
            lambda: canvas.panned(dice.uniform(0.03, 0.3), dice.uniform(0.2, 0.6)),
            canvas.fractal,
            lambda: canvas.panned(dice.uniform(0.01, 0.1), dice.uniform(0.3, 0.8), edges=False),
        )
        shot = kinds[number % len(kinds)]().replace("[form]", f"[form{number}]")
        shot = shot.replace("[fine]", f"[fine{number}]")
        shots += f"{shot},trim=duration={canvas.number(0.5, 1.1)},setpts=PTS-STARTPTS"
        shots += f",format=yuv420p,setsar=1[shot{number}];"
        heads += f"[shot{number}]"
    joined = f"{shots}{heads}concat=n={n_shots},loop=loop=-1:size={5 * canvas.rate}"
    return canvas.with_grain(joined, dice.uniform(3, 7))


def _animation(canvas: _Canvas) -> str:
    dice, cell = canvas.dice, canvas.dice.choice((12, 16, 20))
    w, h = canvas.width // cell, canvas.height // cell
    on_twos = f"life=s={w}x{h}:r={canvas.rate / 2:g}:seed={canvas.seed()}:mold=40"
    on_twos += f":ratio={canvas.number(0.15, 0.4)}:life_color=0x{dice.randrange(1 << 24):06x}"
    on_twos += f":death_color=0x{dice.randrange(1 << 24):06x}"
    on_twos += f":mold_color=0x{dice.randrange(1 << 24):06x}"
    shapes = f"{on_twos},scale={canvas.size}:flags=neighbor,fps={canvas.rate},format=yuv420p"
    return f"{shapes},rotate=a='{canvas.number(0.1, 0.5)}*t':bilinear=1:c=0x406080"


def _screen_text(canvas: _Canvas) -> str:
    """Dots in cells of letters, in lines, which scroll by the line and stand between."""
    w, h = canvas.width // 2, canvas.height // 2
    dots = f"color=c=gray:s={w}x{h}:r={canvas.rate},format=gray,noise=c0s=100:c0f=u"
    dots += f":c0_seed={canvas.seed()},trim=end_frame=1"
    ink = f"lutyuv=y='if(gt(val,{canvas.dice.randint(120, 136)}),30,235)'"
    word = 7 * canvas.dice.randint(4, 8)
    spaces = f"drawgrid=w=7:h=12:t=2:c=white,drawgrid=w={word}:h=12:t=4:c=white"
    cells = f"{dots},{ink},{spaces}"
    page = f"{cells},loop=loop=-1:size=1,setpts=N/({canvas.rate}*TB)"
    page += f",scale={canvas.size}:flags=neighbor,format=yuv420p"
    line = 22 / canvas.height / canvas.dice.choice((4, 6, 10))
    return f"{page},scroll=v={line:.4g},framestep={canvas.dice.choice((2, 3))},fps={canvas.rate}"


def _sport(canvas: _Canvas) -> str:
    pan = canvas.panned(canvas.dice.uniform(0.6, 1.4), canvas.dice.uniform(0.3, 0.6), spread=2.0)
    ball = f"testsrc2=s={canvas.height // 4}x{canvas.height // 4}:r={canvas.rate}"
    place = f"x='(W-w)/2*(1+sin(t*{canvas.number(3, 6)}))':y='(H-h)/2*(1+cos(t*4))'"
    return f"{pan},tmix=frames=2[field];{ball}[ball];[field][ball]overlay={place}:shortest=1"


def _fades(canvas: _Canvas) -> str:
    first = f"{canvas.panned(0.08, canvas.dice.uniform(0.2, 0.6))},format=yuv420p,setsar=1"
    then = f"{canvas.fractal()},format=yuv420p,setsar=1"
    style = canvas.dice.choice(("fade", "dissolve", "fadeblack", "wipeleft"))
    cross = f"xfade=transition={style}:duration=0.8:offset={canvas.number(0.6, 0.9)}"
    opening = f"fade=t=in:d={canvas.number(0.3, 0.6)}"
    return f"{first}[one];{then}[two];[one][two]{cross},{opening}"


def _grain(canvas: _Canvas) -> str:
    picture = canvas.panned(canvas.dice.uniform(0.02, 0.1), canvas.dice.uniform(0.1, 0.4))
    return canvas.with_grain(picture, canvas.dice.uniform(10, 22))


_KINDS: dict[str, tuple[Callable[[_Canvas], str], tuple[tuple[int, int], ...]]] = {
    "flat": (_flat, _MIDDLE),
    "steep": (_steep, _SMALL),
    "noisy": (_noisy, _SMALL),
    "dark": (_dark, _MIDDLE),
    "film-cuts": (_film_cuts, _SMALL),
    "animation": (_animation, _LARGE),
    "screen-text": (_screen_text, _MIDDLE),
    "sport": (_sport, _LARGE[:1]),
    "fades": (_fades, _SMALL),
    "grain": (_grain, _SMALL),
}
