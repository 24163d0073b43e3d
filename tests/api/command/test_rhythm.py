from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Run = Callable[..., tuple[int, str, str]]

FLOWS: list[dict[str, Any]] = [
    {"minute": f"2020-06-{day}T{hour:02}:30", "sensor": "home-1", "country": "VN", "packets": 10}
    for day in range(22, 29)
    for hour in (2, 3, 4, 6, 7, 8, 9)  # 9 to 11 h and 13 to 16 h in Viet Nam
]
COVERAGE: list[dict[str, Any]] = [
    {"minute": f"2020-06-{day}T{hour:02}:00", "sensor": "home-1"}
    for day in range(22, 29)
    for hour in range(24)
]
DRAWN = """\
Rhythms of source countries, 2020-06-22/2020-06-28
VN Vietnam  490 packets; office hours, strength 1.00
  rise by 9 h 100%, dip at 12 h 100%, end by 19 h 100%
  per hour, working days in Asia/Ho_Chi_Minh
                    ⣿⣿⣿⣿⣿⣿  ⣿⣿⣿⣿⣿⣿⣿⣿
                    ⣿⣿⣿⣿⣿⣿  ⣿⣿⣿⣿⣿⣿⣿⣿
                    ⣿⣿⣿⣿⣿⣿  ⣿⣿⣿⣿⣿⣿⣿⣿
  ────────────────────────────────────────────────
  0     3     6     9     12    15    18    21
  per hour, all days in UTC
      ⣿⣿⣿⣿⣿⣿  ⣿⣿⣿⣿⣿⣿⣿⣿
      ⣿⣿⣿⣿⣿⣿  ⣿⣿⣿⣿⣿⣿⣿⣿
      ⣿⣿⣿⣿⣿⣿  ⣿⣿⣿⣿⣿⣿⣿⣿
  ────────────────────────────────────────────────
  0     3     6     9     12    15    18    21
  per sensor and day: working day 70.0 (5 days), weekend 70.0 (2 days)
  Tue 70.0, Wed 70.0, Thu 70.0, Fri 70.0, Sat 70.0, Sun 70.0
2020-06-22 00:00 to 2020-06-29 00:00 (UTC); 1 sensor, 100.0% of their time
watched
ledger version 7"""

WEEK = "rhythm --period 2020-06-22/2020-06-28 --sensor Tokyo --value VN"


def test_a_rhythm_is_drawn_by_both_clocks(run: Run) -> None:
    assert run(WEEK, FLOWS, COVERAGE) == (0, DRAWN, "")


def test_json_has_the_profiles(run: Run) -> None:
    row = json.loads(run(f"{WEEK} --format json", FLOWS, COVERAGE)[1])["rows"][0]
    assert (row["verdict"], row["work_days"], row["weekend_days"], row["work"]) == ("office hours", 5, 2, 70)


def test_a_source_zone_is_for_one_country(run: Run) -> None:
    code, output, errors = run(f"{WEEK} --value US --source-zone Asia/Tokyo", FLOWS, COVERAGE)
    assert (code, output) == (2, "")
    assert errors == "darkscope: a source zone is that of one country: give one --value with it\n"
    assert run(f"{WEEK} --source-zone Asia/Tokyo --format csv", FLOWS, COVERAGE)[1].count("Asia/Tokyo") == 1
