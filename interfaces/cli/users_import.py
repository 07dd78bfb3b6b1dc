"""`sluice users import`: users, settings, keys and open positions from a file or from an old cache's dump."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json, print_table, progress
from interfaces.cli.users_world import number, open_log

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.order_log import OrderLog
    from trading.users.imports.plan import Exits, Importer, Reported


def register(app: typer.Typer) -> None:
    """Add this command to `sluice users`."""
    app.command("import")(import_users)


def import_users(
    file: Annotated[Path, Argument(help="CSV or JSON of users; with --mapping, a dump of the old cache.")],
    mapping: Annotated[
        Path | None, Option(help="TOML that says which key and field of the dump is what.")
    ] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Report on every row and write nothing. Begin with this.")
    ] = False,
    stop: Annotated[str, Option(help="Stop of positions that name none, a fraction of entry.")] = "0.05",
    target: Annotated[str, Option(help="Target of positions that name none; none = no target.")] = "none",
    max_hold_days: Annotated[int, Option(min=1, help="Longest hold of positions that name none.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Import users; each row is imported, changed, unchanged or refused with its reason, all or nothing.

    Columns: user_id, name, account, capital, risk_per_trade, max_positions, daily_loss_limit, allowed,
    blocked, mode, is_paused, api_key, secret, is_ip_bound, positions (BTC/USDT:0.5@64000; ETH/USDT:2@3000, or
    a list of objects). Open positions become trades with their entry price, so that stops arm; with a key
    they must be on the account. Nobody becomes live by a file. A second run changes nothing. Exit code 1 if
    a row was refused. docs/reference/users.md has the mapping of an old cache.

    Example: sluice users import users.csv --dry-run
    """
    import asyncio

    from resources.accounts import key_store
    from resources.settings import load_settings
    from trading.users.imports.files import read_file
    from trading.users.imports.mapping import mapped_rows, read_mapping
    from trading.users.imports.plan import Exits

    exits = Exits(
        stop_loss=number("stop", stop),
        take_profit=None if target == "none" else number("target", target),
        max_hold_s=max_hold_days * 86_400,
    )
    rows = read_file(file) if mapping is None else mapped_rows(file, read_mapping(mapping))
    settings = load_settings()
    with open_log(settings) as log:
        needs_venue = any(row.get("api_key") for row in rows) or bool(log.keys.versions())
        work = _run(
            settings, log, key_store(settings, log), rows, exits, needs_venue=needs_venue, dry=dry_run
        )
        report = asyncio.run(work)
    _say(report, is_dry=dry_run, as_json=as_json)
    raise typer.Exit(1 if any(one.outcome == "refused" for one in report) else 0)


async def _run(
    settings: "Settings",
    log: "OrderLog",
    keys: Any,
    rows: list[dict[str, Any]],
    exits: "Exits",
    *,
    needs_venue: bool,
    dry: bool,
) -> "list[Reported]":
    from interfaces.cli.users_keys import venue
    from trading.exchange.key_access import MexcKeyAccess
    from trading.users.check import prove
    from trading.users.imports.plan import Seen

    if not needs_venue or settings.exchange.base_url is None:
        importer = _importer(log, keys, exits, look=None, markets=None, now_ms=None)
        return await _with_bar(importer, rows, dry=dry)
    async with venue(settings) as (pool, bench):

        async def look(user: Any, credentials: Any, is_ip_bound: bool) -> Seen:
            account, access = pool.account(*credentials.pair), MexcKeyAccess(pool, *credentials.pair)
            proof = await prove(log, user, access, bench, is_ip_bound=is_ip_bound)
            return Seen(proof, {} if proof.is_unfit else await account.balances())

        now_ms = pool.clock.now_ms()
        importer = _importer(log, keys, exits, look=look, markets=bench.markets, now_ms=now_ms)
        return await _with_bar(importer, rows, dry=dry)


def _importer(
    log: "OrderLog", keys: Any, exits: "Exits", *, look: Any, markets: Any, now_ms: int | None
) -> "Importer":
    from trading.market.clock import SystemClock
    from trading.users.imports.plan import Importer

    wall_ms = SystemClock().now_ms()
    newest_ms = log.history.newest_ms()
    market_ms = now_ms if now_ms is not None else wall_ms if newest_ms is None else newest_ms
    return Importer(log, keys, exits, look=look, markets=markets, now_ms=market_ms, wall_ms=wall_ms)


async def _with_bar(importer: "Importer", rows: list[dict[str, Any]], *, dry: bool) -> "list[Reported]":
    with progress("users", len(rows)) as update:
        return await importer.run(rows, is_dry=dry, say=lambda done: update(done, len(rows)))


def _say(report: "list[Reported]", *, is_dry: bool, as_json: bool) -> None:
    from dataclasses import asdict

    rows = [asdict(one) | {"outcome": one.outcome.value} for one in report]
    counts = dict(Counter(row["outcome"] for row in rows))
    if as_json:
        print_json({"dry_run": is_dry, "counts": counts, "rows": rows})
        return
    print_table(rows, title="Import, nothing written" if is_dry else "Import", empty="the file has no rows")
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "0 rows")
