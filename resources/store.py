"""The world's lake as a Dagster resource: read, publish with lineage, and say as of when."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import PrivateAttr

from resources.settings import load_settings
from trading.backtest.validation.budget import NightBook
from trading.backtest.validation.trials import TrialLedger
from trading.market.errors import MissingData
from trading.market.instruments import as_series, cut
from trading.market.lineage import Version
from trading.ohlcv.shelf import Shelf
from trading.store.candles import CandleStore
from trading.store.lake import Lake

# Tables whose market time is a look at the venue.
LOOKS = ("tickers", "ohlcv_days")


class Store(dg.ConfigurableResource[None]):
    """Tables and candles of one world.

    `world` names the folder under the home directory; empty means the current world.
    """

    world: str = ""
    # One lake per root, so that it can tell which versions were read here (see `publish`).
    _lakes: dict[Path, Lake] = PrivateAttr(default_factory=dict)

    @property
    def lake(self) -> Lake:
        """Versioned tables; the same object every time, which remembers what was read through it."""
        root = load_settings(self.world).lake_dir
        return self._lakes.setdefault(root, Lake(root))

    @property
    def candles(self) -> CandleStore:
        """Candles by timeframe and day."""
        return CandleStore(load_settings(self.world).lake_dir)

    @property
    def shelf(self) -> Shelf:
        """Candles with all that is known about them: what was asked, holes, doubtful bars."""
        return Shelf.at(load_settings(self.world).lake_dir)

    @property
    def approval_nights(self) -> NightBook:
        """What each night's approvals spent of the error budget."""
        return NightBook(load_settings(self.world).lake_dir / "approval_nights.jsonl")

    @property
    def trials(self) -> TrialLedger:
        """Every backtest that was ever run in this world, the discarded ones too."""
        return TrialLedger(load_settings(self.world).lake_dir / "trials.jsonl")

    def as_of(self) -> datetime:
        """Return the market time of the newest look at tickers or candles: when decisions are made."""
        looks = [at for name in LOOKS if (at := self.lake.looked_at(name)) is not None]
        if not looks:
            raise MissingData("nothing has been looked at yet: materialise `tickers` first")
        return max(looks)

    def bars(self, timeframe: str, bars: int, *, symbols: Sequence[str]) -> pl.DataFrame:
        """Return the last closed bars of `symbols`, only those of the instrument that each name means now."""
        found = self.candles.last_bars(timeframe, bars, until=self.as_of(), symbols=symbols)
        if self.lake.latest("instruments") is None:
            return found
        return cut(found, self.lake.read("instruments"))

    def series(self, timeframe: str, bars: int, *, symbols: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the last closed bars of `symbols` (None: of all that are held), for backtests.

        Each instrument is a series of its own: an earlier one is named by its id, not by its symbol.
        """
        found = self.candles.last_bars(timeframe, bars, until=self.as_of(), symbols=symbols)
        if self.lake.latest("instruments") is None:
            return found
        return as_series(found, self.lake.read("instruments"))

    def kept(self, funnel: str) -> list[str]:
        """Return the symbols that the newest `funnel` table kept, sorted."""
        return self.lake.read(funnel).filter(pl.col("is_kept"))["symbol"].sort().to_list()

    def approved(self) -> list[str]:
        """Return the symbols that the newest approvals let in, sorted."""
        verdicts = self.lake.read("approved_symbols")
        return verdicts.filter(pl.col("is_approved"))["symbol"].sort().to_list()

    @staticmethod
    def params(rules: object) -> dict[str, object]:
        """Return a frozen dataclass of thresholds as parameters of a version, under its own name."""
        return {type(rules).__name__: asdict(rules)}  # type: ignore[call-overload]  # rules are dataclasses

    def listed_at(self) -> datetime:
        """Return the market time of the newest listing."""
        newest = self.lake.looked_at("markets")
        if newest is None:
            raise MissingData("no markets yet: materialise `markets` first")
        return newest

    def publish(
        self,
        asset: str,
        frame: pl.DataFrame,
        *,
        key: Sequence[str],
        inputs: Sequence[str] = (),
        params: Mapping[str, object] | None = None,
        at: datetime | None = None,
        run_id: str | None = None,
        row_group: int | None = None,
    ) -> Version:
        """Publish `frame` as the newest version of `asset`.

        `inputs` are ids of versions, or names of tables: then the version that was read here last is
        recorded (a run beside this one may have published a newer one meanwhile), and where none was
        read, the newest. A table that nobody published yet is left out. The rest is `Lake.publish`'s.
        """
        lake = self.lake
        made_from = [found for name in inputs if (found := _made_from(lake, name)) is not None]
        moment = at if at is not None else self.as_of()
        about = {"params": params or {}, "run_id": run_id, "row_group": row_group}
        return lake.publish(asset, frame, key=key, at=moment, inputs=made_from, **about)


def _made_from(lake: Lake, name: str) -> str | None:
    if name.startswith("v-"):
        return lake.version(name).version_id
    read = lake.given(name)
    if read is not None:
        return read
    newest = lake.latest(name)
    return None if newest is None else newest.version_id
