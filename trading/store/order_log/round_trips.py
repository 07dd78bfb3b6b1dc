"""What a round trip's row and message say, from its sums. No queries here."""

from typing import Any

from trading.store.order_log.positions import Sums
from trading.store.order_log.records import ZERO, Event, Intent, Trade


def trade_values(sums: Sums, before: Trade | None) -> dict[str, Any]:
    """Return the columns of `trades` that follow from what was executed."""
    # A lost exit that turns up late may sell what was written off: dust is never more than what is left.
    dust = ZERO if before is None else min(before.dust, max(sums.held, ZERO))
    is_closed = sums.held - dust <= 0
    return {
        "dust": dust,
        "is_closed": is_closed,
        "closed_ms": sums.last_ms if is_closed else None,
        "bought": sums.bought,
        "bought_cost": sums.bought_cost,
        "sold": sums.sold,
        "sold_cost": sums.sold_cost,
        "base_fees": sums.base_fees,
        "fees_quote": sums.fees_quote,
        "fees_unpriced": sums.fees_unpriced,
        "pnl_quote": sums.pnl_quote,
        "opened_ms": sums.first_ms,
        "held_up": None,
    }


def exit_levels(intent: Intent, sums: Sums) -> dict[str, Any]:
    """Return the levels and the deadline of a trade that this entry opened or added to."""
    entry, terms = sums.bought_cost / sums.bought, intent.exits
    target = intent.take_profit
    if terms.ladder and terms.ladder[0][0] == 0:
        target = terms.ladder[0][1]
    # As the backtest does: the entry bar is the one that the entry falls into, ages are whole bars of it.
    since_ms = sums.first_ms if terms.bar is None else terms.bar.floor_ms(sums.first_ms)
    return {
        "stop_price": entry * (1 - intent.stop_loss),
        "target_price": None if target is None else entry * (1 + target),
        "deadline_ms": since_ms + intent.max_hold_s * 1000,
    }


def event(trade: Trade, at_ms: int) -> Event:
    """Return the message that says what became of a trade."""
    kind = "trade_closed" if trade.is_closed else "trade_opened" if trade.sold == 0 else "trade_reduced"
    payload: dict[str, object] = {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "version": trade.version,
        "held": format(trade.held, "f"),
        "open_price": format(trade.open_price, ".12g"),
        "close_price": None if trade.close_price is None else format(trade.close_price, ".12g"),
        "pnl_quote": format(trade.pnl_quote, ".12g"),
        "exit_reason": trade.exit_reason,
        "mode": trade.mode,
    }
    return Event(f"{kind}:{trade.trade_id}:{trade.version}", trade.user_id, kind, payload, at_ms)
