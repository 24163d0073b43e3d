"""Which tool each source uses, and what it writes into its headers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from darkscope.ingest.simulate.frames import Layout, Layouts
from darkscope.ingest.simulate.scenario import ICMP, ICMPV6, Mark, Probe, Stream
from darkscope.ingest.simulate.sources import fraction, mixed

ZMAP_ID = 54321

_Ints = npt.NDArray[np.int64]
_U64 = npt.NDArray[np.uint64]
_LOW16 = np.uint64(0xFFFF)


class Tools:
    """The tools of all streams. Columns have an entry a probe; what a source keeps follows from who it is."""

    def __init__(self, streams: Sequence[Stream], layouts: Layouts) -> None:
        number: dict[Probe, int] = {}
        for stream in streams:
            for probe, _ in stream.tools:
                number.setdefault(probe, len(number))
        most = max(len(stream.tools) for stream in streams)
        self._shares = np.ones((len(streams), most))  # cumulative
        self._numbers = np.zeros((len(streams), most), np.int64)
        for row, stream in enumerate(streams):
            shares = np.array([share for _, share in stream.tools])
            self._shares[row, : len(shares)] = np.cumsum(shares) / shares.sum()
            self._numbers[row, : len(shares)] = [number[probe] for probe, _ in stream.tools]
        probes = list(number)
        self.layout = np.array([layouts.number(_layout(probe)) for probe in probes])
        self.version = np.array([probe.version for probe in probes])
        self.flags = np.array([probe.flags for probe in probes])
        self.tries = np.array([probe.tries for probe in probes])
        self._mark = np.array([probe.mark.value for probe in probes])
        self._source_port = np.array([probe.source_ports[0] for probe in probes])
        self._source_ports = np.array([probe.source_ports[1] + 1 for probe in probes]) - self._source_port
        self._windows = _padded([probe.windows for probe in probes])
        self._ttls = _padded([probe.ttls for probe in probes])

    def used(self, stream: _Ints, member: _U64) -> _Ints:
        """Tell which probe each member of a stream's population uses."""
        tool = (fraction(mixed(member, 9))[:, None] >= self._shares[stream]).sum(axis=1)
        probe: _Ints = self._numbers[stream, tool]
        return probe

    def ttl(self, probe: _Ints, member: _U64) -> _Ints:
        """Tell the TTL that is left after a member's way to the sensors, of 5 to 24 hops."""
        hops = 5 + (mixed(member, 14) % np.uint64(20)).astype(np.int64)
        left: _Ints = _kept(self._ttls, probe, mixed(member, 11)) - hops
        return left

    def window(self, probe: _Ints, member: _U64) -> _Ints:
        """Tell the TCP window that a member keeps."""
        return _kept(self._windows, probe, mixed(member, 13))

    def source_port(self, probe: _Ints, drawn: npt.NDArray[np.float64]) -> _Ints:
        """Choose source ports by random numbers from 0 to 1."""
        above = np.floor(drawn * self._source_ports[probe]).astype(np.int64)
        chosen: _Ints = self._source_port[probe] + above
        return chosen

    def sequence(self, probe: _Ints, member: _U64, day: int, target: _U64, drawn: _U64) -> _U64:
        """Mark random sequence numbers as Mirai and nmap do."""
        mark = self._mark[probe]
        mask = mixed(member + np.uint64(day), 10) >> np.uint64(32)
        paired = mask ^ (drawn & _LOW16) * np.uint64(0x10001)
        marked = np.where(mark == Mark.NMAP.value, paired, drawn)
        return np.where(mark == Mark.MIRAI.value, target, marked)

    def ip_id(self, probe: _Ints, target: _U64, port: _Ints, sequence: _U64, drawn: _Ints) -> _Ints:
        """Mark random IP ids as ZMap and masscan do; nobody else draws ZMap's."""
        mark = self._mark[probe]
        structure = ((target ^ port.astype(np.uint64) ^ sequence) & _LOW16).astype(np.int64)
        plain = np.where(drawn == ZMAP_ID, 0, drawn)
        marked = np.where(mark == Mark.MASSCAN.value, structure, plain)
        return np.where(mark == Mark.ZMAP.value, ZMAP_ID, marked)


def _layout(probe: Probe) -> Layout:
    is_icmp = probe.protocol in {ICMP, ICMPV6}
    return Layout(
        probe.protocol,
        probe.version,
        probe.options,
        probe.payload,
        probe.icmp if is_icmp else (0, 0),
        quotes=probe.protocol == ICMP and probe.icmp[0] in {3, 11},
    )


def _padded(choices: Sequence[tuple[int, ...]]) -> tuple[_Ints, _U64]:
    """Put each probe's choices into a row, and count them."""
    count = np.array([len(of_probe) for of_probe in choices], np.uint64)
    table = np.zeros((len(choices), int(count.max())), np.int64)
    for row, of_probe in enumerate(choices):
        table[row, : len(of_probe)] = of_probe
    return table, count


def _kept(choices: tuple[_Ints, _U64], probe: _Ints, member: _U64) -> _Ints:
    """Choose one of a probe's choices by a member's hash."""
    table, count = choices
    kept: _Ints = table[probe, (member % count[probe]).astype(np.int64)]
    return kept
