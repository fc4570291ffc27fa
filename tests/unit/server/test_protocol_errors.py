from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from vmafx_tune import errors
from vmafx_tune.server.protocol import STATUSES, error_for, public_sentence, reason_of, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "/srv/secret: Segmentation fault"


def subclasses(cls: type[errors.VmafxTuneError]) -> Iterator[type[errors.VmafxTuneError]]:
    # Tests of other modules may have made some of their own.
    if cls.__module__.startswith("vmafx_tune."):
        yield cls
    for child in cls.__subclasses__():
        yield from subclasses(child)


ALL_ERRORS = sorted(set(subclasses(errors.VmafxTuneError)), key=lambda cls: cls.__name__)


def made(cls: type[errors.VmafxTuneError]) -> errors.VmafxTuneError:
    """An error of that class which holds what no client may see."""
    error = cls.__new__(cls)
    error.args = (SECRET,)
    return error


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_each_error_has_a_row_of_its_own(cls: type[errors.VmafxTuneError]) -> None:
    status = STATUSES[cls]

    assert 400 <= status.http < 600
    assert grpc.StatusCode[status.grpc] is not grpc.StatusCode.OK


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_what_is_internal_is_not_told(cls: type[errors.VmafxTuneError]) -> None:
    error = made(cls)

    if status_of(error).grpc == "INTERNAL" or isinstance(error, errors.ToolError):
        assert SECRET not in public_sentence(error)


@pytest.mark.parametrize("error", [ZeroDivisionError(SECRET), OSError(SECRET), TimeoutError()])
def test_an_error_that_nobody_raised_on_purpose_is_internal(error: Exception) -> None:
    assert (status_of(error).http, status_of(error).grpc) == (500, "INTERNAL")
    assert SECRET not in public_sentence(error)


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_the_reason_leads_back_to_the_error(cls: type[errors.VmafxTuneError]) -> None:
    assert error_for(reason_of(made(cls))) is cls


def test_a_reason_that_is_unknown_leads_to_nothing() -> None:
    assert error_for("OF_THE_FUTURE") is None


@pytest.mark.parametrize(
    ("error", "http", "code"),
    [
        (errors.UsageError(""), 400, "INVALID_ARGUMENT"),
        (errors.UnauthenticatedError(""), 401, "UNAUTHENTICATED"),
        (errors.MediaNotAllowedError(""), 404, "NOT_FOUND"),
        (errors.UnreadableSourceError(""), 422, "FAILED_PRECONDITION"),
        (errors.BusyError("", retry_after_s=1), 429, "RESOURCE_EXHAUSTED"),
        (errors.DrainingError(), 503, "UNAVAILABLE"),
        (errors.DeadlineError(""), 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_both_transports_say_the_same(error: Exception, http: int, code: str) -> None:
    assert (status_of(error).http, status_of(error).grpc) == (http, code)
