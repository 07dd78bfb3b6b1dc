"""Approval as it is done every night: at the level that the error budget leaves, which it then spends."""

from datetime import datetime
from functools import partial

import polars as pl

from trading.backtest.approval import Approval, approve
from trading.backtest.rules import ApprovalRules
from trading.backtest.validation.budget import NightBook


def approve_tonight(
    metrics: pl.DataFrame, trades: pl.DataFrame, rules: ApprovalRules, nights: NightBook, at: datetime
) -> Approval:
    """Hold each backtest against every rule (`approve`) and write down what the night tested and approved.

    Parameters
    ----------
    metrics, trades, rules
        As of `approve`.
    nights : NightBook
        What earlier nights spent.
    at : datetime
        Market time of the decision, UTC. All passes of its day are one night.
    """
    found = approve(metrics, trades, rules, level=partial(nights.level, rules.budget, at.date()))
    approved = len(found.approved)
    nights.record(at.date(), tested=found.tested, approved=approved, level=found.level, at=at)
    return found
