"""Accounts of the dashboard: names, roles, scrypt hashes, in one file of the home folder for all worlds.

Not the users who trade (`sluice users`). The file is for its owner's eyes only (mode 0600).
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from enum import StrEnum
from pathlib import Path

from trading.market.errors import BadInput, StoreError

FILE = "ui_accounts.json"
# 16 MB and some 50 ms a try, as RFC 7914 suggests for a login that a person waits for.
_COST, _BLOCK, _PARALLEL, _LENGTH = 2**14, 8, 1, 32
SHORTEST, LONGEST = 12, 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class Role(StrEnum):
    """What an account may do: a viewer looks, an operator stops and lifts, too."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class Accounts:
    """The file of accounts, read at every question: another process may have changed it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Unknown names cost as much as known ones, so that time does not tell which exist.
        self._nobody = _sealed(secrets.token_urlsafe())

    def names(self) -> dict[str, Role]:
        """Return every account with its role."""
        return {name: Role(row["role"]) for name, row in self._read().items()}

    def mark(self, name: str) -> str:
        """Return what changes with an account's password or role and tells neither; empty for nobody."""
        row = self._read().get(name)
        return "" if row is None else hashlib.sha256(f"{row['role']} {row['sealed']}".encode()).hexdigest()

    def put(self, name: str, password: str, role: Role) -> None:
        """Add an account or replace its password and role.

        Raises
        ------
        BadInput
            If the name is unsafe or the password too short or too long.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(f"an account's name must match {_NAME.pattern}, was {name[:40]!r}")
        if not SHORTEST <= len(password) <= LONGEST:
            raise BadInput(f"a password has {SHORTEST} to {LONGEST} characters, this one had {len(password)}")
        rows = self._read() | {name: {"role": role.value, "sealed": _sealed(password)}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{FILE}.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(rows, indent=1, sort_keys=True))
        temporary.replace(self._path)

    def check(self, name: str, password: str) -> Role | None:
        """Return the role if the password is right, else None; takes as long either way."""
        row = self._read().get(name)
        is_right = _is_right(password[:LONGEST], self._nobody if row is None else row["sealed"])
        return Role(row["role"]) if row is not None and is_right else None

    def ensure_one(self) -> str | None:
        """Make the account `operator` if there is none at all; return its new password, else None."""
        if self._read():
            return None
        password = secrets.token_urlsafe(12)
        self.put("operator", password, Role.OPERATOR)
        return password

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            rows: dict[str, dict[str, str]] = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._path} cannot be read: {type(error).__name__}") from error
        return rows


def _sealed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_hashed(password, salt).hex()}"


def _is_right(password: str, sealed: str) -> bool:
    salt, _, expected = sealed.partition("$")
    return hmac.compare_digest(_hashed(password, bytes.fromhex(salt)), bytes.fromhex(expected))


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=_LENGTH, maxmem=64 * 2**20
    )
