"""Keys that stop working in the middle of a trade, at an exchange that really refuses them."""

from collections.abc import Callable

import pytest

from tests.trading.execution.bad_input.stand import ANN, BOB, Stand


def wrong(stand: Stand) -> None:
    """The secret is another one from now on: what a mistyped one is, too."""
    stand.venue.exchange.accounts.known[stand.key(ANN)].secret = "x" * 32


def revoked(stand: Stand) -> None:
    stand.venue.exchange.accounts.known[stand.key(ANN)].is_revoked = True


def expired(stand: Stand) -> None:
    stand.terms(ANN, expires_ms=stand.venue.exchange.clock.now_ms() - 1)


def moved(stand: Stand) -> None:
    """Bound to another address than ours."""
    stand.terms(ANN, addresses=frozenset({"203.0.113.7"}))


def mended(stand: Stand, secret: str) -> None:
    stand.terms(ANN)
    account = stand.venue.exchange.accounts.known[stand.key(ANN)]
    account.secret, account.is_revoked = secret, False


SLOW = pytest.mark.slow
TROUBLES = [
    pytest.param(wrong, "The secret does not belong to the key", marks=SLOW),
    pytest.param(revoked, "mistyped, deleted or revoked"),
    pytest.param(expired, "The key has expired", marks=SLOW),
    pytest.param(moved, "bound to other addresses", marks=SLOW),
]


@pytest.mark.parametrize(("trouble", "words"), TROUBLES)
async def test_a_key_that_ends_mid_trade_is_told_once_and_the_exit_goes_on_with_the_next(
    stand: Stand, trouble: Callable[[Stand], None], words: str
):
    """Ann: entry skipped by rule `account`, exit tried and kept, one message; mended, it sells. Bob: both."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    secret = stand.venue.exchange.accounts.known[stand.key(ANN)].secret
    trouble(stand)
    set_id = await stand.bob_trades_on(sells=symbol)
    [(rule, reason)] = stand.skips(ANN, set_id)
    assert rule == "account"
    assert words in reason
    stand.log.wishes.ask(ANN, "close_all")
    await stand.until(lambda: stand.refused(ANN), "her exit is refused")
    await stand.rounds(8)
    assert stand.held(ANN, symbol)
    [message] = stand.messages(ANN)
    assert (message.kind, message.is_alert) == ("account_trouble", True)
    assert words in message.text
    assert "HTTP" not in message.text
    assert [message.kind for message in stand.messages(BOB)] == ["close_all_done"]
    mended(stand, secret)
    await stand.until(lambda: not stand.held(ANN, symbol), "her exit sells")
    await stand.is_sound()
