"""The lens: which requests are after which vulnerability.

Pure: rules become expressions over rows of `requests`. Of a body, and of what is no HTTP, only the first bytes are kept
and can be searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from darkscope.api.requests.rules import Rule, Rules, Shape
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

_ALL = "_all"


def marked(rules: Rules, wanted: Wanted) -> Marked:
    """Give what marks rows with the ids of the rules that name them, and leaves out what is not wanted.

    Raises ValueTextError.
    """
    chosen = {rule.id for rule in rules.named(wanted.rules).rules} if wanted.names_rules else set[str]()

    def mark(rows: pl.LazyFrame) -> pl.LazyFrame:
        for condition in wanted.conditions():
            rows = rows.filter(condition)
        named = _named(_parted(rows), {rule.id: _matches(rule) for rule in rules.rules})
        is_chosen = pl.col("rules").list.set_intersection(sorted(chosen)).list.len() > 0
        is_unnamed = pl.col("rules").list.len() == 0
        if wanted.is_unnamed:
            return named.filter(is_chosen | is_unnamed if chosen else is_unnamed)
        return named.filter(is_chosen) if chosen else named

    return mark


def undecided(rules: Rules, wanted: Wanted) -> Marked:
    """Give what marks rows with the ids of rules that may name them, if what the preview cut off were there."""
    deep = [rule for rule in rules.named(wanted.rules).rules if any(map(_is_deep, rule.requests))]

    def mark(rows: pl.LazyFrame) -> pl.LazyFrame:
        for condition in wanted.conditions():
            rows = rows.filter(condition)
        tests = {rule.id: _may_match(rule) & ~_matches(rule) for rule in deep}
        return _named(_parted(rows.filter(is_cut())), tests)

    return mark


def is_cut() -> pl.Expr:
    """Whether a row's preview may lack some of what the client sent: nothing more had room in it."""
    return pl.col("preview").str.len_chars() > MOST_PREVIEW - LONGEST_ESCAPE


def _named(rows: pl.LazyFrame, tests: Mapping[str, pl.Expr]) -> pl.LazyFrame:
    """Add `rules`, the ids whose tests a row passes, in their order."""
    if not tests:
        return rows.with_columns(rules=pl.lit([], pl.List(pl.String)))
    ids = [pl.when(test).then(pl.lit(name)) for name, test in tests.items()]
    return rows.with_columns(rules=pl.concat_list(ids).list.drop_nulls())


def _parted(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add to rows all that a client sent, as far as it is kept, in one text."""
    return rows.with_columns(pl.concat_str("path", "host", "headers", "preview", separator="\n").alias(_ALL))


def _matches(rule: Rule) -> pl.Expr:
    return pl.any_horizontal(_all([*_decided(shape), *_in_preview(shape)]) for shape in rule.requests)


def _may_match(rule: Rule) -> pl.Expr:
    return pl.any_horizontal(_all(_decided(shape)) for shape in rule.requests if _is_deep(shape))


def _is_deep(shape: Shape) -> bool:
    """Whether it needs what may be cut off."""
    return bool(list(_in_preview(shape)))


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
    """What only the first bytes of a body, or of other data, tell."""
    if shape.body is not None:
        yield pl.col("preview").str.contains(shape.body)
    if shape.anywhere is not None:
        yield pl.col(_ALL).str.contains(shape.anywhere)


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
