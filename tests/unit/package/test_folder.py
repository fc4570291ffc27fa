from __future__ import annotations

from pathlib import Path

import pytest

from vmafx_tune.package.folder import _put


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A finished folder, beside one of the name that it is to get."""
    (tmp_path / "title").mkdir()
    (tmp_path / "title/old").touch()
    made = tmp_path / "work/made"
    made.mkdir(parents=True)
    (made / "new").touch()
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_package_takes_the_place_of_the_one_before(made: Path, tmp_path: Path) -> None:
    _put(made, tmp_path / "title")
    assert names(tmp_path / "title") == ["new"]


def test_a_package_that_cannot_be_renamed_leaves_the_one_before(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refusing(path: Path, target: Path) -> Path:
        if path == made:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(PermissionError):
        _put(made, tmp_path / "title")
    assert names(tmp_path / "title") == ["old"]
    assert names(made) == ["new"]
