"""Stops 10 and 11: from the pool to a training set to a model that is promoted, or refused."""

import dagster as dg


@dg.asset(group_name="learning", deps=["trade_pool"])
def training_set() -> None:
    """x."""


@dg.asset(group_name="learning", deps=["training_set"])
def signal_model() -> None:
    """x."""
