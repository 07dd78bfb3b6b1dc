"""A log with one user, and a vault whose master key is known."""

import pytest

from trading.market.clock import ManualClock
from trading.store.order_log import OrderLog
from trading.users.directory import Directory
from trading.users.key_store import KeyStore
from trading.users.user import User
from trading.users.vault import MasterKey, Vault

MASTER = MasterKey(bytes(range(32)), "the test")
OTHER = MasterKey(bytes(range(1, 33)), "another test")


@pytest.fixture
def wall():
    return ManualClock(1_700_000_000_000)


@pytest.fixture
def log(tmp_path, wall):
    found = OrderLog(f"sqlite:///{tmp_path}/orders.db", wall=wall)
    Directory(found).add(User("u1", "One", "key:mexc"))
    Directory(found).add(User("u2", "Two", "key:mexc"))
    yield found
    found.close()


@pytest.fixture
def store(log, wall):
    return KeyStore(log.keys, lambda: Vault([MASTER]), wall)
