from decimal import Decimal

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.listing import from_frame, to_frame
from trading.market.symbols import Market


def market(exchange_id: str, tick: str) -> Market:
    return Market(
        symbol=f"{exchange_id[:-4]}/USDT",
        exchange_id=exchange_id,
        base=exchange_id[:-4],
        quote="USDT",
        status="1",
        is_scannable=True,
        is_api_tradable=False,
        tick=Decimal(tick),
        step=Decimal("1E-8"),
        min_amount=Decimal(0),
        min_cost=Decimal("1.000000"),
        max_cost=Decimal("2E+6"),
        maker_fee=Decimal(0),
        taker_fee=Decimal("0.0005"),
    )


def test_listing_survives_the_frame_exactly():
    """Decimals come back equal, also the ones that print with an exponent."""
    listed = [market("AUSDT", "1E-12"), market("BUSDT", "0.10")]
    assert from_frame(to_frame(listed)) == listed


def test_listing_frame_has_no_exponents():
    """Text columns are for people and SQL as well: 1E-12 is written out."""
    assert to_frame([market("AUSDT", "1E-12")])["tick"][0] == "0.000000000001"


def test_empty_listing_keeps_its_columns():
    """No market still gives the full schema, so nothing downstream misses a column."""
    assert to_frame([]).schema["is_scannable"] == pl.Boolean


def test_listing_without_a_column_is_refused_by_name():
    """The error says which column is missing."""
    with pytest.raises(BadInput, match="taker_fee"):
        from_frame(to_frame([]).drop("taker_fee"))
