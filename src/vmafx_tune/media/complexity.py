"""How hard the frames of a source are to encode, found out at little cost.

Whoever encoded the source has measured that already: the sizes of its packets tell, and reading
them takes no decoding. Sources that code each picture by itself, or not at all, do not tell of
motion; of these, a few small pictures a second are looked at.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.media.container import open_source
from vmafx_tune.model import Complexity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vmafx_tune.media.container import Video
    from vmafx_tune.model import Source

    Picture = NDArray[np.float32]

__all__ = ["measure_complexity"]

_LOOKS_PER_SECOND = 2
_THUMBNAIL = (64, 36)
_CUT_RATIO = 4.0


def measure_complexity(source: Source) -> Complexity:
    """Tell how hard each frame of a source is to encode.

    Args:
        source: A whole file.

    Returns:
        One cost for each of `source.n_frames`; all equal where the file does not say.

    Raises:
        UnreadableSourceError: The file cannot be read to its end.
    """
    with open_source(source) as video:
        packets = _packets(video)
    if len(packets) == source.n_frames and not all(key for _, _, key in packets):
        return _from_packets(packets)
    if len(packets) == source.n_frames:
        with open_source(source) as video:
            return _from_pictures(video, source)
    return Complexity((1.0,) * source.n_frames)


def _packets(video: Video) -> list[tuple[int, int, bool]]:
    """Time, size and kind of all pictures that are shown, in presentation order."""
    found = [
        (packet.pts if packet.pts is not None else index, packet.size, packet.is_keyframe)
        for index, packet in enumerate(video.packets())
        if packet.size and not packet.is_discard
    ]
    return sorted(found)


def _from_packets(packets: Sequence[tuple[int, int, bool]]) -> Complexity:
    sizes = [0 if key else size for _, size, key in packets]
    starts = [index for index, (_, _, key) in enumerate(packets) if key]
    # Where the source's encoder put its keyframes says little about the next one's: each costs what
    # its group's other pictures do.
    for first, end in pairwise([*starts, len(packets)]):
        others = sum(sizes[first:end]) / max(1, end - first - 1)
        sizes[first] = round(others)
    return Complexity(tuple(map(float, sizes)), tuple(starts))


def _from_pictures(video: Video, source: Source) -> Complexity:
    stride = max(1, round(source.frame_rate / _LOOKS_PER_SECOND))
    looks = list(_thumbnails(video, stride))
    moves = [_difference(*pair) for pair in pairwise(looks)] or [0.0]
    # The last look has nothing after it.
    moves += moves[-1:]
    usual = sorted(moves)[len(moves) // 2]
    costs = [move + _texture(look) for move, look in zip(moves, looks, strict=False)] or [1.0]
    spread = [costs[min(index // stride, len(costs) - 1)] for index in range(source.n_frames)]
    cuts = [(index + 1) * stride for index, move in enumerate(moves) if move > _CUT_RATIO * usual]
    return Complexity(tuple(spread), tuple(cut for cut in cuts if cut < source.n_frames))


def _thumbnails(video: Video, stride: int) -> Iterator[Picture]:
    import av
    import numpy as np

    for index, packet in enumerate(video.packets()):
        # The last packet is empty, and brings what the decoder holds back.
        if packet.size and index % stride:
            continue
        try:
            frames = packet.decode()
        except av.FFmpegError:  # encoding the clip reports that it is damaged
            continue
        for frame in frames:
            small = frame.reformat(*_THUMBNAIL, format="gray")
            yield small.to_ndarray().astype(np.float32)


def _difference(one: Picture, other: Picture) -> float:
    return float(abs(other - one).mean())


def _texture(picture: Picture) -> float:
    across, down = picture[:, 1:] - picture[:, :-1], picture[1:] - picture[:-1]
    return float(abs(across).mean() + abs(down).mean()) / 2
