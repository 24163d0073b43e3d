"""A session of Spark Connect that waits for nobody without end.

PySpark's own client asks whoever is not there for ten minutes and more, each thing. Here a server must answer at first,
and one that is lost later is given up after a while. Of an address host and port alone are told: a token may follow.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from darkscope.ingest.engine.engine import EngineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

CONNECT = "sc://"
"""How an address of Spark Connect begins."""

FIRST_ANSWER = 30.0
"""Seconds in which a server must answer at first."""

TRIES, LONGEST_PAUSE = 7, 10_000
"""What nobody answers is asked again so often, after at most so many milliseconds: half a minute in all."""

SIGN_OF_LIFE = 330_000
"""Milliseconds of silence after which a server is asked whether it lives, as one whose machine went does not say so.

Servers refuse to be asked more than once in five minutes; who works sends something every other minute.
"""

WRONG = "an address of Spark Connect is like sc://host or sc://host:15002, perhaps with /;token=... behind it"
"""Said of any other: what PySpark says repeats it."""


def address_of(master: str) -> str:
    """The address of Spark Connect that is meant: the master, or SPARK_REMOTE where it says none; empty for none."""
    address = master or os.environ.get("SPARK_REMOTE", "")
    return address if address.startswith(CONNECT) else ""


def remote_session(address: str, settings: Mapping[str, str]) -> SparkSession:
    """A session at an address, or the one that is there. Raises EngineError, and what PySpark raises."""
    core = importlib.import_module("pyspark.sql.connect.client.core")
    retries = importlib.import_module("pyspark.sql.connect.client.retries")
    sql = importlib.import_module("pyspark.sql.connect.session").SparkSession
    try:
        channel = core.DefaultChannelBuilder(address, [("grpc.keepalive_time_ms", SIGN_OF_LIFE)])
    except ValueError:  # its text repeats the address
        raise EngineError(WRONG) from None
    _await(channel)
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # what PySpark's own builder says, for all of PySpark
    session: SparkSession = sql.builder.channelBuilder(channel).getOrCreate()
    policy = retries.DefaultPolicy(max_retries=TRIES, max_backoff=LONGEST_PAUSE)
    session.client.set_retry_policies([policy])  # before it is asked anything, as settings are
    builder = sql.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception:
        give_up(session)
        session.stop()
        raise


def give_up(session: SparkSession) -> None:
    """Have a server that is lost asked nothing a second time, and not be told of the end."""
    session.client.set_retry_policies([])
    session.release_session_on_close = False


def _await(channel_of: DefaultChannelBuilder) -> None:
    """Wait until a server answers. Raises EngineError."""
    grpc = importlib.import_module("grpc")
    host = channel_of.endpoint.rpartition("@")[2]
    channel = channel_of.toChannel()
    try:
        grpc.channel_ready_future(channel).result(FIRST_ANSWER)
    except grpc.FutureTimeoutError:
        is_tls = channel_of.use_ssl or (channel_of.secure and channel_of.host != "localhost")
        raise EngineError(f"{host}: nothing answers{' by TLS' * is_tls}") from None
    finally:
        channel.close()
