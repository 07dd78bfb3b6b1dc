"""All figures of one backtest in one value."""

import math
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from trading.backtest.figures import curve as curves
from trading.backtest.figures import ratios
from trading.backtest.figures.trades import closed_trades
from trading.backtest.figures.words import WORDS
from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class Figures:
    """What a backtest came to. Ratios are fractions, money is quote, None = undefined (`words` says why)."""

    begin: datetime | None
    end: datetime | None
    days: int
    start_balance: float
    final_balance: float
    trades: int
    trades_per_day: float | None
    profit: float
    total_return: float
    cagr: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    volatility: float | None
    omega: float | None
    value_at_risk_5: float | None
    expected_shortfall_5: float | None
    trade_sharpe: float | None
    trade_sortino: float | None
    trade_calmar: float | None
    sqn: float | None
    expectancy: float | None
    expectancy_ratio: float | None
    profit_factor: float | None
    wins: int
    draws: int
    losses: int
    win_rate: float | None
    mean_profit_ratio: float | None
    median_profit_ratio: float | None
    best_trade: float | None
    worst_trade: float | None
    win_streak: int
    loss_streak: int
    mean_duration_s: float | None
    mean_duration_wins_s: float | None
    mean_duration_losses_s: float | None
    mean_stake: float | None
    volume: float
    max_drawdown: float | None
    max_drawdown_amount: float | None
    max_drawdown_from: datetime | None
    max_drawdown_to: datetime | None
    max_drawdown_recovered: datetime | None
    max_drawdown_duration_s: float | None
    max_drawdown_fall_s: float | None
    max_amount_drawdown: float | None
    best_day: float | None
    best_day_on: date | None
    worst_day: float | None
    worst_day_on: date | None
    days_won: int
    days_drawn: int
    days_lost: int
    exposure: float | None
    most_open: int
    market_change: float | None

    def rows(self) -> list[dict[str, object]]:
        """Return one row per figure: `figure`, `value`, `unit`, `meaning`."""
        return [
            {
                "figure": field.name,
                "value": getattr(self, field.name),
                "unit": WORDS[field.name][0],
                "meaning": WORDS[field.name][1],
            }
            for field in fields(self)
        ]


def figures(
    trades: pl.DataFrame,
    equity: pl.DataFrame | None = None,
    *,
    start_balance: float | None = None,
    fee: float = 0.0,
    candles: pl.DataFrame | None = None,
) -> Figures:
    """Return every figure of a backtest.

    Parameters
    ----------
    trades : DataFrame
        Any table that `trades.closed_trades` reads.
    equity : DataFrame, optional
        Any table that `curve.equity_curve` reads. Without it equity moves when trades close.
    start_balance : float, optional
        Quote currency; the first equity where not given, 1,000 without an equity curve.
    fee : float
        See `closed_trades`.
    candles : DataFrame, optional
        `symbol`, a time (`ts`, `time` or `open_time`) and `close`: for the span and the market's change.

    Raises
    ------
    BadInput
        On tables that cannot be read, or a starting balance that is not positive.
    """
    closed = closed_trades(trades, fee=fee)
    span = None if candles is None or candles.is_empty() else _span(candles)
    given = None if equity is None or equity.is_empty() else curves.equity_curve(equity)
    start = start_balance
    if start is None:
        start = 1000.0 if given is None else float(given["equity"][0])
    if not start > 0:
        raise BadInput(f"start_balance must be positive, was {start}")
    curve = curves.realised_curve(closed, start, span[0] if span else None) if given is None else given
    begin, end = span or _ends(closed, curve)
    values = {
        **_money(closed, curve, start, begin, end),
        **_of_trades(closed),
        **_of_days(curve),
        **_time_in(closed, begin, end),
        "market_change": market_change(candles),
    }
    return Figures(**values)


def market_change(candles: pl.DataFrame | None) -> float | None:
    """Return the mean over symbols of last close / first close - 1; None without candles."""
    if candles is None or candles.is_empty():
        return None
    time = _time_column(candles)
    ends = candles.sort(time).group_by("symbol").agg((pl.col("close").last() / pl.col("close").first()) - 1)
    return _number(float(ends["close"].mean()))  # type: ignore[arg-type]  # the mean of a Float64 column


def _money(
    closed: pl.DataFrame, curve: pl.DataFrame, start: float, begin: datetime | None, end: datetime | None
) -> dict[str, Any]:
    days = max(1, (end - begin).days) if begin is not None and end is not None else 1
    final = float(curve["equity"][-1]) if len(curve) else start
    returns = curves.daily(curve)["return"].to_numpy()
    profits = closed["profit"].to_numpy()
    fall, by_amount = curves.deepest(curve), curves.deepest(curve, by="amount")
    values: dict[str, Any] = {
        "begin": begin,
        "end": end,
        "days": days,
        "start_balance": start,
        "final_balance": final,
        "trades_per_day": len(closed) / days,
        "profit": final - start,
        "total_return": final / start - 1,
        "cagr": _number(ratios.cagr(start, final, days)),
        "trade_sharpe": _number(ratios.trade_sharpe(profits, start, days)),
        "trade_sortino": _number(ratios.trade_sortino(profits, start, days)),
        "trade_calmar": _number(ratios.trade_calmar(profits, start, days, fall.ratio if fall else 0.0)),
        "max_drawdown": fall.ratio if fall else None,
        "max_drawdown_amount": fall.amount if fall else None,
        "max_drawdown_from": fall.peak_at if fall else None,
        "max_drawdown_to": fall.trough_at if fall else None,
        "max_drawdown_recovered": fall.recovered_at if fall else None,
        "max_drawdown_duration_s": fall.duration / timedelta(seconds=1) if fall else None,
        "max_drawdown_fall_s": (fall.trough_at - fall.peak_at).total_seconds() if fall else None,
        "max_amount_drawdown": by_amount.amount if by_amount else None,
    }
    for name in ("sharpe", "sortino", "calmar", "volatility", "omega"):
        values[name] = _number(getattr(ratios, name)(returns))
    values["value_at_risk_5"] = _number(ratios.value_at_risk(returns))
    values["expected_shortfall_5"] = _number(ratios.expected_shortfall(returns))
    return values


def _of_trades(closed: pl.DataFrame) -> dict[str, Any]:
    profits, ratio = closed["profit"].to_numpy(), closed["profit_ratio"]
    duration = closed["duration_s"].to_numpy()
    wins, losses = profits > 0, profits < 0
    earned, per_loss = ratios.expectancy(profits)
    won, lost = ratios.streaks(profits)
    stake = closed["stake"].to_numpy()
    return {
        "trades": len(closed),
        "wins": int(wins.sum()),
        "draws": int((profits == 0).sum()),
        "losses": int(losses.sum()),
        "win_rate": _mean(wins.astype(np.float64)),
        "sqn": _number(ratios.sqn(profits)),
        "expectancy": _number(earned),
        "expectancy_ratio": _number(per_loss),
        "profit_factor": _number(ratios.profit_factor(profits)),
        "mean_profit_ratio": _mean(ratio.to_numpy()),
        "median_profit_ratio": ratio.median(),
        "best_trade": ratio.max(),
        "worst_trade": ratio.min(),
        "win_streak": won,
        "loss_streak": lost,
        "mean_duration_s": _mean(duration),
        "mean_duration_wins_s": _mean(duration[wins]),
        "mean_duration_losses_s": _mean(duration[losses]),
        "mean_stake": _mean(stake),
        "volume": float(np.sum(stake + stake * (1 + ratio.to_numpy()))),
    }


def _of_days(curve: pl.DataFrame) -> dict[str, Any]:
    days = curves.daily(curve)
    change = days["change"].to_numpy()
    best = int(np.argmax(change)) if len(change) else None
    worst = int(np.argmin(change)) if len(change) else None
    return {
        "best_day": None if best is None else float(change[best]),
        "best_day_on": None if best is None else days["date"][best],
        "worst_day": None if worst is None else float(change[worst]),
        "worst_day_on": None if worst is None else days["date"][worst],
        "days_won": int((change > 0).sum()),
        "days_drawn": int((change == 0).sum()),
        "days_lost": int((change < 0).sum()),
    }


def _time_in(closed: pl.DataFrame, begin: datetime | None, end: datetime | None) -> dict[str, Any]:
    counts = positions(closed)
    most = max(counts["open"].to_list(), default=0)
    if begin is None or end is None or end <= begin:
        return {"exposure": None, "most_open": most}
    held = counts.with_columns(pl.col("time").shift(-1).alias("until")).filter(pl.col("open") > 0)
    busy = (held["until"] - held["time"]).dt.total_milliseconds().to_numpy()
    share = float(busy.sum()) / 1000 / (end - begin).total_seconds()
    return {"exposure": min(1.0, share), "most_open": most}


def positions(closed: pl.DataFrame) -> pl.DataFrame:
    """Return how many positions stood open from each moment on: `time`, `open`.

    Of what happens at one moment, exits come before entries: a slot that is freed can be taken.
    """
    steps = pl.concat(
        [
            closed.select(pl.col("open_time").alias("time"), pl.lit(1, pl.Int64).alias("open")),
            closed.select(pl.col("close_time").alias("time"), pl.lit(-1, pl.Int64).alias("open")),
        ]
    )
    by_time = steps.group_by("time").agg(pl.col("open").sum()).sort("time")
    return by_time.with_columns(pl.col("open").cum_sum())


def _span(candles: pl.DataFrame) -> tuple[datetime, datetime]:
    column = candles[_time_column(candles)]
    if column.dtype.is_integer():
        column = pl.from_epoch(column, "ms")
    if getattr(column.dtype, "time_zone", None) is None:
        column = column.dt.replace_time_zone("UTC")
    return column.min(), column.max()  # type: ignore[return-value]  # a Datetime column has datetimes


def _time_column(candles: pl.DataFrame) -> str:
    name = next((name for name in ("ts", "time", "open_time") if name in candles.columns), None)
    if name is None:
        raise BadInput(f"candles must have a column ts, time or open_time, had {', '.join(candles.columns)}")
    return name


def _ends(closed: pl.DataFrame, curve: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    times = (closed["open_time"].min(), closed["close_time"].max(), curve["time"].min(), curve["time"].max())
    known = [time for time in times if isinstance(time, datetime)]
    return (min(known), max(known)) if known else (None, None)


def _mean(values: ratios.Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
