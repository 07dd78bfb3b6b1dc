"""A chain as it is written down: TOML, or a list of tables from the launchpad, to a `Chain`.

Every mistake is one sentence with the line it stands on, where there is one, and the nearest known name.
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, get_type_hints

from trading.indicators.catalogue import warm_up
from trading.market.errors import BadInput
from trading.market.thresholds import MovingThreshold
from trading.screening.chain.filter import Filter
from trading.screening.chain.known import FILTERS
from trading.screening.chain.typed import Place, made, near, refuse_unknown, typed

_PRESETS = Path(__file__).parents[1] / "presets"
MOST_FILTERS = 64
_CHAIN_KEYS = ("title", "bars", "references", "filter")


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    """Filters in order, and what they are run with.

    Parameters
    ----------
    filters : tuple of Filter
        No two of one `called`.
    bars : int
        Last closed bars of each symbol that filters and indicators see.
    references : tuple of str
        Symbols that no filter drops before the first one that reads candles: the market's regime is read
        from their candles.
    title : str
        For people.
    """

    filters: tuple[Filter, ...]
    bars: int = 1_000
    references: tuple[str, ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse chains whose rows could not be told apart, or whose indicators would never be known."""
        if not 0 < len(self.filters) <= MOST_FILTERS:
            raise BadInput(f"a chain must have 1 to {MOST_FILTERS} filters, had {len(self.filters)}")
        if not 1 <= self.bars <= 50_000:
            raise BadInput(f"bars must be in 1..50,000, was {self.bars}")
        cut = self.before_candles
        for stage in (self.filters[:cut], self.filters[cut:]):
            names = [each.called for each in stage]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise BadInput(f"two filters are called {twice!r}: give one of them a label")
        for each in self.filters:
            self._check_history(each)

    def _check_history(self, each: Filter) -> None:
        for shown in each.expressions().values():
            if shown.reach >= self.bars:
                raise BadInput(
                    f"filter {each.called} looks {shown.reach:,} bars back, "
                    f"and this chain has bars = {self.bars:,}"
                )
            for name in shown.indicators:
                needed = warm_up(name) + shown.reach
                if needed > self.bars:
                    raise BadInput(
                        f"filter {each.called} reads {name}, which is known from bar {needed:,} on, "
                        f"and this chain has bars = {self.bars:,}"
                    )

    @property
    def before_candles(self) -> int:
        """How many filters come before the first one that reads candles."""
        reads = [i for i, each in enumerate(self.filters) if "candles" in each.inputs]
        return reads[0] if reads else len(self.filters)

    @property
    def reads(self) -> frozenset[str]:
        """Inputs that one of the filters needs, by the names of `Inputs`; "regime" where a bound moves."""
        found = {name for each in self.filters for name in each.inputs}
        values = [getattr(each, key.name) for each in self.filters for key in dataclasses.fields(each)]
        moves = any(isinstance(value, MovingThreshold) for value in values)
        return frozenset(found | {"regime"} if moves else found)

    def as_tables(self) -> list[dict[str, Any]]:
        """Return what TOML or the launchpad would have to say: JSON, and read back it gives equal filters."""
        return [{"name": each.name, **_without_defaults(each)} for each in self.filters]


def read_chain(text: str, *, source: str = "the chain") -> Chain:
    """Read a chain written in TOML.

    Raises
    ------
    BadInput
        One sentence: what is wrong, where, and which known name is near.
    """
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and whole numbers of thousands of digits
        raise BadInput(f"{source} is not TOML: {error}") from None
    except RecursionError:
        raise BadInput(f"{source} cannot be read: its lists or tables are nested too deep") from None
    refuse_unknown(document, _CHAIN_KEYS, "key", lambda key: _place(source, text, key))
    tables = document.get("filter", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise BadInput(f"{source}: filters are written as [[filter]] tables")
    filters = [_filter(table, partial(_place, source, text, of=i)) for i, table in enumerate(tables)]
    settings = {key: value for key, value in document.items() if key != "filter"}
    hints = get_type_hints(Chain)
    given = {
        key: typed(value, hints[key], key, lambda key: _place(source, text, key))
        for key, value in settings.items()
    }
    return made(lambda: Chain(tuple(filters), **given), source)


def chain_of(tables: Sequence[Mapping[str, Any]], *, source: str = "filters", **settings: Any) -> Chain:
    """Return the chain of filters that are given as tables, as the launchpad does.

    Raises
    ------
    BadInput
        As of `read_chain`; the place is the filter's number, counted from 1.
    """
    filters = [_filter(dict(table), partial(_place, source, "", of=i)) for i, table in enumerate(tables)]
    return made(lambda: Chain(tuple(filters), **settings), source)


@lru_cache(maxsize=16)
def preset_chain(name: str) -> Chain:
    """Return the chain that ships under `name`: `default`, or `owner` for the old bot's numbers.

    Raises
    ------
    BadInput
        If there is none; the message lists those that exist.
    """
    known = preset_names()
    if name not in known:
        raise BadInput(f"preset must be one of {', '.join(known)}, was {name!r}")
    return read_chain(preset_text(name), source=f"preset {name}")


def preset_names() -> list[str]:
    """Return the names of the chains that ship."""
    return sorted(path.stem for path in _PRESETS.glob("*.toml"))


def preset_text(name: str) -> str:
    """Return the TOML of a chain that ships: where to begin one's own."""
    return (_PRESETS / f"{name}.toml").read_text()


def _filter(table: dict[str, Any], place: Place) -> Filter:
    if "name" not in table:
        raise BadInput(f'{place("")}: a filter needs a name, such as name = "volume"')
    name = table["name"]
    if not isinstance(name, str) or name not in FILTERS:
        raise BadInput(f"{place('name')}: unknown filter {name!r}; {near(str(name), FILTERS)}")
    kind = FILTERS[name]
    hints = get_type_hints(kind)
    keys = [field.name for field in dataclasses.fields(kind)]
    refuse_unknown(table, ("name", *keys), f"key of filter {name}", place)
    given = {key: typed(value, hints[key], key, place) for key, value in table.items() if key != "name"}
    return made(lambda: kind(**given), f"{place('name')}: filter {name}")


def _without_defaults(each: Filter) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(each):
        value = getattr(each, field.name)
        if value == field.default:
            continue
        if isinstance(value, MovingThreshold):
            value = {key: got for key, got in dataclasses.asdict(value).items() if key != "is_upper"}
        found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def _place(source: str, text: str, key: str, of: int | None = None) -> str:
    """Return "<source>, line n" of a key, in the chain's head or in its filter number `of`."""
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if re.match(r"\s*\[\[\s*filter\s*\]\]", line)]
    if of is None:
        begin, end = 0, heads[0] if heads else len(lines)
    elif of < len(heads):
        begin, end = heads[of], heads[of + 1] if of + 1 < len(heads) else len(lines)
    else:  # inline tables: filter = [{...}, ...]
        return f"{source}, filter {of + 1}"
    pattern = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
    found = next((i for i in range(begin, end) if key and pattern.match(lines[i])), begin)
    return f"{source}, line {found + 1}"
