"""How rules, a model's probability and a policy are weighed into one expected net return and one bound.

Weights and figures are validated where models are (`trading.learning.blending`); here they are applied, the
same in backtest and live. A weight of 0 is the rules alone: they want in, nobody objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import polars as pl

from trading.market.errors import BadInput
from trading.market.thresholds import REGIMES


@dataclass(frozen=True, slots=True)
class BlendRules:
    """Bounds of the blend.

    Parameters
    ----------
    margin : float
        An entry must be expected to earn this fraction of its price, after all costs; at least 0.
    floor, ceiling : float
        Hard bounds of the probability asked for, whatever the arithmetic says.
    error_rate : float
        Chance of giving weight to a model that adds nothing to the rules.
    prior : int
        Decisions of its own that a regime, and a weight, need to count half.
    draws, seed : int
        Resamplings of days, and their seed.
    """

    margin: float = 0.0
    floor: float = 0.3
    ceiling: float = 0.8
    error_rate: float = 0.05
    prior: int = 200
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise BadInput(f"margin must not be negative, was {self.margin}")
        if not 0 < self.floor <= self.ceiling < 1:
            raise BadInput(f"must be 0 < floor <= ceiling < 1, were {self.floor} and {self.ceiling}")
        if not 0 < self.error_rate < 1 or self.prior <= 0:
            raise BadInput(f"error_rate in (0, 1) and prior > 0, were {self.error_rate} and {self.prior}")


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of one model beside the rules, and what gains and losses are in each regime.

    All returns are fractions of the price paid, net of fees, spread and slippage. `weight` is the model's,
    `policy_weight` a policy's, the rest is the rules'. `gain` and `loss` (both above 0) are by regime.
    """

    weight: float
    rules_return: float
    gain: Mapping[str, float]
    loss: Mapping[str, float]
    margin: float = 0.0
    floor: float = 0.3
    ceiling: float = 0.8
    policy_weight: float = 0.0

    def __post_init__(self) -> None:
        if min(self.weight, self.policy_weight) < 0 or self.weight + self.policy_weight > 1:
            raise BadInput(f"weights must lie in 0..1 together, were {self.weight} and {self.policy_weight}")
        for regime in REGIMES:
            if not (self.gain.get(regime, 0) > 0 and self.loss.get(regime, 0) > 0):
                raise BadInput(f"gain and loss in a {regime} market must be above 0")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        names = ("weight", "rules_return", "margin", "floor", "ceiling", "policy_weight")
        plain = {name: getattr(self, name) for name in names}
        return plain | {"gain": dict(self.gain), "loss": dict(self.loss)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(**raw)

    def beside(self, policy_weight: float) -> Self:
        """Return it with a policy's share, out of that of the rules; the model's stays."""
        return replace(self, policy_weight=min(policy_weight, 1.0 - self.weight))

    def columns(self, probability: str = "probability", policy: str | None = None) -> list[pl.Expr]:
        """Return `expected_return`, `model_threshold` and `is_threshold_bounded` for rows with a `regime`.

        expected = rules' share × what they earn + weight × (p × gain - (1 - p) × loss) + policy's share ×
        what it expects. The threshold is the p at which that just exceeds the margin, within floor and
        ceiling; null with weight 0. An unknown regime counts as normal.

        Parameters
        ----------
        policy : str, optional
            Column with the net return that the policy expects; null counts as the rules' mean.
        """
        gain, loss, p = self._of(self.gain), self._of(self.loss), pl.col(probability)
        told = pl.lit(self.rules_return)
        said = told if policy is None else pl.col(policy).fill_null(self.rules_return)
        others = (1 - self.weight - self.policy_weight) * told + self.policy_weight * said
        expected = others + self.weight * (p * gain - (1 - p) * loss)
        if self.weight == 0:
            unbound = pl.lit(None, pl.Float64).alias("model_threshold")
            return [
                expected.alias("expected_return"),
                unbound,
                pl.lit(value=False).alias("is_threshold_bounded"),
            ]
        asked = ((self.margin - others) / self.weight + loss) / (gain + loss)
        bound = asked.clip(self.floor, self.ceiling)
        return [
            expected.alias("expected_return"),
            bound.alias("model_threshold"),
            (bound != asked).alias("is_threshold_bounded"),
        ]

    def thresholds(self) -> dict[str, float | None]:
        """Return the probability asked for in each regime, None with weight 0."""
        rows = pl.DataFrame({"regime": list(REGIMES), "probability": [0.5] * len(REGIMES)})
        bounds = rows.select("regime", *self.columns()).select("regime", "model_threshold")
        return dict(bounds.iter_rows())

    def words(self) -> dict[str, str]:
        """Return how the probability asked for in each regime came about, in one clause."""
        if self.weight == 0:
            return dict.fromkeys(REGIMES, "weight 0: the rules alone")
        rows = pl.DataFrame({"regime": list(REGIMES), "probability": [0.5] * len(REGIMES)})
        told = {}
        for regime, _, _, bound, is_bounded in rows.select("regime", "probability", *self.columns()).rows():
            said = f"{regime}: gain {self.gain[regime]:.2%}, loss {self.loss[regime]:.2%}"
            said += f", margin {self.margin:.2%}, weight {self.weight:.2f} beside {self.rules_return:+.2%}"
            side = "floor" if bound == self.floor else "ceiling"
            told[regime] = (
                f"{said}, held at the {side} {bound:.3g}" if is_bounded else f"{said} = {bound:.3g}"
            )
        return told

    @staticmethod
    def _of(values: Mapping[str, float]) -> pl.Expr:
        usual = values["normal"]
        return pl.col("regime").replace_strict(dict(values), default=usual, return_dtype=pl.Float64)
