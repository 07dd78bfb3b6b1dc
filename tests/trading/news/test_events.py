import pytest

from trading.news.events import EVENTS, event_of


@pytest.mark.parametrize(
    ("headline", "event"),
    [
        ("Exchange to delist five tokens", "delisting"),
        ("Notice: FOO/USDT will be delisted", "delisting"),
        ("Venue will cease trading of BAR", "delisting"),
        ("Exchange will list FOO", "listing"),
        ("FOO listed on major venue", "listing"),
        ("New listing: BAR opens for trading", "listing"),
        ("A list of hackathons to join", None),
        ("Top lists of the year", None),
        ("Short-listed for a prize", None),
        ("Bridge exploited for $30 million", "hack"),
        ("Hackers steal keys, exchange halts withdrawals", "hack"),
        ("White-hat hackers return funds", None),
        ("Network halts block production", "halt"),
        ("Exchange suspends withdrawals", "halt"),
        ("SEC sues exchange", "regulation"),
        ("Just a sec", None),
        ("Judge rules token is no security", "regulation"),
        ("Regulator approves spot bitcoin ETFs", "regulation"),
        ("A billion users", None),
        ("FOO partners with payments giant", "partnership"),
        ("FOO unlocks $50 million", "unlock"),
        ("Quarterly burns cut supply", "unlock"),
        ("Fed holds rates", "macro"),
        ("Traders fed up with fees", None),
        ("Inflation cools", "macro"),
        ("BTC rallies 5%", None),
        ("", None),
    ],
)
def test_a_headline_has_the_most_consequential_class(headline, event):
    """Delisting before listing, hack before halt, look-alikes aside."""
    assert event_of(headline) == event


def test_the_classes_are_those_of_the_design():
    """Gates and features name them."""
    assert set(EVENTS) == {
        "listing",
        "delisting",
        "hack",
        "regulation",
        "halt",
        "partnership",
        "unlock",
        "macro",
    }
