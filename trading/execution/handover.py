"""From approvals and fresh signals to signal sets, of entries and of exits: the last that research decides.

Pure: frames in, message out. Who is to trade it, and how much, is the engine's matter.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal

import polars as pl

from trading.market.errors import BadInput
from trading.market.exit_terms import ExitTerms
from trading.market.lineage import GROUNDS, PREFIXES, Version, digest, row_id
from trading.market.orders import ExitWord, SignalSet, TradeSignal
from trading.market.symbols import Market
from trading.market.timeframes import Timeframe, from_ms, to_ms
from trading.risk.exits import NO_HOLD_BARS, ExitRules
from trading.risk.fleet import BETA, NO_CLUSTER
from trading.risk.silence import SilenceRules
from trading.risk.sizing import STAKE_SHARE

_SILENCE = SilenceRules()


@dataclass(frozen=True, slots=True)
class HandoverRules:
    """How signals travel to the engine.

    Parameters
    ----------
    entry_limit : float
        An entry is not bought more than this fraction above the signal's close; the backtest that
        approved the symbol assumed the same bound.
    lifetime_bars : float
        Market time, in bars after the signal's bar closed, at which the set expires.
    max_signals : int
        Signals in one set, best score first.
    silence : SilenceRules
        How long a trade is held whose exit signals nobody speaks of; a set of exits expires as late.
    """

    entry_limit: float = 0.01
    lifetime_bars: float = 1.0
    max_signals: int = 20
    silence: SilenceRules = _SILENCE


def build_signal_set(
    signals: tuple[Version, pl.DataFrame],
    approvals: tuple[Version, pl.DataFrame],
    markets: Mapping[str, Market],
    exits: ExitRules,
    *,
    timeframe: Timeframe,
    at: datetime,
    rules: HandoverRules | None = None,
    source: str = "",
) -> SignalSet | None:
    """Return the set of entries that the newest closed bar asks for, or None when there is none.

    Parameters
    ----------
    signals, approvals : pair of Version and DataFrame
        Tables `signals` and `approved_symbols` with their versions.
    markets : mapping
        Unified symbol -> market, for ticks. A symbol that is not listed any more is left out.
    exits : ExitRules
        The rules that the approvals were tested with.
    at : datetime
        Market time of the decision.
    source : str
        `exit_source_of` the signals; only where exit signals count.

    Returns
    -------
    SignalSet or None
        Its id is a pure function of the two versions and the bar, so deciding twice gives one set.

    Raises
    ------
    BadInput
        If exit signals count and `source` does not say whose.
    """
    rules = rules or HandoverRules()
    if exits.use_exit_signal and not source:
        raise BadInput("exits use exit signals, so source must say whose, was empty")
    terms = terms_of(exits, timeframe, source, rules.silence)
    bar_ms = timeframe.floor_ms(to_ms(at)) - timeframe.ms
    approved = approvals[1].filter(pl.col("is_approved"))
    wanted = (
        signals[1]
        .filter(
            pl.col("is_entry")
            & (pl.col("open_time") == pl.lit(from_ms(bar_ms)).cast(pl.Datetime("ms", "UTC")))
        )
        .join(_carried(approved), on="symbol")
        .filter(pl.col("symbol").is_in(list(markets)))
        .sort("score", "symbol", descending=[True, False])
        .head(rules.max_signals)
    )
    if wanted.is_empty():
        return None
    closed_at = from_ms(bar_ms + timeframe.ms)
    return SignalSet(
        signal_set_id=row_id(
            PREFIXES["signal_set"], signals[0].version_id, approvals[0].version_id, str(bar_ms)
        ),
        created_at=at,
        expires_at=closed_at + timeframe.delta * rules.lifetime_bars,
        bar_time=from_ms(bar_ms),
        timeframe=timeframe.name,
        signals=tuple(
            replace(_signal(row, markets[row["symbol"]], exits, timeframe, rules), exits=terms)
            for row in wanted.to_dicts()
        ),
        versions=(signals[0].version_id, approvals[0].version_id),
        rests_on=grounds_of(approved),
        strategy_id=strategy_of(signals[0], exits),
    )


def build_exploration_set(
    signals: tuple[Version, pl.DataFrame],
    approvals: tuple[Version, pl.DataFrame],
    markets: Mapping[str, Market],
    exits: ExitRules,
    *,
    explored: Collection[str],
    timeframe: Timeframe,
    at: datetime,
    rules: HandoverRules | None = None,
    source: str = "",
) -> SignalSet | None:
    """Return the set of rejected entries that were drawn to be traded on paper, or None when there is none.

    Parameters
    ----------
    explored : collection of str
        Symbols whose rejected entry of the newest closed bar was drawn; one that is not approved, or was not
        rejected, is left out.
    signals, approvals, markets, exits, timeframe, at, rules, source
        As for `build_signal_set`.
    """
    is_drawn = pl.col("is_candidate") & ~pl.col("is_entry") & pl.col("symbol").is_in(list(explored))
    drawn = (signals[0], signals[1].with_columns(is_entry=is_drawn))
    about = {"timeframe": timeframe, "at": at, "rules": rules, "source": source}
    batch = build_signal_set(drawn, approvals, markets, exits, **about)  # type: ignore[arg-type]  # as above
    if batch is None:
        return None
    name = row_id(PREFIXES["signal_set"], signals[0].version_id, "exploration", batch.signal_set_id)
    # Of no strategy: what rejected entries make must neither promote nor stop a new one.
    return replace(batch, signal_set_id=name, is_exploration=True, strategy_id="")


def build_exit_set(
    signals: tuple[Version, pl.DataFrame],
    judged: Collection[str],
    held: Collection[str],
    source: str,
    *,
    timeframe: Timeframe,
    at: datetime,
    rules: HandoverRules | None = None,
) -> SignalSet | None:
    """Return what research says of the held symbols at the newest closed bar, or None if it says nothing.

    Parameters
    ----------
    signals : pair of Version and DataFrame
        Table `signals` with its version.
    judged : collection of str
        Symbols whose newest closed bar the signals were made from. One that is not among them gets no word:
        its silence is counted.
    held : collection of str
        Symbols of open trades that leave on the exit signals of `source`.
    source : str
        `exit_source_of` the signals.

    Returns
    -------
    SignalSet or None
        A set of exits. Its id is a pure function of version, bar and symbols.
    """
    rules = rules or HandoverRules()
    bar_ms = timeframe.floor_ms(to_ms(at)) - timeframe.ms
    asked = sorted(set(held) & set(judged))
    if not asked:
        return None
    newest = pl.lit(from_ms(bar_ms)).cast(pl.Datetime("ms", "UTC"))
    leave = signals[1].filter(
        pl.col("is_exit") & (pl.col("open_time") == newest) & pl.col("symbol").is_in(asked)
    )
    said = dict(leave.select("symbol", "lineage_id").iter_rows())
    return SignalSet(
        signal_set_id=row_id(PREFIXES["signal_set"], signals[0].version_id, "exits", str(bar_ms), *asked),
        created_at=at,
        expires_at=from_ms(bar_ms + timeframe.ms) + timeframe.delta * rules.silence.leave_after_bars,
        bar_time=from_ms(bar_ms),
        timeframe=timeframe.name,
        signals=(),
        versions=(signals[0].version_id,),
        words=tuple(ExitWord(symbol, said.get(symbol)) for symbol in asked),
        exit_source=source,
    )


def not_carried(results: Version) -> str | None:
    """Return why approvals that rest on these backtests are not handed over; None if a set carries them."""
    known = {rule.name for rule in fields(ExitRules)}
    unknown = sorted(set(json.loads(results.params).get("ExitRules", {})) - known)
    if not unknown:
        return None
    return (
        f"approvals rest on exits that signal sets do not carry: {', '.join(unknown)}; "
        "update Sluice, or run backtest_results without"
    )


def exit_source_of(told: Mapping[str, str]) -> str:
    """Return whose exit signals they are, given a strategy's name and the digest of its text."""
    return f"{told['name']}@{told['digest']}"


def terms_of(exits: ExitRules, timeframe: Timeframe, source: str, silence: SilenceRules) -> ExitTerms:
    """Return what a signal carries of `exits` beside stop, target and longest hold."""
    trail = exits.trailing_stop
    return ExitTerms(
        timeframe=timeframe.name,
        trailing_stop=None if trail is None else Decimal(repr(trail)),
        trailing_offset=Decimal(repr(exits.trailing_offset)),
        ladder=tuple((age * timeframe.ms // 1000, Decimal(repr(goal))) for age, goal in exits.ladder),
        exit_source=source if exits.use_exit_signal else "",
        alert_after_bars=silence.alert_after_bars,
        leave_after_bars=silence.leave_after_bars,
    )


def grounds_of(approved: pl.DataFrame) -> dict[str, str]:
    """Return what approvals rest on, by kind (`lineage.GROUNDS` less ``_id``); unknown ones are left out."""
    known = approved.select(name for name in GROUNDS if name in approved.columns).head(1).to_dicts()
    return {name.removesuffix("_id"): value for row in known for name, value in row.items() if value}


def _carried(approved: pl.DataFrame) -> pl.DataFrame:
    has_capacity = "capacity_quote" in approved.columns
    capacity = pl.col("capacity_quote") if has_capacity else pl.lit(None, pl.Float64).alias("capacity_quote")
    return approved.select("symbol", pl.col("lineage_id").alias("approval_id"), capacity)


def with_groups(batch: SignalSet, clusters: Mapping[str, int], betas: Mapping[str, float]) -> SignalSet:
    """Return the set with each signal's cluster (-1 = none) and market beta, for the caps of the fleet.

    A symbol without a beta gets none; the caps count it with 1.
    """
    signals = (
        replace(
            signal,
            cluster=clusters.get(signal.symbol, NO_CLUSTER),
            features=signal.features | ({BETA: betas[signal.symbol]} if signal.symbol in betas else {}),
        )
        for signal in batch.signals
    )
    return replace(batch, signals=tuple(signals))


def strategy_of(signals: Version, exits: ExitRules) -> str:
    """Return the id of what decided: code and parameters of the signals (their model's id too), the exits.

    A new champion is a strategy that was not traded before: canary users first. A refused candidate is not.
    """
    return f"str-{digest(signals.code_version, signals.params, repr(exits))}"


def exits_of(results: Version) -> ExitRules:
    """Return the exit rules that a version of `backtest_results` was made with.

    Raises
    ------
    BadInput
        If a signal set cannot carry them: live must trade what was tested.
    """
    refusal = not_carried(results)
    if refusal is not None:
        raise BadInput(refusal)
    return ExitRules(**json.loads(results.params)["ExitRules"])


def _signal(
    row: dict[str, object], market: Market, exits: ExitRules, timeframe: Timeframe, rules: HandoverRules
) -> TradeSignal:
    close = Decimal(repr(row["close"]))
    limit = market.price_down(close * (1 + Decimal(repr(rules.entry_limit))))
    capacity = row["capacity_quote"]
    held_bars = exits.max_hold_bars if exits.max_hold_bars is not None else NO_HOLD_BARS
    return TradeSignal(
        symbol=market.symbol,
        signal_id=str(row["lineage_id"]),
        approval_id=str(row["approval_id"]),
        limit_price=max(limit, market.tick),
        stop_loss=Decimal(repr(exits.stop_loss)),
        take_profit=None if exits.take_profit is None else Decimal(repr(exits.take_profit)),
        max_hold_s=held_bars * timeframe.ms // 1000,
        score=float(str(row["score"])),
        features={
            name: float(value)
            for name, value in row.items()
            if name.startswith("f_") and isinstance(value, float | int)
        }
        | _size_of(row),
        capacity_quote=None if capacity is None else Decimal(repr(capacity)),
    )


def _size_of(row: Mapping[str, object]) -> dict[str, float]:
    """Return the part of the stake that a policy takes, as a feature; nothing where none said it."""
    said = row.get(STAKE_SHARE)
    return {STAKE_SHARE: said} if isinstance(said, float) and 0 < said <= 1 else {}
