from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import UsageError
from vmafx_tune.server.scorer import ModelNames

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["", "vmaf_v0.6.1", "vmaf_v1.0.16_3d0h", "neg", "default"])
def test_built_in_names_and_aliases_are_passed_on(name: str) -> None:
    assert ModelNames().find(name) == name


def test_a_custom_model_is_found_by_its_name_in_the_first_folder_that_has_it(
    tmp_path: Path,
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "mine.json").touch()
    (folders[1] / "other.json").touch()
    names = ModelNames(folders)

    assert names.find("mine") == str(folders[0] / "mine.json")
    assert names.find("other") == str(folders[1] / "other.json")


def test_a_built_in_model_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "vmaf_v0.6.1.json").touch()

    assert ModelNames([tmp_path]).find("vmaf_v0.6.1") == "vmaf_v0.6.1"


@pytest.mark.parametrize(
    "name",
    [
        "mine.json",
        "./mine",
        "../a/mine",
        "/etc/passwd",
        "path=x",
        "a:b",
        "a|b",
        "a,b",
        "-mine",
        ".mine",
        "mine ",
        "mine\n",
        "mine\0",
        "mïne",
        "m" * 101,
    ],
)
def test_any_other_word_is_refused_even_if_it_leads_to_a_model(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.json").touch()

    with pytest.raises(UsageError, match="VMAF model"):
        ModelNames([tmp_path]).find(name)


def test_an_unknown_name_is_told_with_those_that_are_known_and_no_path(tmp_path: Path) -> None:
    (tmp_path / "mine.json").touch()

    with pytest.raises(UsageError, match=r"vmaf_v0\.6\.1, .*mine") as caught:
        ModelNames([tmp_path]).find("yours")

    assert str(tmp_path) not in str(caught.value)
