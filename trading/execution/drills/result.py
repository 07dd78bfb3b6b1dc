"""What a drill found: one shape for all of them, for people, for JSON, and for the exit code."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int, int], None]  # done, of how many; called often, must be cheap


@dataclass(slots=True)
class Verdict:
    """One invariant: how often it was judged, and each time it did not hold (a sentence each)."""

    checked: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether it was judged at least once and never broken."""
        return self.checked > 0 and not self.broken


@dataclass(slots=True)
class DrillResult:
    """The outcome of a drill.

    Parameters
    ----------
    drill : str
        Its name: ``kill``, ``mass-stop``, …
    runs : int
        How often trouble was made and judged.
    seed : int
        What everything random was drawn from.
    injected : dict
        Kind of trouble -> how many times.
    lost, doubled, ledger_breaks : list of str
        One sentence each; see `trading.execution.venue_audit` for the two words.
    invariants : dict
        Name (of `trading.execution.invariants.Invariant`, or a drill's own) -> verdict. One that was not
        judged is not there.
    figures : dict
        What was measured, numbers or texts.
    notes : list of str
        What a reader must know to judge the figures: load, what was not tried.
    """

    drill: str
    runs: int = 0
    seed: int = 0
    injected: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    ledger_breaks: list[str] = field(default_factory=list)
    invariants: dict[str, Verdict] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether something ran and nothing was lost, doubled or broken."""
        clean = not (self.lost or self.doubled or self.ledger_breaks)
        return self.runs > 0 and clean and not any(verdict.broken for verdict in self.invariants.values())

    def inject(self, kind: str, times: int = 1) -> None:
        """Count trouble that was made."""
        self.injected[kind] = self.injected.get(kind, 0) + times

    def judge(self, invariant: str, broken: Iterable[str] = (), *, checked: int = 1) -> None:
        """Count judgements of an invariant and note where it did not hold."""
        verdict = self.invariants.setdefault(invariant, Verdict())
        verdict.checked += checked
        verdict.broken.extend(broken)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON: counts first, the sentences under `found` (the first 20 of each kind)."""
        kinds = ("lost", "doubled", "ledger_breaks")
        return {
            "drill": self.drill,
            "runs": self.runs,
            "seed": self.seed,
            "passed": self.passed,
            "injected": dict(sorted(self.injected.items())),
            **{kind: len(getattr(self, kind)) for kind in kinds},
            "invariants": {
                name: {"holds": verdict.holds, "checked": verdict.checked, "broken": len(verdict.broken)}
                for name, verdict in sorted(self.invariants.items())
            },
            "figures": self.figures,
            "notes": self.notes,
            "found": {kind: getattr(self, kind)[:20] for kind in kinds}
            | {name: verdict.broken[:20] for name, verdict in self.invariants.items() if verdict.broken},
        }
