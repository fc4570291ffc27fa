"""The build hook, short of a real build; see integration/test_wheel.py for those."""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from hatch_build import LibraryUnavailableError
from tests.support.programs import make_program

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "third_party/libvmaf/requirements.txt"
LIBRARY_MEMBER = "pyvmaf.libs/libvmaf-6d8fbf0a.so.1.1.3"
LICENCE_MEMBER = "pyvmaf-1.0.0a1.dist-info/LICENSE"


@pytest.fixture(autouse=True)
def _default_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VMAFX_BUNDLE_LIBVMAF", raising=False)


@pytest.fixture
def library() -> bytes:
    """The pinned library, from the package under test."""
    path = Path(str(files("vmafx_tune"))) / "scoring/libvmaf/_bundled/libvmaf.so"
    if not path.is_file():
        pytest.skip("This build of vmafx-tune has no bundled libvmaf.")
    return path.read_bytes()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package index and no other place to take packages from."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with what the hook reads, and no library."""
    pinned = tmp_path / REQUIREMENTS.relative_to(ROOT)
    pinned.parent.mkdir(parents=True)
    shutil.copy(REQUIREMENTS, pinned)
    return tmp_path


def place_library(project: Path, library: bytes) -> None:
    folder = project / hatch_build.BUNDLED_DIR
    folder.mkdir(parents=True)
    (folder / "libvmaf.so").write_bytes(library)
    (folder / "LICENSE.libvmaf").write_text("licence")


def make_wheel(path: Path, library: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(LIBRARY_MEMBER, library)
        archive.writestr(LICENCE_MEMBER, "licence")
    return path


def run_hook(project: Path, version: str = "standard") -> dict[str, Any]:
    build_data: dict[str, Any] = {"force_include": {}, "pure_python": True}
    config: Any = None
    hook = hatch_build.LibvmafHook(str(project), {}, config, config, str(project), "wheel")
    hook.initialize(version, build_data)
    return build_data


@pytest.mark.parametrize(
    ("value", "mode"),
    [("", "auto"), ("1", "auto"), ("auto", "auto"), ("0", "off"), ("require", "require")],
)
def test_the_switch_is_read_from_the_environment(value: str, mode: str) -> None:
    assert hatch_build.bundle_mode({"VMAFX_BUNDLE_LIBVMAF": value}) == mode


def test_without_a_switch_the_library_is_bundled_where_it_can_be() -> None:
    assert hatch_build.bundle_mode({}) == "auto"


def test_an_unknown_value_of_the_switch_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'maybe'\. Use 0, 1 or require"):
        hatch_build.bundle_mode({"VMAFX_BUNDLE_LIBVMAF": "maybe"})


def test_linux_on_x86_64_with_glibc_has_a_library() -> None:
    reason = hatch_build.unsupported_reason(
        system="linux", machine="x86_64", is_64bit=True, libc="glibc 2.17"
    )
    assert reason is None


@pytest.mark.parametrize(
    ("system", "machine", "is_64bit", "libc", "told"),
    [
        ("darwin", "arm64", True, "", "not darwin on arm64"),
        ("win32", "AMD64", True, "", "not win32 on AMD64"),
        ("linux", "aarch64", True, "glibc 2.36", "not linux on aarch64"),
        ("linux", "x86_64", False, "glibc 2.36", "32-bit Python"),
        ("linux", "x86_64", True, "", "needs glibc"),
    ],
)
def test_a_platform_without_a_library_is_named(
    system: str, machine: str, is_64bit: bool, libc: str, told: str
) -> None:
    reason = hatch_build.unsupported_reason(
        system=system, machine=machine, is_64bit=is_64bit, libc=libc
    )
    assert reason is not None
    assert told in reason


def test_the_wheel_that_the_library_comes_from_is_pinned_by_hash() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 1
    assert re.fullmatch(r"pyvmaf==1\.0\.0a1 --hash=sha256:[0-9a-f]{64}", lines[0])


def test_the_download_is_the_same_whatever_python_builds() -> None:
    argv = hatch_build.download_argv(Path("requirements.txt"), Path("folder"))
    assert argv[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--python-version=3.10", "--abi=cp310", "--platform=manylinux2010_x86_64"} < {*argv}


def test_the_download_checks_hashes_and_takes_nothing_but_the_wheel() -> None:
    argv = hatch_build.download_argv(Path("requirements.txt"), Path("folder"))
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} < {*argv}


def test_the_download_names_no_package_index() -> None:
    argv = hatch_build.download_argv(Path("requirements.txt"), Path("folder"))
    assert not [argument for argument in argv if "index-url" in argument or "://" in argument]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("UV_DEFAULT_INDEX", "https://mirror.invalid/simple?a=b"),
        ("UV_DEFAULT_INDEX", "mirror=https://mirror.invalid/simple?a=b"),
        ("UV_INDEX_URL", "https://mirror.invalid/simple?a=b"),
    ],
)
def test_pip_is_told_of_an_index_that_only_uv_has(variable: str, value: str) -> None:
    environment = hatch_build.pip_environment({variable: value, "HOME": "/home/me"})
    assert environment["PIP_INDEX_URL"] == "https://mirror.invalid/simple?a=b"
    assert environment["HOME"] == "/home/me"


def test_an_index_of_pips_own_stays() -> None:
    environ = {"PIP_INDEX_URL": "https://one.invalid", "UV_INDEX_URL": "https://two.invalid"}
    assert hatch_build.pip_environment(environ) == environ


def test_only_the_very_bytes_that_are_pinned_count_as_the_library(
    tmp_path: Path, library: bytes
) -> None:
    path = tmp_path / "libvmaf.so"
    assert not hatch_build.is_pinned(path)
    path.write_bytes(library)
    assert hatch_build.is_pinned(path)
    path.write_bytes(library + b"\0")
    assert not hatch_build.is_pinned(path)


def test_the_library_and_its_licence_are_taken_out_of_the_wheel(
    tmp_path: Path, library: bytes
) -> None:
    target = tmp_path / "new" / "folder"
    hatch_build.extract(make_wheel(tmp_path / "a.whl", library), target)
    assert hatch_build.is_pinned(target / "libvmaf.so")
    assert {path.name for path in target.iterdir()} == {"libvmaf.so", "LICENSE.libvmaf"}


def test_a_library_with_another_hash_is_refused_and_not_written(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "a.whl", b"something else")
    with pytest.raises(LibraryUnavailableError, match=hatch_build.LIBRARY_SHA256):
        hatch_build.extract(wheel, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_wheel_without_the_library_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as archive:
        archive.writestr("readme", "nothing here")
    with pytest.raises(LibraryUnavailableError, match=r"'empty\.whl' does not hold it"):
        hatch_build.extract(tmp_path / "empty.whl", tmp_path / "folder")


def test_a_wheel_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.whl").write_bytes(b"PK torn")
    with pytest.raises(LibraryUnavailableError, match=r"'torn\.whl' does not hold it"):
        hatch_build.extract(tmp_path / "torn.whl", tmp_path / "folder")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, library: bytes) -> None:
    (tmp_path / "file").touch()
    wheel = make_wheel(tmp_path / "a.whl", library)
    with pytest.raises(LibraryUnavailableError, match=r"'.*file.*' cannot be written"):
        hatch_build.extract(wheel, tmp_path / "file" / "folder")


@pytest.mark.usefixtures("offline")
def test_without_an_index_the_download_fails_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(LibraryUnavailableError, match=r"pip could not fetch it \(.*pyvmaf|pip\)"):
        hatch_build.download(REQUIREMENTS, tmp_path)


@pytest.mark.usefixtures("offline")
def test_without_the_library_the_build_says_so_and_goes_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_hook(project) == {"force_include": {}, "pure_python": True}
    assert "libvmaf is not bundled: " in capsys.readouterr().err


@pytest.mark.usefixtures("offline")
def test_a_missing_library_is_an_error_where_it_is_required(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMAFX_BUNDLE_LIBVMAF", "require")
    with pytest.raises(LibraryUnavailableError):
        run_hook(project)


def test_a_build_without_the_library_on_purpose_fetches_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VMAFX_BUNDLE_LIBVMAF", "0")
    assert run_hook(project) == {"force_include": {}, "pure_python": True}
    assert "VMAFX_BUNDLE_LIBVMAF is 0" in capsys.readouterr().err
    assert not (project / hatch_build.BUNDLED_DIR).exists()


@pytest.mark.usefixtures("offline")
def test_a_library_from_an_earlier_build_is_used_again(project: Path, library: bytes) -> None:
    place_library(project, library)
    build_data = run_hook(project)
    assert build_data["tag"] == hatch_build.WHEEL_TAG
    assert build_data["pure_python"] is False
    assert {*build_data["force_include"].values()} == {
        "vmafx_tune/scoring/libvmaf/_bundled/libvmaf.so",
        "vmafx_tune/scoring/libvmaf/_bundled/LICENSE.libvmaf",
    }


@pytest.mark.usefixtures("offline")
def test_a_library_with_another_hash_is_not_used_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place_library(project, b"left by someone else")
    assert "tag" not in run_hook(project)
    assert "libvmaf is not bundled" in capsys.readouterr().err


@pytest.mark.usefixtures("offline")
def test_an_editable_install_leaves_the_library_in_the_source_tree(
    project: Path, library: bytes
) -> None:
    place_library(project, library)
    assert run_hook(project, "editable") == {"force_include": {}, "pure_python": True}
    assert hatch_build.is_pinned(project / hatch_build.BUNDLED_DIR / "libvmaf.so")


def test_cleaning_removes_what_was_fetched(project: Path) -> None:
    place_library(project, b"any")
    config: Any = None
    hook = hatch_build.LibvmafHook(str(project), {}, config, config, str(project), "wheel")
    hook.clean(["standard"])
    assert not list((project / hatch_build.BUNDLED_DIR).iterdir())


def pin_player(project: Path) -> None:
    folder = project / "third_party/hls.js"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"dependencies": {"hls.js": "1.7.4"}}', encoding="utf-8")


def test_without_npm_the_build_says_so_and_goes_on_without_a_player(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pin_player(project)
    monkeypatch.setenv("VMAFX_BUNDLE_LIBVMAF", "0")
    monkeypatch.setenv("PATH", "")
    assert run_hook(project) == {"force_include": {}, "pure_python": True}
    assert "hls.js is not bundled: npm is not on PATH" in "".join(capsys.readouterr())


def test_a_missing_player_is_an_error_where_it_is_required(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin_player(project)
    monkeypatch.setenv("VMAFX_BUNDLE_PLAYER", "require")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(hatch_build.PlayerUnavailableError, match="npm"):
        run_hook(project)


def test_a_player_with_another_hash_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin_player(project)
    (tmp_path / "package/dist").mkdir(parents=True)
    for name in ("package/dist/hls.min.js", "package/LICENSE"):
        (tmp_path / name).write_text("another", encoding="utf-8")
    body = f"exec tar czf hls.js-1.7.4.tgz -C '{tmp_path}' package"
    npm = make_program(tmp_path, body, "npm")
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")
    with pytest.raises(hatch_build.PlayerUnavailableError, match="sha256"):
        hatch_build.ensure_player(project)
    assert not (project / hatch_build.PLAYER_DIR).exists()
