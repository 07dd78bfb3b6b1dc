"""Accounts of the embedded exchange: keys, permissions, balances that can never go below zero.

All amounts are atoms (10**-18 of the asset). Nothing here knows prices, orders or HTTP.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from trading.market.errors import BadInput
from trading.simulator.units import atoms
from trading.simulator.wire import Refusal

READ = "SPOT_ACCOUNT_READ"
READ_DEALS = "SPOT_DEAL_READ"
TRADE = "SPOT_DEAL_WRITE"
# What a key of a trading bot has; keys that may withdraw are opened on purpose (key_terms.py).
ALL_PERMISSIONS = frozenset({READ, READ_DEALS, TRADE})
WITHDRAW_READ, WITHDRAW = "SPOT_WITHDRAW_READ", "SPOT_WITHDRAW_WRITE"
START_FUNDS: Mapping[str, Decimal] = {"USDT": Decimal(10_000)}

_DEMO_KEY = re.compile(r"demo-key-([0-9]{4,9})")
_KEY_FORM = re.compile(r"[A-Za-z0-9_-]{8,64}")


class FeeAsset(StrEnum):
    """What a fee is taken in.

    `BASE` pays buys in the coin received (sells pay in quote); `MX` pays in MEXC's coin while the
    balance lasts, in quote after that.
    """

    QUOTE = "quote"
    BASE = "base"
    MX = "MX"


def demo_credentials(seed: int, index: int) -> tuple[str, str]:
    """Return key and secret of demo account number `index` (the first is 1) of a world's `seed`.

    Pure: server and clients work them out apart. They open nothing but the embedded exchange.

    Raises
    ------
    BadInput
        If `index` is below 1.
    """
    if index < 1:
        raise BadInput(f"demo account index must be at least 1, was {index}")
    return f"demo-key-{index:04d}", sha256(f"sluice demo account|{seed}|{index}".encode()).hexdigest()[:32]


@dataclass(slots=True)
class Wallet:
    """One asset of one account, in atoms; neither part is ever negative."""

    free: int = 0
    locked: int = 0

    def lock(self, amount: int) -> None:
        """Move `amount` from free to locked."""
        self._take_free(amount)
        self.locked += amount

    def unlock(self, amount: int) -> None:
        """Move `amount` back from locked to free."""
        self.spend_locked(amount)
        self.free += amount

    def spend_locked(self, amount: int) -> None:
        """Take `amount` out of the locked part."""
        if not 0 <= amount <= self.locked:
            raise ValueError(f"locked balance must stay at least 0: {self.locked} - {amount}")
        self.locked -= amount

    def spend_free(self, amount: int) -> None:
        """Take `amount` out of the free part."""
        self._take_free(amount)

    def credit(self, amount: int) -> None:
        """Add `amount` to the free part."""
        if amount < 0:
            raise ValueError(f"credit must be at least 0, was {amount}")
        self.free += amount

    def _take_free(self, amount: int) -> None:
        if not 0 <= amount <= self.free:
            raise ValueError(f"free balance must stay at least 0: {self.free} - {amount}")
        self.free -= amount


@dataclass(slots=True)
class Account:
    """One API key with its own balances."""

    key: str
    secret: str = field(repr=False)
    permissions: frozenset[str] = ALL_PERMISSIONS
    fee_asset: FeeAsset = FeeAsset.QUOTE
    wallets: dict[str, Wallet] = field(default_factory=dict)
    is_revoked: bool = False
    addresses: frozenset[str] = frozenset()  # empty: usable from anywhere
    symbols: frozenset[str] = frozenset()  # empty: every pair that is open to the API
    expires_ms: int | None = None  # market time
    transfers: list[dict[str, str]] = field(default_factory=list)  # deposits and withdrawals, on record

    def wallet(self, asset: str) -> Wallet:
        """Return the wallet of `asset`, made empty at first use."""
        found = self.wallets.get(asset)
        if found is None:
            found = self.wallets[asset] = Wallet()
        return found

    def free(self, asset: str) -> int:
        """Return what is free of `asset`, in atoms."""
        found = self.wallets.get(asset)
        return 0 if found is None else found.free

    @property
    def can_withdraw(self) -> bool:
        """Whether coins can leave by this key."""
        return WITHDRAW in self.permissions

    def check_use(self, address: str, now_ms: int) -> None:
        """Refuse an expired key (402, a guess) and an address that it is not bound to (700006)."""
        if self.expires_ms is not None and now_ms >= self.expires_ms:
            raise Refusal(402, "API key expired")
        if self.addresses and address not in self.addresses:
            raise Refusal(700006, f"IP [{address}] not in the ip white list")

    def check_symbol(self, symbol: str) -> None:
        """Refuse with 10007 a pair that this key was not opened for."""
        if self.symbols and symbol not in self.symbols:
            raise Refusal(10007, "symbol not support api")

    def check_permission(self, permission: str) -> None:
        """Refuse with 700007 what this key may not do."""
        if permission not in self.permissions:
            raise Refusal(700007, "No permission to access the endpoint.")


class AccountBook:
    """The keys this exchange knows: a pool of demo accounts, made when first used, and added ones.

    Parameters
    ----------
    seed : int
        Seed of the demo secrets.
    demo_accounts : int
        How many demo keys exist.
    funds : Mapping[str, Decimal]
        What each demo account starts with.
    fee_asset : FeeAsset
        What demo accounts pay fees in.
    """

    def __init__(
        self,
        seed: int,
        demo_accounts: int = 1000,
        *,
        funds: Mapping[str, Decimal] = START_FUNDS,
        fee_asset: FeeAsset = FeeAsset.QUOTE,
    ) -> None:
        self.seed = seed
        self.demo_accounts = demo_accounts
        self.fee_asset = fee_asset
        self.funds = {asset: atoms(amount) for asset, amount in funds.items()}
        self.known: dict[str, Account] = {}

    def add(self, account: Account) -> None:
        """Add or replace an account."""
        self.known[account.key] = account

    def demo_known(self) -> list[Account]:
        """Return the demo accounts that have been used: those a later run can make again."""
        return [account for key, account in self.known.items() if _DEMO_KEY.fullmatch(key)]

    def owner(self, key: str) -> Account:
        """Return the account of a key that has traded here before, revoked or not."""
        return self.known.get(key) or self.find(key)

    def find(self, key: str | None) -> Account:
        """Return the account of an API key.

        Raises
        ------
        Refusal
            400 without a key, 700001 for something no key looks like, 10072 for an unknown or revoked one.
        """
        if not key:
            raise Refusal(400, "api key required")
        account = self.known.get(key) or self.demo(key)
        if account is None:
            if _KEY_FORM.fullmatch(key) is None:
                raise Refusal(700001, "API-key format invalid.")
            raise Refusal(10072, "Api key info invalid")
        if account.is_revoked:
            raise Refusal(10072, "Api key info invalid")
        return account

    def demo(self, key: str) -> Account | None:
        """Return the demo account of a key, made at first use; None if the key is no demo key."""
        match = _DEMO_KEY.fullmatch(key)
        index = int(match.group(1)) if match else 0
        if not 1 <= index <= self.demo_accounts:
            return None
        demo_key, secret = demo_credentials(self.seed, index)
        if demo_key != key:
            return None
        wallets = {asset: Wallet(free=amount) for asset, amount in self.funds.items()}
        account = self.known[key] = Account(key, secret, fee_asset=self.fee_asset, wallets=wallets)
        return account
