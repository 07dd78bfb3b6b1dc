"""The world that is looked at: lake, candles, order log, all read-only, with newest tables kept in memory.

One world for the life of a server: an order to stop never goes to another one because a pointer moved.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from trading.market.errors import MissingData
from trading.store.candles import CandleStore
from trading.store.lake import Lake

if TYPE_CHECKING:
    import polars as pl

    from resources.settings import Settings
    from trading.store.order_log import OrderLog

# Where exchange and cache are served changes with every start of `sluice dev`: asked again after so long.
_SETTINGS_S = 5.0
# Tables wider than this are read anew each time, in part, by who needs them.
_KEPT_ROWS = 100_000


class World:
    """Reads for pages; safe to use from many threads."""

    def __init__(self, settings: "Settings") -> None:
        self.name = settings.world
        self.lake = Lake(settings.lake_dir)
        self.candles = CandleStore(settings.lake_dir)
        self._settings = settings
        self._read_s = monotonic()
        self._lock = threading.Lock()
        self._log: OrderLog | None = None
        self._tables: dict[str, tuple[str, pl.DataFrame]] = {}
        self._versions: dict[str, pl.DataFrame] = {}

    @property
    def settings(self) -> "Settings":
        """Settings of this world, as of a few seconds ago."""
        from resources.settings import load_settings

        with self._lock:
            if monotonic() - self._read_s > _SETTINGS_S:
                self._settings, self._read_s = load_settings(self.name), monotonic()
            return self._settings

    @property
    def folder(self) -> Path:
        """Folder of the world."""
        return self._settings.world_dir

    @contextmanager
    def log(self, settings: "Settings | None" = None) -> Iterator["OrderLog | None"]:
        """Give the order log, read-only; None where there is none yet.

        `settings` is there to be called as `interfaces.cli.world.order_log` is.
        """
        from trading.store.order_log import OrderLog
        from trading.store.order_log.read_only import ReadOnly

        with self._lock:
            if self._log is None:
                with suppress(MissingData):
                    self._log = OrderLog(ReadOnly((settings or self._settings).database_url))
        yield self._log

    def table(self, name: str) -> "pl.DataFrame | None":
        """Return the newest version of a table, None before the first; small ones are read once."""
        newest = self.lake.latest(name)
        if newest is None:
            return None
        with self._lock:
            held = self._tables.get(name)
        if held is not None and held[0] == newest.version_id:
            return held[1]
        frame = self.lake.read(name, newest.version_id)
        if frame.height <= _KEPT_ROWS:
            with self._lock:
                self._tables[name] = (newest.version_id, frame)
        return frame

    def version(self, name: str, version_id: str) -> "pl.DataFrame":
        """Return one version of a table, an old one too; a version never changes, so some are kept."""
        with self._lock:
            held = self._versions.get(version_id)
        if held is None:
            held = self.lake.read(name, version_id)
            with self._lock:
                self._versions[version_id] = held
                while sum(frame.height for frame in self._versions.values()) > _KEPT_ROWS:
                    self._versions.pop(next(iter(self._versions)))
        return held

    def close(self) -> None:
        """Close the order log."""
        with self._lock:
            if self._log is not None:
                self._log.close()
                self._log = None
