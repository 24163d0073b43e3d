"""Measure darkscope against the goals of its speed, beside peers in the same run: `bench.py [P1 P2 ...]`.

Every figure is of a process of its own whose start and compilation are not counted, unless it says otherwise; the
least of the rounds counts, for us as for the peers. Wall time says little where others use the machine: CPU seconds
stand beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import peers
from cost import Cost, run
from mixes import DENSE, SPARSE, Mix, write
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
START_OVER = 1_000
"""Packets of the capture that measures what starting the command takes."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    measure: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    is_met: bool | None = None  # None: nothing is demanded


@dataclass
class Bench:
    """One run of the bench: its sizes, and a folder for what it writes."""

    folder: Path
    packets: int
    rounds: int
    quick: bool
    full: bool
    random_ports: float
    kept: Path | None
    spark_packets: int
    figures: list[Figure] = field(default_factory=list)
    _made: int = 0

    def capture(self, mix: Mix, packets: int, *, pcapng: bool = False) -> Path:
        """Give a capture of a mix, written once."""
        path = self.folder / f"{mix.name}-{packets}.{'pcapng' if pcapng else 'pcap'}"
        if not path.exists():
            write(mix, packets, path, pcapng=pcapng)
        return path

    def ledger(self) -> Path:
        """Give a folder for a ledger that is not there yet."""
        self._made += 1
        return self.folder / f"ledger-{self._made}"

    def ours(self, *arguments: str | Path) -> dict[str, float]:
        """Measure our side."""
        result: dict[str, float] = self.child("ours.py", *arguments)
        return result

    def child(self, script: str, *arguments: str | Path) -> Any:
        """Run a script of this folder that prints JSON; it may use what tests are made of."""
        return json.loads(self.cost(script, *arguments).output)

    def cost(self, script: str, *arguments: str | Path, cores: int = 0) -> Cost:
        """Run such a script on so many cores, on all where it is 0."""
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "building")}
        bound = ["taskset", "--cpu-list", f"0-{cores - 1}"] if cores else []
        return run([*bound, sys.executable, HERE / script, *arguments], environment=environment)

    def ingest(self, capture: Path, what: str = "ingest") -> dict[str, float]:
        """Ingest a capture into a ledger that is thrown away."""
        ledger = self.ledger()
        result = self.ours(what, capture, ledger)
        self.drop(ledger)
        return result

    def command(self, *arguments: str | Path, of: Path | None = None) -> Cost:
        """Run the whole command `darkscope ingest`, from its start to its end; `of` is its standard input."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DARKSCOPE_")}
        environment |= {"DARKSCOPE_RETENTION__FLOWS": "keep", "DARKSCOPE_RETENTION__SOURCES": "keep"}
        ledger = self.ledger()
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "darkscope.api.command.main",
            "ingest",
            "--quiet",
            "--ledger",
            ledger,
        ]
        if of is None:
            cost = run([*words, *arguments], environment=environment)
        else:
            with subprocess.Popen(["cat", str(of)], stdout=subprocess.PIPE) as cat:
                cost = run([*words, "-"], stdin=cat.stdout, environment=environment)
        self.drop(ledger)
        return cost

    def drop(self, ledger: Path) -> None:
        """Delete a ledger."""
        subprocess.run(["rm", "-rf", ledger], check=True)

    def add(self, *figures: Figure) -> None:
        """Note figures."""
        self.figures.extend(figures)

    @cached_property
    def dpkt(self) -> peers.Pace:
        """The plain dpkt loop over a slice of the sparse mix."""
        packets = min(self.packets, 50_000 if self.quick else 200_000)
        return self.dpkt_now(self.capture(SPARSE, self.packets), packets)

    def dpkt_now(self, capture: Path, packets: int) -> peers.Pace:
        """Measure the loop at this moment."""
        return peers.dpkt_loop(capture, packets)


def least(results: Sequence[dict[str, float]]) -> dict[str, float]:
    """Give the least of each figure."""
    return {key: min(result[key] for result in results) for key in results[0]}


def millions(pace: float) -> str:
    """Write a pace."""
    return f"{pace / 1e6:.2f} M/s" if pace >= 1e5 else f"{pace / 1e3:.1f} k/s"


def times(ratio: float) -> str:
    """Write a ratio."""
    return f"{ratio:.1f}x"


def capture_to_flows(bench: Bench) -> None:
    """P1: capture to committed flows with country."""
    for mix, goal, cpu_goal in ((SPARSE, 50, 3), (DENSE, 100, 6)):
        capture = bench.capture(mix, bench.packets)
        slice_ = min(bench.packets, 50_000 if bench.quick else 200_000)
        rounds, loops = [], []
        for _ in range(bench.rounds):
            rounds.append(bench.ingest(capture))
            loops.append(bench.dpkt_now(capture, slice_))
        ours = least(rounds)
        wall, cpu = ours["frames"] / ours["wall"], ours["frames"] / ours["cpu"]
        loop = max(one.per_second for one in loops)
        loop_cpu = max(one.per_cpu_second for one in loops)
        flows = f"{ours['flows'] / 1e6:.2f} M flows"
        bench.add(
            Figure(
                f"P1 {mix.name}, wall ({flows})",
                f"{millions(wall)} ({ours['wall']:.2f} s)",
                f"dpkt {millions(loop)}",
                times(wall / loop),
                f">= {goal}x",
                wall / loop >= goal,
            ),
            Figure(
                f"P1 {mix.name}, a CPU second",
                f"{millions(cpu)} ({ours['cpu']:.2f} s)",
                f"dpkt {millions(loop_cpu)}",
                times(cpu / loop_cpu),
            ),
            Figure(
                f"P1 {mix.name}, upkeep afterwards (not in the above)",
                f"{ours['upkeep_wall']:.2f} s, CPU {ours['upkeep_cpu']:.2f} s",
            ),
        )
        for name, peer in (("pmacctd", peers.pmacctd), ("nfpcapd", peers.nfpcapd)):
            pace = peer(capture, bench.packets)
            demanded = cpu_goal if name == "pmacctd" else None
            measure, cell = f"P1 {mix.name}, a CPU second", millions(cpu)
            goal_text = f">= {demanded}x" if demanded else ""
            if pace is None:
                bench.add(Figure(measure, cell, f"{name} is not installed", goal=goal_text))
                continue
            ratio = cpu / pace.per_cpu_second
            said = f"{name} {millions(pace.per_cpu_second)} {pace.said}".rstrip()
            bench.add(
                Figure(measure, cell, said, times(ratio), goal_text, ratio >= demanded if demanded else None)
            )
        if mix is SPARSE:
            size = ours["bytes"] / ours["flows"]
            bench.add(Figure("P8 flows after compaction, sparse", f"{size:.2f} bytes a flow",
                             goal="<= 10", is_met=size <= 10))  # fmt: skip


def decode_alone(bench: Bench) -> None:
    """P2: decoding frames in memory."""
    capture = bench.capture(SPARSE, bench.packets)
    ours = least([bench.ours("decode", capture) for _ in range(bench.rounds)])
    loop = bench.dpkt
    for name, mine, peer, goal in (
        ("wall", ours["frames"] / ours["wall"], loop.per_second, 400),
        ("a CPU second", ours["frames"] / ours["cpu"], loop.per_cpu_second, 0),
    ):
        bench.add(
            Figure(
                f"P2 decode, {name}",
                millions(mine),
                f"dpkt {millions(peer)}",
                times(mine / peer),
                f">= {goal}x" if goal else "",
                mine / peer >= goal if goal else None,
            )
        )


def pcapng_beside_pcap(bench: Bench) -> None:
    """P3: the same packets as pcapng and as pcap."""
    paths = [bench.capture(SPARSE, bench.packets, pcapng=is_ng) for is_ng in (False, True)]
    rounds = [[bench.ingest(path) for path in paths] for _ in range(bench.rounds)]
    pcap, pcapng = (least([one[index] for one in rounds]) for index in (0, 1))
    for name in ("wall", "cpu"):
        ratio = pcapng[name] / pcap[name]
        bench.add(
            Figure(
                f"P3 pcapng, {name}",
                f"{pcapng[name]:.2f} s",
                f"pcap {pcap[name]:.2f} s",
                f"{ratio:.2f}x",
                "<= 1.20x",
                ratio <= 1.2,
            )
        )


def memory(bench: Bench) -> None:
    """P4: peak anonymous memory of the whole command, upkeep included."""
    sizes = (0.05, 0.1) if bench.quick else (0.5, 5.0) if bench.full else (0.25, 1.0)
    for size in sizes:
        capture = bench.capture(SPARSE, int(size * 1e9 / 99.6))
        cost = bench.command(capture)
        capture.unlink()
        mega = cost.anonymous / 1e6
        bench.add(
            Figure(
                f"P4 anonymous memory at {size} GB",
                f"{mega:.0f} MB ({cost.wall:.1f} s, CPU {cost.cpu:.1f} s)",
                goal="<= 700 MB",
                is_met=mega <= 700,
            )
        )


def standard_input(bench: Bench) -> None:
    """P5: `cat | darkscope ingest -`, less what the command takes for next to nothing."""
    start = bench.command(of=bench.capture(SPARSE, START_OVER))
    whole = bench.command(of=bench.capture(SPARSE, bench.packets))
    wall, cpu = whole.wall - start.wall, whole.cpu - start.cpu
    pace = bench.packets / wall
    bench.add(
        Figure(
            f"P5 standard input (start of {start.wall:.1f} s not counted)",
            f"{millions(pace)} ({wall:.1f} s)",
            goal=">= 1 M/s",
            is_met=pace >= 1e6,
        ),
        Figure("P5 standard input, a CPU second", f"{millions(bench.packets / cpu)} ({cpu:.1f} s)"),
    )


def ranking(bench: Bench) -> None:
    """P6: a ranking of a quarter, with the ranks of the one before."""
    flows = 1_000_000 if bench.quick else 50_000_000
    folder = bench.kept or bench.folder / "quarter"
    result = bench.child("quarter.py", folder, str(flows), str(bench.random_ports))
    rows = result["rows"]
    for answer, cost in result["answers"].items():
        demanded = "--sources" not in answer
        bench.add(
            Figure(
                f"P6 {answer}, {rows['flows'] / 1e6:.0f} M flows",
                f"{cost['wall'] * 1e3:.0f} ms (CPU {cost['cpu'] * 1e3:.0f} ms)",
                goal="<= 200 ms" if demanded else "",
                is_met=cost["wall"] <= 0.2 if demanded else None,
            )
        )
    ports = rows["rollup_ports_day"] / 1e6
    bench.add(Figure("P6 rows of the ports' day rollup, both quarters", f"{ports:.1f} M"))


def projection(bench: Bench) -> None:
    """P7: the ledger into an InfluxDB, and the panels of *Now* out of it."""
    if shutil.which("influxd") is None:
        bench.add(Figure("P7 the projection", "skipped: there is no influxd (Debian's package influxdb)"))
        return
    size = ["--flows", "100000" if bench.quick else "1000000", "--rounds", str(bench.rounds)]
    found = bench.child("projecting.py", "deliver", bench.ledger(), *size)
    bench.add(
        Figure("P7 lines built", millions(found["built"]), goal=">= 1 M/s", is_met=found["built"] >= 1e6)
    )
    for before, how in (("", "all on the same cores"), ("apart_", "a core for the server, one for us")):
        if f"{before}ours" not in found:
            continue
        ours, ready, client = (found[f"{before}{name}"] for name in ("ours", "ready", "client"))
        what = f"P7 {found['points'] / 1e6:.2f} M points to InfluxDB 1.6, {how}"
        bench.add(
            Figure(
                what,
                millions(ours),
                f"ready-made lines {millions(ready)}",
                f"{ours / ready:.2f}x",
                ">= 0.90x",
                ours / ready >= 0.9,
            ),
            Figure(
                what,
                millions(ours),
                f"influxdb-client's batching {millions(client)}",
                times(ours / client),
                ">= 5x",
                ours / client >= 5,
            ),
        )
    late = bench.child("projecting.py", "lag", bench.ledger(), "--seconds", "10" if bench.quick else "60")
    bench.add(
        Figure(
            "P7 lag of live packets, the longest",
            f"{late['longest']:.1f} s (median {late['median']:.1f} s, {late['lots']} lots)",
            goal="<= 10 s",
            is_met=late["longest"] <= 10,
        )
    )
    days = 10 if bench.quick else 90
    wall = bench.child("projecting.py", "panels", bench.ledger(), "--days", str(days))
    series = wall["series"]
    bench.add(
        *(
            Figure(
                f"P7 Now over {days} days: {title}",
                f"{seconds * 1e3:.0f} ms",
                goal="< 500 ms",
                is_met=seconds < 0.5,
            )
            for title, seconds in wall["panels"].items()
        ),
        Figure(
            f"P7 Now over {days} days: variables ({series['ports']:,} series of ports, "
            f"{series['packets']:,} of packets)",
            f"{wall['variables'] * 1e3:.0f} ms",
        ),
    )


def commits(bench: Bench) -> None:
    """How a ledger bears many commits."""
    count = 300 if bench.quick else 3000
    result = bench.child("many.py", bench.ledger(), str(count))
    first, last = result["first_commits"], result["last_commits"]
    bench.add(
        Figure(
            f"commits, the last of {count:,} beside the first",
            f"{last * 1e3:.0f} ms",
            f"{first * 1e3:.0f} ms",
        ),
        Figure(
            f"opening after {count:,} commits, before upkeep",
            f"{result['open_before'] * 1e3:.0f} ms, {result['log_before']} log files",
            f"{result['open_of_20'] * 1e3:.0f} ms after 20",
        ),
        Figure(
            f"opening after upkeep ({result['upkeep']:.1f} s, CPU {result['upkeep_cpu']:.1f} s)",
            f"{result['open_after'] * 1e3:.0f} ms, {result['log_after']} log files",
            f"{result['data_files']} data files",
        ),
    )


def long_lists(bench: Bench) -> None:
    """P14: a commit, and a look at it, where a table has many files."""
    few, many = 1_000, 10_000 if bench.quick else 100_000
    found = bench.child("listing.py", bench.ledger(), str(few), str(many))
    for what, name in (("a commit", "commit"), ("a reader sees it", "look")):
        ours, before, its = (
            found[size][whose][name] for size, whose in (("many", "ours"), ("few", "ours"), ("many", "peer"))
        )
        bench.add(
            Figure(
                f"P14 {what}, {many:,} files (CPU)",
                f"{ours * 1e3:.1f} ms",
                f"the Delta library {its * 1e3:.0f} ms",
                f"{its / ours:.0f}x",
            ),
            Figure(
                f"P14 {what}, beside {few:,} files",
                f"{ours * 1e3:.1f} ms",
                f"{before * 1e3:.1f} ms",
                f"{ours / before:.2f}x",
                "<= 2x",
                is_met=ours <= 2 * before,
            ),
        )
    opened = found["many"]["ours"]["opened"]
    bench.add(Figure(f"P14 opened first, {many:,} files (CPU)", f"{opened * 1e3:.0f} ms"))


def small_captures(bench: Bench) -> None:
    """Read a folder of many small captures."""
    count = 100 if bench.quick else 1000
    folder = bench.folder / "small"
    folder.mkdir()
    for number in range(count):
        write(SPARSE, 300, folder / f"{number:04}.pcap", second=60 * number)
    ledger = bench.ledger()
    result = bench.ours("folder", folder, ledger)
    bench.drop(ledger)
    bench.add(
        Figure(
            f"{count:,} captures of 300 packets",
            f"{count / result['wall']:.0f} captures/s ({result['wall']:.2f} s)",
            f"{count / result['cpu']:.0f} a CPU second",
        )
    )


def asking(bench: Bench) -> None:
    """P9: the same questions to the ledger, to InfluxDB, and to plain polars over the flows."""
    flows = 500_000 if bench.quick else 5_000_000
    found = bench.child("asking.py", bench.folder / "asked", str(flows), str(bench.random_ports))
    if "InfluxDB" not in found["peers"]:
        bench.add(Figure("P9 InfluxDB", "skipped: there is no influxd (Debian's package influxdb)"))
    for question, taken in found["answers"].items():
        ours = taken["ledger"]["median"]
        bench.add(
            *(
                Figure(
                    f"P9 {question}, {flows / 1e6:.1f} M flows",
                    f"{ours * 1e3:.0f} ms",
                    f"{peer} {taken[peer]['median'] * 1e3:.0f} ms",
                    times(taken[peer]["median"] / ours),
                )
                for peer in found["peers"]
            )
        )


def under_load(bench: Bench) -> None:
    """P10: the HTTP interface under load, ingest beside it."""
    flows = 1_000_000 if bench.quick else 50_000_000
    ledger = bench.kept or bench.folder / "quarter"
    asked = ledger, str(flows), str(bench.random_ports)
    for kind, cpu in bench.child("fresh.py", *asked).items():
        bench.add(
            Figure(
                f"P10 CPU of a new question, {kind}",
                f"p50 {cpu['p50'] * 1e3:.0f} ms, p95 {cpu['p95'] * 1e3:.0f} ms",
            )
        )
    found = bench.child("load.py", *asked, bench.folder)
    goals = {
        ("mixed", "ranking"): 0.15,
        ("mixed", "trend"): 0.15,
        ("mixed", "sources"): 0.3,
        ("distinct", "ranking"): 0.5,
        ("distinct", "trend"): 0.5,
        ("distinct", "sources"): 0.5,
        ("cached", "all"): 0.1,
    }
    rates = {"mixed": 50, "distinct": 5, "cached": 200}
    for (mix, kind), goal in goals.items():
        taken = found["answers"][mix].get(kind)
        if taken is None:
            continue
        quantile = "p99" if mix == "cached" else "p95"
        bench.add(
            Figure(
                f"P10 {kind}, {mix}, {rates[mix]} requests/s, {taken['count']:.0f} of them",
                f"{quantile} {taken[quantile] * 1e3:.0f} ms, p50 {taken['p50'] * 1e3:.0f} ms, "
                f"{taken['failed']:.0f} not answered",
                goal=f"{quantile} <= {goal * 1e3:.0f} ms",
                is_met=taken[quantile] <= goal and not taken["failed"],
            )
        )
    before, after = (found["memory"][name] / 2**20 for name in ("before", "after"))
    bench.add(
        Figure("P10 memory of the server, before and after", f"{before:.0f} MB, {after:.0f} MB"),
        Figure("P10 versions of the ledger that was asked meanwhile", f"{found['versions']:.0f}"),
    )
    for question, taken in bench.child("days.py", *asked, bench.folder).items():
        few, many = taken["few"], taken["many"]
        bench.add(
            Figure(
                f"P10 {question}, on ten times the days (CPU)",
                f"{many * 1e3:.1f} ms",
                f"on a tenth {few * 1e3:.1f} ms",
                f"{many / few:.2f}x",
                "<= 1.10x",
                many <= 1.1 * few,
            )
        )


def analysts(bench: Bench) -> None:
    """P11: what an analyst waits for: a quarter's phenomena and its report, each the whole command."""
    flows = 1_000_000 if bench.quick else 50_000_000
    folder = bench.kept or bench.folder / "quarter"
    bench.child("quarter.py", folder, str(flows), str(bench.random_ports))
    asked = ("--ledger", folder, "--time-zone", "UTC")
    for what, words, seconds in (
        ("phenomena", ("phenomena", "list", "--period", "2020-Q2"), 20),
        ("the report", ("report", "2020-Q2", "--out", bench.folder / "report"), 60),
    ):
        cost = run([sys.executable, "-m", "darkscope.api.command.main", *words, *asked])
        mega = cost.anonymous / 1e6
        bench.add(
            Figure(
                f"P11 {what} of a quarter, {flows / 1e6:.0f} M flows",
                f"{cost.wall:.1f} s (CPU {cost.cpu:.1f} s), {mega:.0f} MB",
                goal=f"<= {seconds} s, 1000 MB",
                is_met=cost.wall <= seconds and mega <= 1000,
            )
        )


def honeypot(bench: Bench) -> None:
    """P12: the same capture as a honeypot's: what reading handshakes and requests costs."""
    for mix in (SPARSE, DENSE):
        capture = bench.capture(mix, bench.packets)
        kinds = ("ingest", "honeypot")
        rounds = [[bench.ingest(capture, kind) for kind in kinds] for _ in range(bench.rounds)]
        telescope, ours = (least([one[index] for one in rounds]) for index in (0, 1))
        ratio = ours["cpu"] / telescope["cpu"]
        bench.add(
            Figure(
                f"P12 {mix.name} as a honeypot's, CPU",
                f"{ours['cpu']:.2f} s",
                f"as a telescope's {telescope['cpu']:.2f} s",
                f"{ratio:.2f}x",
                "<= 1.15x",
                ratio <= 1.15,
            )
        )


def on_spark(bench: Bench) -> None:
    """P13: a backfill by two executors of one core each, beside one process."""
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        bench.add(Figure("P13 backfill on Spark", "skipped: it needs PySpark and Java"))
        return
    captures = bench.folder / "backfill"
    packets = 400_000 if bench.quick else bench.spark_packets
    size = bench.child("backfill.py", "captures", captures, "--packets", str(packets))["bytes"]
    ledgers = {name: bench.ledger() for name in ("one", "both", "spark")}
    one, both, spark = (
        bench.cost("backfill.py", what, ledgers[name], captures, cores=cores)
        for name, what, cores in (("one", "one", 1), ("both", "one", 0), ("spark", "spark", 0))
    )
    sums = [bench.child("backfill.py", "sums", ledger) for ledger in ledgers.values()]
    found = json.loads(spark.output)
    walls = [json.loads(cost.output)["wall"] for cost in (one, both)]
    bench.add(
        *(
            Figure(
                f"P13 {size / 1e9:.1f} GB on Spark, wall",
                f"{found['wall']:.0f} s",
                f"one process on {cores} {wall:.0f} s",
                f"{wall / found['wall']:.2f}x",
                goal,
                wall / found["wall"] >= 1.6 if goal else None,
            )
            for cores, wall, goal in zip(("one core", "both cores"), walls, (">= 1.6x", ""), strict=True)
        ),
        Figure(
            "P13 processor seconds: tasks",
            f"{found['tasks_cpu']:.0f} s",
            f"one process on one core {one.cpu:.0f} s",
            f"{found['tasks_cpu'] / one.cpu:.2f}x",
            "<= 1.25x",
            found["tasks_cpu"] <= 1.25 * one.cpu,
        ),
        Figure(
            "P13 processor seconds: all, Spark's JVMs too",
            f"{found['cpu']:.0f} s",
            f"one process on one core {one.cpu:.0f} s",
            f"{found['cpu'] / one.cpu:.2f}x",
            "<= 1.25x",
            found["cpu"] <= 1.25 * one.cpu,
        ),
        Figure("P13 anonymous memory of a task", f"{found['task_anonymous'] / 1e6:.0f} MB"),
        Figure(
            "P13 the three ledgers hold the same",
            f"{sums[0]['flows']:,} packets",
            is_met=sums[0] == sums[1] == sums[2],
        ),
    )


MEASURES: dict[str, Callable[[Bench], None]] = {
    "P1": capture_to_flows,
    "P2": decode_alone,
    "P3": pcapng_beside_pcap,
    "P4": memory,
    "P5": standard_input,
    "P6": ranking,
    "P7": projection,
    "P9": asking,
    "P10": under_load,
    "P11": analysts,
    "P12": honeypot,
    "P13": on_spark,
    "P14": long_lists,
    "commits": commits,
    "small": small_captures,
}
"""P8 is a figure of P1's sparse mix."""


def machine() -> str:
    """Describe the machine in a line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU"
    )
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    packages = ", ".join(f"{name} {version(name)}" for name in ("polars", "deltalake", "numba", "dpkt"))
    return (
        f"{model}, {os.cpu_count()} cores, {memory_kb / (1 << 20):.0f} GiB, Python {platform.python_version()}, "
        f"{packages}; load {load}"
    )


def drawn(figures: Sequence[Figure]) -> Table:
    """Draw the figures."""
    table = Table(box=None, pad_edge=False)
    for name in ("measure", "ours", "peer", "ratio", "goal", ""):
        table.add_column(name, overflow="fold")
    for one in figures:
        met = {True: "met", False: "NOT MET", None: ""}[one.is_met]
        table.add_row(one.measure, one.ours, one.peer, one.ratio, one.goal, met)
    return table


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="*", help=f"of {', '.join(MEASURES)}; all where left out")
    parser.add_argument("--packets", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="the least of so many counts")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    parser.add_argument("--full", action="store_true", help="captures of 0.5 and 5 GB for P4")
    parser.add_argument("--random-ports", type=float, default=0.5, help="P6: share of flows to any port")
    parser.add_argument(
        "--quarter", type=Path, help="P6, P10, P11: keep the ledger here, and use the one that is here"
    )
    parser.add_argument("--spark-packets", type=int, default=20_000_000, help="P13: 10 million are 1 GB")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the folder goes also then
    if wrong := set(asked.measures) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(wrong))}")
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(machine(), highlight=False)
    with tempfile.TemporaryDirectory(prefix="darkscope-bench-") as folder:
        bench = Bench(
            Path(folder),
            200_000 if asked.quick else asked.packets,
            1 if asked.quick else asked.rounds,
            asked.quick,
            asked.full,
            asked.random_ports,
            asked.quarter,
            asked.spark_packets,
        )
        for name in asked.measures or MEASURES:
            done = len(bench.figures)
            MEASURES[name](bench)
            console.print(drawn(bench.figures[done:]), highlight=False)
    if any(figure.is_met is False for figure in bench.figures):
        console.print("not every goal is met", style="yellow")


if __name__ == "__main__":
    main()
