"""Entries of the ledger are dated by the market, whoever makes them."""

from tests.trading.execution.fake_venue import Faults
from tests.trading.execution.world import START, World
from trading.market.timeframes import to_ms
from trading.store.order_log.schema_ledger import ledger_entries

A = "AAA/USDT"


async def test_what_is_reserved_and_released_carries_market_time_as_all_else(tmp_path):
    """The first order is refused: reserved when planned, released when refused."""
    world = World(tmp_path, symbols=(A,), faults=Faults(limited=frozenset({0})))
    engine = await world.boot()
    await world.live(engine)
    with engine.desk.log.database.read() as connection:
        rows = connection.execute(ledger_entries.select()).mappings().all()
    reserved = [row["at_ms"] for row in rows if row["kind"] == "reserve"]
    assert len(reserved) >= 4
    assert min(reserved) >= to_ms(START)
