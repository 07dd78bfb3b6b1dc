"""A past moment decided again: screening, signals, backtests and approvals, point in time, published nowhere.

Tables that the line did not compute itself (listing, tickers, news, clusters) are those known then; candles
are those stored now, up to then. The nights' error budget is asked for its level and not spent; no trial is
counted: a replay looks at decisions that were counted when they were made.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

from pydantic import PrivateAttr

from resources.fleet import at_fleet_stake
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.settings import load_settings
from resources.signals import signal_table
from resources.store import Store
from resources.strategies import line_strategy, told_strategy
from resources.universe import not_candidates, on_foreign_candles, publish_members, research_series
from trading.backtest.approval import Approval, approve, without
from trading.backtest.engine import run_backtest
from trading.backtest.line_exits import exits_of_strategy
from trading.backtest.rules import ApprovalRules
from trading.indicators.settings import IndicatorSettings
from trading.indicators.table import indicator_table
from trading.market.errors import BadInput
from trading.market.timeframes import timeframe
from trading.risk.exits import ExitRules
from trading.screening.filters import screen
from trading.screening.rules import ScreeningRules
from trading.signals.strategy import SignalRules
from trading.store.lake import Lake
from trading.store.past import PastLake
from trading.xray.regime import market_regime

# Stage -> the table whose record says with what parameters it was made, and what they are.
STAGES: dict[str, tuple[str, type[Any]]] = {
    "screening": ("screened_symbols", ScreeningRules),
    "signals": ("signals", SignalRules),
    "exits": ("backtest_results", ExitRules),
    "approval": ("approved_symbols", ApprovalRules),
}
# Large, and made again from candles within seconds.
_DROPPED = ("indicators", "backtest_universe", "market_regime")


class PastStore(Store):
    """The store as of a past moment; `own` is where a replay's tables go."""

    _at: datetime = PrivateAttr()
    _past: PastLake = PrivateAttr()

    def stand(self, main: Lake, own: Path, at: datetime) -> "PastStore":
        """Take a stand at `at`."""
        self._at, self._past = at, PastLake(main, own, at)
        return self

    @property
    def lake(self) -> Lake:
        """The tables as known then."""
        return self._past

    def as_of(self) -> datetime:
        """Return the moment."""
        return self._at


@dataclass(frozen=True, slots=True)
class Parameters:
    """What each stage is run with."""

    screening: ScreeningRules
    signals: SignalRules
    exits: ExitRules
    approval: ApprovalRules

    def with_values(self, values: Mapping[str, str]) -> "Parameters":
        """Return them with `stage.name` -> JSON value changed (``approval.min_trades`` -> ``12``).

        Raises
        ------
        BadInput
            If there is no such stage or name, or its value is none that it may have.
        """
        changed = {name: getattr(self, name) for name in STAGES}
        for key, text in values.items():
            stage, _, name = key.partition(".")
            if stage not in changed or name not in {each.name for each in fields(changed[stage])}:
                raise BadInput(
                    f"a parameter is STAGE.NAME with STAGE one of {', '.join(STAGES)}, was {key!r}"
                )
            changed[stage] = replace(changed[stage], **{name: _value(text)})
        return Parameters(**changed)

    def with_exits_of(self, store: Store) -> "Parameters":
        """Return them with the exits that go with the strategy of `signals`."""
        bar = timeframe(load_settings(store.world).timeframe)
        return replace(self, exits=exits_of_strategy(line_strategy(store, self.signals), bar.ms))


def parameters_at(lake: Lake, at: datetime | None) -> Parameters:
    """Return the parameters of the stages as recorded at `at`; the defaults where none are, or without.

    The strategy is the recorded one too where the settings named it: today's may name another.
    """
    found = {}
    for stage, (asset, kind) in STAGES.items():
        version = None if at is None else lake.version_at(asset, at)
        told = {} if version is None else json.loads(version.params).get(kind.__name__, {})
        known = {each.name for each in fields(kind)}
        plain = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items() if name in known}
        found[stage] = kind(**plain)
    signals = None if at is None else lake.version_at("signals", at)
    if signals is not None and not found["signals"].strategy:
        own = told_strategy(signals)["strategy"]["name"]
        found["signals"] = replace(found["signals"], strategy=own)
    return Parameters(**found)


def decide_again(
    past: PastStore, learning: Learning, order_log: OrderLogResource, asked: Parameters, replay_id: str
) -> Approval:
    """Run the stages at the moment `past` stands at, and return the verdicts; tables stay in its folder."""
    about: dict[str, Any] = {"run_id": replay_id}
    _screen(past, asked.screening, about)
    if past.lake.latest("market_regime") is None:
        settings = load_settings(past.world)
        closes = past.bars(settings.timeframe, settings.history_bars, symbols=past.kept("liquid_symbols"))
        past.publish("market_regime", market_regime(closes), key=["open_time"], **about)
    wanted = IndicatorSettings()
    bars = indicator_table(research_series(past), wanted)
    past.publish("indicators", bars, key=["symbol", "open_time"], params=past.params(wanted), **about)
    signals = signal_table(past, learning, bars, asked.signals)
    made = past.publish(
        "signals",
        signals,
        key=["symbol", "open_time"],
        inputs=["indicators"],
        params=past.params(asked.signals),
        **about,
    )
    result = run_backtest(
        bars,
        past.lake.read("signals", made.version_id),
        past.lake.read("validated_markets"),
        asked.exits,
        tickers=past.lake.read("tickers"),
        bar_ms=timeframe(load_settings(past.world).timeframe).ms,
        members=publish_members(past, bars, replay_id),
    )
    about |= {"inputs": ["signals", "indicators"], "params": past.params(asked.exits)}
    past.publish("backtest_trades", result.trades, key=["symbol", "open_time"], **about)
    past.publish("backtest_results", result.metrics, key=["symbol"], **about)
    found = _approved(past, order_log, asked.approval)
    about |= {"inputs": ["backtest_results"], "params": past.params(asked.approval) | {"level": found.level}}
    past.publish("approval_rules", found.rules, key=["symbol", "rule"], **about)
    past.publish("approved_symbols", found.symbols, key=["symbol"], **about)
    for asset in _DROPPED:
        rmtree(past.lake.root / "tables" / asset, ignore_errors=True)
    return found


def _screen(past: PastStore, rules: ScreeningRules, about: dict[str, Any]) -> None:
    settings = load_settings(past.world)
    bars = past.bars(settings.timeframe, settings.history_bars, symbols=past.kept("liquid_symbols"))
    listed, looks = past.lake.read("validated_markets"), past.lake.read("tickers")
    frame = screen(bars, looks, rules, markets=listed)
    past.publish("screened_symbols", frame, key=["symbol"], params=past.params(rules), **about)


def _approved(past: PastStore, order_log: OrderLogResource, rules: ApprovalRules) -> Approval:
    lake, at = past.lake, past.as_of()
    trades = lake.read("backtest_trades")
    results = at_fleet_stake(past, order_log, lake.read("backtest_results"), trades, rules)
    nights = past.approval_nights

    def level(tested: int) -> float:
        return nights.level(rules.budget, at.date(), tested)

    found = approve(results, trades, rules, level=level)
    own = without(found, not_candidates(past, results["symbol"]), rule="not_candidate")
    return without(own, on_foreign_candles(past, results["symbol"]), rule="own_candles")


def _value(text: str) -> object:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return text
    return tuple(found) if isinstance(found, list) else found
