"""The settings of `serve`, from flags and environment: each declared once, as a row."""

from __future__ import annotations

import math
import os
import re
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.cpus import available_cpus, available_memory_bytes
from vmafx_tune.errors import UsageError
from vmafx_tune.files import is_file, is_folder, read_input
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["BACKENDS", "LOG_LEVELS", "SETTINGS", "ServerSettings", "Setting", "parse_flags"]

LOG_LEVELS = ("debug", "info", "warning", "error")

BACKENDS = ("auto", "libvmaf", "ffmpeg", "vmaf")
_MAX_PORT = 65535
_WORDS_OF_TOKEN = re.compile(r"[\x21-\x7e]+")
# Holds 7680x4320 and the 8192x4320 of cinemas.
_MAX_PIXELS = 8192 * 8192
# The rest is for the server itself, and for other processes of its machine or container.
_MEMORY_FOR_SCORES = (3, 4)
# Both pictures of a 3840x2160 pair in 4:4:4 with 10 bits: the largest that is promised to work.
_LARGEST_PAIR_BYTES = 2 * 3840 * 2160 * 3 * 2


def _memory_for_scores() -> int | None:
    available = available_memory_bytes()
    part, whole = _MEMORY_FOR_SCORES
    return None if available is None else available * part // whole


@frozen
class ServerSettings:
    """How a server runs. Made with `from_sources`, or by hand in tests.

    Attributes:
        host: Address that both listeners bind to.
        port: HTTP port; 0 takes a free one.
        grpc_port: gRPC port; 0 takes a free one.
        log_level: One of `LOG_LEVELS`; what is less grave is not logged.
        ffmpeg: ffmpeg to run; None looks for one.
        vmaf_binary: `vmaf` program for the backend of that name.
        backend: What scores files: `auto`, `libvmaf`, `ffmpeg` or `vmaf`.
        model_dirs: Folders whose JSON models can be asked for by name.
        media_roots: Folders that files may be read from.
        max_concurrent_scores: Scores of files that run at once, over both transports.
        max_streams: Streams of pictures that run at once; they have slots of their own, as a slow
            client may hold one for hours.
        max_queued_scores: How many more of either may wait.
        drain_s: How long running work may take to finish after SIGTERM, in seconds.
        request_timeout_s: How long one score may take, its wait included, in seconds.
        stream_idle_timeout_s: How long a stream may wait for its next message, in seconds.
        api_token: Bearer token that every request must carry but probes; None lets everyone in.
        tls_cert: PEM file with the certificate chain; None serves in plain text.
        tls_key: PEM file with its private key.
        max_body_bytes: Largest body of an HTTP request.
        max_frame_bytes: Largest pair of pictures in a stream.
        max_pixels: Largest picture, of a file or in a stream.
        max_memory_bytes: What all scores and streams together may take, by estimate; None for any
            amount.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int = 50051
    log_level: str = "info"
    ffmpeg: Path | None = None
    vmaf_binary: Path | None = None
    backend: str = "auto"
    model_dirs: tuple[Path, ...] = ()
    media_roots: tuple[Path, ...] = field(default_factory=lambda: (Path.cwd(),))
    max_concurrent_scores: int = field(default_factory=available_cpus)
    max_streams: int = field(default_factory=available_cpus)
    max_queued_scores: int = 8
    drain_s: float = 30.0
    request_timeout_s: float = 1800.0
    stream_idle_timeout_s: float = 60.0
    api_token: str | None = field(default=None, repr=False)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_body_bytes: int = 64 * 1024
    max_frame_bytes: int = _LARGEST_PAIR_BYTES
    max_pixels: int = _MAX_PIXELS
    max_memory_bytes: int | None = field(default_factory=_memory_for_scores)

    @classmethod
    def from_sources(
        cls, flags: Mapping[str, str | None], environ: Mapping[str, str]
    ) -> ServerSettings:
        """Take each setting from its flag, else its variable, else its default.

        Args:
            flags: Values by flag, such as `{"--port": "8080"}`; None counts as not given.
            environ: The environment; a variable that is empty counts as not set.

        Raises:
            UsageError: A value makes no sense; it names the flag or the variable, and the value.
        """
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            given = setting.find(flags, environ)
            if given is not None:
                values[setting.field] = setting.read(*given)
        if ("tls_cert" in values) != ("tls_key" in values):
            given_one, missing = ("--tls-cert", "--tls-key")
            if "tls_key" in values:
                given_one, missing = missing, given_one
            raise UsageError(f"{given_one} was given without {missing}. Give both, or neither.")
        return cls(**values)


@frozen
class Setting:
    """A row: where one field of `ServerSettings` comes from.

    Attributes:
        field: The field it sets.
        flag: Its flag; empty where it has none, as a command line is not private.
        variable: Its environment variable.
        metavar: What its value is, for help.
        parse: Reads the value; raises ValueError with a clause that says what it has to be.
        help: One sentence for help and documentation.
    """

    field: str
    flag: str
    variable: str
    metavar: str
    parse: Callable[[str], Any]
    help: str

    def find(
        self, flags: Mapping[str, str | None], environ: Mapping[str, str]
    ) -> tuple[str, str] | None:
        """Find where the setting was given: `(flag or variable, value)`, or None."""
        if self.flag and (value := flags.get(self.flag)) is not None:
            return self.flag, value
        if self.variable and (value := environ.get(self.variable)):
            return self.variable, value
        return None

    def read(self, name: str, value: str) -> Any:
        """Turn a value into the field's.

        Raises:
            UsageError: It makes no sense.
        """
        try:
            return self.parse(value)
        except ValueError as error:
            shown = "" if self.field == "api_token" and not self.flag else f" '{value}'"
            raise UsageError(f"{name}{shown} cannot be used: {error}.") from error


def parse_flags(argv: Sequence[str]) -> dict[str, str | None]:
    """Read a command line of `--flag value` and `--flag=value`; the last of each counts.

    Raises:
        UsageError: There is no such flag, or its value is missing.
    """
    known = {setting.flag for setting in SETTINGS if setting.flag}
    flags: dict[str, str | None] = {}
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag not in known:
            raise UsageError(
                f"serve has no option '{word}'. `vmafx-tune serve --help` lists those it has."
            )
        given = value if equals else next(words, None)
        if given is None:
            raise UsageError(f"{flag} needs a value.")
        flags[flag] = given
    return flags


def _whole(lo: int, hi: int | None = None) -> Callable[[str], int]:
    limits = f"from {lo} to {hi}" if hi is not None else f"of at least {lo}"

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
            raise ValueError(f"it is not a whole number {limits}")
        number = int(text)
        if number < lo or (hi is not None and number > hi):
            raise ValueError(f"it is not a whole number {limits}")
        return number

    return parse


def _seconds(*, zero: bool) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and (seconds > 0 or (zero and seconds == 0))):
            raise ValueError(f"it is not a number of seconds {'from' if zero else 'above'} 0")
        return seconds

    return parse


def _choice(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in names:
            raise ValueError(f"it is none of {', '.join(names)}")
        return text.lower()

    return parse


def _host(text: str) -> str:
    # Names in other alphabets are written as xn--… on the network.
    if not text.isascii() or not text or any(character.isspace() for character in text):
        raise ValueError("it is not a host name or an address in ASCII")
    return text


def _file(text: str) -> Path:
    path = Path(text).expanduser()
    if not is_file(path):
        raise ValueError("there is no such file")
    return path


def _program(text: str) -> Path:
    return Path(text)


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(Path(name).expanduser() for name in text.split(os.pathsep) if name)
    for folder in folders:
        if not is_folder(folder):
            raise ValueError(f"there is no folder '{folder}'")
    if not folders:
        raise ValueError("it names no folder")
    return folders


def _token(text: str) -> str:
    if not _WORDS_OF_TOKEN.fullmatch(text):
        raise ValueError("a token is printable ASCII without spaces")
    return text


def _token_file(text: str) -> str:
    try:
        token = read_input(_file(text)).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"it cannot be read ({error})") from error
    return _token(token)


def _setting(
    flag: str,
    metavar: str,
    parse: Callable[[str], Any],
    help_: str,
    *,
    field: str | None = None,
    variable: str | None = None,
) -> Setting:
    """Make a row, whose field and variable are called after the flag where nothing else is said."""
    name = flag.removeprefix("--").replace("-", "_")
    return Setting(field or name, flag, variable or f"VMAFX_{name.upper()}", metavar, parse, help_)


SETTINGS: tuple[Setting, ...] = (
    _setting("--host", "ADDRESS", _host, "Address that both listeners bind."),
    _setting("--port", "N", _whole(0, _MAX_PORT), "HTTP port; 0 takes a free one."),
    _setting("--grpc-port", "N", _whole(0, _MAX_PORT), "gRPC port; 0 takes a free one."),
    _setting(
        "--log-level",
        "LEVEL",
        _choice(*LOG_LEVELS),
        f"Lowest level that is logged: {', '.join(LOG_LEVELS)}.",
    ),
    _setting("--ffmpeg", "PATH", _program, "ffmpeg to run."),
    _setting(
        "--vmaf",
        "PATH",
        _program,
        "vmaf program for --backend vmaf.",
        field="vmaf_binary",
        variable="VMAFX_VMAF_BINARY",
    ),
    _setting("--backend", "NAME", _choice(*BACKENDS), f"What scores files: {', '.join(BACKENDS)}."),
    _setting(
        "--model-dir",
        "DIR",
        _folders,
        "Folder whose JSON models can be asked for by name; several are separated as in PATH.",
        field="model_dirs",
    ),
    _setting(
        "--media-roots",
        "DIR",
        _folders,
        "Folder that files may be read from; several are separated as in PATH. Default: the "
        "working directory.",
    ),
    _setting(
        "--max-concurrent",
        "N",
        _whole(1),
        "Scores of files that run at once. Default: one per core.",
        field="max_concurrent_scores",
        variable="VMAFX_MAX_CONCURRENT_SCORES",
    ),
    _setting(
        "--max-streams",
        "N",
        _whole(1),
        "Streams of pictures that run at once. Default: one per core.",
    ),
    _setting(
        "--max-queue",
        "N",
        _whole(0),
        "How many more of either may wait for their turn; past that, requests are refused.",
        field="max_queued_scores",
        variable="VMAFX_MAX_QUEUED_SCORES",
    ),
    _setting(
        "--drain-seconds",
        "SECONDS",
        _seconds(zero=True),
        "How long running work may take to finish after SIGTERM.",
        field="drain_s",
    ),
    _setting(
        "--request-timeout",
        "SECONDS",
        _seconds(zero=False),
        "How long one score may take, its wait in the queue included.",
        field="request_timeout_s",
        variable="VMAFX_REQUEST_TIMEOUT_SECONDS",
    ),
    _setting(
        "--stream-idle-timeout",
        "SECONDS",
        _seconds(zero=False),
        "How long a stream may wait for its next message.",
        field="stream_idle_timeout_s",
        variable="VMAFX_STREAM_IDLE_TIMEOUT_SECONDS",
    ),
    # The variable comes first, so that the file wins as a flag does.
    _setting(
        "",
        "TOKEN",
        _token,
        "Bearer token that every request must carry, but for probes.",
        field="api_token",
        variable="VMAFX_API_TOKEN",
    ),
    _setting(
        "--api-token-file",
        "FILE",
        _token_file,
        "File that holds the bearer token.",
        field="api_token",
    ),
    _setting(
        "--tls-cert", "FILE", _file, "PEM file with the certificate chain, for both listeners."
    ),
    _setting("--tls-key", "FILE", _file, "PEM file with its key."),
    _setting("--max-body-bytes", "N", _whole(1), "Largest body of an HTTP request."),
    _setting("--max-frame-bytes", "N", _whole(1, 1 << 30), "Largest pair of pictures in a stream."),
    _setting(
        "--max-pixels",
        "N",
        _whole(1, 1 << 31),
        f"Largest picture that is scored, in pixels. Default: {_MAX_PIXELS}, which holds 8K.",
    ),
    _setting(
        "--max-memory-bytes",
        "N",
        _whole(1 << 20),
        "Memory that all scores and streams together may take, by estimate. Default: three "
        "quarters of what the machine or the container has.",
    ),
)
"""Every setting, in the order of the help."""
