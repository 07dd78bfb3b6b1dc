"""What a policy sees of its position, in one order: plain arithmetic, compiled for training, called live.

An observation is the features at the closed bar, as they were decided upon, and then these numbers. All are
bounded, and in units of `unit` (the usual size of a net return) where they are returns.
"""

STATE = 8
STATE_NAMES = ("is_held", "age", "net", "to_stop", "to_target", "best", "size", "probability")
_WIDEST = 8.0


def bounded(value: float) -> float:
    """Return the value, held to ±8."""
    return min(max(value, -_WIDEST), _WIDEST)


def waiting(probability: float) -> tuple[float, float, float, float, float, float, float, float]:
    """Return the state before an entry; `probability` of a net gain as the supervised model gave it."""
    return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (probability - 0.5) * 4.0


def holding(
    prices: tuple[float, float, float, float, float], age: float, net: float, unit: float, size: float,
    probability: float,
) -> tuple[float, float, float, float, float, float, float, float]:  # fmt: skip
    """Return the state of an open position at a bar's close.

    Parameters
    ----------
    prices : (paid, close, stop, target, best)
        Paid in the mean, the close, the higher of fixed and trailing stop, the target (0 = none) and the
        highest price of the bars held, all in one unit, ticks or quote.
    age : float
        Since entry, as a part of the usual hold.
    net : float
        Net return if it were sold at the close, all costs paid.
    unit : float
        The usual size of a net return.
    size : float
        Multiplier of the stake it was entered with.
    probability : float
        Of a net gain, said at the signal.
    """
    paid, close, stop, target, best = prices
    to_target = (target / close - 1.0) / unit if target > 0.0 else 8.0
    return (
        1.0,
        bounded(age),
        bounded(net / unit),
        bounded((1.0 - stop / close) / unit),
        bounded(to_target),
        bounded((best / paid - 1.0) / unit),
        size,
        (probability - 0.5) * 4.0,
    )
