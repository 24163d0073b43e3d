"""The shapes of JSON answers, for those who read the description of the interface or generate a client from it.

`api/formats.py` writes the answers; a test holds them to these shapes.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from darkscope.api.breadth import Verdict
from darkscope.api.dimension import Dimension
from darkscope.api.rhythm import Verdict as RhythmVerdict

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class WindowAnswer(_Shape):
    """A stretch of time."""

    start: datetime
    """Included."""
    end: datetime
    """Excluded."""


class PeriodAnswer(WindowAnswer):
    """The period that was asked about."""

    asked: Annotated[str, Field(examples=["2020-06-24/2020-06-30"])]
    """As it was written."""
    zone: Annotated[str, Field(examples=["Asia/Tokyo"])]
    """Time zone in which days begin (IANA)."""


class FilterAnswer(_Shape):
    """Which packets count; what is missing here is open."""

    classes: list[str] | None = None
    """Classes of packets."""
    ports: Annotated[list[str] | None, Field(examples=[["445/TCP"]])] = None
    """Destination ports."""
    protocols: list[str] | None = None
    """IP protocols."""
    countries: Annotated[list[str] | None, Field(examples=[["VN"]])] = None
    """Source countries, ISO 3166-1 alpha-2."""
    owners: list[str] | None = None
    """Autonomous systems of the sources."""
    tools: list[str] | None = None
    """Fingerprints of the sending programs."""


class WatchAnswer(_Shape):
    """Who observed, and how much of the time."""

    sensors: list[str]
    """Ids of the chosen sensors."""
    covered_seconds: Count
    """Watched time of all sensors together, seconds."""
    covered_share: Share | None
    """Watched share of the time in which the sensors existed, up to now; null where there was none."""
    outages: list[str]
    """Ids of the sensors that missed more than 1 % of their time."""


class ProvenanceAnswer(_Shape):
    """What the figures rest on: equal provenance, equal figures."""

    ledger_version: Count
    """Number of the ledger's last complete batch."""
    period: PeriodAnswer
    previous: WindowAnswer
    """The period before, which ranks are compared with."""
    filter: FilterAnswer
    sensors: WatchAnswer | None
    """Who observed; null in public answers."""
    previous_sensors: WatchAnswer | None
    """The same for the period before."""
    databases: list[str]
    """Databases of countries and owners by which the packets were judged, with their build dates."""
    rules: list[str]
    """Versions of the rules of classes and fingerprints by which they were."""


class RowAnswer(_Shape):
    """One value of a ranking."""

    rank: Annotated[int, Field(ge=1, examples=[1])]
    """From 1; equal counts are ranked by value."""
    value: Annotated[str, Field(examples=["445/TCP"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["445/TCP (microsoft-ds)"])]
    """For people: with the service's name (IANA), the country's, the sensor's."""
    packets: Annotated[Count, Field(examples=[1620])]
    """Packets of the period."""
    share: Annotated[Share | None, Field(examples=[0.86])]
    """Of all packets of the question, also those that are not listed."""
    previous_rank: Annotated[int | None, Field(ge=1, examples=[3])]
    """Rank among all values of the period before; null where it did not occur."""
    previous_packets: Annotated[Count, Field(examples=[1688])]
    """Packets of the period before."""
    per_sensor_day: Annotated[float | None, Field(ge=0, examples=[19.3])]
    """Packets a day of watched sensor time; null where nothing was watched."""
    sources: Annotated[Count | None, Field(examples=[115])]
    """Distinct source addresses, IPv6 by /64; null where they were not counted."""
    sources_error: Annotated[float | None, Field(ge=0, examples=[0.0])]
    """Relative standard error of `sources`; 0 where exact, null where not counted."""
    change: Annotated[float | None, Field(ge=-1, examples=[0.38])]
    """Of the packets a sensor-day against the period before: 0.5 is half as many again; null where there were none."""
    per_address_day: Annotated[float | None, Field(ge=0, examples=[0.6])]
    """Packets a day for each watched IPv4 address; null where the settings do not name all."""
    spoofable: Annotated[Share | None, Field(examples=[0.01])]
    """Share of the packets whose source is forged or easily forged; null where not known."""
    backscatter: Annotated[Share | None, Field(examples=[0.0])]
    """Share of the packets that are replies to packets with a forged source."""
    research: Annotated[Share | None, Field(examples=[0.0])]
    """Share of the packets of research scanners, of the list in the settings."""


class RankingAnswer(_Shape):
    """The first values of a dimension by packets."""

    dimension: Dimension
    """What is ranked."""
    packets: Annotated[Count, Field(examples=[1887])]
    """Packets of the question: of all values."""
    values: Annotated[Count, Field(examples=[42])]
    """How many values have any packets, of those that are known apart."""
    folded: Annotated[Count, Field(examples=[0])]
    """Packets of values that are not known apart: among `packets`, and in no row. 0 on the ledger."""
    rows: list[RowAnswer]
    """The first values, by rank."""
    provenance: ProvenanceAnswer


class LineAnswer(_Shape):
    """One value over time."""

    value: Annotated[str, Field(examples=["445/TCP"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["445/TCP (microsoft-ds)"])]
    """For people."""
    packets: list[Count | None]
    """One a bucket; null where no sensor watched."""
    part: Annotated[str | None, Field(examples=["VN"])]
    """The part of the value that this is, where values are split: as the parameters take it, or `rest`."""
    part_label: str | None
    """The part, for people."""


class TrendAnswer(_Shape):
    """Some values of a dimension over time."""

    dimension: Dimension
    """What is followed."""
    by: Dimension | None
    """What each value is split by; null where none is."""
    step: Annotated[str, Field(examples=["hour"])]
    """Length of a bucket, as it was asked for."""
    starts: list[datetime]
    """Start of each bucket, in the zone; the last ends with the period, or now."""
    covered: list[Share | None]
    """Watched share of each bucket's sensor time; null where no sensor existed."""
    folded: Annotated[Count, Field(examples=[0])]
    """Packets of values that are not known apart, and so in no line. 0 on the ledger."""
    lines: list[LineAnswer]
    """The values, each with one count a bucket."""
    provenance: ProvenanceAnswer


class SensorRiseAnswer(_Shape):
    """One sensor's part in a rise."""

    sensor: Annotated[str, Field(examples=["tokyo-1"])]
    """The sensor's id."""
    label: str
    """For people: its name."""
    packets: Count
    """Packets of the period."""
    previous_packets: Count
    """Packets of the period that it is compared with."""
    per_day: Annotated[float, Field(ge=0)]
    """Packets a day of watched time."""
    previous_per_day: Annotated[float, Field(ge=0)]
    """The same of the other period."""
    growth: Annotated[float | None, Field(ge=0, examples=[2.18])]
    """`per_day` over `previous_per_day`; null where there were none before."""
    part: Share
    """Of the rises of all sensors that rose."""
    shares: bool
    """Whether it shares in the rise: its own is no noise, and at least a quarter of the network's."""


class BreadthAnswer(_Shape):
    """How widely a rise is shared."""

    verdict: Verdict
    """`wide`: most sensors share the rise, and it remains without any one of them; `local`: one sensor explains it;
    `unclear`: no rise, too few sensors, or neither."""
    reason: Annotated[
        str, Field(examples=["8 of 8 sensors share the rise; without tokyo-2 99% of the rise remains"])
    ]
    """The verdict in a sentence."""
    growth: Annotated[float | None, Field(ge=0, examples=[2.21])]
    """Of all compared sensors' rates together; null where there were no packets before."""
    sensors: Count
    """Sensors that watched at least half of both periods: those that are compared."""
    sharing: Count
    """How many of them share in the rise."""
    effective_sensors: Annotated[float | None, Field(ge=0, examples=[6.05])]
    """How many equal sensors the rise would be of: the square of the sum of the rises over the sum of their squares;
    null where no sensor rose."""
    remaining: Share | None
    """Share of the relative rise that is left without the largest sensor; null where there is no rise."""
    largest: str | None
    """Id of the sensor with the largest rise."""
    rows: list[SensorRiseAnswer]
    """The compared sensors, the largest rise first."""
    provenance: ProvenanceAnswer


class SpreadRowAnswer(_Shape):
    """How one value's packets are spread over ports."""

    rank: Annotated[int, Field(ge=1)]
    """By packets."""
    value: Annotated[str, Field(examples=["NL"])]
    """As the parameters take it."""
    label: Annotated[str, Field(examples=["NL Netherlands"])]
    """For people."""
    packets: Count
    """Packets of the period."""
    ports: Annotated[Count, Field(examples=[31719])]
    """How many different ports they went to."""
    effective_ports: Annotated[float, Field(ge=1, examples=[447.7])]
    """How many equally frequent ports would be as broad: 1 over the sum of the squared shares."""
    off_top: Annotated[Share, Field(examples=[0.95])]
    """Share of the packets that went elsewhere than to the leading ports `top`."""
    main_port: Annotated[str, Field(examples=["3389/TCP"])]
    """The most frequent port."""
    main_share: Share
    """Share of the packets that went there."""


class SpreadAnswer(_Shape):
    """How the leading values' packets are spread over ports."""

    dimension: Dimension
    """Whose values these are."""
    top: Annotated[list[str], Field(examples=[["23/TCP", "445/TCP", "1433/TCP", "80/TCP", "22/TCP"]])]
    """The leading ports of all packets of the question."""
    off_top: Share | None
    """Share of all packets that went elsewhere; null where there are none."""
    ports: Count
    """How many different ports all packets went to."""
    rows: list[SpreadRowAnswer]
    """The values, by packets."""
    provenance: ProvenanceAnswer


class ShiftAnswer(_Shape):
    """A change of a value's level."""

    day: date
    """The first of the new level, in the zone of the period."""
    factor: Annotated[float, Field(ge=0, examples=[1.82])]
    """Level of the week from that day on over that of the week before."""
    score: Annotated[float, Field(examples=[8.4])]
    """In standard deviations of the noise; negative for a fall."""


class LevelAnswer(_Shape):
    """One value with the shifts of its level."""

    value: str
    """As the parameters take it."""
    label: str
    """For people."""
    shifts: list[ShiftAnswer]
    """By day; none where the level stayed."""


class MovementAnswer(_Shape):
    """Two values whose levels shifted at the same time."""

    value: Annotated[str, Field(examples=["445/TCP"])]
    """That which shifted first."""
    other: Annotated[str, Field(examples=["1433/TCP"])]
    """The other."""
    label: str
    """The first, for people."""
    other_label: str
    """The other, for people."""
    direction: Annotated[str, Field(pattern="^(together|against)$")]
    """`together`: both rose or both fell; `against`: one rose and one fell."""
    day: date
    """When the first shifted."""
    lag: Annotated[int, Field(ge=0, le=3)]
    """Days until the other did."""
    factor: Annotated[float, Field(ge=0)]
    """The first's new level over its old."""
    other_factor: Annotated[float, Field(ge=0)]
    """The other's new level over its old."""
    correlation: Annotated[float | None, Field(ge=-1.001, le=1.001)]
    """Of the weekly changes of both over all of the period, the other's `lag` days later; null where not defined."""
    coincidence: Share
    """Chance that unrelated shifts, as many as the two have, would fall so near each other."""


class MovementsAnswer(_Shape):
    """What moved together in a period."""

    dimension: Dimension
    """What is compared."""
    days: Count
    """Days of the period up to now."""
    levels: list[LevelAnswer]
    """The compared values."""
    rows: list[MovementAnswer]
    """Pairs that shifted within three days of each other, the greater changes first."""
    provenance: ProvenanceAnswer


Minute = Annotated[datetime, Field(examples=["2020-06-24T10:00:00+09:00"])]


class SourceRowAnswer(_Shape):
    """One source address."""

    address: Annotated[str, Field(examples=["192.0.2.7", "2001:db8::7"])]
    """The address, IPv6 in its shortest form."""
    subnet: Annotated[str | None, Field(examples=["2001:db8::/64"])]
    """The /64 of an IPv6 address, by which sources are counted; null for IPv4."""
    country: Annotated[str, Field(examples=["VN"])]
    """Country of its last packets, ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: Annotated[str, Field(examples=["AS64500"])]
    """Autonomous system of its last packets, as the parameters take it."""
    packets: Annotated[int, Field(ge=1, examples=[60])]
    """Packets of the question."""
    first_seen: Minute
    """The minute of the first of them, in the zone."""
    last_seen: Minute
    """The minute of the last of them."""
    sensors: Annotated[int, Field(ge=1, examples=[3])]
    """Sensors that they reached."""
    ports: Annotated[Count, Field(examples=[2])]
    """Destination ports (with their protocols) that they were sent to."""
    ports_exact: bool
    """Whether there are no more ports; false where a sensor's day had 16 or more and only the day is kept."""
    classes: Annotated[list[str], Field(examples=[["scan"]])]
    """Classes of these packets."""
    tools: Annotated[list[str], Field(examples=[["mirai"]])]
    """Programs that sent, judged by all packets of the source in a UTC day."""
    confirmed: bool
    """Completed a handshake with a honeypot in the period's days: the address is not forged."""
    spoofable: bool
    """Sent packets whose source is forged or easily forged."""
    broad: bool
    """Tried more than 10 ports in a UTC day."""
    research: Annotated[str | None, Field(examples=["Example Measurement Project"])]
    """The research scanner that it belongs to."""
    device_vendor: Annotated[str | None, Field(examples=["QNAP"])]
    """What an investigation found there; null where nobody looked, or it does not say."""
    device_product: Annotated[str | None, Field(examples=["TS-419"])]
    """Likewise."""
    device_kind: Annotated[str | None, Field(examples=["NAS"])]
    """Likewise."""
    device_seen: date | None
    """Day of the investigation."""
    device_by: str | None
    """Who investigated."""


class _Page(_Shape):
    next: str | None
    """Cursor of the next page; null on the last one."""
    provenance: ProvenanceAnswer


class SourcesAnswer(_Page):
    """Source addresses by packets, those of equal packets by address."""

    packets: Annotated[Count, Field(examples=[1887])]
    """Packets of the question: of all addresses."""
    addresses: Annotated[Count, Field(examples=[129])]
    """How many addresses sent them."""
    rows: list[SourceRowAnswer]
    """The page."""


class OwnerRowAnswer(_Shape):
    """The sources of one autonomous system."""

    owner: Annotated[str, Field(examples=["AS64500"])]
    """As the parameters take it; `unknown` where no database says."""
    packets: Annotated[int, Field(ge=1, examples=[1620])]
    """Packets of the question."""
    share: Share
    """Of all packets of the question."""
    sources: Annotated[int, Field(ge=1, examples=[115])]
    """Distinct sources, IPv6 by /64."""
    confirmed: Annotated[Count, Field(examples=[3])]
    """Of these, completed a handshake with a honeypot: their addresses are not forged."""
    countries: Annotated[list[str], Field(examples=[["VN"]])]
    """Countries of the sources."""
    first_seen: Minute
    """The minute of the first packet, in the zone."""
    last_seen: Minute
    """The minute of the last packet."""
    investigated: Annotated[Count, Field(examples=[12])]
    """Sources whose device is known."""
    devices: Annotated[list[str], Field(examples=[["QNAP TS-419 NAS (12)"]])]
    """Their devices, each with its number of sources, the most first."""


class OwnersAnswer(_Page):
    """Owners by the packets of their sources, those of equal packets by number."""

    packets: Annotated[Count, Field(examples=[1887])]
    """Packets of the question: of all owners."""
    owners: Annotated[Count, Field(examples=[17])]
    """How many owners there are."""
    sources: Annotated[Count, Field(examples=[129])]
    """Sources of all of them; one whose address changed hands counts for both."""
    rows: list[OwnerRowAnswer]
    """The page."""


class FoundRowAnswer(_Shape):
    """What is known of one address."""

    address: Annotated[str, Field(examples=["192.0.2.7", "2001:db8::7"])]
    """The address, IPv6 in its shortest form."""
    subnet: Annotated[str | None, Field(examples=["2001:db8::/64"])]
    """The /64 of an IPv6 address, by which sources are counted; null for IPv4."""
    seen: bool
    """Whether the chosen sensors received packets of it."""
    country: Annotated[str | None, Field(examples=["VN"])]
    """Country of its last packets, ISO 3166-1 alpha-2, `ZZ` unknown; null where it was not seen."""
    owner: Annotated[str | None, Field(examples=["AS64500"])]
    """Autonomous system of its last packets; null where it was not seen."""
    packets: Annotated[Count, Field(examples=[60])]
    """Packets of the period's UTC days."""
    first_seen: datetime | None
    """The minute of the first of them, in the zone."""
    last_seen: datetime | None
    """The minute of the last of them."""
    days: Annotated[Count, Field(examples=[3])]
    """UTC days on which it was seen."""
    sensors: Annotated[Count, Field(examples=[3])]
    """Sensors that it reached."""
    ports: Annotated[Count, Field(examples=[2])]
    """Destination ports (with their protocols) that it tried."""
    ports_exact: bool
    """Whether there are no more ports; false where a sensor's day had 16 or more."""
    classes: Annotated[list[str], Field(examples=[["scan"]])]
    """Classes of its packets."""
    tools: Annotated[list[str], Field(examples=[["mirai"]])]
    """Programs that sent, judged by all packets of a UTC day."""
    confirmed: bool
    """Completed a handshake with a honeypot: the address is not forged."""
    spoofable: bool
    """Sent packets whose source is forged or easily forged."""
    broad: bool
    """Tried more than 10 ports in a UTC day."""
    research: Annotated[str | None, Field(examples=["Example Measurement Project"])]
    """The research scanner that it belongs to."""
    device_vendor: Annotated[str | None, Field(examples=["QNAP"])]
    """What an investigation found there; null where nobody looked, or it does not say."""
    device_product: Annotated[str | None, Field(examples=["TS-419"])]
    """Likewise."""
    device_kind: Annotated[str | None, Field(examples=["NAS"])]
    """Likewise."""
    device_seen: date | None
    """Day of the investigation."""
    device_by: str | None
    """Who investigated."""


class FoundAnswer(_Shape):
    """What is known of many addresses."""

    known_since: date | None
    """First UTC day of which there is evidence at all; null where there is none."""
    rows: list[FoundRowAnswer]
    """One for each address, in the order given."""
    provenance: ProvenanceAnswer


class PlaceAnswer(_Shape):
    """Where a source was over some of its days, as databases said at the time."""

    country: Annotated[str, Field(examples=["VN"])]
    """ISO 3166-1 alpha-2, `ZZ` unknown."""
    owner: Annotated[str, Field(examples=["AS64500"])]
    """Autonomous system."""
    since: date
    """First of these days."""
    until: date
    """Last of these days."""


class DayRowAnswer(_Shape):
    """One UTC day of a source."""

    day: date
    """The day, UTC."""
    packets: Annotated[int, Field(ge=1)]
    """Packets to the chosen sensors."""
    first_seen: datetime
    """The minute of the first of them, in the zone."""
    last_seen: datetime
    """The minute of the last of them."""
    sensors: Annotated[int, Field(ge=1)]
    """Sensors that they reached."""
    ports: Count
    """Destination ports (with their protocols)."""
    ports_exact: bool
    """Whether there are no more."""
    classes: list[str]
    """Classes of these packets."""
    tools: list[str]
    """Program that sent, judged by all packets of the day."""
    confirmed: bool
    """Completed a handshake with a honeypot."""
    spoofable: bool
    """Sent packets whose source is forged or easily forged."""
    broad: bool
    """Tried more than 10 ports."""


class LifeAnswer(_Shape):
    """What is known of one source address."""

    source: FoundRowAnswer
    """All of it in short."""
    sensors: list[str]
    """Ids of the sensors that it reached."""
    ports: Annotated[list[str], Field(examples=[["23/TCP", "2323/TCP"]])]
    """Destination ports that it tried, by number; see `source.ports_exact`."""
    places: list[PlaceAnswer]
    """Its countries and owners, in the order of time."""
    known_since: date | None
    """First UTC day of which there is evidence at all."""
    rows: list[DayRowAnswer]
    """The days on which it was seen."""
    provenance: ProvenanceAnswer


class SensorAnswer(_Shape):
    """One sensor."""

    sensor: Annotated[str, Field(examples=["tokyo-1"])]
    """The sensor's id."""
    label: str
    """For people: its name."""
    organisation: str
    """Who runs it; empty where nobody is named."""
    kind: Annotated[str, Field(examples=["telescope"])]
    """`telescope` listens, `honeypot` answers."""
    home: bool
    """At home, or abroad."""
    since: date | None
    """First UTC day of what holds for it now; null: from ever."""
    until: date | None
    """First UTC day that this no longer holds; null: for ever."""
    expected_seconds: Count
    """Seconds of the period up to now in which the sensor existed."""
    covered_seconds: Count
    """Seconds of those that it watched."""
    covered_share: Share | None
    """Watched share; null where it did not exist."""
    frames: Count
    """Frames in the captures: inbound, own, stray, overlap and rejected add up to them."""
    inbound: Count
    """Frames that became packets."""
    own: Count
    """Frames that the sensor itself sent."""
    stray: Count
    """Frames for addresses that it does not watch."""
    overlap: Count
    """Frames left out because another capture has them."""
    rejected: Count
    """Frames that became no packet."""
    dropped: Count
    """Packets that the capturing program says it lost: in no capture."""


class RosterAnswer(_Shape):
    """The sensors of a question."""

    rejected: Annotated[dict[str, int], Field(examples=[{"not_ip": 6164, "truncated": 0}])]
    """Frames of all of them that became no packet, by reason."""
    rows: list[SensorAnswer]
    """The sensors, by id."""
    provenance: ProvenanceAnswer


class StripAnswer(_Shape):
    """One sensor over time."""

    sensor: str
    """The sensor's id."""
    label: str
    """For people: its name."""
    covered: list[Share | None]
    """Watched share of each bucket; null where the sensor did not exist."""


class CoverageAnswer(_Shape):
    """When sensors watched."""

    step: Annotated[str, Field(examples=["hour"])]
    """Length of a bucket, as it was asked for."""
    starts: list[datetime]
    """Start of each bucket, in the zone; the last ends with the period, or now."""
    strips: list[StripAnswer]
    """The sensors, by id."""
    provenance: ProvenanceAnswer


Rate = Annotated[float, Field(ge=0)]
Mark = Annotated[float | None, Field(le=1)]


class RhythmRowAnswer(_Shape):
    """The rhythm of one source country. Rates are packets per sensor; null where nobody watched."""

    value: Annotated[str, Field(examples=["VN"])]
    """The country, as the parameters take it."""
    label: Annotated[str, Field(examples=["VN Vietnam"])]
    """For people."""
    packets: Count
    """Packets of the question from there."""
    zone: Annotated[str | None, Field(examples=["Asia/Ho_Chi_Minh"])]
    """The sources' time zone; null where none is known."""
    zones: Count
    """How many zones the country has; of several the one by which most of its people live is taken."""
    verdict: RhythmVerdict
    """`office hours`: on working days it rises by 9 h, dips at 12 h and ends by 19 h, each by a quarter or more;
    `none`: one of these is missing; `unclear`: too little, or not certain."""
    strength: Annotated[Share | None, Field(examples=[0.58])]
    """The weakest of `rise`, `dip` and `end`, from 0 to 1; null where one is not known."""
    rise: Mark
    """Share by which 4-6 h are below working hours (9-11 h, 13-16 h)."""
    dip: Mark
    """Share by which 12 h is below 11 h and 13 h."""
    end: Mark
    """Share by which 19-23 h are below working hours."""
    reason: str
    """The verdict in words."""
    work_days: Count
    """Working days of the country that were watched."""
    weekend_days: Count
    """Days of its weekends that were watched."""
    holiday_days: Count
    """Public holidays that were watched and are no weekend."""
    work: Rate | None
    """Packets per sensor on a working day."""
    weekend: Rate | None
    """The same on a day of the weekend."""
    holiday: Rate | None
    """The same on a public holiday."""
    rest_ratio: Rate | None
    """Days of rest (weekends and holidays) over working days."""
    weekdays: Annotated[list[Rate | None], Field(min_length=7, max_length=7)]
    """Packets per sensor and day: Monday to Sunday, without public holidays."""
    work_hours: Annotated[list[Rate | None], Field(min_length=24, max_length=24)]
    """Packets per sensor and hour on working days, by the source's clock, from 0 h."""
    hours: Annotated[list[Rate | None], Field(min_length=24, max_length=24)]
    """The same on all days, by the source's clock."""
    reader_hours: Annotated[list[Rate | None], Field(min_length=24, max_length=24)]
    """The same on all days, by the reader's clock."""
    holidays: Annotated[list[str], Field(examples=[["2020-04-30 Liberation Day/Reunification Day"]])]
    """Public holidays of the period, with their names."""


class RhythmsAnswer(_Shape):
    """The rhythms of some source countries."""

    rows: list[RhythmRowAnswer]
    """The countries, in the order given, or by packets."""
    provenance: ProvenanceAnswer
