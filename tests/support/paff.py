"""H.264 whose pictures are coded as pairs of fields (PAFF), which no encoder at hand writes.

Each macroblock is I_PCM, its samples as they are: the stream is lossless, and takes no more than
the headers of ITU-T H.264, clause 7.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support import pictures
from tests.support.clips import RATE
from tests.support.pictures import render
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from fractions import Fraction
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.pictures import Scene

__all__ = ["PAFF_SIZE", "paff_clip", "paff_stream"]

PAFF_SIZE = Resolution(64, 96)
_MB = 16
_FRAME_NUM_BITS = 4
_POC_BITS = 8
_I_SLICE = 7
_I_PCM = 25


def paff_clip(
    clips: ClipFactory,
    suffix: str = ".mp4",
    *,
    n_frames: int = 60,
    rate: Fraction = RATE,
    whole: Callable[[int], bool] = lambda _: False,
    name: str = "fields",
) -> Path:
    """The moving clip in 64x96, each field a packet of its own, in a container of that suffix.

    Args:
        clips: Keeps the clip; `name` stands for `whole`.
        suffix: Of the container.
        n_frames: Length.
        rate: Frames per second.
        whole: See `paff_stream`.
        name: Of the clip.
    """
    path = clips.folder / f"{name}-{n_frames}-{rate.numerator}_{rate.denominator}.h264"
    if not path.exists():
        stream = paff_stream(pictures.moving, range(n_frames), PAFF_SIZE, rate, whole=whole)
        path.write_bytes(stream)
    if suffix == ".h264":
        return path
    # By itself, ffmpeg takes bare streams for ones of 25 frames per second.
    stated = ("-framerate", str(rate))
    return clips.remux(path.with_suffix(suffix).name, path, (), before=stated)


def paff_stream(
    scene: Scene,
    numbers: Iterable[int],
    size: Resolution,
    rate: Fraction,
    *,
    whole: Callable[[int], bool] = lambda _: False,
    group: int = 12,
) -> bytes:
    """Code frames of a scene as fields, top first, each an access unit of its own.

    Args:
        scene: What to draw, in 4:2:0 with 8 bits.
        numbers: Which frames of it.
        size: Of the frames: a multiple of 16x32.
        rate: Frames per second, which the stream states.
        whole: Tells for the place of a picture whether it is coded as a frame instead.
        group: Distance of IDR pictures.

    Returns:
        A stream as in Annex B.
    """
    stream = [_parameters(size, rate)]
    for index, number in enumerate(numbers):
        planes = _planes(render(scene, number, size, "yuv420p"), size)
        if whole(index):
            stream.append(_picture(planes, index, group, None))
            continue
        for parity in (0, 1):
            field = [plane[parity::2] for plane in planes]
            stream.append(_picture(field, index, group, parity))
    return b"".join(stream)


def _parameters(size: Resolution, rate: Fraction) -> bytes:
    sps = _u(77, 8) + _u(0, 8) + _u(31, 8) + _ue(0)
    sps += _ue(_FRAME_NUM_BITS - 4) + _ue(0) + _ue(_POC_BITS - 4) + _ue(1) + "0"
    sps += _ue(size.width // _MB - 1) + _ue(size.height // (2 * _MB) - 1)
    # Fields may be coded, no adaptive macroblocks, direct_8x8_inference, no crop, VUI.
    sps += "0" + "0" + "1" + "0" + "1"
    # Of the VUI: timing, where a tick is a field; and that nothing is reordered.
    sps += "0000" + "1" + _u(rate.denominator, 32) + _u(2 * rate.numerator, 32) + "1" + "00" + "0"
    sps += "1" + "1" + _ue(0) + _ue(0) + _ue(10) + _ue(10) + _ue(0) + _ue(1)
    # CAVLC; frames state the distance of their bottom field.
    pps = _ue(0) + _ue(0) + "0" + "1" + _ue(0) + _ue(0) + _ue(0) + "000"
    pps += _ue(0) + _ue(0) + _ue(0) + "000"
    return _unit(0x67, sps) + _unit(0x68, pps)


def _picture(planes: list[list[bytes]], index: int, group: int, parity: int | None) -> bytes:
    place = index % group
    # The second field of an IDR picture is none itself.
    idr = not place and not parity
    header = _ue(0) + _ue(_I_SLICE) + _ue(0) + _u(place % (1 << _FRAME_NUM_BITS), _FRAME_NUM_BITS)
    header += "0" if parity is None else f"1{parity}"
    header += _ue(index // group % 2) if idr else ""
    header += _u((2 * place + (parity or 0)) % (1 << _POC_BITS), _POC_BITS)
    header += _se(1) if parity is None else ""
    header += ("00" if idr else "0") + _se(0)
    bits = header
    payload = bytearray()
    for block in _blocks(planes):
        bits += _ue(_I_PCM)
        bits += "0" * (-len(bits) % 8)
        payload += int(bits, 2).to_bytes(len(bits) // 8, "big") + block
        bits = ""
    payload.append(0x80)
    delimiter = _unit(0x09, "000")
    return delimiter + _escaped(0x65 if idr else 0x61, bytes(payload))


def _planes(picture: bytes, size: Resolution) -> list[list[bytes]]:
    planes, start = [], 0
    for scale in (1, 2, 2):
        width, height = size.width // scale, size.height // scale
        planes.append([picture[start + y * width :][:width] for y in range(height)])
        start += width * height
    return planes


def _blocks(planes: list[list[bytes]]) -> Iterable[bytes]:
    width, height = len(planes[0][0]) // _MB, len(planes[0]) // _MB
    for y in range(height):
        for x in range(width):
            yield b"".join(
                row[x * side : (x + 1) * side]
                for plane, side in zip(planes, (_MB, _MB // 2, _MB // 2), strict=True)
                for row in plane[y * side : (y + 1) * side]
            )


def _u(value: int, bits: int) -> str:
    return f"{value:0{bits}b}"


def _ue(value: int) -> str:
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def _se(value: int) -> str:
    return _ue(2 * value - 1 if value > 0 else -2 * value)


def _unit(head: int, bits: str) -> bytes:
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    return _escaped(head, int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _escaped(head: int, payload: bytes) -> bytes:
    # Emulation prevention.
    return b"\0\0\0\1" + bytes([head]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)
