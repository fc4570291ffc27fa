"""Finding ffmpeg, what it can do, and what it says while it runs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolError, ToolNotFoundError
from vmafx_tune.files import is_folder
from vmafx_tune.frozen import frozen
from vmafx_tune.media.file_facts import FileFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.ports import FrameProgress

__all__ = [
    "Ffmpeg",
    "fact_name",
    "ffmpeg_is_named",
    "find_ffmpeg",
    "frame_counter",
    "is_disk_full",
    "list_encoders",
]

_VARIABLE = "VMAFX_FFMPEG"
_OPTION = "--ffmpeg"
_BUNDLE = "imageio-ffmpeg"
_ADVICE = (
    f"Set {_OPTION} or {_VARIABLE}, install ffmpeg, or reinstall the {_BUNDLE} package, "
    "which includes it."
)
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


def is_disk_full(log: str, returncode: int) -> bool:
    """Whether ffmpeg failed because the disk is full, or a quota or a size limit is reached."""
    return returncode == -signal.SIGXFSZ or _DISK_FULL.search(log) is not None
