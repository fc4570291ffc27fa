from __future__ import annotations

import pytest

from vmafx_tune.errors import UnauthenticatedError
from vmafx_tune.server.protocol import check_token, choose_request_id


@pytest.mark.parametrize("header", [None, "", "Bearer wrong", "nonsense"])
def test_without_a_token_everybody_may_enter(header: str | None) -> None:
    check_token(header, None)


@pytest.mark.parametrize("header", ["Bearer right", "bearer right", "BEARER  right "])
def test_who_has_the_token_may_enter(header: str) -> None:
    check_token(header, "right")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "right",
        "Basic right",
        "Bearer",
        "Bearer ",
        "Bearer righ",
        "Bearer rightt",
        "Béarer",
        "Bearer ríght",
        "Bearer \udcff",
        "Bearer RIGHT",
    ],
)
def test_nobody_else_may(header: str | None) -> None:
    with pytest.raises(UnauthenticatedError, match="authorization: Bearer TOKEN"):
        check_token(header, "right")


@pytest.mark.parametrize("given", ["a", "7d1f-0001", "trace/1:2=3+4@x.y_z", "x" * 128])
def test_a_sensible_request_id_is_kept(given: str) -> None:
    assert choose_request_id(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 129, "two words", "line\nbreak", '"', "é", "\x00"]
)
def test_in_place_of_any_other_a_new_one_is_made(given: str | None) -> None:
    first, second = choose_request_id(given), choose_request_id(given)

    assert given not in {first, second}
    assert first != second
    assert choose_request_id(first) == first
