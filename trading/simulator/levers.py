"""Levers: what a person or a file can do to the market of a running exchange, at a market time.

An event waits until market time reaches it and is then applied as of its own moment, however late
somebody looks. Events are kept in the exchange's state: a restarted exchange has the same market.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from trading.market.errors import BadInput
from trading.simulator.accounts import AccountBook
from trading.simulator.fault_rules import moment_ms
from trading.simulator.served import ServedMarket
from trading.simulator.source import DELISTED, HALTED, ONLINE

NEVER = 2**62
_NOBODY = ""  # whose account has changed when only the market has
_FIELDS = {
    "halt": (),
    "resume": (),
    "delist": (),
    "relist": ("ratio", "price_decimals", "amount_decimals", "gap_s", "keep_history", "convert_balances"),
    "print": ("factor",),
    "revoke_key": (),
    "restore_key": (),
}
ACTIONS = tuple(_FIELDS)
_TARGET = {"revoke_key": "key", "restore_key": "key"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to one symbol or key at one market time."""

    at_ms: int
    action: str
    target: str
    options: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return it as `event_from_json` reads it."""
        what = _TARGET.get(self.action, "symbol")
        return {"at": self.at_ms, "action": self.action, what: self.target, **self.options}


def event_from_json(raw: Mapping[str, object], now_ms: int) -> Event:
    """Read ``{"action": "halt", "symbol": "AAAUSDT", "at": "2026-03-02T00:00Z"}``; without `at`: now.

    `after_s` (market seconds from now) may stand in place of `at`.

    Raises
    ------
    BadInput
        If a field is unknown, missing or out of bounds.
    """
    action = raw.get("action")
    if not isinstance(action, str) or action not in _FIELDS:
        raise BadInput(f"action must be one of {', '.join(ACTIONS)}, was {action!r}")
    what = _TARGET.get(action, "symbol")
    target = raw.get(what)
    if not isinstance(target, str) or not target:
        raise BadInput(f"{action} needs a {what}")
    unknown = sorted(set(raw) - {"action", what, "at", "after_s", *_FIELDS[action]})
    if unknown:
        known = ", ".join(("action", what, "at", "after_s", *_FIELDS[action]))
        raise BadInput(f"{action} has fields {known}; unknown: {', '.join(unknown)}")
    at_ms = moment_ms(raw.get("at"), "at")
    if at_ms is None:
        at_ms = now_ms + int(_number(raw, "after_s", 0.0) * 1000)
    options = {name: raw[name] for name in _FIELDS[action] if name in raw}
    return Event(at_ms, action, target, options)


def read_events(raw: Mapping[str, object], now_ms: int) -> list[Event]:
    """Return the ``events`` of a plan.

    Raises
    ------
    BadInput
        If one of them is wrong.
    """
    rows = raw.get("events", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput("events must be a list of objects")
    return [event_from_json(row, now_ms) for row in rows]


@dataclass(slots=True)
class Levers:
    """Events to come and events that have been, in the order of market time.

    `settle` ends the open orders of a symbol at a market time; `touch` notes that an account has changed.
    """

    market: ServedMarket
    accounts: AccountBook
    settle: Callable[[str, int], None]
    touch: Callable[[str], None]
    pending: list[Event] = field(default_factory=list)
    done: list[Event] = field(default_factory=list)
    next_ms: int = NEVER

    def schedule(self, events: Sequence[Event], now_ms: int) -> None:
        """Take events in; those of the past happen now.

        Raises
        ------
        BadInput
            If an event that happens now cannot; the ones after it are not taken in.
        """
        for event in events:
            if event.at_ms <= now_ms:
                self._apply(Event(now_ms, event.action, event.target, event.options))
                continue
            self._wait(event)

    def catch_up(self, now_ms: int) -> None:
        """Let everything happen that is due by `now_ms`; what cannot happen any more is dropped."""
        while self.next_ms <= now_ms:
            event = self.pending.pop(0)
            self.next_ms = self.pending[0].at_ms if self.pending else NEVER
            try:
                self._apply(event)
            except BadInput:
                continue  # a halt of what somebody has delisted by hand meanwhile

    def replay(self, done: Sequence[Mapping[str, object]], pending: Sequence[Mapping[str, object]]) -> None:
        """Do to a fresh market what was done to the one that was saved."""
        for raw in done:
            self._apply(event_from_json(raw, 0), is_replay=True)
        self.pending = [event_from_json(raw, 0) for raw in pending]
        self.next_ms = self.pending[0].at_ms if self.pending else NEVER

    def _wait(self, event: Event) -> None:
        self.touch(_NOBODY)
        self.pending.append(event)
        self.pending.sort(key=lambda one: one.at_ms)
        self.next_ms = self.pending[0].at_ms

    def _apply(self, event: Event, *, is_replay: bool = False) -> None:
        symbol, at_ms = event.target, event.at_ms
        if event.action == "halt":
            self.market.end(symbol, at_ms, HALTED)
        elif event.action == "delist":
            self.market.end(symbol, at_ms, DELISTED)
        elif event.action == "resume":
            self.market.resume(symbol, at_ms)
        elif event.action == "relist":
            self._relist(event, is_replay=is_replay)
        elif event.action == "print":
            if not is_replay:  # what is on the tape is saved with the tape
                self._print(symbol, at_ms, _number(event.options, "factor", 10.0))
        elif not is_replay:  # an account's own state is saved with the account
            self._set_revoked(symbol, is_revoked=event.action == "revoke_key")
        if event.action in ("halt", "delist", "relist") and not is_replay:
            self.settle(symbol, at_ms)
        self.done.append(event)
        self.touch(_NOBODY)

    def _relist(self, event: Event, *, is_replay: bool) -> None:
        gap_ms = int(_number(event.options, "gap_s", 0.0) * 1000)
        if gap_ms > 0 and is_replay:
            self.market.end(event.target, event.at_ms, DELISTED)
            return
        if gap_ms > 0:
            # Delisted now, listed again later: the second half waits for its time.
            self.market.end(event.target, event.at_ms, DELISTED)
            rest = {name: value for name, value in event.options.items() if name != "gap_s"}
            self._wait(Event(event.at_ms + gap_ms, "relist", event.target, rest))
            return
        ratio = _number(event.options, "ratio", 1.0)
        self.market.relist(
            event.target,
            event.at_ms,
            ratio=ratio,
            price_decimals=_whole(event.options, "price_decimals"),
            amount_decimals=_whole(event.options, "amount_decimals"),
            keeps_history=event.options.get("keep_history", True) is not False,
        )
        if event.options.get("convert_balances", False) is True and not is_replay:
            self.settle(event.target, event.at_ms)
            self._convert(self.market.pairs[event.target].base, ratio)

    def _print(self, symbol: str, at_ms: int, factor: float) -> None:
        # One step at an absurd price: everybody sees it, in tickers and in candles, for good.
        pair = self.market.pairs.get(symbol)
        if pair is None or pair.status != ONLINE:
            raise BadInput(f"{symbol} is not trading at market time {at_ms}")
        if not 1e-6 <= factor <= 1e6:
            raise BadInput(f"factor must be between 1e-06 and 1e+06, was {factor:g}")
        absurd = max(1, round(self.market.price(symbol, at_ms) * factor))
        self.market.imprint(symbol, at_ms, [(absurd, 1)], 0.0)

    def _convert(self, asset: str, ratio: float) -> None:
        # A swap of coins: whoever held 1,000 old ones at a ratio of 1000 holds one new one; what is
        # less than an atom stays with the venue.
        exact = Fraction(str(ratio))
        for account in self.accounts.known.values():
            wallet = account.wallets.get(asset)
            if wallet is not None:
                wallet.free = wallet.free * exact.denominator // exact.numerator
                self.touch(account.key)

    def _set_revoked(self, key: str, *, is_revoked: bool) -> None:
        known = self.accounts.known.get(key) or self.accounts.demo(key)
        if known is None:
            raise BadInput(f"no account has the key {key!r}")
        known.is_revoked = is_revoked
        self.touch(key)


def _number(raw: Mapping[str, object], name: str, default: float) -> float:
    value = raw.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise BadInput(f"{name} must be a number of at least 0, was {value!r}")
    return float(value)


def _whole(raw: Mapping[str, object], name: str) -> int | None:
    value = raw.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise BadInput(f"{name} must be a whole number, was {value!r}")
    return value
