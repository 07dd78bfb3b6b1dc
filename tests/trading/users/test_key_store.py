"""Linked keys in the order log: linked once, handed out, rotated, and refused in words."""

import sqlite3

import pytest

from tests.trading.users.conftest import MASTER, OTHER
from trading.market.errors import BadCredentials, BadInput
from trading.market.timeframes import DAY_MS
from trading.users.directory import Directory
from trading.users.key_store import FAILED, UNBOUND_DAYS, KeyStore, StoredKeyRing, expiry_notice
from trading.users.keys import Credentials, DemoKeyRing
from trading.users.user import User
from trading.users.vault import Vault

KEYS = Credentials("mx0canarykey0001", "canarysecret0000000000000000001")


def test_linked_key_is_handed_out_and_lies_sealed(store, log, tmp_path):
    """The ring returns the pair; no byte of it is in the database or its write-ahead log."""
    store.link("u1", KEYS, is_ip_bound=True)
    ring = StoredKeyRing(store, DemoKeyRing(lambda n: (f"k{n}", f"s{n}")))
    assert ring.credentials(Directory(log).get("u1")).pair == KEYS.pair
    assert ring.credentials(User("u3", "Three", "demo:3")).pair == ("k3", "s3")
    for path in tmp_path.iterdir():
        assert b"canary" not in path.read_bytes(), path.name


def test_row_moved_to_another_user_does_not_open(store, log, tmp_path):
    """Somebody who can write to the database gains nothing by copying rows."""
    store.link("u1", KEYS, is_ip_bound=True)
    with sqlite3.connect(tmp_path / "orders.db") as raw:
        raw.execute("UPDATE user_keys SET user_id = 'u2'")
    with pytest.raises(BadCredentials, match="does not open"):
        store.open("u2")


def test_older_version_put_back_does_not_open(store, log, tmp_path):
    """Version 1's seal in version 2's row is refused: a replaced key cannot come back."""
    store.link("u1", KEYS, is_ip_bound=True)
    old = log.keys.get("u1", "mexc")
    store.link("u1", Credentials("mx0another", "secret2"), is_ip_bound=True)
    with sqlite3.connect(tmp_path / "orders.db") as raw:
        raw.execute("UPDATE user_keys SET wrapped_key = ?, sealed = ?", (old.wrapped_key, old.sealed))
    with pytest.raises(BadCredentials, match="version 2"):
        store.open("u1")


def test_one_key_belongs_to_one_user(store):
    """Two users on one account would sell each other's coins; the same user may link it again."""
    store.link("u1", KEYS, is_ip_bound=True)
    with pytest.raises(BadInput, match="linked to user u1"):
        store.link("u2", KEYS, is_ip_bound=True)
    assert store.link("u1", KEYS, is_ip_bound=True).key_version == 2


def test_no_key_linked_says_how(store):
    """One sentence with the command."""
    with pytest.raises(BadCredentials, match="sluice users link u1"):
        store.open("u1")


def test_account_of_another_kind_is_named(store):
    """What the ring knows is said."""
    with pytest.raises(BadCredentials, match=r"demo:<number> or key:mexc.*'vault:1'"):
        StoredKeyRing(store).credentials(User("u9", "Nine", "vault:1"))


def test_rotation_can_be_killed_at_any_key_and_goes_on(log, wall):
    """Killed after each number of keys: everything opens meanwhile, the second run does the rest."""
    users = [f"r{number}" for number in range(6)]
    for user_id in users:
        Directory(log).add(User(user_id, user_id, "key:mexc"))
        key = Credentials(f"mx0{user_id}key000", f"secret-{user_id}")
        KeyStore(log.keys, lambda: Vault([MASTER]), wall).link(user_id, key, is_ip_bound=True)

    class Killed(BaseException):
        pass

    def die(done: int, _total: int) -> None:
        if done == 3:
            raise Killed

    both = KeyStore(log.keys, lambda: Vault([OTHER, MASTER]), wall)
    with pytest.raises(Killed):
        both.rotate(die)
    assert len(list(both.left_behind())) == 3
    assert [both.open(user_id).secret for user_id in users] == [f"secret-{user_id}" for user_id in users]
    done = both.rotate()
    assert (done.rewrapped, done.already) == (3, 3)
    alone = KeyStore(log.keys, lambda: Vault([OTHER]), wall)
    assert [alone.open(user_id).secret for user_id in users] == [f"secret-{user_id}" for user_id in users]
    assert (both.rotate().rewrapped, both.rotate().already) == (0, 6)


def test_running_store_follows_a_rotation(log, wall):
    """A store that knows the old key only makes its vault anew when a row names another."""
    masters = [MASTER]
    store = KeyStore(log.keys, lambda: Vault(list(masters)), wall)
    store.link("u1", KEYS, is_ip_bound=True)
    masters.insert(0, OTHER)
    KeyStore(log.keys, lambda: Vault([OTHER, MASTER]), wall).rotate()
    assert store.open("u1").pair == KEYS.pair


def test_wrong_master_key_stops_the_start(store, log, wall):
    """No exit could leave under it, so nothing starts; without linked keys nothing is asked."""
    wrong = KeyStore(log.keys, lambda: Vault([OTHER]), wall)
    wrong.require_master()
    store.link("u1", KEYS, is_ip_bound=True)
    with pytest.raises(BadCredentials, match="wrong master key: the key of user u1"):
        wrong.require_master()


def test_failed_check_is_kept_only_for_the_version_that_was_checked(store, log):
    """A verdict on a key that was replaced meanwhile says nothing of the new one."""
    store.link("u1", KEYS, is_ip_bound=True)
    store.link("u1", KEYS, is_ip_bound=True)
    assert not log.keys.note("u1", "mexc", 1, state=FAILED, reason="gone", wall_ms=1)
    assert log.keys.get("u1", "mexc").state == "unproven"


@pytest.mark.parametrize(
    ("days", "words"), [(0, None), (75, None), (77, "13 days"), (89, "1 day:"), (90, "should have expired")]
)
def test_end_of_an_unbound_key_is_announced(store, wall, days, words):
    """90 days after linking, by assumption; from 14 days before it is said, every day less."""
    key = store.link("u1", KEYS, is_ip_bound=False)
    assert key.expires_wall_ms == wall.now_ms() + UNBOUND_DAYS * DAY_MS
    told = expiry_notice(key, wall.now_ms() + days * DAY_MS)
    assert told is None if words is None else words in told


def test_bound_key_does_not_expire(store, wall):
    """Nothing is announced for a key that is bound to an address."""
    key = store.link("u1", KEYS, is_ip_bound=True)
    assert expiry_notice(key, wall.now_ms() + 1000 * DAY_MS) is None
