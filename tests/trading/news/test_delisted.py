"""What a delisting takes from us: pairs of ours, said by our venue or by nobody in particular."""

from datetime import UTC, datetime, timedelta

import pytest

from trading.market.frames import empty
from trading.news.collect import annotate
from trading.news.delisted import delisted, is_derivative, is_elsewhere
from trading.news.feeds import RawItem
from trading.news.holds import holds
from trading.news.items import NEWS, new_items
from trading.news.linking import Linker

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
DEC_4 = datetime(2026, 12, 4, tzinfo=UTC)


@pytest.fixture
def read(markets):
    """Read one notice as a feed brings it; the row of NEWS and its holds."""

    def notice(title, summary="", *, source="wire", link=None):
        raw = RawItem(source, "1", title, link, AT - timedelta(hours=1), summary)
        news = annotate(new_items([raw], empty(NEWS), AT), Linker.of(markets))
        return news.row(0, named=True), holds(news.with_columns(same_as=None), AT)

    return notice


@pytest.mark.parametrize(
    "title",
    [
        "Binance to delist perpetual contract NEARUSDT on Dec 4",
        "MEXC Futures will delist NEARUSDT on Dec 4",
        "Delisting of NEARUSDT and ETHUSDT perpetual contracts on Dec 4",
        "MEXC to delist margin pair NEAR/USDT on Dec 4",
        "Notice of Removal of Margin Trading Pairs: NEAR/USDT - 2026-12-04",
        "Delisting of NEAR leveraged tokens on Dec 4",
        "MEXC to delist NEAR USDT-M contract on Dec 4",
    ],
)
def test_the_end_of_a_contract_neither_holds_nor_sells_the_coin(read, title):
    """Spot NEAR trades on."""
    row, held = read(title)
    assert (row["event"], row["symbols"], row["effective"], held) == ("delisting", [], None, [])


@pytest.mark.parametrize(
    "title",
    [
        "MEXC to delist NEAR and its perpetual contract on Dec 4",
        "MEXC to delist NEAR spot and futures pairs on Dec 4",
        "NEAR futures slide as MEXC to delist NEAR on Dec 4",
        "MEXC to delist NEAR on Dec 4 due to contract upgrade",
    ],
)
def test_a_coin_that_goes_with_its_contracts_is_left(read, title):
    """A contract beside it, or in another statement, hides no end of trading."""
    row, (hold,) = read(title)
    assert (row["symbols"], hold.ends_at) == (["NEAR/USDT"], DEC_4)


@pytest.mark.parametrize(
    ("title", "source", "link"),
    [
        ("Kraken to delist NEAR in EEA on December 4", "wire", None),
        ("Gate to delist NEAR on December 4", "wire", None),
        ("MEXC lists a coin while Coinbase to delist NEAR on December 4", "wire", None),
        ("NEAR to be delisted on December 4", "wire", "https://www.binance.com/en/support/1"),
        ("NEAR to be delisted on December 4", "blog.kraken.com", None),
    ],
)
def test_another_venues_delisting_warns_for_a_day_and_sells_nothing(read, title, source, link):
    """Entries close and people hear of it; our pair trades on."""
    row, (hold,) = read(title, source=source, link=link)
    assert (row["symbols"], row["effective"]) == (["NEAR/USDT"], None)
    assert (hold.ends_at, hold.until) == (None, AT + timedelta(hours=24))
    assert title in hold.reason


@pytest.mark.parametrize(
    ("title", "source", "link"),
    [
        ("MEXC to delist NEAR on December 4", "wire", "https://kraken.com/x"),
        ("MEXC follows Kraken, will delist NEAR on December 4", "wire", None),
        (
            "Notice: NEAR/USDT will be delisted on December 4",
            "exchange",
            "https://news.sluice.invalid/exchange/1",
        ),
        ("NEAR, a Binance-backed coin, to be delisted on December 4", "wire", None),
        ("NEAR to be delisted on December 4", "www.mexc.com", None),
    ],
)
def test_our_venues_delisting_and_one_without_a_venue_end_trading(read, title, source, link):
    """The demo's desk announces without a name, as its own venue."""
    assert not is_elsewhere(title, source, link)
    row, (hold,) = read(title, source=source, link=link)
    assert (row["effective"], hold.ends_at) == (DEC_4, DEC_4)


def test_a_title_without_a_coin_is_completed_by_the_pairs_of_its_body(read):
    """Pairs in full alone: BTC goes with none of its others, NEAR/ETH is no pair of ours."""
    body = (
        "MEXC will remove and cease trading on these spot trading pairs: BTC/USDC, NEAR/ETH and ONE/USDT "
        "at 2026-12-04 03:00 (UTC). Users can still trade ETH/USDT on other trading pairs."
    )
    row, held = read("Notice of Removal of Spot Trading Pairs - 2026-12-04", body)
    assert row["symbols"] == ["BTC/USDC", "ONE/USDT"]
    assert [hold.ends_at for hold in held] == [DEC_4, DEC_4]


@pytest.mark.parametrize(
    ("body", "symbols"),
    [
        (
            "We will delist the following tokens: Harmony (ONE), GAS, Kora Net.",
            ["ONE/USDT", "GAS/USDT", "KORA/USDT"],
        ),
        ("Tokens: PEPE and NEAR at 2026-12-04 03:00.", ["PEPE/USDT", "NEAR/USDT"]),
        (
            (
                "We will cease trading on these spot trading pairs: At 2026-12-04 03:00 (UTC): BTC/USDC, "
                "NEAR/USDT Please note: The delisting of a spot trading pair does not affect the tokens. "
                "ETH/USDT remains one of the other pairs."
            ),
            ["BTC/USDC", "NEAR/USDT"],
        ),
        ("Bitcoin withdrawals stay open, as do those of Ethereum.", []),
        ("Note: the price of Bitcoin may move.", []),
        ("ETH/USDT is not affected.", []),
        ("Margin pairs: ETH/USDT.", []),
        ("x " * 600 + "ETH/USDT", []),
        ("", []),
    ],
)
def test_of_a_body_only_listed_names_count(markets, body, symbols):
    """A coin in running text is not delisted; beyond 1,000 characters nothing is read."""
    assert delisted("Delisting of tokens", body, Linker.of(markets)) == symbols


def test_a_title_that_names_a_coin_is_not_completed(read):
    """Its body speaks of others too."""
    assert read("MEXC will delist Pepe", "Pairs: BTC/USDT, ETH/USDT")[0]["symbols"] == ["PEPE/USDT"]


def test_a_title_that_says_and_others_is_completed(read):
    """The first by name, the rest by the list."""
    row, held = read(
        "MEXC Will Delist Pepe and Other Tokens", "Tokens: PEPE, NEAR. Trading ends Dec 4, 2026."
    )
    assert row["symbols"] == ["PEPE/USDT", "NEAR/USDT"]
    assert {hold.ends_at for hold in held} == {DEC_4}


def test_hostile_notices_are_read_in_bounded_time(markets):
    """Lists and words without end."""
    linker = Linker.of(markets)
    for text in (
        "following: " + "A, " * 400,
        "tokens " * 160,
        ": " * 500,
        "and its " * 200,
        "futures " * 150,
    ):
        delisted("Delisting notice", text, linker)
        is_derivative(text)
        is_elsewhere(text[:300], "wire", "https://x.test")
