"""Exit terms: what a trade is left by, as text that is read back to the digit."""

from decimal import Decimal

import pytest

from trading.market.errors import BadInput
from trading.market.exit_terms import ExitTerms

FULL = ExitTerms(
    timeframe="15m",
    trailing_stop=Decimal("0.0200"),
    trailing_offset=Decimal("0.03"),
    ladder=((0, Decimal("0.06")), (3600, Decimal("-0.01"))),
    exit_source="donchian_turtle@d-1",
    alert_after_bars=2,
    leave_after_bars=9,
)


def test_terms_survive_their_text_to_the_digit():
    """Decimals keep their digits, the ladder its order; the same text is the same object."""
    again = ExitTerms.of_text(FULL.to_text())
    assert again == FULL
    assert format(again.trailing_stop or 0, "f") == "0.0200"
    assert ExitTerms.of_text(FULL.to_text()) is again
    assert ExitTerms.of_text(None) == ExitTerms()


def test_plain_is_what_has_neither_trailing_stop_nor_ladder_nor_exit_signals():
    """Bars alone make no rule."""
    assert ExitTerms(timeframe="1h").is_plain
    assert not FULL.is_plain


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trailing_stop": Decimal(1)}, "trailing_stop of x must be None or a fraction in .0, 1., was 1"),
        ({"trailing_offset": Decimal(-1)}, "trailing_offset of x must lie in .0, 100., was -1"),
        ({"ladder": ((60, Decimal(1)), (0, Decimal(1)))}, r"ascending ages from 0 s on, was \[60, 0\]"),
        ({"ladder": ((0, Decimal(-1)),)}, "must lie in .-1, 100., was -1"),
        ({"timeframe": ""}, "count bars, so timeframe must be named"),
        ({"timeframe": "7m"}, "7m"),
        ({"alert_after_bars": 10}, "1 <= alert_after_bars <= leave_after_bars, were 10, 9"),
    ],
)
def test_terms_out_of_bounds_are_refused_by_name_and_value(changes, told):
    """One sentence that names the trade, the value and the bound."""
    from dataclasses import replace

    with pytest.raises(BadInput, match=told):
        replace(FULL, **changes).check("x", None)
    FULL.check("x", None)


def test_a_ladder_beside_one_target_is_refused():
    """Nobody could say which of them counts."""
    with pytest.raises(BadInput, match="a ladder or one take_profit"):
        FULL.check("x", Decimal("0.03"))
