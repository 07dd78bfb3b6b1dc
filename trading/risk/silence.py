"""How long a trade that leaves by exit signals is held when research says nothing of it."""

from dataclasses import dataclass

from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class SilenceRules:
    """Bars of the strategy's timeframe that close without a word from research about a held symbol.

    Parameters
    ----------
    alert_after_bars : int
        After so many the operator is told; at least 1.
    leave_after_bars : int
        After so many the trade is left; at least `alert_after_bars`. Stop, target and longest hold work all
        the while.
    """

    alert_after_bars: int = 4
    leave_after_bars: int = 24

    def __post_init__(self) -> None:
        if not 1 <= self.alert_after_bars <= self.leave_after_bars:
            raise BadInput(
                "must be 1 <= alert_after_bars <= leave_after_bars, were "
                f"{self.alert_after_bars}, {self.leave_after_bars}"
            )
