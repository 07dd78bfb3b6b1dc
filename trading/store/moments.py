"""Which version was known at a moment, without reading the record of every version.

A year of quarter hours is 35,000 versions. A table's looks are sorted once and kept until its log or its
folder changes, so that the next question about the past costs microseconds. Not here: what a look is
(looks.py), what a record says (records.py).
"""

import bisect
from datetime import datetime

from trading.market.errors import BadInput
from trading.market.timeframes import to_ms
from trading.store.looks import LookLog
from trading.store.records import Records

_Sorted = list[tuple[int, str]]


class Moments:
    """The looks at all tables under one lake root, in order of market time."""

    def __init__(self, records: Records, looks: LookLog) -> None:
        self._records, self._looks = records, looks
        self._known: dict[str, tuple[tuple[int, int], _Sorted]] = {}

    def version_id_at(self, asset: str, at: datetime) -> str | None:
        """Return the version that the newest look at or before `at` saw; None before the first.

        Raises
        ------
        BadInput
            If `at` is naive.
        """
        if at.tzinfo is None:
            raise BadInput(f"market time of {asset} must be aware (UTC), was {at.isoformat()}")
        looks = self._sorted(asset)
        place = bisect.bisect_right(looks, to_ms(at), key=lambda look: look[0])
        return looks[place - 1][1] if place else None

    def _sorted(self, asset: str) -> _Sorted:
        # Taken before reading: what comes in meanwhile is read again next time.
        stamp = (self._looks.stamp(asset), self._records.stamp(asset))
        known = self._known.get(asset)
        if known is None or known[0] != stamp:
            known = self._known[asset] = (stamp, self._read(asset))
        return known[1]

    def _read(self, asset: str) -> _Sorted:
        names, told = self._records.names(asset), self._looks.told(asset)
        silent = self._records.some(names - {look.version_id for look in told})
        looks = [
            *((to_ms(version.created_at), version.version_id) for version in silent),
            *((to_ms(look.at), look.version_id) for look in told if look.version_id in names),
        ]
        # Stable: of equal times the one noted last stands last, and counts.
        return sorted(looks, key=lambda look: look[0])
