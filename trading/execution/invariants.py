"""The promises of the order path by name, and what a judge found of each: for tests, drills and people.

The sentences are those of the design's invariants as amended; `judge` decides on them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Invariant(StrEnum):
    """What must hold whatever was killed, lost, repeated or late. `meaning` says it in a sentence."""

    NEVER_DOUBLED = "never_doubled"
    EVERY_INTENT_ENDS = "every_intent_ends"
    POSITION_IS_BALANCE = "position_is_balance"
    TRANSACTIONS_SUM_TO_ZERO = "transactions_sum_to_zero"
    RESERVATIONS_RELEASED = "reservations_released"
    FILLS_BOOKED_ONCE = "fills_booked_once"
    INTENT_BEFORE_REQUEST = "intent_before_request"
    ONE_OWNER_PER_SHARD = "one_owner_per_shard"
    OWN_KEY_ONLY = "own_key_only"
    CACHE_IS_PROJECTION = "cache_is_projection"
    LIMITS_KEPT = "limits_kept"
    OPEN_POSITIONS_WATCHED = "open_positions_watched"
    SAME_SEED_SAME_RUN = "same_seed_same_run"

    @property
    def meaning(self) -> str:
        """Return the promise as a sentence."""
        return _MEANING[self]


_MEANING = {
    Invariant.NEVER_DOUBLED: "for one intent, filled + live quantity never exceeds the intended one",
    Invariant.EVERY_INTENT_ENDS: "every intent ends terminal, LOST or frozen",
    Invariant.POSITION_IS_BALANCE: "position = sum of fills = the venue's balance less what is external",
    Invariant.TRANSACTIONS_SUM_TO_ZERO: "each ledger transaction sums to zero in each asset",
    Invariant.RESERVATIONS_RELEASED: "reservations are never below zero and released once",
    Invariant.FILLS_BOOKED_ONCE: "each execution of the venue is booked once, as it was",
    Invariant.INTENT_BEFORE_REQUEST: "no order leaves before its intent is on disk and marked SENT",
    Invariant.ONE_OWNER_PER_SHARD: "a shard has one owner at a time; a stale token sends nothing",
    Invariant.OWN_KEY_ONLY: "user A's orders are on A's account only",
    Invariant.CACHE_IS_PROJECTION: "the users' cache is what SQL says",
    Invariant.LIMITS_KEPT: "the venue never refused for too many requests",
    Invariant.OPEN_POSITIONS_WATCHED: "every open position is watched soon after a start",
    Invariant.SAME_SEED_SAME_RUN: "one seed gives one run, byte for byte",
}


@dataclass(slots=True)
class Judgement:
    """The verdict. Every entry of a list is a sentence; an invariant's None = no evidence, not judged.

    `accounts` and `orders` count what the venue listed.
    """

    accounts: int = 0
    orders: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    ledger_breaks: list[str] = field(default_factory=list)
    invariants: dict[Invariant, list[str] | None] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong with anything that was judged."""
        return not self.wrongs()

    def wrongs(self) -> list[str]:
        """Return every sentence once, lost orders first."""
        broken = (said for found in self.invariants.values() for said in found or ())
        return list(dict.fromkeys([*self.lost, *self.doubled, *self.ledger_breaks, *broken]))

    def as_dict(self) -> dict[str, object]:
        """Return counts, the verdict of each invariant by name, and every wrong."""
        return Tally().add(self).as_dict() | {"accounts": self.accounts, "orders": self.orders}


@dataclass(slots=True)
class Tally:
    """Judgements of many runs added up; what `sluice drill --json` prints."""

    runs: int = 0
    lost: int = 0
    doubled: int = 0
    ledger_breaks: int = 0
    broken: dict[Invariant, int] = field(default_factory=dict)
    judged: set[Invariant] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)

    def add(self, judgement: Judgement, *, run: str = "") -> "Tally":
        """Count one more run; its wrongs are told with `run` before them. Returns itself."""
        self.runs += 1
        self.lost += len(judgement.lost)
        self.doubled += len(judgement.doubled)
        self.ledger_breaks += len(judgement.ledger_breaks)
        for name, found in judgement.invariants.items():
            if found is not None:
                self.judged.add(name)
                self.broken[name] = self.broken.get(name, 0) + len(found)
        self.wrongs += [f"{run}: {said}" if run else said for said in judgement.wrongs()]
        return self

    @property
    def is_clean(self) -> bool:
        """Whether no run showed anything wrong."""
        return not self.wrongs

    def verdicts(self) -> dict[str, str]:
        """Return each invariant's name with held, broken N times, or not judged."""
        return {name.value: self._verdict(name) for name in Invariant}

    def _verdict(self, name: Invariant) -> str:
        if name not in self.judged:
            return "not judged"
        times = self.broken.get(name, 0)
        return "held" if times == 0 else f"broken {times} times"

    def as_dict(self) -> dict[str, object]:
        """Return the counts by the names of issue and drills; no seed: that is the caller's."""
        return {
            "runs": self.runs,
            "lost": self.lost,
            "doubled": self.doubled,
            "ledger_breaks": self.ledger_breaks,
            "invariants": self.verdicts(),
            "wrongs": list(self.wrongs),
        }


def add_up(judgements: Iterable[Judgement]) -> Tally:
    """Return all judgements in one tally."""
    tally = Tally()
    for judgement in judgements:
        tally.add(judgement)
    return tally
