"""Everything a world knew of one symbol at one moment, as frames: only versions that were published by then.

Candles are facts of the market: a bar that had closed counts, also where it was fetched later. What was
concluded from them (correlations, regime, verdicts) counts only as it stood then.
"""

from datetime import datetime
from difflib import get_close_matches

import polars as pl

from resources.settings import Settings
from resources.symbol_verdicts import Versions, judged_at
from trading.market.errors import BadInput, MissingData, UnknownSymbol
from trading.market.instruments import cut
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.xray.peers import peers_at
from trading.xray.regime import REGIME
from trading.xray.symbol.given import REPLAYED, Given

# What the engine puts into one position at most, a share of a user's capital (`EngineSettings`).
POSITION_SHARE = 0.10
_MINUTES = 1_440


def given_at(
    settings: Settings,
    symbol: str,
    at: datetime | None = None,
    *,
    stake: float | None = None,
    has_book: bool = False,
) -> Given:
    """Return what was known of `symbol` at market time `at`; the newest look where `at` is None.

    Parameters
    ----------
    symbol : str
        As listed; lower case, no slash and a bare coin are understood where only one pair can be meant.
    stake : float, optional
        In quote units; left out, what today's users would put in together.
    has_book : bool
        Ask the exchange for its order book now: one request, and no past moment.

    Raises
    ------
    UnknownSymbol
        If this world has no such symbol; the message names near ones.
    MissingData
        If nothing was known by then; the message says what is.
    BadInput
        If `at` lies after the newest look, or a book of the past is asked for.
    """
    if has_book and at is not None:
        raise BadInput("an order book is of now: --book goes without --at")
    lake, candles = Lake(settings.lake_dir), CandleStore(settings.lake_dir)
    name = _named(symbol, lake, candles, settings.timeframe)
    moment = _moment(lake, at)
    versions = Versions(lake, moment)
    bar = find_timeframe(settings.timeframe)
    bars = _bars(versions, candles, settings.timeframe, settings.history_bars, moment, [name])
    ticker = _one(versions.read("tickers"), name)
    judged = judged_at(versions, candles, settings.timeframe, settings.history_bars, name)
    if bars.is_empty() and ticker is None and judged is None:
        raise MissingData(_what_is_known(candles, settings.timeframe, name, moment))
    peers = _peers(versions, name, moment)
    nearest = [] if peers is None else peers["peer"].head(8).to_list()
    fleet, whose = (stake, "as asked") if stake is not None else fleet_stake(settings, name)
    return Given(
        symbol=name,
        at=moment,
        candles=bars,
        bar_ms=bar.ms,
        timeframe=bar.name,
        minutes=_minutes(versions, candles, moment, name),
        ticker=ticker,
        depth=_book(settings, name) if has_book else None,
        regime=_regime(versions),
        peers=peers,
        clusters=versions.read("clusters"),
        others=_bars(versions, candles, settings.timeframe, 120, moment, nearest) if nearest else None,
        news=versions.read("news_events"),
        signals=_own(versions.read("signals"), name),
        judged=judged if judged is not None else _replayed(settings, moment, name),
        stake=fleet,
        stake_of=whose,
        sources=versions.said(),
    )


def meant(symbol: str, known: list[str]) -> str:
    """Return the name in `known` that `symbol` means.

    Raises
    ------
    UnknownSymbol
        If none can be meant; the message names near ones.
    """
    wanted = symbol.strip().upper()
    for guess in (symbol, wanted, f"{wanted}/USDT"):
        if guess in known:
            return guess
    plain = [name for name in known if name.replace("/", "") == wanted.replace("/", "").replace("-", "")]
    if len(plain) == 1:
        return plain[0]
    near = get_close_matches(wanted, known) or get_close_matches(f"{wanted}/USDT", known)
    raise UnknownSymbol(f"nothing is called {symbol[:40]!r}; near ones: {', '.join(near) or 'none'}")


def fleet_stake(settings: Settings, symbol: str) -> tuple[float, str]:
    """Return what all users who may trade `symbol` would put in together, in quote units, and whose it is."""
    from trading.store.order_log import OrderLog
    from trading.users.directory import Directory

    path = settings.database_url.removeprefix("sqlite:///")
    if (
        settings.database_url.startswith("sqlite:///")
        and not settings.world_dir.joinpath("orders.db").is_file()
    ):
        return 0.0, f"no users yet in {path.rsplit('/', 1)[-1]}"
    log = OrderLog(settings.database_url)
    try:
        users = Directory(log).all()
    finally:
        log.close()
    willing = [user for user in users if not user.is_paused and user.refuses(symbol) is None]
    stake = sum(float(user.capital) * POSITION_SHARE for user in willing)
    return stake, f"{len(willing):,} users at {POSITION_SHARE:.0%} of their capital"


def _book(settings: Settings, symbol: str) -> pl.DataFrame:
    from resources.exchange import Exchange  # ccxt: four CPU seconds, and only --book asks

    return Exchange(world=settings.world).book(symbol)


def _named(symbol: str, lake: Lake, candles: CandleStore, timeframe: str) -> str:
    """Return the name meant among everything ever listed, else among stored candles (a slower look)."""
    tables = [table for table in ("markets", "instruments") if lake.latest(table) is not None]
    listed = sorted({name for table in tables for name in lake.read(table)["symbol"].to_list()})
    try:
        return meant(symbol, listed)
    except UnknownSymbol:
        stored = candles.last_open(timeframe) if timeframe in candles.timeframes() else {}
        if not listed and not stored:
            raise MissingData("nothing is known in this world yet. Next: sluice run") from None
        return meant(symbol, sorted({*listed, *stored}))


def _moment(lake: Lake, at: datetime | None) -> datetime:
    looks = [seen for name in ("tickers", "ohlcv_days") if (seen := lake.looked_at(name)) is not None]
    if not looks:
        raise MissingData("nothing has been looked at yet in this world. Next: sluice run")
    newest = max(looks)
    if at is not None and at > newest:
        raise BadInput(f"{at:%Y-%m-%d %H:%M} UTC lies after the newest look, {newest:%Y-%m-%d %H:%M} UTC")
    return newest if at is None else at


def _bars(
    versions: Versions, candles: CandleStore, timeframe: str, bars: int, at: datetime, symbols: list[str]
) -> pl.DataFrame:
    found = candles.last_bars(timeframe, bars, until=at, symbols=symbols)
    instruments = versions.read("instruments")
    return found if instruments is None else cut(found, instruments)


def _minutes(versions: Versions, candles: CandleStore, at: datetime, symbol: str) -> pl.DataFrame | None:
    if "1m" not in candles.timeframes():
        return None
    found = _bars(versions, candles, "1m", _MINUTES, at, [symbol])
    return None if found.is_empty() else found


def _replayed(settings: Settings, at: datetime, symbol: str) -> pl.DataFrame | None:
    """How the settings' own chain judges `symbol` over what was known then; None where nothing was."""
    from resources.screening import chain_named, past_funnel  # only what nobody judged asks

    try:
        found = past_funnel(settings, chain_named(settings.preset), at).sifted
    except MissingData:
        return None
    own = found.decisions.filter(pl.col("symbol") == symbol).sort("step")
    is_blind = pl.col("rule").is_in(found.not_knowable)
    said = pl.coalesce("reason", "why").fill_null("")
    return own.select(
        pl.lit(REPLAYED).alias("stage"),
        "rule",
        "value",
        "bound",
        pl.col("is_kept").alias("is_ok"),
        pl.when(is_blind).then(pl.lit("not knowable then, taken as passed")).otherwise(said).alias("words"),
    )


def _peers(versions: Versions, symbol: str, at: datetime) -> pl.DataFrame | None:
    if versions.note("correlations") is None:
        return None
    try:
        return peers_at(versions.lake, symbol, at)
    except pl.exceptions.ColumnNotFoundError:
        return None  # a table of an older release; its correlations are made again with the next pass


def _regime(versions: Versions) -> pl.DataFrame | None:
    found = versions.read("market_regime")
    # A table of an older release lacks columns: better none than half of one.
    return found if found is not None and set(REGIME) <= set(found.columns) else None


def _own(frame: pl.DataFrame | None, symbol: str) -> pl.DataFrame | None:
    return None if frame is None else frame.filter(pl.col("symbol") == symbol)


def _one(frame: pl.DataFrame | None, symbol: str) -> dict[str, object] | None:
    own = _own(frame, symbol)
    return None if own is None or own.is_empty() else own.row(0, named=True)


def _what_is_known(candles: CandleStore, timeframe: str, symbol: str, at: datetime) -> str:
    none = f"no closed bar of {symbol} by {at:%Y-%m-%d %H:%M} UTC"
    if timeframe not in candles.timeframes():
        return f"{none}: this world has no candles of {timeframe} yet. Next: sluice run"
    own = candles.scan(timeframe, symbols=[symbol]).select("open_time").collect()["open_time"]
    if own.is_empty():
        return f"{none}: its candles were never fetched (`sluice funnel {symbol}` says why)"
    return (
        f"{none}: its candles begin at {own.min():%Y-%m-%d %H:%M} and end at {own.max():%Y-%m-%d %H:%M} UTC"
    )
