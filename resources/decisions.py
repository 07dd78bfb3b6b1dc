"""The ledger of decisions as assets see it: what was decided now, what became of earlier ones."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta

import polars as pl

from resources.handover import pending_signal_set
from resources.order_log import OrderLogResource
from resources.settings import load_settings
from resources.store import Store
from resources.strategies import told_strategy
from trading.execution.handover import exits_of
from trading.learning.labels import decided_outcomes
from trading.market.frames import CANDLES, MARKETS
from trading.market.timeframes import from_ms, timeframe, to_ms
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.store.order_log.decided import skip_counts
from trading.trade_pool.considered import Moment, considered
from trading.trade_pool.ledger import Ledger
from trading.trade_pool.outcomes import Outcomes, executed, taught
from trading.trade_pool.snapshots import Snapshots, Written

FILE = "decisions.sqlite"
# Longer than any hold: an outcome that candles do not show by then was never entered.
_WAITED = timedelta(days=30)
# A little more than the longest window that a training set rolls over.
_TAUGHT = timedelta(days=200)
# Candles are corrected within days: so long is looked whether an outcome still ends where it did.
_LOOKED_AGAIN = timedelta(days=2)


def ledger(world: str) -> Ledger:
    """Return the ledger of decisions of a world."""
    return Ledger(load_settings(world).world_dir / FILE)


def write_decisions(store: Store) -> tuple[pl.DataFrame, Written]:
    """Write what the newest signals decided at the bar that has just closed; return it as it stands.

    Signals of an older bar were decided before, or not in time: of them nothing is written.
    """
    bar, at = timeframe(load_settings(store.world).timeframe), store.as_of()
    moment = _moment(store, from_ms(bar.floor_ms(to_ms(at)) - bar.ms), at)
    approvals = (
        store.lake.read("approved_symbols") if store.lake.latest("approved_symbols") else pl.DataFrame()
    )
    rules = load_settings(store.world).exploration
    rows = considered(store.lake.read("signals"), approvals, moment, rules)
    book = Snapshots(ledger(store.world))
    written = book.write(rows, list(FEATURES))
    return book.read(since=moment.bar_time + bar.delta, until=at), written


def attach_outcomes(
    store: Store, order_log: OrderLogResource, at: datetime
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Attach what is known by `at`; return decisions of 200 days with outcomes, and how many were new."""
    book = ledger(store.world)
    decisions, outcomes = Snapshots(book).read(since=at - _TAUGHT, until=at), Outcomes(book)
    known = pl.col("closed_at") <= at  # the engine's clock may be a little ahead of this look at it
    counts = outcomes.write(executed(store.lake.read("trade_pool"), decisions).filter(known), at)
    waiting = _waiting(decisions, outcomes.read(), at)
    on_candles = outcomes.write(_labelled(store, waiting, at).filter(known), at)
    frame = taught(decisions, outcomes.read(at))
    with order_log.open() as log:
        skips = skip_counts(log.database)
    return _with_skips(frame, skips), {name: counts[name] + on_candles[name] for name in counts}


def _moment(store: Store, bar_time: datetime, at: datetime) -> Moment:
    lake, batch = store.lake, pending_signal_set(store)
    signals, approvals, results = (
        lake.latest(name) for name in ("signals", "approved_symbols", "backtest_results")
    )
    tested = approvals is not None and told_strategy(signals) == told_strategy(approvals)
    told = {} if signals is None else json.loads(signals.params).get("ExitRules", {})
    is_ours = batch is not None and batch.bar_time == bar_time
    return Moment(
        bar_time=bar_time,
        decided_at=at,
        timeframe=load_settings(store.world).timeframe,
        signals_version="" if signals is None else signals.version_id,
        exits=json.dumps(
            asdict(exits_of(results)) if tested and results is not None else told, sort_keys=True
        ),
        feature_version=FEATURE_VERSION,
        handed_over=[signal.symbol for signal in batch.signals] if batch is not None and is_ours else [],
        listed=lake.read("markets")["symbol"].to_list(),
        signal_set_id=batch.signal_set_id if batch is not None and is_ours else None,
        is_tested=tested,
    )


def _waiting(decisions: pl.DataFrame, outcomes: pl.DataFrame, at: datetime) -> pl.DataFrame:
    known = outcomes.filter(pl.col("source") == "candles").select("decision_id", "closed_at")
    joined = decisions.join(known, on="decision_id", how="left")
    settled = pl.col("closed_at").is_not_null() & (pl.col("closed_at") < at - _LOOKED_AGAIN)
    return joined.filter(~settled & (pl.col("decided_at") >= at - _WAITED)).drop("closed_at")


def _labelled(store: Store, waiting: pl.DataFrame, at: datetime) -> pl.DataFrame:
    bar = timeframe(load_settings(store.world).timeframe)
    ours = waiting.filter(pl.col("timeframe") == bar.name)
    if ours.is_empty():
        return decided_outcomes(pl.DataFrame(schema=CANDLES), ours, pl.DataFrame(schema=MARKETS))
    first = ours["bar_time"].min()
    symbols = ours["symbol"].unique().sort().to_list()
    start = first if isinstance(first, datetime) else at
    candles = store.candles.read(bar.name, symbols=symbols, start=start, end=at)
    markets, tickers = store.lake.read("validated_markets"), store.lake.read("tickers")
    return decided_outcomes(candles, ours, markets, tickers=tickers, bar_ms=bar.ms)


def _with_skips(frame: pl.DataFrame, skips: pl.DataFrame) -> pl.DataFrame:
    """Add how many users did not follow a decision that was handed over, and by which rules (JSON)."""
    told = skips.group_by("signal_id").agg(
        pl.col("users").sum().alias("skipped_by"),
        pl.struct("rule", "users").sort_by("rule").alias("skip_rules"),
    )
    rules = [
        json.dumps({each["rule"]: each["users"] for each in row}) for row in told["skip_rules"].to_list()
    ]
    named = told.with_columns(skip_rules=pl.Series(rules, dtype=pl.String))
    found = frame.join(named, on="signal_id", how="left", maintain_order="left")
    return found.with_columns(pl.col("skipped_by").cast(pl.Int64).fill_null(0))
