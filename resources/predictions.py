"""Predictions as assets see them; what is said and what becomes of it is `trading.learning.predictions`."""

from datetime import datetime

import polars as pl

from resources.decisions import ledger
from resources.learning import Learning
from resources.store import Store
from trading.learning.drift import DRIFTS, drift_rows
from trading.learning.predictions import predictions as said
from trading.learning.predictions import unread_since, with_outcomes
from trading.trade_pool.snapshots import Snapshots


def predictions(store: Store, learning: Learning, at: datetime) -> pl.DataFrame:
    """Return everything that was said within the last 90 days; the first word on a decision stands."""
    before = _before(store, "predictions")
    decisions = Snapshots(ledger(store.world)).read(since=unread_since(before, at), until=at)
    return said(decisions, before, learning.registry, at)


def prediction_outcomes(store: Store) -> pl.DataFrame:
    """Return every prediction with what became of its decision, null until known; known ones never change."""
    asked, ended = store.lake.read("predictions"), store.lake.read("decision_outcomes")
    return with_outcomes(asked, ended, _before(store, "prediction_outcomes"))


def drifted(store: Store, learning: Learning) -> pl.DataFrame:
    """Return the figures of the champion's drift; none without a champion that can be used."""
    model = learning.champion(store)
    terms = getattr(model, "terms", None)
    if model is None or terms is None:
        return pl.DataFrame(schema=DRIFTS)
    outcomes = store.lake.read("prediction_outcomes").filter(pl.col("model_id") == model.model_id)
    return drift_rows(terms.reference, outcomes, model.model_id)


def _before(store: Store, asset: str) -> pl.DataFrame | None:
    return None if store.lake.latest(asset) is None else store.lake.read(asset)
