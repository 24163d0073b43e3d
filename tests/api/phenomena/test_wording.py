from __future__ import annotations

from datetime import date

import pytest
from proposed import proposal

from darkscope.api.breadth import Verdict
from darkscope.api.phenomena.proposal import Kind, Office, Part, Relation, Standing
from darkscope.api.phenomena.wording import sentences, title, words
from darkscope.ingest.values import Language

JA, EN = Language


def test_a_rise_in_both_languages() -> None:
    one = proposal()
    assert (title(one, JA), title(one, EN)) == ("23/TCP宛のパケットの増加", "Packets to 23/TCP: rose")
    assert sentences(one, JA) == (
        "23/TCP宛のパケットは11月3日から増加し、通常の約2.2倍となる1日あたり817件程度の状態が期間の終わりまで続きました。"
        "増減分の主な送信元地域は中国（85%）でした。"
        "比較したセンサー8台の大半で同じ変化が見られ、広域的な増加と判断されます。"
    )
    assert sentences(one, EN) == (
        "Packets to 23/TCP rose on 3 November to 817 a day, 2.2 times the usual number, "
        "and stayed there to the end of the period. "
        "Most of the change is owed to China (85%). "
        "Most of the 8 sensors that are compared saw it too: it is wide-area."
    )


def test_one_sensors_trouble_is_called_so() -> None:
    decoy = proposal(
        kind=Kind.JUMPED, ports=("12543/TCP", "12543/UDP"), countries=("JP",), start=date(2014, 10, 13),
        end=date(2014, 10, 24), factor=3854.0, level=550.5, verdict=Verdict.LOCAL,
    )  # fmt: skip
    assert sentences(decoy, JA) == (
        "日本を送信元とする12543/TCP、12543/UDP宛のパケットは10月13日に増加し、1日あたり550件程度（それまではほとんどなし）の"
        "状態が10月24日まで続いたあと減少しました。特定のセンサー1台だけが受信し、そのほかでは顕著な変化がないため、"
        "広域的な脅威を示すものではないと判断されます。"
    )
    assert sentences(decoy, EN).endswith(
        "One sensor received it, and the others saw no notable change: it is no sign of a wide-area threat."
    )


def test_what_goes_with_it_is_told() -> None:
    fall = proposal(
        kind=Kind.FELL, ports=("1433/TCP",), factor=0.5, level=167.2, base=332.8,
        relations=(Relation("445-tcp-up", "445/TCP from VN", "against", -1, -0.9),),
        office_hours=(Office("VN", "VN Viet Nam", 0.8, "rise"),),
        tools=(Part("mirai", "mirai", 1, 0.4),), spoofable=0.5, backscatter=0.6,
    )  # fmt: skip
    assert sentences(fall, JA) == (
        "1433/TCP宛のパケットは11月3日から減少し、通常の約50%となる1日あたり167件程度の状態が期間の終わりまで続きました。"
        "増減分の主な送信元地域は中国（85%）でした。miraiの特徴を持つパケットが含まれます。"
        "パケットの50%は送信元が詐称されている可能性があります。"
        "パケットの60%は、センサーのアドレスを詐称した通信への応答です。"
        "比較したセンサー8台の大半で同じ変化が見られ、広域的な減少と判断されます。"
        "ベトナムからのパケットは、現地の業務時間に沿った増減を示しています。"
        "同じ時期にベトナムからの445/TCPは増加しています。"
    )
    assert sentences(fall, EN).endswith("At the same time 445/TCP from Vietnam rose.")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_in_every_language(kind: Kind, language: Language) -> None:
    one = proposal(
        kind=kind, ports=(), countries=("FR",), end=date(2014, 11, 9), ranks=(Standing("FR", 4, None),),
        services=(Part("22/TCP", "22/TCP", 1, 0.9),),
    )  # fmt: skip
    told = sentences(one, language)
    assert ("フランス" if language is JA else "France") in told
    assert not {"None", "{", "}"} & set(told.replace("{", " { ").replace("}", " } ").split())
    assert told.endswith("。" if language is JA else ".")
    assert title(one, language)


def test_the_analysts_words_come_first() -> None:
    one = proposal(words_ja="増えました。")
    assert (words(one, JA), words(one, EN)) == ("増えました。", sentences(one, EN))


def test_what_lasts_now_is_not_said_to_last_to_the_end() -> None:
    assert "現在まで続いています。" in sentences(proposal(), JA, so_far=True)
    assert "have stayed there so far." in sentences(proposal(), EN, so_far=True)
