"""The signature and timing rules of signed requests, as MEXC's documentation states them.

totalParams is the query string followed directly (no ``&``) by the body, both exactly as sent and
without the signature itself; the signature is HMAC-SHA256 of it under the secret, in lower-case hex.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import unquote_plus

from trading.simulator.clock import MarketClock
from trading.simulator.wire import Refusal, refuse_missing

RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000


def sign(secret: str, payload: str) -> str:
    """Return the signature of `payload` under `secret`: 64 lower-case hex digits."""
    return hmac.digest(secret.encode(), payload.encode(), "sha256").hex()


def parse_params(text: str) -> dict[str, str]:
    """Return the parameters of a query string or form body; the first of equal names wins."""
    params: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        params.setdefault(name, value)
    return params


def total_params(query: str, body: str) -> str:
    """Return what the client signed: query and body as sent, without the signature parameter."""
    return _without_signature(query) + _without_signature(body)


def _without_signature(text: str) -> str:
    head, found, tail = text.rpartition("signature=")
    if not found or (head and not head.endswith("&")):
        return text
    _, more, rest = tail.partition("&")
    return head + rest if more else head.removesuffix("&")


def check_signature(secret: str, query: str, body: str, params: Mapping[str, str]) -> None:
    """Refuse a request whose signature is not the one its parameters have.

    Raises
    ------
    Refusal
        700004 without one, 700002 with a wrong one.
    """
    given = params.get("signature")
    if not given:
        refuse_missing("signature")
    expected = sign(secret, total_params(query, body))
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise Refusal(700002, "Signature for this request is not valid.")


def check_timing(clock: MarketClock, params: Mapping[str, str], skew_ms: int = 0) -> None:
    """Refuse a request that is too old or from the future, judged in wall time.

    `skew_ms` is by how much the venue's clock is ahead of market time: a fault on purpose.

    Raises
    ------
    Refusal
        700004 without a timestamp, 700005 if recvWindow exceeds 60 s, 700003 outside the window.
    """
    stamp, window = params.get("timestamp"), params.get("recvWindow")
    if not stamp or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 15:
        refuse_missing("timestamp")
    if window and (not window.isascii() or not window.isdigit()):
        refuse_missing("recvWindow")
    recv_window = int(window) if window else RECV_WINDOW_MS
    if recv_window > MAX_RECV_WINDOW_MS:
        raise Refusal(700005, "recvWindow must less than 60000")
    age = clock.wall_age_ms(int(stamp) - skew_ms)
    if age < -AHEAD_MS or age > recv_window:
        raise Refusal(700003, "Timestamp for this request is outside of the recvWindow.")
