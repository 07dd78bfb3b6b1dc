"""Minutes for the bars that need them: a replay asks for its ambiguous bars only, and runs again with those.

A bar that touched stop and target does not tell which came first. There are few of them, so no more than
their minutes is ever read. Where they come from is the caller's; `stored_minutes` takes a world's lake.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import polars as pl

from trading.backtest.candle_file import COLUMNS, CandleFile, MarketRules, candle_file
from trading.backtest.replay import Mode, Replay, replay
from trading.backtest.strategy import Strategy
from trading.market.timeframes import from_ms
from trading.store.candles import CandleStore

# Bars to look into: symbol, first moment and end (not included), ms UTC.
SPANS = {"symbol": pl.String, "start_ms": pl.Int64, "end_ms": pl.Int64}
FetchMinutes = Callable[[pl.DataFrame], pl.DataFrame]
"""Spans (`SPANS`) in, finer candles of these spans (`candle_file.COLUMNS`) out; others may be among them."""
_ROUNDS = 10
_MINUTE_MS = 60_000


def replay_with_minutes(
    candles: CandleFile,
    strategy: Strategy,
    fetch: FetchMinutes,
    *,
    fee: float | None = None,
    slots: int = 0,
    markets: Mapping[str, MarketRules] | None = None,
    threads: int = 1,
    with_fills: bool = False,
) -> Replay:
    """Return the replay in mode default, its ambiguous bars told by finer candles where `fetch` has them.

    Parameters
    ----------
    fetch : FetchMinutes
        Asked once per round for bars not asked before. A bar is looked into only if its finer candles show
        its own high and low: minutes with a hole do not tell.
    fee, slots, markets, threads, with_fills
        As `replay` takes them.

    Notes
    -----
    Another exit can lead to other trades with other ambiguous bars; they are asked for in the next round, ten
    rounds at most. What is left then is taken as a stop and counted, as without minutes.
    """

    def run(detail: CandleFile | None) -> Replay:
        return replay(
            candles, strategy, Mode.DEFAULT, fee=fee, slots=slots, markets=markets, threads=threads,
            detail=detail, with_fills=with_fills,
        )  # fmt: skip

    return in_rounds(
        run,
        lambda found: ambiguous_spans(found, candles.bar_ms),
        lambda spans: whole_minutes(fetch(spans), spans, candles),
    )


def in_rounds[Run](
    run: Callable[[CandleFile | None], Run],
    spans_of: Callable[[Run], pl.DataFrame],
    minutes_of: Callable[[pl.DataFrame], pl.DataFrame],
) -> Run:
    """Return what `run` finds once its ambiguous bars are told, or nothing more is: ten rounds at most.

    Parameters
    ----------
    run : callable
        A backtest with the finer candles it is given (None = none).
    spans_of : callable
        The ambiguous bars of what it found (`SPANS`).
    minutes_of : callable
        The whole finer candles of spans that were not asked for before (`whole_minutes`); may be empty.
    """
    found, held = run(None), pl.DataFrame()
    asked = pl.DataFrame(schema=SPANS)
    for _ in range(_ROUNDS):
        spans = spans_of(found).join(asked, on=["symbol", "start_ms"], how="anti")
        if spans.is_empty():
            break
        asked = pl.concat([asked, spans])
        minutes = minutes_of(spans)
        if minutes.is_empty():
            break
        held = pl.concat([held, minutes]) if held.height else minutes
        found = run(candle_file(held.sort("symbol", "ts")))
    return found


def ambiguous_spans(run: Replay, bar_ms: int) -> pl.DataFrame:
    """Return the spans (`SPANS`) of the bars that touched both sides and were taken as a loss."""
    start = pl.col("ts").dt.epoch("ms")
    spans = run.doubts.select("symbol", start_ms=start, end_ms=start + bar_ms)
    return spans.unique(["symbol", "start_ms"]).sort("symbol", "start_ms")


def whole_minutes(minutes: pl.DataFrame, spans: pl.DataFrame, candles: CandleFile) -> pl.DataFrame:
    """Return those of `minutes` that lie in a span and show the high and the low of its bar."""
    if minutes.is_empty():
        return minutes
    ts = pl.col("ts").dt.epoch("ms") if minutes.schema["ts"].is_temporal() else pl.col("ts").cast(pl.Int64)
    own = minutes.select(
        pl.col("symbol").cast(pl.String), ts.alias("ts"), *(pl.col(name) for name in COLUMNS[2:])
    )
    own = own.unique(["symbol", "ts"]).sort("symbol", "ts")
    inside = own.join_asof(
        spans.sort("symbol", "start_ms"),
        left_on="ts",
        right_on="start_ms",
        by="symbol",
        check_sortedness=False,
    ).filter(pl.col("ts") < pl.col("end_ms"))
    span = ["symbol", "start_ms"]
    bars = _bars_of(spans, candles)
    seen = inside.group_by(span).agg(pl.col("high").max(), pl.col("low").min(), count=pl.len())
    close = ((pl.col(f"{name}_bar") / pl.col(name) - 1).abs() < 1e-9 for name in ("high", "low"))
    told = seen.join(bars, on=span, suffix="_bar").filter(*close, pl.col("count") > 1)
    return inside.join(told, on=span, how="semi").select(COLUMNS)


def stored_minutes(store: CandleStore) -> FetchMinutes:
    """Return a `FetchMinutes` over the 1m candles of a lake; each day is read once, its symbols only."""

    def fetch(spans: pl.DataFrame) -> pl.DataFrame:
        found = []
        day = (pl.col("start_ms") // 86_400_000).alias("day")
        for (_,), own in spans.sort("start_ms").group_by(day, maintain_order=True):
            rows = store.read(
                "1m",
                start=from_ms(int(own["start_ms"].min())),  # type: ignore[arg-type]  # not empty
                end=from_ms(int(own["end_ms"].max())) + timedelta(milliseconds=1),  # type: ignore[arg-type]  # not empty
                symbols=own["symbol"].unique().to_list(),
            )
            found.append(rows.rename({"open_time": "ts"}).select(COLUMNS))
        return pl.concat(found) if found else pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.Null))

    return fetch


def _bars_of(spans: pl.DataFrame, candles: CandleFile) -> pl.DataFrame:
    """Return high and low of the bars of `spans`."""
    place = {symbol: k for k, symbol in enumerate(candles.symbols)}
    bars = candles.bars
    rows = []
    for symbol, start in spans.select("symbol", "start_ms").iter_rows():
        first, last = bars.offsets[place[symbol]], bars.offsets[place[symbol] + 1]
        rows.append(int(first + bars.open_ms[first:last].searchsorted(start)))
    return spans.select("symbol", "start_ms").with_columns(
        high=pl.Series(bars.high[rows], dtype=pl.Float64), low=pl.Series(bars.low[rows], dtype=pl.Float64)
    )
