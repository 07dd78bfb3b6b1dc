"""A listen key's life: made, kept alive at half of it, made again when the venue forgot it, ended."""

from typing import Any

import pytest

from trading.exchange.feed.listen_key import ListenKey
from trading.market.errors import BadPayload, ExchangeError, Unreachable


class Venue:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.live: set[str] = set()
        self.made = 0
        self.is_up = True

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        if not self.is_up:
            raise Unreachable("userDataStream: no answer")
        self.calls.append((method, params))
        if method == "POST":
            self.made += 1
            self.live.add(f"secret{self.made}")
            return {"listenKey": f"secret{self.made}"}
        if params["listenKey"] not in self.live:
            raise ExchangeError("listenKey does not exist", code=33333)
        if method == "DELETE":
            self.live.remove(params["listenKey"])
        return params

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def key(venue: Venue) -> ListenKey:
    return ListenKey(venue.call, life_s=3600.0, wall=lambda: venue.now_s)


async def test_key_is_kept_alive_at_half_its_life(key: ListenKey, venue: Venue) -> None:
    """One PUT per half-life, none before; none at all without a key."""
    assert await key.keep()
    assert await key.usable() == "secret1"
    venue.now_s = 1799
    assert await key.keep()
    assert venue.methods() == ["POST"]
    venue.now_s = 1800
    assert await key.keep()
    venue.now_s = 3599
    assert await key.keep()
    assert venue.methods() == ["POST", "PUT"]


async def test_key_the_venue_forgot_is_made_again(key: ListenKey, venue: Venue) -> None:
    """`keep` says so, and the next `usable` brings another."""
    await key.usable()
    venue.live.clear()
    venue.now_s = 1800
    assert not await key.keep()
    assert await key.usable() == "secret2"


async def test_reconnect_proves_the_old_key_before_using_it(key: ListenKey, venue: Venue) -> None:
    """A known key is kept, an unknown one replaced: one request, or two."""
    await key.usable()
    assert await key.usable() == "secret1"
    venue.live.clear()
    assert await key.usable() == "secret2"
    assert venue.methods() == ["POST", "PUT", "PUT", "POST"]


async def test_keep_alive_without_answer_is_no_expiry(key: ListenKey, venue: Venue) -> None:
    """The key still has half of its life; it is tried again soon."""
    await key.usable()
    venue.now_s, venue.is_up = 1800, False
    assert await key.keep()
    venue.now_s, venue.is_up = 1830, True
    assert await key.keep()
    assert venue.methods() == ["POST", "PUT"]


async def test_close_ends_the_key_and_never_raises(key: ListenKey, venue: Venue) -> None:
    """Ended at the venue where it can be; else it dies of age."""
    await key.usable()
    await key.close()
    assert venue.live == set()
    await key.usable()
    venue.is_up = False
    await key.close()
    venue.is_up = True
    assert await key.usable() == "secret3"


async def test_reply_without_a_key_is_refused(venue: Venue) -> None:
    """Garbage does not become part of a URL."""

    async def garbage(method: str, params: dict[str, Any]) -> Any:
        return {"listenKey": None}

    with pytest.raises(BadPayload, match="no listen key"):
        await ListenKey(garbage).usable()


async def test_key_is_not_in_its_repr(key: ListenKey) -> None:
    """Whoever logs it logs nothing."""
    await key.usable()
    assert "secret" not in repr(key)
