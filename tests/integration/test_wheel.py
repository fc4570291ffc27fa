"""Real builds of the package, with and without its libvmaf."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

import hatch_build

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "src").is_dir():
    pytest.skip(
        "There is no source tree to build; run this in a checkout.", allow_module_level=True
    )

PARTS = ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE", "third_party", "src")
LIBRARY = "vmafx_tune/scoring/libvmaf/_bundled/libvmaf.so"
LICENCE = "vmafx_tune/scoring/libvmaf/_bundled/LICENSE.libvmaf"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "VMAFX_BUNDLE_LIBVMAF": "auto"}


def copy_project(target: Path) -> Path:
    target.mkdir()
    for name in PARTS:
        part = ROOT / name
        if part.is_dir():
            ignored = shutil.ignore_patterns("_bundled", "__pycache__")
            shutil.copytree(part, target / name, ignore=ignored)
        else:
            shutil.copy(part, target / name)
    return target


def build(
    project: Path, target: str, *, offline: bool = False, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run hatchling as a build frontend does, but in this environment."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Packages that lie about elsewhere would make an offline build succeed.
        if not (offline and name.startswith(("PIP_", "UV_")))
    }
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", "dist"],
        cwd=project,
        env={**inherited, **(OFFLINE if offline else {}), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the source tree without a library."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was built with its library, fetched as for any user."""
    project = copy_project(tmp_path_factory.mktemp("built") / "project")
    done = build(project, "wheel")
    if done.returncode == 0 and "libvmaf is not bundled" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project_with_library(built: Path, tmp_path: Path) -> Path:
    """A copy of the source tree in which an earlier build has left the library."""
    return shutil.copytree(built, tmp_path / "project", ignore=shutil.ignore_patterns("dist"))


def test_a_wheel_with_the_library_is_tagged_for_a_platform_that_can_run_it(built: Path) -> None:
    wheel = only(built / "dist", "*.whl")
    tags = parse_wheel_filename(wheel.name)[3]
    assert wheel.stem.endswith(hatch_build.WHEEL_TAG)
    assert tags & {*sys_tags()}


def test_a_wheel_says_of_itself_that_it_is_not_pure(built: Path) -> None:
    with zipfile.ZipFile(only(built / "dist", "*.whl")) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
        facts = archive.read(name).decode().splitlines()
    assert "Root-Is-Purelib: false" in facts
    assert "Tag: py3-none-manylinux_2_12_x86_64" in facts


def test_a_wheel_holds_the_pinned_library_with_its_licence(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(only(built / "dist", "*.whl")) as archive:
        archive.extract(LIBRARY, tmp_path)
        assert b"BSD+Patent" in archive.read(LICENCE)
    assert hatch_build.is_pinned(tmp_path / LIBRARY)


def test_the_library_out_of_the_wheel_can_be_called(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(only(built / "dist", "*.whl")) as archive:
        archive.extract(LIBRARY, tmp_path)
    library = ctypes.CDLL(str(tmp_path / LIBRARY))
    library.vmaf_version.restype = ctypes.c_char_p
    assert library.vmaf_version() == b"2.3.1"


def test_licences_of_everything_inside_are_in_the_wheel(built: Path) -> None:
    names = {Path(name).name for name in names_in(only(built / "dist", "*.whl"))}
    assert {"LICENSE", "NOTICE", "LICENSE.libsvm", "LICENSE.iqa", "LICENSE.libvmaf"} < names


def test_an_editable_install_has_the_library_in_its_source_tree(
    project_with_library: Path,
) -> None:
    project = project_with_library
    done = build(project, "wheel:editable", VMAFX_BUNDLE_LIBVMAF="require")
    assert done.returncode == 0, done.stderr
    assert hatch_build.is_pinned(project / "src" / LIBRARY)
    assert only(project / "dist", "*.whl").stem.endswith("py3-none-any")


def test_offline_the_wheel_is_pure_and_the_build_says_what_is_missing(project: Path) -> None:
    done = build(project, "wheel", offline=True)
    assert done.returncode == 0, done.stderr
    assert "libvmaf is not bundled: " in done.stderr
    wheel = only(project / "dist", "*.whl")
    assert wheel.stem.endswith("py3-none-any")
    assert LIBRARY not in names_in(wheel)


def test_offline_the_build_fails_where_the_library_is_required(project: Path) -> None:
    done = build(project, "wheel", offline=True, VMAFX_BUNDLE_LIBVMAF="require")
    assert done.returncode != 0
    assert "LibraryUnavailableError" in done.stderr
    assert not list(project.glob("dist/*.whl"))


def test_offline_a_library_of_an_earlier_build_is_packed(project_with_library: Path) -> None:
    done = build(project_with_library, "wheel", offline=True)
    assert done.returncode == 0, done.stderr
    assert LIBRARY in names_in(only(project_with_library / "dist", "*.whl"))


def test_a_file_that_is_not_the_pinned_library_is_never_packed(project: Path) -> None:
    leftover = project / "src" / LIBRARY
    leftover.parent.mkdir()
    leftover.write_bytes(b"left by someone else")
    done = build(project, "wheel", offline=True)
    assert done.returncode == 0, done.stderr
    assert LIBRARY not in names_in(only(project / "dist", "*.whl"))


def test_a_wheel_built_without_the_library_on_purpose_has_none_even_if_one_is_there(
    project_with_library: Path,
) -> None:
    done = build(project_with_library, "wheel", VMAFX_BUNDLE_LIBVMAF="0")
    assert done.returncode == 0, done.stderr
    wheel = only(project_with_library / "dist", "*.whl")
    assert wheel.stem.endswith("py3-none-any")
    assert LIBRARY not in names_in(wheel)


def test_an_sdist_has_the_hook_but_no_library_and_builds_a_wheel(
    project_with_library: Path, tmp_path: Path
) -> None:
    assert build(project_with_library, "sdist").returncode == 0
    with tarfile.open(only(project_with_library / "dist", "*.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = only(tmp_path, "vmafx_tune-*")
    assert (unpacked / "hatch_build.py").is_file()
    assert (unpacked / "third_party/libvmaf/requirements.txt").is_file()
    assert not (unpacked / "src" / LIBRARY).exists()
    done = build(unpacked, "wheel", offline=True)
    assert done.returncode == 0, done.stderr
    assert len(list(unpacked.glob("dist/*.whl"))) == 1
