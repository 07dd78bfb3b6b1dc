"""Dollar coins off their peg stop entries: seen by the engine itself every few seconds, kept in the log."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

import structlog

from trading.exchange.gateway import Quote
from trading.risk.peg import PegRules, PegWatch
from trading.risk.refusal import Refusal
from trading.store.order_log import OrderLog
from trading.store.order_log.records import Event
from trading.xray.regime_rules import RegimeSettings

_log = structlog.get_logger("execution.peg")
_CURSOR = "gate:depeg"  # JSON: pair -> price at which it left
OPERATOR = "operator"


class PegGate:
    """Which pairs are watched is the market regime's list of dollar coins."""

    def __init__(self, log: OrderLog, rules: PegRules) -> None:
        self._log = log
        self._rules = rules
        self._regime = RegimeSettings()
        self.read()

    def read(self) -> None:
        """Take over what the log says: at a start, and where another worker watches the pegs."""
        known = json.loads(self._log.cursor(_CURSOR) or "{}")
        self._watch = PegWatch(self._rules, {symbol: Decimal(price) for symbol, price in known.items()})

    def pairs(self, listed: Iterable[str]) -> list[str]:
        """Return the pairs of two coins among `listed` that still promise a dollar."""
        regime = self._regime
        return [s for s in listed if regime.is_peg(s) and regime.promised_until(s) is None]

    def look(self, quotes: Mapping[str, Quote], at_ms: int) -> None:
        """Judge the pegs among `quotes` by their mid prices; a change is written down and told."""
        if not self._log.scope.leads:
            return
        mids = {s: (quotes[s].bid + quotes[s].ask) / 2 for s in self.pairs(quotes)}
        if not mids or not self._watch.look(mids):
            return
        off = {symbol: format(price, "f") for symbol, price in sorted(self._watch.off.items())}
        self._log.set_cursor(_CURSOR, json.dumps(off))
        said = f"off their peg: {off}" if off else "all dollar coins are back at their peg"
        _log.warning("peg", said=said)
        payload: dict[str, object] = {"text": f"{said}; entries {'stop' if off else 'go on'}"}
        self._log.outbox.post(Event(f"depeg:{at_ms}", OPERATOR, "depeg", payload, at_ms))

    def refusal(self) -> Refusal | None:
        """Return why nobody enters anything while a coin is off, or None."""
        if not self._watch.off:
            return None
        symbol, price = min(self._watch.off.items())
        bound = self._watch.rules.most
        said = f"{symbol} left its peg at {price:f}: entries wait until it is back"
        return Refusal("depeg", said, abs(price - 1), bound)
