from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import LibvmafNotFoundError
from vmafx_tune.scoring.frame_log import version_name
from vmafx_tune.scoring.libvmaf.library import Libvmaf, load_libvmaf

if TYPE_CHECKING:
    from pathlib import Path


def test_a_named_library_that_is_missing_is_an_error_and_no_other_is_tried(tmp_path: Path) -> None:
    named = tmp_path / "libvmaf.so"

    with pytest.raises(LibvmafNotFoundError) as caught:
        load_libvmaf({"VMAFX_LIBVMAF": str(named)})

    ((path, reason),) = caught.value.tried
    assert path == str(named)
    assert "No such file" in reason or "not found" in reason
    assert str(named) in str(caught.value)


def test_a_named_file_that_is_no_library_is_an_error_with_the_reason(tmp_path: Path) -> None:
    named = tmp_path / "libvmaf.so"
    named.write_text("this is prose")

    with pytest.raises(LibvmafNotFoundError) as caught:
        load_libvmaf({"VMAFX_LIBVMAF": str(named)})

    assert caught.value.tried[0][1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names a library of Linux")
def test_a_library_that_is_not_libvmaf_is_an_error_that_names_what_is_missing() -> None:
    name = ctypes.util.find_library("m")
    assert name is not None

    with pytest.raises(LibvmafNotFoundError, match=r"not libvmaf: vmaf_version, vmaf_init"):
        load_libvmaf({"VMAFX_LIBVMAF": name})


def test_a_commit_has_the_name_here_that_it_has_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ctypes.CDLL

    class FromCheckout:
        def __init__(self, path: str) -> None:
            self._dll = real(path)

        def __getattr__(self, name: str) -> object:
            return (lambda: b"86da14d8") if name == "vmaf_version" else getattr(self._dll, name)

    path = load_libvmaf().path
    monkeypatch.setattr(ctypes, "CDLL", FromCheckout)
    monkeypatch.setattr("vmafx_tune.scoring.libvmaf.library.declare", lambda _dll: ())

    assert Libvmaf(path, "test").version == version_name("86da14d") == "git-86da14d"


def test_importing_the_scorer_loads_no_library() -> None:
    program = (
        "import sys\n"
        "import vmafx_tune.scoring.choice, vmafx_tune.scoring.models\n"
        "heavy = {'numpy', 'av', 'ffmpeg', 'vmafx_tune.scoring.libvmaf.library'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
