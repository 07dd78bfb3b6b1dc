"""Stop 1: what the venue lists, which of it is sound, and one look at all prices. Not candles."""

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.order_log import OrderLogResource
from resources.store import Store
from trading.market.listing import from_frame, to_frame

GROUP = "markets"


@dg.asset(group_name=GROUP, kinds={"ccxt", "parquet"}, owners=["team:trading"])
def markets(
    context: dg.AssetExecutionContext, exchange: Exchange, store: Store
) -> dg.MaterializeResult[None]:
    """Every pair the venue lists, with its trading rules. **One row per pair.**

    | | |
    |---|---|
    | Source | ccxt `load_markets()`; the public API over plain HTTP when that fails (`source` says which) |
    | Units | tick in quote, step and minimum amount in base, minimum cost in quote; fees are fractions |
    | Fresh | once per research pass |
    | If it fails | the venue is unreachable or answers nonsense; the previous table stays as it was |

    `is_scannable` (candles exist) and `is_api_tradable` (orders by API are allowed) are two flags: in
    MEXC's own recorded data BTC is scannable and not open to the API.
    """
    listed, source, at = exchange.listing()
    frame = to_frame(listed)
    version = store.publish("markets", frame, key=["exchange_id"], at=at, run_id=context.run_id)
    tradable = frame.filter(pl.col("is_api_tradable")).height
    return materialized(version, {"source": source, "API-tradable": tradable, "sample": table(frame)})


@dg.asset_check(asset=markets, blocking=True, description="Ids are unique and the venue lists something.")
def markets_are_listed_once(store: Store) -> dg.AssetCheckResult:
    """Fail when the venue lists nothing or one id twice: everything below would be wrong."""
    frame = store.lake.read("markets")
    repeated = frame.height - frame["exchange_id"].n_unique()
    return verdict(frame.height > 0 and repeated == 0, rows=frame.height, repeated_ids=repeated)


@dg.asset(group_name=GROUP, deps=[markets], kinds={"polars", "parquet"}, owners=["team:trading"])
def validated_markets(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """Pairs whose rules make sense and whose candles exist. **One row per pair that may be scanned.**

    Source: `markets`. Each rejected pair keeps its reason in the table `funnel_markets`.
    If it shrinks suddenly: look at the reasons table on this page; a venue-wide halt shows as status.

    - Source: `markets`.
    - Units: as in `markets`: tick in quote, step in base, fees as fractions.
    - Fresh: every research pass (nightly).
    - If it fails: nothing after it runs; the reasons table says what the venue changed.
    """
    from trading.screening.filters import validate_markets

    kept, funnel = validate_markets(from_frame(store.lake.read("markets")))
    about = {"key": ["symbol"], "inputs": ["markets"], "at": store.listed_at(), "run_id": context.run_id}
    store.publish("funnel_markets", funnel.unique("symbol", maintain_order=True), **about)
    version = store.publish("validated_markets", kept, **about)
    dropped = funnel.filter(~pl.col("is_kept")).group_by("rule").len("symbols")
    return materialized(version, {"in": funnel.height, "dropped by": table(dropped), "sample": table(kept)})


@dg.asset_check(
    asset=validated_markets, blocking=True, description="At least half of what is listed is sound."
)
def most_markets_are_valid(store: Store) -> dg.AssetCheckResult:
    """Fail when over half of the market was thrown out: more likely our parser's fault than the venue's."""
    kept, listed = store.lake.read("validated_markets").height, store.lake.read("markets").height
    return verdict(kept * 2 >= listed > 0, kept=kept, listed=listed)


@dg.asset(group_name=GROUP, deps=[validated_markets], kinds={"ccxt", "parquet"}, owners=["team:trading"])
def tickers(
    context: dg.AssetExecutionContext, exchange: Exchange, store: Store, order_log: OrderLogResource
) -> dg.MaterializeResult[None]:
    """One look at all prices, in one call. **One row per pair and look**, appended for good.

    Source: 24-hour tickers of the whole venue. Volumes are over 24 hours, `change_24h` is a fraction.
    Its market time, or that of newer candles, is the moment that everything below is *as of*.

    A price beyond the bound since the look before suspends its pair for review (`sluice universe suspended`):
    no new entries until somebody has looked. If many jump at once, the look is not believed and nobody is.

    - Source: 24-hour tickers of the whole venue, one call.
    - Units: prices in quote, volumes over 24 h, change a fraction.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: the venue does not answer: `sluice doctor`; nothing new is signalled meanwhile.
    """
    from trading.universe.jump_scan import believed_jumps

    before = store.lake.read("tickers") if store.lake.latest("tickers") is not None else None
    frame, at = exchange.look()
    jumps = believed_jumps(before, frame)
    suspended = order_log.suspend(jumps)
    version = store.publish(
        "tickers", frame, key=["symbol"], inputs=["validated_markets"], at=at, run_id=context.run_id
    )
    busiest = frame.sort("volume_quote_24h", descending=True)
    looks = store.lake.looks("tickers").height
    figures = {"looks kept": looks, "jumped": len(jumps), "suspended now": suspended}
    return materialized(version, {**figures, "busiest": table(busiest, rows=10)})


@dg.asset_check(asset=tickers, blocking=True, description="No crossed quotes, and most pairs have a price.")
def quotes_are_not_crossed(store: Store) -> dg.AssetCheckResult:
    """Fail when bids stand above asks, or when fewer than half of the sound pairs have a price."""
    frame = store.lake.read("tickers")
    crossed = frame.filter(pl.col("bid") > pl.col("ask")).height
    priced = frame.filter(pl.col("last") > 0).height
    sound = store.lake.read("validated_markets").height
    return verdict(crossed == 0 and priced * 2 >= sound, crossed=crossed, priced=priced, sound=sound)


@dg.asset_check(
    asset=tickers, blocking=True, description="Not many prices jumped at once since the last look."
)
def few_prices_jumped(store: Store) -> dg.AssetCheckResult:
    """Fail when over a twentieth of the pairs jumped between two looks: the look is wrong, not the market."""
    from trading.universe.jump_scan import is_believed, jumps_between

    looks = store.lake.looks("tickers").tail(2)["version_id"].to_list()
    before, after = store.lake.read("tickers", looks[0]), store.lake.read("tickers", looks[-1])
    jumps = jumps_between(before, after)
    names = ", ".join(jump.symbol for jump in jumps[:10])
    return verdict(is_believed(jumps, after), pairs=after.height, jumped=len(jumps), which=names)
