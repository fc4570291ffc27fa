from __future__ import annotations

import pytest

from vmafx_tune.server import run
from vmafx_tune.server.run import DescriptorShares, share_descriptors

MOST = DescriptorShares(http=512, grpc=1024)


def shares(monkeypatch: pytest.MonkeyPatch, limit: int, *, scores: int = 4) -> DescriptorShares:
    monkeypatch.setattr(run, "_descriptor_limit", lambda: limit)
    return share_descriptors(scores, 128, MOST)


def test_where_there_are_many_each_listener_has_all_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shares(monkeypatch, 65536) == MOST


@pytest.mark.parametrize("scores", [1, 8, 32])
def test_connections_leave_enough_for_the_scores(
    monkeypatch: pytest.MonkeyPatch, scores: int
) -> None:
    http, grpc = shares(monkeypatch, 1024, scores=scores)
    assert http + grpc + 16 * scores + 128 < 1024


def test_however_few_there_are_probes_can_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    assert min(shares(monkeypatch, 128, scores=64)) > 0
