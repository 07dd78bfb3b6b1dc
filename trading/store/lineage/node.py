"""What an answer is made of: one node per id, with what it was made from and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Node:
    """One thing with an id.

    Parameters
    ----------
    id : str
        Its lineage id (a fill: the venue's own id).
    kind : str
        "version", "candles", a row's kind ("signal", "approval" ...), "signal set", "intent", "fill",
        "trade", "skips", or "rows" for a group that is told in one line.
    what : str
        One line for a person.
    at : datetime or None
        Market time.
    check : str or None
        "verified", "changed since ...", "gone" ...; None where nothing was compared.
    facts : mapping
        Everything else that is stored of it.
    is_repeat : bool
        The same id stands elsewhere in the answer with all its ancestors.
    is_cut : bool
        An earlier (or later) pass of the same line: its neighbours are left out, ask for it by its id.
    """

    id: str
    kind: str
    what: str
    at: datetime | None = None
    check: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    made_from: tuple["Node", ...] = ()
    led_to: tuple["Node", ...] = ()
    is_repeat: bool = False
    is_cut: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the node and everything under it as plain nested objects."""
        return {
            "id": self.id,
            "kind": self.kind,
            "what": self.what,
            "at": self.at,
            "check": self.check,
            "is_repeat": self.is_repeat,
            "is_cut": self.is_cut,
            "facts": dict(self.facts),
            "made_from": [node.to_dict() for node in self.made_from],
            "led_to": [node.to_dict() for node in self.led_to],
        }

    def repeated(self) -> "Node":
        """Return the same node as a mere mention."""
        return replace(self, is_repeat=True, made_from=(), led_to=(), facts={})
