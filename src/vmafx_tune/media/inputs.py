"""How ffmpeg and PyAV are given a source, and what they may open."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vmafx_tune.model import Source

__all__ = [
    "DEMUXERS",
    "GRAIN_LEFT_OUT",
    "PROTOCOLS",
    "file_url",
    "input_arguments",
    "input_guard",
    "input_options",
    "node_name",
    "plain_names",
    "reading_arguments",
    "source_filters",
    "stream_specifier",
    "without_guard",
]

# Begins no name: those of files begin with "file:" where there is a colon in them.
_HEX_NAME = "bytes:"

GRAIN_LEFT_OUT = {"export_side_data": "film_grain"}
"""What has a decoder report film grain rather than add it; for ffmpeg and PyAV alike."""

# Some of libavformat's demuxers read other files, or the network: playlists (HLS, DASH, IMF,
# concat, SDP), pictures by a pattern (image2), scripts (AviSynth), devices, and a few that look
# for siblings (VobSub, Magic Lantern). It picks one by the content, whatever the file is called,
# so a playlist with the name of a video would have it read what the playlist names.
# `-protocol_whitelist file` alone does not stop that: the other file is a file too. Hence the
# list of what may be picked. It has every demuxer of moving pictures that keeps to its file, and
# those of plain audio and of single pictures, which error messages then name.
PROTOCOLS = "file"
"""The protocols that an input may use, as libavformat's option takes them."""

_CONTAINERS = (
    "3g2 3gp 4xm amv asf asf_o avi dhav dv dxa f4v film_cpk flv frm gxf hxvs ifv ismv ivf ivr jv "
    "kux live_flv lvf lxf m4a matroska mj2 mov mp4 mpeg mpegts mpegtsraw mtv mxf mxg nsv nut nuv "
    "ogg pva r3d rm ser smjpeg swf ty usm vividas vivo webm wtv xmv yuv4mpegpipe"
)
_STREAMS = (
    "apv av1 avs2 avs3 bitpacked cavsvideo dirac dnxhd evc h261 h263 h264 hevc ingenient ipu m4v "
    "mjpeg mjpeg_2000 mpegvideo obu pdv rawvideo v210 v210x vc1 vc1test vvc"
)
_GAMES = (
    "anm argo_cvg avs bethsoftvid bfi bink bmv c93 cdxl cine dfa dsicin ea filmstrip flic gdv hnm "
    "idcin iff ipmovie iv8 lmlm4 luodat mgsts mm mods moflex msnwctcp mv mvi nc paf pmp psxstr "
    "rl2 roq rpl sdr2 sga siff simbiosis_imx smk smush thp tiertexseq tmv txd vmd wc3movie wsvqa "
    "yop"
)
_PICTURES = (
    "alias_pix apng bmp_pipe brender_pix cri_pipe dds_pipe dpx_pipe exr_pipe fits gem_pipe gif "
    "gif_pipe hdr_pipe ico j2k_pipe jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe jpegxs_pipe "
    "pam_pipe pbm_pipe pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe photocd_pipe "
    "pictor_pipe png_pipe ppm_pipe psd_pipe qdraw_pipe qoi_pipe sgi_pipe sunrast_pipe tiff_pipe "
    "vbn_pipe webp_anim webp_pipe xbm_pipe xpm_pipe xwd_pipe"
)
_AUDIO = "aac ac3 aiff amr ape au caf dts eac3 flac loas mp3 tta truehd w64 wav wv"

DEMUXERS = tuple(f"{_CONTAINERS} {_STREAMS} {_GAMES} {_PICTURES} {_AUDIO}".split())
"""Names of the demuxers that may be picked; an ffmpeg that lacks one of them does not mind."""


def file_url(path: Path) -> str:
    """Write a path so that ffmpeg takes it for a file, whatever its name looks like.

    Names such as `-v.mp4` or `http:x.mp4` would be read as an option or a protocol.
    """
    return f"file:{path}"


def stream_specifier(source: Source) -> str:
    """Name a source's video stream to ffmpeg; cover pictures do not count, as in probing."""
    return f"V:{source.stream}"


def node_name(name: str) -> str:
    """Write a name so that ffmpeg-python, which hashes its nodes as UTF-8, takes it.

    `plain_names` undoes it in the arguments that come out.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return _HEX_NAME + name.encode("utf-8", "surrogateescape").hex()
    return name


def plain_names(arguments: Iterable[str]) -> tuple[str, ...]:
    """Put the names back that `node_name` stands for."""
    return tuple(
        bytes.fromhex(argument.removeprefix(_HEX_NAME)).decode("utf-8", "surrogateescape")
        if argument.startswith(_HEX_NAME)
        else argument
        for argument in arguments
    )


def input_options(source: Source) -> dict[str, Any]:
    """Return what ffmpeg must know of a source that its file does not say, for `ffmpeg.input`.

    Geometry for files without a header, and where to seek to for an excerpt; else empty. What an
    excerpt takes beyond that is in `source_filters`.
    """
    options: dict[str, Any] = {}
    if (raw := source.raw) is not None:
        options = {
            "format": "rawvideo",
            "video_size": (raw.resolution.width, raw.resolution.height),
            "pixel_format": raw.pix_fmt,
            "framerate": str(raw.frame_rate),
        }
    if source.without_grain:
        options |= GRAIN_LEFT_OUT
    return options | _seeking(source)


def reading_arguments(source: Source, log_level: str, seek: Sequence[str] = ()) -> tuple[str, ...]:
    """Write the arguments with which ffmpeg reads a source's video stream, held to its own file.

    Args:
        source: Its filters are left out.
        log_level: As `-v` takes it.
        seek: Further arguments of the input.
    """
    return (
        *("-hide_banner", "-nostdin", "-nostats", "-v", log_level),
        *(*input_arguments(source, seek), "-map", f"0:{stream_specifier(source)}"),
    )


def input_arguments(source: Source, seek: Sequence[str] = ()) -> tuple[str, ...]:
    """Write a source as an input of ffmpeg, held to its own file.

    Args:
        source: Its filters are left out.
        seek: Further arguments of the input.
    """
    options = {**input_guard(), **input_options(source)}
    if (raw := source.raw) is not None:
        # As the command line has them, not ffmpeg-python.
        options |= {"f": options.pop("format"), "video_size": raw.resolution}
    flags = (part for name, value in options.items() for part in (f"-{name}", str(value)))
    return (*flags, *seek, "-i", file_url(source.path.absolute()))


def _seeking(source: Source) -> dict[str, str]:
    """Seek to half a frame before the frame to start from.

    Whatever a container rounds its times to, none is near that.
    """
    excerpt = source.excerpt
    if excerpt is None or excerpt.lead_frames == excerpt.first_frame:
        return {}
    frames_back = excerpt.lead_frames + Fraction(1, 2)
    return {"ss": _seconds(excerpt.start_s - frames_back / source.frame_rate)}


def source_filters(source: Source) -> str:
    """Write the filters that make the source of what is decoded: its own chain, then its excerpt.

    They must come first, since an excerpt counts frames: its length as a time (`-t`) would have to
    be told apart from rounded ones. Empty for a whole source without a chain.
    """
    excerpt = source.excerpt
    if excerpt is None:
        return source.filters
    lead = f"start_frame={excerpt.lead_frames}:" if excerpt.lead_frames else ""
    trim = f"trim={lead}end_frame={excerpt.lead_frames + excerpt.n_frames}"
    # Half a frame before the first one is between two ticks of an encoder's clock.
    steps = (source.filters, trim, "setpts=expr=PTS-STARTPTS")
    return ",".join(step for step in steps if step)


def _seconds(seconds: Fraction) -> str:
    return f"{float(seconds):.6f}"


def input_guard() -> dict[str, str]:
    """Options that hold an input to its own file, for ffmpeg before `-i` and for PyAV alike.

    Both refuse an input of any other kind with EINVAL, before its demuxer reads anything.
    """
    return {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": PROTOCOLS}


def without_guard(argv: Sequence[str]) -> tuple[str, ...]:
    """Leave the guard out of a command, for people to read; it fills a screen."""
    guard = {f"-{name}" for name in input_guard()}
    return tuple(
        argument
        for before, argument in pairwise(("", *argv))
        if argument not in guard and before not in guard
    )
