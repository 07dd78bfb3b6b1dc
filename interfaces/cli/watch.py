"""`sluice exchange watch`: the live feed in a terminal, or one JSON line per event. Decides nothing."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, console, print_table

if TYPE_CHECKING:
    from trading.exchange.feed.buffers import Subscription
    from trading.exchange.feed.events import Event
    from trading.exchange.feed.public import PublicFeed
    from trading.exchange.pool import ExchangeSettings, GatewayPool

KINDS = ("quotes", "trades", "candles")
COLUMNS = ["symbol", "last", "bid", "ask", "bar", "source", "age_s"]
_SHOWN = 10
_REFRESH_S = 0.25


def watch(
    symbols: Annotated[
        list[str] | None,
        typer.Argument(help="Pairs, as BTC/USDT; none: the ten most traded.", metavar="SYMBOL…"),
    ] = None,
    streams: Annotated[
        str, Option(help="Which streams, with commas: quotes, trades, candles.", metavar="LIST")
    ] = ",".join(KINDS),
    timeframe: Annotated[str, Option(help="Bar length; default: the settings'.", metavar="T")] = "",
    seconds: Annotated[
        float | None, Option(min=0.1, help="End after so many; default: until Ctrl-C.", metavar="N")
    ] = None,
    url: Annotated[str, Option(help="Watch the exchange at this address.", metavar="URL")] = "",
    as_json: AsJson = False,
) -> None:
    """Show prices as they come: streamed where the exchange's websocket serves, polled where it does not.

    `source` says which of the two brings a pair's prices now, `age_s` how long ago its streams last spoke
    (wall seconds). It watches the exchange of the running world; where none runs it starts the embedded one
    until it is done. With --json: one line per event, decimals as text; the last line is the health of every
    stream. Exit code 2 for a pair, a stream or a timeframe that does not exist.
    """
    from dataclasses import replace

    from interfaces.run.venue import market_place
    from resources.settings import load_settings

    kinds = _kinds(streams)
    settings = load_settings()
    if url:
        named = settings.exchange.model_copy(update={"kind": "embedded", "base_url": url})
        settings = settings.model_copy(update={"exchange": named})
    with market_place(settings, say=lambda line: print(line, file=sys.stderr)) as place:
        exchange = replace(place.exchange, limiter_path=None) if url else place.exchange
        job = _watch(
            exchange, symbols or [], kinds, timeframe or settings.timeframe, seconds, as_json=as_json
        )
        # Ctrl-C is how a watch ends.
        with suppress(KeyboardInterrupt):
            asyncio.run(job)


def _kinds(text: str) -> list[str]:
    kinds = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in kinds if name not in KINDS]
    if unknown or not kinds:
        _refuse(f"--streams takes {', '.join(KINDS)}, was {text!r}")
    return list(dict.fromkeys(kinds))


def _refuse(sentence: str) -> None:
    print(f"sluice: {sentence}", file=sys.stderr)
    raise typer.Exit(2)


async def _watch(
    exchange: "ExchangeSettings",
    symbols: Sequence[str],
    kinds: Sequence[str],
    timeframe: str,
    seconds: float | None,
    *,
    as_json: bool,
) -> None:
    from trading.exchange.feed.events import Kind, Stream
    from trading.exchange.feed.wiring import LiveFeeds
    from trading.exchange.pool import GatewayPool
    from trading.market.errors import BadInput

    async with GatewayPool(exchange) as pool:
        feed = await LiveFeeds(pool).public()
        wanted = list(dict.fromkeys(symbols)) or await _most_traded(pool)
        asked = [
            Stream(Kind(kind), symbol, timeframe if kind == "candles" else None)
            for symbol in wanted
            for kind in kinds
        ]
        reader = feed.subscribe()
        try:
            await feed.open(asked)
            if as_json:
                await _lines(feed, reader, seconds)
            else:
                await _table(feed, reader, wanted, seconds)
        except BadInput as error:
            _refuse(str(error))
        finally:
            await feed.close()


async def _most_traded(pool: "GatewayPool") -> list[str]:
    tickers = await pool.public.tickers()
    return list(tickers.sort("volume_quote_24h", descending=True, nulls_last=True)["symbol"][:_SHOWN])


async def _lines(feed: "PublicFeed", reader: "Subscription", seconds: float | None) -> None:
    """Write one JSON line per event, and at the end one with the health of every stream."""
    left = _left(seconds)
    try:
        while left() != 0:
            event = await reader.get(left())
            if event is not None:
                _line(_plain(event))
    finally:
        _line({"kind": "health", "streams": [asdict(row) for row in feed.health()]})


def _plain(event: "Event") -> dict[str, Any]:
    stream = event.stream
    head = {"kind": stream.kind, "symbol": stream.symbol, "timeframe": stream.timeframe}
    value = asdict(event.value)  # type: ignore[call-overload]  # every value of a feed is a dataclass
    body = {name: field for name, field in value.items() if name not in ("symbol", "timeframe", "at")}
    return head | {"source": event.source, "at": event.at.isoformat()} | body


def _line(row: dict[str, Any]) -> None:
    print(json.dumps(row, default=str, ensure_ascii=False), flush=True)


async def _table(
    feed: "PublicFeed", reader: "Subscription", symbols: Sequence[str], seconds: float | None
) -> None:
    """Keep a table up to date; away from a terminal, print it once at the end."""
    from rich.live import Live

    prices: dict[str, dict[str, Any]] = {symbol: {} for symbol in symbols}
    reading = asyncio.create_task(_read(reader, prices))
    left = _left(seconds)
    try:
        if not sys.stdout.isatty():
            await asyncio.wait([reading], timeout=left())
            return
        with Live(console=console(), auto_refresh=False, transient=True) as live:
            while not reading.done() and left() != 0:
                live.update(_rich(feed, prices), refresh=True)
                await asyncio.wait([reading], timeout=_REFRESH_S)
    finally:
        reading.cancel()
        print_table(_rows(feed, prices), COLUMNS, title=_title(feed))
        for line in _troubles(feed):
            print(line)


def _left(seconds: float | None) -> Callable[[], float | None]:
    """Return how many seconds are left; None: no end."""
    began_s = time.monotonic()
    return lambda: None if seconds is None else max(0.0, began_s + seconds - time.monotonic())


async def _read(reader: "Subscription", prices: dict[str, dict[str, Any]]) -> None:
    from trading.exchange.feed.events import Candle, Trade
    from trading.exchange.gateway import Quote

    async for event in reader:
        price = prices[str(event.stream.symbol)]
        value = event.value
        if isinstance(value, Quote):
            price |= {"bid": value.bid, "ask": value.ask}
        elif isinstance(value, Trade):
            price |= {"last": value.price}
        elif isinstance(value, Candle):
            price |= {"bar": f"{value.open_time:%H:%M}{'' if value.is_closed else ' …'}"}
            price.setdefault("last", value.close)


def _rows(feed: "PublicFeed", prices: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    health = feed.health()
    rows = []
    for symbol, price in prices.items():
        mine = [row for row in health if row.symbol == symbol]
        ages = [row.age_s for row in mine if row.age_s is not None]
        rows.append(
            {
                "symbol": symbol,
                "last": None,
                "bid": None,
                "ask": None,
                "bar": None,
                **price,
                "source": "+".join(sorted({row.source for row in mine})),
                # The stream that has been silent longest is the one to look at.
                "age_s": round(max(ages), 1) if ages else None,
            }
        )
    return rows


def _title(feed: "PublicFeed") -> str:
    health = feed.health()
    polled = sum(row.source == "poll" for row in health)
    messages, reconnects = sum(row.messages for row in health), sum(row.reconnects for row in health)
    spread = f"{len(health)} streams, connections: {feed.connections}, polled now: {polled}"
    return f"{spread}, messages: {messages:,}, reconnected: {reconnects}"


def _troubles(feed: "PublicFeed") -> list[str]:
    return [f"{row.symbol} {row.stream}: {row.last_error}" for row in feed.health() if row.last_error]


def _rich(feed: "PublicFeed", prices: dict[str, dict[str, Any]]) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=_title(feed), title_justify="left", header_style="bold")
    for name in COLUMNS:
        is_text = name in ("symbol", "bar", "source")
        table.add_column(name.replace("_", " "), justify="left" if is_text else "right")
    for row in _rows(feed, prices):
        style = "" if row["source"] == "stream" else "yellow"
        table.add_row(*(Text("–" if row[name] is None else str(row[name]), style=style) for name in COLUMNS))
    return Group(table, *(Text(line, style="dim") for line in _troubles(feed)[-_SHOWN:]))
