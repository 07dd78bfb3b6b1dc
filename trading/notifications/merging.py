"""Several messages for one person as one: each on its line, what does not fit counted, and a reference."""

from collections.abc import Sequence

from trading.market.lineage import digest
from trading.notifications.plain import MOST, cut, harmless, units

_ROOM = MOST - 120


def reference(event_ids: Sequence[str]) -> str:
    """Return the short name of what a message tells; the same events have the same one, so a repeat shows."""
    return digest(*event_ids)[:10]


def merged(texts: Sequence[str], event_ids: Sequence[str], *, is_same: bool = False) -> str:
    """Return one message for several events.

    Parameters
    ----------
    texts : sequence of str
        One for each event, oldest first, at least one.
    event_ids : sequence of str
        Of the same length.
    is_same : bool
        Whether all report the same error: the newest is shown, with the count.
    """
    foot = f"\n\nref {reference(event_ids)}"
    if is_same or len(texts) == 1:
        count = "" if len(texts) == 1 else f"\n(the same {len(texts)} times)"
        return f"{cut(harmless(texts[-1]), _ROOM)}{count}{foot}"
    shown: list[str] = []
    room = _ROOM
    for text in texts:
        row = cut(harmless(text), 600)
        if units(row) + 1 > room:
            break
        room -= units(row) + 1
        shown.append(row)
    left = len(texts) - len(shown)
    more = f"\n… and {left} more" if left else ""
    return "\n".join(shown) + more + foot
