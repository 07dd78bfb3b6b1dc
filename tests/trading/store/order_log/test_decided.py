"""Every closed trade and every skip keeps the snapshot of its decision."""

from pathlib import Path

from tests.trading.execution.world import World, signal
from trading.store.order_log.decided import decided_skips, decided_trades, incomplete

FEATURES = {"f_regime": 2.0, "f_rsi": 31.5}


async def test_trades_and_skips_have_the_features_exactly_as_decided(tmp_path: Path) -> None:
    """One signal followed and closed, one refused: both rows hold score, regime and features."""
    world = World(tmp_path, symbols=("AAA/USDT", "BBB/USDT"))
    log = (await world.boot()).desk.log
    good = signal("AAA/USDT", features=FEATURES, score=0.7)
    dear = signal("BBB/USDT", features=FEATURES, limit_price=world.venue.prices["BBB/USDT"] * 97 / 100)
    with log.database.write() as connection:
        connection.exec_driver_sql("UPDATE signal_sets SET expires_ms = 0")
    log.write_signal_set(world.batch(good, dear, set_id="set-00000000000000aa-0000000000ab"))
    log.close()
    engine = await world.boot()
    await world.live(engine)
    log = engine.desk.log
    (trade,) = decided_trades(log.database).to_dicts()
    assert (trade["symbol"], trade["regime"], trade["score"], trade["mode"]) == (
        "AAA/USDT", "turbulent", 0.7, "paper",
    )  # fmt: skip
    assert trade["features"] == '{"f_regime": 2.0, "f_rsi": 31.5}'
    assert trade["decided_at"] < trade["open_at"] or trade["decided_at"] == trade["open_at"]
    (skip,) = decided_skips(log.database).to_dicts()
    assert (skip["symbol"], skip["rule"], skip["regime"], skip["mode"]) == (
        "BBB/USDT", "price_moved", "turbulent", "paper",
    )  # fmt: skip
    assert skip["features"] == trade["features"]
    assert incomplete(decided_trades(log.database)).height == 0
    assert decided_trades(log.database).equals(decided_trades(log.database))


async def test_a_trade_without_its_snapshot_is_found(tmp_path: Path) -> None:
    """A decision without features explains nothing; one that was taken over needs none."""
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    await world.live(engine)
    log = engine.desk.log
    assert incomplete(decided_trades(log.database)).height == 1
    with log.database.write() as connection:
        connection.exec_driver_sql("UPDATE trades SET signal_id = 'restored'")
    assert incomplete(decided_trades(log.database)).height == 0
