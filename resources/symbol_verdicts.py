"""Why a symbol was or was not let through: every rule of every stage, with the values of that moment."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from trading.market.frames import MARKETS, TICKERS, conform
from trading.market.lineage import Version
from trading.market.timeframes import timeframe as find_timeframe
from trading.screening.explain import EXPLAINED, explain
from trading.screening.filters import prefilter_rules
from trading.screening.rules import rules_of
from trading.screening.screen import measure, screen_rules
from trading.store.candles import CandleStore
from trading.store.lake import Lake


@dataclass(slots=True)
class Versions:
    """The tables of a lake as they stood at `at`, and a note of which versions were read."""

    lake: Lake
    at: datetime
    _noted: dict[str, str] = field(default_factory=dict)

    def note(self, table: str) -> Version | None:
        """Return the version of `table` known at `at`, None before the first, and remember it."""
        version = None if self.lake.latest(table) is None else self.lake.version_at(table, self.at)
        self._noted[table] = "nothing was known by then" if version is None else version.version_id
        return version

    def read(self, table: str) -> pl.DataFrame | None:
        """Return the rows of that version, None before the first."""
        version = self.note(table)
        return None if version is None else self.lake.read(table, version.version_id)

    def input_of(self, version: Version, table: str) -> pl.DataFrame | None:
        """Return the rows of `table` that `version` was made from, None where it was not."""
        made_from = next((name for name in version.inputs if name.startswith(f"v-{table}-")), None)
        return None if made_from is None else self.lake.read(table, made_from)

    def said(self) -> dict[str, str]:
        """Return table -> version id, in the order of reading."""
        return dict(self._noted)


def judged_at(
    versions: Versions, candles: CandleStore, timeframe: str, history_bars: int, symbol: str
) -> pl.DataFrame | None:
    """Return how every rule came out on `symbol`, **one row per stage and rule**; None where none was judged.

    Stages: markets, prefilter, screening, approval. A stage that never saw the symbol has no row.
    """
    parts = [
        _markets(versions, symbol),
        _prefilter(versions, symbol),
        _screening(versions, candles, timeframe, history_bars, symbol),
        _approval(versions, symbol),
    ]
    found = pl.concat([part for part in parts if part is not None] or [pl.DataFrame(schema=EXPLAINED)])
    return None if found.is_empty() else found


def _markets(versions: Versions, symbol: str) -> pl.DataFrame | None:
    found = versions.read("funnel_markets")
    return None if found is None else _recorded(found.filter(pl.col("symbol") == symbol))


def _prefilter(versions: Versions, symbol: str) -> pl.DataFrame | None:
    version = versions.note("liquid_symbols")
    if version is None:
        return None
    verdict = versions.lake.read("liquid_symbols", version.version_id).filter(pl.col("symbol") == symbol)
    markets, tickers = versions.input_of(version, "validated_markets"), versions.input_of(version, "tickers")
    if verdict.is_empty() or markets is None or tickers is None:
        return _recorded(verdict)
    rules, own = rules_of(version), pl.col("symbol") == symbol
    looks = conform(tickers.filter(own), TICKERS)
    frame = conform(markets.filter(own), MARKETS).join(looks, on="symbol", how="left")
    chain = [rule for rule in prefilter_rules(rules, version.created_at) if rule.name != "young"]
    return _with_recorded(explain(frame, chain, "prefilter"), verdict)


def _screening(
    versions: Versions, candles: CandleStore, timeframe: str, history_bars: int, symbol: str
) -> pl.DataFrame | None:
    version, prefilter = versions.note("screened_symbols"), versions.note("liquid_symbols")
    if version is None or prefilter is None:
        return None
    verdict = versions.lake.read("screened_symbols", version.version_id).filter(pl.col("symbol") == symbol)
    bars = candles.last_bars(timeframe, history_bars, until=version.created_at, symbols=[symbol])
    if verdict.is_empty() or bars.is_empty():
        return _recorded(verdict)
    rules = rules_of(version)
    # How far the symbol trails is measured against the newest bar of all that had closed by then.
    since, until = bars["open_time"][0], version.created_at - find_timeframe(timeframe).delta
    every = candles.scan(timeframe, start=since, end=until + timedelta(milliseconds=1))
    newest = every.select(pl.col("open_time").max()).collect().item()
    bar_ms = int(bars["open_time"].diff().dt.total_milliseconds().min() or 1)  # type: ignore[arg-type]  # of a column of durations
    measured = measure(bars, rules, newest, bar_ms)
    looks, markets = versions.input_of(version, "tickers"), versions.input_of(version, "validated_markets")
    ticker = None if looks is None else looks.filter(pl.col("symbol") == symbol)["volume_quote_24h"]
    day = pl.lit(None if ticker is None or ticker.is_empty() else ticker[0], pl.Float64)
    both = pl.max_horizontal("volume_candles", day)
    frame = measured.with_columns(volume=pl.when("covers_day").then("volume_candles").otherwise(both))
    if markets is not None:
        frame = frame.join(markets.select("symbol", "is_api_tradable"), on="symbol", how="left")
    chain = screen_rules(rules, has_markets=markets is not None)
    told = [explain(frame, chain, "screening"), _followed(versions, version, symbol)]
    return _with_recorded(pl.concat(told), verdict)


def _followed(versions: Versions, screened: Version, symbol: str) -> pl.DataFrame:
    """Return how the launchpad's own filters judged `symbol` in the pass of `screened`; maybe no row."""
    version = versions.note("screening_decisions")
    # Decisions of an earlier pass stay the newest where a later one had no filters of its own.
    if version is None or version.created_at != screened.created_at:
        return pl.DataFrame(schema=EXPLAINED)
    own = versions.lake.read("screening_decisions", version.version_id).filter(pl.col("symbol") == symbol)
    return own.sort("step").select(
        "stage",
        "rule",
        "value",
        "bound",
        pl.col("is_kept").alias("is_ok"),
        pl.coalesce("reason", "why").fill_null("").alias("words"),
    )


def _approval(versions: Versions, symbol: str) -> pl.DataFrame | None:
    rules, verdicts = versions.read("approval_rules"), versions.read("approved_symbols")
    if rules is None or verdicts is None:
        return None
    own = rules.filter(pl.col("symbol") == symbol)
    words = pl.when(~pl.col("is_passed")).then("reason").otherwise(pl.lit(""))
    return own.select(
        pl.lit("approval").alias("stage"),
        "rule",
        pl.col("value").cast(pl.Float64),
        pl.col("bound").cast(pl.Float64),
        pl.col("is_passed").alias("is_ok"),
        words.alias("words"),
    )


def _with_recorded(explained: pl.DataFrame, verdict: pl.DataFrame) -> pl.DataFrame:
    """Add what the stage itself wrote down where no rule of the chain says it: rank, references, youth."""
    row = verdict.row(0, named=True)
    if row["is_kept"] or (~explained.filter(pl.col("rule") == row["rule"])["is_ok"]).any():
        return explained
    return pl.concat([explained, _recorded(verdict)])


def _recorded(verdict: pl.DataFrame) -> pl.DataFrame:
    """Return rows of a FUNNEL as rows of EXPLAINED."""
    kept = pl.col("is_kept")
    words = pl.when(kept).then(pl.lit("")).otherwise("reason").alias("words")
    return verdict.select("stage", "rule", "value", "bound", kept.alias("is_ok"), words)
