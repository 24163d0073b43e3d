"""The lens: which requests are after which vulnerability.

Pure: rules become expressions over rows of `requests`. Of a body, and of what is no HTTP, only the first bytes are kept
and can be searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import polars as pl

from darkscope.api.requests.rules import Rule, Rules, Shape, is_pattern
from darkscope.api.requests.wanted import Wanted
from darkscope.api.store import Marked
from darkscope.ingest import series
from darkscope.ingest.honeypot.masking import Masker
from darkscope.ingest.honeypot.rows import MOST_PREVIEW, Asker, Reader, table

LONGEST_ESCAPE = 4
"""Characters that a byte takes in a preview, at most."""

LENGTH = re.compile(r"(?im)^(content-length|transfer-encoding)[ \t]*:")
"""A field that says how long a body is."""

NOBODY = (1 << 128) - 1
"""An address that no example names: the sensor's is masked."""

MUST, MUST_NOT = "must_match", "must_not_match"
"""Keys of a rule's examples."""

BITS = 60
"""Tests that one number tells the outcome of."""

EVERYWHERE = ("path", "host", "headers", "preview")
"""Columns that hold what a client sent."""


def marked(rules: Rules, wanted: Wanted) -> Marked:
    """Give what marks rows with the ids of the rules that name them, and leaves out what is not wanted.

    Raises ValueTextError.
    """
    chosen = rules.named(wanted.rules) if wanted.names_rules else Rules.none()
    ids = sorted(rule.id for rule in chosen.rules)
    # Where only rows of some rules are wanted, others need no names.
    named = _Named(
        {rule.id: _matches(rule) for rule in rules.rules}, chosen if ids and not wanted.is_unnamed else rules
    )

    return partial(_marked, named, wanted, ids)


def undecided(rules: Rules, wanted: Wanted) -> Marked:
    """Give what marks rows with the ids of rules that may name them, if what the preview cut off were there."""
    deep = tuple(rule for rule in rules.named(wanted.rules).rules if any(map(_is_deep, rule.requests)))
    named = _Named({rule.id: _may_match(rule) & ~_matches(rule) for rule in deep})
    return lambda rows: named.of(_wanted(rows, wanted).filter(is_cut()))


def is_cut() -> pl.Expr:
    """Whether a row's preview may lack some of what the client sent: nothing more had room in it."""
    return pl.col("preview").str.len_chars() > MOST_PREVIEW - LONGEST_ESCAPE


def _marked(named: _Named, wanted: Wanted, ids: Sequence[str], rows: pl.LazyFrame) -> pl.LazyFrame:
    found = named.of(_wanted(rows, wanted))
    if wanted.is_open:
        return found
    is_chosen = pl.col("rules").list.set_intersection(ids).list.len() > 0
    return found.filter(is_chosen | (pl.col("rules").list.len() == 0) if wanted.is_unnamed else is_chosen)


def _wanted(rows: pl.LazyFrame, wanted: Wanted) -> pl.LazyFrame:
    for condition in wanted.conditions():
        rows = rows.filter(condition)
    return rows


class _Named:
    """Adds to rows `rules`, the ids whose tests they pass.

    Rules name few of all requests. So all patterns together tell first which they may name, in one search of each
    column, and only these are searched for each pattern.
    """

    def __init__(self, tests: Mapping[str, pl.Expr], likely: Rules | None = None) -> None:
        """Tests by id; rows that are not `likely` to be named by certain rules are not tried."""
        self._ids = list(tests)
        bits = [test.cast(pl.Int64) * (1 << number % BITS) for number, test in enumerate(tests.values())]
        self._numbers = [
            pl.sum_horizontal(bits[first : first + BITS]).alias(f"_passed_{first}")
            for first in range(0, len(bits), BITS)
        ]
        self._likely = pl.lit(value=True) if likely is None else _likely(likely)

    def of(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Give the same rows with their `rules`."""
        if not self._ids:
            return rows.with_columns(rules=pl.lit([], pl.List(pl.String)))
        schema = {**rows.collect_schema(), "rules": pl.List(pl.String)}
        return rows.map_batches(
            self._of_some,
            schema=schema,
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
            streamable=True,
        )

    def _of_some(self, rows: pl.DataFrame) -> pl.DataFrame:
        numbered = rows.with_row_index("_row")
        some = numbered.lazy().filter(self._likely).select("_row", *self._numbers).collect()
        passed = some.columns[1:]
        # What rows pass is the same again and again: its names are written once.
        written = some.select(passed).unique()
        lists = pl.Series("rules", [self._names(row) for row in written.iter_rows()], pl.List(pl.String))
        named = some.join(written.with_columns(lists), on=passed)
        return numbered.join(named, on="_row", how="left", maintain_order="left").select(
            *rows.columns, pl.col("rules").fill_null([])
        )

    def _names(self, numbers: tuple[int, ...]) -> list[str]:
        """Ids of the tests that some numbers say are passed."""
        return [name for place, name in enumerate(self._ids) if numbers[place // BITS] >> place % BITS & 1]


def _likely(rules: Rules) -> pl.Expr:
    """What a row must be for one of the rules to name it: more may be so."""
    shapes = [shape for rule in rules.rules for shape in rule.requests]
    by_path = [shape.path for shape in shapes if shape.path is not None]
    rest = [shape for shape in shapes if shape.path is None]
    fields = sorted({name for shape in rest for name in shape.headers})
    anywhere = [shape.anywhere for shape in rest if not shape.headers and shape.anywhere is not None]
    bodies = [
        shape.body
        for shape in rest
        if not shape.headers and shape.anywhere is None and shape.body is not None
    ]
    return pl.any_horizontal(
        pl.lit(value=False),
        *_any("path", by_path),
        *_any("headers", [f"(?im)^{name}[ \t]*:" for name in fields]),
        *(test for column in EVERYWHERE for test in _any(column, anywhere)),
        *_any("preview", bodies),
    )


def _any(column: str, patterns: Sequence[str]) -> list[pl.Expr]:
    """Whether any of some patterns is found in a column: all in one search, or in several where that were too large."""
    if not patterns:
        return []
    together = "|".join(f"(?:{pattern})" for pattern in patterns)
    if len(patterns) > 1 and not is_pattern(together):
        half = len(patterns) // 2
        return [*_any(column, patterns[:half]), *_any(column, patterns[half:])]
    return [pl.col(column).str.contains(together)]


def _matches(rule: Rule) -> pl.Expr:
    return pl.any_horizontal(_all([*_decided(shape), *_in_preview(shape)]) for shape in rule.requests)


def _may_match(rule: Rule) -> pl.Expr:
    return pl.any_horizontal(_all(_decided(shape)) for shape in rule.requests if _is_deep(shape))


def _is_deep(shape: Shape) -> bool:
    """Whether it needs what may be cut off."""
    return shape.body is not None or shape.anywhere is not None


def _decided(shape: Shape) -> Iterator[pl.Expr]:
    """What is kept whole."""
    if shape.method:
        yield pl.col("method").is_in(list(shape.method))
    if shape.path is not None:
        yield pl.col("path").str.contains(shape.path)
    for name, pattern in shape.headers.items():
        value = pl.col("headers").str.extract(f"(?im)^{name}[ \t]*:[ \t]*(.*)$", 1)
        yield value.str.contains(pattern).fill_null(value=False)


def _in_preview(shape: Shape) -> Iterator[pl.Expr]:
    """What only the first bytes of a body, or of other data, may tell."""
    if shape.body is not None:
        yield pl.col("preview").str.contains(shape.body)
    if shape.anywhere is not None:
        yield pl.any_horizontal(pl.col(column).str.contains(shape.anywhere) for column in EVERYWHERE)


def _all(tests: Iterable[pl.Expr]) -> pl.Expr:
    return pl.all_horizontal(pl.lit(value=True), *tests)


def failures(rules: Rules) -> list[str]:
    """Try each rule on its examples, and say which of them it gets wrong."""
    examples = [
        (rule.id, key, number, row)
        for rule in rules.rules
        for key in (MUST, MUST_NOT)
        for number, example in enumerate(getattr(rule, key))
        for row in _rows(example)
    ]
    frame = pl.DataFrame([row for *_, row in examples], schema=series.REQUESTS.schema)
    found = marked(rules, Wanted())(frame.lazy()).collect()["rules"]
    named = {(rule, key, number): False for rule, key, number, _ in examples}
    for (rule, key, number, _), ids in zip(examples, found, strict=True):
        named[rule, key, number] |= rule in ids
    return [
        f"{rule}: {key}[{number}]: {'is not matched' if key == MUST else 'is matched'}"
        for (rule, key, number), is_named in named.items()
        if is_named is not (key == MUST)
    ]


def _rows(example: str) -> Iterator[dict[str, object]]:
    """What the ledger would hold of an example: a row for each request in it, else one for all."""
    head, _, body = example.removesuffix("\n").partition("\n\n")
    if body and not LENGTH.search(head):  # an example need not count its body
        head = f"{head}\nContent-Length: {len(body.encode())}"
    data = "\r\n\r\n".join((head.replace("\n", "\r\n"), body)).encode()
    told = Reader(Masker(())).read(data, 6, NOBODY)
    rows = table([(Asker("", 6, 0, NOBODY, 0, 0, 0), one) for one in told])
    yield from ({"country": "ZZ", "asn": 0} | row for row in rows.iter_rows(named=True))
