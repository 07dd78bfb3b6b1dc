"""Exchange keys under envelopes: each key sealed by a data key of its own, which a master key wraps.

AES-256-GCM both times, with user, exchange and key version as associated data: a row that was moved to
another user, another exchange or an older version does not open. A new master key re-wraps data keys only;
what they seal is never touched. Where rows are kept is `trading.store.order_log.user_keys`' matter.
"""

import base64
import binascii
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trading.market.errors import BadCredentials, BadInput, MissingData
from trading.users.keys import Credentials

KEY_BYTES = 32
_NONCE_BYTES = 12
# MEXC's key has 18 characters and its secret 32; what is much longer is a file given by mistake.
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that wraps data keys. Shows its id, never itself."""

    raw: bytes = field(repr=False)
    source: str

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise BadInput(
                f"master key from {self.source} must have {KEY_BYTES} bytes, has {len(self.raw)}: "
                "`sluice users master-key` makes one"
            )

    @property
    def key_id(self) -> str:
        """Eight bytes that name this key and do not lead back to it."""
        return blake2b(b"sluice master key id", key=self.raw, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed key: `wrapped_key` opens under the master key `master_id`, `sealed` under what it holds."""

    master_id: str
    wrapped_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bound:
    """What an envelope is bound to."""

    user_id: str
    exchange: str
    key_version: int

    def data(self, purpose: str) -> bytes:
        """Return the associated data; JSON frames the parts, so no two lists of them read the same."""
        return json.dumps([purpose, self.user_id, self.exchange, self.key_version]).encode()


class Vault:
    """Seals with the first master key, opens with any.

    Parameters
    ----------
    masters : sequence of MasterKey
        The one in force first, then those that a rotation is leaving behind.
    """

    def __init__(self, masters: Sequence[MasterKey]) -> None:
        if not masters:
            raise MissingData("no master key: `sluice users master-key` makes one")
        self._masters = {master.key_id: master for master in masters}
        self.primary = masters[0]

    def seal(self, credentials: Credentials, bound: Bound) -> Envelope:
        """Return `credentials` sealed for `bound` under a fresh data key.

        Raises
        ------
        BadInput
            If key or secret is empty, too long, or not printable ASCII; neither is repeated.
        """
        for name, value in (("API key", credentials.api_key), ("secret", credentials.secret)):
            if not 0 < len(value) <= _LONGEST or not value.isascii() or not value.isprintable():
                raise BadInput(
                    f"{name} must be 1 to {_LONGEST} printable ASCII characters, had {len(value)}"
                    f"{'' if value.isascii() and value.isprintable() else ' with others among them'}"
                )
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        body = json.dumps([credentials.api_key, credentials.secret]).encode()
        return Envelope(
            master_id=self.primary.key_id,
            wrapped_key=_encrypt(self.primary.raw, data_key, bound.data("data key")),
            sealed=_encrypt(data_key, body, bound.data("exchange key")),
        )

    def open(self, envelope: Envelope, bound: Bound) -> Credentials:
        """Return what `envelope` holds.

        Raises
        ------
        BadCredentials
            If its master key is not here, or it was changed or belongs to another user, exchange or version.
        """
        data_key = self._unwrapped(envelope, bound)
        body = _decrypt(data_key, envelope.sealed, bound, "exchange key")
        api_key, secret = json.loads(body)
        return Credentials(api_key, secret)

    def rewrap(self, envelope: Envelope, bound: Bound) -> Envelope:
        """Return `envelope` with its data key wrapped by the master key in force; the seal is the same."""
        data_key = self._unwrapped(envelope, bound)
        wrapped = _encrypt(self.primary.raw, data_key, bound.data("data key"))
        return Envelope(self.primary.key_id, wrapped, envelope.sealed)

    def knows(self, master_id: str) -> bool:
        """Whether the master key of that id is here."""
        return master_id in self._masters

    def require(self, master_id: str, user_id: str) -> MasterKey:
        """Return the master key of that id. BadCredentials, in one sentence, if it is not here."""
        master = self._masters.get(master_id)
        if master is None:
            raise BadCredentials(
                f"wrong master key: the key of user {user_id} was sealed under master key {master_id}, "
                f"{self.primary.source} holds {self.primary.key_id}; give the one that sealed it"
            )
        return master

    def _unwrapped(self, envelope: Envelope, bound: Bound) -> bytes:
        master = self.require(envelope.master_id, bound.user_id)
        return _decrypt(master.raw, envelope.wrapped_key, bound, "data key")


def _encrypt(key: bytes, body: bytes, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, body, data)


def _decrypt(key: bytes, blob: bytes, bound: Bound, purpose: str) -> bytes:
    try:
        return AESGCM(key).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], bound.data(purpose))
    except (InvalidTag, ValueError):
        pass
    # Raised out here: nothing of the failed attempt comes along as context.
    raise BadCredentials(
        f"the stored key of user {bound.user_id} on {bound.exchange} (version {bound.key_version}) does not "
        "open: the row was changed or belongs to another user or version; link the key again"
    )


def fingerprint(api_key: str) -> str:
    """Return a one-way name of an API key: tells the same key linked twice, leads back to none."""
    return blake2b(api_key.encode(), digest_size=8, person=b"sluice api key").hexdigest()


def new_master_key() -> str:
    """Return a fresh master key as text (base64)."""
    return base64.b64encode(AESGCM.generate_key(KEY_BYTES * 8)).decode()


def master_from_text(text: str, source: str) -> MasterKey:
    """Read a master key: 32 bytes as base64 or as 64 hex digits. BadInput otherwise; never repeats it."""
    text = text.strip()
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    return MasterKey(raw, source)


def master_from_file(path: Path) -> MasterKey:
    """Read a master key from a file that nobody else may read.

    Raises
    ------
    MissingData
        If there is no such file.
    BadInput
        If others may read or write it (mode must be 0600 or stricter), or it holds no 32 bytes.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        raise MissingData(f"no master key at {path}: `sluice users master-key` makes one") from None
    except OSError as error:
        raise BadInput(f"master key {path} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise BadInput(f"master key {path} must have mode 0600, has {stat.S_IMODE(mode):04o}: chmod 600 it")
    return master_from_text(text, str(path))


def write_master_key(path: Path, text: str) -> None:
    """Write a master key that only we may read, durably; BadInput if something is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # whole or not at all, and never over another
    except FileExistsError:
        raise BadInput(
            f"{path} exists: keys are sealed under it; `sluice users rotate` changes the master key"
        ) from None
    except OSError as error:
        raise BadInput(f"master key {path} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
