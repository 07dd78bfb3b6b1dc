"""Which trades taught: of a training set, or of the one that a model learnt from."""

import polars as pl

from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.store import Store
from trading.market.errors import SluiceError
from trading.trade_pool.teaching import TEACHING, teaching_trades

_SHOWN = ("signal_id", "symbol", "decided_at", "source", "net_return", "users", "exits", "trades")


def log_of(store: Store) -> OrderLogResource:
    """Return the order log of the world of `store`."""
    return OrderLogResource(world=store.world)


def taught(order_log: OrderLogResource, learnt: pl.DataFrame) -> pl.DataFrame:
    """Return the traded decisions of a training set with their trades, newest first (`TEACHING`)."""
    with order_log.open() as log:
        return teaching_trades(learnt, log.closed_trades())


def taught_model(learning: Learning, order_log: OrderLogResource, model_id: str | None) -> pl.DataFrame:
    """Return the same of the set that `model_id` learnt from; no row without a model, or where it is gone."""
    if model_id is None:
        return pl.DataFrame(schema=TEACHING)
    try:
        core = learning.registry.manifest(model_id)["core"]
        return taught(order_log, learning.shelf.load(core["dataset_id"]).frame)
    except SluiceError:
        return pl.DataFrame(schema=TEACHING)


def in_words(traded: pl.DataFrame) -> pl.DataFrame:
    """Return them as a page shows them: ids of trades in one text."""
    return traded.select(_SHOWN).with_columns(pl.col("trades").list.join(", "))
