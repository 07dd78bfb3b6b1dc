"""`sluice users link|check|master-key|rotate`: exchange keys, sealed, proven, never shown."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table
from interfaces.cli.users_world import UserId, open_log, secret_pair, smallest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from resources.settings import Settings
    from trading.exchange.pool import GatewayPool
    from trading.store.order_log import OrderLog
    from trading.users.check import Bench
    from trading.users.keys import Credentials
    from trading.users.proof import Proof
    from trading.users.user import User


def register(app: typer.Typer) -> None:
    """Add these commands to `sluice users`."""
    app.command("master-key")(master_key)
    app.command()(link)
    app.command()(check)
    app.command()(rotate)


def master_key(as_json: AsJson = False) -> None:
    """Make the master key that seals users' keys: a file with mode 0600, in no database.

    Keep a copy apart from the order log's backups: without it every key must be linked again. The file is
    <home>/master.key or $SLUICE_MASTER_KEY_FILE; $SLUICE_MASTER_KEY (base64) stands in for a file.
    """
    from resources.accounts import master_file
    from resources.settings import load_settings
    from trading.users.vault import master_from_file, new_master_key, write_master_key

    path = master_file(load_settings())
    write_master_key(path, new_master_key())
    made = {"path": str(path), "master_id": master_from_file(path).key_id}
    if as_json:
        print_json(made)
        return
    print(f"made {path} (id {made['master_id']}): keep a copy apart from the database's backups")


def link(
    user_id: UserId,
    file: Annotated[Path | None, Option(help="Read key and secret from two lines of this file.")] = None,
    ip_bound: Annotated[
        bool, Option("--ip-bound/--not-ip-bound", help="Is the key bound to this machine's address at MEXC?")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Link a user's own exchange key: typed unseen, or two lines of stdin or a file; never an argument.

    The key is proven first: known, from this address, may trade, may not withdraw, balance, a test order
    that is not placed, nobody else's orders. A key that is itself unfit is not kept; exit code 1 then.

    Make the key at MEXC with spot account reading, spot deal reading and spot trading only, bound to this
    machine's address. Example: sluice users link ada --ip-bound < two-lines
    """
    from resources.accounts import vault
    from resources.settings import load_settings
    from trading.users.directory import Directory
    from trading.users.keys import Credentials

    settings = load_settings()
    vault(settings)  # before anybody types a secret in vain
    with open_log(settings) as log:
        user = Directory(log).get(user_id)
        proof = link_proven(settings, log, user, Credentials(*secret_pair(file)), is_ip_bound=ip_bound)
        rows = key_rows(log, [user_id])
    _say(user_id, proof, is_linked=not proof.is_unfit, key=rows, as_json=as_json)
    raise typer.Exit(0 if proof.is_passed else 1)


def link_proven(
    settings: "Settings", log: "OrderLog", user: "User", credentials: "Credentials", *, is_ip_bound: bool
) -> "Proof":
    """Prove a key, and keep it unless it is itself unfit; also done by the user's own pages."""
    import asyncio

    from resources.accounts import key_store
    from trading.market.clock import SystemClock
    from trading.users.check import keep
    from trading.users.directory import Directory
    from trading.users.key_store import ACCOUNT

    store = key_store(settings, log)
    store.sealed(user.user_id, credentials, is_ip_bound=is_ip_bound)  # refuses what cannot be this user's
    proof = asyncio.run(_prove(settings, log, user, credentials, is_ip_bound=is_ip_bound))
    if not proof.is_unfit:
        key = store.link(user.user_id, credentials, is_ip_bound=is_ip_bound)
        Directory(log).change(user.user_id, account=ACCOUNT)
        keep(log, user, key, proof, now_ms=SystemClock().now_ms())
    return proof


def check(
    user_id: Annotated[str, typer.Argument(help="Only this user; default: all with a linked key.")] = "",
    as_json: AsJson = False,
) -> None:
    """Look at linked keys: valid, from this address, balance, a test order, end near? Changes nothing there.

    The engine does this once a day for each key; entries need a key that passed, exits do not. Exit code 1 if
    one failed.
    """
    import asyncio

    from resources.settings import load_settings
    from trading.market.errors import InTheWay
    from trading.users.directory import Directory
    from trading.users.key_store import ACCOUNT

    settings = load_settings()
    with open_log(settings) as log:
        directory = Directory(log)
        users = [directory.get(user_id)] if user_id else directory.all()
        linked = [user for user in users if user.account == ACCOUNT and log.keys.get(user.user_id, "mexc")]
        if user_id and not linked:
            raise InTheWay(f"user {user_id} has no key linked: `sluice users link {user_id}`")
        proofs = asyncio.run(check_all(settings, log, linked)) if linked else {}
        rows = key_rows(log, [user.user_id for user in linked])
    checks = [_row(name, check) for name, proof in proofs.items() for check in proof.checks]
    if as_json:
        print_json({"keys": rows, "checks": checks})
    else:
        print_table(checks, title="Checks", empty="no key is linked; `sluice users link`")
        print_table(rows, title="Keys", empty="none")
    raise typer.Exit(0 if all(proof.is_passed for proof in proofs.values()) else 1)


def rotate(as_json: AsJson = False) -> None:
    """Change the master key: makes a new one, re-wraps every data key, puts the file in place.

    May be interrupted at any point and run again; a running engine follows. The old file stays as
    <name>.old-<id> until you delete it: backups made before still need it. With $SLUICE_MASTER_KEY: set the
    new key there and the old one in $SLUICE_MASTER_KEY_OLD, then run this.
    """
    import os

    from resources.accounts import MASTER, NEXT, key_store, master_file
    from resources.settings import load_settings
    from trading.users.vault import master_from_file, new_master_key, write_master_key

    settings = load_settings()
    path = master_file(settings)
    following = path.with_name(path.name + NEXT)
    in_file = not os.environ.get(MASTER)
    if in_file and not following.exists():
        master_from_file(path)  # there must be one to leave
        write_master_key(following, new_master_key())
    with open_log(settings) as log:
        done = key_store(settings, log).rotate()
    if in_file:
        if path.exists():
            path.rename(path.with_name(f"{path.name}.old-{master_from_file(path).key_id}"))
        following.rename(path)
    told = {"rewrapped": done.rewrapped, "already": done.already}
    if as_json:
        print_json(told)
        return
    print(f"{done.rewrapped} keys re-wrapped, {done.already} were under the new master key already")


def key_rows(log: "OrderLog", user_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what may be shown of linked keys: state and dates, no part of a key."""
    from trading.market.clock import SystemClock
    from trading.market.timeframes import from_ms
    from trading.users.key_store import expiry_notice

    now_ms = SystemClock().now_ms()
    return [
        {
            "user_id": key.user_id,
            "exchange": key.exchange,
            "version": key.key_version,
            "state": key.state,
            "reason": key.reason or expiry_notice(key, now_ms),
            "is_ip_bound": key.is_ip_bound,
            "checked_at": None if key.checked_wall_ms is None else from_ms(key.checked_wall_ms),
            "expires_at": None if key.expires_wall_ms is None else from_ms(key.expires_wall_ms),
            "master_id": key.master_id,
        }
        for key in log.keys.all()
        if key.user_id in set(user_ids)
    ]


async def check_all(settings: "Settings", log: "OrderLog", users: Sequence["User"]) -> dict[str, "Proof"]:
    """Check the linked keys of `users` and keep what came of it."""
    from resources.accounts import key_store
    from trading.exchange.key_access import MexcKeyAccess
    from trading.market.clock import SystemClock
    from trading.users.check import check_key

    store = key_store(settings, log)
    found = {}
    async with venue(settings) as (pool, bench):
        for user in users:
            access = MexcKeyAccess(pool, *store.open(user.user_id).pair)
            found[user.user_id] = await check_key(log, user, access, bench, now_ms=SystemClock().now_ms())
    return found


async def _prove(
    settings: "Settings", log: "OrderLog", user: "User", credentials: "Credentials", *, is_ip_bound: bool
) -> "Proof":
    from trading.exchange.key_access import MexcKeyAccess
    from trading.users.check import prove

    async with venue(settings) as (pool, bench):
        access = MexcKeyAccess(pool, *credentials.pair)
        return await prove(log, user, access, bench, is_ip_bound=is_ip_bound)


@asynccontextmanager
async def venue(settings: "Settings") -> "AsyncIterator[tuple[GatewayPool, Bench]]":
    """Open the exchange that orders go to, with its listing."""
    from resources.accounts import order_exchange
    from trading.exchange.pool import GatewayPool
    from trading.market.errors import InTheWay
    from trading.users.check import Bench

    exchange = order_exchange(settings)
    if exchange.base_url is None:
        raise InTheWay("no exchange is running: start `sluice dev`, or set SLUICE_EXCHANGE__BASE_URL")
    async with GatewayPool(exchange) as pool:
        markets = {market.symbol: market for market in await pool.public.markets()}
        yield (
            pool,
            Bench(markets, pool.public.quotes, lambda user: smallest(settings, user)["smallest_capital"]),
        )


def _row(user_id: str, check: Any) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "check": check.name,
        "verdict": check.verdict.value,
        "sentence": check.sentence,
    }


def _say(user_id: str, proof: "Proof", *, is_linked: bool, key: list[dict[str, Any]], as_json: bool) -> None:
    checks = [_row(user_id, check) for check in proof.checks]
    if as_json:
        print_json({"is_linked": is_linked, "is_passed": proof.is_passed, "checks": checks, "key": key})
        return
    print_table(checks, ["check", "verdict", "sentence"], title=f"The key of {user_id}")
    if not is_linked:
        print(f"not linked: {proof.reason}")
    elif proof.is_passed:
        print(f"linked and proven: {user_id} trades with this key, on paper until `sluice users mode`")
    else:
        print(f"linked, no entries yet: {proof.reason} Then: sluice users check {user_id}")
