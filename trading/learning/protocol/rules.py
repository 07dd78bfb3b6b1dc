"""Every bound of the protocol and of the gate in one place, each with its reason."""

from dataclasses import dataclass

from trading.learning.models import KINDS
from trading.market.errors import BadInput
from trading.market.timeframes import HOUR_MS


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """How a model is tested, and what it must show out of sample.

    Parameters
    ----------
    kinds : tuple of str
        Models that compete; their number divides the night's share of `error_rate`.
    min_decisions, min_days : int
        Below either nobody is promoted: decisions of one day share one market, so days are the sample.
    folds : int
        Walk-forward folds of equal numbers of days; 5 leave a worst fold that means something.
    fold_days : int
        Instead of `folds`: test blocks of so many calendar days, at fixed dates, so that a later week adds
        a fold and changes none. 0 = off.
    embargo_hours : float
        Training stops this long before each test block: outcomes overlap there.
    seeds : int
        Fits of each kind that depends on its seed. The first is the model; the others show its luck.
    draws : int
        Random choices and resamplings. p-values use twenty times as many: levels become small.
    seed : int
        Of everything random.
    slots : int
        Capital is so many equal stakes a day, first come; later decisions of the day are missed.
    is_thorough : bool
        Measure also what informs and gates nothing: training again without news, regime and cross-symbol
        features, and the leak meter.
    min_taken, min_fold_taken, min_full_folds : int
        Entries over all tests, and in each of so many folds: fewer are an anecdote.
    min_percentile : float
        Share of random choices with as many entries a day that earn less.
    min_deflated_sharpe : float
        Probability that the Sharpe ratio is above 0, given everything that was ever tried.
    max_overfitting : float
        Chance (PBO) that the best of the models and simple things falls below their median on other days.
    stress_multiple : float
        Times the assumed cost at which it must still earn: spreads widen when it matters.
    max_drawdown : float
        Deepest fall of the capital that is bearable.
    drawdown_ratio : float
        Times the champion's: some more fall for more gain, not any.
    incumbent_level : float
        Level of the paired lower bound over the champion, or over the plain rule where there is none.
    max_calibration_error : float
        Mean gap between said and seen, beyond what chance gives (ECE); thresholds stand on probabilities.
    error_rate : float
        False promotions that a period may cost, shared out over its challengers.
    budget_exponent : float
        Challenger k of a period gets a share proportional to k^-exponent; above 1.
    budget_days : int
        A period: a new budget every so many days of market time.
    min_shadow : int
        Live decisions beside the champion, without trading, before it is swapped.
    """

    kinds: tuple[str, ...] = KINDS
    min_decisions: int = 200
    min_days: int = 30
    folds: int = 5
    fold_days: int = 0
    embargo_hours: float = 24.0
    seeds: int = 5
    draws: int = 1000
    seed: int = 0
    slots: int = 20
    is_thorough: bool = True
    min_taken: int = 200
    min_fold_taken: int = 30
    min_full_folds: int = 4
    min_percentile: float = 0.95
    min_deflated_sharpe: float = 0.95
    max_overfitting: float = 0.3
    stress_multiple: float = 2.0
    max_drawdown: float = 0.25
    drawdown_ratio: float = 1.2
    incumbent_level: float = 0.9
    max_calibration_error: float = 0.05
    error_rate: float = 0.05
    budget_exponent: float = 1.6
    budget_days: int = 90
    min_shadow: int = 100

    def __post_init__(self) -> None:
        if not self.kinds:
            raise BadInput("kinds must name at least one model, was empty")
        if self.folds < 1 or self.min_days <= self.folds:
            raise BadInput(f"must be 1 <= folds < min_days, were {self.folds} and {self.min_days}")
        if self.fold_days < 0:
            raise BadInput(f"fold_days must not be negative, was {self.fold_days}")
        if self.seeds < 1 or self.draws < 100 or self.slots < 1:
            raise BadInput(
                "must be seeds >= 1, draws >= 100 and slots >= 1, "
                f"were {self.seeds}, {self.draws}, {self.slots}"
            )
        for name in ("error_rate", "incumbent_level", "min_percentile", "min_deflated_sharpe"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} must lie between 0 and 1, was {getattr(self, name)}")

    @property
    def embargo_ms(self) -> int:
        """The embargo in ms."""
        return int(self.embargo_hours * HOUR_MS)
