"""Handover: approvals and fresh signals become one signal set, the same one however often it is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from trading.execution.handover import (
    HandoverRules,
    build_exit_set,
    build_signal_set,
    exits_of,
    not_carried,
)
from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.market.lineage import Version, params_json
from trading.market.symbols import Market
from trading.market.timeframes import timeframe
from trading.risk.exits import ExitRules
from trading.risk.silence import SilenceRules
from trading.risk.sizing import stake_share
from trading.store.order_log.signal_sets import from_json, to_json

BAR = timeframe("15m")
NEWEST = datetime(2026, 8, 17, 11, 45, tzinfo=UTC)  # closes at 12:00
AT = datetime(2026, 8, 17, 12, 3, 20, tzinfo=UTC)
EXITS = ExitRules(stop_loss=0.04, take_profit=0.03, max_hold_bars=16)


def version(asset: str, name: str, params: str = "{}") -> Version:
    return Version(
        version_id=name,
        asset=asset,
        partition=None,
        content_hash="0" * 32,
        code_version="code-0",
        params=params,
        inputs=(),
        rows=1,
        created_at=AT,
    )


def market(symbol: str, tick: str = "0.01") -> Market:
    base, quote = symbol.split("/")
    return Market(
        symbol=symbol,
        exchange_id=base + quote,
        base=base,
        quote=quote,
        status="1",
        is_scannable=True,
        is_api_tradable=True,
        tick=Decimal(tick),
        step=Decimal("0.001"),
        min_amount=Decimal(0),
        min_cost=Decimal(1),
        max_cost=Decimal(100_000),
        maker_fee=Decimal(0),
        taker_fee=Decimal("0.0005"),
    )


def signals(*rows: dict) -> pl.DataFrame:
    plain = {"is_entry": True, "open_time": NEWEST, "close": 100.0, "score": 0.5, "f_rsi": 25.0}
    filled = [plain | {"lineage_id": f"sig-{n}"} | row for n, row in enumerate(rows)]
    return pl.DataFrame(filled).with_columns(pl.col("open_time").cast(UTC_MS))


def approvals(**verdicts: bool) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"symbol": f"{base}/USDT", "is_approved": is_approved, "lineage_id": f"app-{base}", "score": 9.0}
            for base, is_approved in verdicts.items()
        ]
    )


def build(
    wanted: pl.DataFrame, approved: pl.DataFrame, *, ticks=None, names=("v-signals-1", "v-app-1"), **changes
):
    ticks = ticks or {"AAA/USDT": "0.01", "BBB/USDT": "0.01"}
    about = {"timeframe": BAR, "at": AT, "exits": EXITS} | changes
    exits = about.pop("exits")
    return build_signal_set(
        (version("signals", names[0]), wanted),
        (version("approved_symbols", names[1]), approved),
        {symbol: market(symbol, tick) for symbol, tick in ticks.items()},
        exits,
        **about,
    )


def test_only_the_newest_closed_bar_is_handed_over():
    """An entry of an older bar is history; one of the bar that still runs is a guess."""
    rows = signals(
        {"symbol": "AAA/USDT", "open_time": NEWEST - BAR.delta, "lineage_id": "sig-old"},
        {"symbol": "AAA/USDT", "lineage_id": "sig-new"},
        {"symbol": "BBB/USDT", "open_time": NEWEST + BAR.delta, "lineage_id": "sig-unfinished"},
    )
    batch = build(rows, approvals(AAA=True, BBB=True))
    assert [signal.signal_id for signal in batch.signals] == ["sig-new"]
    assert batch.bar_time == NEWEST


@pytest.mark.parametrize(
    ("at", "is_due"),
    [
        (NEWEST + BAR.delta, True),  # the very moment it closes
        (NEWEST + BAR.delta - timedelta(milliseconds=1), False),
        (NEWEST + 2 * BAR.delta - timedelta(milliseconds=1), True),
        (NEWEST + 2 * BAR.delta, False),
    ],
)
def test_a_bar_is_newest_from_its_close_to_the_next_close(at, is_due):
    """Half-open, to the millisecond."""
    assert (build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True), at=at) is not None) == is_due


def test_what_was_not_approved_is_left_out():
    """Refused symbols and symbols nobody tested are not traded."""
    rows = signals({"symbol": "AAA/USDT"}, {"symbol": "BBB/USDT"}, {"symbol": "CCC/USDT"})
    ticks = {"AAA/USDT": "0.01", "BBB/USDT": "0.01", "CCC/USDT": "0.01"}
    batch = build(rows, approvals(AAA=True, BBB=False), ticks=ticks)
    assert [(signal.symbol, signal.approval_id) for signal in batch.signals] == [("AAA/USDT", "app-AAA")]


def test_exits_and_vetoed_entries_are_left_out():
    """Only `is_entry` enters."""
    assert build(signals({"symbol": "AAA/USDT", "is_entry": False}), approvals(AAA=True)) is None


def test_a_symbol_that_is_no_longer_listed_is_left_out():
    """Delisted between approval and signal: no tick, no order."""
    rows = signals({"symbol": "GONE/USDT"}, {"symbol": "BBB/USDT"})
    batch = build(rows, approvals(GONE=True, BBB=True))
    assert [signal.symbol for signal in batch.signals] == ["BBB/USDT"]


def test_nothing_wanted_gives_no_set():
    """An empty set is never written."""
    none_approved = approvals(AAA=False)
    assert build(signals({"symbol": "AAA/USDT"}), none_approved) is None
    assert build(signals({"symbol": "AAA/USDT"}).clear(), approvals(AAA=True)) is None
    assert build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True).clear()) is None


def test_set_expires_a_bar_after_its_bar_closed():
    """12:00 + one bar; counted from the close, not from when somebody looked."""
    batch = build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True))
    assert batch.expires_at == datetime(2026, 8, 17, 12, 15, tzinfo=UTC)
    longer = build(
        signals({"symbol": "AAA/USDT"}), approvals(AAA=True), rules=HandoverRules(lifetime_bars=1.5)
    )
    assert longer.expires_at == datetime(2026, 8, 17, 12, 22, 30, tzinfo=UTC)
    assert batch.created_at == AT


@pytest.mark.parametrize(
    ("close", "tick", "limit"),
    [
        (100.0, "0.01", "101"),  # 101.00 exactly
        (0.33333, "0.0001", "0.3366"),  # 0.3366633 cut down
        (1.234, "0.05", "1.2"),  # 1.24634 cut to a multiple of 0.05
        (0.000012, "0.000001", "0.000012"),  # 0.00001212: bound and close share a tick
        (0.0004, "0.001", "0.001"),  # below one tick: never a price of zero
    ],
)
def test_limit_price_is_a_tick_at_most_one_percent_above_the_close(close, tick, limit):
    """Cut down to a tick in exact decimals, at least one tick."""
    batch = build(
        signals({"symbol": "AAA/USDT", "close": close}), approvals(AAA=True), ticks={"AAA/USDT": tick}
    )
    price = batch.signals[0].limit_price
    assert price == Decimal(limit)
    assert price % Decimal(tick) == 0


def test_set_id_is_a_function_of_versions_and_bar():
    """Deciding twice, later in the same bar, gives one set; other tables give another."""
    rows, verdicts = signals({"symbol": "AAA/USDT"}), approvals(AAA=True)
    first = build(rows, verdicts)
    again = build(rows, verdicts, at=AT + timedelta(minutes=7))
    assert first.signal_set_id == again.signal_set_id
    assert first.signal_set_id.startswith("set-")
    others = {
        build(rows, verdicts, names=("v-signals-2", "v-app-1")).signal_set_id,
        build(rows, verdicts, names=("v-signals-1", "v-app-2")).signal_set_id,
        build(
            signals({"symbol": "AAA/USDT", "open_time": NEWEST + BAR.delta}), verdicts, at=AT + BAR.delta
        ).signal_set_id,
    }
    assert len(others | {first.signal_set_id}) == 4
    assert first.versions == ("v-signals-1", "v-app-1")


def test_best_scores_go_first_and_the_rest_is_cut():
    """`max_signals` keeps the highest scores; equal scores are ordered by name."""
    names = [f"S{n}/USDT" for n in range(5)]
    scores = [0.2, 0.9, 0.5, 0.9, 0.1]
    rows = signals(*({"symbol": s, "score": x} for s, x in zip(names, scores, strict=True)))
    verdicts = approvals(**{name.split("/")[0]: True for name in names})
    batch = build(rows, verdicts, ticks=dict.fromkeys(names, "0.01"), rules=HandoverRules(max_signals=3))
    assert [signal.symbol for signal in batch.signals] == ["S1/USDT", "S3/USDT", "S2/USDT"]
    assert [signal.score for signal in batch.signals] == [0.9, 0.9, 0.5]


def test_exits_travel_with_the_signal():
    """Stop and target as exact fractions, the hold in market seconds: 16 bars of 900 s."""
    signal = build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True)).signals[0]
    assert signal.stop_loss == Decimal("0.04")
    assert signal.take_profit == Decimal("0.03")
    assert signal.max_hold_s == 14_400


def test_rules_that_are_off_stay_off():
    """No target is None and not 0; no time limit is one that nobody reaches."""
    exits = ExitRules(take_profit=None, max_hold_bars=None)
    signal = build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True), exits=exits).signals[0]
    assert signal.take_profit is None
    assert signal.max_hold_s > 10 * 365 * 86_400


def test_features_travel_as_numbers_and_missing_ones_do_not():
    """A null feature is a missing key; columns that are no features stay behind."""
    rows = signals({"symbol": "AAA/USDT", "f_rsi": 21.5, "f_gap": None, "regime": "calm"})
    assert build(rows, approvals(AAA=True)).signals[0].features == {"f_rsi": 21.5}


@pytest.mark.parametrize(("said", "carried"), [(0.5, 0.5), (None, None), (0.0, None), (2.0, None)])
def test_a_policys_size_travels_as_a_feature_and_nonsense_does_not(said, carried):
    """Part of the stake, in (0, 1]; where nobody said it, the whole."""
    rows = signals({"symbol": "AAA/USDT"}).with_columns(policy_size=pl.lit(said, pl.Float64))
    features = build(rows, approvals(AAA=True)).signals[0].features
    assert features.get("policy_size") == carried
    assert stake_share(features) == Decimal(repr(carried or 1.0))


def test_exits_of_reads_the_rules_that_a_backtest_was_made_with():
    """What the version's parameters say, None included."""
    rules = ExitRules(stop_loss=0.07, take_profit=None, max_hold_bars=5)
    params = params_json(
        {"ExitRules": {name: getattr(rules, name) for name in ExitRules.__dataclass_fields__}}
    )
    assert exits_of(version("backtest_results", "v-backtest_results-1", params)) == rules


EVERYTHING = ExitRules(
    0.05, None, trailing_stop=0.02, trailing_offset=0.03, max_hold_bars=None, use_exit_signal=True,
    ladder=((0, 0.06), (4, 0.02), (96, -0.01)),
)  # fmt: skip


@pytest.mark.parametrize("exits", [EXITS, EVERYTHING, replace(EXITS, trailing_stop=0.02)])
def test_every_rule_of_the_backtest_reaches_the_engine(exits: ExitRules):
    """Trailing stop, ladder, exit signals: what the engine reads back is what was tested."""
    batch = build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True), exits=exits, source="turtle@d-1")
    carried = from_json(to_json(batch)).signals[0]
    assert ExitRules.of_signal(carried, BAR.ms // 1000) == exits
    assert carried.exits.exit_source == ("turtle@d-1" if exits.use_exit_signal else "")
    assert carried.exits.timeframe == "15m"


def test_how_long_silence_is_borne_travels_with_the_signal():
    """As the settings say; the engine asks nobody else."""
    rules = HandoverRules(silence=SilenceRules(alert_after_bars=2, leave_after_bars=8))
    batch = build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True), rules=rules)
    terms = batch.signals[0].exits
    assert (terms.alert_after_bars, terms.leave_after_bars) == (2, 8)
    with pytest.raises(BadInput, match="alert_after_bars <= leave_after_bars, were 9, 8"):
        SilenceRules(alert_after_bars=9, leave_after_bars=8)


def test_exit_signals_of_nobody_are_refused():
    """Which strategy's signals end the trade must be known when it begins."""
    with pytest.raises(BadInput, match="source must say whose"):
        build(signals({"symbol": "AAA/USDT"}), approvals(AAA=True), exits=EVERYTHING)


def exits(judged, held, *rows: dict, at=AT):
    plain = {"is_entry": False, "is_exit": True}
    table = signals(*(plain | row for row in rows))
    return build_exit_set(
        (version("signals", "v-signals-1"), table), judged, held, "turtle@d-1", timeframe=BAR, at=at
    )


def test_a_set_of_exits_has_a_word_for_each_held_symbol_that_was_looked_at():
    """AAA leaves, BBB may stay; CCC is held and was not looked at, DDD says exit and nobody holds it."""
    batch = exits(
        {"AAA/USDT", "BBB/USDT", "DDD/USDT"},
        ["AAA/USDT", "BBB/USDT", "CCC/USDT"],
        {"symbol": "AAA/USDT"},
        {"symbol": "BBB/USDT", "open_time": NEWEST - BAR.delta},  # an older bar's exit is no news
        {"symbol": "DDD/USDT"},
    )
    assert [(word.symbol, word.signal_id) for word in batch.words] == [
        ("AAA/USDT", "sig-0"), ("BBB/USDT", None),
    ]  # fmt: skip
    assert batch.signals == ()
    assert (batch.exit_source, batch.bar_time) == ("turtle@d-1", NEWEST)
    assert batch.expires_at == NEWEST + BAR.delta * 25  # the bar's close and 24 bars


def test_a_set_of_exits_is_the_same_one_however_often_it_is_asked_for():
    """Version, bar and symbols make its id; another symbol held makes another set."""
    row = {"symbol": "AAA/USDT"}
    first = exits({"AAA/USDT", "BBB/USDT"}, ["AAA/USDT"], row)
    again = exits({"AAA/USDT", "BBB/USDT"}, ["AAA/USDT"], row, at=AT + timedelta(minutes=5))
    more = exits({"AAA/USDT", "BBB/USDT"}, ["AAA/USDT", "BBB/USDT"], row)
    assert first.signal_set_id == again.signal_set_id != more.signal_set_id


def test_nothing_held_or_nothing_looked_at_gives_no_set():
    """Silence is counted, not written."""
    assert exits({"AAA/USDT"}, [], {"symbol": "AAA/USDT"}) is None
    assert exits({"BBB/USDT"}, ["AAA/USDT"], {"symbol": "AAA/USDT"}) is None


def test_a_set_carries_clusters_and_betas_for_the_caps_of_the_fleet():
    """AAA is in cluster 4 with beta 1.3; BBB is in none and has no beta."""
    from tests.trading.execution.world import signal
    from trading.execution.fleet_book import beta_of
    from trading.execution.handover import with_groups
    from trading.market.orders import SignalSet

    batch = SignalSet("set-1", AT, AT, AT, "15m", (signal("AAA/USDT"), signal("BBB/USDT")))
    first, second = with_groups(batch, {"AAA/USDT": 4}, {"AAA/USDT": 1.3}).signals
    assert (first.cluster, beta_of(first.features)) == (4, Decimal("1.3"))
    assert (second.cluster, beta_of(second.features), second.features) == (-1, 1, {})


def test_approvals_under_rules_that_nobody_here_knows_are_refused():
    """A backtest of another release that sold in parts: one sentence that names it, no set."""
    told = {"ExitRules": {"stop_loss": 0.05, "sold_parts": [[0.02, 0.5]]}}
    results = version("backtest_results", "v-backtest_results-1", params_json(told))
    assert "do not carry: sold_parts" in (not_carried(results) or "")
    with pytest.raises(BadInput, match="sold_parts"):
        exits_of(results)
    del told["ExitRules"]["sold_parts"]
    assert not_carried(version("backtest_results", "v-backtest_results-1", params_json(told))) is None
