"""The exchange's memory on disk: accounts, orders, fills, levers and market time.

A second run with the same folder goes on where the first one ended: market time continues from the
saved moment, resting orders rest on. What can still change stands in one file that is swapped in whole;
closed orders and fills are appended to another, of which the first says how much counts. So a save
costs what has changed, not what there is. The market itself is made from its seed or read from candles
and is not saved.
"""

import fcntl
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from trading.market.errors import BadInput, StoreError
from trading.simulator.clock_lease import ClockLease
from trading.simulator.exchange import Exchange
from trading.simulator.state_rows import account_row, fill_accounts, fill_store, history_line, plain

FILE_NAME = "exchange.json"
HISTORY_NAME = "history.jsonl"
LOCK_NAME = "lock"
FORMAT = 3
# A save may cost at most this share of the time: the next one waits 20 times as long as the last took.
_SAVE_SHARE = 20.0
# Market time alone is saved this often.
_IDLE_SAVE_S = 30.0


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


class Prepared(NamedTuple):
    """One save, ready to be written: the swapped file, and lines to append from a byte on."""

    body: bytes
    history_from: int
    history: bytes
    rows: int
    changes: int


class StateFile:
    """Saves and restores one exchange; the only one of its folder while it holds the lock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._history = folder / HISTORY_NAME
        self._history_bytes = 0
        self._saved_changes = -1
        self._next_save_s = 0.0
        self._last_save_s = 0.0
        self._accounts: dict[str, orjson.Fragment] = {}
        self._open: dict[str, orjson.Fragment] = {}
        self._feet: dict[str, orjson.Fragment] = {}
        self._lock: int | None = None
        self.lease: ClockLease | None = None

    @property
    def saved_changes(self) -> int:
        """Up to which of the store's changes everything is on disk."""
        return self._saved_changes

    def lock(self) -> None:
        """Take the folder for this process; it is given back when the process ends, however it ends.

        Raises
        ------
        BadInput
            If another exchange has it.
        """
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise BadInput(
                f"{folder} is in use by another exchange (process {holder}); use another --state folder"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._lock = handle
        self.lease = ClockLease(folder)

    def unlock(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self.lease is not None:
            self.lease.close()
            self.lease = None

    def saved_times(self) -> tuple[int, int] | None:
        """Return (market time to go on at, market time the world was made for), or None if nothing is saved.

        After a kill the first is not what was saved but what had been shown.
        """
        raw = self._read()
        if raw is None:
            return None
        shown_ms = 0 if self.lease is None else self.lease.until_ms
        return max(int(raw["market_ms"]), shown_ms), int(raw["world"]["as_of_ms"])

    def restore(self, exchange: Exchange) -> bool:
        """Fill a fresh exchange from the files; return whether there were any.

        Raises
        ------
        BadInput
            If they belong to another world (kind, seed or number of symbols).
        StoreError
            If they cannot be read.
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
        store = exchange.matcher.store
        try:
            fill_accounts(exchange.accounts, raw["accounts"])
            self._fill_orders(exchange, raw)
            exchange.levers.replay(*raw.get("levers", ([], [])))
            for symbol, foot in raw.get("footprints", {}).items():
                exchange.source.restore_footprint(symbol, foot)
        except (KeyError, TypeError, ValueError) as broken:
            raise StoreError(f"{self.path} is damaged: {type(broken).__name__} {broken}") from None
        store.sequence = raw["sequence"]
        exchange.matcher.cursors.update(raw["cursors"])
        self._saved_changes = store.changes
        return True

    def is_due(self, exchange: Exchange) -> bool:
        """Whether something changed and the last save is long enough ago, or half a minute has passed."""
        now_s = time.monotonic()
        is_changed = exchange.matcher.store.changes != self._saved_changes
        return now_s >= self._next_save_s and (is_changed or now_s - self._last_save_s > _IDLE_SAVE_S)

    def save(self, exchange: Exchange) -> None:
        """Write what has changed, and swap the main file in."""
        self.write(exchange, self.prepare(exchange))

    def prepare(self, exchange: Exchange) -> Prepared:
        """Return the exchange as it stands, ready for `write`; this is all that requests must wait for."""
        store = exchange.matcher.store
        if store.journal is None:
            store.start_journal()
            self._history_bytes = 0
        dirty, store.dirty = store.dirty, set()
        for account in exchange.accounts.demo_known():
            key = account.key
            if key in dirty or key not in self._accounts:
                self._accounts[key] = orjson.Fragment(orjson.dumps(account_row(account)))
                rows = [plain(order) for order in reversed(store.open_orders(key))]
                if rows or key in self._open:
                    self._open[key] = orjson.Fragment(orjson.dumps(rows))
        market = exchange.source
        trodden, market.trodden = market.trodden, set()
        for symbol in trodden:
            self._feet[symbol] = orjson.Fragment(orjson.dumps(market.footprints[symbol].to_json()))
        assert store.journal is not None  # started above
        history = b"".join(history_line(key, row) for key, row in store.journal)
        levers = exchange.levers
        body = {
            "format": FORMAT,
            "world": asdict(World.of(exchange)),
            "market_ms": exchange.clock.now_ms(),
            "sequence": store.sequence,
            "cursors": {symbol: exchange.matcher.cursors[symbol] for symbol in store.resting},
            "history_bytes": self._history_bytes + len(history),
            "levers": [[e.to_json() for e in levers.done], [e.to_json() for e in levers.pending]],
            "accounts": list(self._accounts.values()),
            "open": list(self._open.values()),
            "footprints": self._feet,
        }
        return Prepared(orjson.dumps(body), self._history_bytes, history, len(store.journal), store.changes)

    def write(self, exchange: Exchange, prepared: Prepared) -> None:
        """Put a prepared save on disk; may run in a thread, one at a time."""
        began = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if prepared.history or not self._history.exists():
            with self._history.open("r+b" if self._history.exists() else "wb") as file:
                # What stands behind the counted bytes is of a save that was not finished.
                file.truncate(prepared.history_from)
                file.seek(prepared.history_from)
                file.write(prepared.history)
                file.flush()
                os.fsync(file.fileno())
        draft = self.path.with_suffix(f".{os.getpid()}.tmp")
        with draft.open("wb") as file:
            file.write(prepared.body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        self._history_bytes = prepared.history_from + len(prepared.history)
        journal = exchange.matcher.store.journal
        if journal is not None:
            del journal[: prepared.rows]
        self._saved_changes = prepared.changes
        self._last_save_s = time.monotonic()
        self._next_save_s = self._last_save_s + _SAVE_SHARE * (self._last_save_s - began)

    def _fill_orders(self, exchange: Exchange, raw: dict[str, Any]) -> None:
        store = exchange.matcher.store
        if raw["format"] == 2:  # all in one file; the next save writes the history anew
            trades = [(key, row) for key, rows in raw["trades"].items() for row in rows]
            fill_store(store, raw["orders"], trades)
            return
        self._history_bytes = raw["history_bytes"]
        orders = [row for rows in raw["open"] for row in rows]
        trades = []
        for line in self._history_lines():
            if "order" in line:
                orders.append(line["order"])
            else:
                trades.append((line["key"], line["trade"]))
        fill_store(store, orders, trades)
        store.journal = []

    def _history_lines(self) -> list[dict[str, Any]]:
        if self._history_bytes == 0:
            return []
        try:
            with self._history.open("rb") as file:
                content = file.read(self._history_bytes)
            if len(content) < self._history_bytes:
                raise StoreError(f"{self._history} must have {self._history_bytes} bytes, has {len(content)}")
            return [orjson.loads(line) for line in content.splitlines()]
        except (OSError, orjson.JSONDecodeError) as broken:
            raise StoreError(f"{self._history} cannot be read: {broken}") from None

    def _read(self) -> dict[str, Any] | None:  # checked where the values are used
        if not self.path.exists():
            return None
        try:
            raw = orjson.loads(self.path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as broken:
            raise StoreError(f"{self.path} cannot be read: {broken}") from None
        if not isinstance(raw, dict) or raw.get("format") not in (2, FORMAT):
            raise StoreError(f"{self.path} is no exchange state of format {FORMAT}")
        return raw
