"""A chain over a market at one moment, and at many: who fell at which filter, and every threshold met."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from trading.indicators.catalogue import with_columns
from trading.indicators.expressions.evaluate import to_polars, with_bar_numbers
from trading.market.errors import MissingData
from trading.market.frames import FUNNEL, TICKERS, UTC_MS
from trading.screening.chain.declared import Chain
from trading.screening.chain.filter import Filter, all_kept
from trading.screening.chain.inputs import Inputs, Schema, Seen, closed
from trading.screening.funnel import PASSED

# Series measured at a time: indicators make copies of what they are given.
_AT_ONCE = 512
EARLY, LATE = "prefilter", "screening"  # stages of the funnel: before candles, and on them
# One row per symbol and filter that it met.
DECISIONS: Schema = {
    "symbol": pl.String,
    "step": pl.Int64,  # place of the filter in the chain, from 1
    "stage": pl.String,
    "rule": pl.String,
    "is_kept": pl.Boolean,
    "value": pl.Float64,
    "bound": pl.Float64,  # the threshold that it met
    "reason": pl.String,  # of dropped ones
    "why": pl.String,  # how the threshold came about where the market moved it
}
# One row per filter.
STEPS: Schema = {
    "step": pl.Int64,
    "stage": pl.String,
    "rule": pl.String,
    "filter": pl.String,
    "in": pl.Int64,
    "out": pl.Int64,
    "example": pl.String,  # why the most traded of those that fell did
    "note": pl.String,  # how the market moved its bound, or why it judged nothing
}
Stepped = Callable[[int, int], None]  # (filters done, filters in all)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a chain made of a market at `at`.

    `funnel` has one row per pair (FUNNEL): first those kept, in the chain's order; `steps` one per filter,
    `decisions` one per pair and filter met. `not_knowable` names filters that could not be judged then.
    """

    at: datetime
    funnel: pl.DataFrame
    decisions: pl.DataFrame
    steps: pl.DataFrame
    not_knowable: tuple[str, ...]

    @property
    def kept(self) -> list[str]:
        """Symbols that passed everything, in the chain's order."""
        return self.funnel.filter(pl.col("is_kept"))["symbol"].to_list()


def sift(chain: Chain, inputs: Inputs, at: datetime, *, on_step: Stepped | None = None) -> Sifted:
    """Run `chain` over what was known at `at`.

    Parameters
    ----------
    inputs : Inputs
        May hold anything that became known later: it is not looked at.
    at : datetime
        Aware.
    on_step : callable, optional
        Called after each filter with (filters done, filters in all).

    Raises
    ------
    BadInput
        If `at` is naive or a frame lacks a column.
    MissingData
        If a filter that is not `optional` needs an input that was not given.
    """
    seen = inputs.as_of(at)
    frame = _pairs(chain, seen)
    decisions, steps, not_knowable = [], [], []
    for number, each in enumerate(chain.filters):
        is_early = number < chain.before_candles
        if number == chain.before_candles:
            seen = replace(seen, candles=_bars(chain, inputs, seen, frame["symbol"]))
            frame = _measured(frame, chain.filters[number:], seen)
        note = _passed_over(each, seen)
        verdicts = all_kept(frame) if note or frame.is_empty() else each.judge(frame, seen)
        if is_early:
            verdicts = _with_references(verdicts, chain)
        if note and set(each.sense) & seen.blind:
            not_knowable.append(each.called)
        decided = verdicts.with_columns(
            step=pl.lit(number + 1, pl.Int64),
            stage=pl.lit(EARLY if is_early else LATE),
            rule=pl.lit(each.called),
        ).select(list(DECISIONS))
        kept = verdicts.filter(pl.col("is_kept")).select("symbol")
        decisions.append(decided)
        place = {"step": number + 1, "stage": EARLY if is_early else LATE}
        steps.append(place | _step(decided, each, note, before=frame))
        frame = kept.join(frame, on="symbol", how="left", maintain_order="left")
        if on_step is not None:
            on_step(number + 1, len(chain.filters))
    every = pl.concat(decisions)
    return Sifted(
        at,
        _funnel(frame, every),
        every,
        pl.DataFrame(steps, schema=STEPS),
        tuple(dict.fromkeys(not_knowable)),
    )


def followed(
    funnel: pl.DataFrame, chain: Chain, inputs: Inputs, at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `funnel` with those that it kept judged by `chain` too, in its own order, and the decisions.

    Parameters
    ----------
    funnel : DataFrame of FUNNEL
        Of earlier rules; what they dropped keeps its row.
    """
    kept = funnel.filter(pl.col("is_kept"))["symbol"].to_list()
    left = replace(inputs, markets=inputs.markets.filter(pl.col("symbol").is_in(kept)))
    found = sift(chain, left, at)
    own = found.funnel.with_columns(stage=pl.lit(LATE))
    order = funnel.select("symbol")
    rest = funnel.filter(~pl.col("symbol").is_in(own["symbol"].to_list())).select(list(FUNNEL))
    judged = order.join(pl.concat([rest, own]), on="symbol", how="left", maintain_order="left")
    return judged.select(list(FUNNEL)), found.decisions


def funnel_over(
    chain: Chain, inputs: Inputs, moments: Iterable[datetime], *, on_step: Stepped | None = None
) -> pl.DataFrame:
    """Return the funnel at each of `moments`, each as `sift` gives it for that moment alone.

    Returns
    -------
    DataFrame of FUNNEL with `at`
        Moments in order, each once; rows in the order of `sift`.
    """
    times = sorted(set(moments))
    frames = []
    for done, at in enumerate(times, 1):
        frames.append(sift(chain, inputs, at).funnel.with_columns(at=pl.lit(at, UTC_MS)))
        if on_step is not None:
            on_step(done, len(times))
    return pl.concat(frames) if frames else pl.DataFrame(schema=FUNNEL | {"at": UTC_MS})


def _pairs(chain: Chain, seen: Seen) -> pl.DataFrame:
    """Everything listed, with its newest quote: references first, then by 24 h volume, then by name."""
    tickers = seen.ports.get("tickers", pl.DataFrame(schema=TICKERS))
    looks = tickers.sort("at", maintain_order=True).unique("symbol", keep="last", maintain_order=True)
    born = pl.DataFrame(
        {"symbol": list(seen.listed), "born": list(seen.listed.values())},
        schema={"symbol": pl.String, "born": UTC_MS},
    )
    frame = seen.markets.join(looks, on="symbol", how="left", maintain_order="left")
    frame = frame.join(born, on="symbol", how="left", maintain_order="left")
    age = (pl.lit(seen.at) - pl.col("born")).dt.total_milliseconds() / 86_400_000
    is_other = ~pl.col("symbol").is_in(list(chain.references))
    ordered = frame.with_columns(listed_days=age).drop("born")
    return ordered.sort(
        is_other, "volume_quote_24h", "symbol", descending=[False, True, False], nulls_last=True
    )


def _bars(chain: Chain, inputs: Inputs, seen: Seen, symbols: pl.Series) -> pl.DataFrame | None:
    """The last bars of those that are left: a filter on candles sees no others, wherever they come from."""
    candles = seen.candles
    if candles is None and inputs.load is not None:
        candles = closed(inputs.load(symbols.to_list(), seen.at, chain.bars), seen.bar, seen.at)
    if candles is None:
        return None
    if len(symbols) < candles["symbol"].n_unique():
        candles = candles.filter(pl.col("symbol").is_in(symbols.to_list()))
    # By slots of time, as the store answers: a symbol with holes has fewer bars, never older ones.
    length = timedelta(days=31) if seen.bar.name == "1M" else seen.bar.delta
    oldest = seen.at - (chain.bars + 1) * length
    # A filter that keeps everything still copies everything: looking costs less.
    if not candles.is_empty() and candles.select((pl.col("open_time") <= oldest).any()).item():
        candles = candles.filter(pl.col("open_time") > oldest)
    return _tail(candles, chain.bars)


def _measured(frame: pl.DataFrame, filters: tuple[Filter, ...], seen: Seen) -> pl.DataFrame:
    """Add every figure that one of `filters` reads; null for a symbol without bars."""
    table = seen.candles
    if table is None:
        return frame
    asked = {name: found for each in filters for name, found in each.expressions().items()}
    figures = {name: found for each in filters for name, found in each.figures(seen.bar).items()}
    indicators = dict.fromkeys(name for found in asked.values() for name in found.indicators)
    found: list[list[pl.DataFrame]] = [[], []]
    for part in _in_parts(table):
        known = with_columns(part, list(indicators)) if indicators else part
        if figures:
            found[0].append(known.group_by("symbol", maintain_order=True).agg(**figures))
        if asked:
            newest = _tail(known, max(each.reach for each in asked.values()) + 1)
            values = with_bar_numbers(newest).select(
                "symbol", **{name: to_polars(each.tree) for name, each in asked.items()}
            )
            found[1].append(_tail(values, 1))
    for parts in found:
        if parts:
            frame = frame.join(pl.concat(parts), on="symbol", how="left", maintain_order="left")
    return frame


def _in_parts(table: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield a frame that is sorted by symbol in slices of whole symbols, so that no copy of all is made."""
    ends = table["symbol"].rle().struct.field("len").cum_sum().to_list()
    start = 0
    for end in [*ends[_AT_ONCE - 1 : -1 : _AT_ONCE], *ends[-1:]]:
        yield table.slice(start, end - start)
        start = end
    if not ends:
        yield table


def _tail(frame: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The last `rows` rows of each symbol of a frame that is sorted by symbol."""
    longest = frame["symbol"].rle().struct.field("len").max()
    if longest is None or int(str(longest)) <= rows:
        return frame
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    is_last = pl.col("symbol").ne_missing(pl.col("symbol").shift(-1)) | (row == pl.len() - 1)
    end = pl.when(is_last).then(row).backward_fill()
    return frame.filter(end - row < rows)


def _passed_over(each: Filter, seen: Seen) -> str:
    """Why a filter judges nothing, or "".

    Raises
    ------
    MissingData
        If it needs what was not given, and is not optional.
    """
    unseen = [name for name in each.sense if name in seen.blind]
    if unseen:
        return f"not knowable then ({', '.join(unseen)}): nothing was dropped"
    missing = [name for name in each.inputs if not seen.has(name)]
    if missing and not each.optional:
        raise MissingData(
            f"filter {each.called} needs {' and '.join(missing)}, which this chain was not given; "
            "leave the filter out, or set optional = true in it"
        )
    return f"no {' and '.join(missing)} given: nothing was dropped" if missing else ""


def _with_references(verdicts: pl.DataFrame, chain: Chain) -> pl.DataFrame:
    if not chain.references:
        return verdicts
    is_reference = pl.col("symbol").is_in(list(chain.references))
    return verdicts.with_columns(
        is_kept=pl.col("is_kept") | is_reference, reason=pl.when(~is_reference).then("reason")
    )


def _step(decided: pl.DataFrame, each: Filter, note: str, *, before: pl.DataFrame) -> dict[str, object]:
    dropped = decided.filter(~pl.col("is_kept"))
    example = None
    if not dropped.is_empty():
        # The list began sorted by volume; a filter may have turned it since.
        place = dict(zip(before["symbol"].to_list(), before["volume_quote_24h"].to_list(), strict=True))
        row = max(dropped.iter_rows(named=True), key=lambda row: place[row["symbol"]] or 0.0)
        example = f"{row['symbol']}: {row['reason']}"
    whys = decided["why"].drop_nulls().unique().sort().to_list()
    return {
        "rule": each.called,
        "filter": each.name,
        "in": decided.height,
        "out": decided.height - dropped.height,
        "example": example,
        "note": note or "; ".join(whys) or None,
    }


def _funnel(frame: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    last = LATE if (decisions["stage"] == LATE).any() else EARLY
    kept = frame.select(
        "symbol",
        stage=pl.lit(last),
        rule=pl.lit(PASSED),
        is_kept=pl.lit(value=True),
        value=pl.lit(None, pl.Float64),
        bound=pl.lit(None, pl.Float64),
        reason=pl.lit("passed every rule"),
    )
    dropped = decisions.filter(~pl.col("is_kept")).select(list(FUNNEL))
    return pl.concat([kept.select(list(FUNNEL)), dropped])
