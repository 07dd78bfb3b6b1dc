"""What MEXC's wallet history says: deposits and withdrawals that were completed, as `Transfer`s.

Most keys that trade may not see it (700007): then nothing is known, and nothing is claimed.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from trading.exchange.listing import decimal
from trading.market.errors import BadCredentials, BadPayload
from trading.market.orders import Transfer
from trading.market.timeframes import from_ms

NO_PERMISSION = 700007
# Path, the field that names one, the field with its time, the status of a completed one (as ccxt reads it).
_HISTORIES = (
    ("capital/deposit/hisrec", "txId", "insertTime", "5", 1),
    ("capital/withdraw/history", "id", "applyTime", "7", -1),
)
Ask = Callable[[str, str, dict[str, Any]], Awaitable[Any]]


async def read_transfers(ask: Ask, since_ms: int, unify: Callable[[str], str]) -> list[Transfer]:
    """Return completed transfers at or after `since_ms`, oldest first; none where the key may not look."""
    found: list[Transfer] = []
    for path, name, moment, done, sign in _HISTORIES:
        try:
            rows = await ask("GET", path, {"startTime": since_ms, "limit": 1000})
        except BadCredentials as error:
            if error.code == NO_PERMISSION:
                continue
            raise
        if not isinstance(rows, list):
            raise BadPayload(f"{path}: expected a list, got {type(rows).__name__}")
        for row in rows:
            if not isinstance(row, dict) or not row.get(name) or not row.get("coin"):
                raise BadPayload(f"{path}: a row without {name} or coin")
            if str(row.get("status")) == done:
                found.append(_transfer(row, name, moment, sign, unify))
    recent = [one for one in found if one.at.timestamp() * 1000 >= since_ms]
    return sorted(recent, key=lambda one: (one.at, one.transfer_id))


def _transfer(
    row: dict[str, Any], name: str, moment: str, sign: int, unify: Callable[[str], str]
) -> Transfer:
    try:
        at = from_ms(int(row.get(moment) or 0))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadPayload(f"a transfer whose {moment} is no time: {str(row.get(moment))[:40]!r}") from error
    asset = unify(str(row["coin"]).split("-")[0])
    return Transfer(str(row[name]), asset, Decimal(sign) * decimal(row.get("amount") or 0), at)
