"""Finding ffmpeg, what it can do, its arguments for a source, and what it may open."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import ToolError, ToolNotFoundError
from vmafx_tune.files import is_folder
from vmafx_tune.frozen import frozen
from vmafx_tune.media.file_facts import FileFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import Source
    from vmafx_tune.ports import FrameProgress

__all__ = [
    "DEMUXERS",
    "GRAIN_LEFT_OUT",
    "PROTOCOLS",
    "Ffmpeg",
    "fact_name",
    "ffmpeg_is_named",
    "file_url",
    "find_ffmpeg",
    "frame_counter",
    "input_arguments",
    "input_guard",
    "input_options",
    "is_disk_full",
    "list_encoders",
    "node_name",
    "plain_names",
    "reading_arguments",
    "shows_damage",
    "source_filters",
    "stream_specifier",
    "without_guard",
]

_VARIABLE = "VMAFX_FFMPEG"
_OPTION = "--ffmpeg"
_BUNDLE = "imageio-ffmpeg"
_ADVICE = (
    f"Set {_OPTION} or {_VARIABLE}, install ffmpeg, or reinstall the {_BUNDLE} package, "
    "which includes it."
)
# Begins no name: those of files begin with "file:" where there is a colon in them.
_HEX_NAME = "bytes:"
_ANSWER_TIMEOUT_S = 60.0
_OWN_NAME = "ffmpeg"
_SCRIPT = b"#!"
_LINKER_CACHE = Path("/etc/ld.so.cache")
# Messages of the operating system, which every layer of ffmpeg passes on.
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large")
# 5.1 brought -fps_mode.
_OLDEST = (5, 1)
_VERSION_LINE = re.compile(r"ffmpeg version (\S+)")
_RELEASE = re.compile(r"n?(\d+)\.(\d+)")
_LISTED = re.compile(r"^ *[A-Z.|]{2,} +(?P<name>\w[\w-]*) ", re.MULTILINE)


@frozen
class Ffmpeg:
    """An ffmpeg that runs on this machine.

    Attributes:
        path: The program, absolute.
        version: As it calls itself: `7.1`, `n9.0.2-17-g2a571b6068`, `N-118000-gabcdef`.
        origin: Where it was found: `--ffmpeg`, `VMAFX_FFMPEG`, `imageio-ffmpeg` or `PATH`.
    """

    path: Path
    version: str
    origin: str


def find_ffmpeg(
    explicit: Path | None,
    runner: ProcessRunner,
    environ: Mapping[str, str] | None = None,
    *,
    facts: FileFacts | None = None,
) -> Ffmpeg:
    """Find the ffmpeg to use: the one named, `VMAFX_FFMPEG`, the installed build, or `PATH`.

    What the user names is used or is an error; the other places are tried in turn.

    Args:
        explicit: A path, or a name to look up on `PATH`.
        runner: Runs `ffmpeg -version`.
        environ: Environment to read; None for this process's.
        facts: Cached facts about programs; None for none.

    Raises:
        ToolNotFoundError: None is installed, or the one given does not work.
        CancelledError: The runner is cancelled.
    """
    environ = os.environ if environ is None else environ
    examine = partial(_examine, runner=runner, facts=facts or FileFacts())
    if explicit is not None:
        return _named(str(explicit), _OPTION, examine, environ)
    if named := environ.get(_VARIABLE):
        return _named(named, _VARIABLE, examine, environ)
    failures = []
    for path, origin in _candidates(environ):
        try:
            return examine(path, origin)
        except ToolError as error:
            failures.append(str(error))
    tried = (
        " ".join(failures)
        or f"The {_BUNDLE} package does not include it here, and it is not on PATH."
    )
    raise ToolNotFoundError(f"No usable ffmpeg was found. {tried} {_ADVICE}")


def ffmpeg_is_named(explicit: Path | None, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the user names an ffmpeg, by the option or by `VMAFX_FFMPEG`."""
    return explicit is not None or bool((environ or os.environ).get(_VARIABLE))


def fact_name(ffmpeg: Ffmpeg, *circumstances: str) -> str:
    """Build a key for a fact about an ffmpeg, of all that decides it beside the file's content."""
    facts = [ffmpeg.version, _libraries(ffmpeg.path), *circumstances]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _named(
    name: str, origin: str, examine: Callable[[Path, str], Ffmpeg], environ: Mapping[str, str]
) -> Ffmpeg:
    path = Path(name)
    if path.name == name:
        path = Path(shutil.which(name, path=environ.get("PATH")) or name)
    try:
        return examine(path, origin)
    except ToolError as error:
        raise ToolNotFoundError(
            f"{origin} is '{name}', which cannot be used. {error} Use another ffmpeg, or leave "
            f"{origin} out to use the bundled one.",
            argv=error.argv,
            returncode=error.returncode,
            stderr_tail=error.stderr_tail,
        ) from error


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if (bundled := _bundled()) is not None:
        yield bundled, _BUNDLE
    if (on_path := shutil.which("ffmpeg", path=environ.get("PATH", os.defpath))) is not None:
        yield Path(on_path), "PATH"


def _bundled() -> Path | None:
    """Find the program in the imageio-ffmpeg wheel.

    `imageio_ffmpeg.get_ffmpeg_exe` would import the package and run the program, and falls back to
    `PATH` without saying so; the file's place is all that is needed.
    """
    spec = find_spec("imageio_ffmpeg")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [path for folder in folders for path in Path(folder, "binaries").glob("ffmpeg-*")]
    return max(found, default=None)


def _examine(path: Path, origin: str, runner: ProcessRunner, facts: FileFacts) -> Ffmpeg:
    if is_folder(path):
        raise ToolNotFoundError(f"'{path}' is a folder, not a program.")
    path = path.absolute()
    if not _is_itself(path):
        return Ffmpeg(path, _ask_version(path, runner), origin)
    name = f"ffmpeg version {_OLDEST} {_libraries(path)}"
    return Ffmpeg(path, facts.of(path, name, lambda: _ask_version(path, runner)), origin)


def _is_itself(path: Path) -> bool:
    """Whether a file is ffmpeg itself and not a launcher, which may start another one tomorrow.

    Scripts do that, and launchers that go by the name of the link to them.
    """
    if not path.resolve().name.startswith(_OWN_NAME):
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_SCRIPT)) != _SCRIPT
    except OSError:
        return False


def _libraries(path: Path) -> str:
    """Return when a library of a program was last installed, which tells whether any may differ.

    That is written down by the dynamic linker, and in the folder of those beside the program.
    """
    places = (_LINKER_CACHE, path.resolve().parent.parent / "lib")
    return " ".join(str(place.stat().st_mtime_ns) for place in places if place.exists())


def _ask_version(path: Path, runner: ProcessRunner) -> str:
    done = runner.run([str(path), "-version"], stall_timeout_s=_ANSWER_TIMEOUT_S)
    match = _VERSION_LINE.match(done.stdout)
    if done.returncode != 0 or match is None:
        raise done.error(
            ToolNotFoundError, f"'{path}' is not ffmpeg: its output of -version is unknown."
        )
    _refuse_old(path, match[1])
    return match[1]


def _refuse_old(path: Path, version: str) -> None:
    # Development builds go by date or commit; they are taken to be new enough.
    release = _RELEASE.match(version)
    if release and (int(release[1]), int(release[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise ToolNotFoundError(f"'{path}' is ffmpeg {version}, but {oldest} or newer is required.")


_encoders: dict[Ffmpeg, frozenset[str]] = {}


def list_encoders(ffmpeg: Ffmpeg, runner: ProcessRunner) -> frozenset[str]:
    """List the encoders compiled into an ffmpeg; each ffmpeg is asked once.

    Raises:
        ToolError: It cannot be run.
        CancelledError: The runner is cancelled.
    """
    if ffmpeg not in _encoders:
        done = runner.run(
            [str(ffmpeg.path), "-hide_banner", "-encoders"], stall_timeout_s=_ANSWER_TIMEOUT_S
        )
        _encoders[ffmpeg] = frozenset(match["name"] for match in _LISTED.finditer(done.stdout))
    return _encoders[ffmpeg]


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


GRAIN_LEFT_OUT = {"export_side_data": "film_grain"}
"""What has a decoder report film grain rather than add it; for ffmpeg and PyAV alike."""


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


_LINE = re.compile(r"frame=\s*(\d{1,18})\s*")
# A clip may have somewhat more frames than its container says; a program that counts on beyond
# that does not get on with the clip.
_MOST_TIMES = 2
_MORE_FRAMES = 100


def frame_counter(n_frames: int, observer: FrameProgress | None = None) -> Callable[[str], bool]:
    """Follow the `frame=` lines of ffmpeg's `-progress`, for `ProcessRunner.run`.

    Args:
        n_frames: Length of the clip that ffmpeg works on.
        observer: Gets each new count.

    Returns:
        Takes one line, and says whether it shows more frames than all lines before.
    """
    most = _MOST_TIMES * n_frames + _MORE_FRAMES
    frames = 0

    def take(line: str) -> bool:
        nonlocal frames
        match = _LINE.fullmatch(line)
        if match is None or not frames < int(match[1]) <= most:
            return False
        frames = int(match[1])
        if observer is not None:
            observer(frames)
        return True

    return take


# In the words of several releases.
_DAMAGE = re.compile(
    r"corrupt decoded frame|CRC mismatch|\berror count: \d|[1-9]\d* decode errors"
    r"|Error (?:while decoding stream|submitting packet to decoder)"
)


def shows_damage(log: str) -> bool:
    """Whether a clip that ffmpeg has read may be damaged.

    It may also be a clip that was cut out of a longer one, so the caller has to look closer.

    Args:
        log: What ffmpeg printed, at `-v info` or more.
    """
    return _DAMAGE.search(log) is not None


def is_disk_full(log: str, returncode: int) -> bool:
    """Whether ffmpeg failed because the disk is full, or a quota or a size limit is reached."""
    return returncode == -signal.SIGXFSZ or _DISK_FULL.search(log) is not None


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
