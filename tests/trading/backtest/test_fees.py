"""Fees of a markets file: maker or taker, dated, in base or in another asset; worked out by hand."""

import json
from pathlib import Path

import polars as pl
import pytest

from trading.backtest.candle_file import candle_file, read_markets
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy_file import parse_strategy
from trading.market.errors import BadInput

DAY = 86_400_000
# The signal is bar 1 (close 90), entry at 100 in bar 2; bar 3 passes the target, or the stop of 98.
UP = [(100, 100, 100, 100), (100, 100, 90, 90), (100, 101, 99, 100), (100, 110, 99, 110)]
DOWN = [*UP[:3], (100, 100, 90, 95)]


def _replay(bars: list[tuple], market: dict, tmp_path: Path, *, more: str = "", **options):
    path = tmp_path / "markets.json"
    path.write_text(json.dumps({"A/USDT": {"tick": 0.01, "step": 0.01, **market}}))
    rows = [("A/USDT", place * DAY, *prices, 1e6) for place, prices in enumerate(bars)]
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    text = f"""[entry]
when = "close == 90"
[risk]
stoploss = 0.02
roi = {{ "0" = 0.05 }}
[stake]
amount = 100
[costs]
fee = 0.002
half_spread = 0
slippage = 0
impact = 0
{more}"""
    frame = pl.DataFrame(rows, schema=names, orient="row", strict=False)
    found = replay(candle_file(frame), parse_strategy(text), markets=read_markets(path), **options)
    return found.trades.row(0, named=True)


def test_the_market_s_taker_goes_before_the_strategy_s_fee_and_the_option_before_both(tmp_path: Path) -> None:
    """Stop at 98: 98 × (1 - f) / (100 × (1 + f)) - 1 for f = 0.002, 0.001 and 0.004."""
    for market, options, fee in [({}, {}, 0.002), ({"taker": 0.001}, {}, 0.001)]:
        trade = _replay(DOWN, market, tmp_path, **options)
        assert trade["profit_ratio"] == pytest.approx(98 * (1 - fee) / (100 * (1 + fee)) - 1, abs=1e-12)
    trade = _replay(DOWN, {"taker": 0.001}, tmp_path, fee=0.004)
    assert trade["profit_ratio"] == pytest.approx(98 * 0.996 / 100.4 - 1, abs=1e-12)


def test_a_resting_target_pays_the_maker_s_fee_and_no_spread(tmp_path: Path) -> None:
    """Target of 5 % after 0.1 % in and nothing out: 100 × 1.05 × 1.001 = 105.105, up to 105.11."""
    market, more = {"maker": 0.0, "taker": 0.001}, 'target_order = "limit"\n'
    trade = _replay(UP, market, tmp_path, more=more)
    assert (trade["exit_reason"], trade["close_rate"]) == ("roi", 105.11)
    assert trade["profit_ratio"] == pytest.approx(105.11 / 100.1 - 1, abs=1e-12)
    stopped = _replay(DOWN, market, tmp_path, more=more)
    assert stopped["profit_ratio"] == pytest.approx(98 * 0.999 / 100.1 - 1, abs=1e-12)


def test_fees_are_those_of_the_day(tmp_path: Path) -> None:
    """Bought on 3 January under 0.1 %, sold on 4 January under 0.3 %."""
    fees = [
        {"from": "1970-01-01", "maker": 0.001, "taker": 0.001},
        {"from": "1970-01-04", "taker": 0.003},
    ]
    trade = _replay(DOWN, {"fees": fees}, tmp_path)
    assert trade["profit_ratio"] == pytest.approx(98 * 0.997 / 100.1 - 1, abs=1e-12)


def test_a_fee_in_base_shrinks_what_can_be_sold_and_leaves_dust(tmp_path: Path) -> None:
    """1 bought, 0.4 % of it taken: 0.996 arrive, 0.99 are sold at 98 less 0.4 %, 0.006 stay behind."""
    trade = _replay(DOWN, {"taker": 0.004, "fee_asset": "base"}, tmp_path)
    assert (trade["amount"], trade["close_rate"]) == (1.0, 98.0)
    assert trade["dust"] == pytest.approx(0.006, abs=1e-12)
    assert trade["profit_ratio"] == pytest.approx(0.99 * 98 * 0.996 / 100 - 1, abs=1e-12)


def test_an_asset_with_a_discount_makes_the_fee_smaller(tmp_path: Path) -> None:
    """0.1 % less a fifth, paid in MX: 0.08 % of the value on both sides, nothing of what was bought."""
    market = {"taker": 0.001, "fee_asset": "MX", "fee_discount": 0.2}
    trade = _replay(DOWN, market, tmp_path)
    assert trade["profit_ratio"] == pytest.approx(98 * 0.9992 / 100.08 - 1, abs=1e-12)
    assert trade["dust"] == 0


def test_freqtrade_takes_the_worse_fee_of_the_first_market_on_both_sides(tmp_path: Path) -> None:
    """98 × 0.997 / (100 × 1.003) - 1 with maker 0.3 % and taker 0.1 %."""
    trade = _replay(DOWN, {"maker": 0.003, "taker": 0.001}, tmp_path, mode=Mode.FREQTRADE)
    assert trade["exit_reason"] == "stop_loss"
    assert trade["profit_ratio"] == pytest.approx(98 * 0.997 / 100.3 - 1, abs=1e-9)


WRONG = [
    ({"taker": 1}, "taker of A/USDT must be a number in [0, 1), was 1"),
    ({"maker": "cheap"}, "maker of A/USDT must be a number in [0, 1), was 'cheap'"),
    ({"fee_discount": -1}, "fee_discount of A/USDT must be a number in [0, 1), was -1"),
    ({"fees": [{"from": "soon", "taker": 0}]}, "need from = \"2026-01-01\" (UTC), was 'soon'"),
    ({"fees": [{"taker": 0}]}, 'need from = "2026-01-01" (UTC), was None'),
    ({"fees": [{"from": "2026-01-01"}]}, "need maker or taker, which are missing"),
    ({"fees": [{"from": "2026-01-01", "taker": 0}] * 2}, "begin twice at 2026-01-01"),
    ({"fees": {"from": 1}}, "must be a list of {from, maker, taker}"),
    ({"fees": [{"until": 1}]}, "unknown key 'until'"),
    ({"fee_asset": 3}, 'fee_asset of A/USDT must be "quote", "base" or a name, was 3'),
    ({"tacker": 0}, "unknown key 'tacker'"),
]


@pytest.mark.parametrize(("market", "says"), WRONG, ids=[says[:40] for _, says in WRONG])
def test_a_markets_file_that_cannot_be_meant_is_one_sentence(market: dict, says: str, tmp_path: Path) -> None:
    """Symbol, key, bound and value."""
    path = tmp_path / "markets.json"
    path.write_text(json.dumps({"A/USDT": market}))
    with pytest.raises(BadInput) as error:
        read_markets(path)
    assert says in str(error.value)
