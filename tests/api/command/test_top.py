from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from darkscope.api.command.top import top

Run = Callable[..., tuple[int, str, str]]

NOW, BEFORE = "2020-06-24T10:00", "2020-06-23T10:00"
FLOWS: list[dict[str, Any]] = [
    {"minute": NOW, "sensor": "home-1", "packets": 60, "source_low": 1},
    {"minute": NOW, "sensor": "abroad-1", "packets": 20, "source_low": 2, "country": "RU"},
    {"minute": NOW, "sensor": "home-1", "port": 445, "packets": 15, "country": "VN"},
    {"minute": NOW, "sensor": "home-1", "protocol": 1, "port": -1, "packets": 5, "class": "backscatter"},
    {"minute": NOW, "sensor": "pot", "port": 80, "packets": 900},
    {"minute": BEFORE, "sensor": "home-1", "packets": 5},
    {"minute": BEFORE, "sensor": "home-1", "port": 22, "packets": 9},
    {"minute": BEFORE, "sensor": "home-1", "port": 445, "packets": 2},
]
COVERAGE: list[dict[str, Any]] = [
    *(
        {"minute": f"2020-06-{day}T{hour:02}:00", "sensor": "home-1"}
        for day in (23, 24)
        for hour in range(24)
    ),
    *({"minute": f"2020-06-24T{hour:02}:00", "sensor": "abroad-1"} for hour in range(12)),
]

TABLE = """\
Destination ports, 2020-06-24

                                                    per sensor
 #  before  ports                   packets  share     and day  sources
 ──────────────────────────────────────────────────────────────────────
 1     2 ↑  23/TCP (telnet)              80  80.0%        53.3        2
 2     3 ↑  445/TCP (microsoft-ds)       15  15.0%        10.0        1
 3     new  0/ICMP                        5   5.0%         3.3        1

100 packets, 3 ports in all; 5.0% of those backscatter
2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 2 sensors, 75.0% of their time
watched; outages: abroad-1
before: 2020-06-23 00:00 to 2020-06-24 00:00; 2 sensors, 50.0% of their time
watched; outages: abroad-1
ledger version 7"""

CSV = """\
rank,value,label,packets,share,previous_rank,previous_packets,per_sensor_day,sources,sources_error,\
change,per_address_day,spoofable,backscatter,research,targets,targets_error,targets_saturated
1,23/TCP,23/TCP (telnet),80,0.8,2,5,53.333333333333336,2,0.0,9.666666666666668,,0.0,0.0,0.0,,,
2,445/TCP,445/TCP (microsoft-ds),15,0.15,3,2,10.0,1,0.0,4.0,,0.0,0.0,0.0,,,"""

JSON = """\
{
  "dimension": "ports",
  "packets": 20,
  "values": 1,
  "folded": 0,
  "rows": [
    {
      "rank": 1,
      "value": "23/TCP",
      "label": "23/TCP (telnet)",
      "packets": 20,
      "share": 1.0,
      "previous_rank": null,
      "previous_packets": 0,
      "per_sensor_day": 40.0,
      "sources": null,
      "sources_error": null,
      "change": null,
      "per_address_day": null,
      "spoofable": 0.0,
      "backscatter": 0.0,
      "research": 0.0,
      "targets": null,
      "targets_error": null,
      "targets_saturated": null
    }
  ],
  "provenance": {
    "ledger_version": 7,
    "period": {
      "asked": "2020-06-24",
      "zone": "UTC",
      "start": "2020-06-24T00:00:00+00:00",
      "end": "2020-06-25T00:00:00+00:00"
    },
    "previous": {
      "start": "2020-06-23T00:00:00+00:00",
      "end": "2020-06-24T00:00:00+00:00"
    },
    "filter": {
      "countries": [
        "RU"
      ]
    },
    "sensors": {
      "sensors": [
        "abroad-1"
      ],
      "covered_seconds": 43200,
      "covered_share": 0.5,
      "outages": [
        "abroad-1"
      ]
    },
    "previous_sensors": {
      "sensors": [
        "abroad-1"
      ],
      "covered_seconds": 0,
      "covered_share": 0.0,
      "outages": [
        "abroad-1"
      ]
    },
    "databases": [],
    "rules": []
  }
}"""


def test_a_ranking_is_a_table_with_ranks_before_services_and_coverage(run: Run) -> None:
    assert run("top ports --period 2020-06-24", FLOWS, COVERAGE) == (0, TABLE, "")


def test_csv_has_one_line_a_row(run: Run) -> None:
    assert run("top ports --period 2020-06-24 --limit 2 --format csv", FLOWS, COVERAGE) == (0, CSV, "")


def test_json_says_what_was_asked_and_where_it_came_from(run: Run) -> None:
    arguments = "top ports --period 2020-06-24 --abroad --country ru --sources none --format json"
    assert run(arguments, FLOWS, COVERAGE) == (0, JSON, "")


def test_targets_are_estimated_where_they_are_asked_for(run: Run) -> None:
    flows = [
        {"minute": NOW, "sensor": "home-1", "packets": 9, "targets": 0b1011},
        {"minute": NOW, "sensor": "abroad-1", "packets": 1, "targets": 0b0001},
        {"minute": NOW, "sensor": "home-1", "packets": 4, "port": 80, "targets": -1},
    ]
    code, output, _ = run("top ports --period 2020-06-24 --targets --sources none", flows, COVERAGE)
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert code == 0
    assert lines[3].endswith("day targets")
    assert lines[5:7] == [
        "1 new 23/TCP (telnet) 10 71.4% 6.7 ≈4 ±7.1%",
        "2 new 80/TCP (http) 4 28.6% 2.7 ≥266",
    ]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("ports --kind honeypot", ["80/TCP,900"]),
        ("ports --kind all --limit 1", ["80/TCP,900"]),
        ("ports --home", ["23/TCP,60", "445/TCP,15", "0/ICMP,5"]),
        ("ports --organisation south", ["23/TCP,20"]),
        ("ports --sensor Tokyo --sensor pot --limit 2", ["80/TCP,900", "23/TCP,60"]),
        ("ports --class backscatter", ["0/ICMP,5"]),
        ("countries --port 23/tcp", ["CN,60", "RU,20"]),
        ("countries --port 445", ["VN,15"]),
        ("countries --port 0/icmp", ["CN,5"]),
        ("countries --protocol udp", []),
        ("sensors", ["home-1,80", "abroad-1,20"]),
        ("organisations", ["north,80", "south,20"]),
        ("classes --tool none", ["scan,95", "backscatter,5"]),
        ("owners", ["unknown,100"]),
        ("tools", ["none,100"]),
        ("ports --time-zone Asia/Kathmandu --limit 1", ["23/TCP,80"]),
    ],
)
def test_options_narrow_a_ranking(run: Run, options: str, values: list[str]) -> None:
    _, output, _ = run(f"top {options} --period 2020-06-24 --sources none --format csv", FLOWS, COVERAGE)
    assert [",".join((line.split(",")[1], line.split(",")[3])) for line in output.splitlines()[1:]] == values


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("classes", ["scan,95,51.4%", "research,85,45.9%", "backscatter,5,2.7%"]),
        ("ports --research", ["443/TCP,85,100.0%"]),
        ("ports --no-research --limit 1", ["23/TCP,80,80.0%"]),
        ("classes --no-research", ["scan,95,95.0%", "backscatter,5,5.0%"]),
        ("classes --no-research --class research --class scan", ["scan,95,100.0%"]),
        ("classes --research --class scan", []),
    ],
)
def test_rankings_say_what_research_scanners_sent_and_leave_it_out(
    run: Run, options: str, values: list[str]
) -> None:
    flows = [*FLOWS, {"minute": NOW, "sensor": "home-1", "port": 443, "packets": 85, "class": "research"}]
    _, output, _ = run(f"top {options} --period 2020-06-24 --sources none --format csv", flows, COVERAGE)
    rows = [line.split(",") for line in output.splitlines()[1:]]
    assert [f"{row[1]},{row[3]},{float(row[4]):.1%}" for row in rows] == values


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("top ports --period yesterday", "the period 'yesterday' is not understood; "),
        ("top ports --sensor nobody", "no sensor is called 'nobody'; there are abroad-1, home-1, pot"),
        (
            "top ports --organisation east",
            "no sensor belongs to the organisation 'east'; there are north, south",
        ),
        ("top ports --port 70000", "the port '70000' is not understood; "),
        ("top ports --port 23/icmp", "the port '23/icmp' cannot be: ICMP has none; "),
        ("top ports --country Japan", "the country 'Japan' is not understood; "),
        ("top ports --owner x", "the owner 'x' is not understood; "),
        ("top ports --tool hydra", "the tool 'hydra' is not known; known are none, mirai, "),
        ("top ports --protocol 256", "the protocol '256' is not understood; "),
        ("top ports --time-zone Mars/Base", "the time zone 'Mars/Base' does not exist; "),
        ("trend ports --step 7h", "the step '7h' is not understood; "),
        ("trend ports --value 445", "the port '445' needs its protocol here: 445/tcp or 445/udp"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence_on_stderr(
    run: Run, arguments: str, message: str
) -> None:
    code, output, errors = run(arguments, [], [])
    assert (code, output) == (2, "")
    assert errors.startswith(f"darkscope: {message}")
    assert errors.count("\n") == 1


def test_where_nobody_watched_before_nothing_is_called_new(run: Run) -> None:
    arguments = "top ports --period 2020-06-24 --limit 1 --abroad"
    assert " 1       -  23/TCP (telnet)       20" in run(arguments, FLOWS, COVERAGE)[1]


def test_an_empty_ledger_is_an_empty_ranking(run: Run) -> None:
    code, output, errors = run("top countries --period 2020-Q2", [], [])
    assert (code, errors) == (0, "")
    assert "0 packets, 0 countries in all" in output


def test_settings_with_mistakes_are_named_one_a_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('nonsense = 1\ntime_zone = "Mars"\n')
    monkeypatch.setenv("DARKSCOPE_SETTINGS", str(file))
    code, output, errors = run("top ports", [], [])
    assert (code, output) == (2, "")
    assert sorted(line.split(":")[0:2] for line in errors.splitlines()) == [
        ["darkscope", f" {file} line 1"],
        ["darkscope", f" {file} line 2"],
    ]


def test_a_folder_without_a_ledger_is_a_failure(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(top)
    result = CliRunner().invoke(app, ["ports", "--ledger", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"darkscope: {tmp_path}: no ledger here; `darkscope ingest` makes one\n"
