"""The engine's rules once more, slowly and in another shape: one loop over bars, plain objects, no arrays.

Written from the description in docs/explanation/decisions.md, without the exit machine.
"""

from dataclasses import dataclass


@dataclass
class Trade:
    """What the engine should report."""

    signal: int
    entry: int
    leave: int
    entry_mark: float
    exit_mark: float
    reason: str


def trades(
    bars: list[dict], entries: set[int], exits: set[int], rules: dict, price_cost: float, limit: float
) -> list[Trade]:
    """Walk one symbol's bars; `t` counts bar lengths since the first bar."""
    exits = exits if rules["use_exit_signal"] else set()
    found: list[Trade] = []
    held: Trade | None = None
    high_before = 0.0
    signalled = False
    for place, bar in enumerate(bars):
        is_new = False
        if held is None and place > 0:
            before = bars[place - 1]
            wants = (place - 1) in entries and (place - 1) not in exits
            if (
                wants
                and bar["t"] == before["t"] + 1
                and bar["v"] > 0
                and bar["o"] <= before["c"] * (1 + limit)
            ):
                held = Trade(place - 1, place, -1, bar["o"], 0.0, "open")
                high_before, signalled, is_new = bar["o"] * (1 + price_cost), False, True
        if held is not None and bar["v"] > 0:
            ending = _ending(bar, bars[held.entry], high_before, signalled, is_new, rules, price_cost)
            if ending is not None:
                held.reason, held.exit_mark, held.leave = *ending, place
                found.append(held)
                held = None
                continue
            high_before = max(high_before, bar["h"])
        if held is not None and place in exits:
            signalled = True
    if held is not None:
        held.leave, held.exit_mark = len(bars) - 1, bars[-1]["c"]
        found.append(held)
    return found


def _ending(bar, first, high_before, signalled, is_new, rules, price_cost):
    paid = first["o"] * (1 + price_cost)
    levels = [(paid * (1 - rules["stop_loss"]), "stop_loss")]
    if rules["trailing_stop"] is not None and high_before >= paid * (1 + rules["trailing_offset"]):
        levels.append((high_before * (1 - rules["trailing_stop"]), "trailing_stop"))
    stop, stop_name = max(levels, key=lambda level: level[0])
    target = None if rules["take_profit"] is None else paid * (1 + rules["take_profit"])
    age = bar["t"] - first["t"]
    at_open = [
        (bar["o"] <= stop, stop_name),
        (target is not None and bar["o"] > target, "take_profit"),
        (not is_new and signalled, "exit_signal"),
        (not is_new and rules["max_hold_bars"] is not None and age >= rules["max_hold_bars"], "max_hold"),
    ]
    for happens, name in at_open:
        if happens:
            return name, bar["o"]
    if bar["l"] <= stop:
        return stop_name, stop
    if target is not None and bar["h"] > target:
        return "take_profit", target
    return None
