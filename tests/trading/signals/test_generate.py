"""Rows of entries and exits: worked by hand on a few bars, and no look-ahead on many."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from trading.indicators.table import indicator_table
from trading.market.errors import BadInput, UnknownTimeframe
from trading.signals.features import FEATURES
from trading.signals.generate import SIGNALS, signal_rows
from trading.signals.strategy import SignalRules

START = datetime(2026, 1, 1, tzinfo=UTC)
UTC_MS = pl.Datetime("ms", "UTC")


def bars(rows: list[dict], symbol: str = "A/USDT") -> pl.DataFrame:
    """Indicator rows, a quarter of an hour each; what a row leaves out is uneventful."""
    quiet = {
        "close": 100.0,
        "volume": 10.0,
        "rsi_14": 50.0,
        "macd_hist": 0.5,
        "bb_upper": 104.0,
        "bb_middle": 101.0,
        "bb_lower": 98.0,
        "atr_14": 2.0,
        "ema_20": 100.0,
        "ema_50": 80.0,
        "ema_200": 50.0,
    }
    frame = pl.DataFrame([quiet | row for row in rows])
    times = [START + timedelta(minutes=15) * place for place in range(len(rows))]
    return frame.with_columns(symbol=pl.lit(symbol), open_time=pl.Series(times).cast(UTC_MS))


OVERSOLD = {"close": 97.0, "rsi_14": 24.0}
OVERBOUGHT = {"close": 102.0, "rsi_14": 60.0}


class Constant:
    """A model that always says the same."""

    model_id, threshold, blend, policy = "mdl-test", 0.5, None, None

    def __init__(self, value: float, known_at: datetime | None = None) -> None:
        self.value, self.known_at, self.seen = value, known_at, pl.DataFrame()

    def predict(self, features: pl.DataFrame) -> np.ndarray:
        self.seen = features
        return np.full(len(features), self.value)

    def novelty(self, features: pl.DataFrame) -> None:
        return None

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(pl.lit(0.25).alias("f_atr"), pl.lit(-0.5).alias("f_rsi"))


def test_an_entry_names_its_numbers_and_scores_depth_and_distance() -> None:
    """RSI 24 under 30: depth 0.2; half an ATR below the band: 0.5; score 0.35."""
    row = signal_rows(bars([{}, OVERSOLD])).row(0, named=True)
    assert (row["is_entry"], row["is_exit"], row["is_candidate"]) == (True, False, True)
    assert row["open_time"] == START + timedelta(minutes=15)
    assert row["score"] == pytest.approx(0.35)
    assert (row["threshold"], row["is_bounded"]) == (30.0, False)
    assert row["threshold_why"] == "30 × 1 (normal) = 30"
    assert row["reason"] == "entry: RSI 24.0 < 30.0, close below the middle band, normal market"


def test_quiet_bars_make_no_rows_and_a_lasting_exit_makes_one() -> None:
    """The exit is the bar on which the condition became true; three such bars are one signal."""
    rows = signal_rows(bars([{}, OVERBOUGHT, OVERBOUGHT, OVERBOUGHT, {}, OVERBOUGHT]))
    assert rows["is_exit"].to_list() == [True, True]
    assert rows["open_time"].to_list() == [START + timedelta(minutes=15) * k for k in (1, 5)]


def test_rsi_alone_is_no_entry_unless_the_band_is_switched_off() -> None:
    """Close 98.8 is above the 1.5-deviation line of 98.75."""
    frame = bars([{}, {"close": 98.8, "rsi_14": 24.0}])
    assert signal_rows(frame).is_empty()
    assert signal_rows(frame, SignalRules(use_lower_band=False))["is_entry"].to_list() == [True]
    assert signal_rows(frame, SignalRules(band_share=0.7))["is_entry"].to_list() == [True]


def test_warm_up_never_signals() -> None:
    """A null RSI or band is unknown, not low."""
    frame = bars([{"rsi_14": None, "close": 1.0}, {"bb_lower": None, "bb_middle": None, **OVERSOLD}])
    assert signal_rows(frame).is_empty()


@pytest.mark.parametrize(
    ("regime", "threshold", "enters"), [("calm", 30.0, True), ("turbulent", 24.0, False)]
)
def test_the_regime_moves_the_threshold(regime: str, threshold: float, enters: bool) -> None:
    """Turbulent asks for RSI under 30 x 0.8 = 24: 25 is no longer enough."""
    frame = bars([{}, {"close": 97.0, "rsi_14": 25.0}])
    market = frame.select("open_time", regime=pl.lit(regime), breadth=pl.lit(0.3))
    rows = signal_rows(frame, regime=market)
    assert rows["is_entry"].to_list() == ([True] if enters else [])
    assert SignalRules().entry_threshold.met(regime).value == threshold
    if enters:
        assert rows["f_breadth"].to_list() == [0.3]


def test_the_market_s_own_multiplier_moves_the_bound_where_it_is_followed() -> None:
    """30 / 1.25 = 24: an RSI of 25 is no longer enough; where it is not followed, 30 stands."""
    frame = bars([{}, {"close": 97.0, "rsi_14": 25.0}])
    market = frame.select("open_time", regime=pl.lit("normal"), threshold_multiplier=pl.lit(1.25))
    assert signal_rows(frame, SignalRules(follows_market=True), regime=market).is_empty()
    assert signal_rows(frame, regime=market)["threshold"].to_list() == [30.0]
    deeper = bars([{}, {"close": 97.0, "rsi_14": 20.0}])
    row = signal_rows(deeper, SignalRules(follows_market=True), regime=market).row(0, named=True)
    assert (row["threshold"], row["threshold_why"]) == (24.0, "30 × 1 (normal) / 1.25 (market) = 24")


def test_thresholds_stay_inside_floor_and_ceiling() -> None:
    """A factor of 3 would ask for RSI under 90."""
    assert SignalRules(calm_factor=3.0).entry_threshold.met("calm").value == 40.0
    assert SignalRules(turbulent_factor=0.01).entry_threshold.met("turbulent").value == 15.0
    assert SignalRules().entry_threshold.met("never heard of").value == 30.0


def test_a_turbulent_market_can_be_closed_altogether() -> None:
    """The candidate stays as a row and says why it is no entry."""
    frame = bars([{}, {"close": 97.0, "rsi_14": 10.0}])
    market = frame.select("open_time", regime=pl.lit("turbulent"))
    row = signal_rows(frame, SignalRules(is_turbulent_blocked=True), regime=market).row(0, named=True)
    assert (row["is_entry"], row["is_candidate"]) == (False, True)
    assert row["reason"] == "regime: turbulent market, no entries"


def test_a_dollar_off_its_peg_closes_the_market_unless_told_otherwise() -> None:
    """No entry while the money itself is in doubt; the row says so, and why the market is what it is."""
    frame = bars([{}, {"close": 97.0, "rsi_14": 10.0}])
    market = frame.select(
        "open_time", regime=pl.lit("normal"), is_depegged=pl.lit(value=True), why=pl.lit("USDC is off")
    )
    row = signal_rows(frame, regime=market).row(0, named=True)
    assert (row["is_entry"], row["is_candidate"]) == (False, True)
    assert row["reason"] == "peg: a dollar coin is off its peg, no entries"
    assert row["regime_why"] == "USDC is off"
    assert signal_rows(frame, SignalRules(is_depeg_blocked=False), regime=market)["is_entry"].to_list() == [
        True
    ]


def news(
    minutes: float, event: str = "hack", sentiment: float = -0.8, symbol: str = "A/USDT"
) -> pl.DataFrame:
    seen = START + timedelta(minutes=minutes)
    frame = pl.DataFrame(
        {"first_seen": [seen], "symbols": [[symbol]], "event": [event], "sentiment": [sentiment]}
    )
    return frame.with_columns(pl.col("first_seen").cast(UTC_MS))


@pytest.mark.parametrize(
    ("item", "enters"),
    [
        (news(29), False),  # seen while the bar was open: known when it closed at 30
        (news(30), False),  # seen at the close
        (news(31), True),  # seen after the decision
        (news(29, event="listing"), True),
        (news(29, symbol="B/USDT"), True),
        (news(30 - 24 * 60), True),  # a day old: forgotten
        (news(31 - 24 * 60), False),
    ],
)
def test_blocking_news_keeps_a_symbol_out_from_when_we_saw_it(item: pl.DataFrame, enters: bool) -> None:
    """The bar of 00:15 closes at 00:30; that is when the decision is made."""
    row = signal_rows(bars([{}, OVERSOLD]), news=item).row(0, named=True)
    assert row["is_entry"] is enters
    if not enters:
        assert row["reason"].startswith("news: hack ")


def test_of_two_events_of_one_moment_the_same_one_is_told_in_any_order() -> None:
    """Items of one poll have one time: the reason must not hang on their order."""
    items = [news(10, "hack"), news(10, "delisting"), news(10, "halt")]
    told = {
        signal_rows(bars([{}, OVERSOLD]), news=pl.concat(order))["reason"][0]
        for order in (items, items[::-1], [items[1], items[2], items[0]])
    }
    assert told == {"news: halt 0.3 h ago, no entries"}


def test_news_score_halves_in_its_half_life_and_adds_up() -> None:
    """-0.8 twelve hours before and -0.4 now: tanh(-0.4 - 0.4)."""
    items = pl.concat([news(30 - 12 * 60, "other", -0.8), news(30, "other", -0.4)])
    row = signal_rows(bars([{}, OVERSOLD]), news=items).row(0, named=True)
    assert row["f_news"] == pytest.approx(np.tanh(-0.8))


def test_a_model_below_its_threshold_vetoes_and_the_row_stays() -> None:
    """Probability 0.4 under 0.5; the model saw exactly the features, of the candidate only."""
    model = Constant(0.4)
    rows = signal_rows(bars([{}, OVERBOUGHT, OVERSOLD]), model=model)
    assert model.seen.columns == list(FEATURES)
    assert len(model.seen) == 1
    assert rows["is_entry"].to_list() == [False, False]
    assert rows["probability"].to_list() == [None, 0.4]
    assert rows["reason"][1] == "model: 0.4 < 0.5"
    assert rows["model_id"].to_list() == ["mdl-test", "mdl-test"]


def test_a_model_at_its_threshold_lets_pass_and_gives_the_score() -> None:
    """The bound itself is enough."""
    row = signal_rows(bars([{}, OVERSOLD]), model=Constant(0.5)).row(0, named=True)
    assert (row["is_entry"], row["score"]) == (True, 0.5)


def test_a_model_is_not_asked_about_bars_before_it_was_there() -> None:
    """Trained when the second bar closed: that entry it vetoes, the one a bar earlier it cannot know of."""
    model = Constant(0.4, known_at=START + timedelta(minutes=30))
    rows = signal_rows(bars([OVERSOLD, OVERSOLD]), model=model)
    assert rows["open_time"].to_list() == [START, START + timedelta(minutes=15)]
    assert rows["is_entry"].to_list() == [True, False]
    assert rows["probability"].to_list() == [None, 0.4]
    assert rows["model_id"].to_list() == [None, "mdl-test"]
    later = Constant(0.4, known_at=START + timedelta(minutes=30, seconds=1))
    assert signal_rows(bars([OVERSOLD, OVERSOLD]), model=later)["is_entry"].to_list() == [True, True]


@pytest.mark.parametrize("value", [1.01, -0.1, float("nan")])
def test_an_answer_that_is_no_probability_stops_the_work(value: float) -> None:
    """A broken model must not pass for a confident one."""
    with pytest.raises(BadInput, match="probabilities"):
        signal_rows(bars([{}, OVERSOLD]), model=Constant(value))


def test_features_are_what_their_descriptions_say() -> None:
    """Worked by hand; returns reach back 1, 4 and 16 bars and are null where there is no such bar."""
    frame = bars([{"close": 80.0 + k} for k in range(17)] + [OVERSOLD])
    row = signal_rows(
        frame, clusters=pl.DataFrame({"symbol": ["A/USDT"], "cluster": [3], "strength": [0.7]})
    ).row(-1, named=True)
    expected = {
        "f_rsi": 0.24,
        "f_below_band": 0.5,
        "f_band_width": 6 / 97,
        "f_macd_hist": 0.25,
        "f_atr": 2 / 97,
        "f_ema_20": -0.03,
        "f_ema_50": 97 / 80 - 1,
        "f_ema_200": 0.94,
        "f_return_1": 97 / 96 - 1,
        "f_return_4": 97 / 93 - 1,
        "f_return_16": 97 / 81 - 1,
        "f_regime": 1.0,
        "f_breadth": 0.5,
        "f_cluster": 0.7,
        "f_news": 0.0,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["f_volume"] is None  # 20 bars before are not there yet


def test_volume_is_held_against_the_twenty_bars_before() -> None:
    """Twenty bars of 10, then 20: ln 2."""
    rows = signal_rows(bars([{}] * 20 + [OVERSOLD | {"volume": 20.0}]))
    assert rows["f_volume"].to_list() == pytest.approx([np.log(2)])


def test_the_first_bars_of_a_symbol_do_not_look_into_the_one_before() -> None:
    """Two symbols in one frame give the rows of each alone."""
    frames = [bars([OVERSOLD] * 3 + [OVERBOUGHT] * 30, name) for name in ("A/USDT", "B/USDT")]
    together = signal_rows(pl.concat(frames))
    assert_frame_equal(together, pl.concat([signal_rows(frame) for frame in frames]))


def _candles(seed: int, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.01, (3, n)), axis=1)).ravel()
    times = pl.datetime_range(START, START + timedelta(minutes=15 * (n - 1)), "15m", eager=True).cast(UTC_MS)
    return pl.DataFrame(
        {"symbol": np.repeat(["A/USDT", "B/USDT", "C/USDT"], n), "open_time": pl.concat([times] * 3)}
    ).with_columns(
        open=close,
        high=close * 1.002,
        low=close * 0.998,
        close=close,
        volume=rng.lognormal(3, 1, 3 * n),
        quote_volume=close,
    )


@pytest.mark.parametrize("cut", [200, 260, 399])
def test_rows_of_a_truncated_history_are_those_of_the_whole_one(cut: int) -> None:
    """No look-ahead: later candles, news and regimes change nothing at a bar that was closed before."""
    candles = _candles(5, 400)
    until = START + timedelta(minutes=15 * cut)
    close_of_last = until + timedelta(minutes=15)
    regimes = candles.filter(pl.col("symbol") == "A/USDT").select(
        "open_time",
        regime=pl.Series(np.random.default_rng(1).choice(["calm", "normal", "turbulent"], 400)),
        breadth=pl.Series(np.random.default_rng(2).random(400)),
    )
    items = pl.concat([news(37 * k, "hack" if k % 7 == 0 else "other", (-1) ** k * 0.5) for k in range(160)])
    whole = signal_rows(indicator_table(candles), regime=regimes, news=items)
    part = signal_rows(
        indicator_table(candles.filter(pl.col("open_time") <= until)),
        regime=regimes.filter(pl.col("open_time") <= until),
        news=items.filter(pl.col("first_seen") <= close_of_last),
    )
    assert len(part) > 10
    assert part["is_candidate"].any()
    assert_frame_equal(part, whole.filter(pl.col("open_time") <= until), check_exact=True)


def test_every_row_has_the_columns_of_the_contract_and_screening_ids() -> None:
    """A symbol without a screening id keeps a null."""
    frame = pl.concat([bars([{}, OVERSOLD], name) for name in ("A/USDT", "B/USDT")])
    rows = signal_rows(frame, screening_ids={"A/USDT": "scr-1"})
    assert dict(rows.schema) == SIGNALS
    assert rows["screening_id"].to_list() == ["scr-1", None]
    assert dict(signal_rows(bars([{}])).schema) == SIGNALS


def test_no_bars_are_no_rows() -> None:
    """An empty day goes through the line."""
    assert signal_rows(bars([{}]).clear()).is_empty()


def test_a_missing_indicator_and_an_unknown_timeframe_are_named() -> None:
    """The message says what is missing."""
    with pytest.raises(BadInput, match="missing: rsi_14"):
        signal_rows(bars([{}]).drop("rsi_14"))
    with pytest.raises(UnknownTimeframe, match="7m"):
        signal_rows(bars([{}]), timeframe="7m")


@pytest.mark.parametrize(
    "change",
    [
        {"rsi_entry": 60.0},
        {"rsi_floor": 50.0},
        {"calm_factor": 0.0},
        {"news_half_life_hours": 0.0},
        {"band_share": 0.0},
    ],
)
def test_rules_outside_their_bounds_are_refused(change: dict[str, float]) -> None:
    """Value and bound are in the message."""
    with pytest.raises(BadInput, match=r"was|were"):
        SignalRules(**change)
