"""The market's conditions in a trader's words: value, how usual it is, what it means. Measures nothing."""

from dataclasses import dataclass

import polars as pl

from trading.market.errors import BadInput

CONDITIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "condition": pl.String,
    "value": pl.Float64,
    "shown": pl.String,
    "usual": pl.Float64,  # share of its own past (up to this bar) that lay below, 0..1; null under 30 bars
    "words": pl.String,
}
_LEAST = 30


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition: its column, its title, how its value is written, and words for low, middle and high.

    The words are chosen by value where `marks` are given, else by rank among its own past.
    """

    column: str
    title: str
    form: str
    words: tuple[str, str, str]
    marks: tuple[float, float] | None = None


_ALL = (
    _Condition(
        "breadth",
        "Breadth",
        "{:.0%}",
        ("most pairs stand below their mean", "about as many above as below", "most pairs stand above"),
        (0.35, 0.65),
    ),
    _Condition(
        "median_volatility",
        "Median volatility",
        "{:.2%} a bar",
        ("the usual pair is quieter than usual", "as usual", "the usual pair swings more than usual"),
    ),
    _Condition(
        "high_volatility_probability",
        "Loud market",
        "{:.0%} likely",
        (
            "the last bars are those of a quiet market",
            "undecided",
            "the last bars are those of a loud market",
        ),
        (1 / 3, 2 / 3),
    ),
    _Condition(
        "btc_trend",
        "BTC trend",
        "{:+.2%} from its mean",
        ("bitcoin falls", "bitcoin goes sideways", "bitcoin rises"),
        (-0.002, 0.002),
    ),
    _Condition(
        "mean_correlation",
        "Correlation of the average pair",
        "{:.2f}",
        ("pairs go their own ways", "pairs share part of their moves", "nearly everything moves together"),
        (0.2, 0.6),
    ),
    _Condition(
        "dispersion",
        "Dispersion",
        "{:.2%} a bar",
        ("winners and losers lie close together", "as usual", "winners and losers lie far apart"),
    ),
    _Condition(
        "turnover_ratio",
        "Turnover",
        "{:.2f} × usual",
        ("little is traded", "as usual", "much is traded"),
        (0.7, 1.5),
    ),
)


def conditions_at(regime: pl.DataFrame, row: int = -1) -> pl.DataFrame:
    """Return the conditions of one bar, **one row per condition**, with words.

    Parameters
    ----------
    regime : DataFrame of REGIME
        Oldest first.
    row : int
        Which bar; the newest by default. "Usual" ranks a value among the bars before it, never after.

    Returns
    -------
    DataFrame of CONDITIONS
        A condition that cannot be measured stays, with null value and the words that say so.

    Raises
    ------
    BadInput
        If there is no such row.
    """
    if not -regime.height <= row < regime.height:
        raise BadInput(f"row must be one of the {regime.height} bars, was {row}")
    past = regime.head(regime.height + row + 1 if row < 0 else row + 1)
    told = [_told(condition, past) for condition in _ALL]
    return pl.DataFrame([*told, _peg(past)], schema=CONDITIONS, orient="row")


def told(regime: pl.DataFrame, row: int = -1) -> pl.DataFrame:
    """Return the conditions of one bar for a page: condition, now, above its past in, words; all text."""
    usual = pl.format("{} %", (100 * pl.col("usual")).round(0).cast(pl.Int64))
    return conditions_at(regime, row).select(
        "condition",
        pl.col("shown").alias("now"),
        pl.when(pl.col("usual").is_not_null()).then(usual).otherwise(pl.lit("–")).alias("above its past in"),
        "words",
    )


def sentence(regime: pl.DataFrame, row: int = -1) -> str:
    """Return the state of the market at one bar as one sentence, with what it does to thresholds."""
    now = regime.row(row, named=True)
    name = now["regime"] or "not yet named"
    pull, stops = now["threshold_multiplier"], now["stop_multiplier"]
    asks = "ask for as much as usual" if round(pull, 3) == 1 else f"are multiplied by {pull:.2f}"
    held = "; a bound holds it there" if now["is_bounded"] else ""
    return f"The market is {name}: {now['why']}. Entry thresholds {asks}, stops by {stops:.2f}{held}."


def _told(condition: _Condition, past: pl.DataFrame) -> tuple[object, ...]:
    series = past[condition.column]
    value = series[-1]
    if value is None:
        return condition.title, None, "–", None, "cannot be measured here"
    before = series.head(series.len() - 1).drop_nulls()
    usual = None if before.len() < _LEAST else float((before < value).sum()) / before.len()
    low, high = condition.marks or (1 / 3, 2 / 3)
    judged = value if condition.marks else usual
    if judged is None:
        words = "too little history to say how usual that is"
    else:
        words = condition.words[0 if judged < low else 2 if judged > high else 1]
    return (
        condition.title,
        value,
        condition.form.format(value).replace("-", "−").replace("%", " %"),
        usual,
        words,
    )


def _peg(past: pl.DataFrame) -> tuple[object, ...]:
    now = past.row(-1, named=True)
    off = now["peg_deviation"]
    if off is None:
        return "Dollar peg", None, "–", None, "no pair of two dollar coins to tell"
    held = "OFF ITS PEG" if now["is_depegged"] else "holds"
    shown = f"{off * 100:+.2f} %".replace("-", "−")
    return "Dollar peg", off, shown, None, f"{now['peg_symbol']}, the one furthest off: {held}"
