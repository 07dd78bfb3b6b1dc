"""Users' real keys: linked, handed out, re-wrapped. The only place where envelopes and rows meet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trading.market.clock import Clock
from trading.market.errors import BadCredentials, BadInput
from trading.market.timeframes import DAY_MS
from trading.store.order_log.user_keys import SealedKey, UserKeys
from trading.users.keys import Credentials, KeyRing
from trading.users.user import User
from trading.users.vault import Bound, Envelope, Vault, fingerprint

EXCHANGE = "mexc"
ACCOUNT = f"key:{EXCHANGE}"  # `User.account` of somebody whose own key is used
# MEXC's own words as users report them: a key without an address binding ends after 90 days. Assumed.
UNBOUND_DAYS = 90
UNPROVEN, PROVEN, FAILED = "unproven", "proven", "failed"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: keys re-wrapped now, and keys that were under the new master key before."""

    rewrapped: int
    already: int


class KeyStore:
    """Seals and opens the keys of one order log.

    Parameters
    ----------
    rows : UserKeys
        Where envelopes are kept.
    vault : callable
        Makes the vault; called again when a row names a master key that is not known yet, so that a running
        engine follows a rotation.
    wall : Clock
        This machine's time.
    """

    def __init__(self, rows: UserKeys, vault: Callable[[], Vault], wall: Clock) -> None:
        self._rows = rows
        self._make = vault
        self._vault: Vault | None = None
        self._wall = wall

    def link(self, user_id: str, credentials: Credentials, *, is_ip_bound: bool) -> SealedKey:
        """Seal a user's key in place of the one before; it is unproven until a proof says otherwise.

        Raises
        ------
        BadInput
            If another user has linked the same key: two users on one account would sell each other's coins.
        """
        key = self.sealed(user_id, credentials, is_ip_bound=is_ip_bound)
        self._rows.put(key)
        return key

    def sealed(self, user_id: str, credentials: Credentials, *, is_ip_bound: bool) -> SealedKey:
        """Return the row that `link` writes."""
        printed = fingerprint(credentials.api_key)
        others = [row.user_id for row in self._rows.same(printed) if row.user_id != user_id]
        if others:
            raise BadInput(f"this API key is linked to user {others[0]} already: one key, one user")
        before = self._rows.get(user_id, EXCHANGE)
        version = 1 if before is None else before.key_version + 1
        envelope = self._known().seal(credentials, Bound(user_id, EXCHANGE, version))
        now_ms = self._wall.now_ms()
        return SealedKey(
            user_id=user_id,
            exchange=EXCHANGE,
            key_version=version,
            master_id=envelope.master_id,
            wrapped_key=envelope.wrapped_key,
            sealed=envelope.sealed,
            print=printed,
            state=UNPROVEN,
            reason=None,
            is_ip_bound=is_ip_bound,
            linked_wall_ms=now_ms,
            checked_wall_ms=None,
            expires_wall_ms=None if is_ip_bound else now_ms + UNBOUND_DAYS * DAY_MS,
        )

    def open(self, user_id: str) -> Credentials:
        """Return a user's credentials. BadCredentials if none is linked or it does not open."""
        key = self._rows.get(user_id, EXCHANGE)
        if key is None:
            raise BadCredentials(f"user {user_id} has no key linked: `sluice users link {user_id}`")
        vault = self._known()
        if not vault.knows(key.master_id):
            vault = self._vault = self._make()
        return vault.open(*_parts(key))

    def require_master(self) -> None:
        """Refuse, in one sentence, a master key under which linked keys do not open.

        Raises
        ------
        BadCredentials
            Naming the first such user and both master keys.
        """
        rows = self._rows.all()
        if rows:
            vault = self._known()
            for key in rows:
                vault.require(key.master_id, key.user_id)

    def rotate(self, say: Callable[[int, int], None] | None = None) -> Rotated:
        """Wrap every data key by the master key in force; may be ended at any point and called again.

        Each key is one transaction, and both master keys open meanwhile. `say` is told how far it is.
        """
        vault = self._vault = self._make()
        rewrapped = already = 0
        rows = self._rows.all()
        for number, key in enumerate(rows, 1):
            if key.master_id == vault.primary.key_id:
                already += 1
            else:
                envelope = vault.rewrap(*_parts(key))
                rewrapped += self._rows.rewrap(
                    key, master_id=envelope.master_id, wrapped_key=envelope.wrapped_key
                )
            if say is not None:
                say(number, len(rows))
        return Rotated(rewrapped, already)

    def left_behind(self) -> Iterator[str]:
        """Give the users whose key is not under the master key in force."""
        primary = self._known().primary.key_id
        return (key.user_id for key in self._rows.all() if key.master_id != primary)

    def _known(self) -> Vault:
        if self._vault is None:
            self._vault = self._make()
        return self._vault


class StoredKeyRing:
    """A `KeyRing` over the order log, beside the demo ring: ``key:mexc`` is the user's own linked key."""

    def __init__(self, store: KeyStore, demo: KeyRing | None = None) -> None:
        self._store = store
        self._demo = demo

    def credentials(self, user: User) -> Credentials:
        """Return the key of the user's account; BadCredentials if there is none or it does not open."""
        if user.account == ACCOUNT:
            return self._store.open(user.user_id)
        if self._demo is not None and user.account.startswith("demo:"):
            return self._demo.credentials(user)
        raise BadCredentials(
            f"account of user {user.user_id} must be demo:<number> or {ACCOUNT}, was {user.account!r}"
        )


def _parts(key: SealedKey) -> tuple[Envelope, Bound]:
    bound = Bound(key.user_id, key.exchange, key.key_version)
    return Envelope(key.master_id, key.wrapped_key, key.sealed), bound


def expiry_notice(key: SealedKey, now_ms: int) -> str | None:
    """Return what to say of a key that ends within 14 days or has ended (by our assumption), else None."""
    if key.expires_wall_ms is None:
        return None
    days = -((now_ms - key.expires_wall_ms) // DAY_MS)
    if days > 14:
        return None
    if days <= 0:
        return (
            f"the key should have expired: it is not bound to an address and was linked more than "
            f"{UNBOUND_DAYS} days ago; make a new one and link it"
        )
    return (
        f"the key expires in about {days} day{'' if days == 1 else 's'}: it is not bound to an address, and "
        f"MEXC ends such keys after {UNBOUND_DAYS} days; make a new one, bound to this machine's address"
    )
