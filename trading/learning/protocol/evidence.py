"""Is it more than luck, given all that was tried? p-values, deflated Sharpe, overfitting, track record."""

import math
from collections.abc import Mapping

import numpy as np

from trading.backtest.validation.bootstrap import mean_interval, mean_p_value
from trading.backtest.validation.overfitting import backtest_overfitting
from trading.backtest.validation.sharpe import (
    deflated_sharpe,
    effective_trials,
    estimate,
    minimum_track_record,
    probabilistic_sharpe,
)
from trading.learning.dataset import Floats
from trading.learning.protocol.money import told

_BLOCKS = 10
_P_DRAWS = 20  # times the draws of everything else: the levels of a budget's last weeks are small
_RANDOM_COLUMNS = 8


def luck(
    series: Floats, excess: Floats, *, tried: float, draws: int, rng: np.random.Generator
) -> dict[str, float | None]:
    """Return how likely chance is.

    Parameters
    ----------
    series, excess : arrays of shape (n_days,)
        Daily net returns, and those over the fold's mean decision.
    tried : float
        Independent trials that the model was picked from, at least 1.

    Returns
    -------
    dict
        `p_money` (the mean day earns nothing), `p_skill` (the choice is no better than the mean decision),
        `p_value` the larger of both: to claim both, each must be refused at the level (intersection-union,
        no correction). PSR, DSR, trials and the days that a track record must have. None without variation.
    """
    p_money = mean_p_value(series, draws * _P_DRAWS, rng)
    p_skill = mean_p_value(excess, draws * _P_DRAWS, rng)
    found = {"p_money": p_money, "p_skill": p_skill, "p_value": max(p_money, p_skill), "trials": tried}
    if len(series) < 8 or float(series.std()) <= 1e-15:
        names = ("probabilistic_sharpe", "deflated_sharpe", "minimum_track_days")
        return told(found | dict.fromkeys(names, math.nan))
    one = estimate(series)
    return told(
        found
        | {
            "probabilistic_sharpe": probabilistic_sharpe(one),
            "deflated_sharpe": deflated_sharpe(one, tried),
            "minimum_track_days": minimum_track_record(one),
        }
    )


def overfitting(columns: Mapping[str, Floats], randoms: Floats) -> dict[str, float | None]:
    """Return PBO over what there was to choose from, and what those columns are worth as independent ones.

    Parameters
    ----------
    columns : mapping of name to array of shape (n_days,)
        Daily returns of the models (at every threshold looked at) and of the simple things.
    randoms : array of shape (draws, n_days)
        Random choices; the first eight stand in for all that could have been picked instead. With models
        only, equally good ones would look overfitted: which of them is best tomorrow is chance.
    """
    table = np.column_stack([*columns.values(), *randoms[:_RANDOM_COLUMNS]])
    if len(table) < 2 * _BLOCKS:
        return {"overfitting": None, "effective_columns": None}
    found = backtest_overfitting(table, _BLOCKS)
    return {"overfitting": found.probability, "effective_columns": effective_trials(table)}


def over_incumbent(
    series: Floats, incumbent: Floats, *, level: float, draws: int, rng: np.random.Generator
) -> dict[str, float | None]:
    """Return the mean daily lead over the incumbent with its one-sided lower bound at `level`.

    Paired: the same days of both are resampled together, in blocks. Where both are the same the lead is 0.
    """
    lead = series - incumbent
    if float(np.abs(lead).max()) <= 1e-15:
        return {"lead": 0.0, "lead_low": 0.0}
    # The lower end of a two-sided interval of 2 × level - 1 is the one-sided bound at `level`.
    found = mean_interval(lead, draws * _P_DRAWS, rng, 2 * level - 1)
    return {"lead": found.value, "lead_low": found.low}
