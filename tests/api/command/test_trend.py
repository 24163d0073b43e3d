from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Run = Callable[..., tuple[int, str, str]]

HOURS = {1: 40, 2: 80, 3: 20, 9: 60}  # packets to 23/TCP by hour
WATCHED = [*range(6), *range(8, 12)]  # hours; the seventh and eighth are an outage, half of the tenth too
FLOWS: list[dict[str, Any]] = [
    *(
        {"minute": f"2020-06-24T{hour:02}:30", "sensor": "home-1", "packets": packets}
        for hour, packets in HOURS.items()
    ),
    {"minute": "2020-06-24T04:00", "sensor": "home-1", "port": 445, "packets": 7},
]
COVERAGE: list[dict[str, Any]] = [
    {"minute": f"2020-06-24T{hour:02}:00", "sensor": "home-1", "minutes": 30 if hour == 10 else 60}
    for hour in WATCHED
]

CHART = """\
Destination ports, 2020-06-24
23/TCP (telnet)  200 packets
80       ⢸⣿⣿⣿
         ⢸⣿⣿⣿                   ⣿⣿⣿⡇
      ⢸⣿⣿⣿⣿⣿⣿                   ⣿⣿⣿⡇
      ⢸⣿⣿⣿⣿⣿⣿⣿⣿⣿                ⣿⣿⣿⡇
 0 ───────────────────xxxxxxx────────────xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
   06-24 00:00  06-24 04:00  06-24 08:00     06-24 13:00  06-24 17:00
x nobody watched: 14 of 24 buckets
1 of 24 buckets were watched in part; their counts are as counted
2020-06-24 00:00 to 2020-06-25 00:00 (UTC); 1 sensor, 39.6% of their time
watched; outages: home-1
ledger version 7"""


def test_an_outage_is_a_gap_in_csv_and_a_true_zero_a_zero(run: Run) -> None:
    arguments = "trend ports --period 2020-06-24 --step 2h --sensor Tokyo --format csv"
    assert run(arguments, FLOWS, COVERAGE) == (
        0,
        "\n".join(
            [
                "start,covered,23/TCP,445/TCP",
                "2020-06-24T00:00:00+00:00,1.0,40,0",
                "2020-06-24T02:00:00+00:00,1.0,100,0",
                "2020-06-24T04:00:00+00:00,1.0,0,7",
                "2020-06-24T06:00:00+00:00,0.0,,",
                "2020-06-24T08:00:00+00:00,1.0,60,0",
                "2020-06-24T10:00:00+00:00,0.75,0,0",
                *(f"2020-06-24T{hour}:00:00+00:00,0.0,," for hour in range(12, 24, 2)),
            ]
        ),
        "",
    )


def test_json_has_one_entry_a_bucket(run: Run) -> None:
    arguments = "trend countries --value cn --period 2020-06-24 --step 12h --sensor Tokyo --format json"
    code, output, errors = run(arguments, FLOWS, COVERAGE)
    answer = json.loads(output)
    assert (code, errors) == (0, "")
    assert answer["provenance"].pop("previous_sensors") is None
    assert answer == {
        "dimension": "countries",
        "by": None,
        "step": "12h",
        "starts": ["2020-06-24T00:00:00+00:00", "2020-06-24T12:00:00+00:00"],
        "covered": [9.5 / 12, 0.0],
        "folded": 0,
        "lines": [
            {"value": "CN", "label": "CN China", "packets": [207, None], "part": None, "part_label": None}
        ],
        "provenance": {
            "ledger_version": 7,
            "period": {
                "asked": "2020-06-24",
                "zone": "UTC",
                "start": "2020-06-24T00:00:00+00:00",
                "end": "2020-06-25T00:00:00+00:00",
            },
            "previous": {"start": "2020-06-23T00:00:00+00:00", "end": "2020-06-24T00:00:00+00:00"},
            "filter": {},
            "sensors": {
                "sensors": ["home-1"],
                "covered_seconds": 34200,
                "covered_share": 9.5 / 24,
                "outages": ["home-1"],
            },
            "databases": [],
            "rules": [],
        },
    }


def test_a_chart_fits_80_columns_and_marks_the_gaps(run: Run) -> None:
    arguments = "trend ports --limit 1 --period 2020-06-24 --step hour --sensor Tokyo"
    assert run(arguments, FLOWS, COVERAGE) == (0, CHART, "")
