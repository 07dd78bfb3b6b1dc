"""Replies become the narrowest error that is certain; nothing secret gets into a message."""

import json

import pytest

from trading.exchange.errors import Reply, decode, redact, retry_after_s
from trading.market import errors as tree


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers or {}, raw, 0.0, 0.0)


def error_of(method: str, body: object, status: int, headers: dict[str, str] | None = None) -> Exception:
    with pytest.raises(tree.SluiceError) as caught:
        decode(reply(body, status, headers), method=method, path="/api/v3/order")
    return caught.value


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (30004, tree.InsufficientFunds),
        (10101, tree.InsufficientFunds),
        (30002, tree.BelowMinimum),
        (88013, tree.BelowMinimum),
        (10096, tree.BadPrecision),
        (10007, tree.SymbolHalted),
        (30016, tree.SymbolHalted),
        (30019, tree.SymbolHalted),
        (-1121, tree.SymbolHalted),
        (-2013, tree.OrderNotFound),
        (-2011, tree.NothingToCancel),
        (30029, tree.OrderRefused),
        (99999, tree.OrderRefused),
        (700003, tree.ClockSkew),
        (700002, tree.BadCredentials),
        (10072, tree.BadCredentials),
        (429, tree.RateLimited),
        (510, tree.RateLimited),
    ],
)
def test_refused_order_has_its_class_by_venue_code(code: int, expected: type[Exception]) -> None:
    """A 4xx with a venue code is certain: nothing was accepted, and the class says why."""
    error = error_of("POST", {"code": code, "msg": "no"}, 400)
    assert type(error) is expected
    assert getattr(error, "code", code) == code


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"code": 503, "msg": "service not available"}, 503, tree.VenueFailed),
        ({"code": 30004, "msg": "insufficient"}, 500, tree.VenueFailed),
        (b"<html>502 Bad Gateway</html>", 502, tree.VenueFailed),
        ({"code": 503, "msg": "busy"}, 200, tree.VenueFailed),
        ({"code": 730000, "msg": "Request failed"}, 400, tree.VenueFailed),
        (b"<html>403 Forbidden</html>", 403, tree.OutcomeUnknown),
        (b'{"orderId": "C0', 200, tree.OutcomeUnknown),
        (b"", 200, tree.OutcomeUnknown),
        ({"msg": "no code"}, 400, tree.OutcomeUnknown),
    ],
)
def test_order_without_a_certain_answer_is_outcome_unknown(
    body: object, status: int, expected: type[Exception]
) -> None:
    """5xx whatever its code, firewall pages, truncated or empty bodies: the order may live."""
    assert issubclass(expected, tree.OutcomeUnknown)
    assert type(error_of("POST", body, status)) is expected
    assert type(error_of("DELETE", body, status)) is expected


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"code": 503, "msg": "busy"}, 503, tree.Unreachable),
        (b"<html>403</html>", 403, tree.Unreachable),
        (b'[[1,"2"', 200, tree.BadPayload),
        ({"code": -1121, "msg": "Invalid symbol."}, 400, tree.UnknownSymbol),
        ({"code": -1128, "msg": "bad combination"}, 400, tree.ExchangeError),
    ],
)
def test_failed_read_is_classified(body: object, status: int, expected: type[Exception]) -> None:
    """Reads that may be tried again are Unreachable or BadPayload; the rest is final."""
    assert type(error_of("GET", body, status)) is expected


def test_418_and_429_are_limits_in_every_form() -> None:
    """ccxt makes a plain, not retryable error of a 418, and of a 429 with JSON before 4.5.90."""
    for body in ({"code": 418, "msg": "banned"}, b"banned", {"msg": "x"}):
        error = error_of("POST", body, 418, {"Retry-After": "7"})
        assert type(error) is tree.Banned
        assert error.retry_after_s == 7
    for body in ({"code": 429, "msg": "slow"}, b"Too Many Requests"):
        error = error_of("GET", body, 429, {"retry-after": "2.5"})
        assert type(error) is tree.RateLimited
        assert error.retry_after_s == 2.5


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, 1.0),
        ("soon", 1.0),
        ("-3", 0.0),
        ("12", 12.0),
        ("999999999", 259200.0),
        ("nan", 1.0),
        ("inf", 1.0),
    ],
)
def test_retry_after_is_read_within_reason(raw: str | None, expected: float) -> None:
    """MEXC's longest ban is three days; nonsense means a second."""
    headers = {} if raw is None else {"Retry-After": raw}
    assert retry_after_s(headers) == expected


def test_good_replies_pass_whatever_their_shape() -> None:
    """Lists, objects, code 0 and 200 are answers."""
    for body in ([], {}, [[1]], {"code": 0, "data": []}, {"code": 200}, {"serverTime": 1}):
        assert decode(reply(body), method="GET", path="/x") == body


def test_messages_hold_no_secret() -> None:
    """A venue that echoes the request cannot make us print signature, key or secret."""
    echo = (
        'bad call signature=abc123def&X-MEXC-APIKEY: mx0vgl apiKey=\'k3y\' "secret": "s3cr3t" listenKey=lk99'
    )
    error = error_of("POST", {"code": 30000, "msg": echo}, 400)
    for secret in ("abc123def", "mx0vgl", "k3y", "s3cr3t", "lk99"):
        assert secret not in str(error)
    assert len(redact("x" * 5000)) < 300
