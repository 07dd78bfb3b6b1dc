"""Which filters there are, by name."""

from trading.screening.chain import conditions, links, listing, movement, order, quotes
from trading.screening.chain.filter import Filter

FILTERS: dict[str, type[Filter]] = {
    each.name: each
    for each in (
        listing.Quote,
        listing.Status,
        listing.Api,
        listing.Blacklist,
        listing.Static,
        listing.Age,
        listing.Delist,
        listing.Listed,
        listing.Producer,
        listing.CrossMarket,
        listing.MarketCap,
        quotes.Quoted,
        quotes.QuoteAge,
        quotes.Spread,
        quotes.Price,
        quotes.Precision,
        movement.Bars,
        movement.Stale,
        movement.Volume,
        movement.PercentChange,
        movement.Volatility,
        movement.RangeStability,
        movement.Idle,
        conditions.Condition,
        conditions.Rank,
        conditions.Signal,
        order.Limit,
        order.Offset,
        order.Shuffle,
        order.Performance,
        order.FullTrades,
        links.OneOfCluster,
        links.Correlation,
        links.Capacity,
        links.News,
        links.Alerts,
    )
}
