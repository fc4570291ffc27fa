"""Errors of our own tree, to a message and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune import errors
from vmafx_tune.cluster.messages import Failure

if TYPE_CHECKING:
    from vmafx_tune.errors import VmafxTuneError

__all__ = ["failure_of", "raised"]

# What goes wrong with these is the machine's fault as a rule, and another one may do better.
_ELSEWHERE = (
    errors.ClusterError,
    errors.EncoderUnavailableError,
    errors.LibvmafNotFoundError,
    errors.ModelNotFoundError,
    errors.OutputError,
    errors.ToolNotFoundError,
)


def failure_of(error: VmafxTuneError) -> Failure:
    """Write an error down."""
    details = {name: value for name, value in vars(error).items() if _is_plain(value)}
    return Failure(type(error).__name__, str(error), details, isinstance(error, _ELSEWHERE))


def raised(failure: Failure) -> VmafxTuneError:
    """Make the error again: of the same class, with the same message and attributes."""
    kind = getattr(errors, failure.name, errors.VmafxTuneError)
    error: VmafxTuneError = kind.__new__(kind)
    # Each class has a constructor of its own that builds the message, which is here already.
    error.args = (failure.message,)
    vars(error).update({name: _with_tuples(value) for name, value in failure.details.items()})
    return error


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | int | float)


def _with_tuples(value: Any) -> Any:
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value
