"""Client order ids: a pure function of what is intended, so a restart asks for the same order again."""

from base64 import b32encode
from functools import lru_cache
from hashlib import blake2b

from trading.market.errors import BadInput
from trading.market.lineage import PREFIXES, row_id
from trading.store.order_log.records import Leg

MOST_KEPT = 512  # an entry is decided twice, before and after its balance was read
LENGTH = 26  # MEXC takes at most 32 characters


@lru_cache(maxsize=MOST_KEPT)
def client_order_id(user_id: str, signal_set_id: str, symbol: str, leg: Leg, attempt: int) -> str:
    """Return base32(blake2b-128(user|signal set|symbol|leg|attempt)): 26 lower-case letters and digits.

    `attempt` grows only after the attempt before it is proven not accepted, terminal, or (exits only)
    given up after the balance was read again.
    """
    parts = (user_id, signal_set_id, symbol, leg.value, str(attempt))
    if any("|" in part for part in parts):
        raise BadInput(f"no part of a client order id may hold '|', were {parts}")
    raw = blake2b("|".join(parts).encode(), digest_size=16).digest()
    return b32encode(raw).decode().rstrip("=").lower()


@lru_cache(maxsize=MOST_KEPT)
def intent_id(user_id: str, signal_set_id: str, symbol: str, leg: Leg, attempt: int) -> str:
    """Return the lineage id of an intent."""
    return row_id(PREFIXES["intent"], signal_set_id, user_id, symbol, leg.value, str(attempt))


@lru_cache(maxsize=MOST_KEPT)
def trade_id(user_id: str, signal_set_id: str, symbol: str) -> str:
    """Return the lineage id of the round trip that an entry opens."""
    return row_id(PREFIXES["trade"], signal_set_id, user_id, symbol)
