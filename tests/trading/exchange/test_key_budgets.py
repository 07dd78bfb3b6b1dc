"""One budget for each API key, whoever holds gateways of it; the key itself is nowhere on disk."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from trading.exchange.budget import Place
from trading.exchange.key_budgets import KeyBook, KeyBudget, key_digest, keys_file
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.throttle import Limiter, Priority

from .conftest import Answer, Venue

KEY, OTHER = "mx0vglExampleKey12", "mx0vglExampleKey34"


def pool_of(venue: Venue, folder: Path | None) -> GatewayPool:
    """A pool whose keys may spend 10 at once (one look at balances) and then 1 a second."""
    settings = ExchangeSettings(
        venue.base_url,
        rate_per_s=1000,
        account_rate_per_s=1,
        signed_on_address=False,
        limiter_path=folder,
        timeout_s=2,
    )
    return GatewayPool(settings)


async def looked(*accounts: object) -> int:
    """Return how many of the accounts' looks at their balances come back within half a second."""
    tasks = [asyncio.create_task(account.balances()) for account in accounts]  # type: ignore[attr-defined]  # gateways
    done, late = await asyncio.wait(tasks, timeout=0.5)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return len([task for task in done if task.exception() is None])


@pytest.mark.parametrize("is_shared", [False, True])
async def test_two_gateways_of_one_key_have_one_budget(venue: Venue, tmp_path: Path, is_shared: bool) -> None:
    """The bucket of a key at 1 a second lets one request go; a second gateway of the key must wait."""
    venue.answers["GET", "account"] = Answer({"balances": []})
    async with pool_of(venue, tmp_path if is_shared else None) as pool:
        await pool.public.markets()
        assert await looked(pool.account(KEY, "s"), pool.account(KEY, "s"), pool.account(OTHER, "s")) == 2
        # Made anew, a gateway of the key does not begin with a full bucket.
        assert await looked(pool.account(KEY, "s")) == 0


async def test_two_pools_with_one_folder_have_one_budget_of_a_key(venue: Venue, tmp_path: Path) -> None:
    """Two processes behind one folder are two pools: what one spends of a key, the other misses."""
    venue.answers["GET", "account"] = Answer({"balances": []})
    async with pool_of(venue, tmp_path) as first, pool_of(venue, tmp_path) as second:
        assert await looked(first.account(KEY, "s")) == 1
        assert await looked(second.account(KEY, "s")) == 0
        assert await looked(second.account(OTHER, "s")) == 1


_SPENDS = """
import sys
from pathlib import Path
from trading.exchange.budget import Place
from trading.exchange.key_budgets import KeyBook, KeyBudget, key_digest
budget = KeyBudget(KeyBook(Path(sys.argv[1])), key_digest(sys.argv[2]), 0.01, 5)
assert budget.enter()
print(budget.take(Place(1, 0, 5, 0), budget.at_s))
budget.leave()
"""


def test_another_process_spends_from_the_same_slot(tmp_path: Path) -> None:
    """5 of 5 are gone for us; another key is untouched."""
    path = tmp_path / "venue.keys"
    ended = subprocess.run(
        [sys.executable, "-c", _SPENDS, str(path), KEY], check=True, capture_output=True, text=True
    )
    assert ended.stdout.strip() == "0.0"
    book = KeyBook(path)
    waits = []
    for key in (KEY, OTHER):
        budget = KeyBudget(book, key_digest(key), 0.01, 5)
        assert budget.enter()
        waits.append(budget.take(Place(1, Priority.EXIT, 5, 0), budget.at_s))
        budget.leave()
    assert waits[0] > 400
    assert waits[1] == 0
    book.close()


async def test_the_key_is_neither_in_a_file_nor_in_a_name(venue: Venue, tmp_path: Path) -> None:
    """What is on disk is a hash that cannot be turned back."""
    venue.answers["GET", "account"] = Answer({"balances": []})
    async with pool_of(venue, tmp_path) as pool:
        assert await looked(pool.account(KEY, "the-secret")) == 1
    assert_only_the_hash_is_in(tmp_path)


def assert_only_the_hash_is_in(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".budget", ".keys"}
    for path in files:
        assert KEY not in path.name
        held = path.read_bytes()
        assert KEY.encode() not in held
        assert KEY[:8].encode() not in held
        assert b"the-secret" not in held
    assert key_digest(KEY) in next(path for path in files if path.suffix == ".keys").read_bytes()


def test_two_thousand_keys_have_a_slot_each_and_one_descriptor(tmp_path: Path) -> None:
    """Each spends its own five, and finds them spent when it comes again; the file stays 4 MB."""
    book = KeyBook(keys_file(tmp_path / "venue.budget"))

    def left(number: int) -> float:
        budget = KeyBudget(book, key_digest(f"key-{number}"), 0.001, 5)
        assert budget.enter()
        budget.take(Place(1, Priority.EXIT, 1 + number % 4, 0), budget.at_s)
        tokens = budget.tokens
        budget.leave()
        return tokens

    assert [left(number) for number in range(2000)] == [4.0 - number % 4 for number in range(2000)]
    assert left(0) == pytest.approx(3.0, abs=0.01)
    assert (tmp_path / "venue.keys").stat().st_size == 8192 * 512
    book.close()


class Wall:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_slot_idle_for_a_day_goes_to_the_next_key_and_its_owner_finds_another(tmp_path: Path) -> None:
    """64 keys fill a neighbourhood; a day later a 65th takes the first one's place, never a banned one's."""
    book, wall = KeyBook(tmp_path / "venue.keys"), Wall()
    digests = [bytes(8) + number.to_bytes(8, "big") for number in range(1, 66)]

    def spent(digest: bytes, *, banned_s: float = 0.0) -> KeyBudget:
        budget = KeyBudget(book, digest, 20, 5, wall=wall)
        assert budget.enter()
        budget.refill(wall.now)
        if banned_s:
            budget.refuse(banned_s, wall.now)
        budget.leave()
        return budget

    banned = spent(digests[0], banned_s=3 * 86_400)
    sleeper, *_ = [spent(digest) for digest in digests[1:64]]
    wall.now += 86_401
    newest = spent(digests[64])
    assert (banned._at, newest._at) == (0, 512)
    assert sleeper.enter()
    sleeper.leave()
    assert sleeper._at == 1024
    book.close()


async def test_limiters_of_one_key_in_two_books_wait_for_each_other(tmp_path: Path) -> None:
    """While another process is inside the book a limiter waits a moment and loses nothing."""
    books = [KeyBook(tmp_path / "venue.keys") for _ in range(2)]
    mine, others = (KeyBudget(book, key_digest(KEY), 100, 5) for book in books)
    limiter = Limiter(100, burst=5, budget=lambda *_: mine)
    assert others.enter()
    asked = asyncio.create_task(limiter.acquire(1, Priority.EXIT))
    await asyncio.sleep(0.02)
    assert not asked.done()
    others.leave()
    await asyncio.wait_for(asked, 5)
    limiter.close()
    for book in books:
        book.close()


@pytest.mark.parametrize("on_address", [False, True])
async def test_a_429_slows_down_who_pays_for_the_request(venue: Venue, on_address: bool) -> None:
    """Signed requests paid by the key alone slow only the key; paid by both, the answer cannot tell whose."""
    venue.answers["GET", "account"] = lambda request: (
        Answer({"code": 429, "msg": "Too Many Requests"}, 429, {"Retry-After": "0"})
        if request.headers["X-MEXC-APIKEY"] == KEY and len(venue.of("account")) == 1
        else Answer({"balances": []})
    )
    settings = ExchangeSettings(venue.base_url, rate_per_s=1000, signed_on_address=on_address, timeout_s=2)
    async with GatewayPool(settings) as pool:
        assert await looked(pool.account(KEY, "s")) == 1
        assert await looked(pool.account(OTHER, "s")) == 1
        refused = [pool._keys.of(key).stats.http_429 for key in (KEY, OTHER)]
        assert refused == [1, 0]
        assert pool.limiter.stats.http_429 == (1 if on_address else 0)
