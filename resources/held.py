"""Which symbols the engine holds, as far as research must go on looking at them."""

from collections.abc import Iterable

import sqlalchemy as sa

from resources.settings import load_settings
from resources.store import Store
from trading.store.order_log import OrderLog
from trading.store.order_log.upgrade import sqlite_path


def held_symbols(world: str) -> list[str]:
    """Return symbols of open trades, by name; none where nothing was ever traded."""
    if not has_log(world):
        return []
    log = OrderLog(load_settings(world).database_url)
    try:
        return sorted({trade.symbol for trade in log.ledger.open_trades()})
    finally:
        log.close()


def waiting_for(world: str, source: str, opened_before_ms: int) -> list[str]:
    """Return held symbols that leave on the exit signals of `source`; see `ExitStates.held_by_source`."""
    log = OrderLog(load_settings(world).database_url)
    try:
        return log.exits.held_by_source(source, opened_before_ms)
    finally:
        log.close()


def with_held(store: Store, symbols: Iterable[str]) -> list[str]:
    """Return `symbols` and what is held beside them: its strategy may say leave at any bar."""
    return sorted({*symbols, *held_symbols(store.world)})


def has_log(world: str) -> bool:
    """Whether there is an order log yet; asking makes none."""
    path = sqlite_path(sa.make_url(load_settings(world).database_url))
    return path is None or path.is_file()
