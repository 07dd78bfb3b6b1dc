"""Conditions in words, and their picture: small, right about what is usual, and silent about the future."""

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.xray.condition_words import CONDITIONS, conditions_at, sentence, told
from trading.xray.pictures import MAX_BYTES
from trading.xray.regime import REGIME, market_regime
from trading.xray.regime_picture import regime_chart, spells

NAMES = ["BTC/USDT", *(f"S{n:02d}/USDT" for n in range(9)), "USDC/USDT"]


def _regime(to_candles, bars: int = 300) -> pl.DataFrame:
    steps = np.random.default_rng(0).normal(0, 0.004, (11, bars))
    close = 100 * np.exp(np.cumsum(steps, axis=1))
    close[-1] = 1.0
    close[-1, -2:] = 1.03
    return market_regime(to_candles(NAMES, close))


def test_every_condition_has_a_value_and_words(to_candles):
    """Eight conditions; the dollar that is off its peg is said loudly and by name."""
    frame = conditions_at(_regime(to_candles))
    assert frame.schema == pl.Schema(CONDITIONS)
    assert frame["value"].null_count() == 0
    assert frame["words"][-1] == "USDC/USDT, the one furthest off: OFF ITS PEG"
    assert frame["shown"][-1] == "+3.00 %"


def test_usual_ranks_among_the_bars_before_by_hand():
    """Breadth 0.5 after 40 bars of 0.00, 0.02 ... 0.78: 25 of 40 lay below."""
    rows = {"breadth": [n / 50 for n in range(40)] + [0.5, 0.9]}
    frame = pl.DataFrame(rows).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in REGIME.items() if name not in rows
    )
    told = conditions_at(frame, -2).row(0, named=True)
    assert (told["usual"], told["shown"], told["words"]) == (0.625, "50 %", "about as many above as below")
    assert conditions_at(frame, 40).equals(conditions_at(frame, -2))
    assert conditions_at(frame, 5)["usual"].null_count() == 8


def test_what_cannot_be_measured_says_so(to_candles):
    """One symbol that is not BTC, no dollars: no trend, no correlation, no peg, and no error."""
    frame = market_regime(to_candles(["X/BTC"], np.full((1, 40), 2.0)))
    told = dict(conditions_at(frame).select("condition", "words").iter_rows())
    assert told["BTC trend"] == told["Correlation of the average pair"] == "cannot be measured here"
    assert told["Dollar peg"] == "no pair of two dollar coins to tell"
    assert sentence(frame).startswith("The market is not yet named: 40 bars of history, 120 needed")


def test_a_page_gets_text_alone(to_candles):
    """Value as written, rank in whole percent, a dash where there is none."""
    frame = told(_regime(to_candles))
    assert frame.columns == ["condition", "now", "above its past in", "words"]
    assert set(frame.dtypes) == {pl.String}
    assert frame["above its past in"][-1] == "–"
    assert frame["above its past in"][0].endswith(" %")


def test_the_sentence_names_regime_reason_and_multipliers(to_candles):
    """A depeg multiplies entry thresholds by 1.5, their ceiling."""
    words = sentence(_regime(to_candles))
    assert "USDC/USDT is +3.0 % off its peg. Entry thresholds are multiplied by 1.50" in words


@pytest.mark.parametrize("bars", [1, 2, 130, 900])
def test_the_chart_fits_its_page(to_candles, bars):
    """At most 50 kB whatever the number of bars."""
    markdown = regime_chart(_regime(to_candles, bars))
    assert markdown.startswith("![Market regime](data:image/png;base64,")
    assert len(markdown) <= MAX_BYTES + 100


def test_spells_are_runs_of_one_name():
    """Unnamed bars end a run and start none."""
    assert spells([None, "calm", "calm", None, "calm", "turbulent"]) == [
        ("calm", 1, 2),
        ("calm", 4, 4),
        ("turbulent", 5, 5),
    ]


def test_no_bar_is_one_clear_error():
    """Neither words nor a picture of nothing."""
    nothing = pl.DataFrame(schema=REGIME)
    with pytest.raises(BadInput, match="one of the 0 bars, was -1"):
        conditions_at(nothing)
    with pytest.raises(BadInput, match="at least 1 bar, had 0"):
        regime_chart(nothing)
