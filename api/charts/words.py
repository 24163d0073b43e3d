"""Words on charts, in each language, and what values are called there."""

from __future__ import annotations

from darkscope.api.dimension import Dimension
from darkscope.api.language import country_name
from darkscope.api.trend import REST
from darkscope.ingest.values import Language

_WORDS = {
    "packets": ("パケット数", "packets"),
    "packets_minute": ("パケット数（1分あたり）", "packets a minute"),
    "packets_hour": ("パケット数（1時間あたり）", "packets an hour"),
    "packets_day": ("パケット数（1日あたり）", "packets a day"),
    "packets_week": ("パケット数（1週あたり）", "packets a week"),
    "packets_month": ("パケット数（1か月あたり）", "packets a month"),
    "packets_quarter": ("パケット数（四半期あたり）", "packets a quarter"),
    "packets_hours": ("パケット数（{number}時間あたり）", "packets every {number} hours"),
    "packets_minutes": ("パケット数（{number}分あたり）", "packets every {number} minutes"),
    "per_sensor_day": ("1センサー・1日あたりのパケット数", "packets a sensor and day"),
    "outage": ("観測なし", "nobody watched"),
    "partial": ("一部のセンサー停止", "some sensors out"),
    "rest": ("その他", "other"),
    "day_off": ("休日", "day off"),
    "rank": ("順位", "rank"),
    "before": ("前期", "before"),
    "now": ("今期", "now"),
    "new": ("新規", "new"),
    "hour": ("時（現地時間）", "hour (source's clock)"),
    "usual": ("平均＝1", "mean = 1"),
    "weekday": ("曜日", "day of the week"),
    "watched": ("観測", "watched"),
    "whole": ("全部", "whole"),
    "part": ("一部", "part"),
    "none": ("なし", "none"),
    "sensor": ("センサー", "sensor"),
    "top_ports": ("上位{top}ポート宛", "to the top {top} ports"),
    "other_ports": ("その他のポート宛", "to other ports"),
    "trend_of": ("{names}のパケット数の推移", "packets over time: {names}"),
    "ranking_of": ("パケット数の順位：{names}", "ranked by packets: {names}"),
    "rhythm_of": ("1日と1週間の変動：{names}", "rhythm of day and week: {names}"),
    "breadth_of": ("センサーごとのパケット数", "packets sensor by sensor"),
    "coverage_of": ("センサーごとの観測時間", "watched time sensor by sensor"),
    "spread_of": ("宛先ポートの広がり：{names}", "spread over ports: {names}"),
    "world_of": ("送信元地域別のパケット数", "packets by source country"),
    "requests_day": ("リクエスト数（1日あたり）", "requests a day"),
    "disclosed": ("公表", "disclosed"),
    "proof_of_concept": ("検証コード公開", "proof of concept"),
    "known_exploited": ("悪用確認", "known exploited"),
    "vendor_notice": ("開発者の注意喚起", "vendor's notice"),
    "when": ("時刻", "when"),
}
"""By name: Japanese, English."""

_PLACE = {Language.JA: 0, Language.EN: 1}


def word(name: str, language: Language, **parts: object) -> str:
    """Give a word, with its parts put in."""
    return _WORDS[name][_PLACE[language]].format(**parts)


def listed(names: list[str], language: Language) -> str:
    """Write a list of names, the first five of them."""
    sign = "、" if language is Language.JA else ", "
    return sign.join(names[:5]) + ("…" if len(names) > 5 else "")


def called(dimension: Dimension, value: str, label: str, language: Language) -> str:
    """Call a value as readers of a language do; `label` is what it is called where that makes no difference."""
    if value == REST:
        return word("rest", language)
    return country_name(value, language) if dimension is Dimension.COUNTRIES else label
