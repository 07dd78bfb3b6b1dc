"""A venue's listing as a frame and back, with every number exact (decimals travel as text)."""

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

import polars as pl

from trading.market.errors import BadInput
from trading.market.symbols import Market

_EXACT = ("tick", "step", "min_amount", "min_cost", "max_cost", "maker_fee", "taker_fee")
_FLAGS = ("is_scannable", "is_api_tradable")
LISTING: dict[str, pl.DataType | type[pl.DataType]] = {
    field.name: pl.Boolean if field.name in _FLAGS else pl.String for field in fields(Market)
}


def to_frame(markets: Sequence[Market]) -> pl.DataFrame:
    """Return one row per market, sorted by wire id; decimals as plain text without exponent."""
    rows = [
        {
            name: format(value, "f") if isinstance(value := getattr(market, name), Decimal) else value
            for name in LISTING
        }
        for market in markets
    ]
    return pl.DataFrame(rows, schema=LISTING).sort("exchange_id")


def from_frame(frame: pl.DataFrame) -> list[Market]:
    """Read what `to_frame` wrote; every number equals the original exactly.

    Raises
    ------
    BadInput
        If a column is missing; the message names all missing ones.
    """
    missing = [name for name in LISTING if name not in frame.columns]
    if missing:
        raise BadInput(f"a listing must have columns {', '.join(LISTING)}; missing: {', '.join(missing)}")
    return [_market(row) for row in frame.select(list(LISTING)).to_dicts()]


def _market(row: dict[str, Any]) -> Market:
    values: dict[str, Any] = {
        name: Decimal(value) if name in _EXACT else value for name, value in row.items()
    }
    return Market(**values)
