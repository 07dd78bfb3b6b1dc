"""A strategy as a TOML file: read, checked, every mistake named with its line. Run in `replay`.

The format is described in docs/reference/backtest.md; `KEYS` is the whole of it.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading.backtest.protections import Guards
from trading.backtest.strategy import VOLUME_SHARE, Costs, Strategy, Trailing
from trading.backtest.strategy_adjust import additions, sold_parts
from trading.backtest.strategy_reader import BadStrategy, Reader
from trading.backtest.strategy_stake import scale, sizing, stake
from trading.indicators.expressions.expression import expression
from trading.market.lineage import digest

KEYS: dict[str, tuple[str, ...]] = {
    "": ("name", "about", "startup", "entry", "exit", "risk", "stake", "protections", "costs"),
    "entry": ("when", "rank", "limit", "add"),
    "exit": ("when", "on_line"),
    "risk": ("stoploss", "roi", "take_profit", "trailing", "max_hold", "partial"),
    "risk.trailing": ("stop", "offset"),
    "stake": (
        "amount",
        "risk",
        "max_share",
        "reserve",
        "most",
        "wallet",
        "scale",
        "volatility",
        "volume_share",
    ),
    "stake.volatility": ("target", "column", "most"),
    "protections": ("cooldown", "stoploss_guard", "max_drawdown", "low_profit"),
    "protections.cooldown": ("stop",),
    "protections.stoploss_guard": ("lookback", "trades", "stop", "per_symbol"),
    "protections.max_drawdown": ("lookback", "trades", "most", "stop"),
    "protections.low_profit": ("lookback", "trades", "least", "stop"),
    "costs": ("fee", "half_spread", "slippage", "impact", "entry_order", "target_order"),
}
# Arrays of tables, [[entry.add]].
ARRAYS: dict[str, tuple[str, ...]] = {
    "entry.add": ("at", "when", "share", "amount", "most"),
    "risk.partial": ("at", "when", "share"),
}


def read_strategy(path: Path) -> Strategy:
    """Return the strategy of a TOML file.

    Raises
    ------
    BadStrategy
        If it is no TOML, has an unknown key, lacks one, or a value is out of bounds: file, line and bound.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadStrategy(f"{path} cannot be read: {error}") from error
    return parse_strategy(text, str(path))


def parse_strategy(text: str, where: str = "strategy") -> Strategy:
    """Return the strategy that `text` declares; `where` names it in errors. Raises as `read_strategy`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadStrategy(f"{where}: {error}") from error
    return strategy_of(document, where, text)


def strategy_of(document: Mapping[str, Any], where: str = "strategy", text: str = "") -> Strategy:
    """Return the strategy of a document read already; `text` tells errors their line. Raises as above."""
    reader = _StrategyReader(text, where, document)
    reader.check_keys()
    return reader.strategy()


class _StrategyReader(Reader):
    """A strategy's document."""

    def check_keys(self) -> None:
        """Refuse a key that means nothing, in any table."""
        for table, known in KEYS.items():
            self.check(table, known)
        for array, known in ARRAYS.items():
            for path in self.tables(array):
                self.check(path, known)

    def strategy(self) -> Strategy:
        roi, trailing = self._roi(), self._trailing()
        return Strategy(
            name=str(self.document.get("name", "")),
            about=str(self.document.get("about", "")),
            digest=digest(self.text or json.dumps(self.document, sort_keys=True)),
            startup=self.whole("startup", 0, 0, 1_000_000),
            entry=self.condition("entry.when"),
            exit_=self.condition("exit.when") if "when" in self.table("exit") else None,
            exit_counts_on_line=self.flag("exit.on_line", default=True),
            rank=self.read("entry.rank", expression) if "rank" in self.table("entry") else None,
            entry_limit=self.number("entry.limit", 0.0, 0.0, 100.0),
            stoploss=self.number("risk.stoploss", None, 0.0, 1.0, open_ends=True),
            roi=roi,
            take_profit=self._take_profit(),
            trailing=trailing,
            max_hold_min=self.minutes("risk.max_hold"),
            stake=stake(self),
            wallet=self.number("stake.wallet", 0.0, 0.0, 1e15),
            scale=scale(self),
            sizing=sizing(self),
            additions=additions(self),
            parts=sold_parts(self),
            guards=self._guards(),
            volume_share=self.number("stake.volume_share", VOLUME_SHARE, 0.0, 1.0),
            costs=self._costs(),
        )

    def _costs(self) -> Costs:
        """Return the costs, and which orders rest in the book."""
        numbers = {
            name: self.number(f"costs.{name}", getattr(Costs(), name), 0.0, 0.5)
            for name in ("fee", "half_spread", "slippage", "impact")
        }
        return Costs(
            **numbers,
            entry_rests=self.choice("costs.entry_order", "market", "limit") == "limit",
            target_rests=self.choice("costs.target_order", "market", "limit") == "limit",
        )

    def _roi(self) -> tuple[tuple[int, float], ...]:
        rungs = []
        for age, target in self.table("risk.roi").items():
            if not age.isdecimal() or len(age) > 8 or int(age) > 10_000_000:
                raise self.wrong(f"risk.roi.{age}", f"risk.roi: minutes must be a whole number, was {age!r}")
            is_number = isinstance(target, int | float) and not isinstance(target, bool)
            if not is_number or not -1 <= target <= 80:
                raise self.wrong(
                    f"risk.roi.{age}", f"risk.roi: a target must lie from -1 to 80, was {target!r}"
                )
            rungs.append((int(age), float(target)))
        return tuple(sorted(rungs))

    def _take_profit(self) -> float:
        if "take_profit" not in self.table("risk"):
            return 0.0
        if self.table("risk.roi"):
            raise self.wrong(
                "risk.take_profit", "risk.take_profit stands instead of risk.roi: give one of them"
            )
        return self.number("risk.take_profit", None, 0.0, 80.0, open_ends=True)

    def _trailing(self) -> Trailing | None:
        if "trailing" not in self.table("risk"):
            return None
        stop = self.number("risk.trailing.stop", None, 0.0, 1.0, open_ends=True)
        offset = self.number("risk.trailing.offset", 0.0, 0.0, 80.0)
        if 0 < offset <= stop:
            raise self.wrong(
                "risk.trailing.offset", f"risk.trailing.offset must be above stop ({stop:g}), was {offset:g}"
            )
        return Trailing(stop, offset)

    def _guards(self) -> Guards:
        """Return the protections whose tables are there."""
        given = self.table("protections")
        found: dict[str, Any] = {}
        if "cooldown" in given:
            found["cooldown_ms"] = self.ms("protections.cooldown.stop")
        for name, short in (("stoploss_guard", "stop"), ("max_drawdown", "drawdown"), ("low_profit", "low")):
            if name in given:
                path = f"protections.{name}"
                found[f"{short}_window_ms"] = self.ms(f"{path}.lookback")
                found[f"{short}_ms"] = self.ms(f"{path}.stop")
                found[f"{short}_trades"] = self.whole(f"{path}.trades", 1, 1, 1_000_000)
        if "stoploss_guard" in given:
            found["stop_per_symbol"] = self.flag("protections.stoploss_guard.per_symbol")
        if "max_drawdown" in given:
            found["drawdown_most"] = self.number("protections.max_drawdown.most", None, 0.0, 100.0)
        if "low_profit" in given:
            found["low_least"] = self.number("protections.low_profit.least", 0.0, -100.0, 100.0)
        return Guards(**found)
