"""Attempts to have the server read what lies outside of its media roots.

Outside lies a canary: a good video with the size and length of the reference, so that any way to it
ends in a score. None may.
"""

from __future__ import annotations

import base64
import http.server
import os
import shutil
import socket
import struct
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.support import grpc_server
from tests.support.http_server import FakeScorer, ask_score, running_server
from tests.support.users import ordinary_user
from vmafx_tune import score
from vmafx_tune.errors import MediaNotAllowedError, ToolError, UnreadableSourceError
from vmafx_tune.media.ffmpeg import Ffmpeg
from vmafx_tune.media.inputs import input_guard
from vmafx_tune.media.probe import probe_source
from vmafx_tune.media.process import ProcessRunner
from vmafx_tune.model import Resolution, ScoreRequest, VmafModel
from vmafx_tune.options import ScoringOptions, ToolOptions
from vmafx_tune.scoring.ffmpeg_backend import FfmpegScorer
from vmafx_tune.server.media_roots import MediaRoots, with_shown_names
from vmafx_tune.server.scoring_pool import ScoringPool
from vmafx_tune.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.clips import ClipFactory

SIZE = Resolution(176, 144)
N_FRAMES = 7
REFUSED = "is not a file that this server may read"


@dataclass(frozen=True)
class Site:
    """A root with a reference in it, a canary beside it, and a web server that has the canary."""

    root: Path
    canary: Path
    ffmpeg: Path
    url: str
    requests: list[str]

    @property
    def media(self) -> MediaRoots:
        return MediaRoots([self.root])

    def put(self, name: str, content: bytes | str) -> str:
        data = content.encode() if isinstance(content, str) else content
        (self.root / name).write_bytes(data)
        return name

    def link(self, name: str, target: object) -> str:
        (self.root / name).symlink_to(str(target))
        return name

    @property
    def canary_in_base64(self) -> str:
        return base64.b64encode(self.canary.read_bytes()).decode()

    def score(self, name: str, *, backend: str = "auto") -> float:
        """Score a file as the server does."""
        with (
            self.media.open("reference.mp4") as reference,
            self.media.open(name) as distorted,
            with_shown_names(reference, distorted),
        ):
            return score(
                reference.path,
                distorted.path,
                scoring=ScoringOptions(backend=backend),
                tools=ToolOptions(ffmpeg=self.ffmpeg),
            ).score


@pytest.fixture
def site(tmp_path: Path, clips: ClipFactory, ffmpeg_exe: Path) -> Iterator[Site]:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    shutil.copy(clips.moving(size=SIZE, n_frames=N_FRAMES), root / "reference.mp4")
    shutil.copy(clips.moving(size=SIZE, n_frames=N_FRAMES), root / "inside.mp4")
    canary = outside / "canary.mp4"
    shutil.copy(clips.degraded(45, size=SIZE, n_frames=N_FRAMES), canary)
    with web_server(outside) as (url, requests):
        yield Site(root, canary, ffmpeg_exe, url, requests)
        assert requests == []


class _Server:
    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        requests = self.requests

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]  # as given

            def log_message(self, _format: str, *args: object) -> None:
                requests.append(str(args))

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/canary.mp4"


class web_server:  # noqa: N801 - used as a function is
    """Serve a folder, and note each request."""

    def __init__(self, folder: Path) -> None:
        self._server = _Server(folder)

    def __enter__(self) -> tuple[str, list[str]]:
        self._thread = threading.Thread(target=self._server.http.serve_forever, args=(0.01,))
        self._thread.start()
        return self._server.url, self._server.requests

    def __exit__(self, *_: object) -> None:
        self._server.http.shutdown()
        self._server.http.server_close()
        self._thread.join()


def test_the_canary_would_score_and_so_does_what_lies_in_the_root(site: Site) -> None:
    assert score(
        site.root / "reference.mp4", site.canary, tools=ToolOptions(ffmpeg=site.ffmpeg)
    ).score == pytest.approx(site.score(site.put("copy.mp4", site.canary.read_bytes())))
    assert site.score("inside.mp4") > site.score("copy.mp4") + 1


def beside_the_root(site: Site) -> str:
    folder = site.root.with_name(f"{site.root.name}-private")
    folder.mkdir()
    shutil.copy(site.canary, folder)
    return str(folder / "canary.mp4")


def a_descriptor(site: Site) -> int:
    """Open the canary for the rest of the test session."""
    return os.open(site.canary, os.O_RDONLY)


def a_pipe(site: Site) -> str:
    os.mkfifo(site.root / "pipe.mp4")
    return "pipe.mp4"


def a_socket(site: Site) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        # Names of sockets are short.
        before = Path.cwd()
        os.chdir(site.root)
        try:
            server.bind("socket.mp4")
        finally:
            os.chdir(before)
    return "socket.mp4"


# Each makes what it needs, and gives the name to ask for.
NAMES: dict[str, Callable[[Site], str]] = {
    "nothing": lambda _: "",
    "missing": lambda _: "missing.mp4",
    "up": lambda _: "../outside/canary.mp4",
    "down and up": lambda _: "folder/../../outside/canary.mp4",
    "up and back in": lambda site: f"../{site.root.name}/inside.mp4",
    "up far": lambda site: f"{'../' * 40}{site.canary.relative_to('/')}",
    "absolute": lambda site: str(site.canary),
    "absolute with two slashes": lambda site: f"/{site.canary}",
    "absolute from the root and up": lambda site: f"{site.root}/../outside/canary.mp4",
    "name that begins like the root": beside_the_root,
    "link": lambda site: site.link("link.mp4", site.canary),
    "relative link": lambda site: site.link("relative.mp4", "../outside/canary.mp4"),
    "link to a link": lambda site: site.link("second.mp4", site.link("first.mp4", site.canary)),
    "linked folder": lambda site: f"{site.link('elsewhere', site.canary.parent)}/canary.mp4",
    "absolute through a link": lambda site: (
        f"{site.root}/{site.link('there', site.canary.parent)}/canary.mp4"
    ),
    "link that goes round": lambda site: site.link("loop.mp4", "loop.mp4"),
    "broken link": lambda site: site.link("broken.mp4", "nowhere.mp4"),
    "environment": lambda _: "/proc/self/environ",
    "link to the environment": lambda site: site.link("environ.mp4", "/proc/self/environ"),
    "descriptor": lambda site: f"/proc/self/fd/{a_descriptor(site)}",
    "descriptor in /dev": lambda site: f"/dev/fd/{a_descriptor(site)}",
    "link to a descriptor": lambda site: site.link(
        "fd.mp4", f"/proc/{os.getpid()}/fd/{a_descriptor(site)}"
    ),
    "root of the process": lambda site: f"/proc/self/root{site.canary}",
    "link to the root of the process": lambda site: (
        f"{site.link('slash', '/proc/self/root')}{site.canary}"
    ),
    "working directory of the process": lambda _: "/proc/self/cwd/pyproject.toml",
    "standard input": lambda _: "/dev/stdin",
    "device": lambda _: "/dev/zero",
    "link to a device": lambda site: site.link("zero.mp4", "/dev/zero"),
    "pipe": a_pipe,
    "socket": a_socket,
    "folder": lambda _: "folder",
    "folder with a slash": lambda _: "folder/",
    "the root": lambda site: str(site.root),
    "the root as a dot": lambda _: ".",
    "above the root": lambda _: "..",
    "root directory": lambda _: "/",
    "file with a slash": lambda _: "inside.mp4/",
    "file with a dot": lambda _: "inside.mp4/.",
    "NUL": lambda site: f"{site.canary}\0.mp4",
    "NUL in the root": lambda _: "inside.mp4\0",
    "newline": lambda site: site.put("a\nb.mp4", (site.root / "inside.mp4").read_bytes()),
    "newline and an option": lambda site: f"inside.mp4\n-i\n{site.canary}",
    "carriage return": lambda _: "inside.mp4\r",
    "line separator": lambda _: "inside.mp4\u2028",
    "leading dash": lambda site: site.put("-i.mp4", (site.root / "inside.mp4").read_bytes()),
    "file URL": lambda site: f"file://{site.canary}",
    "file protocol": lambda site: f"file:{site.canary}",
    "concat protocol": lambda site: f"concat:{site.canary}|{site.canary}",
    "subfile protocol": lambda site: f"subfile,,start,0,end,0,,:{site.canary}",
    "crypto protocol": lambda site: f"crypto:{site.canary}",
    "cache protocol": lambda site: f"cache:{site.canary}",
    "async protocol": lambda site: f"async:{site.canary}",
    "pipe protocol": lambda _: "pipe:0",
    "fd protocol": lambda site: f"fd:{a_descriptor(site)}",
    "http URL": lambda site: site.url,
    "S3 URL": lambda _: "s3://outside/canary.mp4",
    "GCS URL": lambda _: "gs://outside/canary.mp4",
    "data URL": lambda site: f"data:video/mp4;base64,{site.canary_in_base64}",
    "short data URL": lambda _: "data:text/plain,x",
    "lavfi": lambda _: "testsrc2=size=176x144:rate=25:duration=0.28",
    "home folder": lambda _: "~/canary.mp4",
    "variable": lambda _: "$HOME/canary.mp4",
    "percent signs": lambda _: "%2e%2e/outside/canary.mp4",
    "percent sign for a slash": lambda _: "..%2foutside%2fcanary.mp4",
    "full-width dots": lambda _: "\uff0e\uff0e/outside/canary.mp4",
    "full-width slash": lambda _: "..\uff0foutside\uff0fcanary.mp4",
    "two dot leader": lambda _: "\u2025/outside/canary.mp4",
    "division slash": lambda _: "..\u2215outside\u2215canary.mp4",
    "right to left": lambda _: "\u202e4pm.yranac/edistuo/..",
    "zero width": lambda _: ".\u200b./outside/canary.mp4",
    "overlong dot": lambda _: os.fsdecode(b"\xc0\xae\xc0\xae/outside/canary.mp4"),
    "lone surrogate": lambda _: "\udc80.mp4",
    "backslashes": lambda _: "..\\outside\\canary.mp4",
    "drive": lambda _: "C:\\outside\\canary.mp4",
    "network share": lambda _: "\\\\server\\share\\canary.mp4",
    "long name": lambda _: "a" * 5000,
    "long component": lambda _: "a" * 300,
    "deep name": lambda _: "a/" * 1500 + "x.mp4",
}


@pytest.mark.parametrize("attempt", NAMES)
@pytest.mark.parametrize("by_descriptor", [True, False], ids=["descriptor", "path"])
def test_a_name_that_leads_nowhere_or_outside_is_refused_with_one_sentence(
    site: Site, attempt: str, *, by_descriptor: bool
) -> None:
    name = NAMES[attempt](site)
    media = MediaRoots([site.root], by_descriptor=by_descriptor)
    with pytest.raises(MediaNotAllowedError, match=REFUSED) as caught, media.open(name):
        pytest.fail("It was opened.")
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400
    assert message.encode()


def test_over_http_none_of_them_gets_as_far_as_the_scorer(site: Site) -> None:
    with running_server(site.root) as server:
        for attempt, make in NAMES.items():
            if name := make(site):
                document = {"reference": "reference.mp4", "distorted": name}
                answer = ask_score(server.port, document)
                # Names that cannot be any file's are already refused as what is sent.
                told = (answer.status, REFUSED in answer.json()["error"])
                assert told == (404, True) or answer.status in {400, 422}, attempt
        assert server.scorer.calls == []


def test_over_grpc_none_of_them_gets_as_far_as_the_scorer(site: Site) -> None:
    scorer = FakeScorer()
    settings = grpc_server.settings_for(site.root)
    with (
        grpc_server.running_server(settings, scorer) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        for attempt, make in NAMES.items():
            code, sentence = refused_over_grpc(channel, make(site))
            told = (code, REFUSED in sentence)
            # No name at all is bad use, and what is no UTF-8 is no message.
            bad = code is grpc.StatusCode.INVALID_ARGUMENT
            assert told == (grpc.StatusCode.NOT_FOUND, True) or bad, attempt
        assert scorer.calls == []


def refused_over_grpc(channel: grpc.Channel, name: str) -> tuple[grpc.StatusCode, str]:
    """Ask for a score with a message made by hand, as there are no bad ones to be had else."""
    anything: Any = channel
    message = text_field(1, "reference.mp4") + text_field(2, name)
    with pytest.raises(grpc.RpcError) as caught:
        anything.unary_unary("/vmafx.v1.VmafxScoring/Score")(message, timeout=60)
    error: Any = caught.value
    return error.code(), error.details()


def text_field(number: int, text: str) -> bytes:
    """Write a field as protobuf does."""
    data = os.fsencode(text)
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
@pytest.mark.parametrize("root", ["/", "/proc", "/proc/self"])
@pytest.mark.parametrize("name", ["/proc/self/environ", "self/environ", "environ", "version"])
def test_a_file_of_the_kernel_is_refused_even_within_a_root(root: str, name: str) -> None:
    with pytest.raises(MediaNotAllowedError), MediaRoots([Path(root)]).open(name):
        pytest.fail("It was opened.")


def test_a_file_without_access_looks_like_a_missing_one(site: Site, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    (site.root / "inside.mp4").chmod(0)
    with ordinary_user():
        refusals = [refusal(site, name) for name in ("inside.mp4", "nowhere.mp4")]
    assert refusals[0].replace("inside", "nowhere") == refusals[1]


def refusal(site: Site, name: str) -> str:
    with pytest.raises(MediaNotAllowedError) as caught, site.media.open(name):
        pytest.fail("It was opened.")
    return str(caught.value)


def hls(segment: str, *, head: str = "") -> str:
    return (
        f"{head}#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        f"#EXTINF:0.28,\n{segment}\n#EXT-X-ENDLIST\n"
    )


def dash(base: str) -> str:
    return (
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT0.28S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
        f'<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000" '
        f'width="{SIZE.width}" height="{SIZE.height}"><BaseURL>{base}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>\n"
    )


def imf(site: Site) -> str:
    site.put(
        "ASSETMAP.xml",
        '<?xml version="1.0"?><AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM">'
        "<AssetList><Asset><Id>urn:uuid:1</Id><ChunkList><Chunk><Path>"
        f"{site.canary}</Path></Chunk></ChunkList></Asset></AssetList></AssetMap>",
    )
    return (
        '<?xml version="1.0"?>\n'
        '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
        "<Id>urn:uuid:2</Id><ContentTitle>x</ContentTitle><EditRate>25 1</EditRate>"
        "<SegmentList></SegmentList></CompositionPlaylist>\n"
    )


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + kind + data


def movie_by_reference(site: Site) -> bytes:
    """The canary's index, with an alias that says that the samples are in the canary."""
    canary = site.canary.read_bytes()
    index = canary.index(b"moov") - 4
    return box(b"ftyp", b"qt  \0\0\2\0qt  ") + with_data_reference(
        canary[index:], alias(os.fsencode(site.canary))
    )


def alias(path: bytes) -> bytes:
    """A Macintosh alias, of which libavformat reads the absolute path (item 2)."""
    item = struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    return box(b"alis", bytes(4 + 150), item, struct.pack(">hH", -1, 0))


def with_data_reference(data: bytes, entry: bytes) -> bytes:
    """Put `entry` in the place of an MP4's only data reference (`url `, "in this file")."""
    own = box(b"url ", b"\0\0\0\1")
    assert own in data
    grown = data.replace(own, entry)
    for kind in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = grown.index(kind) - 4
        size = struct.unpack(">I", grown[place : place + 4])[0] + len(entry) - len(own)
        grown = grown[:place] + struct.pack(">I", size) + grown[place + 4 :]
    return grown


def reference_movie(site: Site) -> bytes:
    path = os.fsencode(site.canary)
    target = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(path) + 1), path + b"\0")
    return box(b"ftyp", b"qt  \0\0\2\0qt  ") + box(b"moov", box(b"rmra", box(b"rmda", target)))


CONTENTS: dict[str, Callable[[Site], bytes | str]] = {
    "HLS with a path": lambda site: hls(str(site.canary)),
    "HLS with a relative path": lambda _: hls("../outside/canary.mp4"),
    "HLS with a file URL": lambda site: hls(f"file://{site.canary}"),
    "HLS with a file protocol": lambda site: hls(f"file:{site.canary}"),
    "HLS with a concat protocol": lambda site: hls(f"concat:{site.canary}"),
    "HLS with a subfile protocol": lambda site: hls(f"subfile,,start,0,end,0,,:{site.canary}"),
    "HLS with an http URL": lambda site: hls(site.url),
    "HLS with a data URL": lambda site: hls(f"data:video/mp4;base64,{site.canary_in_base64}"),
    "HLS with a map": lambda site: hls(str(site.canary), head="").replace(
        "#EXTINF", f'#EXT-X-MAP:URI="{site.canary}"\n#EXTINF'
    ),
    "HLS with a key": lambda site: hls(str(site.canary)).replace(
        "#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{site.canary}"\n#EXTINF'
    ),
    "HLS after a byte order mark": lambda site: hls(str(site.canary), head="\ufeff"),
    "HLS of variants": lambda site: (
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n"
        + site.put("media.m3u8", hls(str(site.canary)))
        + "\n"
    ),
    "DASH with a path": lambda site: dash(str(site.canary)),
    "DASH with a file URL": lambda site: dash(f"file:{site.canary}"),
    "DASH with an http URL": lambda site: dash(site.url),
    "ffconcat with a path": lambda site: f"ffconcat version 1.0\nfile '{site.canary}'\n",
    "ffconcat through a link": lambda site: (
        f"ffconcat version 1.0\nfile {site.link('l.mp4', site.canary)}\n"
    ),
    "ffconcat with a data URL": lambda site: (
        f"ffconcat version 1.0\nfile 'data:video/mp4;base64,{site.canary_in_base64}'\n"
    ),
    "ffconcat with an option": lambda site: (
        f"ffconcat version 1.0\nfile '{site.canary}'\noption safe 0\n"
    ),
    "concat without a header": lambda site: f"file '{site.canary}'\n",
    "IMF": imf,
    "SDP": lambda _: (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    "M3U": lambda site: f"#EXTM3U\n{site.canary}\n",
    "PLS": lambda site: f"[playlist]\nFile1={site.canary}\nNumberOfEntries=1\n",
    "ASX": lambda site: f'<asx version="3.0"><entry><ref href="{site.url}"/></entry></asx>\n',
    "ASF reference": lambda site: f"[Reference]\r\nRef1={site.url}\r\n",
    "SMIL": lambda site: f'<smil><body><video src="{site.canary}"/></body></smil>\n',
    "SVG": lambda site: (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" width="176" height="144">'
        f'<image width="176" height="144" xlink:href="file://{site.canary}"/></svg>\n'
    ),
    "AviSynth": lambda site: f'FFVideoSource("{site.canary}")\n',
    "VobSub": lambda site: (
        "# VobSub index file, v7 (do not modify this line!)\nsize: 176x144\nid: en, index: 0\n"
        f"timestamp: 00:00:00:000, filepos: 000000000\n# {site.canary}\n"
    ),
    "subtitles": lambda site: f"1\n00:00:00,000 --> 00:00:01,000\n{site.canary}\n",
    "text art": lambda site: f"\x1b[2J\x1b[1;1H{site.canary}\n",
    "metadata": lambda site: f";FFMETADATA1\ntitle={site.canary}\n",
    "reference movie": reference_movie,
    "movie with its samples elsewhere": movie_by_reference,
    "Y4M without size": lambda site: f"YUV4MPEG2 X{site.canary}\nFRAME\n",
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8"])
def test_a_file_that_points_elsewhere_is_not_followed(site: Site, content: str, name: str) -> None:
    site.put(name, CONTENTS[content](site))
    with pytest.raises(UnreadableSourceError) as caught:
        site.score(name)
    assert f"'{name}'" in str(caught.value)
    assert str(site.root) not in str(caught.value)
    assert "/proc" not in str(caught.value)


@pytest.mark.parametrize("content", CONTENTS)
def test_over_http_a_file_that_points_elsewhere_is_refused(site: Site, content: str) -> None:
    site.put("list.mp4", CONTENTS[content](site))
    with (
        running_server(site.root) as server,
        closing(ScoringPool(ServerSettings(ffmpeg=site.ffmpeg))) as real,
    ):
        server.service._scorer = real
        answer = ask_score(server.port, {"reference": "reference.mp4", "distorted": "list.mp4"})
    assert answer.status in {400, 422}
    assert "list.mp4" in answer.json()["error"]
    assert "/proc" not in answer.json()["error"]


@pytest.mark.parametrize("content", CONTENTS)
def test_over_grpc_a_file_that_points_elsewhere_is_refused(site: Site, content: str) -> None:
    site.put("list.mp4", CONTENTS[content](site))
    settings = grpc_server.settings_for(site.root, ffmpeg=site.ffmpeg)
    with (
        grpc_server.running_server(settings) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        code, sentence = refused_over_grpc(channel, "list.mp4")
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "list.mp4" in sentence
    assert "/proc" not in sentence


@pytest.mark.parametrize("content", CONTENTS)
def test_ffmpeg_does_not_follow_it_either(site: Site, content: str) -> None:
    site.put("list.mp4", CONTENTS[content](site))
    good = probe_source(site.root / "inside.mp4")
    runner = ProcessRunner()
    scorer = FfmpegScorer(Ffmpeg(site.ffmpeg, "", ""), runner)
    with site.media.open("list.mp4") as opened:
        request = ScoreRequest(
            reference=good,
            # As if probing had let it through.
            distorted=replace(good, path=opened.path),
            model=VmafModel("vmaf_v0.6.1"),
            display=SIZE,
        )
        with pytest.raises((UnreadableSourceError, ToolError)):
            scorer.score(request)


@pytest.mark.parametrize(
    ("content", "name", "lax"),
    [
        ("DASH with a path", "list.mp4", ["-protocol_whitelist", "file"]),
        # Newer versions look at names, too.
        ("HLS with a path", "list.m3u8", ["-extension_picky", "0"]),
        (
            "movie with its samples elsewhere",
            "list.mp4",
            ["-enable_drefs", "1", "-use_absolute_path", "1"],
        ),
    ],
)
def test_the_canary_is_in_reach_of_an_ffmpeg_that_is_not_held_back(
    site: Site, content: str, name: str, lax: list[str]
) -> None:
    site.put(name, CONTENTS[content](site))
    command = [str(site.ffmpeg), "-v", "error", "-nostdin"]
    reading = ["-i", str(site.root / name), "-f", "framecrc", "-"]
    guard = [part for option, value in input_guard().items() for part in (f"-{option}", value)]
    free = ProcessRunner().run([*command, *lax, *reading])
    held = ProcessRunner().run([*command, *guard, *reading])
    assert free.stdout.count("\n0, ") >= N_FRAMES
    assert held.stdout.count("\n0, ") == 0
    assert held.returncode != 0


def test_a_name_with_a_pattern_is_no_sequence_of_pictures(site: Site, clips: ClipFactory) -> None:
    for index in range(N_FRAMES):
        shutil.copy(clips.cover(), site.canary.with_name(f"{index:03d}.jpg"))
        site.link(f"{index:03d}.jpg", site.canary.with_name(f"{index:03d}.jpg"))
    site.put("%03d.jpg", "no picture")
    with pytest.raises(UnreadableSourceError):
        site.score("%03d.jpg")
    with pytest.raises(UnreadableSourceError):
        probe_source(site.root / "%03d.jpg")


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
def test_a_name_swapped_for_a_link_during_the_request_changes_nothing(
    site: Site, backend: str
) -> None:
    expected = site.score("inside.mp4", backend=backend)
    with site.media.open("reference.mp4") as reference, site.media.open("inside.mp4") as distorted:
        (site.root / "inside.mp4").unlink()
        site.link("inside.mp4", site.canary)
        scored = score(
            reference.path,
            distorted.path,
            scoring=ScoringOptions(backend=backend),
            tools=ToolOptions(ffmpeg=site.ffmpeg),
        )
    assert scored.score == expected
    assert REFUSED in refusal(site, "inside.mp4")


def test_a_folder_swapped_for_a_link_during_the_request_changes_nothing(site: Site) -> None:
    shutil.copy(site.root / "inside.mp4", site.root / "folder/canary.mp4")
    inside = (site.root / "inside.mp4").read_bytes()
    with site.media.open("folder/canary.mp4") as opened:
        (site.root / "folder").rename(site.root / "moved")
        site.link("folder", site.canary.parent)
        assert opened.path.read_bytes() == inside
    assert REFUSED in refusal(site, "folder/canary.mp4")


@pytest.mark.parametrize("victim", ["swapped.mp4", "folder/swapped.mp4"])
def test_whatever_is_swapped_at_whatever_moment_no_byte_outside_is_read(
    site: Site, victim: str
) -> None:
    inside, outside = (site.root / "inside.mp4").read_bytes(), site.canary.read_bytes()
    (site.canary.parent / "swapped.mp4").write_bytes(outside)
    read: set[bytes] = set()
    with swapping(site, victim):
        for _ in range(1500):
            try:
                with site.media.open(victim) as opened:
                    read.add(opened.path.read_bytes())
            except MediaNotAllowedError:
                read.add(b"")
    assert outside not in read
    assert read == {inside, b""}


class swapping:  # noqa: N801 - used as a function is
    """Swap a file, or the folder that it is in, between a real one and a link outside."""

    def __init__(self, site: Site, victim: str) -> None:
        self._name = site.root / victim.split("/", maxsplit=1)[0]
        is_folder = "/" in victim
        self._target = site.canary.parent if is_folder else site.canary
        self._real = site.root / ("real" if is_folder else "real.mp4")
        if is_folder:
            self._name.rmdir()
            self._real.mkdir()
        shutil.copy(
            site.root / "inside.mp4", self._real / "swapped.mp4" if is_folder else self._real
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._swap)

    def _swap(self) -> None:
        link = self._name.with_name("next")
        while not self._stop.is_set():
            for target in (self._target, self._real):
                link.symlink_to(target)
                link.replace(self._name)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
