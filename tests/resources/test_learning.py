"""Learning as assets see it: what may be learnt from, the verdict, and who is champion."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from resources.learning import Learning
from resources.lifecycle import Lifecycle, LifeRules
from resources.order_log import OrderLogResource
from resources.standing import alert_of_candidate
from resources.store import Store
from tests.assets.embedded import settings_of
from trading.learning import candidacy
from trading.learning.evaluation import EvaluationRules
from trading.learning.shadow import ShadowRules
from trading.market.frames import CANDLES, MARKETS, TICKERS
from trading.risk.exits import ExitRules
from trading.signals.blend import BlendRules
from trading.signals.features import FEATURES
from trading.signals.generate import SIGNALS
from trading.trade_pool.pool import POOL

BAR = timedelta(minutes=15)
FIRST = datetime(2026, 8, 17, tzinfo=UTC)
BARS = 60
AT = FIRST + BARS * BAR
UP, DOWN, QUIET = "UP/USDT", "DOWN/USDT", "QUIET/USDT"


def candles() -> pl.DataFrame:
    """Flat at 100; five bars after the tenth, UP touches 104 once and DOWN 95."""
    rows = []
    for symbol, high, low in ((UP, 104.0, 100.0), (DOWN, 100.0, 95.0), (QUIET, 100.0, 100.0)):
        for n in range(BARS):
            spike = n == 15
            row = (100.0, high if spike else 100.0, low if spike else 100.0, 100.0, 1e4, 1e6)
            rows.append((symbol, FIRST + n * BAR, *row))
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def signals(*symbols: str, bar: int = 10) -> pl.DataFrame:
    plain = dict.fromkeys(SIGNALS) | dict.fromkeys(FEATURES, 0.5)
    flags = {"is_entry": True, "is_exit": False, "is_candidate": True, "close": 100.0, "score": 0.5}
    rows = [plain | flags | {"symbol": symbol, "open_time": FIRST + bar * BAR} for symbol in symbols]
    return pl.DataFrame(rows, schema=SIGNALS)


def markets() -> pl.DataFrame:
    row = dict.fromkeys(MARKETS) | {"quote": "USDT", "status": "1", "taker_fee": 0.0005}
    return pl.DataFrame([row | {"symbol": symbol} for symbol in (UP, DOWN, QUIET)], schema=MARKETS)


def tickers() -> pl.DataFrame:
    rows = [(s, AT, 100.0, 99.99, 100.01, 100.0, 100.0, 100.0, 1e6, 1e8, 0.0) for s in (UP, DOWN, QUIET)]
    return pl.DataFrame(rows, schema=TICKERS, orient="row")


@pytest.fixture
def store(tmp_path):
    """A pool without rows and a market that was looked at; nothing was decided yet."""
    with settings_of(tmp_path):
        found = Store()
        found.publish("tickers", tickers(), key=["symbol"], at=AT)
        found.publish("validated_markets", markets(), key=["symbol"])
        found.publish("trade_pool", pl.DataFrame(schema=POOL), key=["signal_id", "source"])
        found.candles.append("15m", candles(), tag="t")
        yield found


def passed(store: Store, at: datetime = AT):
    """A pass through candidate, evaluation and champion; the first row of each."""
    life, rows = Lifecycle(store, Learning(), at), []
    rules = LifeRules(EvaluationRules(), BlendRules(), ShadowRules())
    for asset, make in (
        ("model_candidate", lambda: life.candidate(rules, "asked")),
        ("model_evaluation", life.evaluation),
        ("champion", life.champion),
    ):
        frame = make()
        store.publish(asset, frame.with_row_index("n"), key=["n"], at=at)
        rows.append(frame.row(0, named=True))
    return rows


def research(store: Store, *symbols: str):
    """A research pass: signals, and a backtest made from them."""
    made = store.publish("signals", signals(*symbols), key=["symbol", "open_time"])
    results = pl.DataFrame({"symbol": list(symbols)})
    exits = {"ExitRules": asdict(ExitRules())}
    store.publish("backtest_results", results, key=["symbol"], inputs=["signals", "tickers"], params=exits)
    return made


def test_nothing_decided_is_nothing_to_learn(store):
    """First pass: an empty set, the verdict says so, nobody becomes champion."""
    chosen = Learning().training_set(store, AT)
    assert chosen.frame.height == 0
    made, verdict, now = passed(store)
    assert (verdict["verdict"], verdict["candidate_id"], verdict["chosen"]) == ("no_data", None, None)
    assert verdict["verdict_reason"]
    assert (made["model_id"], made["decisions"], now["model_id"], now["state"]) == (None, 0, None, "none")
    assert Learning().champion(store) is None


def test_decisions_of_research_are_labelled_on_candles(store):
    """Target 3 % and stop 4 % with costs: UP gained less than 3 %, DOWN lost more than 4 %."""
    made = research(store, UP, DOWN)
    frame = Learning().training_set(store, AT).frame
    ids = dict(store.lake.read("signals", made.version_id).select("lineage_id", "symbol").iter_rows())
    assert set(frame["source"]) == {"candles"}
    found = {ids[row["signal_id"]]: row for row in frame.to_dicts()}
    assert 0.025 < found[UP]["net_return"] < 0.03
    assert -0.045 < found[DOWN]["net_return"] < -0.04
    assert (found[UP]["is_gain"], found[DOWN]["is_gain"]) == (True, False)
    assert {row["closed_at"] for row in found.values()} == {FIRST + 16 * BAR}
    assert frame["weight"].unique().to_list() == [0.2]


def test_labels_use_the_signals_that_research_decided_on(store):
    """The quick refresh has replaced `signals` with another symbol's since: it teaches nothing by itself."""
    made = research(store, UP, DOWN)
    newer = store.publish("signals", signals(QUIET), key=["symbol", "open_time"])
    assert store.lake.latest("signals") == newer
    frame = Learning().training_set(store, AT).frame
    old = store.lake.read("signals", made.version_id)["lineage_id"]
    assert set(frame["signal_id"]) == set(old)
    assert set(frame["symbol"]) == {UP, DOWN}


def test_an_outcome_that_is_not_known_yet_is_left_out(store):
    """At the time of the spike's bar nothing had ended: nothing may be learnt from it then."""
    research(store, UP, DOWN)
    assert Learning().training_set(store, FIRST + 15 * BAR).frame.height == 0
    assert Learning().training_set(store, FIRST + 16 * BAR).frame.height == 2


def test_what_was_really_traded_wins_over_its_candle_label(store):
    """One decision, two sources: the pool's row stays, the candles' goes."""
    made = research(store, UP, DOWN)
    rows = store.lake.read("signals", made.version_id)
    traded = rows.filter(pl.col("symbol") == UP).row(0, named=True)
    row = dict.fromkeys(POOL) | {
        "signal_id": traded["lineage_id"],
        "symbol": UP,
        "bar_time": traded["open_time"],
        "decided_at": traded["open_time"] + BAR,
        "opened_at": traded["open_time"] + BAR,
        "closed_at": FIRST + 20 * BAR,
        "source": "paper",
        "score": 0.5,
        "net_return": -0.01,
        "fee_ratio": 0.001,
    }
    store.publish("trade_pool", pl.DataFrame([row], schema=POOL), key=["signal_id", "source"])
    frame = Learning().training_set(store, AT).frame
    assert sorted(frame.select("symbol", "source").rows()) == [(DOWN, "candles"), (UP, "paper")]
    assert frame.filter(symbol=UP)["net_return"].to_list() == [-0.01]


def test_two_decisions_are_too_few_and_the_verdict_says_why(store):
    """Nothing is promoted on two rows, whatever they say."""
    research(store, UP, DOWN)
    made, verdict, now = passed(store)
    assert verdict["verdict"] != "promoted"
    assert verdict["verdict_reason"]
    assert (made["decisions"], now["state"]) == (2, "none")
    assert Learning().champion(store) is None


def test_a_model_is_held_against_the_candles_of_what_was_decided_on(store, monkeypatch):
    """Buying and holding on the line: the day's last close of each symbol decided on, no other's."""
    research(store, UP, DOWN)
    asked = []
    real = candidacy.evaluate
    monkeypatch.setattr(
        candidacy,
        "evaluate",
        lambda *given, context, **about: asked.append(context) or real(*given, context=context, **about),
    )
    passed(store)
    found = asked[0].candles.sort("symbol")
    assert found.rows() == [(DOWN, FIRST, 100.0), (UP, FIRST, 100.0)]


def test_what_cannot_be_judged_is_told_once_with_its_reason_and_changes_nothing(store):
    """A NaN in a pool that was altered by hand: verdict failed, one message, rules go on."""
    log, learning = OrderLogResource(), Learning()
    row = dict.fromkeys(POOL) | dict.fromkeys(FEATURES, float("nan"))
    row |= {"signal_id": "s1", "symbol": UP, "bar_time": FIRST, "source": "paper", "score": 0.5}
    row |= {"decided_at": FIRST + BAR, "opened_at": FIRST + BAR, "closed_at": FIRST + 2 * BAR}
    row |= {"net_return": -0.01, "fee_ratio": 0.001}
    schema = POOL | dict.fromkeys(FEATURES, pl.Float64)
    store.publish("trade_pool", pl.DataFrame([row], schema=schema), key=["signal_id", "source"])
    for _ in range(2):
        made, verdict, now = passed(store)
        alert_of_candidate(log, learning, store.lake.read("model_candidate"), AT)
    assert (verdict["verdict"], made["model_id"], now["state"]) == ("failed", None, "none")
    assert "must be a finite number, was nan in decision s1" in verdict["verdict_reason"]
    with log.open() as opened:
        (event,) = opened.outbox.waiting()
    assert verdict["verdict_reason"] in event.payload["text"]
    assert learning.champion(store) is None


def test_models_of_worlds_do_not_mix(store):
    """Each world has its own registry beside its own lake."""
    here, elsewhere = Learning().registry, Learning(world="elsewhere").registry
    assert here._root != elsewhere._root
