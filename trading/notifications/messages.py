"""Wording for people: one sentence per kind of event, with the numbers that matter."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from trading.market.exit_words import reason_in_words
from trading.notifications.channel import Message

Payload = Mapping[str, object]


def _money(amount: object, symbol: object) -> str:
    """Return profit or loss with its sign and asset: ``+19.80 USDT``; four digits where it is small."""
    value = Decimal(str(amount))
    digits = 2 if abs(value) >= 1 or value == 0 else 4
    return f"{value:+.{digits}f} {str(symbol).partition('/')[2]}"


_WORDING: dict[str, Callable[[Payload], str]] = {
    "trade_opened": lambda p: (
        f"Your position in {p['symbol']} goes on as {p['held']} at {p['open_price']} ({p['mode']})."
        if str(p.get("trade_id")).startswith("trd-converted-")
        else f"Bought {p['held']} {p['symbol']} at {p['open_price']} ({p['mode']})."
    ),
    "trade_reduced": lambda p: f"Sold part of {p['symbol']}; {p['held']} left to sell.",
    "trade_closed": lambda p: (
        f"Closed {p['symbol']} at {p['close_price']} ({reason_in_words(p['exit_reason'])}): "
        f"{_money(p['pnl_quote'], p['symbol'])} ({p['mode']})."
    ),
    "order_rejected": lambda p: (
        f"The exchange refused the {p.get('what', 'order')} of {p['symbol']}: {p['reason']}."
    ),
    "clock_skew": lambda p: f"Nothing can be signed, entries and exits wait: {p['reason']}.",
    "order_lost": lambda p: (
        f"An order in {p['symbol']} was sent and cannot be found at the exchange. No new entry in "
        f"{p['symbol']} until it is explained; if it turns up it is taken over. {p['reason']}"
    ),
    "order_found": lambda p: f"A lost order in {p['symbol']} turned up and was taken over.",
    "exit_held_up": lambda p: f"The exit of {p['symbol']} cannot go on by itself: {p['reason']}",
    "far_below_stop": lambda p: (
        f"{p['symbol']} of user {p['user_id']} was at {p['bid']} when it was looked at, {p['below']} below "
        f"its stop of {p['stop']}. It is sold now, in steps that widen; nothing waits for the price to "
        "recover."
    ),
    "exit_silence": lambda p: (
        f"Research has said nothing of {p['symbols']} for {p['alert_after_bars']} bars of {p['timeframe']}; "
        f"trades of {p['strategy']} in them leave by its exit signals and are sold after "
        f"{p['leave_after_bars']} bars of silence. Stops and targets hold meanwhile."
    ),
    "run_failed": lambda p: f"{p['text']}",
    "symbol_suspended": lambda p: (
        f"{p['symbol']} takes no new entries until somebody has looked: {p['reason']}. "
        f"`sluice universe release {p['symbol']} --reason ...` lets it back."
    ),
    "look_not_believed": lambda p: (
        f"A look at all prices was thrown away: {p['reason']}. Is the exchange well?"
    ),
    "news_hold": lambda p: (
        f"No new entries{'' if p['symbol'] == '*' else ' in ' + str(p['symbol'])}: {p['reason']}."
        + (" Entries go on by themselves after it." if p["symbol"] == "*" else "")
        + (f" Trading is said to end at {p['ends']}; positions are left before." if "ends" in p else "")
        + (" You hold it." if p["is_held"] else f" `sluice news release {p['symbol']}` ends this.")
    ),
    "redenominated": lambda p: (
        f"{p['symbol']} was re-denominated at the exchange, {p['old_per_new']} old coins for a new one: your "
        f"{p['before']} are {p['after']} now, stop and target moved with them. Nothing was bought or sold."
    ),
    "units_unclear": lambda p: (
        f"Exits of {p['symbol']} wait: {p['reason']}. `sluice universe release {p['symbol']} --reason ...` "
        "lets them go on with the amounts in our books."
    ),
    "signal_set_expired": lambda p: f"{p['reason']}: nothing of it is traded any more.",
    "strange_message": lambda _: (
        "The stream of signal sets brings messages that name no signal set of ours; they are dropped. "
        "Does something else write into this Redis?"
    ),
    "listing": lambda p: f"{p['symbol']}: {p['reason']}.",
    "close_trade_done": lambda p: f"Trade {p['trade_id']} is closed, as you asked.",
    "close_all_done": lambda _: "Everything is closed, as you asked.",
    "key_failed": lambda p: (
        f"Your exchange key failed its check; no new entries until it is mended: {p['reason']}"
    ),
    "key_expires": lambda p: f"Your exchange key: {p['reason']}.",
    "halt_placed": lambda p: f"Halt: {p['text']}. It holds until `sluice lift {p['halt_id']}`.",
    "halt_lifted": lambda p: f"Halt lifted: {p['text']}.",
    "account_frozen": lambda p: (
        f"No new entries in {p['what']}{_whose(p)}: {p['text']}. Exits go on. `sluice reconcile` shows it; "
        f"it ends when exchange and log agree again, or by `sluice reconcile --lift {p['freeze_id']}`."
    ),
    "account_unfrozen": lambda p: f"Entries in {p['what']}{_whose(p)} are open again: {p['text']}.",
    "cache_unavailable": lambda p: f"{p['text']}. Nothing is lost; it is filled from SQL once it is back.",
    "cache_back": lambda p: f"{p['text']}.",
    "canary": lambda p: f"{p['text']}.",
    "depeg": lambda p: f"{p['text']}.",
    "model": lambda p: f"{p['text']}. `sluice models list` shows it.",
    "worker_silent": lambda p: f"{p['text']}.",
    "account_trouble": lambda p: (
        f"Your exchange account cannot be used, nothing is bought or sold on it until it can: {p['reason']}"
    ),
}
_ALERTS = frozenset(
    {
        "order_lost",
        "exit_held_up",
        "far_below_stop",
        "exit_silence",
        "account_trouble",
        "clock_skew",
        "signal_set_expired",
        "strange_message",
        "redenominated",
        "units_unclear",
        "listing",
        "run_failed",
        "symbol_suspended",
        "look_not_believed",
        "news_hold",
        "key_failed",
        "key_expires",
        "halt_placed",
        "depeg",
        "model",
        "worker_silent",
        "canary",
        "account_frozen",
        "cache_unavailable",
        "halt_lifted",
    }
)


def _whose(payload: Payload) -> str:
    """Return whom it is about, where it is not told to them."""
    return f" of user {payload['user_id']}" if "user_id" in payload else ""


def wording(event_id: str, user_id: str, kind: str, payload: Payload) -> Message:
    """Return the message for one event; an unknown kind is told by its name and payload."""
    words = _WORDING.get(kind)
    text = words(payload) if words is not None else f"{kind}: {dict(payload)}"
    return Message(event_id, user_id, kind, text, kind in _ALERTS)
