"""A live interface, tried on a pair of virtual ones in two network namespaces: nothing of the machine is touched."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import polars as pl
import pytest
from ledgers import Site
from runs import covered, run, running, stopped, until

from darkscope.ingest.intake import live as module
from darkscope.ingest.intake.live import DUMPCAP, TCPDUMP, Live, LiveError
from darkscope.ingest.intake.stop import Stop
from darkscope.ingest.series import FLOWS

needs_network = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip") or not (shutil.which("tcpdump") or shutil.which("dumpcap")),
    reason="needs root, ip, and tcpdump or dumpcap",
)

SEND = """
import socket, sys
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[1])):
    to.sendto(b"x", ("192.0.2.1", 7000 + number % 10))
"""


class Wire:
    """An interface in a network namespace, and how to send packets to it from another."""

    name = "wire0"

    def __init__(self, here: str, there: str) -> None:
        self.within = ("ip", "netns", "exec", here)
        self._there = ("ip", "netns", "exec", there)

    def send(self, count: int) -> None:
        subprocess.run([*self._there, sys.executable, "-c", SEND, str(count)], check=True)


@pytest.fixture
def wire() -> Iterator[Wire]:
    here, there = f"darkscope-{os.getpid()}-a", f"darkscope-{os.getpid()}-b"
    steps = (
        f"ip netns add {here}",
        f"ip netns add {there}",
        f"ip link add wire0 netns {here} type veth peer name wire1 netns {there}",
        f"ip -n {here} addr add 192.0.2.1/24 dev wire0",
        f"ip -n {there} addr add 192.0.2.2/24 dev wire1",
        f"ip -n {here} link set wire0 up",
        f"ip -n {there} link set wire1 up",
    )
    try:
        for step in steps:
            if subprocess.run(step.split(), capture_output=True, check=False).returncode:
                pytest.skip(f"may not: {step}")
        yield Wire(here, there)
    finally:
        for name in (there, here):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def probes(site: Site) -> int:
    """Packets that the peer sent, as the ledger has them."""
    if not (site.folder / "ledger.json").exists():
        return 0
    rows = site.ledger.finish().scan(FLOWS).filter(pl.col("port").is_between(7000, 7009))
    return int(rows.select(pl.col("packets").sum()).collect().item())


def listening(site: Site, name: str) -> bool:
    """Whether the program has begun its first file."""
    spool = site.folder / "spool" / name
    return spool.exists() and any(not path.name.startswith(".") for path in spool.iterdir())


@needs_network
@pytest.mark.parametrize("program", [TCPDUMP, DUMPCAP], ids=lambda one: one.name)
def test_packets_of_an_interface_are_visible_within_seconds(
    wire: Wire, tmp_path: Path, program: module.Program
) -> None:
    if not shutil.which(program.name):
        pytest.skip(f"{program.name} is not installed")
    site = Site(tmp_path / "ledger")
    only = f"import darkscope.ingest.intake.live as live\nlive.PROGRAMS = (live.{program.name.upper()},)"
    with running(
        "ingest", "-i", wire.name, "--ledger", site.folder, code=only, within=wire.within
    ) as process:
        until(lambda: listening(site, wire.name))
        wire.send(20)
        sent = time.monotonic()
        until(lambda: probes(site) == 20)
        seconds = time.monotonic() - sent
        code, _, errors = stopped(process)
    assert code == 0, errors
    assert seconds < 10, "5 s where the machine has nothing else to do"
    spool = site.folder / "spool" / wire.name
    assert [path.name for path in spool.iterdir() if not path.name.startswith(".")] == []
    assert spool.stat().st_mode & 0o777 == 0o700


@needs_network
def test_killed_it_loses_nothing_and_the_next_start_takes_over(wire: Wire, tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    with running("ingest", "-i", wire.name, "--ledger", site.folder, within=wire.within):
        until(lambda: listening(site, wire.name))
        wire.send(10)
        time.sleep(1)
    orphan = int((site.folder / "spool" / wire.name / ".pid").read_text())
    wire.send(7)
    time.sleep(1.5)
    with running("ingest", "-i", wire.name, "--ledger", site.folder, within=wire.within) as second:
        until(lambda: probes(site) == 17)
        wire.send(5)
        until(lambda: probes(site) == 22)
        assert not Path(f"/proc/{orphan}").exists() or not Path(f"/proc/{orphan}/cmdline").read_bytes()
        code, _, errors = stopped(second, signal.SIGINT)
    assert code == 0, errors
    assert probes(site) == 22


@needs_network
def test_a_silent_interface_counts_as_watched(wire: Wire, tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    with running("ingest", "-i", wire.name, "--ledger", site.folder, within=wire.within) as process:
        until(lambda: (site.folder / "ledger.json").exists() and covered(site).height)
        stopped(process)
    assert covered(site).select("sensor", "point").unique().rows() == [(wire.name, wire.name)]


@needs_network
def test_an_interface_is_captured_once_into_a_ledger(wire: Wire, tmp_path: Path) -> None:
    site = Site(tmp_path / "ledger")
    with running("ingest", "-i", wire.name, "--ledger", site.folder, within=wire.within) as process:
        until(lambda: listening(site, wire.name))
        code, _, errors = run("ingest", "-i", wire.name, "--ledger", site.folder, within=wire.within)
        assert code == 1
        assert f"{wire.name}: another process captures it into this ledger" in errors
        stopped(process)


@needs_network
def test_an_interface_that_is_not_there_is_told_in_the_programs_words(tmp_path: Path) -> None:
    code, _, errors = run("ingest", "-i", "nosuch0", "--ledger", tmp_path / "ledger")
    assert code == 1
    assert re.search("darkscope: nosuch0: .*No such device", errors)


def test_without_a_capturing_program_it_says_which_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LiveError, match="tcpdump or dumpcap: neither is installed"):
        Live(tmp_path, "eth0", "s", Stop())


def test_an_orphan_that_ends_while_it_is_waited_for_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new parent takes it away at once: then nothing is left of it to look at."""
    folder = tmp_path / "spool" / "eth0"
    folder.mkdir(parents=True)
    words = [sys.executable, "-c", "import time; time.sleep(60)", f"{folder}/1.pcap"]
    orphan = subprocess.Popen(words)
    reaper = Thread(target=orphan.wait)  # as init does
    reaper.start()
    (folder / ".pid").write_text(str(orphan.pid))
    monkeypatch.setattr(module, "PROGRAMS", (module.Program("true", (), re.compile(""), (), tells=False),))
    with Live(tmp_path, "eth0", "s", Stop()).listening():
        reaper.join(60)
    # Started in the background, a shell's programs ignore SIGINT, and what they start.
    assert orphan.returncode in {-signal.SIGINT, -signal.SIGKILL}


@pytest.mark.parametrize("name", ["../etc", "", ".", "-w", "a/b"])
def test_a_name_that_no_interface_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LiveError, match="no name of an interface"):
        Live(tmp_path, name, "s", Stop())


@pytest.mark.parametrize(
    ("program", "said", "lost"),
    [
        (
            TCPDUMP,
            "tcpdump: 3 packets captured, 9 packets received by filter, 6 packets dropped by kernel\n",
            6,
        ),
        (TCPDUMP, "6 packets dropped by kernel\n1 packet dropped by interface\n", 7),
        (TCPDUMP, "6 packets dropped by kernel\n8 packets dropped by kernel\n", 8),
        (TCPDUMP, "listening on eth0", None),
        (DUMPCAP, "Packets received/dropped on interface 'va': 6/2 (pcap:2/dumpcap:0/flushed:0) (75.0%)", 2),
        (DUMPCAP, "File: x.pcapng", None),
    ],
)
def test_what_a_program_says_it_lost(program: module.Program, said: str, lost: int | None) -> None:
    assert program.lost(said) == lost
