"""The whole funnel at any known moment, or at many: a chain of filters over what was known then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import FUNNEL, UTC_MS
from trading.market.timeframes import timeframe as find_timeframe
from trading.screening.chain.declared import Chain
from trading.screening.chain.run import Sifted, Stepped, sift
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.known import Bars, known_at, look_back
from trading.universe.looks import PastRules, nothing_known

# One row per pair and moment.
OVER: dict[str, pl.DataType | type[pl.DataType]] = {"at": UTC_MS, **FUNNEL, "source": pl.String}


@dataclass(frozen=True, slots=True)
class PastFunnel:
    """What a chain made of one moment: `source` is recorded or rebuilt, `seen_at` the time of the look."""

    sifted: Sifted
    source: str
    seen_at: datetime | None


def funnel_at(
    lake: Lake,
    candles: Bars,
    at: datetime,
    chain: Chain,
    *,
    timeframe: str = "15m",
    listed: Mapping[str, datetime] | None = None,
    past: PastRules | None = None,
    ports: Mapping[str, Any] | None = None,
    on_step: Stepped | None = None,
) -> PastFunnel:
    """Return what `chain` makes of what was known at `at`; parameters as of `known_at`.

    Raises
    ------
    BadInput
        If `at` is naive.
    MissingData
        If nothing is known of the moment, or a filter needs an input that is not there.
    """
    if at.tzinfo is None:
        raise BadInput(f"a past moment must be aware (UTC), was {at.isoformat()}")
    known = known_at(
        lake, candles, at, timeframe=timeframe, listed=listed, past=past, reads=chain.reads, ports=ports
    )
    if known.inputs.markets.is_empty():
        raise nothing_known(lake, CandleStore(lake.root), timeframe, at)
    return PastFunnel(sift(chain, known.inputs, at, on_step=on_step), known.source, known.seen_at)


def funnel_over(
    lake: Lake,
    candles: CandleStore,
    moments: Sequence[datetime],
    chain: Chain,
    *,
    timeframe: str = "15m",
    listed: Mapping[str, datetime] | None = None,
    past: PastRules | None = None,
    ports: Mapping[str, Any] | None = None,
    on_step: Stepped | None = None,
) -> pl.DataFrame:
    """Return the funnel at each of `moments`, each exactly as `funnel_at` gives it for that moment alone.

    Candles are read once for moments that lie close together.

    Parameters
    ----------
    moments : sequence of datetime
        Aware, any order, each answered once.
    on_step : callable, optional
        Called after each moment with (moments done, moments in all).

    Returns
    -------
    DataFrame of OVER
        Moments in order, rows of each in the order of the chain.

    Raises
    ------
    MissingData
        If nothing is known of one of the moments.
    """
    times, frames = sorted(set(moments)), []
    about: dict[str, Any] = {"timeframe": timeframe, "listed": listed, "past": past, "ports": ports}
    quiet = timedelta(seconds=2 * (past or PastRules()).quiet_s)
    back = max(look_back(find_timeframe(timeframe), chain.bars), quiet)
    for group in _close_together(times, back):
        held: Bars = candles
        if len(group) > 1:
            held = _Stretch(candles.read(timeframe, start=group[0] - back, end=group[-1]))
        for at in group:
            found = funnel_at(lake, held, at, chain, **about)
            rows = found.sifted.funnel.with_columns(at=pl.lit(at, UTC_MS), source=pl.lit(found.source))
            frames.append(rows.select(list(OVER)))
            if on_step is not None:
                on_step(len(frames), len(times))
    return pl.concat(frames) if frames else pl.DataFrame(schema=OVER)


def _close_together(times: Sequence[datetime], within: timedelta) -> Iterator[list[datetime]]:
    """Groups of moments that share most of the bars they look back on."""
    group: list[datetime] = []
    for at in times:
        if group and at - group[0] > within:
            yield group
            group = []
        group.append(at)
    if group:
        yield group


class _Stretch:
    """Bars of a stretch of time, sorted, read as the store would read them."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def read(
        self,
        timeframe: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        del timeframe
        opened, wanted = pl.col("open_time"), [pl.lit(value=True)]
        wanted += [] if start is None else [opened >= start]
        wanted += [] if end is None else [opened < end]
        wanted += [] if symbols is None else [pl.col("symbol").is_in(list(symbols))]
        return self._frame.filter(wanted)
