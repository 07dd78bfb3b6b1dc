"""Keys, permissions and balances."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.simulator.accounts import Account, AccountBook, Wallet, demo_credentials
from trading.simulator.units import ONE
from trading.simulator.wire import Refusal


def code_of(book: AccountBook, key: str | None) -> int:
    with pytest.raises(Refusal) as caught:
        book.find(key)
    return caught.value.code


def test_demo_credentials_are_a_pure_function() -> None:
    """Server and client work out the same key and secret; another seed has other secrets."""
    assert demo_credentials(7, 1) == demo_credentials(7, 1)
    assert demo_credentials(7, 1)[0] == "demo-key-0001"
    assert demo_credentials(7, 1)[1] != demo_credentials(8, 1)[1]
    with pytest.raises(BadInput):
        demo_credentials(7, 0)


def test_every_demo_account_starts_with_its_funds() -> None:
    """Account 1,000 of 1,000 holds 10,000 USDT; there is no 1,001st."""
    book = AccountBook(7, 1_000)
    assert book.find("demo-key-1000").free("USDT") == 10_000 * ONE
    assert code_of(book, "demo-key-1001") == 10072


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, 400), ("", 400), ("mx0vglUNKNOWNKEY12", 10072), ("demo-key-00001", 10072),
     ("demo-key-0000", 10072), ("no spaces allowed", 700001), ("x", 700001), ("x" * 65, 700001)],
)  # fmt: skip
def test_keys_that_open_nothing_have_their_codes(key: str | None, code: int) -> None:
    """Missing, malformed and unknown keys are told apart as MEXC does."""
    assert code_of(AccountBook(7), key) == code


def test_a_revoked_key_is_unknown() -> None:
    """Expired and revoked keys answer 10072."""
    book = AccountBook(7)
    book.find("demo-key-0001").is_revoked = True
    assert code_of(book, "demo-key-0001") == 10072


def test_secrets_do_not_show() -> None:
    """The repr of an account has no secret in it."""
    account = Account("some-key", "s3cret-value")
    assert "s3cret" not in repr(account)


def test_funds_can_be_set() -> None:
    """Other assets and amounts than the default."""
    book = AccountBook(7, 2, funds={"BTC": Decimal("0.5")})
    assert book.find("demo-key-0002").free("BTC") == ONE // 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lock", "unlock", "spend_locked", "spend_free", "credit"]), st.integers(-5, 50)
        )
    )
)
def test_no_sequence_of_moves_makes_a_balance_negative(moves: list[tuple[str, int]]) -> None:
    """A move that would is refused and changes nothing; the sum changes only by credits and spending."""
    wallet = Wallet(free=100)
    expected = 100
    for name, amount in moves:
        before = (wallet.free, wallet.locked)
        try:
            getattr(wallet, name)(amount)
        except ValueError:
            assert (wallet.free, wallet.locked) == before
            continue
        expected += {"credit": amount, "spend_locked": -amount, "spend_free": -amount}.get(name, 0)
        assert wallet.free >= 0
        assert wallet.locked >= 0
        assert wallet.free + wallet.locked == expected
