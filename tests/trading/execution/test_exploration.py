"""Rejected entries that were drawn are traded on paper, by nobody else, and say what they are."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trading.execution.test_handover import AT, BAR, EXITS, approvals, market, signals, version
from tests.trading.execution.world import SET_ID, World, signal
from trading.exchange.gateway import Quote
from trading.execution.entries import Entries
from trading.execution.handover import build_exploration_set
from trading.store.order_log.decided import explored_for_money, skip_counts
from trading.store.order_log.signal_sets import from_json, to_json
from trading.trade_pool.exploration import ExplorationRules, explored_symbols
from trading.users.directory import Directory
from trading.users.user import Mode

DRAWN = "set-00000000000000aa-0000000000ee"


def wanted(**change: object) -> pl.DataFrame:
    """AAA is rejected by the model, BBB goes in, CCC is an exit, DDD was rejected and is not approved."""
    rows = (
        {"symbol": "AAA/USDT", "is_entry": False, "is_candidate": True, "reason": "model: 0.4 < 0.5"},
        {"symbol": "BBB/USDT", "is_entry": True, "is_candidate": True, "reason": "entry: RSI 20"},
        {"symbol": "CCC/USDT", "is_entry": False, "is_candidate": False, "reason": "exit: RSI 70"},
        {"symbol": "DDD/USDT", "is_entry": False, "is_candidate": True, "reason": "news: hack 1 h ago"},
    )
    return signals(*({"strategy": "rsi_regime"} | row | change for row in rows))


def built(explored: list[str]):
    names = ("AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT")
    return build_exploration_set(
        (version("signals", "v-signals-1"), wanted()),
        (version("approved_symbols", "v-app-1"), approvals(AAA=True, BBB=True, CCC=True, DDD=False)),
        {name: market(name) for name in names},
        EXITS,
        explored=explored,
        timeframe=BAR,
        at=AT,
    )


def test_only_approved_rejections_get_into_a_set_of_exploration() -> None:
    """Everything is drawn; what goes in anyway, an exit and what was not approved stay out."""
    batch = built(["AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT"])
    assert [each.symbol for each in batch.signals] == ["AAA/USDT"]
    assert batch.is_exploration
    assert batch.strategy_id == "", "its trades say nothing of a new strategy"
    assert from_json(to_json(batch)) == batch
    assert built(["AAA/USDT"]).signal_set_id == batch.signal_set_id
    assert built(["BBB/USDT", "DDD/USDT"]) is None
    usual = replace(batch, is_exploration=False)
    assert "is_exploration" not in to_json(usual), "other sets stay the bytes they were"
    assert not from_json(to_json(usual)).is_exploration


def test_gates_that_do_not_take_part_are_never_drawn() -> None:
    """At a share of a quarter over many seeds: the model's rejections are drawn, those of news are not."""
    bar = wanted()["open_time"][0]
    found = {
        name
        for seed in range(60)
        for name in explored_symbols(wanted(), bar, ExplorationRules(0.25, seed, ("model",)))
    }
    assert found == {"AAA/USDT"}
    assert explored_symbols(wanted(), bar, ExplorationRules(share=0.0)) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("drawn")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    modes=st.lists(st.sampled_from(list(Mode)), min_size=2, max_size=2),
    symbols=st.lists(st.sampled_from(["AAA/USDT", "BBB/USDT"]), min_size=1, unique=True),
)
async def test_no_live_user_ever_gets_an_explored_entry(folder: Path, modes: list[Mode], symbols) -> None:
    """Whoever is asked, even with every other gate open: paper users enter, all others skip with the rule."""
    home = Path(mkdtemp(dir=folder))
    world = World(home, users=2)
    engine = await world.boot()
    desk = engine.desk
    batch = replace(world.batch(*(signal(name) for name in symbols), set_id=DRAWN), is_exploration=True)
    quotes = {
        name: Quote(name, Decimal("99.9"), Decimal(100), Decimal(9), Decimal(9), AT) for name in symbols
    }
    desk.fleet.book.refresh(desk.now_ms())
    for number, mode in enumerate(modes, 1):
        user = replace(Directory(desk.log).get(f"u{number}"), mode=mode)
        standing = desk.log.accounts.standing(user.user_id, recent_since_ms=0)
        plan = Entries(desk)._decide(user, batch, quotes, standing, {"USDT": Decimal(10_000)}, None)
        if mode is Mode.PAPER:
            assert len(plan[0]) == len(symbols), plan[1]
        else:
            assert plan[0] == []
            assert {(skip.rule, skip.reason) for skip in plan[1]} == {
                ("exploration", "exploration is paper only")
            }
        plain = Entries(desk)._decide(
            user, replace(batch, is_exploration=False), quotes, standing, {"USDT": Decimal(10_000)}, None
        )
        assert len(plain[0]) == len(symbols), "a usual set is nobody's exploration"
    desk.log.close()


async def test_money_in_a_set_of_exploration_is_found(tmp_path: Path) -> None:
    """Paper trades of it are well; were one of them for money, the check that blocks would see it."""
    world = World(tmp_path, symbols=("AAA/USDT",))
    log = (await world.boot()).desk.log
    with log.database.write() as connection:
        connection.exec_driver_sql("UPDATE signal_sets SET expires_ms = 0")
    log.write_signal_set(replace(world.batch(set_id=DRAWN), is_exploration=True))
    log.close()
    engine = await world.boot()
    await world.live(engine)
    log = engine.desk.log
    assert log.closed_trades()["signal_set_id"].to_list() == [DRAWN] != [SET_ID]
    assert explored_for_money(log.database).is_empty()
    assert skip_counts(log.database).columns == ["signal_id", "rule", "users"]
    with log.database.write() as connection:
        connection.exec_driver_sql("UPDATE trades SET mode = 'live'")
    assert explored_for_money(log.database)["user_id"].to_list() == ["u1"]
