"""Keys with terms of their own: what a key may do, from where, for which pairs, until when.

A key that is opened here gets its secret from the exchange, as everywhere; the secret follows from the
exchange's seed, so that no file has to keep it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from trading.market.errors import BadInput
from trading.simulator.accounts import (
    ALL_PERMISSIONS,
    READ,
    READ_DEALS,
    TRADE,
    WITHDRAW,
    WITHDRAW_READ,
    Account,
    AccountBook,
    Wallet,
)
from trading.simulator.fault_rules import moment_ms
from trading.simulator.units import atoms

PERMISSIONS = (READ, READ_DEALS, TRADE, WITHDRAW_READ, WITHDRAW)
_FIELDS = ("key", "permissions", "addresses", "symbols", "expires", "funds")


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a key is opened with. Empty `addresses`: anywhere; empty `symbols`: every pair."""

    key: str
    permissions: frozenset[str] = ALL_PERMISSIONS
    addresses: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    expires_ms: int | None = None
    funds: Mapping[str, Decimal] | None = field(default=None)


def read_terms(raw: Mapping[str, object]) -> KeyTerms:
    """Read ``{"key": "mx0abc...", "permissions": [...], "expires": "2026-03-02T00:00Z"}``.

    Raises
    ------
    BadInput
        If a field is unknown, missing or of the wrong kind.
    """
    unknown = sorted(set(raw) - set(_FIELDS))
    if unknown:
        raise BadInput(f"a key has fields {', '.join(_FIELDS)}; unknown: {', '.join(unknown)}")
    key = raw.get("key")
    if not isinstance(key, str) or not 8 <= len(key) <= 64 or not key.replace("-", "").isalnum():
        raise BadInput("key must be 8 to 64 letters, digits or -")
    permissions = _texts(raw, "permissions") if "permissions" in raw else ALL_PERMISSIONS
    wrong = sorted(permissions - set(PERMISSIONS))
    if wrong:
        raise BadInput(f"permissions are {', '.join(PERMISSIONS)}; unknown: {', '.join(wrong)}")
    return KeyTerms(
        key=key,
        permissions=permissions,
        addresses=_texts(raw, "addresses"),
        symbols=_texts(raw, "symbols"),
        expires_ms=moment_ms(raw.get("expires"), "expires"),
        funds=_funds(raw.get("funds")),
    )


def open_key(book: AccountBook, terms: KeyTerms) -> Account:
    """Open a key, or change the terms of one that is known (balances and secret stay then)."""
    account = book.known.get(terms.key) or book.demo(terms.key)
    if account is None:
        account = Account(terms.key, secret_of(book.seed, terms.key), fee_asset=book.fee_asset)
        account.wallets = {asset: Wallet(free=amount) for asset, amount in book.funds.items()}
        book.add(account)
    account.permissions, account.addresses = terms.permissions, terms.addresses
    account.symbols, account.expires_ms = terms.symbols, terms.expires_ms
    if terms.funds is not None:
        account.wallets = {asset: Wallet(free=atoms(amount)) for asset, amount in terms.funds.items()}
    return account


def secret_of(seed: int, key: str) -> str:
    """Return the secret of a key that was opened on an exchange of `seed`."""
    return sha256(f"sluice opened account|{seed}|{key}".encode()).hexdigest()[:32]


def terms_row(account: Account) -> dict[str, object]:
    """Return what a saved account needs besides its balances."""
    return {
        "permissions": sorted(account.permissions),
        "addresses": sorted(account.addresses),
        "symbols": sorted(account.symbols),
        "expires_ms": account.expires_ms,
    }


def made_again(book: AccountBook, row: Mapping[str, Any]) -> Account:
    """Return the account of a saved row with its terms; rows of older files have none."""
    key = row["key"]
    account = book.known.get(key) or book.demo(key)
    if account is None and "permissions" in row:
        account = open_key(book, KeyTerms(key))
    if account is None:
        account = book.find(key)
    account.permissions = frozenset(row.get("permissions", ALL_PERMISSIONS))
    account.addresses = frozenset(row.get("addresses", ()))
    account.symbols = frozenset(row.get("symbols", ()))
    account.expires_ms = row.get("expires_ms")
    return account


def _texts(raw: Mapping[str, object], name: str) -> frozenset[str]:
    value = raw.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise BadInput(f"{name} must be a list of texts, was {value!r}")
    return frozenset(value)


def _funds(raw: object) -> dict[str, Decimal] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise BadInput(f"funds must be an object of asset and amount, was {raw!r}")
    try:
        funds = {str(asset): Decimal(str(amount)) for asset, amount in raw.items()}
    except InvalidOperation:
        raise BadInput(f"funds must be numbers, were {raw!r}") from None
    if any(not amount.is_finite() or amount < 0 for amount in funds.values()):
        raise BadInput(f"funds must be at least 0, were {raw!r}")
    return funds
