from __future__ import annotations

import pytest

from vmafx_tune.cpus import CoreShares


def test_whoever_works_alone_has_all_processors() -> None:
    shares = CoreShares(8)
    with shares.taken():
        assert shares.share() == 8


def test_processors_are_split_between_those_who_work() -> None:
    shares = CoreShares(8)
    with shares.taken(), shares.taken(), shares.taken():
        assert shares.share() == 3


def test_a_share_grows_as_others_end() -> None:
    shares = CoreShares(8)
    with shares.taken():
        with shares.taken():
            assert shares.share() == 4
        assert shares.share() == 8


def test_work_that_fails_gives_its_share_back() -> None:
    shares = CoreShares(8)
    with pytest.raises(ValueError, match="broken"), shares.taken():
        raise ValueError("broken")
    with shares.taken():
        assert shares.share() == 8


def test_a_share_is_one_processor_at_least() -> None:
    shares = CoreShares(1)
    with shares.taken(), shares.taken():
        assert shares.share() == 1


def test_work_knows_whether_others_worked_meanwhile() -> None:
    shares = CoreShares(8)
    with shares.taken() as alone:
        pass
    with shares.taken() as first:
        with shares.taken() as second:
            pass
        assert first.was_shared
    assert second.was_shared
    assert not alone.was_shared
