"""The default fill rules once more, slowly: decimals, plain lists, time-major, without the exit machine.

Written from the list in docs/reference/backtest.md.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

ONE = Decimal(1)


def up(price: Decimal, tick: Decimal) -> Decimal:
    """The next tick at or above."""
    return (price / tick).to_integral_value(ROUND_CEILING) * tick


def trades(symbols: dict[str, list[tuple]], entries: dict, exits: dict, rules: dict) -> list[tuple]:
    """(symbol, entry place, exit place, open mark, close mark, reason) in the order of entry.

    `rules`: tick, stop, ladder [(age, target)], trail, wake, hold, cost, fee, slots; fractions as text.
    """
    found: list[tuple] = []
    held: dict[str, dict] = {}
    freed_at: dict[str, int] = {}
    places = sorted({bar[0] for bars in symbols.values() for bar in bars})
    at = {name: {bar[0]: row for row, bar in enumerate(bars)} for name, bars in symbols.items()}
    for place in places:
        # A slot given back inside this bar is free from the next bar on.
        taken = len(held)
        for name in sorted(symbols):
            row = at[name].get(place)
            if row is None:
                continue
            if name not in held and freed_at.get(name) != place:
                wants = row > 0 and (row - 1) in entries[name] and (row - 1) not in exits[name]
                bar, before = symbols[name][row], symbols[name][row - 1]
                if wants and bar[0] == before[0] + 1 and bar[5] > 0:
                    if rules["slots"] and taken >= rules["slots"]:
                        continue
                    held[name] = _opened(name, bar, rules)
                    taken += 1
            if name in held:
                _look(name, row, symbols, exits, held, freed_at, found, rules)
    for name, position in held.items():
        last = symbols[name][-1]
        found.append((name, position["place"], last[0], position["mark"], Decimal(str(last[4])), "open"))
    return sorted(found, key=lambda trade: (trade[1], trade[0]))


def _opened(name: str, bar: tuple, rules: dict) -> dict:
    mark = Decimal(str(bar[1]))
    paid = up(mark * (ONE + Decimal(rules["cost"])), Decimal(rules["tick"]))
    return {"place": bar[0], "mark": mark, "paid": paid, "peak": paid, "told": False, "first": True}


def _look(name, row, symbols, exits, held, freed_at, found, rules) -> None:
    position, bar = held[name], symbols[name][row]
    place, (o, h, low) = bar[0], (Decimal(str(value)) for value in bar[1:4])
    if bar[5] > 0:
        ending = _ending(position, place, o, h, low, rules)
        if ending is not None:
            found.append((name, position["place"], place, position["mark"], ending[1], ending[0]))
            freed_at[name] = place
            del held[name]
            return
        position["peak"] = max(position["peak"], h)
    position["first"] = False
    if row in exits[name]:
        position["told"] = True


def _ending(position, place, o, h, low, rules):
    tick, paid, age = Decimal(rules["tick"]), position["paid"], place - position["place"]
    stop, name = up(paid * (ONE - Decimal(rules["stop"])), tick), "stop_loss"
    if rules["trail"] and position["peak"] >= up(paid * (ONE + Decimal(rules["wake"])), tick):
        trail = up(position["peak"] * (ONE - Decimal(rules["trail"])), tick)
        if trail > stop:
            stop, name = trail, "trailing_stop"
    target = None
    for since, fraction in rules["ladder"]:
        if age >= since:
            fee, cost = Decimal(rules["fee"]), Decimal(rules["cost"])
            gross = (ONE + Decimal(fraction)) * (ONE + fee) / ((ONE - fee) * (ONE - cost))
            target = up(paid * gross.quantize(Decimal("1e-8")), tick)
    later = not position["first"]
    at_open = [
        (o <= stop, name),
        (target is not None and o > target, "roi"),
        (later and position["told"], "exit_signal"),
        (later and rules["hold"] and age >= rules["hold"], "max_hold"),
    ]
    for happens, reason in at_open:
        if happens:
            return reason, o
    if low <= stop:
        return name, stop
    if target is not None and h > target:
        return "roi", target
    return None


def floor_tick(price: Decimal, tick: Decimal) -> Decimal:
    """The next tick at or below."""
    return (price / tick).to_integral_value(ROUND_FLOOR) * tick
