"""A strategy's exits as the line takes them: what a signal set can carry to the live engine, and no more."""

from trading.backtest.strategy import Strategy
from trading.market.errors import BadInput
from trading.risk.exits import ExitRules

_MINUTE_MS = 60_000


def exits_of_strategy(strategy: Strategy, bar_ms: int) -> ExitRules:
    """Return the exits that backtest and live engine use for a strategy of the line.

    The rungs of `roi` become the parts of the price that leave them after the strategy's own fee and costs on
    both sides; one that begins between two bars comes into force with the next bar, as it does over candle
    files. An exit signal counts as the file says, unless it says ``exit.on_line = false``.

    Parameters
    ----------
    bar_ms : int
        Bar length of the line; `max_hold` is whole bars of it, one at least.

    Raises
    ------
    BadInput
        If it has additions, parts or entries that rest: a signal set cannot carry them.
    """
    name = strategy.name or "(no name)"
    if strategy.additions or strategy.parts or strategy.costs.entry_rests:
        raise BadInput(
            f"strategy {name}: the line buys once at the open and sells once: entry.add, risk.partial and "
            "limit orders to enter run over candle files only"
        )
    target = strategy.take_profit or None
    ladder = _ladder(strategy, bar_ms)
    if len(ladder) == 1 and ladder[0][0] == 0:
        (_, target), ladder = ladder[0], ()
    trailing, held_ms = strategy.trailing, strategy.max_hold_min * _MINUTE_MS
    return ExitRules(
        stop_loss=strategy.stoploss,
        take_profit=target,
        trailing_stop=None if trailing is None else trailing.stop,
        trailing_offset=0.0 if trailing is None else trailing.offset,
        max_hold_bars=max(1, held_ms // bar_ms) if held_ms else None,
        use_exit_signal=strategy.exit_ is not None and strategy.exit_counts_on_line,
        ladder=ladder,
    )


def _ladder(strategy: Strategy, bar_ms: int) -> tuple[tuple[int, float], ...]:
    """Return whole bars and gross targets; of two rungs that begin with the same bar the later one counts."""
    costs = strategy.costs
    price_cost = costs.half_spread + costs.slippage
    kept = (1 - costs.fee) * (1 - price_cost)
    rungs = {
        -(-minutes * _MINUTE_MS // bar_ms): (1 + goal) * (1 + costs.fee) / kept - 1
        for minutes, goal in strategy.roi
    }
    return tuple(rungs.items())
