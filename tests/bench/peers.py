"""The peers that figures are held against, each as its own users run it, over the same capture."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dpkt
from cost import run

from darkscope.ingest.geo import SHIPPED

PMACCTD = """daemonize: false
pcap_savefile: {capture}
geoipv2_file: {country}
plugins: print
aggregate: src_host_country, proto, dst_port
print_output: csv
print_output_file: {folder}/%Y%m%d-%H%M.csv
print_output_file_append: true
print_refresh_time: 60
print_history: 1m
print_history_roundoff: m
print_cache_entries: 160001
plugin_buffer_size: 1024000
plugin_pipe_size: 256000000
"""
"""Packets by country, protocol and port a minute. A larger cache or pipe costs it CPU time, a smaller one packets."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a peer was."""

    name: str
    packets: int  # of the capture
    wall: float
    cpu: float
    said: str = ""

    @property
    def per_second(self) -> float:
        """Packets a second, by the wall clock."""
        return self.packets / self.wall

    @property
    def per_cpu_second(self) -> float:
        """Packets a CPU second."""
        return self.packets / self.cpu


def dpkt_loop(capture: Path, packets: int) -> Pace:
    """Parse and count the first packets of a capture, in a process of its own."""
    result = json.loads(run([sys.executable, __file__, capture, str(packets)]).output)
    return Pace("dpkt loop", packets, result["wall"], result["cpu"])


def pmacctd(capture: Path, packets: int) -> Pace | None:
    """Give pmacctd's pace; None where it is not installed."""
    program = shutil.which("pmacctd", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="darkscope-bench-") as folder:
        settings = Path(folder) / "pmacctd.conf"
        settings.write_text(PMACCTD.format(capture=capture, country=SHIPPED, folder=folder))
        cost = run([program, "-f", settings])
        lines = (line for file in Path(folder).glob("*.csv") for line in file.read_text().splitlines())
        counted = sum(int(line.split(",")[-2]) for line in lines if line[-1:].isdigit())
    return Pace("pmacctd", packets, cost.wall, cost.cpu, f"counted {counted / packets:.0%} of them")


def nfpcapd(capture: Path, packets: int) -> Pace | None:
    """Give nfpcapd's pace; None where it is not installed."""
    program = shutil.which("nfpcapd")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="darkscope-bench-") as folder:
        cost = run([program, "-r", capture, "-w", folder])
    return Pace("nfpcapd", packets, cost.wall, cost.cpu)


def loop(capture: Path, packets: int) -> dict[str, float]:
    """Parse Ethernet, IP and TCP or UDP with dpkt, and count packets by source, protocol and port."""
    counts: Counter[tuple[bytes, int, int]] = Counter()
    with capture.open("rb") as stream:
        reader = iter(dpkt.pcap.Reader(stream))
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(packets):
            _, frame = next(reader)
            ip = dpkt.ethernet.Ethernet(frame).data
            if isinstance(ip, dpkt.ip.IP):
                segment = ip.data
                port = segment.dport if isinstance(segment, dpkt.tcp.TCP | dpkt.udp.UDP) else -1
                counts[ip.src, ip.p, port] += 1
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if counts.total() != packets:
        raise ValueError(f"{capture} on {socket.gethostname()}: dpkt read {counts.total()} of {packets}")
    return {"wall": wall, "cpu": cpu}


if __name__ == "__main__":
    print(json.dumps(loop(Path(sys.argv[1]), int(sys.argv[2]))))
