"""Users' bounds, their directory, and keys that never show."""

from decimal import Decimal

import pytest

from trading.market.errors import BadCredentials, BadInput, MissingData
from trading.store.order_log import OrderLog
from trading.users.directory import Directory
from trading.users.keys import Credentials, DemoKeyRing
from trading.users.user import User


@pytest.fixture
def directory(tmp_path):
    log = OrderLog(f"sqlite:///{tmp_path}/orders.db")
    yield Directory(log)
    log.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"user_id": "a b"}, "user id"),
        ({"user_id": "{x}"}, "user id"),
        ({"capital": Decimal("NaN")}, "capital"),
        ({"risk_per_trade": Decimal("NaN")}, "risk_per_trade"),
        ({"capital": Decimal(0)}, "capital"),
        ({"max_positions": 0}, "max_positions"),
        ({"risk_per_trade": Decimal(1)}, "risk_per_trade"),
        ({"daily_loss_limit": Decimal(0)}, "daily_loss_limit"),
    ],
)
def test_user_outside_the_bounds_is_refused(changes, words):
    """The message names the value."""
    with pytest.raises(BadInput, match=words):
        User(**({"user_id": "u1", "name": "One", "account": "demo:1"} | changes))


def test_user_comes_back_as_written(directory):
    """Every field survives the database, sets and decimals included."""
    user = User("u1", "One", "demo:1", capital=Decimal("123.45"), blocked=frozenset({"A/USDT", "B/USDT"}))
    directory.add(user)
    assert directory.get("u1") == user


def test_pause_stops_and_resume_restarts(directory):
    """Two switches of one flag."""
    directory.add(User("u1", "One", "demo:1"))
    directory.pause("u1")
    assert directory.get("u1").is_paused
    directory.resume("u1")
    assert not directory.get("u1").is_paused


def test_unknown_user_is_named_with_those_there_are(directory):
    """The message helps to find the right id."""
    directory.add(User("u1", "One", "demo:1"))
    with pytest.raises(MissingData, match=r"'u9'.*u1"):
        directory.get("u9")
    with pytest.raises(MissingData, match="u9"):
        directory.pause("u9")


def test_demo_users_are_added_once(directory):
    """Asking again for more adds only the missing; account numbers start at 1."""
    directory.ensure_demo(2)
    users = directory.ensure_demo(3)
    assert [user.account for user in users] == ["demo:1", "demo:2", "demo:3"]
    assert len(directory.all()) == 3


def test_block_list_wins_and_allow_list_closes():
    """Blocked is refused; with an allow list everything else is, too."""
    user = User("u1", "One", "demo:1", allowed=frozenset({"A/USDT", "B/USDT"}), blocked=frozenset({"B/USDT"}))
    assert user.refuses("A/USDT") is None
    assert "block list" in str(user.refuses("B/USDT"))
    assert "allowed" in str(user.refuses("C/USDT"))


def test_secret_shows_nowhere():
    """repr, str and format of credentials hold neither key nor secret."""
    keys = Credentials("mx0-canary-key", "canary-secret")
    assert "canary" not in f"{keys} {keys!r} {[keys]}"


def test_demo_ring_asks_for_the_accounts_number():
    """demo:3 is account 3; anything else is refused by name."""
    ring = DemoKeyRing(lambda number: (f"k{number}", f"s{number}"))
    assert ring.credentials(User("u1", "One", "demo:3")).pair == ("k3", "s3")
    with pytest.raises(BadCredentials, match="'vault:3'"):
        ring.credentials(User("u1", "One", "vault:3"))
