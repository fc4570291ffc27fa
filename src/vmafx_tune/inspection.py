"""What this machine has: the answers of `encoders` and `doctor`."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.encoders.registry import all_rows
from vmafx_tune.errors import LibvmafNotFoundError, VmafxTuneError
from vmafx_tune.files import cache_folder
from vmafx_tune.formatting import file_size
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.package.packager import find_packager
from vmafx_tune.probing.database import Database
from vmafx_tune.probing.store import STORE_NAME
from vmafx_tune.reports.charts.drawing import can_draw
from vmafx_tune.results.machine import DoctorCheck, DoctorResult, EncodersResult, EncoderStatus
from vmafx_tune.scoring.libvmaf.library import load_libvmaf
from vmafx_tune.scoring.metrics import SSIMULACRA2
from vmafx_tune.scoring.models import BUILT_IN_MODELS, DEFAULT_MODEL
from vmafx_tune.scoring.ssimulacra2 import plugin_version
from vmafx_tune.shots.detection import can_detect, detector_name

if TYPE_CHECKING:
    from vmafx_tune.encoders.availability import Availability
    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.session import Session

__all__ = ["examine", "list_encoders"]


def list_encoders(session: Session) -> EncodersResult:
    """Describe every encoder of the registry, and try each on this machine.

    Raises:
        ToolNotFoundError: ffmpeg is not installed.
    """
    ffmpeg, rows = session.ffmpeg, all_rows()
    with ThreadPoolExecutor(4, thread_name_prefix="encoders") as pool:
        found = list(pool.map(session.probing.availability, rows))
    statuses = tuple(_status(row, status) for row, status in zip(rows, found, strict=True))
    return EncodersResult(encoders=statuses, ffmpeg_bin=ffmpeg.path, ffmpeg_version=ffmpeg.version)


def _status(row: EncoderRow, found: Availability) -> EncoderStatus:
    return EncoderStatus(
        name=row.name,
        aliases=row.aliases,
        codec=row.codec,
        kind=row.kind,
        knob=row.knob.name,
        lo=row.knob.lo,
        hi=row.knob.hi,
        default=row.knob.default,
        increment=row.knob.increment,
        higher_is_better=row.knob.higher_is_better,
        presets=row.presets.native,
        compiled=found.compiled,
        opens=found.opens,
        reason=found.reason,
        version=found.version,
    )


def examine(session: Session) -> DoctorResult:
    """Look at everything that the commands need."""
    return DoctorResult.of(
        _found("vmafx-tune", __version__, _interpreter()),
        _ffmpeg(session),
        _libvmaf(),
        _vmaf_binary(session),
        _models(session),
        _encoders(session),
        _packager(session),
        _charts(),
        _shots(),
        _ssimulacra2(),
        _work_folder(session),
        _cache(),
    )


def _interpreter() -> str:
    return f"Python {platform.python_version()} on {platform.platform(terse=True)}"


def _ffmpeg(session: Session) -> DoctorCheck:
    try:
        found = session.ffmpeg
    except VmafxTuneError as error:
        return _missing("ffmpeg", error, "Install ffmpeg, or set --ffmpeg or VMAFX_FFMPEG.")
    return _found("ffmpeg", found.version, f"{found.path} (from {found.origin})")


def _libvmaf() -> DoctorCheck:
    try:
        library = load_libvmaf()
    except LibvmafNotFoundError as error:
        tried = "; ".join(f"{path}: {reason}" for path, reason in error.tried)
        return DoctorCheck(
            name="libvmaf (ctypes)",
            ok=False,
            value="",
            detail=tried,
            advice="Files can be scored with ffmpeg's own libvmaf. To score frames in memory, "
            "install libvmaf or set VMAFX_LIBVMAF.",
            required=False,
        )
    return _found("libvmaf (ctypes)", library.version, f"{library.path} ({library.origin})")


def _vmaf_binary(session: Session) -> DoctorCheck:
    path = session.vmaf_binary
    if path is None:
        return DoctorCheck(
            name="vmaf program",
            ok=True,
            value="not asked for",
            detail="",
            advice=None,
            required=False,
        )
    try:
        version = session.scorer("vmaf", BUILT_IN_MODELS[DEFAULT_MODEL]).version
    except VmafxTuneError as error:
        advice = "Set --vmaf or VMAFX_VMAF_BINARY to another program, or leave it out."
        return _missing("vmaf program", error, advice)
    return _found("vmaf program", version, str(path))


def _packager(session: Session) -> DoctorCheck:
    """Look for what `package` needs, which most commands do without."""
    try:
        found = find_packager(None, session.runner)
    except VmafxTuneError as error:
        advice = "To make packages, run `pip install 'vmafx-tune[package]'`."
        return replace(_missing("Shaka Packager", error, advice), required=False)
    return replace(_found("Shaka Packager", found.version, str(found.path)), required=False)


def _charts() -> DoctorCheck:
    """Look for what draws charts, which pages do without."""
    package = "vl-convert-python"
    version = importlib.metadata.version(package) if can_draw() else None
    return _extra("charts", version, package, "To have charts in reports", "report")


def _shots() -> DoctorCheck:
    """Look for what finds cuts, which only `encode --per-shot` needs."""
    version = detector_name() if can_detect() else None
    return _extra("shots", version, "PySceneDetect", "To encode per shot", "shots")


def _ssimulacra2() -> DoctorCheck:
    """Look for what computes SSIMULACRA2, which no other metric needs."""
    purpose = "To compute SSIMULACRA2, with Python 3.12 or newer"
    return _extra("SSIMULACRA2", plugin_version(), "vszip of VapourSynth", purpose, SSIMULACRA2)


def _extra(name: str, version: str | None, package: str, purpose: str, extra: str) -> DoctorCheck:
    """Tell of a package that an extra brings; its version is None where it is not installed."""
    if version is not None:
        return replace(_found(name, version, package), required=False)
    return DoctorCheck(
        name=name,
        ok=False,
        value="",
        detail=f"{package} is not installed.",
        advice=f"{purpose}, run `pip install 'vmafx-tune[{extra}]'`.",
        required=False,
    )


def _models(session: Session) -> DoctorCheck:
    """Score-ready models: those of the backend that `auto` takes."""
    usable = []
    for model in BUILT_IN_MODELS.values():
        try:
            session.scorer("auto", model)
        except VmafxTuneError:
            continue
        usable.append(model.name)
    return DoctorCheck(
        name="models",
        ok=bool(usable),
        value=f"{len(usable)} of {len(BUILT_IN_MODELS)}",
        detail=", ".join(usable),
        advice=None if usable else "Install an ffmpeg with libvmaf, or libvmaf itself.",
    )


def _encoders(session: Session) -> DoctorCheck:
    try:
        statuses = list_encoders(session).encoders
    except VmafxTuneError as error:
        return _missing("encoders", error, "They need ffmpeg.")
    usable = [status.name for status in statuses if status.opens]
    return DoctorCheck(
        name="encoders",
        ok=bool(usable),
        value=f"{len(usable)} of {len(statuses)}",
        detail=", ".join(usable),
        advice=None if usable else "Use an ffmpeg that was built with libx264, for example.",
    )


def _work_folder(session: Session) -> DoctorCheck:
    try:
        with scratch_folder(session.tools.work_dir) as folder:
            free_bytes = shutil.disk_usage(folder).free
    except VmafxTuneError as error:
        return _missing("work folder", error, "Use a writable folder with --work-dir.")
    place = str(session.tools.work_dir or tempfile.gettempdir())
    return _found("work folder", f"{free_bytes / 2**30:.1f} GiB free", place)


def _cache() -> DoctorCheck:
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder):
            pass
    except (VmafxTuneError, OSError, RuntimeError) as error:
        return DoctorCheck(
            name="cache",
            ok=False,
            value="",
            detail=str(error),
            advice="Nothing is cached between runs. Set VMAFX_CACHE_DIR to a writable folder.",
            required=False,
        )
    store = Database(cache_folder() / STORE_NAME)
    return _found(
        "cache", f"writable, {file_size(store.size_bytes)} of probes", str(cache_folder())
    )


def _found(name: str, value: str, detail: str) -> DoctorCheck:
    return DoctorCheck(name=name, ok=True, value=value, detail=detail, advice=None)


def _missing(name: str, error: VmafxTuneError, advice: str) -> DoctorCheck:
    return DoctorCheck(name=name, ok=False, value="", detail=str(error), advice=advice)
