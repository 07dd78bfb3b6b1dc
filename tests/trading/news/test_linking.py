import pytest

from trading.news.linking import Linker


@pytest.mark.parametrize(
    ("headline", "bases"),
    [
        # names
        ("Bitcoin climbs", ["BTC"]),
        ("Bitcoin Cash climbs", ["BCH"]),
        ("Why bitcoin and Ethereum differ", ["BTC", "ETH"]),
        ("Ethereum's upgrade", ["ETH"]),
        ("Near Protocol ships sharding", ["NEAR"]),
        ("Kora Net hacked", ["KORA"]),
        # tickers
        ("btc and ETH", ["BTC", "ETH"]),
        ("BTCUSDT breaks out", ["BTC"]),
        ("ETH/USDT and $pepe", ["ETH", "PEPE"]),
        ("BTC, BTC and again BTC", ["BTC"]),
        ("ABTC is not BTCX", []),
        # everyday words need capitals, $, pair or parentheses
        ("NEAR rallies", ["NEAR"]),
        ("One exchange is near collapse", []),
        ("ONE gains 5%", ["ONE"]),
        ("follow the link", []),
        ("LINK hits a high", ["LINK"]),
        ("$near, $link and $one", ["NEAR", "LINK", "ONE"]),
        ("Gas prices rise", []),
        ("Shares of the Sun fell", ["SUN"]),
        ("Sun shines on traders", []),
        ("BITCOIN ENDS NEAR RECORD HIGH", ["BTC"]),
        ("PROTOCOL (NEAR) AND OTHERS TUMBLE", ["NEAR"]),
        # abbreviations need $ or a pair
        ("SEC sues exchange", []),
        ("$SEC climbs", ["SEC"]),
        ("SEC/USDT opens", ["SEC"]),
        ("OP and ID tokens rise", []),
        ("$OP and $ID rise", ["OP", "ID"]),
        # names that are words need a companion or a capital inside a plain sentence
        ("Optimism grows among traders", []),
        ("Traders rush to Optimism bridge", ["OP"]),
        ("Traders Rush To Optimism Bridge", []),
        ("Optimism network halts", ["OP"]),
        ("Harmony between regulators", []),
        ("", []),
        ("$ $$$ /// '", []),
    ],
)
def test_headlines_name_their_coins(markets, headline, bases):
    """Letters alone are not enough where they are also a word."""
    assert Linker.of(markets).bases(headline) == bases


def test_a_coin_links_to_all_its_pairs(markets):
    """A hack of a coin is a hack in every quote currency."""
    assert Linker.of(markets).symbols("Bitcoin slips") == ["BTC/USDC", "BTC/USDT"]


def test_no_market_links_nothing(markets):
    """An empty venue."""
    assert Linker.of(markets.clear()).symbols("Bitcoin slips") == []
