"""What a user's pages show: their equity, trades, key and gates; of nobody else. Plain values, no layout."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from interfaces.run.wording import money, percent, plain
from resources.accounts import live_refusal
from resources.settings import Settings
from trading.market.clock import SystemClock
from trading.store.order_log import OrderLog
from trading.store.order_log.positions import assets
from trading.store.order_log.records import Trade
from trading.users.consent import read_text
from trading.users.gates import EntryGates
from trading.users.key_store import EXCHANGE, expiry_notice
from trading.users.user import User

MOST_TRADES, MOST_POINTS = 500, 300
WIDTH, HEIGHT = 600, 140
_COMMAND = re.compile(r"[:;,]?\s*(?:then )?`sluice [^`]*`")


def overview(settings: Settings, log: OrderLog, user: User) -> dict[str, Any]:
    """Return equity by mode and quote asset (never added up), open trades, newest closed ones."""
    trades = log.ledger.all_trades(user.user_id)
    prices, at = _prices(settings) if any(not trade.is_closed for trade in trades) else ({}, None)
    return {
        "equity": [_equity(name, mine, user.capital) for name, mine in _apart(trades)],
        "open": [_open_row(trade, prices) for trade in trades if not trade.is_closed],
        "priced_at": "" if at is None else f"{at:%Y-%m-%d %H:%M}",
        "closed": _closed(trades)[:10],
        "standing": standing(settings, log, user),
    }


def trades_of(log: OrderLog, user: User) -> dict[str, Any]:
    """Return the newest closed trades of a user."""
    closed = _closed(log.ledger.all_trades(user.user_id))
    return {"closed": closed[:MOST_TRADES], "count": len(closed), "most": MOST_TRADES}


def standing(settings: Settings, log: OrderLog, user: User) -> dict[str, Any]:
    """Return key, consent and what keeps entries away, in words; no part of a key."""
    text = read_text()
    given = log.wishes.consents_of(user.user_id)
    key = log.keys.get(user.user_id, EXCHANGE)
    gate = EntryGates(log, live_refusal(settings)).closed(user)
    now_ms = SystemClock().now_ms()
    return {
        "text": text,
        "accepted": given[-1] if given else None,
        "accepted_at": _moment(given[-1].accepted_wall_ms) if given else "",
        "is_accepted": bool(given) and given[-1].text_sha256 == text.sha256,
        "key": key,
        "key_said": "" if key is None else plain(key.reason or expiry_notice(key, now_ms) or "", 400),
        "gate": "" if gate is None else for_users(gate.reason),
    }


def for_users(sentence: str) -> str:
    """Return a sentence without the operator's commands in it."""
    return plain(_COMMAND.sub("", sentence), 600)


def _apart(trades: Sequence[Trade]) -> list[tuple[str, list[Trade]]]:
    found: dict[str, list[Trade]] = {}
    for trade in trades:
        found.setdefault(f"{trade.mode}, {plain(assets(trade.symbol)[1], 12)}", []).append(trade)
    return sorted(found.items())


def _equity(name: str, trades: Sequence[Trade], capital: Decimal) -> dict[str, Any]:
    closed = sorted((one for one in trades if one.is_closed), key=lambda one: one.closed_ms or 0)
    gains, total = [Decimal(0)], Decimal(0)
    for trade in closed:
        total += trade.pnl_quote
        gains.append(total)
    won = sum(trade.pnl_quote > 0 for trade in closed)
    words = (
        f"{name}: {len(closed)} closed trades, {won} won; closed profit {money(total)}, at its best "
        f"{money(max(gains))}, at its worst {money(min(gains))}."
    )
    if closed:
        words += f" From {_moment(trades[0].opened_ms)} to {_moment(closed[-1].closed_ms)}."
    return {
        "name": name,
        "equity": money(capital + total, signed=False),
        "profit": money(total),
        "share": percent(float(total / capital), signed=True),
        "count": len(closed),
        "words": words,
        "points": _points(closed, gains),
        "zero": _height(Decimal(0), gains),
    }


def _points(closed: Sequence[Trade], gains: Sequence[Decimal]) -> str:
    """Return the polyline of cumulated profit over time: at most some hundred points, the last one always."""
    if not closed:
        return ""
    times = [closed[0].opened_ms, *(trade.closed_ms or 0 for trade in closed)]
    span = max(1, max(times) - times[0])
    step = max(1, -(-len(times) // MOST_POINTS))
    kept = sorted({*range(0, len(times), step), len(times) - 1})
    return " ".join(
        f"{(times[at] - times[0]) / span * WIDTH:.1f},{_height(gains[at], gains):.1f}" for at in kept
    )


def _height(value: Decimal, gains: Sequence[Decimal]) -> float:
    low, high = min(gains), max(gains)
    if low == high:
        return HEIGHT / 2
    return float(8 + (high - value) / (high - low) * (HEIGHT - 16))


def _prices(settings: Settings) -> tuple[dict[str, float], datetime | None]:
    from trading.store.lake import Lake

    if not settings.lake_dir.is_dir():
        return {}, None
    lake = Lake(settings.lake_dir)
    at = lake.looked_at("tickers")
    if at is None:
        return {}, None
    return dict(lake.read("tickers").select("symbol", "bid").drop_nulls().iter_rows()), at


def _open_row(trade: Trade, prices: dict[str, float]) -> dict[str, str]:
    bid = prices.get(trade.symbol)
    gain = None if bid is None else float(trade.held) * (bid - float(trade.open_price))
    return {
        "symbol": plain(trade.symbol, 40),
        "mode": trade.mode,
        "since": _moment(trade.opened_ms),
        "paid": f"{trade.open_price:.6g}",
        "stop": f"{trade.stop_price:.6g}",
        "gain": "–" if gain is None else money(gain),
        "held_up": plain(trade.held_up or "", 200),
    }


def _closed(trades: Sequence[Trade]) -> list[dict[str, str]]:
    newest = sorted((one for one in trades if one.is_closed), key=lambda one: -(one.closed_ms or 0))
    return [
        {
            "symbol": plain(trade.symbol, 40),
            "mode": trade.mode,
            "opened": _moment(trade.opened_ms),
            "closed": _moment(trade.closed_ms),
            "profit": money(trade.pnl_quote),
            "tone": "up" if trade.pnl_quote > 0 else "down",
            "reason": plain(trade.exit_reason or "–", 60).replace("_", " "),
        }
        for trade in newest
    ]


def _moment(ms: int | None) -> str:
    return "–" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
