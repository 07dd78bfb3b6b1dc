"""Additions and parts once more, slowly: decimals, one symbol, without the exit machine or its words.

Written from the list in docs/reference/backtest.md. Amounts are exact decimals floored to 0.01.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

ONE = Decimal(1)
STEP = Decimal("0.01")


def up(price: Decimal, tick: Decimal) -> Decimal:
    """The next tick at or above."""
    return (price / tick).to_integral_value(ROUND_CEILING) * tick


def down(price: Decimal, tick: Decimal) -> Decimal:
    """The next tick at or below."""
    return (price / tick).to_integral_value(ROUND_FLOOR) * tick


class Position:
    """What is held, and every fill as (place, reason, price, amount)."""

    def __init__(self, place: int, price: Decimal, rules: dict) -> None:
        self.rules, self.place = rules, place
        self.held = self.bought = Decimal(0)
        self.value = Decimal(0)
        self.fills: list[tuple] = []
        self.added = [0] * len(rules["adds"])
        self.parted = [False] * len(rules["parts"])
        self.buy(place, price, Decimal(rules["stake"]), "entry")
        self.peak = price

    @property
    def average(self) -> Decimal:
        """Of what is held, up to the tick."""
        return up(self.value / self.held, Decimal(self.rules["tick"]))

    def buy(self, place: int, price: Decimal, stake: Decimal, reason: str) -> None:
        """Buy whole steps for a stake."""
        amount = down(stake / price, STEP)
        if amount == 0:
            return
        if reason == "add" and price < self.average:
            self.peak = price
        self.held += amount
        self.bought += amount
        self.value += amount * price
        self.fills.append((place, reason, price, amount))

    def sell(self, place: int, price: Decimal, amount: Decimal, reason: str) -> None:
        """Sell; the average of what is left stays."""
        self.value -= self.value * amount / self.held
        self.held -= amount
        self.fills.append((place, reason, price, amount))

    def levels(self) -> tuple[Decimal, str, Decimal | None]:
        """Stop, its name, target."""
        tick, average = Decimal(self.rules["tick"]), self.average
        stop, name = up(average * (ONE - Decimal(self.rules["stop"])), tick), "stop_loss"
        if self.rules["trail"] and self.peak >= up(average * (ONE + Decimal(self.rules["wake"])), tick):
            trail = up(self.peak * (ONE - Decimal(self.rules["trail"])), tick)
            if trail > stop:
                stop, name = trail, "trailing_stop"
        target = self.rules["target"]
        return stop, name, None if target is None else up(average * (ONE + Decimal(target)), tick)

    def next_part(self) -> tuple[int, Decimal] | None:
        """The lowest level still to be sold."""
        tick = Decimal(self.rules["tick"])
        left = [
            (up(self.average * (ONE + Decimal(at)), tick), rule)
            for rule, (at, _) in enumerate(self.rules["parts"])
            if not self.parted[rule]
        ]
        return None if not left else (min(left)[1], min(left)[0])

    def next_add(self) -> tuple[int, Decimal] | None:
        """The highest level still to be bought."""
        tick = Decimal(self.rules["tick"])
        left = [
            (down(self.average * (ONE - Decimal(at)), tick), -rule)
            for rule, (at, _, most) in enumerate(self.rules["adds"])
            if self.added[rule] < most
        ]
        return None if not left else (-max(left)[1], max(left)[0])

    def part(self, place: int, price: Decimal, rule: int) -> bool:
        """Sell the part of a rule; True if nothing is left."""
        self.parted[rule] = True
        shares = [Decimal(share) for _, share in self.rules["parts"]]
        amount = down(self.bought * shares[rule], STEP)
        done = sum((share for share, told in zip(shares, self.parted, strict=True) if told), Decimal(0))
        if done >= 1 or amount >= self.held:
            self.sell(place, price, self.held, "roi")
            return True
        if amount > 0:
            self.sell(place, price, amount, "partial")
        return False

    def add(self, place: int, price: Decimal, rule: int) -> None:
        """Buy the addition of a rule."""
        self.added[rule] += 1
        self.buy(place, price, Decimal(self.rules["adds"][rule][1]) * Decimal(self.rules["stake"]), "add")


def fills(bars: list[tuple], entry: int, exits: set[int], rules: dict) -> list[tuple]:
    """All fills of the position entered at the open of row `entry`: (place, reason, price, amount).

    `bars` of (place, open, high, low, close, volume); `rules`: tick, stop, target, trail, wake, hold, stake,
    parts [(at, share)], adds [(below, share, most)]; fractions as text.
    """
    position = Position(bars[entry][0], Decimal(str(bars[entry][1])), rules)
    told = False
    for row in range(entry, len(bars)):
        bar = bars[row]
        if bar[5] > 0:
            is_added = _bar(position, bar, told and row > entry, rules)
            if position.held == 0:
                return position.fills
            if not is_added:
                position.peak = max(position.peak, Decimal(str(bar[2])))
        told = told or row in exits
    return position.fills


def _bar(position: Position, bar: tuple, told: bool, rules: dict) -> bool:
    """What one bar does; True if something was added after its open."""
    place, (first, high, low) = bar[0], (Decimal(str(value)) for value in bar[1:4])
    stop, name, target = position.levels()
    age = place - position.place
    for happens, reason in (
        (first <= stop, name),
        (target is not None and first > target, "roi"),
        (told, "exit_signal"),
        (rules["hold"] and age >= rules["hold"], "max_hold"),
    ):
        if happens:
            position.sell(place, first, position.held, reason)
            return False
    while (part := position.next_part()) and first > part[1]:
        if position.part(place, first, part[0]):
            return False
    while (add := position.next_add()) and first < add[1]:
        position.add(place, first, add[0])
    if low > position.levels()[0] and _rise(position, place, first, high):
        return False
    return _fall(position, place, first, low)


def _rise(position: Position, place: int, first: Decimal, high: Decimal) -> bool:
    """Parts, then the target; True if nothing is left."""
    while True:
        _, _, target = position.levels()
        part = position.next_part()
        if part and high > part[1] and (target is None or part[1] <= target):
            if position.part(place, max(part[1], first), part[0]):
                return True
            continue
        if target is not None and high > target:
            position.sell(place, max(target, first), position.held, "roi")
            return True
        return False


def _fall(position: Position, place: int, first: Decimal, low: Decimal) -> bool:
    """Additions on the way down, then the stop; True if something was added."""
    at, is_added = first, False
    while True:
        stop, name, _ = position.levels()
        add = position.next_add()
        if add and add[1] > stop and low < add[1]:
            at = min(add[1], at)
            position.add(place, at, add[0])
            is_added = True
            continue
        if low <= stop:
            position.sell(place, min(stop, at), position.held, name)
        return is_added
