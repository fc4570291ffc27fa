"""Servers that answer wrongly: what comes of it is the right content or one sentence, at once."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.raw_origin import answering, chunked, dripping, message, raw_origin
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import OutputError, UnreadableSourceError
from vmafx_tune.media.http_exchange import TransferLimits
from vmafx_tune.media.source_cache import SourceCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.raw_origin import Caller

    Answer = Callable[[Caller], None]

CONTENT = random.Random(1).randbytes(5000)
OTHER = random.Random(2).randbytes(5000)
HASTE = TransferLimits(
    tries=3, pause_s=0.0, connect_s=2.0, answer_s=0.4, min_bytes_per_s=1000.0, window_s=0.2
)
ROOM_BYTES = 1 << 20
LENGTH = f"Content-Length: {len(CONTENT)}"
TAG = 'ETag: "one"'
CUT = 2000


@dataclass(frozen=True)
class Case:
    """Answers in turn, and what comes of them: words of the error, or None for the content."""

    name: str
    answers: tuple[Answer, ...]
    error: str | None


def case(name: str, *answers: bytes | Answer, error: str | None = None) -> Case:
    spoken = (answering(item) if isinstance(item, bytes) else item for item in answers)
    return Case(name, tuple(spoken), error)


def ok(*headers: str, body: bytes = CONTENT) -> bytes:
    return message("200 OK", *headers, body=body)


def moved(location: str, status: str = "302 Found") -> bytes:
    return message(status, f"Location: {location}", "Content-Length: 0")


def part(*headers: str, body: bytes = CONTENT[CUT:]) -> bytes:
    return message("206 Partial Content", *headers, f"Content-Length: {len(body)}", body=body)


def reset_after(data: bytes) -> Answer:
    def answer(caller: Caller) -> None:
        caller.send(data)
        caller.reset()

    return answer


def silent(caller: Caller) -> None:
    caller.ended.wait()


WHOLE = ok(LENGTH, TAG)
BROKEN = ok(LENGTH, TAG, body=CONTENT[:CUT])
IN_CHUNKS = "Transfer-Encoding: chunked"
RANGE = f"Content-Range: bytes {CUT}-{len(CONTENT) - 1}/{len(CONTENT)}"

HEADS = [
    case("no answer at first", b"", WHOLE),
    case("never an answer", b"", error="closes the connection without an answer"),
    case("garbage", b"\x00\xff\x1b[2J\r\n\r\n", error="not valid HTTP"),
    case("a status that is no number", message("abc OK"), error="not valid HTTP"),
    case("another protocol", b"SSH-2.0-OpenSSH_9.7\r\n", error="not valid HTTP"),
    case("a different version", b"HTTP/9.9 200 OK\r\n\r\n", error="not valid HTTP"),
    case("no head", CONTENT, error="not valid HTTP"),
    case("a head that ends early", b"HTTP/1.1 200 OK\r\nConte", WHOLE),
    case("a line without end", message("200 OK", f"X: {'y' * 70_000}"), error="not valid HTTP"),
    case("too many headers", message("200 OK", *["X: y"] * 200), error="not valid HTTP"),
    case("silence", silent, error="does not answer within 0.4 s"),
    case("silence at first", silent, WHOLE),
    case("a head that drips", dripping(b"HTTP/1.1 200 OK\r\nX: "), error="does not answer"),
    case("100 for ever", dripping(b"", message("100 Continue")), error="does not answer"),
    case("100 first", message("100 Continue") + WHOLE),
]
STATUSES = [
    case(
        f"status {status}", message(f"{status} Words", "Content-Length: 0"), error=f"{status} Words"
    )
    for status in (
        *(199, 201, 202, 203, 204, 205, 300, 305, 400, 401, 403, 404, 407, 408, 410, 425, 429, 451),
        *(500, 502, 503, 504, 511, 599, 999),
    )
] + [
    case("304 unasked", message("304 Not Modified", TAG), error="304 .*not requested"),
    case("206 unasked", part(RANGE, TAG), error="206 .*not requested"),
    case("416 unasked", message("416 Range Not Satisfiable"), error="416 .*not requested"),
    case("500 at first", message("500 Oops"), message("503 Busy"), WHOLE),
    case("429 at first", message("429 Too Many"), WHOLE),
    case("404 is final", message("404 Not Found"), WHOLE, error="404 Not Found"),
    case("words with escapes", message("403 \x1b]0;owned\x07\x9b2J No"), error="403 .*No"),
    case("endless words", message(f"403 {'no ' * 1000}"), error="403 no .*…"),
    case("no words", message("403"), error="403"),
]
REDIRECTS = [
    case("no place", message("302 Found"), error="without a Location"),
    case("an empty Location", moved(""), error="without a Location"),
    case("a loop", moved("/clip.mp4"), error="more than 10 times"),
    *(
        case(f"a redirect to {place[:20]}", moved(place), error="redirects to an invalid URL")
        for place in (
            *("ftp://127.0.0.1/a.mp4", "file:///etc/passwd", "data:,x", "javascript:alert(1)"),
            *("http://[::1", "http://127.0.0.1:99999/", "http://127.0.0.1:0/"),
            *(f"http://{'a' * 64}.example/", "http://a..example/", "http://\x1b[2J/"),
        )
    ),
    case("a redirect to nobody", moved("http://127.0.0.1:1/"), error="Connection refused"),
    *(
        case(f"a redirect to {place!a}", moved(place), WHOLE)
        for place in ("other.mp4", "/é.mp4", "/\u00c3\u00a9.mp4", "/a b", "?x=%zz", "/#fragment")
    ),
    *(
        case(f"a redirect by {status}", moved("/b.mp4", status), WHOLE)
        for status in ("301 A", "302 B", "303 C", "307 D", "308 E")
    ),
]
LENGTHS = [
    *(
        case(f"a length of {told!r}", ok(f"Content-Length: {told}"), error="Content-Length")
        for told in ("abc", "-5", "1e3", "+5000", "5_000", "5000, 6", "", "0x1388", "9" * 30)
    ),
    case("two lengths", ok(LENGTH, "Content-Length: 6"), error="Content-Length"),
    case("a length told twice", ok(LENGTH, LENGTH)),
    case(
        "a length beyond the room", ok(f"Content-Length: {'9' * 15}"), error="VMAFX_SOURCES_LIMIT"
    ),
    case("content beyond the room", ok(body=CONTENT * 250), error="VMAFX_SOURCES_LIMIT"),
    case("chunks beyond the room", ok(IN_CHUNKS, body=chunked(CONTENT * 250)), error="LIMIT"),
    case("more than was told", ok(LENGTH, body=CONTENT + OTHER)),
    case("less than was told", ok(LENGTH, body=CONTENT[:CUT]), error="ended"),
    case("no length", ok()),
    case("nothing", ok("Content-Length: 0", body=b""), error="sent no data"),
    case("nothing at first", ok(TAG, body=b""), WHOLE),
]
CODINGS = [
    case("chunks", ok(IN_CHUNKS, body=chunked(CONTENT))),
    case("chunks with extensions", ok(IN_CHUNKS, body=b"1388;a=b\r\n%s\r\n0\r\n\r\n" % CONTENT)),
    case("chunks and a length", ok(IN_CHUNKS, "Content-Length: 3", body=chunked(CONTENT))),
    case("chunks that end early", ok(IN_CHUNKS, body=chunked(CONTENT)[:CUT]), error="ended early"),
    case("no last chunk", ok(IN_CHUNKS, body=chunked(CONTENT, end=b"")), error="ended early"),
    case("no last chunk at first", ok(IN_CHUNKS, TAG, body=chunked(OTHER, end=b"")), WHOLE),
    case("chunks of no size", ok(IN_CHUNKS, body=b"zz\r\n" + CONTENT), error="ended early"),
    case("a negative chunk", ok(IN_CHUNKS, body=b"-5\r\n" + CONTENT), error="ended early"),
    case("a chunk without end", ok(IN_CHUNKS, body=b"f" * 16 + b"\r\nx"), error="ended early"),
    case("chunks that are none", ok(IN_CHUNKS), error="ended early"),
    case(
        "unknown transfer coding",
        ok("Transfer-Encoding: gzip", LENGTH),
        error="unknown transfer coding",
    ),
    case("no coding", ok("Transfer-Encoding: identity", LENGTH)),
    *(
        case(f"compressed by {name}", ok(f"Content-Encoding: {name}", LENGTH), error="compresses")
        for name in ("gzip", "br", "zstd", "gzip, identity")
    ),
    case("not compressed", ok("Content-Encoding: identity", LENGTH)),
]
PARTS = [
    case("the right part", BROKEN, part(RANGE, TAG)),
    case("a part after a reset", reset_after(BROKEN), part(RANGE, TAG)),
    case("a part from the start", BROKEN, part("Content-Range: bytes 0-4999/5000", TAG), WHOLE),
    case("a part from elsewhere", BROKEN, part("Content-Range: bytes 2001-4999/5000", TAG), WHOLE),
    case("a part of more", BROKEN, part("Content-Range: bytes 2000-4999/6000", TAG), WHOLE),
    case("a part of who knows", BROKEN, part("Content-Range: bytes 2000-4999/*", TAG), WHOLE),
    case("a part beyond the end", BROKEN, part("Content-Range: bytes 2000-5000/5000", TAG), WHOLE),
    case("a part of no unit", BROKEN, part("Content-Range: 2000-4999/5000", TAG), WHOLE),
    case("a part of no range", BROKEN, part(TAG), WHOLE),
    case("parts", BROKEN, part("Content-Type: multipart/byteranges; boundary=x", TAG), WHOLE),
    case(
        "a part of a different version", BROKEN, part(RANGE, 'ETag: "two"', body=OTHER[CUT:]), WHOLE
    ),
    case("a part of any version", BROKEN, part(RANGE, body=OTHER[CUT:]), WHOLE),
    case("a part of weak version", BROKEN, part(RANGE, 'ETag: W/"one"', body=OTHER[CUT:]), WHOLE),
    case("a part that is short", BROKEN, part(RANGE, TAG, body=OTHER[CUT:3000]), WHOLE),
    case("a compressed part", BROKEN, part(RANGE, TAG, "Content-Encoding: br"), error="compresses"),
    case("a part that breaks", BROKEN, message("206 P", RANGE, TAG, "Content-Length: 3000"), WHOLE),
    case(
        "parts without end",
        BROKEN,
        part("Content-Range: bytes 0-0/1", TAG),
        error="206 .*not requested",
    ),
    case("not have this range", BROKEN, message("416 No", "Content-Range: bytes */5000"), WHOLE),
    case("the whole instead of a part", BROKEN, WHOLE),
    case(
        "a new version instead of a part",
        ok(LENGTH, TAG, body=OTHER[:CUT]),
        ok(LENGTH, 'ETag: "b"'),
    ),
    case(
        "a part that is unchanged", BROKEN, message("304 Not Modified", TAG), error="not requested"
    ),
    case("a part that is gone", BROKEN, message("404 Not Found"), error="404"),
    case("a part in a while", BROKEN, message("503 Busy"), part(RANGE, TAG)),
    *(
        case(f"a break without {what}", ok(LENGTH, *headers, body=OTHER[:CUT]), WHOLE)
        for what, headers in (
            ("a tag", ()),
            ("a strong tag", ('ETag: W/"one"',)),
            ("a valid tag", ("ETag: one",)),
            ("an old date", ("Last-Modified: Sun, 29 Nov 2026 10:00:00 GMT",)),
            ("a sane date", ("Last-Modified: never", "Date: yesterday")),
        )
    ),
]
PACES = [
    case("a drip", dripping(ok(LENGTH, body=b"")), error="minimum rate of 1000 bytes per second"),
    case("a drip without length", dripping(ok(body=b"")), error="minimum rate"),
    case(
        "a drip of chunks", dripping(ok(IN_CHUNKS, body=b""), b"1\r\nx\r\n"), error="minimum rate"
    ),
    case("a stall", dripping(ok(LENGTH, TAG, body=CONTENT[:CUT]), b""), part(RANGE, TAG)),
]
DICE = random.Random(20261129)
CUTS = [
    case(f"cut at byte {at} of {kind}", whole[:at], WHOLE)
    for kind, whole in (("a length", WHOLE), ("chunks", ok(IN_CHUNKS, TAG, body=chunked(CONTENT))))
    for at in sorted(DICE.sample(range(1, len(whole) - 8), 10))
]
CASES = [*HEADS, *STATUSES, *REDIRECTS, *LENGTHS, *CODINGS, *PARTS, *PACES, *CUTS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_answer_gives_the_right_content_or_a_sentence(case: Case, tmp_path: Path) -> None:
    cache = SourceCache(CancelToken(), tmp_path, ROOM_BYTES, HASTE)
    with raw_origin(*case.answers) as origin:
        if case.error is None:
            assert cache.current(origin.url).read_bytes() == CONTENT
        else:
            with pytest.raises((UnreadableSourceError, OutputError), match=case.error) as caught:
                cache.current(origin.url)
            assert str(caught.value).isprintable()
    cache.close()

    assert list(tmp_path.rglob("*.part")) == []
    assert case.error is None or list(tmp_path.glob("*/*")) == []


def test_there_are_as_many_wrong_answers_as_were_promised() -> None:
    assert len(CASES) == len({case.name for case in CASES}) >= 80
