"""What simple things earn on the same decisions, costs and stakes as the model."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from trading.backtest.figures import ratios
from trading.learning.dataset import Floats, Ints
from trading.learning.protocol.money import Bools, calendar, daily, fold_returns
from trading.learning.scoring import Predictions
from trading.market.errors import BadInput
from trading.market.timeframes import DAY_MS

BASELINES: dict[str, pl.DataType | type[pl.DataType]] = {
    "baseline": pl.String,
    "total_return": pl.Float64,
    "sharpe": pl.Float64,  # yearly
    "max_drawdown": pl.Float64,
    "median_fold": pl.Float64,
    "trades": pl.Int64,
}
_CHUNK = 2_000_000  # random numbers at a time


def table(predictions: Predictions, series: Mapping[str, tuple[Floats, int | None]]) -> pl.DataFrame:
    """Return one row per daily series (and its number of trades, where it has one); `BASELINES`."""
    rows = [
        (
            name,
            float(np.prod(1 + values) - 1),
            None if values.std() <= 1e-15 else ratios.sharpe(values),
            ratios.max_drawdown(values),
            float(np.median(fold_returns(predictions, values))),
            trades,
        )
        for name, (values, trades) in series.items()
    ]
    return pl.DataFrame(rows, schema=BASELINES, orient="row")


def random_days(
    predictions: Predictions, taken: Bools, slots: int, draws: int, rng: np.random.Generator
) -> Floats:
    """Return what random choices earn a day, as many decisions on each day as the model took, first come.

    Returns
    -------
    array of shape (draws, n_days)
        In the days of `money.calendar`, in the same stakes as the model's.
    """
    first = int(predictions.day.min())
    out = np.zeros((draws, len(calendar(predictions))))
    for day in np.unique(predictions.day[taken]):
        rows = np.flatnonzero(predictions.day == day)
        picks = int(taken[rows].sum())
        net = predictions.net_return[rows]
        if picks == len(rows):
            out[:, day - first] = net[:slots].sum() / slots
            continue
        step = max(1, _CHUNK // len(rows))
        for begin in range(0, draws, step):
            drawn = rng.random((min(step, draws - begin), len(rows)))
            chosen = np.argpartition(drawn, picks - 1, axis=1)[:, :picks]
            if picks > slots:
                chosen = np.sort(chosen, axis=1)[:, :slots]
            out[begin : begin + step, day - first] = net[chosen].sum(axis=1) / slots
    return out


def percentile(ours: Floats, drawn: Floats) -> float:
    """Return the share of random choices that earn less over all days, ties half."""
    mine, theirs = float(ours.sum()), drawn.sum(axis=1)
    same = np.isclose(theirs, mine, rtol=0, atol=1e-12)
    return float(np.mean((theirs < mine) & ~same) + 0.5 * np.mean(same))


def held(predictions: Predictions, candles: pl.DataFrame, cost: float) -> dict[str, tuple[Floats, None]]:
    """Return buying and holding over the tested days: all symbols in equal parts, and BTC where it is there.

    Daily closes; parts are made equal again each day, without a charge, which flatters it. One side's `cost`
    is paid on the first and on the last day. What has no candles on one of the days is left out: that day's
    change would be a 0 nobody measured.

    Parameters
    ----------
    candles : DataFrame
        `symbol`, a time (`open_time` or `ts`), `close`.
    """
    name = next((one for one in ("open_time", "ts") if one in candles.columns), None)
    if name is None:
        raise BadInput(f"candles must have a column open_time or ts, had {', '.join(candles.columns)}")
    days = calendar(predictions)
    time = pl.col(name) if candles.schema[name].is_integer() else pl.col(name).dt.epoch("ms")
    closes = (
        candles.with_columns((time // DAY_MS).alias("day"))
        .filter(pl.col("day").is_between(int(days[0]) - 1, int(days[-1])))
        .sort("symbol", name)
        .group_by("symbol", "day", maintain_order=True)
        .agg(pl.col("close").last())
        .with_columns(change=pl.col("close") / pl.col("close").shift(1).over("symbol") - 1)
        .filter(pl.col("change").is_finite() & (pl.col("day") >= int(days[0])))
    )
    btc = closes.filter(pl.col("symbol").str.contains(r"^(?:BTC|XBT)[/_-]?(?:USD|USDT|USDC)\b"))
    found = {
        "buy and hold, all": _filled(closes, days, cost),
        "buy and hold, BTC": _filled(btc, days, cost),
    }
    return {name: (values, None) for name, values in found.items() if values is not None}


def _filled(changes: pl.DataFrame, days: Ints, cost: float) -> Floats | None:
    mean = changes.group_by("day").agg(pl.col("change").mean())
    if len(mean) < len(days):
        return None
    values = np.zeros(len(days))
    values[mean["day"].to_numpy() - int(days[0])] = mean["change"].to_numpy()
    values[[0, -1]] -= cost
    return values


def take_all(predictions: Predictions, slots: int) -> Floats:
    """Return the plain rule's daily returns: every decision is taken."""
    return daily(predictions, np.ones(len(predictions.y), np.bool_), slots)
