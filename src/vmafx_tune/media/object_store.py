"""Objects of S3 and Google Cloud Storage, given as an HTTP server would.

fsspec knows the protocols, where credentials are and which endpoint is asked. What it is asked is
what a server would be: for an object unless it is a certain version, or for what is missing of it.
So all that holds for transfers holds for objects.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import SourceSupportError
from vmafx_tune.media.http_exchange import TransferError, causes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmafx_tune.media.urls import SourceUrl

__all__ = ["ObjectResponse", "open_object", "require_packages", "s3_options"]

_PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
_BLOCK_BYTES = 8 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"}
)
_CODE = re.compile(r"\w{1,60}")


def require_packages(url: SourceUrl) -> None:
    """Refuse the URL of an object that nothing here can read.

    Raises:
        SourceSupportError: The packages are not installed.
    """
    package = _PACKAGES.get(url.scheme)
    if package is not None and find_spec(package) is None:
        raise SourceSupportError(
            f"{url.scheme}:// sources need packages that are not installed. Run: pip install "
            "'vmafx-tune[remote]'"
        )


class ObjectResponse:
    """An answer about an object, and its content; what `http_exchange` takes of a response.

    Args:
        status: As an HTTP server's.
        headers: By their usual names.
        file: What is read; None for nothing.
        n_bytes: How much of it.
    """

    reason = ""

    def __init__(
        self, status: int, headers: Mapping[str, str], file: Any = None, n_bytes: int = 0
    ) -> None:
        self.status = status
        self.headers = headers
        self._file = file
        self._left = n_bytes

    def read1(self, amt: int, *, decode_content: bool = False) -> bytes:
        """Read some of what is left; nothing at the end.

        Raises:
            TransferError: It cannot be read, or is another version by now.
        """
        del decode_content
        if self._file is None or not self._left:
            return b""
        with _explained():
            data = bytes(self._file.read(min(amt, self._left)))
        self._left -= len(data)
        return data

    def shutdown(self) -> None:
        """End nothing: whoever reads comes to the end of a block, and looks whether to go on."""

    def close(self) -> None:
        """Let go of what is read."""
        if self._file is not None:
            self._file.close()


def open_object(url: SourceUrl, headers: Mapping[str, str]) -> ObjectResponse:
    """Ask for an object.

    Args:
        url: Where it is.
        headers: `If-None-Match`, or `Range`, perhaps with `If-Range`, as for an HTTP server.

    Raises:
        TransferError: It cannot be had.
    """
    import fsspec

    # What it warns of, it has a way around.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    with _explained():
        store = fsspec.filesystem(url.scheme, **(s3_options() if url.scheme == "s3" else {}))
        store.invalidate_cache()
        facts = store.info(url.address)
        if facts["type"] != "file":
            raise FileNotFoundError
        tag = _tag(facts)
        if tag is not None and headers.get("If-None-Match") == tag:
            return ObjectResponse(304, {"ETag": tag})
        size = int(facts["size"])
        first, end = _asked(headers, tag, size)
        if first >= size > 0:
            return ObjectResponse(416, {"Content-Range": f"bytes */{size}"})
        # Both stores hold a file that is open to the version that it had then; nothing is read
        # ahead beyond what is called its size.
        file = store.open(
            url.address, "rb", block_size=_BLOCK_BYTES, cache_type="readahead", size=end
        )
        if _tag(getattr(file, "details", None) or facts) != tag:
            file.close()
            raise TransferError("the object was replaced just now", temporary=True)
        file.seek(first)
    is_part = (first, end) != (0, size)
    said = {"Content-Length": str(end - first)} | ({} if tag is None else {"ETag": tag})
    if is_part:
        said["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return ObjectResponse(206 if is_part else 200, said, file, end - first)


def s3_options() -> dict[str, Any]:
    """Choose how fsspec's client of S3 is made; what its own configuration says stays.

    A transfer tries again by itself. Each of its tries would be five of botocore's, whose pauses
    add up to a minute before a store that cannot be reached is an error.
    """
    import fsspec

    configured = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
    return {"config_kwargs": {"retries": {"total_max_attempts": 1}, **configured}}


def _tag(facts: Mapping[str, Any]) -> str | None:
    """Identify the version of an object, as an `ETag`; None where the store does not."""
    # Google's tags change with an object's labels, and its generations do not.
    found = facts.get("generation") or facts.get("ETag")
    return None if not found else f'"{str(found).strip(chr(34))}"'


def _asked(headers: Mapping[str, str], tag: str | None, size: int) -> tuple[int, int]:
    """Read which bytes are wanted: the first one, and the one after the last."""
    asked = _RANGE.fullmatch(headers.get("Range", ""))
    if asked is None or ("If-Range" in headers and headers["If-Range"] != tag):
        return 0, size
    return int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size


@contextmanager
def _explained() -> Iterator[None]:
    """Say what went wrong with a store. Messages of its own may hold anything."""
    try:
        yield
    except TransferError:
        raise
    except FileNotFoundError as error:
        raise TransferError("there is no such object") from error
    except PermissionError as error:
        raise TransferError("the credentials do not allow reading it") from error
    except Exception as error:
        found = list(causes(error))
        if any(type(cause).__name__ in _NO_CREDENTIALS for cause in found):
            raise TransferError(
                "no credentials were found where the store's own tools look for them"
            ) from error
        raise TransferError(f"the store fails with {_named(found)}", temporary=True) from error


def _named(found: list[BaseException]) -> str:
    """Name a failure by the store's code for it, else by its kind."""
    for cause in found:
        response = getattr(cause, "response", None)
        code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return type(found[-1]).__name__
