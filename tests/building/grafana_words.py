"""What Grafana does with a query before InfluxDB sees it, and with its answers before an alert fires: the parts that
dashboards and rules of this project use.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from darkscope.grafana.sources import PREFIX
from darkscope.grafana.variables import ANYTHING
from darkscope.ingest.measurements import Resolution

Values = Mapping[str, str | Sequence[str]]
Labels = tuple[tuple[str, str], ...]
Numbers = dict[Labels, float]

_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


def interpolated(query: str, values: Values, start: int, end: int, interval: int) -> str:
    """Replace variables and macros; times in milliseconds, interval in seconds."""
    query = query.replace("$timeFilter", f"time >= {start}ms AND time <= {end}ms")
    built_in = {
        "__from": str(start),
        "__to": str(end),
        "__interval": f"{interval}s",
        "__interval_ms": str(interval * 1000),
    }

    def value(match: re.Match[str]) -> str:
        name, style = match[1] or match[3], match[2]
        chosen = built_in.get(name, values.get(name))
        assert chosen is not None, f"no variable {name} in {query}"
        if style != "regex":
            assert isinstance(chosen, str), f"{name} has several values and no format"
            return chosen
        if chosen == ".*":  # a custom value of All is not escaped
            return ".*"
        many = [chosen] if isinstance(chosen, str) else list(chosen)
        escaped = [re.sub(r"([\\^$*+?.()|{}\[\]/])", r"\\\1", one) for one in many]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return _VARIABLE.sub(value, query)


Ask = Callable[[str, str, Values], Sequence[Mapping[str, Any]]]
"""Answers a query, with the uid of its data source and the variables so far."""


def database(uid: str, name: str, values: Values) -> str:
    """Database that a panel's data source asks; `name` is that of the minutes."""
    uid = uid.replace("${source}", PREFIX).replace("${step}", str(values.get("step", "")))
    return Resolution(int(uid.removeprefix(PREFIX))).bucket(name)


def chosen_values(model: Mapping[str, Any], ask: Ask) -> dict[str, str | list[str]]:
    """Resolve a dashboard's variables in their order, as Grafana does when it loads."""
    values: dict[str, str | list[str]] = {}
    for variable in model["templating"]["list"]:
        name, kind = variable["name"], variable["type"]
        if kind != "query":
            values[name] = variable["current"]["value"]
            continue
        series = ask(variable["query"], variable["datasource"]["uid"], values)
        found = [str(row[1]) for one in series for row in one["values"]]
        current = variable["current"].get("value")
        if variable["includeAll"] and "$__all" in (current or []):
            assert found, f"{model['uid']}: {name} has no values: {variable['query']}"
            values[name] = variable.get("allValue", found)
            assert values[name] in (ANYTHING, found)
        else:
            wanted = current[0] if isinstance(current, list) else current
            values[name] = wanted if wanted in found else found[0] if found else ""
    return values


def reduced(series: Sequence[Mapping[str, Any]], how: str) -> Numbers:
    """A number for each series: Grafana's reduce expression. Series without tags have no labels."""
    found: Numbers = {}
    for one in series:
        values = [row[1] for row in one["values"]]
        labels = tuple(sorted((name, text) for name, text in one.get("tags", {}).items()))
        if None in values:
            number = float("nan")
        else:
            number = values[-1] if how == "last" else {"sum": sum, "max": max}[how](values)
        found[labels] = float(number)
    return found


_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else float("nan") if not a else float("inf"),
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}


def computed(expression: str, names: Mapping[str, Numbers]) -> Numbers:
    """Grafana's math: numbers of two names pair where the labels of one are among the other's; the rest falls out."""
    text = re.sub(r"\$(\w+)", r"\1", expression).replace("&&", " and ")
    return _value(ast.parse(text, mode="eval").body, names)


def _value(node: ast.AST, names: Mapping[str, Numbers]) -> Numbers:
    match node:
        case ast.Constant(value=number):
            assert isinstance(number, int | float)
            return {(): float(number)}
        case ast.Name(id=name):
            return names[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _paired(_OPERATORS[type(op)], _value(left, names), _value(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _paired(_OPERATORS[type(op)], _value(left, names), _value(right, names))
        case ast.BoolOp(op=ast.And(), values=[first, *rest]):
            found = _value(first, names)
            for one in rest:
                found = _paired(lambda a, b: bool(a) and bool(b), found, _value(one, names))
            return found
    raise AssertionError(f"not used so far: {ast.dump(node)}")


def _paired(how: Callable[[float, float], float], left: Numbers, right: Numbers) -> Numbers:
    found = {}
    for mine, a in left.items():
        for its, b in right.items():
            if set(mine) <= set(its) or set(its) <= set(mine):
                found[mine if len(mine) >= len(its) else its] = float(how(a, b))
    return found
