"""An independent meaning of expressions: one bar after the other, in plain Python, None for unknown."""

import math

from trading.indicators.expressions import tree as t

Value = float | bool | None
Bars = list[dict[str, float | None]]


def at(node: t.Node, bars: Bars, i: int) -> Value:  # noqa: C901, PLR0911  # one return per kind of node
    """What `node` is at bar `i` of one symbol's `bars`."""
    if i < 0:
        return None
    match node:
        case t.Number(value):
            return value
        case t.Column(name):
            return finite(bars[i][name])
        case t.Negative(of):
            value = at(of, bars, i)
            return None if value is None else -value
        case t.Arithmetic(sign, left, right):
            return computed(sign, at(left, bars, i), at(right, bars, i))
        case t.Comparison(relation, left, right):
            return compared(relation, at(left, bars, i), at(right, bars, i))
        case t.Logic(word, parts):
            return kleene([at(part, bars, i) for part in parts], decisive=word == "OR")
        case t.Not(of):
            value = at(of, bars, i)
            return None if value is None else not value
        case t.Back(of, back):
            return at(of, bars, i - back)
        case t.Call(name, arguments, window):
            return called(name, arguments, window, bars, i)


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def computed(sign: str, a: Value, b: Value) -> Value:
    if a is None or b is None or (sign == "/" and b == 0):
        return None
    return finite(a / b if sign == "/" else {"+": a + b, "-": a - b, "*": a * b}[sign])


def compared(relation: str, a: Value, b: Value) -> Value:
    if a is None or b is None:
        return None
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[relation]


def kleene(values: list[Value], *, decisive: bool) -> Value:
    if any(value is decisive for value in values):
        return decisive
    return None if any(value is None for value in values) else not decisive


def called(name: str, arguments: tuple[t.Node, ...], window: int, bars: Bars, i: int) -> Value:
    if name in t.CROSSINGS:
        a, b = ([at(each, bars, i - back) for back in (0, 1)] for each in arguments)
        now, before = (">", "<=") if name == "crosses_above" else ("<", ">=")
        # Before the first bar nothing is known, of a literal either.
        earlier = None if i == 0 else compared(before, a[1], b[1])
        return kleene([compared(now, a[0], b[0]), earlier], decisive=False)
    values = [at(each, bars, i) for each in arguments]
    if name == "abs":
        return None if values[0] is None else abs(values[0])
    if name in {"min", "max"}:
        return None if None in values else {"min": min, "max": max}[name](values)
    seen = [at(arguments[0], bars, j) for j in range(i - window + 1, i + 1)]
    if name in {"any", "all"}:
        return kleene(seen, decisive=name == "any")
    if i - window + 1 < 0 or None in seen:
        return None
    return {"highest": max, "lowest": min, "mean": lambda v: sum(v) / len(v)}[name](seen)
