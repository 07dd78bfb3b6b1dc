"""Signal sets: written once, read by id, never changed. Their JSON form is here too."""

import json
import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput, NoVersion
from trading.market.exit_terms import ExitTerms
from trading.market.orders import ExitWord, SignalSet, TradeSignal
from trading.market.timeframes import to_ms
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.exit_states import word_rows
from trading.store.order_log.prepared import Prepared, given
from trading.store.order_log.schema_exits import exit_words


def to_json(batch: SignalSet) -> str:
    """Return a set as canonical JSON; decimals are plain text, times are ISO 8601 in UTC."""
    body: dict[str, Any] = {
        "signal_set_id": batch.signal_set_id,
        "created_at": batch.created_at.isoformat(),
        "expires_at": batch.expires_at.isoformat(),
        "bar_time": batch.bar_time.isoformat(),
        "timeframe": batch.timeframe,
        "signals": [_signal_json(signal) for signal in batch.signals],
        "versions": list(batch.versions),
        "rests_on": dict(batch.rests_on),
        "strategy_id": batch.strategy_id,
        "words": {word.symbol: word.signal_id for word in batch.words},
        "exit_source": batch.exit_source,
    }
    if batch.is_exploration:
        body["is_exploration"] = True  # other sets stay the bytes that older releases wrote
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> SignalSet:
    """Read what `to_json` wrote."""
    raw = json.loads(text)
    return SignalSet(
        signal_set_id=raw["signal_set_id"],
        created_at=datetime.fromisoformat(raw["created_at"]),
        expires_at=datetime.fromisoformat(raw["expires_at"]),
        bar_time=datetime.fromisoformat(raw["bar_time"]),
        timeframe=raw["timeframe"],
        signals=tuple(_signal(item) for item in raw["signals"]),
        versions=tuple(raw["versions"]),
        rests_on=raw.get("rests_on", {}),  # sets written before there was one
        strategy_id=raw.get("strategy_id", ""),  # same
        words=tuple(ExitWord(*word) for word in raw.get("words", {}).items()),  # same
        exit_source=raw.get("exit_source", ""),  # same
        is_exploration=raw.get("is_exploration", False),
    )


def _signal_json(signal: TradeSignal) -> dict[str, Any]:
    return {
        "symbol": signal.symbol,
        "signal_id": signal.signal_id,
        "approval_id": signal.approval_id,
        "limit_price": format(signal.limit_price, "f"),
        "stop_loss": format(signal.stop_loss, "f"),
        "take_profit": None if signal.take_profit is None else format(signal.take_profit, "f"),
        "max_hold_s": signal.max_hold_s,
        "score": signal.score,
        "cluster": signal.cluster,
        "features": finite(signal.features),
        "capacity_quote": None if signal.capacity_quote is None else format(signal.capacity_quote, "f"),
        "exits": signal.exits.to_text(),
    }


def _signal(raw: dict[str, Any]) -> TradeSignal:
    target, capacity = raw["take_profit"], raw.get("capacity_quote")
    return TradeSignal(
        symbol=raw["symbol"],
        signal_id=raw["signal_id"],
        approval_id=raw["approval_id"],
        limit_price=Decimal(raw["limit_price"]),
        stop_loss=Decimal(raw["stop_loss"]),
        take_profit=None if target is None else Decimal(target),
        max_hold_s=raw["max_hold_s"],
        score=raw["score"],
        cluster=raw["cluster"],
        features=raw["features"],
        capacity_quote=None if capacity is None else Decimal(capacity),
        exits=ExitTerms.of_text(raw.get("exits")),  # sets written before there were any
    )


def finite(features: dict[str, float]) -> dict[str, float]:
    """Return the features that are numbers: JSON has no NaN, and a missing feature is a missing key."""
    return {name: float(value) for name, value in features.items() if math.isfinite(value)}


def check(batch: SignalSet) -> None:
    """Refuse a set that no engine could follow.

    Raises
    ------
    BadInput
        Naming the first value that is out of bounds.
    """
    if batch.expires_at <= batch.created_at:
        raise BadInput(f"signal set must expire after {batch.created_at}, expires {batch.expires_at}")
    for signal in batch.signals:
        where = f"{signal.signal_id} ({signal.symbol})"
        if not signal.limit_price > 0:
            raise BadInput(f"limit_price of {where} must be above 0, was {signal.limit_price}")
        if not 0 < signal.stop_loss < 1:
            raise BadInput(f"stop_loss of {where} must be a fraction in (0, 1), was {signal.stop_loss}")
        if signal.take_profit is not None and not signal.take_profit > 0:
            raise BadInput(f"take_profit of {where} must be above 0 or None, was {signal.take_profit}")
        if signal.capacity_quote is not None and not signal.capacity_quote >= 0:
            raise BadInput(f"capacity_quote of {where} must not be negative, was {signal.capacity_quote}")
        if signal.max_hold_s < 1:
            raise BadInput(f"max_hold_s of {where} must be at least 1, was {signal.max_hold_s}")
        signal.exits.check(where, signal.take_profit)
    if batch.words and not batch.exit_source:
        raise BadInput(f"signal set {batch.signal_set_id} has words of exits, so exit_source must be named")


_SETS = schema.signal_sets.c
_LIVE = Prepared(
    sa.select(_SETS.signal_set_id)
    .where(_SETS.expires_ms > given("now_ms"))
    .where(sa.exists().where(schema.decisions.c.signal_set_id == _SETS.signal_set_id))
    .order_by(_SETS.created_ms, _SETS.signal_set_id)
)
_OFFERED = Prepared(
    sa.select(schema.offers.c.user_id).where(schema.offers.c.signal_set_id == given("signal_set_id"))
)


class SignalSets:
    """The sets that Dagster handed over."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    def write(self, batch: SignalSet) -> bool:
        """Write `batch` and its decisions; False if a set of that id is there (nothing is changed then).

        Raises
        ------
        BadInput
            If a price, stop or expiry is out of bounds.
        """
        check(batch)
        row = {
            "signal_set_id": batch.signal_set_id,
            "body": to_json(batch),
            "timeframe": batch.timeframe,
            "bar_ms": to_ms(batch.bar_time),
            "created_ms": to_ms(batch.created_at),
            "expires_ms": to_ms(batch.expires_at),
            "written_wall_ms": self._wall.now_ms(),
        }
        with self._database.write() as connection:
            if not self._database.insert_new(connection, schema.signal_sets, [row]):
                return False
            rows = [_decision(batch, signal) for signal in batch.signals]
            self._database.insert_new(connection, schema.decisions, rows)
            self._database.insert_new(connection, exit_words, word_rows(batch, self._wall.now_ms()))
        return True

    def get(self, signal_set_id: str) -> SignalSet:
        """Return a set.

        Raises
        ------
        NoVersion
            If nobody wrote it.
        """
        table = schema.signal_sets
        with self._database.read() as connection:
            body = connection.scalar(sa.select(table.c.body).where(table.c.signal_set_id == signal_set_id))
        if body is None:
            raise NoVersion(f"no signal set {signal_set_id!r} in the order log")
        return from_json(body)

    def written_wall_ms(self, signal_set_id: str) -> int:
        """Return this machine's time at which a set was written; 0 if nobody wrote it."""
        table = schema.signal_sets
        query = sa.select(table.c.written_wall_ms).where(table.c.signal_set_id == signal_set_id)
        with self._database.read() as connection:
            return connection.scalar(query) or 0

    def live(self, now_ms: int) -> list[str]:
        """Return ids of the sets of entries that have not expired at `now_ms`, oldest first."""
        return [row["signal_set_id"] for row in self._database.rows(_LIVE, now_ms=now_ms)]

    def offered_to(self, signal_set_id: str) -> set[str]:
        """Return the users who have been offered this set already."""
        return {row["user_id"] for row in self._database.rows(_OFFERED, signal_set_id=signal_set_id)}


def _decision(batch: SignalSet, signal: TradeSignal) -> dict[str, Any]:
    return {
        "signal_set_id": batch.signal_set_id,
        "signal_id": signal.signal_id,
        "approval_id": signal.approval_id,
        "symbol": signal.symbol,
        "bar_ms": to_ms(batch.bar_time),
        "created_ms": to_ms(batch.created_at),
        "limit_price": signal.limit_price,
        "stop_loss": signal.stop_loss,
        "take_profit": signal.take_profit,
        "max_hold_s": signal.max_hold_s,
        "score": signal.score,
        "cluster": signal.cluster,
        "features": json.dumps(finite(signal.features), sort_keys=True),
    }
