"""One user's following of one signal, held against the backtest of it: same or not, and the cause.

Causes are found by evidence, most certain first: what the log says (skips, reasons, parts), then what the
exit machine does from the entry that was really made, then what the bars show. The rest is unknown.
"""

from dataclasses import dataclass
from typing import Any, Self

from trading.market.ticks import Grid
from trading.market.timeframes import to_ms
from trading.monitoring.causes import ORDERED, of_rule
from trading.risk.exits import ExitRules, PriceBar, exit_in_bar

# How far a bid may lie below what traded and still be the spread.
_SPREAD = 0.005
_LEVELS = {"stop_loss", "trailing_stop", "take_profit"}
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(5)


@dataclass(frozen=True, slots=True)
class Alone:
    """What the backtest made of one signal, were it the only one. Times are open times of bars.

    `reason` is `open` where it holds; `is_taken` is False where it holds the symbol from an earlier signal.
    """

    open_ms: int
    open_price: float
    exit_ms: int
    exit_price: float
    reason: str
    is_open: bool
    is_taken: bool = True

    @classmethod
    def of(cls, trade: dict[str, Any]) -> Self:
        """Return a row of `engine.TRADES`."""
        return cls(
            to_ms(trade["open_time"]),
            trade["open_price"],
            to_ms(trade["close_time"]),
            trade["close_price"],
            trade["exit_reason"],
            trade["is_open"],
        )


@dataclass(frozen=True, slots=True)
class Followed:
    """One row of `live_rows.followed`."""

    row: dict[str, Any]

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the row as it is."""
        return cls(row)

    @property
    def has_entered(self) -> bool:
        """Whether anything was bought."""
        return self.row["open_price"] is not None

    def cause_of_absence(self) -> tuple[str, str | None]:
        """Return why nothing was bought: cause and the log's own words."""
        row = self.row
        if row["rule"] is not None:
            return of_rule(row["rule"]), f"{row['rule']}: {row['skip_reason']}"
        if row["status"] in ("REJECTED", "VOID"):
            return "refused", row["refusal"]
        if row["status"] == "DONE":
            return "not_filled", None
        return ("unknown", None) if row["status"] is None else ("in_flight", row["status"])


@dataclass(frozen=True, slots=True)
class Bars:
    """The candles of one symbol by open time: open, high, low, close, volume.

    `exits` are bars that said leave; `doubts` moments at which a price of it waited for a second look.
    """

    held: dict[int, tuple[float, float, float, float, float]]
    bar_ms: int
    tick: Grid | None
    exits: frozenset[int] = frozenset()
    doubts: tuple[int, ...] = ()

    def of(self, at_ms: int) -> int:
        """Return the open time of the bar that a moment lies in."""
        return at_ms - at_ms % self.bar_ms

    def ticks(self, difference: float) -> int | None:
        """Return a price difference in ticks."""
        return None if self.tick is None else round(difference * self.tick.denominator / self.tick.numerator)

    @property
    def last_ms(self) -> int:
        """Open time of the newest bar."""
        return max(self.held, default=0)


def judge(
    live: Followed,
    alone: Alone | None,
    rules: ExitRules,
    bars: Bars,
    *,
    watched_until_ms: int,
    entry_limit: float,
) -> dict[str, Any]:
    """Return one row of `paper_day.COMPARED`."""
    row = live.row
    entered = {
        (True, True): "both", (True, False): "live only", (False, True): "backtest only",
        (False, False): "neither",
    }[live.has_entered, alone is not None]  # fmt: skip
    cause, detail = _entry(live, alone, bars, entry_limit)
    if cause == "held_already" and alone is not None and not alone.is_taken:
        entered = "neither"
    found: dict[str, Any] = {
        **{name: row[name] for name in ("signal_set_id", "signal_id", "symbol", "user_id", "mode", "place")},
        "bar_time": row["bar_ms"],
        "entered": entered,
        "entry_cause": cause,
        "entry_detail": detail,
        "live_open": row["open_price"],
        "backtest_open": None if alone is None else alone.open_price,
        "open_ticks": None,
        "live_exit": row["exit_reason"] if row["is_closed"] else "open" if live.has_entered else None,
        "backtest_exit": None if alone is None else alone.reason,
        "live_exit_bar": None if row["sold_ms"] is None else bars.of(row["sold_ms"]),
        "backtest_exit_bar": None if alone is None or alone.is_open else alone.exit_ms,
        "is_same_exit": None,
        "exit_cause": None,
        "live_close": row["close_price"],
        "backtest_close": None if alone is None or alone.is_open else alone.exit_price,
        "close_ticks": None,
    }
    if alone is None or not live.has_entered:
        return found
    found["open_ticks"] = bars.ticks(row["open_price"] - alone.open_price)
    same = (found["live_exit"], found["live_exit_bar"]) == (alone.reason, found["backtest_exit_bar"])
    found["is_same_exit"] = same
    if found["live_close"] is not None and found["backtest_close"] is not None:
        found["close_ticks"] = bars.ticks(found["live_close"] - found["backtest_close"])
    if same:
        found["exit_cause"] = _price_cause(row, found["close_ticks"])
    else:
        found["exit_cause"] = _exit_cause(row, alone, rules, bars, watched_until_ms)
    return found


def _entry(live: Followed, alone: Alone | None, bars: Bars, entry_limit: float) -> tuple[str, str | None]:
    row = live.row
    if live.has_entered and alone is not None:
        if bars.of(row["bought_ms"]) != alone.open_ms:
            return "entered_later_bar", None
        return ("same", None) if bars.ticks(row["open_price"] - alone.open_price) == 0 else ("slippage", None)
    if alone is not None:
        return live.cause_of_absence()
    if not live.has_entered:
        return "same", live.cause_of_absence()[1]
    return _not_in_backtest(row, bars, entry_limit), None


def _not_in_backtest(row: dict[str, Any], bars: Bars, entry_limit: float) -> str:
    signal, following = bars.held.get(row["bar_ms"]), bars.held.get(row["bar_ms"] + bars.bar_ms)
    if signal is None or following is None:
        return "no_next_bar"
    if following[_VOLUME] <= 0:
        return "no_volume"
    if following[_OPEN] > signal[_CLOSE] * (1 + entry_limit):
        return "open_above_limit"
    return "too_small_in_backtest"


def _price_cause(row: dict[str, Any], ticks: int | None) -> str:
    if not ticks:
        return "same"
    return "partial_fill" if (row["exits"] or 0) > 1 else "slippage"


def _exit_cause(
    row: dict[str, Any], alone: Alone, rules: ExitRules, bars: Bars, watched_until_ms: int
) -> str:
    if row["exit_reason"] in ORDERED:
        return "ordered"
    if row["held_up"] is not None or row["exit_reason"] == "exit_silence":
        return "silence" if row["held_up"] is None else "held_up"
    told = _from_live_entry(row, rules, bars)
    if row["sold_ms"] is None:
        return _still_held(told, alone, bars, watched_until_ms)
    left_ms = bars.of(row["sold_ms"])
    if left_ms > bars.last_ms:
        return "candles_end"
    if told is None or told[1] > left_ms:
        return "spread" if _bid_crossed(row, left_ms, bars) else "unknown"
    return _not_before(row, told, alone, bars, watched_until_ms)


def _not_before(
    row: dict[str, Any], told: tuple[str, int], alone: Alone, bars: Bars, watched_until_ms: int
) -> str:
    """Return why a position was left otherwise than the machine leaves it, in that bar or in a later one."""
    reason, told_ms, left_ms = row["exit_reason"], told[1], bars.of(row["sold_ms"])
    entry_ms = bars.of(row["bought_ms"])
    is_later = left_ms > told_ms
    found = (
        (told == (reason, left_ms), "price_paid" if entry_ms == alone.open_ms else "entered_later_bar"),
        (any(told_ms <= at_ms < row["sold_ms"] for at_ms in bars.doubts), "second_look"),
        (not is_later and {told[0], reason} <= _LEVELS, "inside_one_bar"),
        (is_later and told_ms == entry_ms and not _stayed_beyond(row, told, bars), "before_entry"),
        (is_later and watched_until_ms < told_ms, "engine_away"),
        (is_later and _stayed_beyond(row, told, bars), "late_exit"),
    )
    return next((cause for is_so, cause in found if is_so), "between_looks")


def _stayed_beyond(row: dict[str, Any], told: tuple[str, int], bars: Bars) -> bool:
    """Whether a bar before the one that was sold in ended beyond the level: any look would have seen it."""
    reason, at_ms = told
    if reason not in _LEVELS:
        return True  # time and signals do not go back
    ends = [
        bar[_CLOSE]
        for open_ms in range(at_ms, bars.of(row["sold_ms"]), bars.bar_ms)
        if (bar := bars.held.get(open_ms)) is not None
    ]
    if reason == "take_profit":
        return any(row["target_price"] is not None and end >= row["target_price"] for end in ends)
    return any(end <= row["stop_price"] for end in ends)


def _still_held(told: tuple[str, int] | None, alone: Alone, bars: Bars, watched_until_ms: int) -> str:
    expected_ms = alone.exit_ms if told is None else told[1]
    if watched_until_ms < expected_ms + bars.bar_ms:
        return "engine_away"
    if told is None:
        return "price_paid"
    return "before_entry" if told[1] == alone.open_ms else "between_looks"


def _from_live_entry(row: dict[str, Any], rules: ExitRules, bars: Bars) -> tuple[str, int] | None:
    """Return (reason, bar) of the exit machine from the entry that was really made; None = it stays."""
    entry, at_ms = float(row["open_price"]), bars.of(row["bought_ms"])
    numbers, peak, age, has_signal = rules.numbers(), entry, 0, False
    while at_ms <= bars.last_ms:
        bar = bars.held.get(at_ms)
        if bar is not None and bar[_VOLUME] > 0:
            # The entry's own bar begins with the entry, as far as its range allows.
            begins = bar[_OPEN] if age else min(max(entry, bar[_LOW]), bar[_HIGH])
            grid = bars.tick or Grid.finest(max(entry, bar[_HIGH], peak))
            now = PriceBar(begins, bar[_HIGH], bar[_LOW])
            found = exit_in_bar(numbers, now, grid, entry=entry, age=age, peak=peak, has_signal=has_signal)
            if found is not None:
                return found.reason, at_ms
            peak = max(peak, bar[_HIGH])
        has_signal = has_signal or (age > 0 and rules.use_exit_signal and at_ms in bars.exits)
        at_ms, age = at_ms + bars.bar_ms, age + 1
    return None


def _bid_crossed(row: dict[str, Any], left_ms: int, bars: Bars) -> bool:
    """Whether the level lies just outside of what traded in the bar: bids lie below trades."""
    bar = bars.held.get(left_ms)
    if bar is None:
        return False
    if row["exit_reason"] in ("stop_loss", "trailing_stop"):
        level = row["stop_price"] if row["exit_reason"] == "stop_loss" else bar[_LOW]
        return bool(bar[_LOW] * (1 - _SPREAD) <= level)
    if row["exit_reason"] == "take_profit" and row["target_price"] is not None:
        return bool(row["target_price"] <= bar[_HIGH] * (1 + _SPREAD))
    return False
