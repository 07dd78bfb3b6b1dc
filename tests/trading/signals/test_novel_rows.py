"""Rows that resemble nothing the model was taught: no probability, the rules go on, the reason says so."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from trading.market.frames import UTC_MS
from trading.signals.generate import signal_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
OVERSOLD = {"close": 97.0, "rsi_14": 24.0}


def bars(rows: list[dict]) -> pl.DataFrame:
    """Indicator rows of one pair, a quarter of an hour each; what a row leaves out is uneventful."""
    quiet = {"close": 100.0, "volume": 10.0, "rsi_14": 50.0, "macd_hist": 0.5, "atr_14": 2.0}
    quiet |= {"bb_upper": 104.0, "bb_middle": 101.0, "bb_lower": 98.0}
    quiet |= {"ema_20": 100.0, "ema_50": 80.0, "ema_200": 50.0}
    times = [START + timedelta(minutes=15) * place for place in range(len(rows))]
    frame = pl.DataFrame([quiet | row for row in rows])
    return frame.with_columns(symbol=pl.lit("A/USDT"), open_time=pl.Series(times).cast(UTC_MS))


class Narrow:
    """A model that was taught on rows with an RSI above 0.2 only, and fails if asked about others."""

    model_id, threshold, blend, known_at = "mdl-test", 0.5, None, None

    def __init__(self, value: float) -> None:
        self.value = value

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(pl.lit(0.25).alias("f_atr"))

    policy = None

    def novelty(self, features: pl.DataFrame) -> pl.DataFrame:
        strange = features["f_rsi"] < 0.2
        words = pl.Series(["f_rsi far below"] * len(features))
        return pl.DataFrame({"novelty": [2.0] * len(features), "is_novel": strange}).with_columns(
            pl.when(strange).then(words).alias("novel_why")
        )

    def predict(self, features: pl.DataFrame) -> np.ndarray:
        assert (features["f_rsi"] >= 0.2).all()
        return np.full(len(features), self.value)


def test_a_planted_outlier_gets_no_probability_and_the_rules_go_on() -> None:
    """RSI 24 is vetoed by the model's 0.4; RSI 10 it was never taught: the entry stands, and says why."""
    rows = signal_rows(bars([{}, OVERSOLD, OVERSOLD | {"rsi_14": 10.0}]), model=Narrow(0.4))
    assert rows["is_novel"].to_list() == [False, True]
    assert rows["is_entry"].to_list() == [False, True]
    assert rows["probability"].to_list() == [0.4, None]
    assert rows["model_id"].to_list() == ["mdl-test"] * 2
    assert rows["top_features"][1] is None
    assert rows["novel_why"].to_list() == [None, "f_rsi far below"]
    assert rows["reason"][1] == (
        "entry: RSI 10.0 < 30.0, close below the middle band, normal market; "
        "model not asked, novel: f_rsi far below"
    )
    alone = signal_rows(bars([{}, OVERSOLD, OVERSOLD | {"rsi_14": 10.0}]))
    assert rows["score"][1] == alone["score"][1]
    assert alone["is_novel"].to_list() == [None, None]


def test_a_veto_of_a_later_bar_changes_nothing_before_it() -> None:
    """The truncated history gives the same rows, novel ones among them."""
    frame = bars([{}, OVERSOLD | {"rsi_14": 10.0}, OVERSOLD, {}, OVERSOLD | {"rsi_14": 12.0}])
    whole = signal_rows(frame, model=Narrow(0.6))
    assert_frame_equal(signal_rows(frame.head(3), model=Narrow(0.6)), whole.head(2), check_exact=True)
