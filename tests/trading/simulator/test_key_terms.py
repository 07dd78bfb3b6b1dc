"""Keys with terms: opened by the lever, held to them at every gate, made again from a saved state."""

import pytest

from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket, pair
from trading.market.errors import BadInput
from trading.simulator.accounts import ALL_PERMISSIONS, READ, WITHDRAW, WITHDRAW_READ, AccountBook
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import make_exchange
from trading.simulator.key_terms import KeyTerms, open_key, read_terms, secret_of
from trading.simulator.routes_admin import answer_other
from trading.simulator.state_rows import account_row, fill_accounts
from trading.simulator.wire import Refusal

KEY = "mx0testkey00000001"


def test_lever_opens_a_key_and_gives_its_secret():
    """Only with the token; the secret follows from the seed, so nobody has to keep it."""
    exchange = make_exchange(FakeMarket(pair()), MarketClock(START_MS, 1.0), seed=SEED, admin_token="t")
    body = f'{{"key": "{KEY}", "funds": {{"USDT": "5"}}}}'
    with pytest.raises(Refusal):
        answer_other(exchange, "POST", "/sluice/keys", body, None)
    answer = answer_other(exchange, "POST", "/sluice/keys", body, "t").body
    assert secret_of(exchange.accounts.seed, KEY).encode() in answer
    assert exchange.accounts.find(KEY).free("USDT") == 5 * 10**18


def test_account_made_again_has_its_terms_and_no_secret_in_the_row():
    """A restarted exchange knows the key, its addresses, its end; the saved row holds no secret."""
    book = AccountBook(SEED)
    account = open_key(
        book, KeyTerms(KEY, frozenset({READ}), frozenset({"10.0.0.1"}), frozenset({"AAAUSDT"}), 99)
    )
    row = account_row(account)
    assert account.secret not in str(row)
    again = AccountBook(SEED)
    fill_accounts(again, [row])
    assert again.find(KEY) == account


def test_row_of_an_older_state_has_all_permissions():
    """States saved before terms existed are read as they were meant."""
    book = AccountBook(SEED)
    row = account_row(book.find("demo-key-0001"))
    old = {name: row[name] for name in ("key", "fee_asset", "is_revoked", "wallets")}
    again = AccountBook(SEED)
    fill_accounts(again, [old])
    assert again.find("demo-key-0001").permissions == ALL_PERMISSIONS


def test_use_is_refused_after_the_end_and_from_elsewhere():
    """402 at the very millisecond of the end; 700006 names the address."""
    account = open_key(AccountBook(SEED), KeyTerms(KEY, addresses=frozenset({"10.0.0.1"}), expires_ms=100))
    account.check_use("10.0.0.1", 99)
    with pytest.raises(Refusal) as refused:
        account.check_use("10.0.0.1", 100)
    assert refused.value.code == 402
    with pytest.raises(Refusal, match=r"10\.0\.0\.2") as refused:
        account.check_use("10.0.0.2", 99)
    assert refused.value.code == 700006


def test_withdrawal_follows_the_permission_to_move_coins():
    """Reading withdrawals is not moving them."""
    book = AccountBook(SEED)
    assert not open_key(book, KeyTerms(KEY, ALL_PERMISSIONS | {WITHDRAW_READ})).can_withdraw
    assert open_key(book, KeyTerms(KEY, ALL_PERMISSIONS | {WITHDRAW})).can_withdraw


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, "8 to 64"),
        ({"key": "short"}, "8 to 64"),
        ({"key": KEY, "permissions": ["ALL"]}, "unknown: ALL"),
        ({"key": KEY, "addresses": "10.0.0.1"}, "list of texts"),
        ({"key": KEY, "funds": {"USDT": -1}}, "at least 0"),
        ({"key": KEY, "funds": {"USDT": "x"}}, "numbers"),
        ({"key": KEY, "colour": 1}, "unknown: colour"),
    ],
)
def test_terms_that_are_none_are_refused(raw, words):
    """Named with what is right."""
    with pytest.raises(BadInput, match=words):
        read_terms(raw)
