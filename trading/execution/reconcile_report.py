"""The report of reconciliation: the last check of every account, what is frozen, what a pass costs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trading.execution.account_check import FAILED, FROZEN, AtRisk
from trading.execution.reconcile import at_risk_of
from trading.market.timeframes import from_ms
from trading.store.order_log import OrderLog
from trading.store.order_log.reconciliations import Check, Freeze

NEVER = "never"


@dataclass(frozen=True, slots=True)
class Report:
    """What `sluice reconcile` prints. `floor` is weight; seconds are at the whole rate and at the share.

    `weight` and `seconds` are of the accounts' last checks: what they cost, and from the first's begin to the
    last's end.
    """

    rows: list[dict[str, Any]]
    kinds: dict[str, int]
    frozen: list[Freeze]
    weight: int
    seconds: float
    floor: int
    floor_s: float
    pass_s: float
    unclear: int
    breaks: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every account was checked and venue and log agree, differences explained."""
        bad = {FAILED, FROZEN, NEVER}
        return not self.frozen and not self.breaks and all(row["outcome"] not in bad for row in self.rows)

    @property
    def oldest_check_at(self) -> datetime | None:
        """Return when the account that waits longest was checked; None if one never was."""
        checked = [row["checked_at"] for row in self.rows]
        return None if None in checked else min(checked, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "is_clean": self.is_clean,
            "accounts": len(self.rows),
            "outcomes": dict(Counter(row["outcome"] for row in self.rows)),
            "differences": self.kinds,
            "frozen": [_freeze_row(one) for one in self.frozen],
            "unclear_orders": self.unclear,
            "ledger_breaks": self.breaks,
            "oldest_check_at": self.oldest_check_at,
            "weight": self.weight,
            "seconds": round(self.seconds, 3),
            "floor_weight": self.floor,
            "floor_s": round(self.floor_s, 1),
            "full_pass_s": round(self.pass_s, 1),
            "rows": self.rows,
        }


def report(log: OrderLog, users: list[str], *, rate_per_s: float, share: float) -> Report:
    """Read the last check of each of `users` from the log.

    Parameters
    ----------
    rate_per_s : float
        Weight a second that the venue allows.
    share : float
        Of it for checks that nobody waits for.
    """
    checks, at_risk = log.reconciliations.checks(), at_risk_of(log)
    wanted = {user_id: checks.get(user_id) for user_id in users}
    done = [check for check in wanted.values() if check is not None and check.at_wall_ms]
    kinds = Counter(str(found["kind"]) for check in done for found in check.differences)
    floor = sum(at_risk.get(user_id, AtRisk()).floor for user_id in users)
    began = min((check.began_wall_ms for check in done), default=0)
    ended = max((check.at_wall_ms for check in done), default=0)
    return Report(
        rows=[_row(user_id, check, at_risk.get(user_id, AtRisk())) for user_id, check in wanted.items()],
        kinds=dict(sorted(kinds.items())),
        frozen=[one for one in log.reconciliations.frozen() if one.user_id in wanted],
        weight=sum(check.weight for check in done),
        seconds=(ended - began) / 1000,
        floor=floor,
        floor_s=floor / rate_per_s,
        pass_s=floor / (rate_per_s * share),
        unclear=sum(len(at_risk[user_id].unclear) for user_id in users if user_id in at_risk),
        breaks=log.breaks(),
    )


def _row(user_id: str, check: Check | None, risk: AtRisk) -> dict[str, Any]:
    is_done = check is not None and check.at_wall_ms > 0
    return {
        "user": user_id,
        "outcome": check.outcome if check is not None and is_done else NEVER,
        "cause": check.cause if check is not None and is_done else None,
        "checked_at": from_ms(check.at_wall_ms) if check is not None and is_done else None,
        "seconds": (check.at_wall_ms - check.began_wall_ms) / 1000 if check is not None and is_done else None,
        "weight": check.weight if check is not None else 0,
        "open": len(risk.trades),
        "unclear": len(risk.unclear),
        "differences": [] if check is None else [dict(found) for found in check.differences],
        "error": None if check is None else check.error,
    }


def _freeze_row(one: Freeze) -> dict[str, Any]:
    return {
        "freeze_id": one.freeze_id,
        "user": one.user_id,
        "symbol": one.symbol,
        "kind": one.kind,
        "reason": one.reason,
        "since": from_ms(one.at_wall_ms),
    }
