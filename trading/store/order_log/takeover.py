"""Users from elsewhere written whole: user, sealed key, open positions as trades; one transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.lineage import digest
from trading.market.orders import Fill, OrderState, OrderStatus, OrderType, Side
from trading.market.timeframes import from_ms
from trading.store.order_log import schema
from trading.store.order_log.accounts import note_change
from trading.store.order_log.database import Database
from trading.store.order_log.ledger import Ledger
from trading.store.order_log.positions import assets
from trading.store.order_log.records import ZERO, Intent, IntentStatus, Leg
from trading.store.order_log.rows import intent_row
from trading.store.order_log.user_keys import SealedKey, UserKeys

IMPORT = "import"  # how signal, approval and set of a position that we did not open begin


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A position that was open elsewhere; fractions of the entry price, market milliseconds and seconds."""

    symbol: str
    amount: Decimal
    entry_price: Decimal
    opened_ms: int
    stop_loss: Decimal
    take_profit: Decimal | None
    max_hold_s: int

    def identity(self, user_id: str) -> str:
        """Return what makes a second import of the same position the same one."""
        exact = (format(self.amount.normalize(), "f"), format(self.entry_price.normalize(), "f"))
        return digest(user_id, self.symbol, *exact)


class Takeover:
    """Writes rows of an import."""

    def __init__(self, database: Database, wall: Clock, ledger: Ledger, keys: UserKeys) -> None:
        self._database = database
        self._wall = wall
        self._ledger = ledger
        self._keys = keys

    def known(self, user_id: str) -> set[str]:
        """Return the identities of positions that were taken over for a user before."""
        intents = schema.intents
        query = sa.select(intents.c.signal_set_id).where(
            intents.c.user_id == user_id, intents.c.signal_id == IMPORT
        )
        with self._database.read() as connection:
            return {row.signal_set_id.removeprefix(f"{IMPORT}-") for row in connection.execute(query)}

    def write(
        self,
        user: dict[str, Any],
        *,
        is_new: bool,
        positions: Sequence[TakenOver],
        key: SealedKey | None,
        at_ms: int,
    ) -> None:
        """Write everything of one row, or nothing.

        Each position becomes a settled entry with one execution at its entry price and no fee, so that
        ledger, exits and reports treat it as any other trade.
        """
        users, user_id = schema.users, str(user["user_id"])
        with self._database.write() as connection:
            if is_new:
                connection.execute(users.insert(), user | {"created_wall_ms": self._wall.now_ms()})
            else:
                connection.execute(users.update().where(users.c.user_id == user_id).values(**user))
            note_change(self._database, connection)
            if key is not None:
                self._keys.put_on(connection, key)
            for position in positions:
                self._take_over(connection, user_id, position, at_ms)

    def _take_over(self, connection: sa.Connection, user_id: str, position: TakenOver, at_ms: int) -> None:
        name = f"{IMPORT}-{position.identity(user_id)}"
        cost = position.amount * position.entry_price
        intent = Intent(
            coid=name,
            intent_id=f"int-{name}",
            trade_id=f"trd-{name}",
            user_id=user_id,
            signal_set_id=name,
            signal_id=IMPORT,
            approval_id=IMPORT,
            symbol=position.symbol,
            leg=Leg.OPEN,
            attempt=1,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=position.amount,
            price=position.entry_price,
            reserved=ZERO,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            max_hold_s=position.max_hold_s,
            expires_ms=at_ms,
            created_ms=position.opened_ms,
            status=IntentStatus.ACKED,
            order_id=name,
            reason="taken over from elsewhere",
        )
        connection.execute(schema.intents.insert(), intent_row(intent, self._wall.now_ms()))
        opened = from_ms(position.opened_ms)
        state = OrderState(
            symbol=position.symbol,
            order_id=name,
            client_order_id=name,
            side=Side.BUY,
            type=OrderType.LIMIT,
            status=OrderStatus.FILLED,
            amount=position.amount,
            filled=position.amount,
            filled_cost=cost,
            price=position.entry_price,
            at=opened,
        )
        quote = assets(position.symbol)[1]
        bought = (position.symbol, name, name, Side.BUY, position.entry_price, position.amount, cost)
        fill = Fill(*bought, fee=ZERO, fee_asset=quote, is_maker=False, at=opened)
        self._ledger.book_on(connection, name, state, [fill], at_ms=at_ms)
