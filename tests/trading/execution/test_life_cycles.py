"""Order life cycles as a state machine: hypothesis drives users, market, venue and crashes in any order.

The engine is the real one, the venue is the embedded exchange on loopback through the real ccxt gateway.
After every step the judge of real runs looks (`trading.execution.judge`); in the end all trouble is taken
away, and nothing may be left open, lost or unexplained.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.trading.execution.life_stand import SYMBOLS, Stand, exchange_for_all
from trading.market.orders import OrderType, Side
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.users.gates import CLOSE_ALL

FAULTS = {
    "accepted, no answer": {"kind": "drop_after", "route": "POST order", "max_hits": 2},
    "not accepted, no answer": {"kind": "drop_before", "route": "POST order", "max_hits": 2},
    "failed, says the venue": {"kind": "error", "route": "POST order", "status": 503, "max_hits": 2},
    "hidden": {"kind": "not_found", "for_calls": 3, "max_hits": 2},
    "partly filled": {"kind": "partial_fill", "share": 0.4, "max_hits": 2},
    "fills twice": {"kind": "duplicated_fills"},
    "fills late": {"kind": "late_fills", "lag_s": 20},
    "limiter": {"kind": "rate_limit", "route": "POST order", "max_hits": 2},
    "price band": {"kind": "price_band", "share": 0.001, "max_hits": 3},
    "cancel too late": {"kind": "race_answers_unknown", "max_hits": 2},
    "old status": {"kind": "status_backwards", "max_hits": 3},
}
symbols = st.sampled_from(SYMBOLS)


def machine_on(served, told):  # noqa: C901 - a rule is a method
    """Return the machine's class over one exchange that serves all its examples.

    `told` is given, of each example, whether an order reached the venue.
    """

    class LifeCycles(RuleBasedStateMachine):
        @initialize(
            kind=st.sampled_from([OrderType.IOC, OrderType.LIMIT]),
            users=st.integers(1, 2),
            trouble=st.none() | st.sampled_from(sorted(FAULTS)),
            looks=st.integers(0, 3),
        )
        def begin(self, kind, users, trouble, looks):
            """Every example trades: what follows meets a set that is being bought, in trouble or not."""
            self.stand = Stand(served, kind, users)
            self.stand.set_faults([] if trouble is None else [FAULTS[trouble]])
            self.stand.write_set(SYMBOLS)
            self.stand.steps(looks)

        @rule(which=st.sampled_from([SYMBOLS[:1], SYMBOLS]))
        def place(self, which):
            self.stand.write_set(which)
            self.stand.steps(2)

        @rule(count=st.integers(1, 5))
        def work(self, count):
            self.stand.steps(count)

        @rule(symbol=symbols, level=st.sampled_from([9_990, 10_050, 10_150, 11_200, 9_400, 7_000]))
        def move_price(self, symbol, level):
            self.stand.market.level[symbol.replace("/", "")] = level

        @rule(name=st.sampled_from(sorted(FAULTS)))
        def go_wrong(self, name):
            self.stand.set_faults([FAULTS[name]])
            self.stand.steps(1)

        @rule()
        def go_right(self):
            self.stand.set_faults([])

        @rule(at=st.integers(1, 8), after_submit=st.booleans())
        def crash(self, at, after_submit):
            self.stand.crash(at, after_submit=after_submit)

        @rule()
        def nobody_for_a_while(self):
            self.stand.wall.advance(20_000)
            self.stand.crash(10_000, after_submit=False)

        @rule(symbol=symbols, side=st.sampled_from(list(Side)))
        def trade_by_hand(self, symbol, side):
            self.stand.trade_by_hand("u1", symbol, side)

        @rule(asset=st.sampled_from(["USDT", "AAA", "BBB"]), amount=st.sampled_from(["50", "3", "-2"]))
        def transfer(self, asset, amount):
            self.stand.transfer("u1", asset, amount)

        @rule(symbol=symbols, action=st.sampled_from(["halt", "delist", "resume"]))
        def list_or_not(self, symbol, action):
            if action == "resume":
                self.stand.reopen(symbol)
            else:
                self.stand.lever(action, symbol)
            self.stand.steps(1)

        @rule(kind=st.sampled_from(list(HaltKind)), symbol=st.none() | symbols)
        def order_a_halt(self, kind, symbol):
            scope = HaltScope.FLEET if symbol is None else HaltScope.SYMBOL
            self.stand.log().halts.place(kind, (scope, symbol), by="test", why="a test")
            self.stand.steps(1)

        @rule()
        def lift_halts(self):
            for halt in self.stand.log().halts.active():
                self.stand.log().halts.lift(halt.halt_id, by="test", why="over")

        @rule()
        def close_all(self):
            self.stand.log().wishes.ask("u1", CLOSE_ALL)
            self.stand.steps(1)

        @invariant()
        def nothing_is_doubled_or_unwritten(self):
            if not hasattr(self, "stand"):
                return
            verdict = self.stand.judge(is_settled=False)
            assert verdict.doubled == []
            assert verdict.ledger_breaks == []
            assert {name: said for name, said in verdict.invariants.items() if said} == {}

        def teardown(self):
            if not hasattr(self, "stand"):
                return
            try:
                is_idle = self.stand.settle()
                verdict = self.stand.judge(is_settled=True)
                told.append(verdict.orders > 0)
                assert verdict.lost == []
                assert verdict.doubled == []
                assert verdict.ledger_breaks == []
                broken = {name: said for name, said in verdict.invariants.items() if said}
                assert broken == {}, broken
                assert is_idle, list(self.stand.log().orders.find())
            finally:
                self.stand.close()

    return LifeCycles


def run(examples: int, steps: int, *, derandomize: bool, shrinks: bool = True) -> None:
    """Drive so many examples of so many steps each; four in five must have reached the venue.

    A failure of a long run is told as it was found, with what repeats it: shrinking it takes minutes.
    """
    told: list[bool] = []
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrinks else [])],
    )
    with exchange_for_all() as served:
        run_state_machine_as_test(machine_on(served, told), settings=rules)
    print(f"{sum(told)} of {len(told)} examples sent an order")  # noqa: T201 - what pytest -rP shows
    assert sum(told) >= 0.8 * len(told)


def test_order_life_cycles_hold_every_promise():
    """The same examples in every run."""
    run(examples=12, steps=15, derandomize=True)


@pytest.mark.slow
def test_order_life_cycles_hold_every_promise_over_many_examples():
    """New examples in every run."""
    run(examples=150, steps=40, derandomize=False, shrinks=False)
