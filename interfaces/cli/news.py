"""`sluice news`: what the news says of which symbol, and headlines of a file scored offline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json, print_table, progress

if TYPE_CHECKING:
    import polars as pl

    from trading.news.linking import Linker
    from trading.store.order_log.news_holds import NewsHold

app = typer.Typer(help="Headlines: what was read of which symbol, and files of them scored offline.")
HELD = ["symbol", "event", "since", "until", "trading_ends", "reason", "release_reason"]
COLUMNS = ["first_seen", "source", "symbols", "event", "mood", "score", "title"]


@app.command()
def score(
    source: Annotated[Path, Option("--in", help="CSV with a column `headline`.", metavar="FILE")],
    target: Annotated[Path, Option("--out", help="CSV to write; never the input itself.", metavar="FILE")],
    model: Annotated[
        Path | None, Option(help="Judge tone by a model of `sluice news train` instead.", metavar="FILE")
    ] = None,
    pairs: Annotated[
        bool, Option("--pairs", help="Link to the pairs of this world (BTC/USDT) instead of coins (BTC).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score the headlines of a file, offline, keeping its other columns.

    Adds `sentiment` (positive, neutral, negative), `score` (-1 to 1), `symbols` (joined by ";") and `event`
    (listing, delisting, hack, halt, regulation, unlock, partnership, macro, or empty). A column of such a
    name in the input is kept as `<name>_in`. Without --pairs symbols are those of a built-in list of
    well-known coins, so that no world is needed.
    """
    from trading.market.errors import BadInput
    from trading.news.reading import scored

    if target.exists() and source.exists() and target.samefile(source):
        raise BadInput(f"--out must be another file than --in, was {target} for both")
    headlines = read_csv(source)
    judge = None
    if model is not None:
        from trading.news.model import HeadlineModel

        judge = HeadlineModel.load(model)
    with progress("scoring", headlines.height) as update:
        done = scored(headlines, linker(pairs=pairs), judge, update if headlines.height > 2_000 else None)
    write_csv(done, target)
    summary = _summary(done, target, "lexicon" if model is None else str(model))
    if as_json:
        print_json(summary)
    else:
        moods = ", ".join(f"{count:,} {name}" for name, count in summary["sentiment"].items())
        print(f"{summary['headlines']:,} headlines ({summary['judge']}): {moods}")
        print(f"{summary['linked']:,} name a coin, {sum(summary['events'].values()):,} report an event")
        print(f"written to {target}")


def _summary(done: "pl.DataFrame", target: Path, judge: str) -> dict[str, Any]:
    def counts(column: str) -> dict[str, int]:
        found = done.drop_nulls(column)[column].value_counts().sort("count", column, descending=[True, False])
        return dict(found.iter_rows())

    moods = counts("sentiment")
    return {
        "headlines": done.height,
        "judge": judge,
        "sentiment": {name: moods.get(name, 0) for name in ("positive", "neutral", "negative")},
        "mean_score": done["score"].mean(),
        "linked": done.height - done["symbols"].null_count(),
        "events": counts("event"),
        "out": str(target),
    }


def linker(*, pairs: bool) -> "Linker":
    """Return what names symbols: this world's pairs, or the built-in list of coins."""
    from trading.news.linking import Linker

    if not pairs:
        return Linker.well_known()
    from resources.settings import load_settings
    from trading.market.errors import MissingData
    from trading.store.lake import Lake

    lake = Lake(load_settings().lake_dir)
    if lake.latest("validated_markets") is None:
        raise MissingData(
            "--pairs needs a world with markets, and this one has none. Next: sluice run, or no --pairs"
        )
    return Linker.of(lake.read("validated_markets"))


def read_csv(source: Path) -> "pl.DataFrame":
    """Return a CSV with every column as text. BadInput naming the file and what is wrong with it."""
    import polars as pl

    from trading.market.errors import InTheWay

    try:
        # Bytes that we read: given a path, Polars would also take patterns and addresses.
        return pl.read_csv(source.read_bytes(), infer_schema=False)
    except OSError as error:
        raise InTheWay(f"{source} cannot be read: {error.strerror or error}") from None
    except (pl.exceptions.PolarsError, UnicodeError) as error:
        why = "it is empty" if isinstance(error, pl.exceptions.NoDataError) else str(error).splitlines()[0]
        raise InTheWay(f"{source} cannot be read as CSV in UTF-8: {why[:200]}") from None


def write_csv(frame: "pl.DataFrame", target: Path) -> None:
    """Write whole or not at all: a reader never sees half a file."""
    from trading.market.errors import InTheWay

    part = target.with_name(f".{target.name}.part")
    try:
        frame.write_csv(part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InTheWay(f"{target} cannot be written: {error.strerror or error}") from None


@app.command()
def train(
    source: Annotated[
        Path, Option("--in", help="CSV with columns `headline` and `label` (positive, neutral, negative).")
    ],
    target: Annotated[Path, Option("--out", help="Model file to write (skops, never pickle).")],
    as_json: AsJson = False,
) -> None:
    """Train a model of tone on labelled headlines, and say what it and the lexicon score on them.

    The model's figure is by 5 folds: no row is judged by a model that has seen it. Rows with another label
    ("mixed") are left out and counted. It knows the kind of headline it was trained on and no other.
    """
    from trading.news.model import HeadlineModel, compare, labelled

    headlines, labels, left_out = labelled(read_csv(source))
    with progress("folds", 5) as update:
        figures = compare(headlines, labels, update)
    HeadlineModel.train(headlines, labels).save(target)
    found = {"rows": len(labels), "left_out": left_out, "macro_f1": figures, "out": str(target)}
    if as_json:
        print_json(found)
    else:
        rows = [{"judge": name, "macro_f1": value} for name, value in figures.items()]
        print_table(rows, title=f"{len(labels):,} labelled headlines, {left_out:,} left out")
        print(f"written to {target}; use it with: sluice news score --model {target} ...")


@app.command("list")
def list_(
    symbol: Annotated[str, Argument(help="Only what names this symbol, e.g. BTC/USDT or BTC.")] = "",
    limit: Annotated[int, Option(min=1, help="How many stories, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print the stories of this world, newest first by when they were first seen here."""
    import polars as pl

    from resources.settings import load_settings
    from trading.market.errors import MissingData
    from trading.store.lake import Lake

    lake = Lake(load_settings().lake_dir)
    if lake.latest("news_events") is None:
        raise MissingData("no news in this world yet. Next: sluice run")
    news = lake.read("news_events")
    if symbol:
        base = symbol.upper().partition("/")[0]
        named = pl.element() == symbol.upper() if "/" in symbol else pl.element().str.starts_with(f"{base}/")
        news = news.filter(pl.col("symbols").list.eval(named).list.any())
    newest = news.sort("first_seen", descending=True).head(limit)
    rows = (
        newest.with_columns(pl.col("symbols").list.join(" ")).to_dicts() if not as_json else newest.to_dicts()
    )
    print_table(rows, COLUMNS, title=symbol or "News", as_json=as_json, empty="nothing was seen")


@app.command()
def scores(
    limit: Annotated[int, Option(min=1, help="How many symbols, the strongest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print what the news says of each symbol now: scores that halve every 12 hours, summed, in (-1, 1)."""
    from resources.settings import load_settings
    from resources.store import Store
    from trading.market.errors import MissingData
    from trading.news.scores import symbol_scores
    from trading.store.lake import Lake

    lake = Lake(load_settings().lake_dir)
    if lake.latest("news_events") is None:
        raise MissingData("no news in this world yet. Next: sluice run")
    found = symbol_scores(lake.read("news_events"), Store().as_of())
    print_table(found.head(limit).to_dicts(), title="News now", as_json=as_json, empty="nothing was said")


@app.command()
def holds(
    history: Annotated[bool, Option("--history", help="Also those that are over or were released.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the symbols that news keeps from new entries, why, and until when (market time)."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings

    with order_log(load_settings()) as log:
        found = [] if log is None else log.news_holds.all()
    now_ms = _market_ms() if found else 0
    rows = [_held(hold) for hold in found if history or (hold.released_ms is None and hold.until_ms > now_ms)]
    columns = HELD if history else HELD[:-1]
    print_table(rows, columns, title="Held by news", as_json=as_json, empty="none")


def _held(hold: "NewsHold") -> dict[str, Any]:
    from trading.market.timeframes import from_ms

    return {
        "symbol": hold.symbol,
        "event": hold.event,
        "since": from_ms(hold.since_ms),
        "until": from_ms(hold.until_ms),
        "trading_ends": None if hold.ends_ms is None else from_ms(hold.ends_ms),
        "reason": hold.reason,
        "release_reason": hold.release_reason,
    }


def _market_ms() -> int:
    """Return the market time of the newest look; the beginning of time where there was none."""
    from resources.store import Store
    from trading.market.errors import MissingData
    from trading.market.timeframes import to_ms

    try:
        return to_ms(Store().as_of())
    except MissingData:
        return 0


@app.command()
def release(
    symbol: Annotated[str, Argument(help="The held symbol, e.g. BTC/USDT.")],
    reason: Annotated[str, Option(help="Why the news does not matter; recorded.")],
    as_json: AsJson = False,
) -> None:
    """Let a symbol back that news keeps from entries or would have sold: the story was wrong, or over."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.market.errors import BadInput

    with order_log(load_settings()) as log:
        if log is None:
            raise BadInput(f"{symbol} is not held by news: this world has no order log yet")
        ended = log.news_holds.release(symbol, reason, at_ms=_market_ms())
    if as_json:
        print_json({"symbol": symbol, "holds_ended": ended, "reason": reason})
    else:
        print(f"released {symbol}: {ended} holds ended; the engine enters it again within a second")
