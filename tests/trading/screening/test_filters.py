from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from trading.market.frames import FUNNEL, MARKETS, TICKERS, empty
from trading.screening.filters import prefilter, survivors, validate_markets
from trading.screening.rules import PRESETS, ScreeningRules

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _rules(funnel: pl.DataFrame) -> dict[str, str]:
    return dict(zip(funnel["symbol"].to_list(), funnel["rule"].to_list(), strict=True))


def test_scannable_and_tradable_are_two_flags(market):
    """A pair closed to API orders stays usable; the frame and the reason say so."""
    kept, funnel = validate_markets([market("BTC", is_api_tradable=False), market("ETH")])
    assert kept["symbol"].to_list() == ["BTC/USDT", "ETH/USDT"]
    assert kept["is_api_tradable"].to_list() == [False, True]
    assert "orders by API are not open" in funnel["reason"][0]
    assert funnel["reason"][1] == "passed every rule"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"status": "2", "is_scannable": False}, "status"),
        ({"status": "odd", "is_scannable": False}, "status"),
        ({"tick": Decimal(0)}, "tick"),
        ({"step": Decimal("-0.1")}, "step"),
        ({"base": "USDT"}, "assets"),
        ({"min_cost": Decimal(10), "max_cost": Decimal(5)}, "cost"),
        ({"taker_fee": Decimal("0.2")}, "fee"),
    ],
)
def test_each_rejected_market_has_its_reason(market, changes, rule):
    """No pair disappears without a word."""
    kept, funnel = validate_markets([market("BAD", **changes), market("ETH")])
    assert kept["symbol"].to_list() == ["ETH/USDT"]
    bad = funnel.row(0, named=True)
    assert (bad["rule"], bad["is_kept"]) == (rule, False)
    assert bad["reason"] != "passed every rule"


def test_a_symbol_listed_twice_is_kept_once(market):
    """Two truths about one pair: the first stands."""
    kept, funnel = validate_markets([market("ETH"), market("ETH")])
    assert len(kept) == 1
    assert funnel["rule"].to_list() == ["passed", "duplicate"]


def test_no_markets_give_empty_frames():
    """An empty venue is an answer."""
    kept, funnel = validate_markets([])
    assert kept.schema == pl.Schema(MARKETS)
    assert funnel.schema == pl.Schema(FUNNEL)


@pytest.mark.parametrize(
    ("look", "rule"),
    [
        ({"volume_quote_24h": 99_999.0}, "volume"),
        ({"volume_quote_24h": None}, "volume"),
        ({"bid": 99.0, "ask": 100.0}, "spread"),
        ({"bid": 0.0}, "ticker"),
        ({"bid": 101.0, "ask": 100.0}, "ticker"),
        ({"last": 0.0}, "ticker"),
        ({"at": AT - timedelta(seconds=901)}, "age"),
        ({"volume_quote_24h": 100_000.0}, "passed"),
        ({"at": AT - timedelta(seconds=900)}, "passed"),
    ],
)
def test_one_look_drops_a_market_by_the_rule_it_fails(markets, tickers, look, rule):
    """Each rule at and beyond its default bound."""
    funnel = prefilter(markets("AAA"), tickers({"AAA/USDT": look}), ScreeningRules(), at=AT)
    assert _rules(funnel) == {"AAA/USDT": rule}


def test_value_and_bound_of_a_dropped_market_are_kept(markets, tickers):
    """(ask - bid) / mid = 1 / 99.5, held against 0.005."""
    funnel = prefilter(markets("AAA"), tickers({"AAA/USDT": {"bid": 99.0, "ask": 100.0}}), ScreeningRules())
    row = funnel.row(0, named=True)
    assert row["value"] == pytest.approx(1 / 99.5)
    assert row["bound"] == 0.005
    assert row["reason"] == "spread is 0.0100503 of the price, above 0.005"


def test_facts_of_the_market_drop_it_before_its_quote(market, tickers):
    """Other quote currency, closed API, leveraged token, never quoted."""
    frame, _ = validate_markets(
        [
            market("AAA", "EUR"),
            market("BBB", is_api_tradable=False),
            market("BTC3L"),
            market("DDD"),
            market("S"),
        ]
    )
    looks = {symbol: {} for symbol in ("AAA/EUR", "BBB/USDT", "BTC3L/USDT", "S/USDT")}
    funnel = prefilter(frame, tickers(looks), ScreeningRules())
    assert _rules(funnel) == {
        "AAA/EUR": "quote",
        "BBB/USDT": "api",
        "BTC3L/USDT": "excluded",
        "DDD/USDT": "ticker",
        "S/USDT": "passed",
    }


def test_survivors_are_capped_by_volume_with_their_rank(markets, tickers):
    """Four candidates, room for two: the two most traded stay, the others say their rank."""
    looks = {
        f"{base}/USDT": {"volume_quote_24h": volume}
        for base, volume in zip("ABCD", (3e5, 9e5, 5e5, 7e5), strict=True)
    }
    funnel = prefilter(markets(*"ABCD"), tickers(looks), ScreeningRules(max_survivors=2))
    assert survivors(funnel) == ["B/USDT", "D/USDT"]
    dropped = funnel.filter(~pl.col("is_kept"))
    assert dropped.select("symbol", "rule", "value", "bound").rows() == [
        ("C/USDT", "rank", 3.0, 2.0),
        ("A/USDT", "rank", 4.0, 2.0),
    ]
    assert dropped["reason"][0] == "rank 3 by 24 h volume, beyond the 2 that candles are fetched for"


def test_a_reference_survives_whatever_its_numbers_and_takes_a_place(market, tickers):
    """The regime reads BTC even where BTC may not be traded by API; the cap still holds."""
    frame, _ = validate_markets([market("BTC", is_api_tradable=False), market("A"), market("B")])
    looks = {"BTC/USDT": {"volume_quote_24h": 1.0}, "A/USDT": {"volume_quote_24h": 2e6}, "B/USDT": {}}
    funnel = prefilter(frame, tickers(looks), ScreeningRules(max_survivors=2))
    assert survivors(funnel) == ["BTC/USDT", "A/USDT"]
    assert funnel.filter(pl.col("symbol") == "B/USDT")["value"].item() == 3.0


def test_every_market_gets_exactly_one_row(market, tickers):
    """The funnel's in is the number of markets, whatever happens to them."""
    frame, _ = validate_markets([market(f"C{number}") for number in range(50)])
    looks = tickers({f"C{number}/USDT": {"volume_quote_24h": 5e4 * number} for number in range(0, 50, 2)})
    funnel = prefilter(frame, pl.concat([looks, looks]), ScreeningRules(max_survivors=5), at=AT)
    assert sorted(funnel["symbol"].to_list()) == sorted(frame["symbol"].to_list())
    assert len(survivors(funnel)) == 5


def test_the_newest_look_counts(markets, tickers):
    """Tickers are appended; an old look must not speak for today."""
    old = tickers({"A/USDT": {"volume_quote_24h": 1.0, "at": AT - timedelta(hours=3)}})
    funnel = prefilter(markets("A"), pl.concat([tickers({"A/USDT": {}}), old]), ScreeningRules(), at=AT)
    assert survivors(funnel) == ["A/USDT"]


def test_the_owners_rules_ask_for_a_hundred_and_no_spread(markets, tickers):
    """Volume 100 passes, 99 falls; a wide spread does not matter."""
    looks = {"A/USDT": {"volume_quote_24h": 100.0, "bid": 50.0}, "B/USDT": {"volume_quote_24h": 99.0}}
    funnel = prefilter(markets("A", "B"), tickers(looks), PRESETS["owner"])
    assert _rules(funnel) == {"A/USDT": "passed", "B/USDT": "volume"}


def test_no_market_and_no_ticker_give_an_empty_funnel(markets):
    """Nothing in, nothing out, no error."""
    assert prefilter(empty(MARKETS), empty(TICKERS), ScreeningRules()).schema == pl.Schema(FUNNEL)
    assert _rules(prefilter(markets("A"), empty(TICKERS), ScreeningRules())) == {"A/USDT": "ticker"}


def test_young_listing_costs_no_request(market, tickers):
    """Listed a day ago with two needed: out, measured and told; unknown age and exactly two days stay."""
    markets, _ = validate_markets([market("NEW"), market("OLD"), market("DARK")])
    looks = tickers({symbol: {} for symbol in ("NEW/USDT", "OLD/USDT", "DARK/USDT")})
    rules = ScreeningRules(references=(), min_listed_days=2.0)
    listed = {"NEW/USDT": AT - timedelta(days=1), "OLD/USDT": AT - timedelta(days=2)}
    funnel = prefilter(markets, looks, rules, at=AT, listed=listed)
    assert set(survivors(funnel)) == {"OLD/USDT", "DARK/USDT"}
    young = funnel.filter(pl.col("symbol") == "NEW/USDT").row(0, named=True)
    assert (young["rule"], young["value"], young["bound"]) == ("young", 1.0, 2.0)
    assert len(survivors(prefilter(markets, looks, rules, listed=listed))) == 3
