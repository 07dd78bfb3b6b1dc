"""The user cache is a projection at a version: late and repeated messages change nothing."""

import random
from collections.abc import AsyncIterator, Iterator

import pytest

from trading.market.errors import BadInput
from trading.store.cache import TRADES_KEPT, UserCache, connect
from trading.store.valkey import EmbeddedValkey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture
async def cache(server: EmbeddedValkey) -> AsyncIterator[UserCache]:
    client = connect(server.url)
    await client.flushall()
    yield UserCache(client)
    await client.aclose()


async def test_older_and_equal_versions_change_nothing(cache: UserCache) -> None:
    """Only a higher SQL version is news, for values and for removals."""
    assert await cache.put_position("7", "A/USDT", {"amount": "1"}, version=5)
    assert not await cache.put_position("7", "A/USDT", {"amount": "9"}, version=5)
    assert not await cache.put_position("7", "A/USDT", None, version=4)
    assert await cache.positions("7") == {"A/USDT": {"amount": "1"}}
    assert await cache.put_position("7", "A/USDT", None, version=6)
    assert not await cache.put_position("7", "A/USDT", {"amount": "1"}, version=5)
    assert await cache.positions("7") == {}


async def test_any_order_of_messages_ends_in_the_newest_state(cache: UserCache) -> None:
    """Each message three times in random order: the projection is that of the highest version."""
    messages = [(name, version) for name in ("A/USDT", "B/USDT") for version in range(20)] * 3
    random.Random(5).shuffle(messages)
    for name, version in messages:
        await cache.put_position("7", name, {"amount": str(version)}, version=version)
    assert await cache.positions("7") == {"A/USDT": {"amount": "19"}, "B/USDT": {"amount": "19"}}


async def test_users_do_not_see_each_other(cache: UserCache) -> None:
    """Keys carry the user; forgetting one leaves the other."""
    for user in ("1", "11"):
        await cache.put_position(user, "A/USDT", {"owner": user}, version=1)
        await cache.add_trade(user, {"pnl": user}, version=1)
    await cache.forget("1")
    assert (await cache.positions("1"), await cache.trades("1")) == ({}, [])
    assert await cache.positions("11") == {"A/USDT": {"owner": "11"}}
    assert await cache.trades("11") == [{"pnl": "11"}]
    assert await cache.trades("11") == [{"pnl": "11"}]


async def test_one_user_is_one_cluster_slot(cache: UserCache) -> None:
    """All keys of a user share the braces part, as Redis Cluster wants for scripts."""
    await cache.put_position("7", "A/USDT", {}, version=1)
    await cache.add_trade("7", {}, version=1)
    assert sorted(await cache._client.keys("*")) == ["{u:7}:pos", "{u:7}:trades"]


async def test_trades_are_newest_first_once_each_and_bounded(cache: UserCache) -> None:
    """A trade told twice is there once, in its last form; only the last ones are kept."""
    for version in random.Random(3).sample(range(TRADES_KEPT + 10), TRADES_KEPT + 10):
        await cache.add_trade("7", {"n": version}, version=version)
    await cache.add_trade("7", {"n": "corrected"}, version=TRADES_KEPT + 9)
    assert await cache.trades("7", count=2) == [{"n": "corrected"}, {"n": TRADES_KEPT + 8}]
    assert len(await cache.trades("7", count=1000)) == TRADES_KEPT


@pytest.mark.parametrize("user", ["", "a}b", "{u:1}", "a b", "x" * 65, "é", "a\n"])
async def test_hostile_user_ids_are_refused(cache: UserCache, user: str) -> None:
    """Braces would move a key into another user's slot."""
    with pytest.raises(BadInput, match="user id"):
        await cache.positions(user)


@pytest.mark.parametrize("version", [-1, 2**53])
async def test_versions_that_lua_cannot_hold_are_refused(cache: UserCache, version: int) -> None:
    """Lua compares doubles: beyond 2**53 two versions may look equal."""
    with pytest.raises(BadInput, match="version"):
        await cache.put_position("7", "A/USDT", {}, version=version)
