"""URLs of sources: what is asked for, with which credentials, and what of it may be shown."""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import suppress
from dataclasses import field
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit, urlunsplit

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import one_line
from vmafx_tune.frozen import frozen

__all__ = ["SourceUrl", "parse_url", "public_url"]

_UNSAFE_IN_NAMES = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 100
_BUCKET = re.compile(r"[\w.-]{1,255}", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OBJECT_SCHEMES = frozenset({"s3", "gs"})

# How services sign URLs: parameters that all have to be there, and those that change with each
# signature. A parameter of such a name without the others may well say what is asked for.
_SIGNATURES = """
x-amz-signature x-amz-credential: x-amz-algorithm x-amz-credential x-amz-date x-amz-expires \
x-amz-signedheaders x-amz-signature x-amz-security-token
x-goog-signature x-goog-credential: x-goog-algorithm x-goog-credential x-goog-date x-goog-expires \
x-goog-signedheaders x-goog-signature
awsaccesskeyid signature expires: awsaccesskeyid signature expires x-amz-security-token
googleaccessid signature expires: googleaccessid signature expires
key-pair-id signature: key-pair-id signature expires policy hash-algorithm
keyname signature expires: keyname signature expires urlprefix
sig sv: sv ss srt sr sp st se sip spr si sig skoid sktid skt ske sks skv saoid suoid scid sdd ses
ossaccesskeyid signature expires: ossaccesskeyid signature expires security-token
q-signature q-ak: q-sign-algorithm q-ak q-sign-time q-key-time q-header-list q-url-param-list \
q-signature x-cos-security-token
"""


@frozen
class SourceUrl:
    """An http or https URL, or an object of S3 or Google Cloud Storage.

    Attributes:
        address: Percent-encoded, the host in lower case and ASCII; without credentials or fragment.
            Of an object, `s3://BUCKET/KEY` or `gs://BUCKET/KEY`, whose key is taken as it is.
        authorization: Value of the `Authorization` header that the credentials make; None for none.
    """

    address: str
    authorization: str | None = field(default=None, repr=False)

    @property
    def scheme(self) -> str:
        """The protocol, in lower case."""
        return self.address.partition(":")[0]

    @property
    def is_object(self) -> bool:
        """Whether an object store is asked, and not an HTTP server."""
        return self.scheme in _OBJECT_SCHEMES

    @property
    def identity(self) -> str:
        """Identifies the object, whoever requests it and however the request is signed."""
        if self.is_object:
            return self.address
        parts = urlsplit(self.address)
        named = [(item.partition("=")[0], item) for item in parts.query.split("&") if item]
        present = {unquote(name).lower() for name, _ in named}
        changing = _changing(present)
        kept = [item for name, item in named if unquote(name).lower() not in changing]
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), ""))

    @property
    def is_personal(self) -> bool:
        """Whether what is there may depend on who asks for it."""
        return self.authorization is not None or self.identity != self.address

    @property
    def file_name(self) -> str:
        """A name for a copy, safe in any folder."""
        path = self.address if self.is_object else urlsplit(self.address).path
        name = path.rpartition("/")[2]
        name = name if self.is_object else unquote(name)
        return _UNSAFE_IN_NAMES.sub("_", name).lstrip(".-")[-_LONGEST_NAME:] or "source"

    def redirected(self, location: str) -> SourceUrl:
        """Follow a `Location` header; credentials stay with the server that they are for.

        Raises:
            ValueError: It leads nowhere, or where it must not lead.
        """
        with suppress(UnicodeError):
            # Header values come as Latin-1, whatever their bytes are.
            location = location.encode("latin-1").decode()
        try:
            target = _parsed(urljoin(self.address, location.strip()))
        except ValueError as error:
            raise ValueError(f"redirects to an invalid URL, '{public_url(location)}'") from error
        here, there = urlsplit(self.address), urlsplit(target.address)
        if self.authorization is None:
            return SourceUrl(target.address)
        if (here.scheme, there.scheme) == ("https", "http"):
            raise ValueError(
                f"redirects from https to '{public_url(target.address)}', which would expose "
                "credentials"
            )
        is_same = here.hostname == there.hostname and (
            _port(self.address) == _port(target.address) or here.port is there.port is None
        )
        return SourceUrl(target.address, self.authorization if is_same else None)


def parse_url(text: str) -> SourceUrl:
    """Parse a URL that a user gave.

    Raises:
        UsageError: It is not a valid one.
    """
    try:
        return _parsed(text)
    except ValueError as error:
        raise UsageError(
            f"'{public_url(text)}' cannot be used as a URL: {error}. Write it as {_pattern(text)}."
        ) from error


def _pattern(text: str) -> str:
    scheme = text.partition(":")[0].lower()
    if scheme in _OBJECT_SCHEMES:
        return f"{scheme}://BUCKET/KEY"
    return "https://HOST/PATH, with special characters of a password as %40 (@), %3A (:) or %2F (/)"


def public_url(url: str) -> str:
    """Leave out of a URL what may be secret: passwords, signatures. Takes any text."""
    try:
        parts = urlsplit(url)
        host, _ = parts.netloc.rpartition("@")[2], parts.port
        return one_line(urlunsplit((parts.scheme, host, parts.path, "", "")))
    except ValueError:
        # Where the password ends is unknown.
        scheme, _, rest = url.partition("://")
        shown = re.split("[?#]", rest.rpartition("@")[2])[0]
        return one_line(f"{scheme}://{shown}")


def _changing(present: set[str]) -> set[str]:
    """Name the parameters that are another one with each signature."""
    changing: set[str] = set()
    for line in _SIGNATURES.strip().splitlines():
        markers, _, names = line.partition(":")
        if present.issuperset(markers.split()):
            changing.update(names.split())
    return changing


def _parsed(text: str) -> SourceUrl:
    """Parse a URL.

    Raises:
        ValueError: It is not one that can be fetched, with the reason as a clause.
    """
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url as parse

    scheme = text.partition(":")[0].lower()
    if scheme in _OBJECT_SCHEMES:
        return _parsed_object(scheme, text)
    if scheme not in _DEFAULT_PORTS:
        raise ValueError(f"only http, https, s3 and gs are supported, not '{one_line(scheme)}'")
    _check_port(text)
    try:
        parts = parse(text)
    except (LocationParseError, UnicodeError) as error:
        # Its message repeats the whole URL.
        raise ValueError("its host or syntax is invalid") from error
    if not parts.host:
        raise ValueError("it has no host")
    _check_host(parts.host)
    address = parts._replace(auth=None, fragment=None, path=parts.path or "/").url
    return SourceUrl(address, _basic(parts.auth))


def _parsed_object(scheme: str, text: str) -> SourceUrl:
    """Parse the address of an object, as tools for these stores do: nothing in a key is special."""
    bucket, _, key = text.partition("://")[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError("its bucket name is invalid, or has credentials before it")
    if not key or key.endswith("/"):
        raise ValueError("it does not name an object of the bucket")
    return SourceUrl(f"{scheme}://{bucket}/{key}")


def _check_port(text: str) -> None:
    authority = re.split(r"[/?#\\]", text.partition("://")[2])[0].rpartition("@")[2]
    port = re.search(r"(?<!:):(\d*)$", authority)
    if port and port[1] and not 0 < int(port[1][:9]) < 1 << 16:
        # It is not shown: digits of a password that is not encoded look the same.
        raise ValueError("its port is not between 1 and 65535")


def _check_host(host: str) -> None:
    if " " in host or not host.isprintable():
        raise ValueError("its host name contains invalid characters")
    try:
        # What the resolver does: each label has 1 to 63 characters.
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError("a part of its host name is empty or longer than 63 characters") from error


def _basic(credentials: str | None) -> str | None:
    if credentials is None:
        return None
    user, _, password = credentials.partition(":")
    plain = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return f"Basic {b64encode(plain).decode()}"


def _port(address: str) -> int | None:
    parts = urlsplit(address)
    return parts.port or _DEFAULT_PORTS[parts.scheme]
