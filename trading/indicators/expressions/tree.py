"""What an expression is once it is read: a tree of typed nodes. Values and conditions never mix.

A value is a number per bar, a condition is true, false or unknown per bar.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

Sign = Literal["+", "-", "*", "/"]
Relation = Literal["<", "<=", ">", ">=", "==", "!="]
# What a function takes (v value, c condition, n whole number of bars) and what it gives.
FUNCTIONS: dict[str, tuple[str, str]] = {
    "crosses_above": ("vv", "c"),  # now above, one bar ago not
    "crosses_below": ("vv", "c"),
    "abs": ("v", "v"),
    "min": ("vv", "v"),
    "max": ("vv", "v"),
    "highest": ("vn", "v"),  # of the last n bars, this one included
    "lowest": ("vn", "v"),
    "mean": ("vn", "v"),
    "any": ("cn", "c"),  # true in at least one of the last n bars
    "all": ("cn", "c"),
    "cs_rank": ("v", "v"),  # place among all symbols at that bar: share that is not higher, in (0, 1]
}
ACROSS = frozenset({"cs_rank"})
WINDOWED = frozenset({"highest", "lowest", "mean", "any", "all"})
CROSSINGS = frozenset({"crosses_above", "crosses_below"})


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of candles or of the indicator catalogue."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus a value."""

    of: "Node"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two values make one."""

    sign: Sign
    left: "Node"
    right: "Node"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values make a condition."""

    relation: Relation
    left: "Node"
    right: "Node"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """Conditions joined by one word, AND or OR."""

    word: Literal["AND", "OR"]
    parts: "tuple[Node, ...]"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition; unknown stays unknown."""

    of: "Node"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Back:
    """The same, `bars` bars earlier."""

    of: "Node"
    bars: int
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One of FUNCTIONS; `bars` is the window where it has one, else 0."""

    name: str
    arguments: "tuple[Node, ...]"
    bars: int = 0
    at: int = field(default=0, compare=False)


Node = Number | Column | Negative | Arithmetic | Comparison | Logic | Not | Back | Call


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below `node`."""
    match node:
        case Number() | Column():
            return ()
        case Negative(of) | Not(of) | Back(of):
            return (of,)
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return (left, right)
        case Logic(_, parts):
            return parts
        case Call(_, arguments):
            return arguments


def with_parts(node: Node, parts: "tuple[Node, ...]") -> Node:
    """Return `node` with other nodes directly below it, as many as `parts_of` gives."""
    match node:
        case Number() | Column():
            return node
        case Negative() | Not() | Back():
            return replace(node, of=parts[0])
        case Arithmetic() | Comparison():
            return replace(node, left=parts[0], right=parts[1])
        case Logic():
            return replace(node, parts=parts)
        case Call():
            return replace(node, arguments=parts)


def is_condition(node: Node) -> bool:
    """Tell whether `node` is true, false or unknown per bar, rather than a number."""
    match node:
        case Comparison() | Logic() | Not():
            return True
        case Back(of):
            return is_condition(of)
        case Call(name):
            return FUNCTIONS[name][1] == "c"
        case _:
            return False


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and everything below it."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def columns_of(node: Node) -> tuple[str, ...]:
    """Return the columns that `node` reads, in order of first appearance."""
    return tuple(dict.fromkeys(each.name for each in walk(node) if isinstance(each, Column)))


def reach(node: Node) -> int:
    """Return how many earlier bars `node` reads beside the one it is asked for."""
    own = {Back: getattr(node, "bars", 0), Call: max(getattr(node, "bars", 0) - 1, 0)}.get(type(node), 0)
    if isinstance(node, Call) and node.name in CROSSINGS:
        own = 1
    return own + max((reach(part) for part in parts_of(node)), default=0)


def depth(node: Node) -> int:
    """Return how many nodes stand above each other at most."""
    return 1 + max((depth(part) for part in parts_of(node)), default=0)


def written(node: Node) -> str:  # noqa: PLR0911  # one return per kind of node
    """Return the text of `node` with every bracket: reading it again gives an equal tree."""
    match node:
        case Number(value):
            return repr(value)
        case Column(name):
            return name
        case Negative(of):
            return f"-({written(of)})"
        case Not(of):
            return f"NOT ({written(of)})"
        case Back(of, bars):
            return f"({written(of)})[{bars}]"
        case Arithmetic(sign, left, right):
            return f"({written(left)}) {sign} ({written(right)})"
        case Comparison(relation, left, right):
            return f"({written(left)}) {relation} ({written(right)})"
        case Logic(word, parts):
            return f" {word} ".join(f"({written(part)})" for part in parts)
        case Call(name, arguments, bars):
            inside = [written(each) for each in arguments] + ([str(bars)] if name in WINDOWED else [])
            return f"{name}({', '.join(inside)})"
