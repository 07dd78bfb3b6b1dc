"""Users' accounts in the current world: the master key, the key store and ring, and where orders go.

The one place that knows where a master key comes from; nothing of it is logged, shown or passed on.
"""

import os
from pathlib import Path

from resources.settings import Settings
from trading.exchange.pool import ExchangeSettings
from trading.exchange.verify.record import require_live
from trading.market.clock import SystemClock
from trading.market.errors import BadInput
from trading.store.order_log import OrderLog
from trading.users.gates import ONLY_EMBEDDED
from trading.users.key_store import KeyStore, StoredKeyRing
from trading.users.keys import KeyRing
from trading.users.vault import MasterKey, Vault, master_from_file, master_from_text

# Read here and nowhere else, and not part of the settings: they must never be shown with them.
MASTER, MASTER_OLD, MASTER_FILE = "SLUICE_MASTER_KEY", "SLUICE_MASTER_KEY_OLD", "SLUICE_MASTER_KEY_FILE"
FILE = "master.key"
NEXT = ".next"  # the key that a rotation is moving to


def master_file(settings: Settings) -> Path:
    """Return where the master key lies: ``$SLUICE_MASTER_KEY_FILE``, else ``<home>/master.key``."""
    named = os.environ.get(MASTER_FILE)
    return Path(named) if named else settings.home / FILE


def vault(settings: Settings) -> Vault:
    """Return what opens and seals keys: the environment's master key, else the file's.

    Beside the one in force stands the one that a rotation leaves or moves to, so that both open meanwhile.

    Raises
    ------
    MissingData
        If there is no master key.
    BadInput
        If one is malformed, or its file can be read by others.
    """
    given = os.environ.get(MASTER)
    if given:
        masters = [master_from_text(given, MASTER)]
        old = os.environ.get(MASTER_OLD)
        return Vault(masters if not old else [*masters, master_from_text(old, MASTER_OLD)])
    path = master_file(settings)
    following = path.with_name(path.name + NEXT)
    found: list[MasterKey] = [master_from_file(following)] if following.exists() else []
    if path.exists() or not found:
        found.append(master_from_file(path))
    return Vault(found)


def key_store(settings: Settings, log: OrderLog) -> KeyStore:
    """Return the key store of an order log."""
    return KeyStore(log.keys, lambda: vault(settings), SystemClock())


def key_ring(settings: Settings, log: OrderLog, demo: KeyRing | None) -> StoredKeyRing:
    """Return the ring that the engine opens accounts with: linked keys, and demo accounts.

    Raises
    ------
    BadCredentials
        If keys are linked and the master key does not open them: no exit could leave, so nothing starts.
    """
    store = key_store(settings, log)
    store.require_master()
    return StoredKeyRing(store, demo)


def order_exchange(settings: Settings) -> ExchangeSettings:
    """Return where orders go: the embedded exchange always, wherever candles come from."""
    return ExchangeSettings(
        base_url=settings.exchange.base_url,
        rate_per_s=settings.exchange.rate_per_s,
        timeout_s=settings.exchange.timeout_s,
        burst=settings.exchange.burst,
        limiter_path=settings.limiter_dir,
        # The embedded exchange counts signed requests on their key, as MEXC's documentation has it.
        signed_on_address=settings.exchange.signed_on_address,
        source_address=settings.exchange.source_address,
        standby_address=settings.exchange.standby_address,
    )


def live_refusal(settings: Settings) -> str | None:
    """Return why nobody trades live from here now (decision 18), None if live is open."""
    try:
        require_live(settings.home)
    except BadInput as error:
        return str(error)
    return ONLY_EMBEDDED
