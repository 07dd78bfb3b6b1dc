"""What `sluice doctor` looks at in the world in use: warehouse, log, keys, leases, halts. Changes nothing."""

from typing import TYPE_CHECKING

from interfaces.cli.doctor_finding import Finding

if TYPE_CHECKING:
    from resources.settings import Settings

_NO_LOG = "no order log yet (the first run makes it)"


def warehouse() -> Finding:
    """Nobody holds the file for people open for writing; the line replaces it as a whole."""
    import duckdb

    from resources.settings import load_settings

    path = load_settings().warehouse_path
    if not path.is_file():
        return Finding("warehouse", True, "none yet (the job marts makes it)")
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error as error:
        said = str(error).splitlines()[0][:200]
        return Finding(
            "warehouse", False, said, "end the program that holds it open, or open it read-only there"
        )
    return Finding("warehouse", True, f"{path.stat().st_size / 1e6:.1f} MB, can be read")


def revision() -> Finding:
    """The order log is at this release's revision."""
    from resources.settings import load_settings
    from trading.store.order_log import upgrade

    found = upgrade.status(load_settings().database_url)
    if found.found is None:
        return Finding("log revision", True, _NO_LOG)
    said = f"{found.found}, this release needs {found.head}"
    is_newer = found.found > found.head
    advice = "take the release that wrote it" if is_newer else "sluice log upgrade"
    return Finding("log revision", found.is_current, said, advice)


def keys() -> Finding:
    """The master key opens every key that is linked."""
    from interfaces.cli.world import order_log
    from resources.accounts import key_store, master_file
    from resources.settings import load_settings

    settings = load_settings()
    if not _is_current(settings):
        return _not_opened("keys")
    with order_log(settings) as log:
        linked = 0 if log is None else len(log.keys.all())
        if log is None or not linked:
            return Finding("keys", True, "nobody has linked a key")
        key_store(log, settings).require_master()
    path = master_file(settings)
    is_private = not path.is_file() or path.stat().st_mode & 0o077 == 0
    said = f"{linked} linked, the master key opens them"
    return Finding(
        "keys", is_private, said if is_private else f"{path} can be read by others", f"chmod 600 {path}"
    )


def exchange() -> Finding:
    """The exchange that the settings name answers."""
    from interfaces.cli import vitals
    from resources.settings import load_settings

    settings = load_settings()
    if settings.exchange.kind == "mexc":
        settings = settings.model_copy(
            update={"exchange": settings.exchange.model_copy(update={"base_url": "https://api.mexc.com"})}
        )
    found = vitals.exchange(settings)
    return Finding(
        "exchange",
        found["answers"] is not False,
        found["said"],
        "sluice dev starts it; or correct SLUICE_EXCHANGE__BASE_URL",
    )


def leases() -> Finding:
    """Every shard of users is held by a worker that is alive, wherever workers run."""
    import time

    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.store.order_log.shards import SHARDS
    from trading.store.order_log.standing import working

    settings = load_settings()
    if not _is_current(settings):
        return _not_opened("leases")
    with order_log(settings) as log:
        if log is None:
            return Finding("leases", True, _NO_LOG)
        found = working(log.database, time.time_ns() // 1_000_000)
        held, opened = found["shards_held"], log.open_trades().height
    said = f"{held} of {SHARDS} shards held by {sum(row['shards'] > 0 for row in found['workers'])} workers"
    if held == 0 and opened == 0:
        return Finding("leases", True, f"{said}; no position is open")
    advice = "sluice trade: positions are open and nobody watches all of their exits"
    return Finding("leases", held == SHARDS, f"{said}, {opened} positions open", advice)


def halts() -> Finding:
    """No order of a person holds entries up that was forgotten."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings

    settings = load_settings()
    if not _is_current(settings):
        return _not_opened("halts")
    with order_log(settings) as log:
        held = [] if log is None else [halt.in_words() for halt in log.halts.active()]
    return Finding(
        "halts", not held, "; ".join(held) or "none", "sluice halts; sluice lift HALT --by NAME --why …"
    )


def _is_current(settings: "Settings") -> bool:
    from trading.store.order_log import upgrade

    found = upgrade.status(settings.database_url)
    return found.found is None or found.is_current


def _not_opened(check: str) -> Finding:
    return Finding(check, False, "not looked at: opening the log would upgrade it", "sluice log upgrade")


CHECKS = (warehouse, revision, keys, exchange, leases, halts)
