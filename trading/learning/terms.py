"""What travels with a model beside its files: blend, limits of its shadow period, what it learnt on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from trading.learning.blending import BlendFit, fit_blend, regimes_of
from trading.learning.dataset import TrainingSet
from trading.learning.evaluation import EvaluationRules, out_of_sample
from trading.learning.psi import Reference, reference_of
from trading.learning.shadow import Limits, ShadowRules, limits
from trading.signals.blend import Blend, BlendRules


@dataclass(frozen=True, slots=True)
class Terms:
    """Part of a model's identity: the same files with another blend are another model."""

    blend: Blend
    limits: Limits
    reference: Reference = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "blend": self.blend.to_dict(),
            "limits": asdict(self.limits),
            "reference": self.reference.to_dict(),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Terms":
        """Read what `to_dict` wrote."""
        return cls(
            Blend.from_dict(raw["blend"]), Limits(**raw["limits"]), Reference.from_dict(raw["reference"])
        )


def terms_of(
    training: TrainingSet,
    kind: str,
    rules: EvaluationRules,
    blend_rules: BlendRules | None = None,
    shadow_rules: ShadowRules | None = None,
) -> tuple[Terms, BlendFit] | None:
    """Return the terms of a model of `kind` and what its blend stands on; None if no fold was trained.

    The folds are those of the evaluation; nothing is fitted on what it is tested on.
    """
    found = out_of_sample(training, kind, rules)
    if found is None:
        return None
    names = training.features
    fit = fit_blend(found.predictions, regimes_of(training.x[found.rows], names), blend_rules)
    allowed = limits(found.predictions, shadow_rules or ShadowRules())
    return Terms(fit.blend, allowed, reference_of(training.x, names)), fit
