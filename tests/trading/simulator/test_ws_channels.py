"""Which stream names exist."""

import pytest

from trading.simulator.ws_channels import Kind, parse_channel, zone_offset_ms


@pytest.mark.parametrize(
    ("name", "kind", "symbol", "detail"),
    [
        ("spot@public.kline.v3.api.pb@BTCUSDT@Min1", Kind.KLINE, "BTCUSDT", "Min1"),
        ("spot@public.kline.v3.api.pb@BTCUSDT@Hour8", Kind.KLINE, "BTCUSDT", "Hour8"),
        ("spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT", Kind.DEALS, "BTCUSDT", "10ms"),
        ("spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT", Kind.BOOK_TICKER, "BTCUSDT", "100ms"),
        ("spot@public.bookTicker.batch.v3.api.pb@BTCUSDT", Kind.BOOK_TICKER_BATCH, "BTCUSDT", ""),
        ("spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT", Kind.DEPTH, "BTCUSDT", "100ms"),
        ("spot@public.limit.depth.v3.api.pb@BTCUSDT@20", Kind.LIMIT_DEPTH, "BTCUSDT", "20"),
        ("spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8", Kind.MINI_TICKER, "BTCUSDT", "UTC+8"),
        ("spot@public.miniTickers.v3.api.pb@24H", Kind.MINI_TICKERS, "", "24H"),
        ("spot@private.orders.v3.api.pb", Kind.ORDERS, "", ""),
        ("spot@private.deals.v3.api.pb", Kind.FILLS, "", ""),
        ("spot@private.account.v3.api.pb", Kind.ACCOUNT, "", ""),
    ],
)
def test_streams_of_the_docs_are_known(name, kind, symbol, detail):
    """Every stream of MEXC's page is understood."""
    assert parse_channel(name) == (name, kind, symbol, detail)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@",
        "spot",
        "spot@public.kline.v3.api@BTCUSDT@Min1",  # the JSON streams of old are blocked
        "spot@public.increase.depth.v3.api.pb@BTCUSDT",  # measured: refused
        "spot@public.kline.v3.api.pb@BTCUSDT@Min3",
        "spot@public.kline.v3.api.pb@BTCUSDT",
        "spot@public.aggre.deals.v3.api.pb@BTCUSDT",
        "spot@public.aggre.deals.v3.api.pb@BTCUSDT@100ms",
        "spot@public.aggre.depth.v3.api.pb@50ms@BTCUSDT",
        "spot@public.limit.depth.v3.api.pb@BTCUSDT@50",
        "spot@public.miniTicker.v3.api.pb@BTCUSDT@CET",
        "spot@private.orders.v3.api.pb@BTCUSDT",
        "futures@private.orders.v3.api.pb",
    ],
)
def test_other_names_are_blocked(name):
    """A retired, misspelt or misplaced stream is no stream."""
    assert parse_channel(name) is None


def test_zones_have_offsets_to_the_minute():
    """24H is the rolling day and has none."""
    assert zone_offset_ms("UTC+8") == 8 * 3_600_000
    assert zone_offset_ms("UTC-10") == -10 * 3_600_000
    assert zone_offset_ms("UTC+12:45") == (12 * 60 + 45) * 60_000
    assert zone_offset_ms("24H") is None
