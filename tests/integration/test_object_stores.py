"""Sources in S3 and Google Cloud Storage, at the command line and with real servers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from tests.support.counting import counting
from tests.support.object_stores import STORES, ObjectStore, running
from vmafx_tune.cancel import CancelToken
from vmafx_tune.media import object_store
from vmafx_tune.media.file_facts import FileFacts
from vmafx_tune.media.object_store import open_object
from vmafx_tune.media.source_cache import SourceCache
from vmafx_tune.media.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clips import ClipFactory


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    with running(request.param) as store:
        yield store


def copies(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("sources/*/*.mp4")]


def test_an_object_scores_as_its_file_does(
    store: ObjectStore, clips: ClipFactory, tmp_path: Path
) -> None:
    env = {**store.env, "VMAFX_CACHE_DIR": str(tmp_path)}
    address = store.put("2026/a b/clip.mp4", clips.moving().read_bytes())
    for _ in range(2):
        remote = run_cli("score", address, clips.moving(), "--format", "json", env=env)
        assert remote.exit_code == 0, remote.stderr
        assert store.secret not in remote.stdout + remote.stderr
    local = run_cli("score", clips.moving(), clips.moving(), "--format", "json")

    assert remote.document["score"] == local.document["score"]
    assert remote.stderr == local.stderr
    assert copies(tmp_path) == [clips.moving().read_bytes()]


def test_an_object_that_was_replaced_is_fetched_again(
    store: ObjectStore, clips: ClipFactory, tmp_path: Path
) -> None:
    env = {**store.env, "VMAFX_CACHE_DIR": str(tmp_path)}
    # More than one block of a read.
    padding = (8 << 20).to_bytes(4, "big") + b"free" + bytes((8 << 20) - 8)
    for content in (clips.moving().read_bytes(), clips.moving().read_bytes() + padding):
        address = store.put("replaced.mp4", content)
        outcome = run_cli("score", address, clips.moving(), "--format", "json", env=env)
        assert outcome.exit_code == 0, outcome.stderr
        assert content in copies(tmp_path)


def test_what_is_needed_of_an_object_is_all_that_is_read(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, ranges = bytes(range(256)) * 40_000, ((0, 70_000), (4_000_000, 6_000_000))
    (tmp_path / "film").write_bytes(content)
    digest = FileFacts().digest(tmp_path / "film", ranges)
    address = store.put("ranges.mp4", content)
    with counting(store.port) as way, closing(SourceCache(CancelToken(), tmp_path)) as cache:
        for name, value in ObjectStore(store.scheme, way.port).env.items():
            monkeypatch.setenv(name, value)
        path = cache.with_ranges(address, digest, ranges, len(content))

    assert path.stat().st_size == len(content)
    assert [path.read_bytes()[first:end] for first, end in ranges] == [
        content[first:end] for first, end in ranges
    ]
    assert 2_070_000 < way.n_bytes < 2_090_000


def test_an_object_that_does_not_exist_is_a_sentence(store: ObjectStore, tmp_path: Path) -> None:
    env = {**store.env, "VMAFX_CACHE_DIR": str(tmp_path)}
    outcome = run_cli("search", "-r", f"{store.scheme}://films/none.mp4", env=env)

    assert outcome.exit_code == 1
    assert "there is no such object" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert store.secret not in outcome.stderr


def test_a_batch_takes_objects(store: ObjectStore, clips: ClipFactory, tmp_path: Path) -> None:
    env = {**store.env, "VMAFX_CACHE_DIR": str(tmp_path / "cache")}
    addresses = [store.put("one.mp4", clips.moving().read_bytes()), f"{store.scheme}://films/two"]
    options = ("-r", clips.moving(), "-o", tmp_path / "out", "--format", "json")
    outcome = run_cli("batch", "score", *addresses, *options, env=env)

    assert [file["state"] for file in outcome.document["files"]] == ["done", "failed"]


@pytest.mark.parametrize("store", [p for p in STORES if p.values == ("s3",)], indirect=True)
def test_missing_credentials_are_a_sentence(store: ObjectStore, tmp_path: Path) -> None:
    env = {name: value for name, value in store.env.items() if "KEY" not in name} | {
        "VMAFX_CACHE_DIR": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    outcome = run_cli("search", "-r", "s3://films/one.mp4", env=env)

    assert outcome.exit_code == 1
    assert "no credentials were found" in outcome.stderr
    assert "Check its name, and that your credentials may read it." in outcome.stderr


@pytest.mark.parametrize("store", [p for p in STORES if p.values == ("s3",)], indirect=True)
def test_the_client_of_a_store_leaves_retries_to_the_transfer(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    address = parse_url(store.put("one.mp4", b"one"))
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"connect_timeout": 3}})
    open_object(address, {}).close()
    config = fsspec.filesystem("s3", **object_store.s3_options()).s3.meta.config

    assert config.retries == {"mode": "legacy", "total_max_attempts": 1}
    assert config.connect_timeout == 3
