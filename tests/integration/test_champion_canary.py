"""A new champion from the registry to the engine: its signals are a strategy that few users trade first."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from resources.learning import Learning
from resources.store import Store
from resources.strategies import signal_params
from tests.assets.embedded import settings_of
from tests.trading.execution.world import D, World, signal
from trading.execution.handover import strategy_of
from trading.execution.settings import EngineSettings
from trading.learning.evaluation import Candidate
from trading.learning.models import fit_classifier
from trading.market.frames import TICKERS
from trading.risk.canary import CanaryRules
from trading.risk.exits import ExitRules
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.strategy import SignalRules
from trading.store.order_log.records import Leg

AT = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ("AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT")
USERS = 6


def saved(seed: int) -> str:
    x = np.random.default_rng(seed).normal(size=(120, len(FEATURES)))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(120), seed)
    one = Candidate("logistic", fitted, 0.5, tuple(FEATURES), FEATURE_VERSION, f"ds-{seed}", seed)
    return Learning().registry.save(one, AT)


def told(store: Store) -> str:
    """The strategy that a signal set of this moment names, as the table `signals` makes it."""
    params = signal_params(store, SignalRules(), Learning().champion_id(store))
    version = store.lake.publish("signals", pl.DataFrame({"n": [1]}), key=["n"], at=AT, params=params)
    return strategy_of(version, ExitRules())


async def traded(world: World, engine, number: int, strategy: str) -> dict[str, D]:
    """Who entered on a set of that strategy, with which amount."""
    batch = replace(world.batch(signal(NAMES[number])), strategy_id=strategy)
    engine.desk.log.write_signal_set(replace(batch, signal_set_id=f"set-00000000000000aa-{number:012x}"))
    for _ in range(2):
        await engine.step()
        world.wall.advance(1200)
        world.clock.advance(400)
    found = engine.desk.log.orders.find(leg=Leg.OPEN)
    return {each.user_id: each.amount for each in found if each.symbol == NAMES[number]}


@pytest.mark.parametrize("few", [1, 2])
async def test_a_new_champion_trades_few_users_first_with_half_and_a_rollback_none_anew(tmp_path, few):
    """Rules: all six. A champion: `few`, half of it. Rolled back: the rules' strategy, known, all six.

    A candidate that is saved and not promoted changes nothing. The champion after the first is new again.
    """
    rules = CanaryRules(users=few, trades=20, days=1)
    world = World(tmp_path, users=USERS, symbols=NAMES, settings=EngineSettings(canary=rules))
    engine = await world.boot()
    sets = engine.desk.log.sets  # the set that every such world begins with names no strategy: nobody sees it
    hidden, live = set(sets.live(0)), sets.live
    sets.live = lambda now: [name for name in live(now) if name not in hidden]
    with settings_of(tmp_path / "home"):
        store, registry = Store(), Learning().registry
        store.publish("tickers", pl.DataFrame(schema=TICKERS), key=["symbol"], at=AT)
        alone = told(store)
        everybody = await traded(world, engine, 0, alone)
        assert len(everybody) == USERS
        first, second = saved(1), saved(2)
        assert told(store) == alone
        registry.promote(first, AT)
        champion = told(store)
        chosen = await traded(world, engine, 1, champion)
        assert (len(chosen), champion != alone) == (few, True)
        assert engine.desk.log.skips()["rule"].to_list() == ["canary"] * (USERS - few)
        for user, amount in chosen.items():
            assert amount == pytest.approx(everybody[user] / 2, rel=D("0.01"))
        registry.rollback(AT, by="ann", why="drill")
        assert told(store) == alone
        assert len(await traded(world, engine, 2, told(store))) == USERS
        registry.promote(second, AT)
        assert len(await traded(world, engine, 3, told(store))) == few
