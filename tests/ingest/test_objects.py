"""What object storage says reaches people without what must not be seen."""

from __future__ import annotations

import errno
from pathlib import Path

import obstore
import pytest
from objects import GOOGLE, SCHEMES, SECRET, Bucket
from objects import Objects as Server
from obstore import exceptions

from darkscope.ingest.objects import Objects, options, told
from darkscope.ingest.settings import Storage


def test_an_object_that_is_not_there_is_named(bucket: Bucket) -> None:
    with pytest.raises(FileNotFoundError) as error:
        Objects(bucket.uri).look("missing")
    assert (error.value.filename, error.value.strerror) == (f"{bucket.uri}/missing", "is not there")


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_an_object_is_put_where_none_is_over_the_state_that_was_read_or_over_all(bucket: Bucket) -> None:
    objects = Objects(bucket.uri)
    assert objects.read_marked("notes") == (b"", None)
    assert objects.put_new("notes", b"one")
    assert not objects.put_new("notes", b"two")
    data, mark = objects.read_marked("notes")
    assert data == b"one"
    assert mark
    assert not objects.put_over("notes", b"two", None)
    assert objects.put_over("notes", b"three", mark)
    assert not objects.put_over("notes", b"four", mark)
    assert objects.read("notes") == b"three"
    objects.put("notes", b"five")
    assert bucket.get("notes") == b"five"


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_an_object_is_listed_looked_at_and_fetched_as_one_state_and_gone_once_it_is_deleted(
    bucket: Bucket,
) -> None:
    objects = Objects(bucket.uri)
    bucket.put("a/1 ü%+.pcap", b"bytes")
    bucket.put("a-b", b"other")
    (listed,) = objects.below("a")
    looked = objects.look("a/1 ü%+.pcap")
    assert (listed.key, listed.size) == ("a/1 ü%+.pcap", 5)
    assert (looked.key, looked.size, looked.tag) == (listed.key, listed.size, listed.tag)
    assert bytes(objects.fetch(listed, 1, 4)) == b"yte"
    bucket.put(listed.key, b"new bytes")
    with pytest.raises(OSError, match="changed while it was read") as error:
        objects.fetch(listed, 1, 4)
    assert error.value.errno == errno.ESTALE
    objects.delete(listed.key)
    objects.delete(listed.key)
    assert bucket.keys() == ["a-b"]
    for ask in (objects.look, objects.read):
        with pytest.raises(FileNotFoundError, match="is not there"):
            ask(listed.key)


def test_who_comes_second_within_googles_second_is_told_so_and_no_error(
    objects: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google has an object changed once a second, and says so instead of who was first."""
    strict = objects.bucket(scheme=GOOGLE, is_strict=True)
    for name, value in strict.environment.items():
        monkeypatch.setenv(name, value)
    bucket = Objects(strict.uri)
    assert bucket.put_new("plan", b"first")
    assert not bucket.put_new("plan", b"second")
    _, mark = bucket.read_marked("plan")
    assert bucket.put_over("plan", b"third", mark)
    assert not bucket.put_over("plan", b"fourth", mark)
    assert bucket.read("plan") == b"third"


def test_what_comes_after_a_key_is_listed_also_where_the_storage_begins_earlier(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        bucket.put(f"log/{name}", b"bytes")
    objects = Objects(bucket.uri)
    assert [one.key for one in objects.below("log", "log/b")] == ["log/c", "log/d"]
    listed = obstore.list
    monkeypatch.setattr(obstore, "list", lambda store, prefix, **_: listed(store, prefix))
    assert [one.key for one in objects.below("log", "log/b")] == ["log/c", "log/d"]


@pytest.mark.parametrize("code", ["NoSuchBucket", "ContainerNotFound"])
def test_a_bucket_that_is_not_there_is_no_object_that_is_not_there(code: str) -> None:
    with pytest.raises(OSError, match="az://b/x") as error, told("az://b/x"):
        raise exceptions.NotFoundError(f"status code: 404 Not Found: <Code>{code}</Code>")
    assert (error.value.errno, error.value.strerror) == (
        errno.ENODEV,
        f"the storage says 404 Not Found, {code}",
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            (
                "Error performing GET https://host/b/x?X-Amz-Signature=hunter2 in 2s - Server returned non-2xx status "
                "code: 503 Slow Down: <?xml?>\n<Error><Code>SlowDown</Code><AWSAccessKeyId>hunter2</AWSAccessKeyId>"
            ),
            "the storage says 503 Slow Down, SlowDown",
        ),
        (
            (
                "Error performing GET https://a.example/c/x?sig=hunter2 in 2s, after 3 retries - HTTP error: error "
                "sending request\n\nDebug source: hunter2"
            ),
            "HTTP error: error sending request",
        ),
        (
            "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 5s - HTTP error",
            "no credentials in the environment, and none from the machine's cloud",
        ),
        (
            "Generic S3 error: cannot read https://host/x?sig=hunter2 at all",
            "Generic S3 error: cannot read (address) at all",
        ),
        (
            (
                "Kernel error -> Generic GCS error\n  \x1b[31m↳\x1b[0m Error performing GET http://host/b?sig=hunter2 "
                "in 2ms - Server returned non-2xx status code\n   \x1b[31m↳\x1b[0m 404 Not Found"
            ),
            "the storage says 404 Not Found",
        ),
        (
            (
                "object-store error: Generic GCS error: Unable to decode service account file: invalid type: string "
                '"hunter2", expected a boolean at line 1 column 98 (path: gs://b/x)'
            ),
            (
                "object-store error: Generic GCS error: Unable to decode service account file: invalid type: string "
                "(text), expected a boolean at line 1 column 98"
            ),
        ),
    ],
)
def test_the_reason_is_told_and_no_signed_address(said: str, reason: str) -> None:
    with pytest.raises(OSError, match="s3://b/x") as error, told("s3://b/x"):
        raise exceptions.GenericError(said)
    assert error.value.strerror == reason
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_a_server_that_does_not_answer_is_told_within_the_patience(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("darkscope.ingest.objects.TRIES", 1)
    with pytest.raises(OSError, match="HTTP error: error sending request") as error:
        Objects(bucket.uri).look("x")
    assert SECRET not in str(error.value)


S3 = "s3://bucket"


def test_the_environment_says_which_server_and_which_credentials() -> None:
    given = {
        "AWS_ENDPOINT_URL": "https://objects.example",
        "AWS_REGION": "eu-1",
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "HOME": "/nowhere",
    }
    found = {**given, "AWS_CONDITIONAL_PUT": "etag", "AWS_ALLOW_HTTP": "false"}
    del found["HOME"]
    assert options(S3, Storage(), given) == found
    settings = Storage(endpoint="https://other.example", region="eu-2")
    assert options(S3, settings, given) == found | {
        "AWS_ENDPOINT_URL": "https://other.example",
        "AWS_REGION": "eu-2",
    }


def test_without_credentials_each_library_asks_the_machines_role() -> None:
    assert options(S3, Storage(), {"HOME": "/nowhere"}) == {
        "AWS_CONDITIONAL_PUT": "etag",
        "AWS_REGION": "us-east-1",
    }
    assert options("gs://bucket", Storage(endpoint="https://other.example"), {}) == {}


def test_the_aws_files_are_read_where_the_environment_says_nothing(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = eu-1\n[profile soc]\nregion = eu-2\nendpoint_url = https://objects.example\n"
    )
    (tmp_path / ".aws" / "credentials").write_text(
        "[soc]\naws_access_key_id = one\naws_secret_access_key = 100%hunter2\naws_session_token = t\n"
    )
    home = {"HOME": str(tmp_path)}
    assert options(S3, Storage(), home)["AWS_REGION"] == "eu-1"
    assert options(S3, Storage(), home | {"AWS_PROFILE": "soc"}) == {
        "AWS_CONDITIONAL_PUT": "etag",
        "AWS_REGION": "eu-2",
        "AWS_ENDPOINT_URL": "https://objects.example",
        "AWS_ALLOW_HTTP": "false",
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "100%hunter2",
        "AWS_SESSION_TOKEN": "t",
    }
    keys = {"AWS_PROFILE": "soc", "AWS_ACCESS_KEY_ID": "two", "AWS_SECRET_ACCESS_KEY": "x"}
    found = options(S3, Storage(), home | keys)
    assert (found["AWS_ACCESS_KEY_ID"], found.get("AWS_SESSION_TOKEN")) == ("two", None)
    (tmp_path / ".aws" / "config").write_bytes(b"\xff no such file")
    (tmp_path / ".aws" / "credentials").write_text("[soc")
    assert options(S3, Storage(), home | {"AWS_PROFILE": "soc"})["AWS_REGION"] == "us-east-1"


@pytest.mark.parametrize(
    ("endpoint", "given", "allows"),
    [
        ("http://127.0.0.1:9000", {}, "true"),
        ("http://localhost:9000", {}, "true"),
        ("http://minio:9000", {}, "false"),
        ("http://minio:9000", {"AWS_ALLOW_HTTP": "true"}, "true"),
        ("http://127.0.0.1.example:9000", {"AWS_ALLOW_HTTP": "no"}, "false"),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls_unless_that_is_asked_for(
    endpoint: str, given: dict[str, str], allows: str
) -> None:
    found = options(S3, Storage(endpoint=endpoint), {"HOME": "/nowhere", **given})
    assert found["AWS_ALLOW_HTTP"] == allows
