"""The session of a score for a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.model import VmafModel
    from vmafx_tune.options import ToolOptions
    from vmafx_tune.ports import Scorer

__all__ = ["ServedSession"]


class ServedSession(Session):
    """Lets somebody stand between a score and its backend.

    Args:
        tools: Which programs to use.
        cancel: Stops the score.
        share: Called with the chosen backend; returns what scores in its place. None leaves it.
    """

    def __init__(
        self, tools: ToolOptions, cancel: CancelToken, share: Callable[[Scorer], Scorer] | None
    ) -> None:
        super().__init__(tools, cancel=cancel)
        self._share = share

    def scorer(self, backend: str, model: VmafModel, **wishes: Any) -> Scorer:
        """Choose the backend that scores with `model`, as every session does."""
        chosen = super().scorer(backend, model, **wishes)
        return chosen if self._share is None else self._share(chosen)
