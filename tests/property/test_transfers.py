"""Transfers that break, from servers whose content changes: never a mixture of two versions."""

from __future__ import annotations

import random
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.raw_origin import message, raw_origin
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.http_exchange import TransferLimits
from vmafx_tune.media.transfer import Transfer
from vmafx_tune.media.urls import parse_url

if TYPE_CHECKING:
    from tests.support.raw_origin import Caller

SIZE = 200
# Of one size, so that only what a server says of them tells them apart.
VERSIONS = [random.Random(number).randbytes(SIZE) for number in range(3)]
LIMITS = TransferLimits(tries=6, pause_s=0.0)


@dataclass(frozen=True)
class Turn:
    """How a server answers one request.

    Attributes:
        shift: Added to the start of a part that is asked for; a part from elsewhere unless 0.
        sent: Bytes of the body before the connection breaks.
    """

    version: int
    honours_ranges: bool
    checks_versions: bool
    shift: int
    sent: int

    def answer(self, caller: Caller, tag: str) -> None:
        headers = [f"ETag: {tag.format(self.version)}"] if tag else []
        content, status = VERSIONS[self.version], "200 OK"
        same = not self.checks_versions or caller.headers.get("if-range") in {None, *tags(headers)}
        if "range" in caller.headers and self.honours_ranges and same:
            start = min(max(int(caller.headers["range"][6:-1]) + self.shift, 0), SIZE - 1)
            headers.append(f"Content-Range: bytes {start}-{SIZE - 1}/{SIZE}")
            content, status = content[start:], "206 Partial Content"
        headers.append(f"Content-Length: {len(content)}")
        caller.send(message(status, *headers, body=content[: self.sent]))


def tags(headers: list[str]) -> list[str]:
    return [header.removeprefix("ETag: ") for header in headers]


turns = st.builds(
    Turn,
    version=st.integers(0, 2),
    honours_ranges=st.booleans(),
    checks_versions=st.booleans(),
    shift=st.sampled_from([0, 0, 0, 0, -1, 1]),
    sent=st.sampled_from([SIZE, SIZE // 2]) | st.integers(0, SIZE),
)


@settings(max_examples=120)
@given(
    plan=st.lists(turns, min_size=2, max_size=5),
    # A weak tag may stay the same for content that only means the same.
    tag=st.sampled_from(['"{}"', '"{}"', '"{}"', 'W/"{}"', 'W/"same"', ""]),
)
def test_what_is_fetched_is_one_version_or_nothing(plan: list[Turn], tag: str) -> None:
    answers = [lambda caller, turn=turn: turn.answer(caller, tag) for turn in plan]
    with tempfile.TemporaryDirectory() as folder, raw_origin(*answers) as origin:
        target = Path(folder, "target")
        transfer = Transfer(
            parse_url(origin.url),
            target,
            cancel=CancelToken(),
            reserve=lambda _: None,
            limits=LIMITS,
        )
        with suppress(UnreadableSourceError):
            transfer.run()
            assert target.read_bytes() in VERSIONS
