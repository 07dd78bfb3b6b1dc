"""When a new candidate is trained: weekly, after enough new decisions, or on drift; never two at once.

A trigger starts a candidate. What becomes of it is the evaluation's and the shadow period's matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class TriggerRules:
    """When retraining is due; all times are market time.

    Parameters
    ----------
    every_days : float
        At least this often.
    new_decisions : int
        Decisions whose outcome became known since the last evaluation.
    cool_down_hours : float
        Not again within this time, whatever happens: each evaluation spends error budget.
    drift_days : float
        Drift asks no more often than this: an alarm that a refused candidate did not end stays on for weeks.
    """

    every_days: float = 7.0
    new_decisions: int = 200
    cool_down_hours: float = 24.0
    drift_days: float = 2.0

    def __post_init__(self) -> None:
        if self.every_days <= 0 or self.new_decisions < 1 or self.cool_down_hours < 0:
            was = f"{self.every_days}, {self.new_decisions}, {self.cool_down_hours}"
            raise BadInput(f"every_days > 0, new_decisions >= 1, cool_down_hours >= 0, were {was}")
        if not self.drift_days >= 0:
            raise BadInput(f"drift_days must be a number of days, at least 0, was {self.drift_days}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a trigger looks at.

    `evaluated_at` is None before the first evaluation; `had_data` whether that one could measure anything;
    `alarms` are figures of drift in words; `running` names a retraining that has not ended.
    """

    at: datetime
    evaluated_at: datetime | None
    had_data: bool
    new_decisions: int
    alarms: Sequence[str] = ()
    running: str | None = None
    shadow: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Whether to train now, in words either way; `is_held`: something in flight or a cool-down forbids it."""

    is_due: bool
    reasons: tuple[str, ...]
    is_held: bool = False

    @property
    def said(self) -> str:
        """One sentence."""
        return "; ".join(self.reasons)


def due(known: Known, rules: TriggerRules | None = None) -> Due:
    """Return whether a candidate is to be trained at `known.at`, and every reason for or against."""
    rules = rules or TriggerRules()
    against = []
    if known.running is not None:
        against.append(f"{known.running} has not ended: one at a time")
    if known.shadow is not None:
        against.append(f"{known.shadow} is in its shadow period: nobody is trained while it is watched")
    last = known.evaluated_at
    if last is not None and known.at < (until := last + timedelta(hours=rules.cool_down_hours)):
        against.append(
            f"cooling down until {until:%Y-%m-%d %H:%M} after the evaluation of {last:%m-%d %H:%M}"
        )
    reasons = _reasons(known, rules)
    if against:
        return Due(is_due=False, reasons=tuple(against), is_held=True)
    if not reasons:
        drift = "drift has asked" if known.alarms else "no drift"
        count = f"{known.new_decisions} of {rules.new_decisions} new decisions"
        return Due(is_due=False, reasons=(f"nothing asks for it: {count}, {drift}, evaluated {last:%m-%d}",))
    return Due(is_due=True, reasons=tuple(reasons))


def _reasons(known: Known, rules: TriggerRules) -> list[str]:
    last = known.evaluated_at
    if last is None:
        return ["nothing was evaluated yet"]
    found = []
    if not known.had_data and known.new_decisions:
        found.append(f"{known.new_decisions} new decisions; last time there was too little to learn from")
    elif known.new_decisions >= rules.new_decisions:
        found.append(f"{known.new_decisions} new decisions, at least {rules.new_decisions}")
    if known.at - last >= timedelta(days=rules.every_days):
        found.append(f"{(known.at - last) / timedelta(days=1):.1f} days since the last evaluation")
    if known.at - last >= timedelta(days=rules.drift_days):
        found += [f"drift: {alarm}" for alarm in known.alarms]
    return found
