"""ffmpeg's names for the numbers by which streams describe their colours.

The numbers are those of ISO/IEC 23091-2 (H.273), the names those of `libavutil/pixdesc.c`.
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["PRIMARIES", "RANGES", "SPACES", "TRANSFERS"]

RANGES = MappingProxyType({1: "tv", 2: "pc"})

PRIMARIES = MappingProxyType(
    {
        1: "bt709",
        4: "bt470m",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "film",
        9: "bt2020",
        10: "smpte428",
        11: "smpte431",
        12: "smpte432",
        22: "ebu3213",
    }
)

TRANSFERS = MappingProxyType(
    {
        1: "bt709",
        4: "bt470m",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "linear",
        9: "log100",
        10: "log316",
        11: "iec61966-2-4",
        12: "bt1361e",
        13: "iec61966-2-1",
        14: "bt2020-10",
        15: "bt2020-12",
        16: "smpte2084",
        17: "smpte428",
        18: "arib-std-b67",
    }
)

SPACES = MappingProxyType(
    {
        0: "gbr",
        1: "bt709",
        4: "fcc",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "ycgco",
        9: "bt2020nc",
        10: "bt2020c",
        11: "smpte2085",
        12: "chroma-derived-nc",
        13: "chroma-derived-c",
        14: "ictcp",
        15: "ipt-c2",
        16: "ycgco-re",
        17: "ycgco-ro",
    }
)
