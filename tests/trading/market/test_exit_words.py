"""Exits in plain words."""

from decimal import Decimal

from trading.market.exit_terms import ExitTerms
from trading.market.exit_words import reason_in_words, rules_in_words

D = Decimal


def test_every_rule_is_told_with_its_numbers():
    """One line; what is off is not told."""
    terms = ExitTerms("15m", D("0.020"), D("0.03"), ((0, D("0.06")), (1800, D("-0.01"))), "turtle@d-1")
    assert rules_in_words(D("0.05"), None, terms) == (
        "stop 5%; trailing stop 2% below the highest price of closed 15m bars, from 3% above the entry on; "
        "targets 6% at once, -1% after 1800 s; the exit signals of turtle"
    )
    assert rules_in_words(D("0.1"), D("0.3"), ExitTerms()) == "stop 10%; target 30%"


def test_reasons_are_told_with_their_code_and_unknown_ones_as_they_are():
    """Whoever searches for the code finds it."""
    assert reason_in_words("trailing_stop") == "trailing_stop: its trailing stop was reached"
    assert (
        reason_in_words("stop_loss: 0.1 left, too little to sell")
        == "stop_loss: 0.1 left, too little to sell"
    )
    assert reason_in_words(None) == "None"
