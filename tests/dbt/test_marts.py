"""The marts say what the raw tables hold, exist before there is data, and their tests can fail."""

import pytest

MARKETS = """
create table raw.validated_markets as select * from (values
    ('mkt-1', 'AAA/USDT', 'AAAUSDT', 'AAA', true, 'Alpha (planted edge)'),
    ('mkt-2', 'BBB/USDT', 'BBBUSDT', 'BBB', false, 'Beta')
) as t(lineage_id, symbol, exchange_id, base, is_api_tradable, full_name),
    (select 'USDT' as quote, '1' as status, true as is_scannable, 0.01 as tick, 0.1 as step,
        0.0 as min_amount, 1.0 as min_cost, 0.0 as maker_fee, 0.0005 as taker_fee)
"""
FUNNEL = """
create table raw.{name} as select * from (values {rows})
    as t(symbol, stage, rule, is_kept, value, bound, reason)
"""
LISTED = """
    ('AAA/USDT', 'markets', 'passed', true, null::double, null::double, 'passed every rule'),
    ('BBB/USDT', 'markets', 'passed', true, null, null, 'passed every rule'),
    ('CCC/USDT', 'markets', 'status', false, 2.0, 1.0, 'is halted')
"""
LIQUID = """
    ('AAA/USDT', 'prefilter', 'passed', true, null::double, null::double, 'passed every rule'),
    ('BBB/USDT', 'prefilter', 'min_quote_volume_24h', false, 0.0, 100.0, 'volume 0 is under 100')
"""
SCREENED = "('AAA/USDT', 'screening', 'passed', true, null::double, null::double, 'passed every rule')"
BACKTESTS = """
create table raw.backtest_results as select
    'bt-1' as lineage_id, 'AAA/USDT' as symbol, 1000 as bars, timestamptz '2026-01-01 00:00Z' as first_bar,
    timestamptz '2026-01-11 00:00Z' as last_bar, 10 as trades, 6 as distinct_days, 0.6 as win_rate,
    0.12 as total_return, 0.08 as total_return_2x_costs, 0.012 as mean_return, 0.01 as p_value,
    null::double as profit_factor, 0.03 as max_drawdown, 2.1 as sharpe, 2.9 as sortino, 0.2 as exposure,
    0.01 as buy_and_hold, 0.99 as random_percentile
"""
APPROVALS = """
create table raw.approved_symbols as select 'app-1' as lineage_id, 'AAA/USDT' as symbol, true as is_approved,
    null::varchar as failed_rule, 'passed every rule' as reason, 0.01 as score, 'bt-1' as backtest_id
"""
SIGNALS = """
create table raw.signals as select 'sig-1' as lineage_id, 'AAA/USDT' as symbol,
    timestamptz '2026-01-11 00:00Z' as open_time, true as is_entry, false as is_exit,
    2.0 as close, 0.7 as score, null::double as probability, 'calm' as regime,
    'RSI 21 under 30' as reason, 'scr-1' as screening_id,
    null::varchar as model_id
"""
USERS = """
create table raw.users as select * from (values
    ('u1', 'Ada', 'paper', 1000.0, false), ('u2', 'Bo', 'paper', 500.0, false))
    as t(user_id, name, mode, capital, is_paused)
"""
INTENTS = """
create table raw.intents as select * from (values
    ('int-1', 'coid-open', 'open', 'buy', 'DONE'), ('int-2', 'coid-close', 'close', 'sell', 'DONE'))
    as t(intent_id, coid, leg, side, status),
    (select 'trd-1' as trade_id, 'u1' as user_id, 'set-1' as signal_set_id, 'sig-1' as signal_id,
        'AAA/USDT' as symbol, 'limit' as type, 50.0 as amount, 2.0 as price, 50.0 as filled,
        100.0 as filled_cost, null::varchar as reason, timestamptz '2026-01-11 00:15Z' as created_at)
"""
# Bought 50 at 2.00 with a fee of 0.05 USDT; sold 50 at 2.20 with a fee of 0.055: 110 - 100 - 0.105 = 9.895.
FILLS = """
create table raw.fills as select * from (values
    ('f1', 'o1', 'coid-open', 'buy', 2.0, 50.0, 100.0, 0.05, timestamptz '2026-01-11 00:15:01Z'),
    ('f2', 'o2', 'coid-close', 'sell', 2.2, 50.0, 110.0, 0.055, timestamptz '2026-01-11 01:15:01Z'))
    as t(fill_id, order_id, coid, side, price, amount, cost, fee, "at"),
    (select 'u1' as user_id, 'trd-1' as trade_id, 'AAA/USDT' as symbol, 'USDT' as fee_asset,
        true as is_maker), lateral (select fee as fee_quote)
"""
TRADES = """
create table raw.closed_trades as select 'trd-1' as trade_id, 'u1' as user_id, 'sig-1' as signal_id,
    'app-1' as approval_id, 'set-1' as signal_set_id, 'AAA/USDT' as symbol,
    timestamptz '2026-01-11 00:15:01Z' as open_at, timestamptz '2026-01-11 01:15:01Z' as close_at,
    50.0 as amount, 2.0 as open_price, 2.2 as close_price, 0.105 as fees_quote, {pnl} as pnl_quote,
    {pnl} / 100 as profit_ratio, 'take_profit' as exit_reason, 'paper' as mode
"""
SKIPS = """
create table raw.skips as select 'set-1' as signal_set_id, 'sig-1' as signal_id, 'u2' as user_id,
    'AAA/USDT' as symbol, 'max_positions' as rule, 'holds 3 of 3' as reason,
    timestamptz '2026-01-11 00:15Z' as "at"
"""


COMPARED = """
create table raw.live_against_backtest as select '(fleet)' as user_id, 'paper' as mode, 2 as offered,
    2 as ordered, 1 as filled, 0.5 as fill_rate, 1 as rejected, 1 as missed, 1 as trades, 1 as decisions,
    1.0 as hit_rate, 0.6 as expected_hit_rate, 0.1 as mean_return, 0.012 as expected_return,
    9.895 as mean_pnl_quote, 3600.0 as mean_hold_s, 7200.0 as expected_hold_s, 0.001 as entry_slippage,
    0.0005 as expected_slippage, {drift}::varchar as drift, 1 as drift_days, 0.088 as drift_difference,
    null::double as drift_bound, 'too few: 1 decisions on 1 days' as drift_words
"""


def fill(marts, pnl: float = 9.895) -> None:
    marts.write(
        MARKETS,
        FUNNEL.format(name="funnel_markets", rows=LISTED),
        FUNNEL.format(name="liquid_symbols", rows=LIQUID),
        FUNNEL.format(name="screened_symbols", rows=SCREENED),
        BACKTESTS,
        APPROVALS,
        SIGNALS,
        USERS,
        INTENTS,
        FILLS,
        TRADES.format(pnl=pnl),
        SKIPS,
        COMPARED.format(drift="'too few'"),
    )


@pytest.fixture
def built(marts):
    """A small warehouse with one trade, built."""
    fill(marts)
    statuses = marts.build()
    assert set(statuses.values()) <= {"success", "pass"}, statuses
    return marts


def test_marts_tell_the_one_trade_from_symbol_to_user(built):
    """Figures worked out by hand above, through every mart."""
    (alpha, beta, gamma) = built.read("select * from marts.dim_symbols order by symbol")
    assert (alpha["is_approved"], alpha["is_planted_edge"], alpha["last_stage"]) == (True, True, "approval")
    assert (beta["last_stage"], beta["last_reason"]) == ("prefilter", "volume 0 is under 100")
    assert (gamma["is_valid"], gamma["last_stage"]) == (False, "markets")

    (trade,) = built.read("select * from marts.fct_trades")
    assert trade["pnl_quote"] == pytest.approx(9.895)
    assert trade["pnl_recounted_quote"] == pytest.approx(9.895)
    assert (trade["held_s"], trade["orders"], trade["fills"]) == (3600, 2, 2)

    ada, bo = built.read("select * from marts.mart_user_performance order by user_id")
    assert (ada["closed_trades"], ada["winners"], ada["orders_sent"]) == (1, 1, 2)
    assert ada["return_on_capital_fraction"] == pytest.approx(0.009895)
    assert ada["profit_factor"] is None
    assert (bo["closed_trades"], bo["pnl_quote"], bo["signals_skipped"]) == (0, 0.0, 1)

    assert built.read("select count(*) as n from marts.fct_funnel")[0]["n"] == 7
    assert built.read("select failed_rule, is_approved from marts.fct_backtests") == [
        {"failed_rule": None, "is_approved": True}
    ]


def test_marts_exist_and_are_empty_before_anything_was_written(marts):
    """The first pass has no order log; people and the UI find tables, not errors."""
    statuses = marts.build("--exclude", "test_type:unit")
    assert set(statuses.values()) <= {"success", "pass"}, statuses
    for mart in (
        "dim_symbols",
        "fct_funnel",
        "fct_signals",
        "fct_backtests",
        "fct_trades",
        "mart_user_performance",
        "mart_live_against_backtest",
        "mart_missed_trades",
        "mart_slippage_by_place",
    ):
        assert marts.read(f"select count(*) as n from marts.{mart}") == [{"n": 0}]


def test_a_profit_that_does_not_add_up_fails_the_build(marts):
    """The arithmetic test compares the order log's sum with one counted anew from the fills."""
    fill(marts, pnl=10.5)
    statuses = marts.build("--select", "+fct_trades", "--exclude", "test_type:unit")
    assert statuses["pnl_is_sold_minus_bought_minus_fees"] == "fail"


def test_a_drift_without_its_bound_fails_the_build(marts):
    """Who says drift shows by how much chance was passed."""
    marts.write(USERS, COMPARED.format(drift="'drift'"))
    statuses = marts.build("--select", "+mart_live_against_backtest", "--exclude", "test_type:unit")
    assert statuses["a_drift_shows_its_bound"] == "fail"


def test_a_raw_table_that_lost_a_column_is_loud(marts):
    """Missing tables are early days; a missing column is drift and stops the build."""
    marts.write(USERS.replace("mode", "modus"))
    statuses = marts.build("--select", "stg_live__users", "--exclude", "test_type:unit")
    assert statuses["stg_live__users"] == "error"


def test_views_still_answer_after_the_file_was_swapped_in(marts, monkeypatch):
    """The line builds a working copy and renames it; views must not name the file they were born in."""
    published = marts.path
    marts.path = published.with_suffix(".building.duckdb")
    monkeypatch.setenv("SLUICE_DBT_DATABASE", str(marts.path))
    marts.write("create schema raw", USERS)
    marts.build("--select", "stg_live__users", "--exclude", "test_type:unit")
    marts.path = marts.path.replace(published)
    assert marts.read("select user_name from staging.stg_live__users order by 1") == [
        {"user_name": "Ada"},
        {"user_name": "Bo"},
    ]
