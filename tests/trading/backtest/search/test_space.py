"""Search files: what they declare, and one clear error for each way to get it wrong."""

from dataclasses import replace

import pytest

from tests.trading.backtest.search.searched import BASE, SPACE, space
from trading.backtest.search.configurations import check_uses, configuration, numbered, written
from trading.backtest.search.space import BadSpace, parse_space
from trading.backtest.strategy_file import BadStrategy, parse_strategy


def test_a_grid_is_every_combination_and_the_last_parameter_varies_fastest() -> None:
    """Four × two × two values are 16; number 5 = 0b0101 is the second rsi, first leave, second stop."""
    declared = space()
    assert declared.size == 16
    assert declared.values(declared.places(5)) == {"rsi": 30, "leave": 50, "risk.stoploss": 0.05}
    assert len({declared.places(k) for k in range(16)}) == 16


def test_ranges_hold_their_end_and_no_rounding() -> None:
    """0.1 to 0.3 by 0.1 is three numbers as they are written, not 0.30000000000000004."""
    declared = space('[parameters]\n"risk.stoploss" = { from = 0.1, to = 0.3, step = 0.1 }')
    assert declared.parameters[0].values == (0.1, 0.2, 0.3)
    assert declared.parameters[0].is_ordered


def test_values_reach_placeholders_and_keys() -> None:
    """`{rsi}` in the strategy's text, `risk.stoploss` as a key; what comes out is a strategy file again."""
    made = configuration(space(), BASE, {"rsi": 30, "leave": 60, "risk.stoploss": 0.02})
    assert made.document["entry"] == {"when": "rsi_14 < 30"}
    assert made.strategy.stoploss == 0.02
    again = parse_strategy(written(made))
    # The digest is that of the text.
    assert replace(again, digest="") == replace(made.strategy, digest="")


def test_a_template_replaces_a_text_of_the_strategy() -> None:
    """Indicator windows are searched by putting them into the name of a column."""
    text = '[parameters]\nlength = [7, 14]\n"risk.stoploss" = [0.05]\nrsi = [30]\nleave = [60]\n'
    declared = space(text + '[templates]\n"entry.when" = "rsi_{length} < {rsi}"')
    check_uses(declared, BASE)
    assert numbered(declared, BASE, 0).strategy.entry.columns == ("rsi_7",)


def test_whole_tables_are_values_too() -> None:
    """A ladder is one value of `risk.roi`."""
    declared = space(
        '[parameters]\n"risk.roi" = [{ "0" = 0.03 }, { "0" = 0.05, "60" = 0.02 }]\nrsi=[30]\nleave=[60]'
    )
    assert numbered(declared, BASE, 1).strategy.roi == ((0, 0.05), (60, 0.02))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names none: a grid of zero configurations"),
        ("[parameters]\nrsi = []", "parameters.rsi has no value"),
        ("[parameters]\nrsi = [1, 1]", "has a value twice"),
        ("[parameters]\nrsi = 30", "must be a list or { from, to, step }"),
        ("[parameters]\nrsi = { from = 5, to = 1, step = 1 }", "to >= from, had 5 to 1 by 1"),
        ("[parameters]\nrsi = { from = 1, to = 5, step = 0 }", "step > 0"),
        ("[parameters]\nrsi = { from = 0, to = 1, step = 1e-9 }", "at most 1,000,000 values"),
        ("[parameter]\nrsi = [1]", "unknown key 'parameter'"),
        ("objective = 'Best'\n[parameters]\nrsi = [1]", "objective must be one of ShortTradeDur"),
        ("[parameters", "space"),
    ],
)
def test_a_space_that_cannot_be_meant_is_one_sentence(text: str, said: str) -> None:
    """Naming the key and the bound."""
    with pytest.raises(Exception, match=said):
        parse_space(text)


def test_too_many_configurations_are_refused_before_any_is_made() -> None:
    """A million: the number, the bound and the way out."""
    declared = space(
        "[parameters]\na = { from = 1, to = 1000, step = 1 }\nb = { from = 1, to = 1000, step = 1 }"
    )
    with pytest.raises(BadSpace, match=r"at most 10,000 configurations, had 1,000,000.*--most"):
        declared.check_size()


def test_a_parameter_that_goes_nowhere_and_a_placeholder_that_nothing_fills_are_refused() -> None:
    """A typo would otherwise be searched in vain."""
    with pytest.raises(BadSpace, match="'rzi' is used nowhere"):
        check_uses(space(SPACE + "\nrzi = [1]"), BASE)
    with pytest.raises(BadSpace, match=r"no key 'risk\.stop' in a strategy file"):
        check_uses(space(SPACE + '\n"risk.stop" = [0.1]'), BASE)
    with pytest.raises(BadSpace, match=r"nothing fills \{leave\}"):
        check_uses(space("[parameters]\nrsi = [30]"), BASE)


def test_a_value_out_of_bounds_names_the_configuration() -> None:
    """A stop of 1 is no stop; which of the many configurations had it is said."""
    declared = space('[parameters]\nrsi = [30]\nleave = [60]\n"risk.stoploss" = [0.5, 1.0]')
    with pytest.raises(BadStrategy, match=r"risk.stoploss = 1.0\).*between 0 and 1, was 1.0"):
        numbered(declared, BASE, 1)
