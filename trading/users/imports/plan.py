"""What would become of each row, and doing it: imported, changed, unchanged or refused, all or nothing a row.

A second run of the same file changes nothing. Nobody becomes live by a file: who was live elsewhere is
imported on paper, and refused while another bot still has orders on the key.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from trading.market.errors import BadInput, SluiceError
from trading.market.orders import Balance
from trading.market.symbols import Market
from trading.store.order_log import OrderLog
from trading.store.order_log.positions import assets
from trading.store.order_log.takeover import TakenOver
from trading.store.order_log.user_keys import SealedKey
from trading.users.check import keep
from trading.users.directory import Directory, row_of
from trading.users.imports.rows import Held, ImportRow, read_row
from trading.users.key_store import ACCOUNT, KeyStore
from trading.users.keys import Credentials
from trading.users.proof import Proof
from trading.users.refusals import Verdict
from trading.users.user import User

ZERO = Decimal(0)


class Outcome(StrEnum):
    """How a row ended. With --dry-run nothing is written and the words say "would"."""

    IMPORTED = "imported"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    WOULD_IMPORT = "would import"
    WOULD_CHANGE = "would change"


_WOULD = {Outcome.IMPORTED: Outcome.WOULD_IMPORT, Outcome.CHANGED: Outcome.WOULD_CHANGE}


@dataclass(frozen=True, slots=True)
class Reported:
    """One row of the report; `row` counts from 1, without a header."""

    row: int
    user_id: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the exchange says of a key: its proof, and the balances positions are checked against."""

    proof: Proof
    balances: Mapping[str, Balance]


@dataclass(frozen=True, slots=True)
class Exits:
    """What a position gets whose row does not say."""

    stop_loss: Decimal
    take_profit: Decimal | None
    max_hold_s: int


# None: the exchange is not asked, so a row with a key is refused.
Look = Callable[[User, Credentials, bool], Awaitable[Seen]]


class Importer:
    """Imports rows into one log.

    Parameters
    ----------
    log, keys : OrderLog, KeyStore
        Where users and their keys go.
    exits : Exits
        For positions that do not say.
    look : callable or None
        Asks the exchange about a key.
    markets : mapping
        The listing, where one is known; a position in anything else is refused then.
    now_ms : int
        Market time: when positions without a time were opened.
    """

    def __init__(
        self,
        log: OrderLog,
        keys: KeyStore,
        exits: Exits,
        *,
        look: Look | None,
        markets: Mapping[str, Market] | None,
        now_ms: int,
        wall_ms: int,
    ) -> None:
        self._log = log
        self._keys = keys
        self._exits = exits
        self._look = look
        self._markets = markets
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._there = {user.user_id: user for user in Directory(log).all()}
        self._linked = log.keys.versions()
        self._holding: dict[str, set[str]] = {}
        for trade in log.ledger.open_trades():
            self._holding.setdefault(trade.user_id, set()).add(trade.symbol)

    async def run(
        self, rows: Iterable[Mapping[str, Any]], *, is_dry: bool, say: Callable[[int], None] | None = None
    ) -> list[Reported]:
        """Report on every row and, unless it is a dry run, write those that are not refused."""
        report: list[Reported] = []
        seen: set[str] = set()
        for number, raw in enumerate(rows, 1):
            name = str(raw.get("user_id", ""))[:32]
            try:
                row = read_row(raw)
                if row.user.user_id in seen:
                    raise BadInput("this user stands in the file before")
                seen.add(row.user.user_id)
                outcome, detail = await self._one(row, is_dry=is_dry)
            except SluiceError as error:
                outcome, detail = Outcome.REFUSED, str(error)
            report.append(Reported(number, name, outcome, detail))
            if say is not None:
                say(number)
        return report

    async def _one(self, row: ImportRow, *, is_dry: bool) -> tuple[Outcome, str]:
        before = self._there.get(row.user.user_id)
        user = self._merged(before, row)
        fresh = self._fresh(row)
        found = await self._ask(row, user)
        self._check_positions(user, fresh, found)
        told = self._told(before, user, row, fresh, found)
        if before is None:
            outcome = Outcome.IMPORTED
        elif user == before and not fresh and not self._is_new_key(row):
            return Outcome.UNCHANGED, told
        else:
            outcome = Outcome.CHANGED
        key = self._sealed(row)
        if is_dry:
            return _WOULD[outcome], told
        self._log.takeover.write(
            row_of(user), is_new=before is None, positions=fresh, key=key, at_ms=self._now_ms
        )
        if key is not None and found is not None:
            keep(self._log, user, key, found.proof, now_ms=self._wall_ms)
        return outcome, told

    def _merged(self, before: User | None, row: ImportRow) -> User:
        if before is None:
            return row.user
        given: dict[str, Any] = {name: getattr(row.user, name) for name in row.given}
        if row.credentials is not None:
            given["account"] = ACCOUNT
        return replace(before, **given)

    def _fresh(self, row: ImportRow) -> list[TakenOver]:
        """Return the positions that were not taken over before. BadInput if a symbol is held already."""
        if not row.positions:
            return []
        user_id = row.user.user_id
        before = self._log.takeover.known(user_id)
        wanted = [self._taken(held) for held in row.positions]
        fresh = [one for one in wanted if one.identity(user_id) not in before]
        for one in fresh:
            if one.symbol in self._holding.get(user_id, set()):
                raise BadInput(
                    f"{user_id} holds {one.symbol} here already: a second position is not taken over"
                )
        return fresh

    def _taken(self, held: Held) -> TakenOver:
        exits = self._exits
        return TakenOver(
            symbol=held.symbol,
            amount=held.amount,
            entry_price=held.entry_price,
            opened_ms=self._now_ms if held.opened_ms is None else min(held.opened_ms, self._now_ms),
            stop_loss=exits.stop_loss if held.stop_loss is None else held.stop_loss,
            take_profit=exits.take_profit if held.take_profit is None else held.take_profit,
            max_hold_s=exits.max_hold_s if held.max_hold_s is None else held.max_hold_s,
        )

    async def _ask(self, row: ImportRow, user: User) -> Seen | None:
        """Return what the exchange says of the key, None where none is linked or nothing depends on it."""
        if row.wants_live and row.credentials is None and user.user_id not in self._linked:
            raise BadInput("mode live needs api_key and secret: another bot's orders could not be seen")
        credentials = row.credentials
        if credentials is None and user.user_id in self._linked and (row.positions or row.wants_live):
            credentials = self._keys.open(user.user_id)
        if credentials is None:
            return None
        if self._look is None:
            raise BadInput(
                "the key cannot be checked: no exchange is running; start one, or leave the key out"
            )
        found = await self._look(user, credentials, row.is_ip_bound)
        if found.proof.is_unfit or not (found.proof.is_passed or found.proof.is_failed):
            raise BadInput(f"the key is refused: {found.proof.reason}")
        alone = found.proof.found("alone")
        if row.wants_live and (alone is None or alone.verdict is not Verdict.OK):
            why = alone.sentence if alone is not None else str(found.proof.reason)
            raise BadInput(f"mode live is refused: {why}")
        return found

    def _check_positions(self, user: User, fresh: list[TakenOver], found: Seen | None) -> None:
        for one in fresh:
            if self._markets is not None and one.symbol not in self._markets:
                raise BadInput(f"{one.symbol} is not listed: its position cannot be watched")
            if found is None:
                continue
            base = assets(one.symbol)[0]
            balance = found.balances.get(base, Balance(base, ZERO, ZERO))
            if balance.free + balance.locked < one.amount:
                raise BadInput(
                    f"{one.amount:f} {base} are declared, the account of {user.user_id} holds "
                    f"{balance.free + balance.locked:f}"
                )

    def _is_new_key(self, row: ImportRow) -> bool:
        if row.credentials is None:
            return False
        try:
            return self._keys.open(row.user.user_id).pair != row.credentials.pair
        except SluiceError:
            return True

    def _sealed(self, row: ImportRow) -> SealedKey | None:
        if row.credentials is None or not self._is_new_key(row):
            return None
        return self._keys.sealed(row.user.user_id, row.credentials, is_ip_bound=row.is_ip_bound)

    def _told(
        self, before: User | None, user: User, row: ImportRow, fresh: list[TakenOver], found: Seen | None
    ) -> str:
        parts = []
        if before is not None:
            old, new = row_of(before), row_of(user)
            parts += [f"{name}: {old[name]} → {new[name]}" for name in new if new[name] != old[name]]
        if fresh:
            checked = "not checked: no key" if found is None else "held by the account"
            names = ", ".join(one.symbol for one in fresh)
            parts.append(f"{len(fresh)} positions taken over ({names}; {checked})")
        if row.credentials is not None and found is not None:
            state = "proven" if found.proof.is_passed else f"linked, no entries yet: {found.proof.reason}"
            parts.append(f"key {state}")
        if row.wants_live:
            parts.append(f"on paper: live is chosen by the user, `sluice users mode {user.user_id} live`")
        return "; ".join(parts)
