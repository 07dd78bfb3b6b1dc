"""Does what is stored still hash to what was recorded? Reads everything, changes nothing."""

from datetime import UTC, datetime, timedelta

import polars as pl

from trading.market.errors import MissingData
from trading.market.lineage import PREFIXES, Version, content_hash, version_id
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.candles import CandleStore
from trading.store.lake import Lake

VERIFIED = "verified"
GREW = "verified: bars were added since, those it held are the same"
GONE = "gone"
ALTERED = "record altered: its id does not follow from it"


class Checks:
    """Compares records with what they are records of; each version once.

    Candle days are only compared when `days` is true: that reads every bar of the day.
    """

    def __init__(self, lake: Lake, candles: CandleStore, *, days: bool) -> None:
        self._lake = lake
        self._candles = candles
        self._days = days
        self._known: dict[str, str | None] = {}

    def of(self, version: Version) -> str | None:
        """Return what a comparison says, None where none was asked for."""
        if version.version_id not in self._known:
            self._known[version.version_id] = self._compare(version)
        return self._known[version.version_id]

    def _compare(self, version: Version) -> str | None:
        if _named_by(version) != version.version_id:
            return ALTERED
        if version.asset == "ohlcv":
            return self._day(version) if self._days else None
        try:
            frame = self._lake.read(version.asset, version.version_id)
        except MissingData:
            return GONE
        except (OSError, pl.exceptions.PolarsError) as error:
            return f"unreadable: {type(error).__name__}"
        rows = frame.drop("lineage_id", strict=False) if version.asset in PREFIXES else frame
        return VERIFIED if content_hash(rows) == version.content_hash else _changed(version, rows)

    def _day(self, version: Version) -> str:
        name, day = str(version.partition).split("/")
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        bars = self._candles.read(name, start=start, end=start + timedelta(days=1))
        if content_hash(bars) == version.content_hash:
            return VERIFIED
        # Days go on growing: by bars that close, and by pairs that survive a later pass.
        then = self._then(version, name, day)
        if then is None:
            return GONE if bars.is_empty() else _changed(version, bars)
        rewritten = then.join(bars, on=then.columns, how="anti", nulls_equal=True).height
        return (
            GREW if rewritten == 0 else f"changed since: {rewritten:,} of its {then.height:,} bars rewritten"
        )

    def _then(self, version: Version, timeframe: str, day: str) -> pl.DataFrame | None:
        """Return the bars that were recorded, from the day's earlier states; None where they are lost."""
        closed = pl.col("open_time") + find_timeframe(timeframe).delta <= version.created_at
        for state in self._candles.states(timeframe, day):
            for then in (state, state.filter(closed)):
                if then.height == version.rows and content_hash(then) == version.content_hash:
                    return then
        return None


def _named_by(version: Version) -> str:
    return version_id(
        version.asset,
        version.content_hash,
        code_version=version.code_version,
        params=version.params,
        inputs=version.inputs,
        partition=version.partition,
    )


def _changed(version: Version, now: pl.DataFrame) -> str:
    return f"changed since: {version.rows:,} rows then, {now.height:,} now"
