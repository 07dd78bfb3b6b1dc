"""Numbers of trades as people read them: paper and live apart, one quote asset at a time. Values only."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from trading.notifications.plain import line
from trading.store.order_log.positions import assets
from trading.store.order_log.records import Trade

_LINES = 40


def money(value: Decimal | float, *, signed: bool = True) -> str:
    """Return an amount with two digits, four where it is small."""
    number = Decimal(str(value))
    digits = 2 if abs(number) >= 1 or number == 0 else 4
    return f"{number:{'+' if signed else ''}.{digits}f}"


def percent(value: Decimal | float | None) -> str:
    """Return a fraction as percent with its sign; a dash for None."""
    return "–" if value is None else f"{float(value) * 100:+.2f} %"


def apart(trades: Iterable[Trade]) -> list[tuple[str, list[Trade]]]:
    """Return trades by mode and quote asset: sums over both would mean nothing."""
    found: dict[str, list[Trade]] = {}
    for trade in trades:
        found.setdefault(f"{trade.mode}, {line(assets(trade.symbol)[1], 12)}", []).append(trade)
    return sorted(found.items())


def closed_at(trade: Trade) -> datetime:
    """Return when a closed trade was closed, UTC."""
    return datetime.fromtimestamp((trade.closed_ms or 0) / 1000, UTC)


def ratio(trade: Trade) -> Decimal | None:
    """Return profit over what was paid; None if nothing was."""
    return None if trade.bought_cost == 0 else trade.pnl_quote / trade.bought_cost


def short(trade_id: str) -> str:
    """Return the end of a trade's id, which is enough to name it to the bot."""
    return trade_id[-6:]


def lasted(ms: float) -> str:
    """Return a time span as ``1d 02:03``."""
    minutes = int(ms // 60_000)
    days, left = divmod(minutes, 1_440)
    return (f"{days}d " if days else "") + f"{left // 60:02d}:{left % 60:02d}"


def profit(closed: Sequence[Trade], capital: Decimal) -> dict[str, Any]:
    """Return what `/profit` says of closed trades of one mode and quote asset, at least one.

    Drawdown is of the closed profit on the starting capital, as a fraction of the highest wealth before it.
    """
    ordered = sorted(closed, key=lambda trade: (trade.closed_ms or 0, trade.trade_id))
    gains = [trade.pnl_quote for trade in ordered]
    won, lost = [gain for gain in gains if gain > 0], [gain for gain in gains if gain < 0]
    total = sum(gains, Decimal(0))
    ratios = [float(found) for trade in ordered if (found := ratio(trade)) is not None]
    by_pair: dict[str, Decimal] = {}
    for trade in ordered:
        by_pair[trade.symbol] = by_pair.get(trade.symbol, Decimal(0)) + trade.pnl_quote
    best = max(by_pair, key=lambda name: (by_pair[name], name))
    return {
        "total": total,
        "mean_ratio": sum(ratios) / len(ratios) if ratios else None,
        "on_capital": total / capital,
        "trades": len(ordered),
        "first": closed_at(ordered[0]),
        "latest": closed_at(ordered[-1]),
        "lasted_ms": sum((trade.closed_ms or 0) - trade.opened_ms for trade in ordered) / len(ordered),
        "best": best,
        "best_profit": by_pair[best],
        "volume": sum((trade.bought_cost + trade.sold_cost for trade in ordered), Decimal(0)),
        "factor": sum(won) / -sum(lost) if lost else None,
        "won": len(won),
        "lost": len(lost),
        "win_rate": len(won) / len(ordered),
        "expectancy": total / len(ordered),
        "drawdown": _drawdown(gains, capital),
    }


def _drawdown(gains: Sequence[Decimal], capital: Decimal) -> float:
    wealth = peak = capital
    worst = 0.0
    for gain in gains:
        wealth += gain
        peak = max(peak, wealth)
        worst = max(worst, float((peak - wealth) / peak))
    return worst


def periods(closed: Sequence[Trade], now: datetime, count: int, unit: str) -> list[tuple[date, Decimal, int]]:
    """Return begin, profit and number of trades of the last `count` days, weeks (from Monday) or months."""
    begins: list[date] = []
    begin = _begin(now.astimezone(UTC).date(), unit)
    for _ in range(count):
        begins.append(begin)
        begin = _begin(begin - timedelta(days=1), unit)
    sums = {each: (Decimal(0), 0) for each in begins}
    for trade in closed:
        key = _begin(closed_at(trade).date(), unit)
        if key in sums:
            total, number = sums[key]
            sums[key] = (total + trade.pnl_quote, number + 1)
    return [(each, *sums[each]) for each in begins]


def _begin(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def by(closed: Sequence[Trade], name: str) -> list[tuple[str, int, int, Decimal]]:
    """Return label, trades, wins and profit by an attribute of trades, best first."""
    found: dict[str, list[Decimal]] = {}
    for trade in closed:
        found.setdefault(str(getattr(trade, name) or "unknown"), []).append(trade.pnl_quote)
    rows = [
        (label, len(gains), sum(gain > 0 for gain in gains), sum(gains, Decimal(0)))
        for label, gains in found.items()
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def durations(closed: Sequence[Trade]) -> str:
    """Return the median time that wins and losses were held."""
    spans = {
        "wins": [t for t in closed if t.pnl_quote > 0],
        "losses": [t for t in closed if t.pnl_quote <= 0],
    }
    told = []
    for name, trades in spans.items():
        if trades:
            held = median((trade.closed_ms or 0) - trade.opened_ms for trade in trades)
            told.append(f"{name} held {lasted(held)} (median)")
    return ", ".join(told)


def bounded(lines: Sequence[str], empty: str) -> str:
    """Return lines as one text: at most 40, the rest counted."""
    if not lines:
        return empty
    more = [f"… and {len(lines) - _LINES} more"] if len(lines) > _LINES else []
    return "\n".join([*lines[:_LINES], *more])
