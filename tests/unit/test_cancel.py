from __future__ import annotations

import pytest

from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import CancelledError


def test_cancelling_runs_each_registered_callback_once() -> None:
    token, calls = CancelToken(), []
    with token.calling(lambda: calls.append("a")), token.calling(lambda: calls.append("b")):
        token.cancel()
        token.cancel()
    assert sorted(calls) == ["a", "b"]


def test_a_callback_is_forgotten_at_the_end_of_its_block() -> None:
    token, calls = CancelToken(), []
    with token.calling(lambda: calls.append("a")):
        pass
    token.cancel()
    assert calls == []


def test_registering_with_a_cancelled_token_runs_the_callback_at_once() -> None:
    token, calls = CancelToken(), []
    token.cancel()
    with token.calling(lambda: calls.append("a")):
        assert calls == ["a"]


def test_work_that_asks_is_stopped_by_an_error() -> None:
    token = CancelToken()
    token.raise_if_cancelled()
    token.cancel()
    with pytest.raises(CancelledError):
        token.raise_if_cancelled()
