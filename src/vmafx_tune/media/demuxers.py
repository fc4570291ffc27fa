"""What libavformat may do with a file that it is given: read that one file, as video, and no more.

Some of its demuxers read other files, or the network: playlists (HLS, DASH, IMF, concat, SDP),
pictures by a pattern (image2), scripts (AviSynth), devices, and a few that look for siblings
(VobSub, Magic Lantern). It picks one by the content, whatever the file is called, so a playlist
with the name of a video would have it read what the playlist names. `-protocol_whitelist file`
alone does not stop that: the other file is a file too. Hence the list of what may be picked. It
holds every demuxer of moving pictures that keeps to its file, and those of plain audio and of
single pictures, of which the messages can then tell what they are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEMUXERS", "PROTOCOLS", "input_guard", "without_guard"]

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
