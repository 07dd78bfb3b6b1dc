"""A small world with one whole chain: two days of candles to one closed trade, every id a real one."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from trading.execution.coid import client_order_id, intent_id, trade_id
from trading.market.clock import ManualClock
from trading.market.frames import CANDLES, FUNNEL
from trading.market.lineage import PREFIXES, row_id
from trading.market.orders import Fill, OrderState, OrderStatus, OrderType, Side, SignalSet, TradeSignal
from trading.market.timeframes import to_ms
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.order_log.records import Intent, Leg, Skip

D = Decimal
AT = datetime(2026, 1, 6, 6, tzinfo=UTC)
BAR = timedelta(minutes=15)
SYMBOL = "AAA/USDT"


@dataclass(frozen=True, slots=True)
class Chain:
    """The stores and every id along the chain, oldest first."""

    lake: Lake
    candles: CandleStore
    log: OrderLog
    days: list[str]
    screening: str
    entry: str
    exit_row: str
    backtest: str
    approval: str
    signal_set: str
    entry_intent: str
    exit_intent: str
    trade: str
    coid: str


def candles(day: datetime, bars: int, symbols: tuple[str, ...] = (SYMBOL, "BBB/USDT")) -> pl.DataFrame:
    rows = [
        (symbol, day + BAR * k, 10.0, 11.0, 9.0, 10.0 + k / 100, 5.0, 50.0)
        for symbol in symbols
        for k in range(bars)
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def build(root: Path) -> Chain:
    """Write the world under `root` (its lake in ``lake``, its log in ``orders.db``)."""
    lake, store = Lake(root / "lake"), CandleStore(root / "lake")
    store.append("15m", candles(datetime(2026, 1, 5, tzinfo=UTC), 96), tag="t")
    store.append("15m", candles(datetime(2026, 1, 6, tzinfo=UTC), 24), tag="t")
    days = [
        store.version("15m", day, at=AT, run_id="run-1").version_id for day in ("2026-01-05", "2026-01-06")
    ]
    tables = _research(lake, days)
    batch, log = _signal_set(tables), _log(root)
    log.write_signal_set(batch)
    user, set_id = "u1", batch.signal_set_id
    coid = client_order_id(user, set_id, SYMBOL, Leg.OPEN, 1)
    _trade(log, batch, user, coid)
    return Chain(
        lake,
        store,
        log,
        days,
        tables["scr"],
        tables["entry"],
        tables["exit"],
        tables["bt"],
        tables["app"],
        set_id,
        intent_id(user, set_id, SYMBOL, Leg.OPEN, 1),
        intent_id(user, set_id, SYMBOL, Leg.CLOSE, 1),
        trade_id(user, set_id, SYMBOL),
        coid,
    )


def copy(chain: Chain, root: Path) -> Chain:
    """Return the same world copied to `root`, free to be spoilt."""
    shutil.copytree(chain.lake.root, root / "lake")
    for path in chain.lake.root.parent.glob("orders.db*"):
        shutil.copy(path, root)
    return replace(
        chain,
        lake=Lake(root / "lake"),
        candles=CandleStore(root / "lake"),
        log=OrderLog(f"sqlite:///{root}/orders.db"),
    )


def _research(lake: Lake, days: list[str]) -> dict[str, str]:
    def publish(
        asset: str, frame: pl.DataFrame, *inputs: str, key: tuple[str, ...] = ("symbol",), **params: object
    ):
        version = lake.publish(asset, frame, key=key, at=AT, inputs=inputs, params=params, run_id="run-1")
        return version.version_id, lake.read(asset, version.version_id)

    day_rows = pl.DataFrame({"timeframe": "15m", "date": ["2026-01-05", "2026-01-06"], "version_id": days})
    held, _ = publish("ohlcv_days", day_rows, *days, key=("timeframe", "date"))
    ticker = pl.DataFrame(
        {"symbol": [SYMBOL, "BBB/USDT"], "last": [10.2, 3.0], "volume_quote_24h": [1e6, 2.0]}
    )
    tickers, _ = publish("tickers", ticker)
    funnel = pl.DataFrame(
        [
            (SYMBOL, "screening", "passed", True, None, None, "passed every rule"),
            ("BBB/USDT", "screening", "min_volatility", False, 0.0, 0.001, "moves 0 a bar"),
        ],
        schema=FUNNEL,
        orient="row",
    )
    screened, scr = publish("screened_symbols", funnel, held, tickers, min_volatility=0.001)
    bars = candles(datetime(2026, 1, 6, tzinfo=UTC), 24, (SYMBOL,))
    indicators, _ = publish("indicators", bars, held, screened, key=("symbol", "open_time"))
    said = pl.DataFrame(
        {
            "symbol": SYMBOL,
            "open_time": [AT - 2 * BAR, AT - BAR],
            "is_entry": [False, True],
            "is_exit": [True, False],
            "close": [10.2, 10.23],
            "reason": ["RSI back at 50", "RSI 24 under 30"],
            "screening_id": scr["lineage_id"][0],
        }
    ).with_columns(pl.col("open_time").dt.cast_time_unit("ms"))
    signals, sig = publish("signals", said, indicators, screened, key=("symbol", "open_time"))
    metrics = pl.DataFrame({"symbol": [SYMBOL], "trades": [12], "total_return": [0.084]})
    results, bt = publish("backtest_results", metrics, signals, indicators, tickers)
    verdicts = pl.DataFrame(
        {
            "symbol": [SYMBOL],
            "is_approved": [True],
            "failed_rule": pl.Series([None], dtype=pl.String),
            "score": [0.004],
            "reason": ["passed every rule"],
            "backtest_id": bt["lineage_id"],
        }
    )
    approvals, app = publish("approved_symbols", verdicts, results)
    return {
        "scr": scr["lineage_id"][0],
        "exit": sig["lineage_id"][0],
        "entry": sig["lineage_id"][1],
        "bt": bt["lineage_id"][0],
        "app": app["lineage_id"][0],
        "signals": signals,
        "approvals": approvals,
    }


def _signal_set(tables: dict[str, str]) -> SignalSet:
    signal = TradeSignal(
        SYMBOL,
        tables["entry"],
        tables["app"],
        D("10.3"),
        D("0.05"),
        D("0.1"),
        3600,
        0.5,
        features={"f_regime": 1.0},
    )
    name = row_id(PREFIXES["signal_set"], tables["signals"], tables["approvals"], "bar")
    return SignalSet(
        name, AT, AT + BAR, AT - BAR, "15m", (signal,), versions=(tables["signals"], tables["approvals"])
    )


def _log(root: Path) -> OrderLog:
    log = OrderLog(f"sqlite:///{root}/orders.db", wall=ManualClock(1_000))
    for user in ("u1", "u2"):
        log.accounts.add(
            {
                "user_id": user,
                "name": f"Name of {user}",
                "mode": "paper",
                "account": "demo:1",
                "capital": D(10_000),
                "risk_per_trade": D("0.01"),
                "max_positions": 3,
                "daily_loss_limit": D("0.05"),
                "allowed": [],
                "blocked": [],
                "is_paused": False,
            }
        )
    return log


def _trade(log: OrderLog, batch: SignalSet, user: str, coid: str) -> None:
    """u1 buys 5 and sells 5; u2 is full."""
    bought = _intent(batch, user, Leg.OPEN, coid)
    log.orders.plan_entries(user, batch.signal_set_id, [bought], [], place=0, at_ms=to_ms(AT))
    skip = Skip(
        batch.signal_set_id, batch.signals[0].signal_id, "u2", SYMBOL, "max_positions", "holds 3 of 3"
    )
    log.orders.plan_entries("u2", batch.signal_set_id, [], [skip], place=1, at_ms=to_ms(AT))
    _fill(log, bought, "o1", "f1", D("10.25"), AT + timedelta(seconds=5))
    sold = _intent(batch, user, Leg.CLOSE, client_order_id(user, batch.signal_set_id, SYMBOL, Leg.CLOSE, 1))
    log.orders.plan_close(sold)
    _fill(log, sold, "o2", "f2", D("11.3"), AT + timedelta(hours=1))


def _intent(batch: SignalSet, user: str, leg: Leg, coid: str) -> Intent:
    signal, is_open = batch.signals[0], leg is Leg.OPEN
    return Intent(
        coid=coid,
        intent_id=intent_id(user, batch.signal_set_id, SYMBOL, leg, 1),
        trade_id=trade_id(user, batch.signal_set_id, SYMBOL),
        user_id=user,
        signal_set_id=batch.signal_set_id,
        signal_id=signal.signal_id,
        approval_id=signal.approval_id,
        symbol=SYMBOL,
        leg=leg,
        attempt=1,
        side=Side.BUY if is_open else Side.SELL,
        type=OrderType.LIMIT if is_open else OrderType.MARKET,
        amount=D(5),
        price=D("10.3") if is_open else None,
        reserved=D(52) if is_open else D(0),
        stop_loss=D("0.05"),
        take_profit=D("0.1"),
        max_hold_s=3600,
        expires_ms=to_ms(batch.expires_at),
        created_ms=to_ms(AT),
        exit_reason=None if is_open else "take_profit",
    )


def _fill(log: OrderLog, intent: Intent, order: str, fill: str, price: Decimal, at: datetime) -> None:
    log.orders.mark_sent(intent.coid)
    done = Fill(SYMBOL, order, fill, intent.side, price, D(5), price * 5, D("0.05"), "USDT", False, at)
    state = OrderState(
        SYMBOL,
        order,
        intent.coid,
        intent.side,
        intent.type,
        OrderStatus.FILLED,
        D(5),
        D(5),
        price * 5,
        price,
        at,
    )
    log.ledger.book(intent.coid, state, [done], at_ms=to_ms(at))
