"""What object storage says reaches people without what must not be seen."""

from __future__ import annotations

import pytest
from objects import SECRET, Bucket
from obstore import exceptions

from darkscope.ingest.objects import Objects, told


def test_an_object_that_is_not_there_is_named(bucket: Bucket) -> None:
    with pytest.raises(FileNotFoundError) as error:
        Objects(bucket.uri).look("missing")
    assert (error.value.filename, error.value.strerror) == (f"{bucket.uri}/missing", "is not there")


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
