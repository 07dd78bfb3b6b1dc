"""What was looked at, and when: which recorded listing and tickers stood at a past moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trading.market.errors import BadInput, MissingData
from trading.market.frames import UTC_MS
from trading.store.candles import CandleStore
from trading.store.lake import Lake

LISTING, TICKERS = "markets", "tickers"
_Schema = dict[str, pl.DataType | type[pl.DataType]]
_STOOD: _Schema = {"at": UTC_MS, "listing": pl.String, "listed_at": UTC_MS, "is_young": pl.Boolean}
_FACTS: _Schema = {
    "listing": pl.String,
    "symbol": pl.String,
    "is_api_tradable": pl.Boolean,
    "is_scannable": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class PastRules:
    """How long a look stands for what came after it.

    Parameters
    ----------
    max_look_age_s : float
        A look at the tickers stands for so many market seconds; later moments are rebuilt from candles.
    max_listing_age_s : float
        A look at the listing, which changes rarely, says for so long who existed and was online. Its API
        flags stand until the next one.
    quiet_s : float
        Rebuilt: a pair existed at a moment if it printed a bar within so many seconds before it. Also the
        window of volume.
    """

    max_look_age_s: float = 3_600.0
    max_listing_age_s: float = 172_800.0
    quiet_s: float = 86_400.0

    def __post_init__(self) -> None:
        """Refuse ages that no look could meet."""
        for name in ("max_look_age_s", "max_listing_age_s", "quiet_s"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be above 0, was {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Look:
    """One recorded look: the tickers' version and time, and the listing that stood then."""

    at: datetime
    tickers: str
    listing: str


def recorded_looks(
    lake: Lake, start: datetime | None = None, end: datetime | None = None, past: PastRules | None = None
) -> list[Look]:
    """Return the looks at the tickers with the listing that stood then, oldest first.

    Parameters
    ----------
    start, end : datetime, optional
        Only looks with `start <= at <= end`.

    Returns
    -------
    list of Look
        Looks without a listing young enough are left out: nothing tells then what was listed.
    """
    past = past or PastRules()
    tickers, listings = lake.looks(TICKERS), lake.looks(LISTING)
    if tickers.is_empty() or listings.is_empty():
        return []
    age = timedelta(seconds=past.max_listing_age_s)
    wanted = tickers.filter(
        pl.lit(value=True) if start is None else pl.col("at") >= start,
        pl.lit(value=True) if end is None else pl.col("at") <= end,
    )
    both = wanted.select("at", tickers="version_id").join_asof(
        listings.select("at", listing="version_id").sort("at"), on="at", tolerance=age
    )
    known = both.filter(pl.col("listing").is_not_null()).unique("at", keep="last").sort("at")
    return [Look(*row) for row in known.iter_rows()]


def known_range(lake: Lake, candles: CandleStore, timeframe: str) -> str:
    """Return one clause for a person: from when to when looks and candles are known."""
    looks, days = lake.looks(TICKERS), candles.dates(timeframe)
    said = []
    if not looks.is_empty():
        said.append(f"looks from {_shown(looks['at'][0])} to {_shown(looks['at'][-1])}")
    if days:
        said.append(f"{timeframe} candles from {days[0]} to {days[-1]}")
    return " and ".join(said) or "nothing is known yet. Next: sluice run"


def listings_at(lake: Lake, times: Sequence[datetime], past: PastRules) -> pl.DataFrame:
    """Return which listing stood at each of `times`, whatever its age: at, listing, listed_at, is_young.

    Moments before the first look at a listing are left out. `is_young`: it still says who existed.
    """
    moments = pl.DataFrame({"at": sorted(set(times))}, schema={"at": UTC_MS})
    looks = lake.looks(LISTING).select("at", listed_at="at", listing="version_id").sort("at")
    if looks.is_empty():
        return pl.DataFrame(schema=_STOOD)
    age = timedelta(seconds=past.max_listing_age_s)
    return (
        moments.join_asof(looks.cast({"at": UTC_MS, "listed_at": UTC_MS}), on="at")
        .filter(pl.col("listing").is_not_null())
        .with_columns(is_young=pl.col("at") - pl.col("listed_at") <= age)
        .select(list(_STOOD))
    )


def listed_facts(lake: Lake, versions: Iterable[str]) -> pl.DataFrame:
    """Return what those listings say of their pairs: listing, symbol, is_api_tradable, is_scannable."""
    kept = [pl.col(name) for name in _FACTS if name != "listing"]
    frames = [
        lake.read(LISTING, version)
        .unique("symbol", keep="first", maintain_order=True)
        .select(pl.lit(version).alias("listing"), *kept)
        for version in sorted(set(versions))
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_FACTS)


def nothing_known(lake: Lake, candles: CandleStore, timeframe: str, at: datetime) -> MissingData:
    """Return the error for a moment that neither looks nor candles cover."""
    return MissingData(f"nothing is known of {_shown(at)}: {known_range(lake, candles, timeframe)}")


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"
