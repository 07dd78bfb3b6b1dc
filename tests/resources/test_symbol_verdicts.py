"""Verdicts on one symbol as of a moment: every rule, with the values and bounds of that moment."""

from dataclasses import asdict
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from resources.symbol_verdicts import Versions, judged_at
from tests.assets import tables
from trading.market.frames import CANDLES
from trading.market.listing import from_frame
from trading.screening.chain.run import DECISIONS
from trading.screening.filters import prefilter, screen, validate_markets
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake

FIRST, SECOND = tables.AT, tables.AT + timedelta(hours=1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    """Two passes an hour apart: the second asks for 500 times the volume, and for calmer prices."""
    lake, candles = Lake(tmp_path), CandleStore(tmp_path)
    candles.append("15m", _bars(), tag="t")
    sound, funnel = validate_markets(from_frame(tables.listing()))
    lake.publish("funnel_markets", funnel, key=["symbol"], at=FIRST)
    lake.publish("validated_markets", sound, key=["symbol"], at=FIRST)
    _pass(lake, candles, FIRST, ScreeningRules(min_bars=50, min_volatility=None, rsi_enabled=False))
    strict = ScreeningRules(min_quote_volume_24h=2.5e9, max_spread=0.001, rsi_enabled=False)
    _pass(lake, candles, SECOND, strict)
    return lake


def _bars() -> pl.DataFrame:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.003, 300)))
    rows = [
        ("AAA/USDT", tables.NEWEST - (299 - n) * tables.BAR, p, p, p, p, 1e4, 1e4 * p)
        for n, p in enumerate(close.tolist())
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def _pass(lake: Lake, candles: CandleStore, at: datetime, rules: ScreeningRules) -> None:
    about = {"key": ["symbol"], "at": at, "params": {"ScreeningRules": asdict(rules)}}
    looks = tables.tickers().with_columns(at=pl.lit(at).cast(pl.Datetime("ms", "UTC")))
    look = lake.publish("tickers", looks, key=["symbol"], at=at)
    markets = lake.latest("validated_markets")
    inputs = [markets.version_id, look.version_id]
    sound = lake.read("validated_markets")
    lake.publish("liquid_symbols", prefilter(sound, looks, rules, at=at), inputs=inputs, **about)
    bars = candles.last_bars("15m", 1000, until=at, symbols=["AAA/USDT"])
    lake.publish("screened_symbols", screen(bars, looks, rules, markets=sound), inputs=inputs, **about)


def judged(lake: Lake, at: datetime, symbol: str = "AAA/USDT") -> dict[tuple[str, str], dict]:
    found = judged_at(Versions(lake, at), CandleStore(lake.root), "15m", 1000, symbol)
    return {} if found is None else {(row["stage"], row["rule"]): row for row in found.to_dicts()}


def test_every_rule_is_told_with_the_bounds_of_its_own_pass(lake):
    """At the first pass all is well; the second failed volume and spread, and both are told."""
    first, second = judged(lake, FIRST + timedelta(minutes=30)), judged(lake, SECOND)
    assert first["prefilter", "volume"]["bound"] == 1e5
    assert all(row["is_ok"] for row in first.values())
    assert second["prefilter", "volume"]["bound"] == 2.5e9
    assert second["prefilter", "volume"]["value"] == 5e6
    failed = [key for key, row in second.items() if not row["is_ok"]]
    assert failed == [("prefilter", "volume"), ("prefilter", "spread"), ("screening", "volume")]
    assert second["prefilter", "spread"]["value"] == pytest.approx(0.2 / 100)
    assert second["prefilter", "spread"]["words"] == "spread is 0.002 of the price, above 0.001"


def test_the_screen_s_figures_are_those_of_the_stage_itself(lake):
    """What is measured again for one symbol is what the stage measured among all."""
    rows = judged(lake, FIRST)
    own = rows["screening", "bars"]
    assert (own["value"], own["bound"], own["is_ok"]) == (300.0, 50.0, True)
    recorded = lake.read("screened_symbols", lake.version_at("screened_symbols", SECOND).version_id)
    second = judged(lake, SECOND)["screening", recorded["rule"][0]]
    assert (second["value"], second["bound"]) == (recorded["value"][0], recorded["bound"][0])


def test_before_the_first_pass_nothing_was_judged(lake):
    """None, not an empty verdict."""
    assert judged(lake, FIRST - timedelta(minutes=1)) == {}


def test_who_never_came_to_a_stage_has_no_row_of_it(lake):
    """No candles were fetched of BBB: markets and prefilter alone."""
    assert {stage for stage, _ in judged(lake, SECOND, "BBB/USDT")} == {"markets", "prefilter"}


def test_filters_of_the_launchpad_are_told_with_the_threshold_they_met(lake):
    """Their decisions, of the same pass only: an hour later they no longer stand for the newer screen."""
    rows = [
        ("AAA/USDT", 1, "screening", "depth", True, 9.0, 5.0, None, "4 × 1.25 (turbulent) = 5"),
        ("AAA/USDT", 2, "screening", "news", False, 1.0, 0.0, "hack 2 h ago", None),
    ]
    lake.publish(
        "screening_decisions",
        pl.DataFrame(rows, schema=DECISIONS, orient="row"),
        key=["symbol", "step"],
        at=FIRST,
    )
    first = judged(lake, FIRST)
    assert first["screening", "depth"]["words"] == "4 × 1.25 (turbulent) = 5"
    assert (first["screening", "news"]["is_ok"], first["screening", "news"]["words"]) == (
        False,
        "hack 2 h ago",
    )
    assert ("screening", "news") not in judged(lake, SECOND)


def test_what_only_the_stage_knows_is_taken_from_its_record(lake):
    """The cap by volume is no rule of the chain: its verdict is added as it was written down."""
    rules = ScreeningRules(max_survivors=1, references=())
    sound, looks = lake.read("validated_markets"), lake.read("tickers")
    looks = looks.with_columns(volume_quote_24h=pl.Series([4e6, 3e6, 2e6, 1e6]))
    look = lake.publish("tickers", looks, key=["symbol"], at=SECOND)
    lake.publish(
        "liquid_symbols",
        prefilter(sound, looks, rules, at=SECOND),
        key=["symbol"],
        at=SECOND,
        inputs=[lake.latest("validated_markets").version_id, look.version_id],
        params={"ScreeningRules": asdict(rules)},
    )
    row = judged(lake, SECOND, "BBB/USDT")["prefilter", "rank"]
    assert (row["value"], row["bound"], row["is_ok"]) == (2.0, 1.0, False)
    assert row["words"] == "rank 2 by 24 h volume, beyond the 1 that candles are fetched for"
