"""What holds for the package as a whole."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import vmafx_tune
from vmafx_tune import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_CODES = {1, 2, 3, 4, 130}
LIGHT_MODULES = ("cancel", "errors", "events", "model", "ports", "results")
HEAVY = {"av", "ffmpeg", "imageio_ffmpeg", "numpy", "platformdirs", "pydantic", "rich", "typer"}


def subclasses(cls: type[errors.VmafxTuneError]) -> Iterator[type[errors.VmafxTuneError]]:
    # Tests of other modules may have made some of their own.
    if cls.__module__.startswith("vmafx_tune."):
        yield cls
    for child in cls.__subclasses__():
        yield from subclasses(child)


def drawn_tree() -> dict[str, tuple[int, str | None]]:
    """Read exit code and parent of each class off the drawing in the docstring of `errors`."""
    drawn: dict[str, tuple[int, str | None]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    (?P<branch>[│├└─ ]*)(?P<name>\w+Error)\b(?P<rest>.*)", line):
            depth = len(match["branch"]) // 4
            above[depth:] = [match["name"]]
            parent = above[depth - 1] if depth else None
            told = re.search(r"exit (\d+)", match["rest"])
            code = int(told[1]) if told else drawn[str(parent)][0]
            drawn[match["name"]] = (code, parent)
    return drawn


ALL_ERRORS = sorted(set(subclasses(errors.VmafxTuneError)), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_each_error_ends_the_program_with_a_documented_exit_code(
    cls: type[errors.VmafxTuneError],
) -> None:
    assert cls.exit_code in EXIT_CODES


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_each_error_is_drawn_in_the_tree_with_its_parent_and_exit_code(
    cls: type[errors.VmafxTuneError],
) -> None:
    (parent,) = cls.__bases__
    known_parent = None if cls is errors.VmafxTuneError else parent.__name__
    assert drawn_tree()[cls.__name__] == (cls.exit_code, known_parent)


def test_the_tree_draws_no_error_that_does_not_exist() -> None:
    assert drawn_tree().keys() == {cls.__name__ for cls in ALL_ERRORS}


def test_no_other_module_of_the_package_defines_an_error_of_its_own() -> None:
    for module in pkgutil.walk_packages(vmafx_tune.__path__, "vmafx_tune."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    homes = {cls.__module__ for cls in subclasses(errors.VmafxTuneError)}
    assert homes == {"vmafx_tune.errors"}


def test_every_error_is_exported_by_the_module_that_draws_the_tree() -> None:
    assert set(errors.__all__) == {cls.__name__ for cls in ALL_ERRORS}


@pytest.mark.parametrize("name", LIGHT_MODULES)
def test_a_module_that_everyone_imports_loads_nothing_heavy(name: str) -> None:
    program = f"import sys, vmafx_tune.{name}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert not HEAVY & {*done.stdout.split()}


def test_each_public_name_can_be_imported() -> None:
    for name in vmafx_tune.__all__:
        assert getattr(vmafx_tune, name) is not None


def test_a_name_that_is_not_public_gives_the_usual_error() -> None:
    with pytest.raises(AttributeError, match="'vmafx_tune' has no attribute 'nonsense'"):
        vmafx_tune.nonsense  # noqa: B018 - reading the attribute is the test
