"""The x-ray of one symbol: everything known of it at one moment, in one value that turns into JSON."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from trading.xray.condition_words import conditions_at, sentence
from trading.xray.symbol.company import GRAVE, Company, Story, company_of, news_words, stories_of
from trading.xray.symbol.given import REPLAYED, Given
from trading.xray.symbol.liquidity import Liquidity, liquidity_of
from trading.xray.symbol.readings import Reading, indicator_columns, readings
from trading.xray.symbol.trend import Trend, Volatility, trend_of, volatility_of

_MOST_DECISIONS = 20
_LATE_BARS = 2


@dataclass(frozen=True, slots=True)
class Market:
    """The whole market at that moment: its regime, a sentence, and each condition with words."""

    regime: str | None
    bar: datetime
    words: str
    conditions: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SymbolXray:
    """What `xray` found. `table` holds the bars with indicators, for drawing; it is no part of the JSON.

    Times are UTC; `at` is the moment asked for, `bar` the open time of the newest closed bar (null without).
    """

    symbol: str
    at: datetime
    timeframe: str
    bar: datetime | None
    bars: int
    last: float | None
    change_24h: float | None
    trend: Trend
    volatility: Volatility
    readings: list[Reading]
    market: Market | None
    company: Company
    liquidity: Liquidity
    news: list[Story]
    news_words: str
    judged: list[dict[str, Any]]
    verdict: str
    decisions: list[dict[str, Any]]
    summary: str
    sources: dict[str, str]
    table: pl.DataFrame
    regimes: pl.DataFrame

    def document(self) -> dict[str, Any]:
        """Return everything but the frames, as plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del plain["table"], plain["regimes"]
        parts = ("trend", "volatility", "company", "liquidity", "market")
        for name in parts:
            plain[name] = None if plain[name] is None else asdict(plain[name])
        for name in ("readings", "news"):
            plain[name] = [asdict(each) for each in plain[name]]
        return plain


def xray(given: Given) -> SymbolXray:
    """Return everything that `given` tells of its symbol.

    A symbol without a stored bar has a view too: what it was judged by, its ticker, its news.

    Raises
    ------
    InvalidBars
        If the candles are such as no market prints.
    """
    table = indicator_columns(given.candles)
    trend, volatility = trend_of(table), volatility_of(given.candles, given.bar_ms)
    market = _market(given.regime)
    stories = stories_of(given.news, given.symbol, given.at)
    judged = [] if given.judged is None else given.judged.to_dicts()
    change = _change_24h(table, given.bar_ms)
    verdict = verdict_of(judged)
    return SymbolXray(
        symbol=given.symbol,
        at=given.at,
        timeframe=given.timeframe,
        bar=None if table.is_empty() else table["open_time"][-1],
        bars=table.height,
        last=_last(table, given),
        change_24h=change,
        trend=trend,
        volatility=volatility,
        readings=readings(table),
        market=market,
        company=company_of(
            given.symbol, given.candles, peers=given.peers, clusters=given.clusters, others=given.others
        ),
        liquidity=liquidity_of(
            given.candles,
            given.bar_ms,
            ticker=given.ticker,
            minutes=given.minutes,
            depth=given.depth,
            stake=given.stake,
            stake_of=given.stake_of,
        ),
        news=stories,
        news_words=news_words(stories, given.at),
        judged=judged,
        verdict=verdict,
        decisions=_decisions(given.signals),
        summary=" ".join([*_said(given, table, trend, volatility, market, verdict), *_grave(stories, given)]),
        sources=dict(given.sources),
        table=table,
        regimes=pl.DataFrame() if given.regime is None else given.regime.select("open_time", "regime"),
    )


def _said(
    given: Given,
    table: pl.DataFrame,
    trend: Trend,
    volatility: Volatility,
    market: Market | None,
    verdict: str,
) -> list[str]:
    said = [trend.words, volatility.words]
    if market is not None:
        said.append(_in_market(market))
    said.append(verdict)
    if table.is_empty():
        return said
    late = (given.at - table["open_time"][-1]).total_seconds() * 1000 / given.bar_ms - 1
    if late > _LATE_BARS:
        said.append(
            f"Mind: its newest closed bar ended {late * given.bar_ms / 3_600_000:.1f} h before that moment."
        )
    return said


def _grave(stories: list[Story], given: Given) -> list[str]:
    """Say what grave news the last 24 hours brought, newest first."""
    day = given.at - timedelta(days=1)
    found = dict.fromkeys(s.event for s in stories if s.event in GRAVE and s.first_seen > day)
    return [f"Grave news in the last 24 h: {', '.join(map(str, found))}."] if found else []


def verdict_of(judged: list[dict[str, Any]]) -> str:
    """Say in one sentence how far the symbol came and what stopped it."""
    if not judged:
        return "Nobody had judged it yet."
    failed = next((row for row in judged if row["is_ok"] is False), None)
    if judged[0]["stage"] == REPLAYED:
        replay = "Nobody had judged it yet; replayed over what was known then,"
        if failed is None:
            return f"{replay} it passes every filter."
        return f"{replay} it falls by {failed['rule']}: {failed['words']}."
    if failed is None:
        return f"It passed every rule so far, {judged[-1]['stage']} the last."
    return f"It fell at {failed['stage']} by {failed['rule']}: {failed['words']}."


def _in_market(market: Market) -> str:
    return f"The market as a whole is {market.regime or 'not yet named'}."


def _market(regime: pl.DataFrame | None) -> Market | None:
    if regime is None or regime.is_empty():
        return None
    now = regime.row(-1, named=True)
    return Market(now["regime"], now["open_time"], sentence(regime), conditions_at(regime).to_dicts())


def _last(table: pl.DataFrame, given: Given) -> float | None:
    """Return the newest close, else what the ticker says."""
    if not table.is_empty():
        return float(table["close"][-1])
    told = None if given.ticker is None else given.ticker.get("last")
    return float(told) if isinstance(told, int | float) else None


def _change_24h(table: pl.DataFrame, bar_ms: int) -> float | None:
    """Return the close over that of the newest bar at least a day older, -1; None without one."""
    if table.is_empty():
        return None
    day = table["open_time"][-1].timestamp() * 1000 - 86_400_000
    before = table.filter(pl.col("open_time").dt.epoch("ms") <= day)
    if before.is_empty() or before["open_time"][-1].timestamp() * 1000 < day - 4 * bar_ms:
        return None
    return float(table["close"][-1] / before["close"][-1] - 1)


def _decisions(signals: pl.DataFrame | None) -> list[dict[str, Any]]:
    """Return the newest rows of signals, newest first: what was wanted, what threshold it met, why."""
    if signals is None or signals.is_empty():
        return []
    wanted = (
        "open_time",
        "is_entry",
        "is_exit",
        "is_candidate",
        "close",
        "score",
        "probability",
        "threshold",
    )
    words = ("threshold_why", "is_bounded", "regime", "regime_why", "reason", "lineage_id")
    names = [name for name in (*wanted, *words) if name in signals.columns]
    rows = signals.sort("open_time", descending=True).head(_MOST_DECISIONS)
    return rows.select(names).to_dicts()
