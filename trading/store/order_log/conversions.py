"""A position whose coin was re-denominated: closed in old units, opened in new ones, at its own cost.

No order and no fill of the venue stands behind the two bookings; they make no profit and no loss.
"""

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput
from trading.market.lineage import digest
from trading.market.orders import Fill, OrderState, OrderStatus, OrderType, Side
from trading.market.timeframes import from_ms
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.ledger import Ledger
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.positions import assets
from trading.store.order_log.records import ZERO, Event, Intent, IntentStatus, Leg, Trade
from trading.store.order_log.rows import intent_of, intent_row

REASON = "redenominated"  # exit reason of the trade in the old units
PREFIX = "trd-converted-"  # of the trade in the new ones
_ATOM = Decimal(1).scaleb(-18)  # finer than any venue counts


class Conversions:
    """Writes conversions."""

    def __init__(self, database: Database, wall: Clock, ledger: Ledger, outbox: Outbox) -> None:
        self._database = database
        self._wall = wall
        self._ledger = ledger
        self._outbox = outbox

    def convert(self, trade: Trade, old_per_new: Decimal, *, at_ms: int) -> str | None:
        """Turn an open trade into one of new coins; return its id, None if it changed meanwhile.

        Parameters
        ----------
        trade : Trade
            As it was judged; a later version is left alone.
        old_per_new : Decimal
            Old coins that became one new coin: 1000, or 0.001 for a split.
        at_ms : int
            Market time.

        Notes
        -----
        Stop and target are fractions of the entry price and move with it; the time it is held at most goes on
        from the first entry. Dust stays with the old trade.

        Raises
        ------
        BadInput
            If the ratio is not above 0.
        """
        if not old_per_new > 0:
            raise BadInput(f"old_per_new must be above 0, was {old_per_new}")
        name = f"conv-{digest(trade.trade_id, format(old_per_new.normalize(), 'f'), str(trade.version))}"
        with self._database.write() as connection:
            mine = self._settled(connection, trade)
            entry = next((each for each in mine if each.leg is Leg.OPEN and each.filled > 0), None)
            if entry is None:
                return None
            exits = [each.attempt for each in mine if each.leg is Leg.CLOSE]
            cost = trade.bought_cost * trade.held / (trade.bought - trade.base_fees)
            amount = (trade.held / old_per_new).quantize(_ATOM, ROUND_DOWN)
            out = replace(
                entry, coid=f"{name}-out", intent_id=f"int-{name}-out", leg=Leg.CLOSE, side=Side.SELL,
                amount=trade.held, price=cost / trade.held, exit_reason=REASON,
                attempt=1 + max(exits, default=0),
            )  # fmt: skip
            into = replace(
                entry, coid=f"{name}-in", intent_id=f"int-{name}-in", amount=amount, price=cost / amount,
                # A set of its own: ids of exits are made of user, set, symbol and attempt.
                trade_id=f"{PREFIX}{name}", signal_set_id=name, created_ms=trade.opened_ms,
                max_hold_s=max(0, trade.deadline_ms - trade.opened_ms) // 1000,
            )  # fmt: skip
            self._book(connection, out, cost, at_ms, at_ms=at_ms)
            self._book(connection, into, cost, trade.opened_ms, at_ms=at_ms)
            payload: dict[str, object] = {"symbol": trade.symbol, "old_per_new": f"{old_per_new:f}"}
            payload |= {"before": f"{trade.held:f}", "after": f"{amount.normalize():f}"}
            event = Event(f"redenominated:{name}", trade.user_id, REASON, payload, at_ms)
            self._outbox.add(connection, event)
        return into.trade_id

    def since(self, symbol: str, at_ms: int) -> set[str]:
        """Return ids of the trades that positions in `symbol` were turned into at or after `at_ms`."""
        fills = schema.fills
        query = sa.select(fills.c.coid).where(
            fills.c.symbol == symbol, fills.c.at_ms >= at_ms, fills.c.coid.like("conv-%-out")
        )
        with self._database.read() as connection:
            found: list[str] = list(connection.scalars(query))
        return {f"{PREFIX}{coid.removesuffix('-out')}" for coid in found}

    def _settled(self, connection: sa.Connection, trade: Trade) -> list[Intent]:
        """Return the orders of a trade; none if it is another trade by now, or one of them is under way."""
        trades, intents = schema.trades, schema.intents
        version = connection.scalar(
            sa.select(trades.c.version).where(
                trades.c.trade_id == trade.trade_id, trades.c.is_closed.is_(False)
            )
        )
        query = sa.select(intents).where(intents.c.trade_id == trade.trade_id).order_by(intents.c.attempt)
        mine = [intent_of(row) for row in connection.execute(query).mappings()]
        is_settled = version == trade.version and all(intent.status.is_terminal for intent in mine)
        return mine if is_settled else []

    def _book(
        self, connection: sa.Connection, intent: Intent, cost: Decimal, when_ms: int, *, at_ms: int
    ) -> None:
        draft = replace(
            intent, type=OrderType.LIMIT, status=IntentStatus.ACKED, order_id=intent.coid, reserved=ZERO,
            filled=ZERO, filled_cost=ZERO, sent_wall_ms=None,
            reason="the coin was re-denominated: no order was placed",
        )  # fmt: skip
        connection.execute(schema.intents.insert(), intent_row(draft, self._wall.now_ms()))
        when, price = from_ms(when_ms), cost / draft.amount
        state = OrderState(
            symbol=draft.symbol, order_id=draft.coid, client_order_id=draft.coid, side=draft.side,
            type=draft.type, status=OrderStatus.FILLED, amount=draft.amount, filled=draft.amount,
            filled_cost=cost, price=price, at=when,
        )  # fmt: skip
        facts = (draft.symbol, draft.coid, draft.coid, draft.side, price, draft.amount, cost)
        fill = Fill(*facts, fee=ZERO, fee_asset=assets(draft.symbol)[1], is_maker=False, at=when)
        self._ledger.book_on(connection, draft.coid, state, [fill], at_ms=at_ms)
