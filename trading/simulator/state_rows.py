"""Accounts, orders and fills as rows of JSON, and back. Numbers that do not fit 64 bits are text."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from trading.simulator.accounts import Account, AccountBook, FeeAsset, Wallet
from trading.simulator.key_terms import made_again, terms_row
from trading.simulator.orders import Kind, Order, OrderStore, Side, Status, Trade

_BIG = ("spent", "locked", "budget", "cost", "fee")


def plain(row: Order | Trade) -> dict[str, object]:
    """Return an order or a fill as JSON values."""
    values = {name: getattr(row, name) for name in row.__slots__}
    return {n: str(v) if n in _BIG and v is not None else v for n, v in values.items()}


def history_line(account_key: str, row: Order | Trade) -> bytes:
    """Return one line of the history file: a closed order or a fill."""
    kind = "order" if isinstance(row, Order) else "trade"
    return orjson.dumps({"key": account_key, kind: plain(row)}, option=orjson.OPT_APPEND_NEWLINE)


def account_row(account: Account) -> dict[str, object]:
    """Return an account; demo secrets follow from the seed, so the file stays free of secrets."""
    return terms_row(account) | {
        "key": account.key,
        "fee_asset": account.fee_asset,
        "is_revoked": account.is_revoked,
        "transfers": account.transfers,
        "wallets": {asset: [str(w.free), str(w.locked)] for asset, w in account.wallets.items()},
    }


def fill_accounts(book: AccountBook, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put saved accounts into a book."""
    for row in rows:
        account = made_again(book, row)
        account.fee_asset = FeeAsset(row["fee_asset"])
        account.is_revoked = row["is_revoked"]
        account.transfers = list(row.get("transfers", ()))
        account.wallets = {
            asset: Wallet(int(free), int(locked)) for asset, (free, locked) in row["wallets"].items()
        }


def fill_store(
    store: OrderStore, orders: Iterable[Mapping[str, Any]], trades: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Put saved orders and fills into an empty store, in the order in which they came about."""
    for row in sorted(orders, key=lambda o: int(o["sequence"])):
        store.add(_order(row))
    for key, row in sorted(trades, key=lambda pair: int(pair[1]["at_ms"])):
        numbers = {name: int(row[name]) for name in ("cost", "fee")}
        store.add_trade(key, Trade(**{**row, **numbers, "side": Side(row["side"])}))


def _order(row: Mapping[str, Any]) -> Order:
    changed = {
        "spent": int(row["spent"]),
        "locked": int(row["locked"]),
        "budget": None if row["budget"] is None else int(row["budget"]),
        "side": Side(row["side"]),
        "kind": Kind(row["kind"]),
        "status": Status(row["status"]),
        "fee_asset": FeeAsset(row["fee_asset"]),
    }
    return Order(**{**row, **changed})
