"""What the exits of open trades remember, and what research said of held symbols."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.exit_terms import ExitTerms
from trading.market.orders import SignalSet
from trading.market.timeframes import to_ms
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import AnyRow, Prepared, given
from trading.store.order_log.schema_exits import exit_states, exit_words


@dataclass(frozen=True, slots=True)
class ExitState:
    """What one trade's exits remember.

    `peak` is the highest price of the bars before `seen_ms` that closed since the entry; `exit_signal_id` the
    row of `signals` that told the trade to leave, by the set `exit_set_id`, at market time `told_ms`.
    """

    trade_id: str
    user_id: str
    peak: Decimal | None = None
    seen_ms: int | None = None
    exit_signal_id: str | None = None
    exit_set_id: str | None = None
    told_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """What research said of a symbol at the close of the bar that opened at `bar_ms`."""

    signal_set_id: str
    symbol: str
    source: str
    signal_id: str | None
    bar_ms: int
    expires_ms: int
    written_wall_ms: int


_STATE = Prepared(sa.select(exit_states).where(exit_states.c.trade_id == given("trade_id")))


_OPEN_SETS = Prepared(
    sa.select(schema.signal_sets.c.signal_set_id).where(
        schema.signal_sets.c.expires_ms > given("now_ms"),
        sa.exists().where(exit_words.c.signal_set_id == schema.signal_sets.c.signal_set_id),
    )
)


class ExitStates:
    """Reads and writes both tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_open_trades(self) -> dict[str, ExitState]:
        """Return what is remembered of every open trade, by trade id."""
        trades = schema.trades
        query = (
            sa.select(exit_states)
            .join(trades, trades.c.trade_id == exit_states.c.trade_id)
            .where(trades.c.is_closed.is_(False))
        )
        with self._database.read() as connection:
            return {row["trade_id"]: _state(row) for row in connection.execute(query).mappings()}

    def get(self, trade_id: str) -> ExitState | None:
        """Return what is remembered of one trade, open or closed; None = nothing."""
        found = self._database.rows(_STATE, trade_id=trade_id)
        return _state(found[0]) if found else None

    def raise_peaks(self, states: Iterable[ExitState]) -> None:
        """Keep peaks and how far the bars were read; a bar read twice changes nothing."""
        with self._database.write() as connection:
            for state in states:
                self._put(connection, state, {"peak": state.peak, "seen_ms": state.seen_ms})

    def tell(self, states: Iterable[ExitState]) -> None:
        """Keep which exit signal told a trade to leave; the first one stays."""
        with self._database.write() as connection:
            for state in states:
                told = {
                    "exit_signal_id": state.exit_signal_id,
                    "exit_set_id": state.exit_set_id,
                    "told_ms": state.told_ms,
                }
                self._put(connection, state, told, only_if=exit_states.c.exit_signal_id.is_(None))

    def open_sets(self, now_ms: int) -> set[str]:
        """Return ids of the sets of exits that have not expired at `now_ms`."""
        return {row["signal_set_id"] for row in self._database.rows(_OPEN_SETS, now_ms=now_ms)}

    def words_of(self, set_ids: Collection[str]) -> list[Word]:
        """Return the words of some sets, oldest bar first."""
        return self._words(exit_words.c.signal_set_id.in_(set_ids)) if set_ids else []

    def words_since_bar(self, bar_ms: int) -> list[Word]:
        """Return words about bars that opened at `bar_ms` or later, oldest bar first."""
        return self._words(exit_words.c.bar_ms >= bar_ms)

    def held_by_source(self, source: str, opened_before_ms: int) -> list[str]:
        """Return symbols of open trades that leave on the exit signals of `source`, by name.

        A trade opened at or after `opened_before_ms` is left out: what a bar says is no word about a position
        that was entered after it.
        """
        trades = schema.trades
        query = sa.select(trades.c.symbol, trades.c.exits).where(
            trades.c.is_closed.is_(False), trades.c.opened_ms < opened_before_ms, trades.c.exits.is_not(None)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return sorted({row.symbol for row in rows if ExitTerms.of_text(row.exits).exit_source == source})

    def _words(self, condition: sa.ColumnElement[bool]) -> list[Word]:
        order = (exit_words.c.bar_ms, exit_words.c.written_wall_ms, exit_words.c.symbol)
        query = sa.select(exit_words).where(condition).order_by(*order)
        with self._database.read() as connection:
            return [Word(**row) for row in connection.execute(query).mappings()]

    def _put(
        self,
        connection: sa.Connection,
        state: ExitState,
        values: dict[str, Any],
        *,
        only_if: sa.ColumnElement[bool] | None = None,
    ) -> None:
        row = {"trade_id": state.trade_id, "user_id": state.user_id} | values
        if self._database.insert_new(connection, exit_states, [row]):
            return
        change = exit_states.update().where(exit_states.c.trade_id == state.trade_id).values(**values)
        connection.execute(change if only_if is None else change.where(only_if))


def word_rows(batch: SignalSet, wall_ms: int) -> list[dict[str, Any]]:
    """Return the rows of `exit_words` that a set stands for."""
    return [
        {
            "signal_set_id": batch.signal_set_id,
            "symbol": word.symbol,
            "source": batch.exit_source,
            "signal_id": word.signal_id,
            "bar_ms": to_ms(batch.bar_time),
            "expires_ms": to_ms(batch.expires_at),
            "written_wall_ms": wall_ms,
        }
        for word in batch.words
    ]


def _state(row: AnyRow) -> ExitState:
    return ExitState(**row)
