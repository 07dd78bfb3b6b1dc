"""Every kind of fault the exchange can stage: its family, its usual route, its settings, what a client sees.

A catalogue, no behaviour: `sluice exchange faults` prints it, rules are checked against it.
"""

from dataclasses import dataclass

GATE, DELAY, TIME, ORDER, ANSWER, AFTER = "gate", "delay", "time", "order", "answer", "after"
STREAM = "stream"
FAMILIES = {
    DELAY: "latency",
    GATE: "instead of handling",
    TIME: "time",
    ORDER: "orders",
    ANSWER: "data",
    AFTER: "after handling",
    STREAM: "websocket messages",
}
# Each message of a stream asks the plan, under "WS spot@public.kline.v3.api.pb@BTCUSDT@Min1". Of the other
# kinds only delay does something there, and only where its route begins with WS.
EVERY_STREAM = "WS *"
MARKET_DATA = "GET {klines,ticker/24hr,ticker/price,ticker/bookTicker,depth,trades,aggTrades,avgPrice}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of one kind of fault, with its bounds."""

    name: str
    default: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    `phase` says when it acts; `route` is what a rule without a route means; `signed_only` kinds touch
    requests with a key only.
    """

    name: str
    phase: str
    route: str
    sees: str
    settings: tuple[Setting, ...] = ()
    signed_only: bool = False

    @property
    def family(self) -> str:
        """Heading in the listing."""
        return FAMILIES[self.phase]

    def setting(self, name: str) -> Setting | None:
        """Return the setting of that name, None if this kind has none."""
        return next((one for one in self.settings if one.name == name), None)


_HOLD = Setting("hold_s", 60, 0, 86_400, "wall seconds without an answer; then the connection is cut")
_SKEW = (
    Setting("step_ms", 0, -86_400_000, 86_400_000, "constant error, ms"),
    Setting("drift_ms_per_s", 0, -1_000, 1_000, "ms gained per wall second since the plan was set"),
)
_FACTOR = Setting("factor", 10, 1e-6, 1e6, "absurd price over the true one")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("delay", DELAY, "*", "the answer comes late (handled after the wait)"),
        Kind("delay_after", DELAY, "*", "handled at once, the answer comes late"),
        Kind("error", GATE, "*", "HTTP `status` with `code` in the body; nothing was handled"),
        Kind("rate_limit", GATE, "*", "429 with Retry-After, whatever the bucket holds",
             (Setting("retry_after_s", 1, 0, 86_400, "seconds in Retry-After"),
              Setting("banned", 0, 0, 1, "1: 418 instead, as to one who is banned"))),
        Kind("maintenance", GATE, "*", "503 on everything, with a maintenance message"),
        Kind("drop_before", GATE, "*", "connection reset; nothing was handled"),
        Kind("timeout_before", GATE, "*", "no byte until the client gives up; nothing was handled", (_HOLD,)),
        Kind("dead_connection", GATE, "*", "this connection is silent for ever; a new one works"),
        Kind("key_revoked", GATE, "*", "10072 on signed calls, as for an expired or deleted key", (), True),
        Kind("no_permission", GATE, "*", "700007 on signed calls", (), True),
        Kind("ip_not_allowed", GATE, "*", "700006 on signed calls", (), True),
        Kind("stale", TIME, MARKET_DATA, "market data of an earlier moment, with no sign of it",
             (Setting("lag_s", 0, 0, 86_400, "how old, in market seconds; 0 freezes at the first hit"),)),
        Kind("clock_skew", TIME, "GET time", "serverTime is wrong",
             _SKEW),
        Kind("venue_skew", TIME, "*", "the venue's clock is wrong, serverTime and recvWindow check",
             _SKEW),
        Kind("market_disabled", ORDER, "POST {order,order/test,batchOrders}",
             "30019 for MARKET orders; exchangeInfo no longer lists MARKET"),
        Kind("price_band", ORDER, "POST {order,order/test,batchOrders}",
             "30087 for limit prices outside the band around the last price",
             (Setting("share", 0.05, 0, 100, "half-width of the band, as a fraction"),)),
        Kind("partial_fill", ORDER, "POST {order,batchOrders}",
             "the order fills `share` of its quantity and not one step more",
             (Setting("share", 0.5, 0, 1, "fraction of the quantity that may ever fill"),)),
        Kind("not_found", ORDER, "POST {order,batchOrders}",
             "placed, yet unknown (-2013, -2011, not in the lists) for a while, then found",
             (Setting("for_s", 5, 0, 86_400, "wall seconds out of sight"),
              Setting("for_calls", 0, 0, 1_000_000, "or until it was asked for this often"))),
        Kind("race_answers_ok", ORDER, "DELETE order", "cancel answers CANCELED, but the order had filled"),
        Kind("race_answers_unknown", ORDER, "DELETE order", "cancel answers -2011: it had just filled"),
        Kind("late_fills", ANSWER, "GET myTrades", "fills are missing from myTrades for a while",
             (Setting("lag_s", 30, 0, 86_400, "market seconds until a fill shows"),)),
        Kind("duplicated_fills", ANSWER, "GET myTrades", "every fill stands twice in myTrades"),
        Kind("status_backwards", ANSWER, "GET {order,openOrders,allOrders}",
             "the order looks NEW and unfilled again"),
        Kind("bad_print", ANSWER, "GET {klines,ticker/24hr,ticker/price,trades,aggTrades}",
             "one absurd price in the answer: a last price, a candle or a trade", (_FACTOR,)),
        Kind("shuffled", ANSWER, "GET {klines,trades,aggTrades}", "rows out of order"),
        Kind("duplicated", ANSWER, "GET {klines,trades,aggTrades}", "some rows stand twice"),
        Kind("holes", ANSWER, "GET {klines,trades,aggTrades}", "some rows are missing",
             (Setting("share", 0.2, 0, 1, "fraction of the rows"),)),
        Kind("garbage", ANSWER, "GET {klines,ticker/24hr,depth}",
             "one value is null, text, NaN, huge or negative"),
        Kind("truncated", AFTER, "*", "half of a JSON document, HTTP in order",
             (Setting("share", 0.5, 0, 1, "fraction of the body that is sent"),)),
        Kind("broken_body", AFTER, "*", "the connection is cut in the middle of the body",
             (Setting("share", 0.5, 0, 1, "fraction of the body that is sent"),)),
        Kind("drop_after", AFTER, "*", "handled, then connection reset: nobody can know what became of it"),
        Kind("timeout_after", AFTER, "*", "handled, then no byte until the client gives up", (_HOLD,)),
        Kind("ws_silent", STREAM, EVERY_STREAM, "pings answered, this stream sends nothing more"),
        Kind("ws_lost", STREAM, EVERY_STREAM, "this message never comes"),
        Kind("ws_twice", STREAM, EVERY_STREAM, "this message comes twice"),
        Kind("ws_swapped", STREAM, EVERY_STREAM, "this message comes after the next one of its stream"),
        Kind("ws_cut", STREAM, EVERY_STREAM, "connection reset"),
        Kind("ws_key_expired", STREAM, "WS spot@private*", "the listen key expires, its connections end"),
    )
}  # fmt: skip
