"""URLs of sources, as they are asked for and as they are shown."""

from __future__ import annotations

import base64

import pytest

from vmafx_tune.errors import UsageError
from vmafx_tune.media.urls import parse_url, public_url
from vmafx_tune.parsing import is_url

S3 = "X-Amz-Algorithm=A&X-Amz-Credential=B&X-Amz-Date=C&X-Amz-Expires=1&X-Amz-SignedHeaders=host"
SIGNED = [
    f"{S3}&X-Amz-Signature=@&versionId=7",
    "AWSAccessKeyId=A&Signature=@&Expires=1&versionId=7",
    "X-Goog-Algorithm=A&X-Goog-Credential=B&X-Goog-Date=@&X-Goog-Signature=@&versionId=7",
    "GoogleAccessId=A&Expires=1&Signature=@&versionId=7",
    "Expires=@&Signature=@&Key-Pair-Id=A&versionId=7",
    "Policy=@&Signature=@&Key-Pair-Id=A&versionId=7",
    "Expires=@&KeyName=A&Signature=@&versionId=7",
    "sv=2025-01-05&st=@&se=@&sr=b&sp=r&spr=https&sig=@&versionId=7",
    "sv=2025-01-05&skoid=@&sktid=A&skt=B&ske=@&sks=b&skv=A&se=@&sr=b&sp=r&sig=@&versionId=7",
    "OSSAccessKeyId=A&Expires=@&Signature=@&versionId=7",
    "q-sign-algorithm=sha1&q-ak=A&q-sign-time=@&q-key-time=@&q-signature=@&versionId=7",
]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("https://a/b.mp4", True),
        ("HTTP://a/b.mp4", True),
        ("s3://a/b.mp4", True),
        ("/a/b.mp4", False),
        ("file:/a", False),
    ],
)
def test_urls_are_told_from_files(name: str, answer: bool) -> None:
    assert is_url(name) is answer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@host/a.mp4?sig=x#y", "https://host/a.mp4"),
        ("https://user:p@ss@host:81/a.mp4", "https://host:81/a.mp4"),
        ("https://user:pa/ss@host/a.mp4", "https://host/a.mp4"),
        ("https://user:p?ss@host/a.mp4", "https://host/a.mp4"),
        ("https://user:p#ss@[host/a.mp4?x", "https://[host/a.mp4"),
        ("https://host/\x1b[2Ja.mp4", "https://host/\N{REPLACEMENT CHARACTER}[2Ja.mp4"),
    ],
)
def test_what_is_secret_in_a_url_is_not_shown(url: str, shown: str) -> None:
    assert public_url(url) == shown


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("HTTP://Host", "http://host/"),
        ("http://user:pw@host:80/a b.mp4?x=y z#f", "http://host:80/a%20b.mp4?x=y%20z"),
        ("http://bücher.example/é.mp4", "http://xn--bcher-kva.example/%C3%A9.mp4"),
        ("http://[::1]:8080/a.mp4", "http://[::1]:8080/a.mp4"),
        ("http://host/%C3%a9.mp4", "http://host/%C3%A9.mp4"),
    ],
)
def test_a_url_is_asked_for_in_ascii(url: str, address: str) -> None:
    assert parse_url(url).address == address


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://", "no host"),
        ("s3://user:secret@bucket/a.mp4", "credentials before it. Write it as s3://BUCKET/KEY"),
        ("gs://bucket", "does not name an object"),
        ("gs://bucket/films/", "does not name an object"),
        ("s3:///a.mp4", "bucket name is invalid"),
        ("file:///a.mp4", "only http, https, s3 and gs"),
        ("http://user:secret@/a.mp4", "host"),
        ("http://host:65536/a.mp4", "port"),
        ("http://host:0/a.mp4", "port"),
        ("http://host:secret/a.mp4", "syntax"),
        ("http://user:se/cret@host/a.mp4", "syntax"),
        ("http://[::1/secret@a.mp4", "syntax"),
        (f"http://{'a' * 64}.example/a.mp4", "63 characters"),
        ("http://a..example/a.mp4", "63 characters"),
        (f"http://{'é' * 64}.example/a.mp4", "syntax"),
    ],
)
def test_what_is_not_a_url_is_a_sentence_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"cannot be used as a URL.*{reason}") as caught:
        parse_url(url)
    assert "user" not in str(caught.value)
    assert "se/cret" not in str(caught.value)


def test_credentials_are_decoded_for_the_server_and_not_shown() -> None:
    url = parse_url("https://me:p%40ss%3A%C3%A9@host/a.mp4")
    assert url.authorization == "Basic " + base64.b64encode("me:p@ss:é".encode()).decode()
    assert url.authorization not in repr(url)
    assert "me" not in url.identity


@pytest.mark.parametrize("query", SIGNED)
def test_a_signature_is_not_part_of_what_a_url_stands_for(query: str) -> None:
    one = parse_url(f"https://host/a.mp4?{query.replace('@', 'one')}")
    two = parse_url(f"https://host/a.mp4?{query.replace('@', 'two')}")
    assert one.identity == two.identity == "https://host/a.mp4?versionId=7"
    assert one.is_personal


@pytest.mark.parametrize(
    "query", ["sig=1", "expires=1&signature=2", "policy=1", "sv=1&sr=2", "x-oss-process=1", "id=1"]
)
def test_a_parameter_that_looks_like_a_part_of_a_signature_counts(query: str) -> None:
    url = parse_url(f"https://host/a.mp4?{query}")
    assert url.identity == url.address == f"https://host/a.mp4?{query}"
    assert not url.is_personal


@pytest.mark.parametrize(
    ("start", "location", "kept"),
    [
        ("http://me:pw@host/a", "/b", True),
        ("http://me:pw@host/a", "http://HOST:80/b", True),
        ("http://me:pw@host/a", "https://host/b", True),
        ("http://me:pw@host/a", "http://host:81/b", False),
        ("http://me:pw@host/a", "http://other/b", False),
        ("http://me:pw@host/a", "//me:pw@other/b", False),
        ("https://me:pw@host:8443/a", "https://host:8443/b", True),
        ("https://me:pw@host:8443/a", "https://host/b", False),
    ],
)
def test_credentials_stay_with_their_server(start: str, location: str, kept: bool) -> None:
    target = parse_url(start).redirected(location)
    assert (target.authorization is not None) is kept
    assert "pw" not in target.address


def test_credentials_do_not_leave_tls() -> None:
    with pytest.raises(ValueError, match="expose credentials"):
        parse_url("https://me:pw@host/a").redirected("http://host/b")
    assert parse_url("https://host/a").redirected("http://host/b").address == "http://host/b"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/My%20clip.mp4?x", "My_clip.mp4"),
        ("https://h/", "source"),
        ("https://h/..", "source"),
        ("https://h/%2e%2e%2Fetc%2Fpasswd", "_etc_passwd"),
        ("https://h/-rf", "rf"),
        ("s3://b/films/My clip%20?#2.mp4", "My_clip_20_2.mp4"),
        ("gs://b/..", "source"),
        (f"https://h/{'a' * 300}.mp4", f"{'a' * 96}.mp4"),
    ],
)
def test_a_copy_has_a_safe_name(url: str, name: str) -> None:
    assert parse_url(url).file_name == name


@pytest.mark.parametrize("url", ["s3://bucket/a b/%20?c#d.mp4", "gs://my_bucket.example/é"])
def test_the_key_of_an_object_is_taken_as_it_is(url: str) -> None:
    found = parse_url(url.replace("s3", "S3", 1))

    assert found.is_object
    assert found.address == found.identity == url
    assert not found.is_personal


def test_what_http_serves_is_no_object() -> None:
    assert not parse_url("https://bucket.s3.amazonaws.com/a.mp4").is_object
