"""The net catches: each way to break the order path, put in on purpose, makes the simulated crashes fail.

A drill that never fails shows nothing. Each mutant is one wrong line somewhere on the path of an order.
"""

from contextlib import nullcontext, suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from trading.execution import wire as wire_module
from trading.execution.drills import simulated
from trading.execution.drills.simulated import simulate
from trading.execution.repricing import Repricing
from trading.execution.selling import Seller
from trading.execution.wire import Wire
from trading.market.errors import ExchangeError, OutcomeUnknown, VenueFailed
from trading.store.order_log.entries import Entries
from trading.store.order_log.leases import Leases
from trading.store.order_log.ledger import Ledger
from trading.store.order_log.records import IntentStatus, Leg
from trading.store.order_log.remainders import Remainders

MOST, PART = 240, 40  # points, in parts; a mutant must be caught within them


def caught(promise: str) -> bool:
    """Whether the drill fails by the promise, in the first of its parts that does."""
    for seed in range(MOST // PART):
        result = simulate(PART, seed=seed)
        verdict = result.invariants.get(promise)
        broken = verdict.broken if verdict is not None else getattr(result, promise)
        if broken:
            return not result.passed
    return False


def only(patch, wanted):
    """Let the drill draw scenes that could show the mutant, and fewer points of each."""
    draw = simulated.draw

    def drawn(seed, number, *, most_users):
        scenes = (draw(seed * 1_000 + number, n, most_users=most_users) for n in range(1_000))
        return next(scene for scene in scenes if len(scene.symbols) == 1 and wanted(scene.faults))

    patch.setattr(simulated, "draw", drawn)
    patch.setattr(simulated, "SINGLES", 8)
    patch.setattr(simulated, "IN_SERIES", 12)
    patch.setattr(simulated, "OLD_ONE_EVERY", 1)


def resend_after_silence(patch):
    """An order without an answer is taken for refused and sent again under a new id."""
    patch.setattr(wire_module, "_DEFINITE", (*wire_module._DEFINITE, OutcomeUnknown, VenueFailed))
    patch.setattr(wire_module, "_PASSING", (*wire_module._PASSING, OutcomeUnknown, VenueFailed))


def resend_sent_at_a_restart(patch):
    """A fresh process takes an order that is SENT for one that never left, and sends it again, same id."""
    send_new = Wire.send_new

    async def again(self, leg):
        seen = self.__dict__.setdefault("seen", set())
        for intent in self._orders.find(statuses=[IntentStatus.SENT], leg=leg) if leg not in seen else ():
            with suppress(ExchangeError):
                await self._desk.account(intent.user_id).submit(intent.request())
        seen.add(leg)
        return await send_new(self, leg)

    patch.setattr(Wire, "send_new", again)


def sent_after_the_wire(patch):
    """SENT is written down when the answer is there, not before the first byte."""

    async def send(self, intent):
        async with self._slots if intent.leg is Leg.OPEN else nullcontext():
            try:
                order_id = await self._desk.account(intent.user_id).submit(intent.request())
            except Exception:
                return
        await self._desk.durably(partial(self._orders.mark_sent, intent.coid))
        await self._desk.durably(partial(self._orders.acknowledge, intent.coid, order_id))

    patch.setattr(Wire, "_send", send)


def done_before_all_is_booked(patch):
    """An order that the exchange calls terminal is DONE, whatever of it is booked."""
    settle = Ledger._settle_intent

    def at_once(self, connection, intent, state, of_trade):
        return settle(self, connection, intent, replace(state, filled=Decimal(0)), of_trade)

    patch.setattr(Ledger, "_settle_intent", at_once)


def reserve_released_twice(patch):
    """What an entry reserved is given back again with every look at it that finds it ended."""
    reserve = Entries.reserve

    def twice(self, connection, row, at_ms):
        reserve(self, connection, row, at_ms)
        coid = row["coid"]
        key = (f"again:{coid}:{at_ms}", "u1", "reserve", coid, at_ms)
        self._write(connection, key, [("reserved", "USDT", Decimal(-1)), ("quote", "USDT", Decimal(1))])

    patch.setattr(Entries, "reserve", twice)


def exit_above_the_position(patch):
    """A position is sold with a tenth more than is held: the user's own coins go with it."""
    sell = Seller._sell

    async def more(self, trade, before, reason, terms):
        amount, price, kind = terms
        await sell(self, trade, before, reason, (amount + Decimal("0.5"), price, kind))

    patch.setattr(Seller, "_sell", more)


def rest_bought_as_a_whole(patch):
    """What an entry left is priced again with the amount of the whole entry, and the log lets it."""
    again = Repricing._again

    def whole(self, intent, quote, limit):
        found = again(self, intent, quote, limit)
        return None if found is None else replace(found, amount=intent.amount)

    patch.setattr(Repricing, "_again", whole)
    patch.setattr(Remainders, "_has_room", lambda _self, _connection, _intent, _after: True)


def token_ignored(patch):
    """A process whose lease was taken away goes on sending."""
    patch.setattr(Leases, "may_send", lambda _self, _connection, **_which: True)


def _any(_faults):
    return True


MUTANTS = {
    resend_after_silence: ("doubled", lambda faults: len(faults.timeout_after) > 3 and not faults.hidden_ms),
    resend_sent_at_a_restart: ("doubled", lambda faults: faults.hidden_ms > 0),
    sent_after_the_wire: ("intent_before_request", _any),
    done_before_all_is_booked: ("lost", lambda faults: faults.late_fills > 0),
    reserve_released_twice: ("reservations_released", _any),
    exit_above_the_position: ("position_is_balance", _any),
    rest_bought_as_a_whole: ("doubled", lambda faults: len(faults.shares) > 1),
    token_ignored: ("one_owner_per_shard", _any),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_order_path_is_caught_and_named(mutant, monkeypatch):
    """The drill fails, and among what it says is the promise that the mutant breaks."""
    promise, wanted = MUTANTS[mutant]
    only(monkeypatch, wanted)
    mutant(monkeypatch)
    assert caught(promise)
