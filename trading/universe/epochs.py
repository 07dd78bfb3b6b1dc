"""Listing epochs read from candles: where a series stops being one instrument. Pure; all symbols at once.

Two things cut: a hole of a day or more with another price scale behind it, and a jump between two bars by
a near-simple ratio that lasts while the traded amount moves the other way. A crash that trades all the way
down cuts nothing: it is flagged. Listings are read in `listings`.
"""

import math

import polars as pl

from trading.market.frames import UTC_MS
from trading.market.instruments import FLAGS
from trading.universe.rules import InstrumentRules

# One row per epoch found after a symbol's first bar.
EPOCHS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "start": UTC_MS,  # open of the first bar of the new instrument
    "before": UTC_MS,  # open of the last bar of the old one
    "reason": pl.String,
    "evidence": pl.String,
}


def find_epochs(
    candles: pl.DataFrame, rules: InstrumentRules | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return where instruments begin, and what a person should look at.

    Parameters
    ----------
    candles : DataFrame
        `symbol`, `open_time`, `open`, `high`, `low`, `close`, `volume`; one timeframe, any order. Bars with
        a price that is null or not above 0 are left out.
    rules : InstrumentRules, optional

    Returns
    -------
    epochs : DataFrame of EPOCHS
        Sorted by symbol and start; no row for a symbol's first bar.
    flags : DataFrame of FLAGS
        Crashes and surges (the first bar of each within one window) and jumps that no rule explains.
    """
    rules = rules or InstrumentRules()
    bars = _ordered(candles)
    marked = _marked(bars, rules)
    epochs, gaps = _judged(bars, marked, rules)
    flags = pl.concat([gaps, _moves(bars, epochs, rules)]).sort("symbol", "at")
    return epochs, flags


def _ordered(candles: pl.DataFrame) -> pl.DataFrame:
    wanted = ("symbol", "open_time", "open", "high", "low", "close", "volume")
    prices = [pl.col(name) for name in ("open", "high", "low", "close")]
    sound = pl.all_horizontal(*((price > 0) & price.is_finite() for price in prices)).fill_null(False)
    return (
        candles.select(wanted)
        .with_columns(pl.col("open_time").cast(UTC_MS))
        .filter(sound)
        .sort("symbol", "open_time")
        .with_row_index("row")
    )


def _marked(bars: pl.DataFrame, rules: InstrumentRules) -> pl.DataFrame:
    """Keep the bars that begin after a hole or with a jump; a handful among millions."""
    same = pl.col("symbol") == pl.col("symbol").shift(1)
    return (
        bars.lazy()
        .with_columns(
            before=pl.col("open_time").shift(1),
            jump=pl.col("open") / pl.col("close").shift(1),
            hole_s=(pl.col("open_time") - pl.col("open_time").shift(1)).dt.total_milliseconds() / 1000,
        )
        .filter(same)
        .filter(
            ~pl.col("jump").is_between(1 / rules.min_gap, rules.min_gap)
            | ((pl.col("hole_s") >= rules.min_hole_s) & ~pl.col("jump").is_between(1 / 1.05, 1.05))
        )
        .collect()
    )


def _judged(
    bars: pl.DataFrame, marked: pl.DataFrame, rules: InstrumentRules
) -> tuple[pl.DataFrame, pl.DataFrame]:
    spans = bars.group_by("symbol").agg(pl.col("row").min().alias("first"), pl.col("row").max().alias("last"))
    epochs: list[tuple[object, ...]] = []
    flags: list[tuple[object, ...]] = []
    for bar in marked.join(spans, on="symbol", maintain_order="left").to_dicts():
        verdict = _relisted(bar, rules) or _split(bars, bar, rules)
        if verdict is not None:
            epochs.append((bar["symbol"], bar["open_time"], bar["before"], *verdict))
        elif not 1 / rules.min_gap < bar["jump"] < rules.min_gap:
            words = f"opens at {bar['jump']:.4g} times the close before it, and no rule explains it"
            flags.append((bar["symbol"], "gap", bar["open_time"], bar["jump"], rules.min_gap, words))
    return (
        pl.DataFrame(epochs, schema=EPOCHS, orient="row"),
        pl.DataFrame(flags, schema=FLAGS, orient="row"),
    )


def _relisted(bar: dict[str, object], rules: InstrumentRules) -> tuple[str, str] | None:
    hole_s, jump = float(str(bar["hole_s"])), float(str(bar["jump"]))
    if hole_s < rules.min_hole_s or 1 / rules.min_scale < jump < rules.min_scale:
        return None
    days = hole_s / 86_400
    return "relisted", f"no bar for {days:.1f} days, then a price {jump:.4g} times the last one"


def _split(bars: pl.DataFrame, bar: dict[str, object], rules: InstrumentRules) -> tuple[str, str] | None:
    jump, row = float(str(bar["jump"])), int(str(bar["row"]))
    nearest = min(rules.split_ratios, key=lambda ratio: abs(abs(math.log(jump)) - math.log(ratio)))
    if abs(abs(math.log(jump)) - math.log(nearest)) > rules.ratio_tolerance:
        return None
    first = max(int(str(bar["first"])), row - rules.around_bars)
    old = bars.slice(first, row - first)
    new = bars.slice(row, min(int(str(bar["last"])) + 1 - row, rules.around_bars))
    if len(new) < rules.min_bars_after or not old.height:
        return None
    moved = _median(new, "close") / _median(old, "close")
    if abs(math.log(moved / jump)) > math.log(rules.lasting):
        return None
    volumes = _median(old, "volume"), _median(new, "volume")
    if min(volumes) <= 0:
        return None
    share = -math.log(volumes[1] / volumes[0]) / math.log(jump)
    if not rules.volume_share_min <= share <= rules.volume_share_max:
        return None
    words = f"price times {jump:.4g} between two bars (about {_ratio(jump, nearest)}), traded amount times "
    return ("split" if jump < 1 else "redenominated"), words + f"{volumes[1] / volumes[0]:.4g}"


def _median(bars: pl.DataFrame, name: str) -> float:
    return float(str(bars[name].median()))


def _ratio(jump: float, nearest: float) -> str:
    return f"1:{nearest:g}" if jump < 1 else f"{nearest:g}:1"


def _moves(bars: pl.DataFrame, epochs: pl.DataFrame, rules: InstrumentRules) -> pl.DataFrame:
    """Flag closes far from the extremes of the window before them, once per symbol, kind and window."""
    step = (pl.col("open_time") - pl.col("open_time").shift(1)).over("symbol").dt.total_milliseconds()
    bar_ms = bars.select(step.min()).item()
    if bar_ms is None or bar_ms <= 0:
        return pl.DataFrame(schema=FLAGS)
    window = max(int(rules.move_window_s * 1000 // bar_ms), 1)
    # An epoch starts a series of its own: what was before it is no crash.
    series = bars.select("row", "symbol", "open_time", "high", "low", "close").join(
        epochs.select("symbol", pl.col("start").alias("open_time"), pl.lit(1).alias("cut")),
        on=["symbol", "open_time"],
        how="left",
        maintain_order="left",
    )
    series = series.with_columns(pl.col("cut").fill_null(0).cum_sum().over("symbol"))
    found = (
        series.lazy()
        .with_columns(
            top=pl.col("high").rolling_max(window, min_samples=1).over("symbol", "cut"),
            floor=pl.col("low").rolling_min(window, min_samples=1).over("symbol", "cut"),
        )
        .with_columns(fall=pl.col("close") / pl.col("top"), rise=pl.col("close") / pl.col("floor"))
        .filter((pl.col("fall") <= 1 / rules.move_bound) | (pl.col("rise") >= rules.move_bound))
        .collect()
    )
    return pl.concat([_episodes(found, "crash", rules), _episodes(found, "surge", rules)])


def _episodes(found: pl.DataFrame, kind: str, rules: InstrumentRules) -> pl.DataFrame:
    value, bound = ("fall", 1 / rules.move_bound) if kind == "crash" else ("rise", rules.move_bound)
    within = pl.col(value) <= bound if kind == "crash" else pl.col(value) >= bound
    rows = found.filter(within)
    since = (pl.col("open_time") - pl.col("open_time").shift(1)).over("symbol")
    is_new = since.is_null() | (since.dt.total_milliseconds() > rules.move_window_s * 1000)
    extreme = "highest" if kind == "crash" else "lowest"
    hours = rules.move_window_s / 3600
    words = pl.format(
        "close is {} times the {} price of {} h, trading all the way", pl.col(value).round_sig_figs(3),
        pl.lit(extreme), pl.lit(f"{hours:g}"),
    )  # fmt: skip
    return rows.filter(is_new).select(
        "symbol",
        pl.lit(kind).alias("kind"),
        pl.col("open_time").alias("at"),
        pl.col(value).alias("value"),
        pl.lit(bound).alias("bound"),
        words.alias("reason"),
    )
