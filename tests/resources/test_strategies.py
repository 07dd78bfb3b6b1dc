"""The strategy in tables of the line: named by launchpad or settings; its exits go with the signals."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from resources.redecide import parameters_at
from resources.settings import load_settings
from resources.store import Store
from resources.strategies import backtest_params, line_strategy, signal_params, told_of, with_strategy
from trading.backtest.strategy_file import BadStrategy
from trading.execution.handover import strategy_of
from trading.risk.exits import ExitRules
from trading.risk.overrides import ExitOverrides
from trading.signals.strategy import SignalRules

FILE = 'name = "dips"\n[entry]\nwhen = "rsi_14 < 25"\n[risk]\nstoploss = 0.07\n[stake]\namount = 1\n'


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    return Store()


def test_the_launchpad_goes_before_the_settings_and_these_before_the_default(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rsi_regime; then what SLUICE_STRATEGY says; then the launchpad's path of a file."""
    assert line_strategy(store, SignalRules()).name == "rsi_regime"
    monkeypatch.setenv("SLUICE_STRATEGY", "donchian_turtle")
    assert load_settings().strategy == "donchian_turtle"
    assert line_strategy(store, SignalRules()).name == "donchian_turtle"
    path = tmp_path / "dips.toml"
    path.write_text(FILE)
    assert line_strategy(store, SignalRules(strategy=str(path))).name == "dips"
    with pytest.raises(BadStrategy, match="no strategy 'nothing'; shipped"):
        line_strategy(store, SignalRules(strategy="nothing"))


def test_exits_travel_with_the_signals_to_the_backtest(store: Store, tmp_path: Path) -> None:
    """The stop of 7 % is the backtest's, though the file is gone by then; the launchpad changes one."""
    path = tmp_path / "dips.toml"
    path.write_text(FILE)
    params = signal_params(store, SignalRules(strategy=str(path)))
    path.unlink()
    frame = pl.DataFrame({"symbol": ["A/USDT"], "open_time": [0]})
    at = pl.Series([0]).cast(pl.Datetime("ms", "UTC"))[0]
    store.lake.publish("signals", frame, key=["symbol"], at=at, params=params)
    exits, told = backtest_params(store, ExitOverrides())
    assert exits == ExitRules(0.07, None, None, 0.0, None)
    assert told["strategy"] == told_of(store, "signals")["strategy"]
    assert (told["strategy"]["name"], len(told["strategy"]["digest"])) == ("dips", 16)
    assert json.loads(json.dumps(told))["ExitRules"]["stop_loss"] == 0.07
    assert backtest_params(store, ExitOverrides(max_hold_bars=4))[0] == ExitRules(0.07, None, None, 0.0, 4)
    assert with_strategy(frame, told)["strategy"].to_list() == ["dips"]


def test_a_past_pass_is_decided_again_with_the_strategy_on_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings named momentum then and name nothing now: momentum; of an older record, the default."""
    monkeypatch.setenv("SLUICE_STRATEGY", "cross_sectional_momentum")
    frame = pl.DataFrame({"symbol": ["A/USDT"], "open_time": [0]})
    at = datetime(2026, 1, 1, tzinfo=UTC)
    params = signal_params(store, SignalRules())
    store.lake.publish("signals", frame, key=["symbol"], at=at, params=params)
    monkeypatch.delenv("SLUICE_STRATEGY")
    asked = parameters_at(store.lake, at).signals
    assert line_strategy(store, asked).name == "cross_sectional_momentum"
    assert line_strategy(store, parameters_at(store.lake, None).signals).name == "rsi_regime"
    before = at - timedelta(days=1)
    assert line_strategy(store, parameters_at(store.lake, before).signals).name == "rsi_regime"


def test_a_new_champion_is_a_new_strategy_to_the_canary_users_and_a_refused_candidate_is_not(
    store: Store,
) -> None:
    """The id of the model asked is a parameter of the signals; tables of candidates are no part of it."""

    def made(model_id: str | None, *inputs: str) -> str:
        told = {"params": signal_params(store, SignalRules(), model_id), "inputs": inputs}
        at = datetime(2026, 1, 1, tzinfo=UTC)
        version = store.lake.publish("signals", pl.DataFrame({"n": [1]}), key=["n"], at=at, **told)
        return strategy_of(version, ExitRules())

    alone, again = made(None, "v-model_candidate-1"), made(None, "v-model_candidate-2")
    assert alone == again
    assert len({alone, made("mdl-a"), made("mdl-b")}) == 3
    assert made("mdl-a") == made("mdl-a", "v-model_candidate-3")
