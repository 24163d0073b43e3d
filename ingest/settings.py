"""All settings: one typed model, its defaults, and where each value in force came from.

Sources in rising force: one TOML file, environment variables `DARKSCOPE_SECTION__KEY`, flags. Every mistake
is named with its key, its value and its place, all of them at once; unknown keys are mistakes. Nothing here
opens a ledger, a database or a capture.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from darkscope.ingest.contacts import ContactEntry, Notices, claims_of
from darkscope.ingest.series import HONEYPOT, TELESCOPE
from darkscope.ingest.values import (
    Address,
    Bucket,
    Country,
    Days,
    Duration,
    HostName,
    Identifier,
    Origin,
    Place,
    Prefix,
    Section,
    Size,
    Uri,
    Url,
    Watched,
    Zone,
    did_you_mean,
    masked,
)

FILE = "darkscope.toml"
"""Read from the working folder where neither `--settings` nor DARKSCOPE_SETTINGS names a file."""

PREFIX = "DARKSCOPE_"
OTHER_VARIABLES = frozenset({"DARKSCOPE_SETTINGS", "DARKSCOPE_NUMBA", "DARKSCOPE_CAPTURES"})
"""Variables that are no settings: the file's place, the compiler's switch, the tests' captures."""

DEFAULT = "default"
"""Origin of a value that nobody set."""

STATE = Path("state")
"""Folder of small state where the ledger has no folder, and the settings name none."""

Location = tuple[str | int, ...]
Leaf = tuple[str, ...]
Model = TypeVar("Model", bound=BaseModel)


class Kind(StrEnum):
    """What a sensor does with what it receives."""

    TELESCOPE = TELESCOPE  # listens only
    HONEYPOT = HONEYPOT  # answers


class Ingest(Section):
    """How captures are read."""

    batch_seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    """Seconds of a growing capture that one batch gathers at most; 2 where left out, 30 in object storage."""
    upkeep: bool = True
    """Whether a daemon also looks after the ledger: of many workers on one ledger let one."""
    flows_per_file: Annotated[int, Field(ge=1000)] = 1_000_000
    """Flows at which a batch is closed."""
    rotation: Duration = timedelta(minutes=15)
    """Longest silence between two captures of one point that still counts as watched."""
    unknown_sensors: Literal["named", "refused"] = "named"
    """A capture of a sensor that no `sensors` entry names: named by its folder, or refused."""
    late: Literal["refused", "accepted"] = "refused"
    """Captures for days that have expired."""
    done: Literal["stay", "move", "delete"] = "stay"
    """What becomes of a capture in the spool once the ledger has all of it."""
    done_folder: Path = Path("done")
    """Where captures move with `done = "move"`."""
    interfaces: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Interfaces that `darkscope run` captures."""


class Spool(Section):
    """Folders, and prefixes of buckets, that are watched for captures."""

    folders: tuple[Place, ...] = ()
    """Folders that `darkscope run` watches, or prefixes in object storage like `s3://bucket/spool`."""
    settle: Duration = timedelta(seconds=60)
    """A capture that did not grow for so long is complete."""


class Database(Section):
    """An MMDB and the days it speaks for."""

    path: Path
    """The file."""
    since: date | None = None
    """First day (UTC) it holds for; open where left out."""
    until: date | None = None
    """First day it no longer holds for; open where left out."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str | Path) else value


def _databases(value: object) -> object:
    return (value,) if isinstance(value, str | Path | dict) else value


Databases = Annotated[tuple[Database, ...], BeforeValidator(_databases)]


class Geo(Section):
    """Country and owner of a source."""

    country: Databases = ()
    """Country databases, each `{path, since, until}` or a path; the one that ships where left out."""
    owner: Databases = ()
    """Owner (ASN) databases, likewise; none where left out, and then no source has an owner."""


class Retention(Section):
    """How long rows stay, and how much room they may take. A number of days, or `keep`."""

    flows: Days = 400
    """Days of `flows`."""
    sources: Days = 800
    """Days of `sources`."""
    echoes: Days = 800
    """Days of `echoes`, from which attacks are told."""
    requests: Days = 400
    """Days of `requests`."""
    events: Days = None
    """Days of `events`."""
    disk_budget: Size | None = None
    """Room the ledger may take; beyond it the oldest days of `flows` expire. No limit where left out."""
    disk_reserve: Size = 1 << 30
    """Free room on the disk below which ingest pauses."""

    def days(self, table: str) -> int | None:
        """Days that rows of a table stay, or None where they are kept."""
        value = (
            getattr(self, table) if table in ("flows", "sources", "echoes", "requests", "events") else None
        )
        return None if value is None else int(value)


class Storage(Section):
    """Object storage: where it answers, and the copies that are kept of what was read there."""

    endpoint: Url | None = None
    """Where it answers, like `http://127.0.0.1:9000`; AWS_ENDPOINT_URL or the provider's own where left out."""
    region: str | None = None
    """Its region; AWS_REGION or that of the AWS configuration where left out."""
    cache: Path | None = None
    """Folder of copies of data files, which may be deleted at any time; in the user's cache where left out."""
    cache_size: Size = 20 << 30
    """Room that the copies may take; what a question needs just now may go beyond it."""


WATCHED = (
    *("22/tcp", "23/tcp", "80/tcp", "443/tcp", "445/tcp", "1433/tcp", "2323/tcp", "3306/tcp", "3389/tcp"),
    *("5555/tcp", "6379/tcp", "8080/tcp", "53/udp", "123/udp", "1900/udp", "5060/udp"),
)
"""Ports that telescopes have asked about for years."""


class Influx(Section):
    """The InfluxDB that the ledger is projected into."""

    url: Url | None = None
    """Where it answers, like `http://127.0.0.1:8086`; nothing is projected where left out."""
    org: str = "darkscope"
    """Organisation, for InfluxDB 2."""
    token_file: Path | None = None
    """File with the token on its first line; for InfluxDB 1.8 `user:password`. None where left out."""
    read_token_file: Path | None = None
    """File with a token that may only read, to answer questions with; `token_file` where left out."""
    bucket: Bucket = "darkscope"
    """Bucket of the minutes; those of hours and days are named after it, `_hour` and `_day`."""
    retention_minute: Days = 30
    """Days that points of minutes stay."""
    retention_hour: Days = 120
    """Days that points of hours stay."""
    retention_day: Days = 400
    """Days that points of days stay."""
    series: Annotated[int, Field(ge=1000, le=100_000)] = 100_000
    """Series that all buckets together may hold, whatever is sent to the sensors."""
    sensors: Annotated[int, Field(ge=1, le=500)] | None = None
    """Sensors among which the series are divided; as many as there are, rounded up to tens, where left out."""
    watch: tuple[Watched, ...] = WATCHED
    """Ports that are never folded into `other`, as far as there is room, the first first."""
    timeout: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(seconds=10)
    """Time after which a request that is not answered has failed."""
    ca_file: Path | None = None
    """Certificates to trust with `https`; those of the system where left out."""


class Spark(Section):
    """Apache Spark, for `--engine spark` and `api.store = "spark"`."""

    master: str = ""
    """Its master, like `spark://host:7077` or `local[4]`; `sc://host` is Spark Connect. Spark's own settings and
    `SPARK_REMOTE` say it where left out, and else it is this machine."""
    conf: tuple[Annotated[str, Field(pattern=r"^[^=\s]+=")], ...] = ()
    """Spark's settings, each `key=value`, like `spark.executor.memory=2g`."""


class StoreName(StrEnum):
    """Where answers come from."""

    LEDGER = "ledger"
    SPARK = "spark"
    INFLUXDB = "influxdb"


class Api(Section):
    """Where questions are answered from; where the HTTP interface answers, and whom."""

    store: StoreName = StoreName.LEDGER
    """`ledger`, `spark` answer everything, `influxdb` what its series hold. Commands and the HTTP interface ask it."""
    address: Address = ipaddress.IPv4Address("127.0.0.1")
    """IP address to listen on; `0.0.0.0` and `::` are all."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """TCP port to listen on."""
    names: tuple[HostName, ...] = ()
    """Names by which it is called, beside `localhost` and IP addresses; a request by another name is refused."""
    without_keys: bool = False
    """Answer who has no key, on any address, also where there are keys."""
    open_metrics: bool = False
    """Answer `/metrics` without a key also where keys are asked for."""
    rate: Annotated[float, Field(ge=0, le=100_000)] = 20
    """Requests a second of one key, or one address without a key, in the long run; 0 is no limit."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Requests that it may make at once before `rate` holds."""
    time_limit: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(seconds=30)
    """Time after which a question that is still computed is given up."""
    public_delay: Duration = timedelta(days=2)
    """How long a period must be over before keys of the scope `public` may ask about it."""
    public_least: Annotated[int, Field(ge=1)] = 100
    """Packets below which keys of the scope `public` are not told of a value."""
    origins: tuple[Origin, ...] = ()
    """Sites whose pages may read answers in a browser (CORS), like `https://soc.example`."""
    proxies: tuple[Prefix, ...] = ()
    """Prefixes of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    """Path under which a proxy publishes it, like `/darkscope`; the proxy takes it off."""


class Report(Section):
    """What reports say beside their figures."""

    author: str = ""
    """Who writes them; nobody is named where left out."""
    closing: str = ""
    """Their last line, as an address for questions."""
    simulated: bool = False
    """Say on every page that nobody sent these packets; the settings of simulated captures have it."""


class SensorEntry(Section):
    """What holds for one sensor over some time."""

    id: Identifier
    """Stable name beneath all names: letters, digits and `. _ -`, 64 at most."""
    name: str = ""
    """For people; the id where left out."""
    organisation: str = ""
    """Who runs it."""
    kind: Kind = Kind.TELESCOPE
    """`telescope` listens, `honeypot` answers."""
    home: bool = True
    """At home, or abroad (`false`)."""
    country: Country = "ZZ"
    """Where it stands, ISO 3166-1 alpha-2."""
    networks: tuple[Prefix, ...] = ()
    """Prefixes it watches, IPv4 and IPv6; without any, every packet counts as sent to it."""
    captures: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Patterns of its captures' paths; captures in a folder named like the id need none."""
    interfaces: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Its interfaces: of a live capture, or inside a pcapng capture that `captures` names."""
    since: date | None = None
    """First day (UTC) this holds for; open where left out."""
    until: date | None = None
    """First day it no longer holds for; open where left out."""


class HolidayEntry(Section):
    """A public holiday that the library of holidays does not know."""

    country: Country
    """Whose it is, ISO 3166-1 alpha-2."""
    date: date
    """The day, by that country's clock."""
    name: str = ""
    """What it is called."""


BATCH_IN_FOLDER, BATCH_IN_BUCKET = 2.0, 30.0
"""Seconds of a batch where nothing is said; 20 workers keep a ledger in object storage half busy (docs/scale.md)."""


class Settings(Section):
    """Everything that can be set, and what holds where nothing is."""

    ledger: Place = Path("ledger")
    """The ledger's folder, or its place in object storage, like `s3://bucket/prefix`."""
    state: Path | None = None
    """Folder of small state that is no observation; the ledger's where left out, `state` where it has no folder."""
    worker: Identifier = Field(default_factory=lambda: _worker(socket.gethostname()))
    """Name under which this process commits, as plans and logs tell it; nothing depends on it."""
    time_zone: Zone = ZoneInfo("UTC")
    """Zone in which a reader's days begin."""
    ingest: Ingest = Ingest()
    spool: Spool = Spool()
    geo: Geo = Geo()
    research: Path | None = None
    """File of research scanners, `prefix,name` a line; none where left out."""
    devices: Path | None = None
    """File of investigated devices, CSV; none where left out."""
    vulnerabilities: Path | None = None
    """Folder of further rules that name requests, one YAML file each; those that ship alone where left out."""
    decisions: Path | None = None
    """File of what an analyst decided of phenomena, TOML; with the ledger where left out."""
    retention: Retention = Retention()
    storage: Storage = Storage()
    influx: Influx = Influx()
    api: Api = Api()
    spark: Spark = Spark()
    notices: Notices = Notices()
    contacts: tuple[ContactEntry, ...] = ()
    """Who is told of sources, each `[[contacts]]` entry with the keys below."""
    report: Report = Report()
    holidays: tuple[HolidayEntry, ...] = ()
    """Further public holidays, each `[[holidays]]` entry with the keys below."""
    sensors: tuple[SensorEntry, ...] = ()
    """The sensors, each `[[sensors]]` entry with the keys below."""

    @property
    def batch_seconds(self) -> float:
        """Seconds that one batch gathers at most: a commit to object storage takes a second, and others wait."""
        if self.ingest.batch_seconds is not None:
            return self.ingest.batch_seconds
        return BATCH_IN_BUCKET if isinstance(self.ledger, Uri) else BATCH_IN_FOLDER

    @property
    def state_folder(self) -> Path:
        """Where small state is that is no observation: what was notified, how far was projected.

        Of a ledger in a folder also keys and decisions.
        """
        if self.state is not None:
            return self.state
        return STATE if isinstance(self.ledger, Uri) else self.ledger


def _worker(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", host).lstrip("._-")[:64] or "worker"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in the settings."""

    key: str  # "sensors[0].networks[1]"; empty where the file as a whole cannot be read
    value: str  # as written; empty where none is to be shown
    place: str  # "darkscope.toml line 12", "DARKSCOPE_LEDGER", "--ledger"
    message: str

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value else ""
        return f"{self.place}: {self.key}{value}{': ' if self.key else ''}{self.message}"


class SettingsError(Exception):
    """The settings hold mistakes; the text has one a line."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings in force, and where they came from."""

    settings: Settings
    file: Path | None  # the file that was read
    _origins: Mapping[Location, str]

    def origin(self, key: str) -> str:
        """Say where the value of a key came from: a place, or `default`. Keys are written as in `Mistake`."""
        parts = re.findall(r"[^.\[\]]+", key)
        location = tuple(int(part) if part.isdigit() else part for part in parts)
        is_set = any(location[: len(leaf)] == leaf for leaf, _ in _leaves(Settings) if leaf in self._origins)
        return _place(location, self._origins) if is_set else DEFAULT

    def values(self) -> Iterator[tuple[str, object, str]]:
        """Go through the settings in force: dotted key, value, origin. A list of tables is one value."""
        for leaf, _ in _leaves(Settings):
            value: object = self.settings
            for part in leaf:
                value = getattr(value, part)
            yield _dotted(leaf), value, self._origins.get(leaf, DEFAULT)


def load(path: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Put the settings together.

    `path` is the file named by `--settings`; without one, DARKSCOPE_SETTINGS names it, and without that
    `darkscope.toml` in the working folder is read where it exists. `flags` maps dotted keys to values; None
    means that the flag was not given, as does an empty variable. Relative paths in the file start at the
    file's folder, all others at the working folder. Raises SettingsError with every mistake.
    """
    variable = environment.get("DARKSCOPE_SETTINGS")
    named = path or (Path(variable) if variable else None)
    file = named or (Path(FILE) if Path(FILE).exists() else None)
    raw, lines = _read(file) if file else ({}, {})
    origins = {location: f"{file} line {line}" for location, line in lines.items()}
    leaves = dict(_leaves(Settings))
    in_file = {leaf for leaf in leaves if leaf in origins}
    mistakes: list[Mistake] = []

    def put(leaf: Leaf, value: object, place: str) -> None:
        target = raw
        for part in leaf[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):  # `ingest = 5` in the file, which validation will name
                return
        target[leaf[-1]] = value
        for location in [known for known in origins if known[: len(leaf)] == leaf]:
            del origins[location]
        origins[leaf] = place
        in_file.discard(leaf)

    variables = {_variable(leaf): leaf for leaf in leaves}
    for name, text in environment.items():
        if name in variables and text:
            put(variables[name], _from_text(text, leaves[variables[name]]), name)
        elif name.startswith(PREFIX) and name not in OTHER_VARIABLES | variables.keys():
            mistakes.append(Mistake("", "", name, f"no such setting{did_you_mean(name, variables)}"))
    keys = {_dotted(leaf): leaf for leaf in leaves}
    for key, value in flags.items():
        flag = "--" + key.rpartition(".")[2].replace("_", "-")
        if key not in keys:
            mistakes.append(Mistake(key, "", flag, f"no such setting{did_you_mean(key, keys)}"))
        elif value is not None:
            put(keys[key], value, flag)

    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        mistakes += [_mistake(detail, origins) for detail in error.errors()]
        raise SettingsError(tuple(mistakes)) from None
    mistakes += [
        Mistake(_dotted(location), "", _place(location, origins), message)
        for location, message in _contradictions(settings)
    ]
    if mistakes:
        raise SettingsError(tuple(mistakes))
    return Loaded(_anchored(settings, file.parent if file else Path(), in_file), file, origins)


def without_relative_paths(settings: Settings) -> Settings:
    """The same for a process that has another working folder."""
    return _anchored(settings, Path.cwd(), {leaf for leaf, _ in _leaves(Settings)})


def _read(file: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    """Read the file's values, and the line of each key."""
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text), _lines(text)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 at byte {error.start}"
    except tomllib.TOMLDecodeError as error:
        message = f"is no TOML: {error}"
    raise SettingsError((Mistake("", "", str(file), message),))


def _lines(text: str) -> dict[Location, int]:
    """Find the line on which each key of a valid TOML text stands; tomllib itself does not tell."""
    lines: dict[Location, int] = {}
    counts: dict[Location, int] = {}  # entries of each array of tables so far
    table: Location = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        if not statement:
            start = number
        is_first = not statement
        statement += line + "\n"
        if not is_first and not any(closing in line for closing in ("]", "}", '"""', "'''")):
            continue  # what takes several lines is an array or a string, and ends with one of these
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            *above, name = (part for part in next(_paths(parsed)) if isinstance(part, str))
            table = ()
            for part in above:
                table += (part,)
                if table in counts:
                    table += (counts[table] - 1,)
            table += (name,)
            lines.setdefault(table, start)
            if statement.lstrip().startswith("[["):
                counts[table] = counts.get(table, 0) + 1
                table += (counts[table] - 1,)
                lines[table] = start
        else:
            for path in _paths(parsed):
                for length in range(1, len(path) + 1):
                    lines.setdefault(table + path[:length], start)
        statement = ""
    return lines


def _paths(value: object) -> Iterator[Location]:
    """List the longest key paths of parsed TOML; arrays of tables are followed by index."""
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = list(enumerate(value))
    if not items:
        yield ()
    for key, inner in items:
        for path in _paths(inner):
            yield (key, *path)


def _leaves(model: type[BaseModel], before: Leaf = ()) -> Iterator[tuple[Leaf, Any]]:
    """List the keys that take a value, with its type; a list of tables is one value."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _leaves(annotation, (*before, name))
        else:
            yield (*before, name), annotation


def _variable(leaf: Leaf) -> str:
    return PREFIX + "__".join(leaf).upper()


def _from_text(text: str, annotation: object) -> object:
    """Read an environment variable: a TOML array where the setting takes a list, else the text itself."""
    if get_origin(annotation) is not tuple or not text.lstrip().startswith("["):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _place(location: Location, origins: Mapping[Location, str]) -> str:
    for length in range(len(location), 0, -1):
        if location[:length] in origins:
            return origins[location[:length]]
    return DEFAULT


def _dotted(location: Location) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(
        "."
    )


def _mistake(detail: ErrorDetails, origins: Mapping[Location, str]) -> Mistake:
    location, message, value = detail["loc"], detail["msg"], masked(repr(detail["input"]))
    match detail["type"]:
        case "extra_forbidden":
            # The value stays unsaid: a misspelt key may hold a secret.
            value, message = "", f"no such setting{did_you_mean(str(location[-1]), _siblings(location))}"
        case "missing":
            value, message = "", "is missing"
        case "value_error":
            message = str(detail["ctx"]["error"])
    return Mistake(_dotted(location), value, _place(location, origins), message)


def _siblings(location: Location) -> Iterable[str]:
    """List the keys that could stand where an unknown one does."""
    model: Any = Settings
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
    known: Iterable[str] = model.model_fields
    return known


def _contradictions(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Find what is wrong between values that are each in order."""
    for name in ("country", "owner"):
        yield from _overlaps(("geo", name), [(database, "") for database in getattr(settings.geo, name)])
    yield from _overlaps(("sensors",), [(entry, entry.id) for entry in settings.sensors])
    yield from _shared(settings.contacts)
    if settings.api.store is StoreName.INFLUXDB and settings.influx.url is None:
        yield ("api", "store"), "needs influx.url, which is not set"


def _shared(contacts: Sequence[ContactEntry]) -> Iterator[tuple[Location, str]]:
    """Contacts of one id, and such of which none is nearer to some source than the other."""
    ids: dict[str, int] = {}
    claims: dict[tuple[int | None, str | None], int] = {}
    for index, contact in enumerate(contacts):
        if ids.setdefault(contact.id, index) != index:
            yield ("contacts", index, "id"), f"is also the id of contacts[{ids[contact.id]}]"
        if not contact.email:
            yield ("contacts", index, "email"), "names nobody: a contact has at least one address"
        for claim in claims_of(contact):
            if claims.setdefault(claim, index) != index:
                owner, country = claim
                whose = [f"AS{owner}"] if owner is not None else []
                whose += [country] if country is not None else []
                what = " in ".join(whose) or "whatever no other contact has"
                yield ("contacts", index), f"{what} is also of contacts[{claims[claim]}]"


def _overlaps(
    location: Location, entries: Sequence[tuple[Database | SensorEntry, str]]
) -> Iterator[tuple[Location, str]]:
    """Entries of one thing (the text beside each) that hold for the same day, or for none."""
    for index, (entry, thing) in enumerate(entries):
        since, until = entry.since or date.min, entry.until or date.max
        if since >= until:
            yield (*location, index), f"holds for no day: until {until} is not after since {since}"
        for earlier, (other, other_thing) in enumerate(entries[:index]):
            overlap = since < (other.until or date.max) and (other.since or date.min) < until
            if overlap and thing == other_thing:
                whose = f" of the same id {thing}" if thing else ""
                ask = "end one with `until` where the other begins with `since`"
                message = f"some of its days are also those of {_dotted((*location, earlier))}{whose}: {ask}"
                yield (*location, index), message


def _anchored(settings: Model, folder: Path, in_file: Set[Leaf], before: Leaf = ()) -> Model:
    """Turn relative paths of the file into paths from the working folder, and resolve `~`."""

    def anchor(value: object, is_from_file: bool) -> object:
        if isinstance(value, Path):
            value = value.expanduser()
            return folder / value if is_from_file else value
        if isinstance(value, tuple):
            return tuple(anchor(item, is_from_file) for item in value)
        if isinstance(value, Database):
            return value.model_copy(update={"path": anchor(value.path, is_from_file)})
        return value

    update: dict[str, object] = {}
    for name in type(settings).model_fields:
        leaf, value = (*before, name), getattr(settings, name)
        is_section = isinstance(value, BaseModel)
        update[name] = (
            _anchored(value, folder, in_file, leaf) if is_section else anchor(value, leaf in in_file)
        )
    return settings.model_copy(update=update)
