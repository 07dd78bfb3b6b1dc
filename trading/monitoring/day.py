"""A market day of a world, read from its order log and lake, for `paper_day.replay_day`."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from trading.market.errors import BadInput, MissingData
from trading.market.frames import UTC_MS
from trading.market.orders import SignalSet
from trading.market.timeframes import from_ms, timeframe, to_ms
from trading.monitoring.paper_day import Day, replay_day
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.order_log import OrderLog, schema
from trading.store.order_log.live_rows import followed
from trading.store.order_log.schema_exits import exit_words

_HEARTBEAT = "engine.json"  # as in trading.execution.run


def days(log: OrderLog) -> list[date]:
    """Return the market days that have signals, oldest first: a set belongs to the day of its bar."""
    bars = sa.select(schema.signal_sets.c.bar_ms).distinct()
    with log.database.read() as connection:
        return sorted({from_ms(int(row[0])).date() for row in connection.execute(bars)})


def played(log: OrderLog, lake: Lake, candles: CandleStore, state_dir: Path, day: date | None = None) -> Day:
    """Return one market day held against the backtest.

    Parameters
    ----------
    state_dir : Path
        Folder of the engine's heartbeat, which says until when positions were looked after.
    day : date, optional
        Default: the newest that has signals.

    Raises
    ------
    MissingData
        If there are no signals at all, or no listing.
    BadInput
        If that day has none; the message names those that have.
    """
    known = days(log)
    if not known:
        raise MissingData("no signal set in the order log yet: sluice run makes some")
    chosen = known[-1] if day is None else day
    if chosen not in known:
        raise BadInput(f"no signals on {chosen}; there are some on {', '.join(map(str, known[-10:]))}")
    since = datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC)
    since_ms, until_ms = to_ms(since), to_ms(since + timedelta(days=1))
    rows = followed(log.database, since_ms=since_ms, until_ms=until_ms)
    sets = [log.get_signal_set(name) for name in sorted(rows["signal_set_id"].unique())]
    symbols = sorted(rows["symbol"].unique())
    return replay_day(
        sets,
        rows,
        _candles(candles, sets, symbols, since),
        lake.read("validated_markets"),
        tickers=lake.read("tickers") if lake.latest("tickers") is not None else None,
        words=_words(log, since_ms),
        doubts=_doubts(log, since_ms),
        watched_until_ms=watched_until_ms(log, state_dir),
    )


def watched_until_ms(log: OrderLog, state_dir: Path) -> int:
    """Return the market time of the engine's last beat, or of the newest thing in the log."""
    try:
        return int(json.loads((state_dir / _HEARTBEAT).read_text())["market_ms"])
    except (OSError, ValueError, KeyError, TypeError):
        return log.history.newest_ms() or 0


def _candles(
    candles: CandleStore, sets: list[SignalSet], symbols: list[str], since: datetime
) -> pl.DataFrame:
    if not sets:
        return candles.read("1d", symbols=[])
    bar = timeframe(sets[0].timeframe).delta
    held = max((signal.max_hold_s for batch in sets for signal in batch.signals), default=0)
    end = max(batch.bar_time for batch in sets) + 3 * bar + timedelta(seconds=min(held, 90 * 86_400))
    return candles.read(sets[0].timeframe, start=since - 2 * bar, end=end, symbols=symbols)


def _words(log: OrderLog, since_ms: int) -> pl.DataFrame:
    table = exit_words.c
    query = sa.select(table.symbol, table.bar_ms).where(
        table.bar_ms >= since_ms, table.signal_id.is_not(None)
    )
    with log.database.read() as connection:
        rows = [(row.symbol, row.bar_ms) for row in connection.execute(query.distinct())]
    found = pl.DataFrame(rows, schema={"symbol": pl.String, "open_time": pl.Int64}, orient="row")
    return found.with_columns(pl.col("open_time").cast(UTC_MS))


def _doubts(log: OrderLog, since_ms: int) -> dict[str, list[int]]:
    table = schema.suspensions.c
    query = sa.select(table.symbol, table.at_ms).where(table.at_ms >= since_ms)
    found: dict[str, list[int]] = {}
    with log.database.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.symbol, []).append(row.at_ms)
    return found
