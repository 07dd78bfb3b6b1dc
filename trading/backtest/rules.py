"""The declared bounds of the approval gate. What they are held against is in approval.py."""

from dataclasses import dataclass

from trading.backtest.capacity import CapacityRules
from trading.backtest.validation.budget import ErrorBudget
from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The bounds a symbol's backtest must meet. Ratios are fractions (0.02 = 2 %).

    Parameters
    ----------
    min_trades, min_days : int
        Closed trades, and different UTC days on which they were entered. Only symbols that meet both
        are tested at all: they are the family over which false discovery is controlled.
    min_total_return, min_total_return_2x_costs : float
        Must be exceeded.
    min_profit_factor : float
        Gains over losses; a symbol without a losing trade passes.
    max_drawdown : float
        Largest fall of equity.
    min_random_percentile : float
        Share of random entry sets that did worse.
    min_market_excess : float
        Mean trade return beyond the market's over the same bars; must be exceeded.
    false_discovery_rate : float
        Benjamini-Hochberg rate over the one-sided p-values of all tested symbols. 0.02 and not the usual
        0.05: entries after a fall meet wider swings than random ones do, which the test cannot know.
    shrink_trades : float
        The pool counts as at least this many trades when a symbol's mean return is shrunk for the score;
        as more where the symbols differ less than their trades scatter (empirical Bayes).
    min_hold_excess : float
        Total return beyond buying the symbol and holding it, net of the same costs; must be exceeded.
    max_fragility : float
        Largest difference of total return between the two fill models; asked where the engine gives it.
    error_budget : float
        Expected share of false approvals over all nights of a period. The first night's share of it is
        44 %, later ones get less: that night's level, where it is lower, replaces false_discovery_rate.
    budget_days : int
        Length of that period in days of market time.
    max_volume_share, thin_entry_share, capacity_cost_multiple : float
        What a symbol's capacity is measured by (`capacity.CapacityRules`): the stake of all users together
        must not be larger.
    """

    min_trades: int = 8
    min_days: int = 4
    min_total_return: float = 0.0
    min_total_return_2x_costs: float = 0.0
    min_profit_factor: float = 1.3
    max_drawdown: float = 0.25
    min_random_percentile: float = 0.95
    min_market_excess: float = 0.0
    false_discovery_rate: float = 0.02
    shrink_trades: float = 10.0
    min_hold_excess: float = 0.0
    max_fragility: float = 0.1
    error_budget: float = 0.05
    budget_days: int = 30
    max_volume_share: float = 0.1
    thin_entry_share: float = 0.5
    capacity_cost_multiple: float = 2.0

    def __post_init__(self) -> None:
        if self.min_trades < 2 or self.min_days < 1:
            raise BadInput(
                f"min_trades must be at least 2 and min_days at least 1, "
                f"were {self.min_trades} and {self.min_days}"
            )
        for name in ("max_drawdown", "min_random_percentile", "false_discovery_rate"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} must lie between 0 and 1, was {getattr(self, name)}")
        if self.shrink_trades < 0:
            raise BadInput(f"shrink_trades must not be negative, was {self.shrink_trades}")
        if self.max_fragility < 0:
            raise BadInput(f"max_fragility must not be negative, was {self.max_fragility}")
        ErrorBudget(self.error_budget, period_days=self.budget_days)
        _ = self.capacity  # refuses what has no meaning

    @property
    def budget(self) -> ErrorBudget:
        """The error that approvals of a period may cost."""
        return ErrorBudget(self.error_budget, period_days=self.budget_days)

    @property
    def capacity(self) -> CapacityRules:
        """What bounds the stake that a symbol bears."""
        return CapacityRules(self.max_volume_share, self.thin_entry_share, self.capacity_cost_multiple)
