"""Reconciliation, `sluice verify --venue` and restore on real processes, killed and started again."""

import json
import time
from decimal import Decimal

import pytest

from interfaces.drill.restore import restore
from interfaces.drill.scene import UNCAPPED, fill
from interfaces.drill.stage import Stage, StageSettings
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market.orders import OrderRequest, OrderType, Side
from trading.simulator.accounts import demo_credentials
from trading.store.order_log.entries import External
from trading.store.order_log.schema_ledger import ledger_entries

SEED = 5
MARKET = StageSettings(
    users=3, seed=SEED, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED), is_cold=True
)


def said(stage: Stage, *arguments: str) -> dict:
    """Run a command of `sluice` on the world and return its JSON, its exit code in it."""
    log = stage.home / f"{arguments[0]}.log"
    log.unlink(missing_ok=True)
    child = stage.start(arguments[0], [*arguments, "--json"])
    code = child.wait(120)
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    assert lines, log.read_text()[-800:]
    return json.loads(lines[-1]) | {"code": code}


def transfer(stage: Stage, number: int, asset: str, amount: str) -> None:
    stage.venue._post(
        "/sluice/transfers", {"key": demo_credentials(SEED, number)[0], "asset": asset, "amount": amount}
    )


async def buy_by_hand(stage: Stage, number: int, symbol: str) -> Decimal:
    async with GatewayPool(ExchangeSettings(base_url=stage.venue.base_url, rate_per_s=100)) as pool:
        markets = {market.symbol: market for market in await pool.public.markets()}
        ask = (await pool.public.quotes([symbol]))[symbol].ask
        gateway = pool.account(*demo_credentials(SEED, number))
        amount = markets[symbol].floor_amount(Decimal(20) / ask)
        price = markets[symbol].price_down(ask * Decimal("1.03"))
        order = OrderRequest(symbol, Side.BUY, OrderType.IOC, "by-hand-1", amount, price)
        order_id = await gateway.submit(order)
        return (await gateway.order(symbol, order_id=order_id)).filled


def outside(stage: Stage, user_id: str) -> set[tuple[str, str, Decimal]]:
    with stage.log.database.read() as connection:
        rows = connection.execute(ledger_entries.select()).mappings().all()
    mine = [row for row in rows if row["user_id"] == user_id and row["account"] == "other"]
    return {(row["kind"], row["asset"], row["amount"]) for row in mine if row["kind"] != "fill"}


@pytest.mark.slow
def test_whatever_the_user_moves_is_external_and_a_killed_engine_comes_back_clean() -> None:
    """Deposit, withdrawal, a trade by hand, coins gone and back; kill -9; report and `verify` are clean."""
    with Stage(MARKET, print) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()
        fill(stage, pairs[:1], 1)
        time.sleep(1.5)
        first = said(stage, "reconcile", "--ask")
        assert (first["code"], first["is_clean"], first["answered"]) == (0, True, True)
        assert first["floor_weight"] == 3 * 23
        one, two, three = (row["user"] for row in first["rows"])
        held = {trade.user_id: trade.held for trade in stage.log.ledger.open_trades()}
        coin = pairs[0].symbol.split("/")[0]
        other = pairs[3].symbol.split("/")[0]
        transfer(stage, 1, "USDT", "50")
        transfer(stage, 1, other, "5")
        transfer(stage, 2, "USDT", "-100")
        bought = stage.ask(buy_by_hand(stage, 2, pairs[2].symbol))
        transfer(stage, 3, coin, f"-{held[three] / 2:f}")
        said(stage, "reconcile", "--ask")
        time.sleep(1.5)
        found = said(stage, "reconcile", "--ask")
        assert {(External.DEPOSIT, "USDT", Decimal(50)), (External.DEPOSIT, other, Decimal(5))} <= outside(
            stage, one
        )
        theirs = outside(stage, two)
        assert (External.WITHDRAWAL, "USDT", Decimal(-100)) in theirs
        assert (External.MANUAL_TRADE, pairs[2].symbol.split("/")[0], bought) in theirs
        assert (found["code"], found["is_clean"]) == (1, False)
        assert [(row["user"], row["kind"]) for row in found["frozen"]] == [(three, "shortage")]
        stage.kill_engine(engine)
        engine = stage.start_engine()
        stage.until_beating(engine)
        assert said(stage, "reconcile", "--ask")["frozen"] != []
        transfer(stage, 3, coin, f"{held[three] / 2:f}")
        again = said(stage, "reconcile", "--ask")
        assert (again["code"], again["is_clean"], again["ledger_breaks"]) == (0, True, [])
        assert {trade.user_id: trade.held for trade in stage.log.ledger.open_trades()} == held
        assert all(stage.log.ledger.entries.high_water(user) == 0 for user in (one, two, three))
        verdict = said(stage, "verify", "--venue", "--seed", str(SEED))
        assert (verdict["code"], verdict["wrong"]) == (0, [])
        assert verdict["venue_orders"] >= 4


@pytest.mark.slow
def test_a_backup_put_back_after_more_trading_loses_and_doubles_nothing() -> None:
    """Backup, sales and buys after it, kill -9 in flight, restore: frozen, replayed, equal to the venue."""
    result = restore(StageSettings(users=4, seed=SEED, is_cold=True), say=print)
    assert result.passed, result.as_dict()
    assert result.figures["adopted"] > 0
