"""What commands that only look share: opening a world's order log without making one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.order_log import OrderLog

_SQLITE = "sqlite:///"


@contextmanager
def order_log(settings: "Settings") -> "Iterator[OrderLog | None]":
    """Give the world's order log, or None where there is none yet: opening a SQLite log would create it."""
    url = settings.database_url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).is_file():
        yield None
        return
    from trading.store.order_log import OrderLog

    log = OrderLog(url)
    try:
        yield log
    finally:
        log.close()
