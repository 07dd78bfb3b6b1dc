"""The exits of a trade in the log: the rules it was entered with, its peak, and what research said."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.trading.store.order_log.conftest import START, make_set, make_signal
from tests.trading.store.order_log.rows import AT_MS, fill, intent, order
from trading.market.errors import BadInput
from trading.market.exit_terms import ExitTerms
from trading.market.orders import ExitWord, OrderStatus, Side
from trading.store.order_log.exit_states import ExitState
from trading.store.order_log.records import Leg
from trading.store.order_log.signal_sets import from_json, to_json

TERMS = ExitTerms(
    timeframe="15m",
    trailing_stop=Decimal("0.02"),
    ladder=((0, Decimal("0.06")), (1800, Decimal("0.01"))),
    exit_source="turtle@d-1",
)


@pytest.fixture
def log(log_with_set):
    return log_with_set


EXITS = "set-00000000000000ee-0000000000ee"


def exit_set(log, *words, set_id=EXITS, source="turtle@d-1", bars=0):
    batch = replace(
        make_set(set_id=set_id),
        signals=(),
        words=words,
        exit_source=source,
        bar_time=START + timedelta(minutes=15 * bars),
    )
    return log.write_signal_set(batch)


def bought(log, exits=TERMS, at=START + timedelta(minutes=4)):
    """One position of 1 AAA, entered 4 minutes into a bar."""
    plan = intent(exits=exits, take_profit=None, amount=Decimal(1))
    assert log.orders.plan_entries("u1", "set-1", [plan], [], place=0, at_ms=AT_MS)
    log.orders.mark_sent("c1")
    state = order("O1", "c1", OrderStatus.FILLED, "1", "1")
    log.ledger.book("c1", state, [fill("f1", at=at)], at_ms=AT_MS)
    return log.ledger.get("trd-1")


def test_a_set_carries_its_terms_and_words_through_text():
    """What `to_json` writes is read back; a set from before there were any reads as plain."""
    batch = replace(
        make_set(make_signal(exits=TERMS, take_profit=None)),
        words=(ExitWord("AAA/USDT", "sig-9"), ExitWord("BBB/USDT", None)),
        exit_source="turtle@d-1",
    )
    assert from_json(to_json(batch)) == batch
    old = json.loads(to_json(make_set()))
    for name in ("words", "exit_source"):
        del old[name]
    del old["signals"][0]["exits"]
    assert from_json(json.dumps(old)) == make_set()


def test_a_trade_keeps_the_rules_it_was_entered_with(log):
    """They are in intent and trade; the first rung is the target; ages count from the entry bar's open."""
    trade = bought(log)
    assert log.orders.get("c1").exits == TERMS
    assert trade.exits == TERMS
    assert trade.target_price == Decimal(106)
    assert trade.deadline_ms == AT_MS + 3600 * 1000  # 12:00 + 1 h, although it was bought at 12:04


def test_without_bars_the_longest_hold_counts_from_the_execution(log):
    """As sets from before carry it: 12:04 + 1 h."""
    trade = bought(log, exits=ExitTerms())
    assert trade.deadline_ms == AT_MS + (4 * 60 + 3600) * 1000
    assert log.orders.get("c1").exits == ExitTerms()


def test_a_set_of_exits_is_offered_to_nobody_and_its_words_are_kept(log):
    """`live` names sets of entries only; words come back with their bar, oldest first."""
    assert exit_set(log, ExitWord("AAA/USDT", None), set_id=EXITS, bars=1)
    assert exit_set(log, ExitWord("AAA/USDT", "sig-9"), set_id=EXITS.replace("ee", "ef"), bars=2)
    assert not exit_set(log, ExitWord("AAA/USDT", "sig-other"), set_id=EXITS, bars=1)
    assert log.sets.live(AT_MS) == ["set-1"]
    told = [(word.signal_id, word.bar_ms - AT_MS) for word in log.exits.words_since_bar(AT_MS)]
    assert told == [(None, 900_000), ("sig-9", 1_800_000)]
    assert [word.signal_id for word in log.exits.words_since_bar(AT_MS + 1_800_000)] == ["sig-9"]
    both = log.exits.open_sets(AT_MS)
    assert both == {EXITS, EXITS.replace("ee", "ef")}
    assert len(log.exits.words_of(both)) == 2
    assert log.exits.words_of(set()) == []
    assert log.exits.open_sets(AT_MS + 10**9) == set()


def test_words_without_their_source_are_refused(log):
    """An exit signal of nobody knows would end trades of everybody."""
    with pytest.raises(BadInput, match="exit_source must be named"):
        exit_set(log, ExitWord("AAA/USDT", "sig-9"), source="")


def test_symbols_are_held_by_the_strategy_whose_exits_they_wait_for(log):
    """Not by another one, and not of a bar that closed before the entry."""
    bought(log)
    later = AT_MS + 10 * 60_000
    assert log.exits.held_by_source("turtle@d-1", later) == ["AAA/USDT"]
    assert log.exits.held_by_source("turtle@d-2", later) == []
    assert log.exits.held_by_source("turtle@d-1", AT_MS + 4 * 60_000) == []


def test_peak_and_first_exit_signal_are_kept_beside_each_other(log):
    """A later peak replaces the earlier one; the first signal that told the trade to leave stays."""
    bought(log)
    log.exits.raise_peaks([ExitState("trd-1", "u1", peak=Decimal("103.5"), seen_ms=AT_MS + 900_000)])
    for signal_id in ("sig-9", "sig-10"):
        log.exits.tell([ExitState("trd-1", "u1", exit_signal_id=signal_id, exit_set_id=EXITS, told_ms=5)])
    log.exits.raise_peaks([ExitState("trd-1", "u1", peak=Decimal(104), seen_ms=AT_MS + 1_800_000)])
    expected = ExitState("trd-1", "u1", Decimal(104), AT_MS + 1_800_000, "sig-9", EXITS, 5)
    assert log.exits.of_open_trades() == {"trd-1": expected}
    assert log.exits.get("trd-1") == expected
    assert log.exits.get("trd-2") is None


def test_what_a_closed_trade_remembered_is_not_read_at_every_look(log):
    """It stays in the log for whoever asks by name."""
    bought(log)
    log.exits.raise_peaks([ExitState("trd-1", "u1", peak=Decimal(101), seen_ms=AT_MS)])
    plan = intent(coid="x1", intent_id="int-x1", leg=Leg.CLOSE, side=Side.SELL, amount=Decimal(1))
    log.orders.plan_close(replace(plan, attempt=1, exit_reason="trailing_stop"))
    log.orders.mark_sent("x1")
    state = order("O2", "x1", OrderStatus.FILLED, "1", "1", side="sell")
    log.ledger.book("x1", state, [fill("f2", "O2", side="sell")], at_ms=AT_MS)
    assert log.exits.of_open_trades() == {}
    assert log.exits.get("trd-1") is not None
