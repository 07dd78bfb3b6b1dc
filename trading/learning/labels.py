"""Outcomes of decisions on candles: stop, target or time, whichever came first, net of all costs.

The triple barrier is the one exit machine of live engine and backtest, with the exits that were in force when
it was decided. Decided entries and the backtest's history are labelled by the same function, `candle_labels`.
"""

import json
from collections.abc import Mapping

import polars as pl

from trading.backtest.costs import CostModel
from trading.learning.candles import candle_labels
from trading.market.errors import BadInput
from trading.risk.exits import ExitRules


def decided_outcomes(
    candles: pl.DataFrame,
    decisions: pl.DataFrame,
    markets: pl.DataFrame,
    costs: CostModel | None = None,
    *,
    tickers: pl.DataFrame | None = None,
    bar_ms: int | None = None,
) -> pl.DataFrame:
    """Return one row per decision that the candles show the end of, for `outcomes.Outcomes.write`.

    Parameters
    ----------
    candles, markets, costs, tickers, bar_ms
        As for `run_backtest`: fees, half the spread, slippage and impact of the fleet's stake are paid.
    decisions : DataFrame
        `decision_id`, `symbol`, `bar_time`, `score`, `exits` (JSON of `ExitRules`).

    Returns
    -------
    DataFrame
        `decision_id`, `source` ("candles"), `closed_at` (close of the bar it ended in), `net_return`,
        `fee_ratio` (round trip, spread and slippage included). A decision that is not over yet, or whose
        entry the next bar did not offer, has no row.

    Raises
    ------
    BadInput
        If the exits of a decision cannot be read.
    """
    found = [_empty()]
    for (text,), rows in decisions.group_by("exits", maintain_order=True):
        asked = rows.select(
            "symbol",
            pl.col("bar_time").alias("open_time"),
            pl.col("decision_id").alias("lineage_id"),
            pl.col("score").fill_null(0.0),
            pl.lit(value=True).alias("is_candidate"),
        )
        bars = candles.filter(pl.col("symbol").is_in(asked["symbol"].unique().to_list()))
        labels = candle_labels(bars, asked, markets, _exits(str(text)), costs, tickers=tickers, bar_ms=bar_ms)
        found.append(labels.rename({"signal_id": "decision_id"}).select(_empty().columns))
    return pl.concat(found).sort("closed_at", "decision_id")


def _empty() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "decision_id": pl.String,
            "source": pl.String,
            "closed_at": pl.Datetime("ms", "UTC"),
            "net_return": pl.Float64,
            "fee_ratio": pl.Float64,
        }
    )


def _exits(text: str) -> ExitRules:
    try:
        told: Mapping[str, object] = json.loads(text)
        return ExitRules(**told)  # type: ignore[arg-type]  # JSON; ExitRules checks each value
    except (ValueError, TypeError) as error:
        raise BadInput(f"exits of a decision must be those of ExitRules, were {text[:80]}") from error
