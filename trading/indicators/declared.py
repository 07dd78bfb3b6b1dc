"""What an indicator declares about itself, and how its columns are named. No formula lives here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from trading.indicators.bars import Floats, Ints
from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class OneSymbol:
    """The bars of one symbol, oldest first: contiguous float64 arrays of shape (n_bars,), prices above 0.

    `day` is the number of the UTC day in which each bar opened.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    day: Ints

    def rows(self, start: int, stop: int) -> "OneSymbol":
        """Return the bars start:stop, as views."""
        cut = slice(start, stop)
        return OneSymbol(
            self.open[cut], self.high[cut], self.low[cut], self.close[cut], self.volume[cut], self.day[cut]
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of an indicator with its default and its bounds, both of which are allowed."""

    name: str
    default: float
    low: float
    high: float
    is_whole: bool = True

    def checked(self, value: float, indicator: str) -> float:
        """Return `value`, whole where it must be.

        Raises
        ------
        BadInput
            If it is out of bounds or not whole; the message names value and bounds.
        """
        if not isfinite(value) or not self.low <= value <= self.high:
            raise BadInput(
                f"{indicator}: {self.name} must be from {self.low:g} to {self.high:g}, was {value:g}"
            )
        if self.is_whole and value != int(value):
            raise BadInput(f"{indicator}: {self.name} must be a whole number of bars, was {value:g}")
        return int(value) if self.is_whole else float(value)


def length(default: int, name: str = "length", low: int = 2, high: int = 2_000) -> Parameter:
    """Return a parameter counted in bars."""
    return Parameter(name, default, low, high)


Compute = Callable[..., Sequence[Floats]]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A declared indicator.

    Parameters
    ----------
    name : str
        Word of the catalogue; the outputs are the words that columns begin with.
    outputs : tuple of str
        What `compute` returns, in order.
    unit : str
        Of every output.
    formula, seed, source : str
        In words: what is computed, how a recurrence begins, who defined it.
    parameters : tuple of Parameter
        In the order in which a column's name carries them.
    compute : callable
        ``compute(own: OneSymbol, *parameters)`` -> one array of shape (n_bars,) per output, NaN where
        there is no value. Called only with at least `warm_up` bars; what it says before that is nulled.
    warm_up : callable
        ``warm_up(*parameters)`` -> bars after which the error of the seed is below 0.1 %; the first value
        stands on that bar, counted from 1. Either one figure or one per output.
    """

    name: str
    outputs: tuple[str, ...]
    unit: str
    formula: str
    seed: str
    source: str
    parameters: tuple[Parameter, ...]
    compute: Compute
    warm_up: Callable[..., int | tuple[int, ...]]
    null_where: str = ""

    @property
    def defaults(self) -> tuple[float, ...]:
        """Default parameters, in order."""
        return tuple(each.checked(each.default, self.name) for each in self.parameters)

    def checked(self, values: Sequence[float]) -> tuple[float, ...]:
        """Return `values` filled up with defaults and checked."""
        if len(values) > len(self.parameters):
            takes = ", ".join(each.name for each in self.parameters) or "none"
            raise BadInput(
                f"{self.name} takes {len(self.parameters)} numbers ({takes}), was given {len(values)}"
            )
        given = (*values, *(each.default for each in self.parameters[len(values) :]))
        return tuple(
            each.checked(value, self.name) for each, value in zip(self.parameters, given, strict=True)
        )

    def bars(self, values: Sequence[float], output: str) -> int:
        """Return the warm-up of `output` with the parameters `values`."""
        needed = self.warm_up(*values)
        return needed if isinstance(needed, int) else needed[self.outputs.index(output)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A column's name, understood: an output of an indicator, its parameters, the bar it is shown from."""

    column: str
    indicator: Indicator
    output: str
    values: tuple[float, ...]
    warm_up: int

    @property
    def meaning(self) -> tuple[str, tuple[float, ...]]:
        """What is asked for, however it was spelled."""
        return self.output, self.values


def number(text: str) -> float | None:
    """Read one number of a column's name: ``14``, or ``2p5`` for 2.5; None if it is none."""
    whole, point, rest = text.partition("p")
    if not (whole.isascii() and whole.isdigit() and len(text) <= 12):
        return None
    if point and not (rest.isascii() and rest.isdigit()):
        return None
    return float(f"{whole}.{rest}" if point else whole)


def spelled(value: float) -> str:
    """Write one number as a column's name has it: 14, 2p5."""
    return f"{value:g}".replace(".", "p")
