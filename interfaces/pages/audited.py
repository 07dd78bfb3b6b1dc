"""What of a form is kept in the audit: known fields, and only values that look like one of theirs.

People paste into the wrong box: a key in the field for a pair must not stand in a table that never changes.
"""

import re
from collections.abc import Mapping

_NUMBER = re.compile(r"[0-9]{0,12}\.?[0-9]{0,8} ?%?")
_PAIR = re.compile(r"[A-Za-z0-9]{1,12}[/_-][A-Za-z0-9]{2,6}")
_TIME = re.compile(r"([0-9]{1,2}:[0-9]{2})?")
_ZONE = re.compile(r"[A-Za-z]{1,20}(/[A-Za-z_]{1,20}){0,2}")
_HASH = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"on|yes|block|unblock|pause|resume|paper|live")
FIELDS = {
    "capital": _NUMBER,
    "risk": _NUMBER,
    "max_positions": _NUMBER,
    "daily_loss_limit": _NUMBER,
    "pair": _PAIR,
    "what": _WORD,
    "mode": _WORD,
    "quiet_from": _TIME,
    "quiet_to": _TIME,
    "digest_hour": _NUMBER,
    "time_zone": _ZONE,
    "sha256": _HASH,
    "mute_trade_opened": _WORD,
    "mute_trade_reduced": _WORD,
    "mute_trade_closed": _WORD,
}


def audited(form: Mapping[str, str]) -> str:
    """Return the form's words for the audit: nothing that is typed to confirm, no field that there is not."""
    return "; ".join(f"{name}={_shown(name, value)}" for name, value in form.items() if name in FIELDS)


def _shown(name: str, value: str) -> str:
    return value if FIELDS[name].fullmatch(value.strip()) else "(something else)"
