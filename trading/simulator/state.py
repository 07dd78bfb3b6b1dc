"""The exchange's memory on disk: accounts, orders, fills and market time, saved in one atomic file.

A second run with the same folder goes on where the first one ended: market time continues from the
saved moment, resting orders rest on. The market itself is made from its seed or read from candles and
is not saved. Numbers are text: atoms do not fit 64 bits.
"""

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from trading.market.errors import BadInput, StoreError
from trading.simulator.accounts import Account, AccountBook, FeeAsset, Wallet
from trading.simulator.exchange import Exchange
from trading.simulator.orders import Kind, Order, OrderStore, Side, Status, Trade

FILE_NAME = "exchange.json"
FORMAT = 2
# A save may cost at most this share of the time: the next one waits 20 times as long as the last took.
_SAVE_SHARE = 20.0
# Market time alone is saved this often, so that a killed process does not set the clock far back.
_IDLE_SAVE_S = 30.0
_BIG = ("spent", "locked", "budget", "cost", "fee")


@dataclass(frozen=True, slots=True)
class World:
    """What a saved state belongs to; another world's state is refused.

    `as_of_ms` is the market time the source was made for (which pairs are young then).
    """

    kind: str
    seed: int
    symbols: int
    as_of_ms: int
    has_edge: bool

    @classmethod
    def of(cls, exchange: Exchange) -> "World":
        """Return the world of a running exchange."""
        source = exchange.source
        has_edge = any(pair.has_edge for pair in source.pairs.values())
        return cls(source.kind, exchange.seed, len(source.pairs), source.default_start_ms, has_edge)

    def words(self) -> str:
        """Return the world in words."""
        edge = "with" if self.has_edge else "without"
        return f"a {self.kind} market of seed {self.seed}, {self.symbols} symbols, {edge} a planted edge"


class StateFile:
    """Saves and restores one exchange."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._saved_changes = -1
        self._next_save_s = 0.0
        self._last_save_s = 0.0

    def saved_times(self) -> tuple[int, int] | None:
        """Return (market time saved, market time the world was made for), or None if nothing is saved."""
        raw = self._read()
        return None if raw is None else (int(raw["market_ms"]), int(raw["world"]["as_of_ms"]))

    def restore(self, exchange: Exchange) -> bool:
        """Fill a fresh exchange from the file; return whether there was one.

        Raises
        ------
        BadInput
            If the file belongs to another world (kind, seed or number of symbols).
        StoreError
            If it cannot be read.
        """
        raw = self._read()
        if raw is None:
            return False
        saved, here = World(**raw["world"]), World.of(exchange)
        if saved != here:
            raise BadInput(
                f"{self.path} holds another world: {saved.words()}; this one has {here.words()}; "
                "use another --state folder"
            )
        try:
            _fill_accounts(exchange.accounts, raw["accounts"])
            _fill_store(exchange.matcher.store, raw["orders"], raw["trades"], raw["sequence"])
        except (KeyError, TypeError, ValueError) as broken:
            raise StoreError(f"{self.path} is damaged: {type(broken).__name__} {broken}") from None
        exchange.matcher.cursors.update(raw["cursors"])
        self._saved_changes = exchange.matcher.store.changes
        return True

    def save_if_due(self, exchange: Exchange) -> None:
        """Save if something changed and the last save is long enough ago, else every half minute."""
        now_s = time.monotonic()
        is_changed = exchange.matcher.store.changes != self._saved_changes
        if now_s >= self._next_save_s and (is_changed or now_s - self._last_save_s > _IDLE_SAVE_S):
            self.save(exchange)

    def save(self, exchange: Exchange) -> None:
        """Write the whole state beside the old file and swap it in."""
        began = time.monotonic()
        store = exchange.matcher.store
        orders: list[dict[str, object]] = []
        trades: dict[str, list[dict[str, object]]] = {}
        for key, its_orders, its_trades in store.everything():
            orders += [_plain(order) for order in its_orders]
            trades[key] = [_plain(trade) for trade in its_trades]
        body = {
            "format": FORMAT,
            "world": asdict(World.of(exchange)),
            "market_ms": exchange.clock.now_ms(),
            "sequence": store.sequence,
            "cursors": {symbol: exchange.matcher.cursors[symbol] for symbol in store.resting},
            "accounts": [_account(account) for account in exchange.accounts.demo_known()],
            "orders": orders,
            "trades": trades,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}.tmp")
        with draft.open("wb") as file:
            file.write(orjson.dumps(body))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        self._saved_changes = store.changes
        self._last_save_s = time.monotonic()
        self._next_save_s = self._last_save_s + _SAVE_SHARE * (self._last_save_s - began)

    def _read(self) -> dict[str, Any] | None:  # checked where the values are used
        if not self.path.exists():
            return None
        try:
            raw = orjson.loads(self.path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as broken:
            raise StoreError(f"{self.path} cannot be read: {broken}") from None
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise StoreError(f"{self.path} is no exchange state of format {FORMAT}")
        return raw


def _plain(row: Order | Trade) -> dict[str, object]:
    values = {name: getattr(row, name) for name in row.__slots__}
    return {n: str(v) if n in _BIG and v is not None else v for n, v in values.items()}


def _account(account: Account) -> dict[str, object]:
    # Demo secrets follow from the seed; keeping them out keeps the file free of secrets.
    return {
        "key": account.key,
        "fee_asset": account.fee_asset,
        "is_revoked": account.is_revoked,
        "wallets": {asset: [str(w.free), str(w.locked)] for asset, w in account.wallets.items()},
    }


def _fill_accounts(book: AccountBook, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        account = book.known.get(row["key"]) or book.find(row["key"])
        account.fee_asset = FeeAsset(row["fee_asset"])
        account.is_revoked = row["is_revoked"]
        account.wallets = {
            asset: Wallet(int(free), int(locked)) for asset, (free, locked) in row["wallets"].items()
        }


def _fill_store(
    store: OrderStore, orders: list[dict[str, Any]], trades: dict[str, list[dict[str, Any]]], sequence: int
) -> None:
    for row in sorted(orders, key=lambda o: int(o["sequence"])):
        numbers = {name: int(row[name]) for name in ("spent", "locked")}
        budget = None if row["budget"] is None else int(row["budget"])
        kinds = {"side": Side(row["side"]), "kind": Kind(row["kind"]), "status": Status(row["status"])}
        store.add(
            Order(**row | numbers | kinds | {"budget": budget, "fee_asset": FeeAsset(row["fee_asset"])})
        )
    for key, rows in trades.items():
        for row in sorted(rows, key=lambda t: int(t["at_ms"])):
            numbers = {name: int(row[name]) for name in ("cost", "fee")}
            store.add_trade(key, Trade(**row | numbers | {"side": Side(row["side"])}))
    store.sequence = sequence
