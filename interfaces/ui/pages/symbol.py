"""Symbol: candles with the indicators that are stored, what was decided and done, news, peers, why in or out.

The indicators are the pipeline's own numbers, never computed anew: what is drawn is what decided.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interfaces.cli import funnel
from interfaces.ui import sections
from interfaces.ui.foreign import clean
from interfaces.ui.pages.user import CLOSED, closed_row
from interfaces.ui.sections import Section
from interfaces.ui.world import World
from trading.market.errors import MissingData

if TYPE_CHECKING:
    import polars as pl

BARS = 600
LOOKED_BACK = 20  # versions of the table of indicators
OVER = ("ema_20", "ema_50", "ema_200", "bb_upper", "bb_lower")
UNDER = ("rsi_14", "macd_hist", "adx_14", "atr_14")


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the chart (times in s, UTC, ascending) and the sections under it.

    Raises
    ------
    UnknownSymbol
        If no stage has seen it.
    MissingData
        If no pass was made yet.
    """
    symbol = asked["symbol"] or first(world)
    verdicts = funnel.verdicts_on(world.lake, symbol)
    symbol = verdicts[0]["symbol"]
    bars = _bars(world, symbol)
    news = _news(world, symbol)
    with world.log() as log:
        fills, closed = _trades(log, symbol)
    return {
        "symbol": clean(symbol),
        "said": clean(funnel.fate(verdicts)),
        "chart": _chart(bars, _marks(world, symbol, bars, fills, news)),
        "sections": [
            _why(verdicts),
            *_backtest(world, symbol),
            _signals(world, symbol),
            sections.table("Closed trades of all users", CLOSED, map(closed_row, closed), empty="None yet."),
            _peers(world, symbol),
            _news_table(news),
        ],
    }


def first(world: World) -> str:
    """Return the symbol that is shown where none is named: an approved one, else any."""
    for table, kept in (
        ("approved_symbols", "is_approved"),
        ("screened_symbols", "is_kept"),
        ("funnel_markets", "is_kept"),
    ):
        frame = world.table(table)
        if frame is not None and not (found := frame.filter(kept)).is_empty():
            return str(found["symbol"][0])
    raise MissingData("no pass yet in this world. Next: sluice run")


def _bars(world: World, symbol: str) -> "pl.DataFrame":
    """Return the newest bars with stored indicators.

    A pair that is not approved is in no new table of indicators: its candles go on without, beside the newest
    indicators that an older version holds.
    """
    import polars as pl

    known = _indicators(world, symbol, 1)
    if not known.is_empty():
        return known
    newest = world.lake.looked_at("tickers") or world.lake.looked_at("ohlcv_days")
    if newest is None:
        return pl.DataFrame()
    bars = world.candles.last_bars(world.settings.timeframe, BARS, until=newest, symbols=[symbol])
    older = _indicators(world, symbol, LOOKED_BACK)
    if bars.is_empty() or older.is_empty():
        return bars
    fresh = [name for name in older.columns if name not in bars.columns]
    return bars.join(older.select("open_time", *fresh), on="open_time", how="left").sort("open_time")


def _indicators(world: World, symbol: str, versions: int) -> "pl.DataFrame":
    """Return a pair's rows of the newest of so many versions that holds it."""
    import polars as pl

    for version in reversed(world.lake.versions("indicators")[-versions:]):
        path = world.lake.data_path("indicators", version.version_id)
        rows = pl.scan_parquet(path, hive_partitioning=False).filter(pl.col("symbol") == symbol).collect()
        if not rows.is_empty():
            return rows.sort("open_time").unique("open_time", maintain_order=True).tail(BARS)
    return pl.DataFrame()


def _chart(bars: "pl.DataFrame", marks: list[dict[str, Any]]) -> dict[str, Any]:
    import polars as pl

    if bars.is_empty():
        return {
            "times": [],
            "bars": [],
            "volume": [],
            "over": {},
            "under": {},
            "marks": [],
            "words": "No bar is stored.",
        }
    times = (bars["open_time"].dt.epoch("ms") // 1000).to_list()
    first_open, last = bars["open"][0], bars.row(-1, named=True)
    change = last["close"] / first_open - 1 if first_open else 0.0
    low, high = bars.select(pl.min("low"), pl.max("high")).row(0)
    words = (
        f"{bars.height} bars from {bars['open_time'][0]:%Y-%m-%d %H:%M} "
        f"to {last['open_time']:%Y-%m-%d %H:%M} UTC. "
        f"Closed last at {last['close']:g}, {change:+.2%} over the span; low {low:g}, high {high:g}. "
        f"Marks: {len(marks)}; a dot under a bar is a signal to buy, above "
        "it to leave; arrows are executions, squares news."
    )

    def stored(names: tuple[str, ...]) -> dict[str, list[float | None]]:
        held = [name for name in names if name in bars.columns]
        return {name: bars[name].fill_nan(None).to_list() for name in held}

    prices = bars.select(pl.col("open", "high", "low", "close"))
    return {
        "times": times,
        "bars": [list(row) for row in prices.iter_rows()],
        "volume": bars["volume"].to_list(),
        "over": stored(OVER),
        "under": stored(UNDER),
        "marks": marks,
        "words": words,
    }


def _marks(
    world: World, symbol: str, bars: "pl.DataFrame", fills: list[dict[str, Any]], news: "list[dict[str, Any]]"
) -> list[dict[str, Any]]:
    """Return marks on bars: signals, users' executions (one per bar, side), stories; oldest first."""
    if bars.is_empty():
        return []
    opens = (bars["open_time"].dt.epoch("ms") // 1000).to_list()
    found: dict[tuple[int, str], list[str]] = {}

    def put(at_s: float, kind: str, words: str) -> None:
        bar = _bar_of(opens, at_s)
        if bar is not None:
            found.setdefault((bar, kind), []).append(words)

    for row in _decided(world, symbol):
        at_s = row["open_time"].timestamp()
        if row["is_entry"] or row["is_exit"]:
            put(at_s, "entry" if row["is_entry"] else "exit", row["reason"] or "")
    for row in fills:
        put(row["at_ms"] / 1000, row["side"], f"{row['price']:g}")
    for story in news:
        put(story["first_seen"].timestamp(), "news", story["title"])
    return [
        {"time": bar, "kind": kind, "count": len(words), "words": clean(words[0], 120)}
        for (bar, kind), words in sorted(found.items())
    ]


def _bar_of(opens: list[int], at_s: float) -> int | None:
    from bisect import bisect_right

    place = bisect_right(opens, at_s) - 1
    return None if place < 0 else opens[place]


def _decided(world: World, symbol: str) -> list[dict[str, Any]]:
    import polars as pl

    frame = world.table("signals")
    if frame is None:
        return []
    return frame.filter(pl.col("symbol") == symbol).sort("open_time", descending=True).to_dicts()


def _trades(log: Any, symbol: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from trading.store.order_log import screens

    if log is None:
        return [], []
    return screens.fills(log.database, symbol), screens.closed(log.database, symbol=symbol)


def _why(verdicts: list[dict[str, Any]]) -> Section:
    columns = [
        ("stage", "Stage", "text"),
        ("verdict", "Verdict", "tag"),
        ("rule", "Rule", "text"),
        ("value", "Measured", "number"),
        ("bound", "Bound", "number"),
        ("reason", "In words", "text"),
    ]
    rows = [row | {"verdict": "in" if row["is_kept"] else "out"} for row in verdicts]
    return sections.table("Why in, why out", columns, rows)


def _backtest(world: World, symbol: str) -> list[Section]:
    import polars as pl

    frames = [world.table(name) for name in ("backtest_results", "approved_symbols")]
    found: dict[str, Any] = {}
    for frame in frames:
        rows = [] if frame is None else frame.filter(pl.col("symbol") == symbol).to_dicts()
        found |= rows[0] if rows else {}
    if "total_return" not in found:
        return []
    names = [
        ("trades", "Trades", "{:,}"),
        ("total_return", "Return", "{:+.2%}"),
        ("total_return_2x_costs", "Return at twice the costs", "{:+.2%}"),
        ("win_rate", "Won", "{:.0%}"),
        ("max_drawdown", "Worst fall", "{:.2%}"),
        ("p_value", "p", "{:.3g}"),
        ("capacity_quote", "Capacity, quote units", "{:,.0f}"),
        ("fragility", "Fragility", "{:.2f}"),
    ]
    boxes = [
        (said, shape.format(found[name]) if found.get(name) is not None else "–", "")
        for name, said, shape in names
        if name in found
    ]
    said = "Approved." if found.get("is_approved") else clean(found.get("reason") or "not judged")
    return [sections.figures("Backtest and approval", boxes, said)]


def _signals(world: World, symbol: str) -> Section:
    columns = [
        ("open_time", "Bar", "time"),
        ("what", "What", "tag"),
        ("close", "Close", "price"),
        ("score", "Score", "number"),
        ("probability", "Probability", "percent"),
        ("threshold", "Threshold", "number"),
        ("reason", "Why", "text"),
    ]
    rows = [row | {"what": _what(row)} for row in _decided(world, symbol)]
    told = [row for row in rows if row["what"] != "nothing"]
    return sections.table("Signals", columns, told, empty="Its strategy said nothing on the stored bars.")


def _what(row: Mapping[str, Any]) -> str:
    if row.get("is_entry"):
        return "entry"
    if row.get("is_exit"):
        return "exit"
    return "held back" if row.get("is_candidate") else "nothing"


def _peers(world: World, symbol: str) -> Section:
    import polars as pl

    columns = [
        ("peer", "Peer", "symbol"),
        ("window", "Window, bars", "number"),
        ("rho", "Correlation", "number"),
        ("bars", "Common bars", "number"),
    ]
    frame = world.table("correlations")
    rows: list[dict[str, Any]] = []
    if frame is not None:
        rows = frame.filter(pl.col("symbol") == symbol).sort("window", "rank").to_dicts()
    return sections.table("Moves with", columns, rows, empty="No correlation is stored.")


def _news(world: World, symbol: str) -> list[dict[str, Any]]:
    import polars as pl

    frame = world.table("news_events")
    if frame is None:
        return []
    about = frame.filter(pl.col("symbols").list.contains(symbol))
    return about.sort("first_seen", descending=True).head(200).to_dicts()


def _news_table(rows: list[dict[str, Any]]) -> Section:
    columns = [
        ("first_seen", "First seen", "time"),
        ("event", "Event", "tag"),
        ("mood", "Mood", "tag"),
        ("score", "Score", "number"),
        ("source", "Source", "text"),
        ("title", "Headline", "text"),
    ]
    return sections.table("News", columns, rows, empty="No story names it.")
