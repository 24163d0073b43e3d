"""The object storage of the tests keeps what the ledger rests on."""

from __future__ import annotations

import subprocess
import sys

import pytest
from objects import SCHEMES, Bucket, Objects

ROUNDS = 30

RACER = """
import sys
import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import from_url

store = from_url(sys.argv[1])
won = []
print(flush=True)
for name in sys.stdin:
    try:
        obstore.put(store, name.strip(), sys.argv[2].encode(), mode="create")
        won.append(name.strip())
    except AlreadyExistsError:
        pass
print(*won)
"""


@pytest.mark.parametrize("bucket", SCHEMES, indirect=True)
def test_of_three_processes_that_race_for_a_name_one_wins(bucket: Bucket) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, bucket.uri, f"racer {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for racer in racers:
        assert racer.stdout
        racer.stdout.readline()
    names = [f"plan-{number}" for number in range(ROUNDS)]
    for name in names:
        for racer in racers:
            assert racer.stdin
            racer.stdin.write(f"{name}\n")
            racer.stdin.flush()
    winners = {
        name: f"racer {number}"
        for number, racer in enumerate(racers)
        for name in racer.communicate()[0].split()
    }
    assert {name: bucket.get(name).decode() for name in names} == winners


def test_a_bucket_is_empty_and_one_of_its_own(objects: Objects, bucket: Bucket) -> None:
    other = objects.bucket()
    assert other.put("capture", b"bytes") == f"{other.uri}/capture"
    assert (other.keys(), bucket.keys()) == (["capture"], [])
