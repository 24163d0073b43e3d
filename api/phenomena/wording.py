"""A proposal in words, in Japanese and in English: the paragraph that an analyst begins with.

Pure. All sentences stand in one table; every number in them is the proposal's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from darkscope.api.breadth import Verdict
from darkscope.api.language import DAY, country_name, written_day
from darkscope.api.phenomena.proposal import Kind, Part, Proposal
from darkscope.ingest.values import Language

NOTABLE = 0.2
"""Share of a change from which on a region or tool is named."""

FORGED = 0.2
"""Share of spoofable packets from which on the sources are said to be doubtful."""

REPLIES = 0.5
"""Share of backscatter from which on the packets are said to be replies."""

NAMED = 3
"""Regions, tools and other phenomena that a sentence names at most."""

MANY = 20.0
"""Factor from which on no number is told: there was next to nothing before."""

_SENTENCES = {
    Kind.ROSE: (
        "{subject}は{start}から増加し、通常の約{factor}倍となる1日あたり{level}件程度の状態が{until}。",
        "{subject} rose on {start} to {level} a day, {factor} times the usual number, and {stayed} there {until}.",
    ),
    Kind.APPEARED: (
        "{subject}が{start}から新たに観測されるようになり、1日あたり{level}件程度の状態が{until}。",
        "{subject} appeared on {start}, where there had been next to none before: {level} a day {until}.",
    ),
    Kind.JUMPED: (
        "{subject}は{start}に増加し、1日あたり{level}件程度（{usual}）の状態が{last}続いたあと減少しました。",
        "{subject} rose on {start} to {level} a day ({usual}), and came back after {last}.",
    ),
    Kind.SWINGS: (
        "{subject}は{start}から{last}大きな増減を繰り返し、1日あたり平均{level}件（{usual}）観測されました。",
        "{subject} went up and down from {start} {until}, {level} a day on average ({usual}).",
    ),
    Kind.FELL: (
        "{subject}は{start}から減少し、通常の約{percent}となる1日あたり{level}件程度の状態が{until}。",
        "{subject} fell on {start} to {level} a day, {percent} of the usual number, and {stayed} there {until}.",
    ),
    Kind.DIPPED: (
        "{subject}は{start}に減少し、1日あたり{level}件程度（{usual}）の状態が{last}続いたあと元に戻りました。",
        "{subject} fell on {start} to {level} a day ({usual}), and came back after {last}.",
    ),
    Kind.VANISHED: (
        "{subject}は{start}からほとんど観測されなくなりました（それまでは1日あたり{base}件程度）。",
        "{subject} all but vanished on {start}; there had been {base} a day.",
    ),
    Kind.ENTERED: (
        "{subject}は前の期間の{before}から{rank}に上がりました。",
        "{subject} came up from {before} in the period before to {rank}.",
    ),
    Kind.LEFT: (
        "{subject}は前の期間の{before}から{rank}に下がりました。",
        "{subject} went down from {before} in the period before to {rank}.",
    ),
    Kind.OFFICE_HOURS: (
        "{subject}は、送信元地域の業務時間に沿った増減を示しました。",
        "{subject} follow the office hours there.",
    ),
}
"""By kind: Japanese, English."""

_WORDS = {
    "port": ("{ports}宛のパケット", "Packets to {ports}"),
    "country": ("{countries}を送信元とするパケット", "Packets from {countries}"),
    "pair": ("{countries}を送信元とする{ports}宛のパケット", "Packets to {ports} from {countries}"),
    "to_end": ("期間の終わりまで続きました", "to the end of the period"),
    "to_day": ("{last}まで続きました", "until {last}"),
    "to_now": ("現在まで続いています", "so far"),
    "end": ("期間の終わりまで", ""),
    "day": ("{last}まで", "{last}"),
    "now": ("現在まで", ""),
    "stayed": ("", "stayed"),
    "have_stayed": ("", "have stayed"),
    "times": ("通常の約{factor}倍", "{factor} times the usual number"),
    "before_none": ("それまではほとんどなし", "next to none before"),
    "regions": ("増減分の主な送信元地域は{parts}でした。", "Most of the change is owed to {parts}."),
    "services": ("増減分の主な宛先は{parts}でした。", "Most of the change went to {parts}."),
    "part": ("{name}（{share}）", "{name} ({share})"),
    "wide_up": (
        "比較したセンサー{sensors}台の大半で同じ変化が見られ、広域的な増加と判断されます。",
        "Most of the {sensors} sensors that are compared saw it too: it is wide-area.",
    ),
    "wide_down": (
        "比較したセンサー{sensors}台の大半で同じ変化が見られ、広域的な減少と判断されます。",
        "Most of the {sensors} sensors that are compared saw it too: it is wide-area.",
    ),
    "local": (
        "特定のセンサー1台だけが受信し、そのほかでは顕著な変化がないため、広域的な脅威を示すものではないと判断されます。",
        "One sensor received it, and the others saw no notable change: it is no sign of a wide-area threat.",
    ),
    "unclear": (
        "広域的な変化かどうかは、センサーごとの観測からは判断できません。",
        "Whether it is wide-area the sensors do not tell.",
    ),
    "tool": (
        "{tools}の特徴を持つパケットが含まれます。",
        "Among them are packets with the marks of {tools}.",
    ),
    "forged": (
        "パケットの{share}は送信元が詐称されている可能性があります。",
        "The sources of {share} of the packets may be forged.",
    ),
    "replies": (
        "パケットの{share}は、センサーのアドレスを詐称した通信への応答です。",
        "{share} of the packets are replies to somebody who forged the sensors' addresses.",
    ),
    "together": ("同じ時期に{others}も増加しています。", "At the same time {others} rose."),
    "together_down": ("同じ時期に{others}も減少しています。", "At the same time {others} fell."),
    "against": ("同じ時期に{others}は減少しています。", "At the same time {others} fell."),
    "against_down": ("同じ時期に{others}は増加しています。", "At the same time {others} rose."),
    "hours": (
        "{countries}からのパケットは、現地の業務時間に沿った増減を示しています。",
        "Packets from {countries} follow the office hours there.",
    ),
    "rank": ("{rank}位", "rank {rank}"),
    "no_rank": ("圏外", "no rank"),
}
"""By name: Japanese, English."""

_PLACE = {Language.JA: 0, Language.EN: 1}


def words(proposal: Proposal, language: Language) -> str:
    """Put a proposal into words: the analyst's own where there are any."""
    own = proposal.words_ja if language is Language.JA else proposal.words_en
    return own or sentences(proposal, language)


def sentences(proposal: Proposal, language: Language, *, so_far: bool = False) -> str:
    """Put a proposal into words, as its figures say it; `so_far`: what lasts, lasts now."""
    return ("" if language is Language.JA else " ").join(_sentences(proposal, language, so_far=so_far))


def title(proposal: Proposal, language: Language) -> str:
    """Name a proposal in one line."""
    return f"{_subject(proposal, language)}{_TITLES[proposal.kind][_PLACE[language]]}"


_TITLES = {
    Kind.ROSE: ("の増加", ": rose"),
    Kind.APPEARED: ("の出現", ": appeared"),
    Kind.JUMPED: ("の一時的な増加", ": rose for a time"),
    Kind.SWINGS: ("の増減", ": went up and down"),
    Kind.FELL: ("の減少", ": fell"),
    Kind.DIPPED: ("の一時的な減少", ": fell for a time"),
    Kind.VANISHED: ("の消失", ": all but vanished"),
    Kind.ENTERED: ("の上位入り", ": came among the leading ones"),
    Kind.LEFT: ("の順位低下", ": is no longer among the leading ones"),
    Kind.OFFICE_HOURS: ("の日内変動", ": follow office hours"),
}


def _sentences(one: Proposal, language: Language, *, so_far: bool) -> Iterator[str]:
    last = None if one.end is None else written_day(one.end, DAY, language)
    how = "day" if last else "now" if so_far else "end"
    factor = f"{one.factor:.1f}"
    rank = one.ranks[-1] if one.ranks else None
    yield _SENTENCES[one.kind][_PLACE[language]].format(
        subject=_subject(one, language),
        start=written_day(one.start, DAY, language),
        last=_word(how, language, last=last) if language is Language.JA else last,
        until=_word(f"to_{how}", language, last=last),
        stayed=_word("have_stayed" if how == "now" else "stayed", language),
        level=_count(one.level),
        base=_count(one.base),
        factor=factor,
        percent=f"{one.factor:.0%}",
        usual=_word("before_none", language)
        if one.factor >= MANY
        else _word("times", language, factor=factor),
        rank=_rank(None if rank is None else rank.rank, language),
        before=_rank(None if rank is None else rank.previous_rank, language),
    )
    if one.regions and len(one.countries) != 1:
        yield _owed("regions", one.regions, language, countries=True)
    if one.services:
        yield _owed("services", one.services, language, countries=False)
    if one.tools and (
        named := [part.value for part in one.tools if part.share >= NOTABLE and part.value != "none"]
    ):
        yield _word("tool", language, tools=_listed(named[:NAMED], language))
    if one.spoofable is not None and one.spoofable >= FORGED:
        yield _word("forged", language, share=f"{one.spoofable:.0%}")
    if one.backscatter is not None and one.backscatter >= REPLIES:
        yield _word("replies", language, share=f"{one.backscatter:.0%}")
    if one.kind is not Kind.OFFICE_HOURS:
        yield _breadth(one, language)
        if one.office_hours:
            names = [country_name(office.value, language) for office in one.office_hours[:NAMED]]
            yield _word("hours", language, countries=_listed(names, language))
    for direction in ("together", "against"):
        others = [other.subject for other in one.relations if other.direction == direction][:NAMED]
        if others:
            name = direction if one.rises else f"{direction}_down"
            yield _word(name, language, others=_listed([_other(text, language) for text in others], language))


def _breadth(one: Proposal, language: Language) -> str:
    if one.verdict is Verdict.WIDE:
        return _word("wide_up" if one.rises else "wide_down", language, sensors=one.compared_sensors)
    return _word(one.verdict.value, language)


def _owed(name: str, parts: Sequence[Part], language: Language, *, countries: bool) -> str:
    named = [part for part in parts if part.share >= NOTABLE] or parts[:1]
    told = [
        _word(
            "part",
            language,
            name=country_name(part.value, language) if countries else part.value,
            share=f"{part.share:.0%}",
        )
        for part in named[:NAMED]
    ]
    return _word(name, language, parts=_listed(told, language))


def _subject(one: Proposal, language: Language) -> str:
    countries = _listed([country_name(country, language) for country in one.countries], language)
    name = "pair" if one.ports and one.countries else "port" if one.ports else "country"
    return _word(name, language, ports=_listed(list(one.ports), language), countries=countries)


def _other(subject: str, language: Language) -> str:
    """Name another proposal by its subject."""
    first, _, second = subject.partition(" from ")
    of_ports, of_countries = (first, second) if "/" in first else ("", first)
    ports = _listed(of_ports.split(", ") if of_ports else [], language)
    countries = [country_name(code, language) for code in of_countries.split(", ") if code]
    named = _listed(countries, language)
    if language is Language.JA:
        return f"{named}からの{ports}" if ports and named else ports or named
    return " from ".join(part for part in (ports, named) if part)


def _rank(rank: int | None, language: Language) -> str:
    return _word("no_rank", language) if rank is None else _word("rank", language, rank=rank)


def _count(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _listed(texts: list[str], language: Language) -> str:
    if language is Language.JA:
        return "、".join(texts)
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else ""


def _word(key: str, language: Language, /, **parts: object) -> str:
    return _WORDS[key][_PLACE[language]].format(**parts)
