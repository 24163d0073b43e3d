"""`darkscope serve`: the HTTP interface, until stopped.

Exit codes: 0 when ended by SIGINT or SIGTERM, which finish what runs; 1 where the address cannot be listened on;
2 where the command line or the settings are wrong.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from rich.console import Console

from darkscope.api.charts.browser import script
from darkscope.api.command.exits import FAILED, MISTAKE, stopped
from darkscope.api.command.progress import logged
from darkscope.api.command.stores import reader_of, remote_of
from darkscope.api.command.where import LedgerFolder, SettingsFile
from darkscope.api.http.app import create
from darkscope.api.http.connections import LARGEST_HEAD, Connection
from darkscope.api.keys import listed, place
from darkscope.api.names import Names, NamesError
from darkscope.ingest.intake.stop import SIGNALS
from darkscope.ingest.registry import RegistryError
from darkscope.ingest.settings import SettingsError, load
from darkscope.ingest.values import Address

GRACE = 30
"""Seconds that requests have to end in when the end is asked for."""

MOST_FILES = 8192
"""Files that may be open at once, where the system lets a process choose."""

UNTIL = "there is no key yet; once `darkscope keys create` has made one, keys are asked for"
"""Why nobody is asked for a key."""


def serve(
    address: Annotated[
        str | None, typer.Option("--address", help="IP address to listen on; loopback where left out.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="TCP port.")] = None,
    settings: SettingsFile = None,
    ledger: LedgerFolder = None,
) -> None:
    """Answer questions over HTTP, until stopped."""
    try:
        flags = {"ledger": ledger, "api.address": address, "api.port": port}
        loaded = load(settings, os.environ, flags).settings
        Names.read(loaded)  # what is wrong now is said now; later it stays as it was
    except (SettingsError, NamesError) as error:
        raise stopped(error, MISTAKE) from None
    where = loaded.api
    try:
        has_keys = bool(listed(place(loaded)))
    except RegistryError as error:
        raise stopped(error, FAILED) from None
    if not where.address.is_loopback and not where.without_keys and not has_keys:
        typer.echo(
            f"darkscope: {where.address} can be reached from elsewhere, and there is no key to ask for: "
            "`darkscope keys create` makes one; set api.without_keys = true if nobody is to be asked",
            err=True,
        )
        raise typer.Exit(MISTAKE)
    try:
        listening = listen(where.address, where.port)
    except OSError as error:
        typer.echo(f"darkscope: {_url(where.address, where.port)}: {os.strerror(error.errno or 0)}", err=True)
        raise typer.Exit(FAILED) from None
    _allow_many_files()
    application = create(loaded, remote=remote_of(loaded), reader=reader_of(loaded))
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            http=Connection,
            ws="none",
            h11_max_incomplete_event_size=LARGEST_HEAD,
            root_path=where.path,
            proxy_headers=bool(where.proxies),
            forwarded_allow_ips=list(map(str, where.proxies)),
            timeout_graceful_shutdown=GRACE,
        )
    )
    application.state.is_ending = lambda: server.should_exit
    console = Console(stderr=True)
    with ending(server), logged(console, logging.INFO, logging.INFO, "uvicorn"), listening:
        log = logging.getLogger("darkscope.api")
        log.info("listening", extra={"fields": {"url": _url(where.address, where.port)}})
        if where.without_keys or not has_keys:
            until = "api.without_keys says so" if where.without_keys else UNTIL
            log.warning("whoever reaches it may ask everything", extra={"fields": {"reason": until}})
        Thread(target=script, name="scripts").start()  # the console's charts: it takes a second, and once
        server.run([listening])


@contextmanager
def ending(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end a server that does not listen to them yet, and be done once it has ended by them."""

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listen(address: Address, port: int) -> socket.socket:
    """Listen; also where a server that has just ended left connections. Raises OSError."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    listening = socket.create_server((str(address), port), family=family, backlog=2048)
    # Connections inherit it; asyncio sets it only on sockets that were made for TCP by number. Without it, an answer's
    # body waits 40 ms for the acknowledgement of its head (Nagle's algorithm and delayed acknowledgements).
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _allow_many_files() -> None:
    """Connections and the ledger's files take one each: what the system allows is more than what is set at first."""
    with suppress(OSError, ValueError):  # where a service may not change its limits, they are its unit's
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _url(address: Address, port: int) -> str:
    return f"http://{address}:{port}/" if address.version == 4 else f"http://[{address}]:{port}/"
