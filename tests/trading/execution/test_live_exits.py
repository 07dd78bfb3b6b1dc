"""Trailing stops, ladders and exit signals through the whole engine: over restarts, outages and silence."""

import json
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from tests.trading.execution import world as made_world
from tests.trading.execution.fake_venue import D
from tests.trading.execution.world import SET_ID, START, World, signal
from trading.market.exit_terms import ExitTerms
from trading.market.frames import CANDLES
from trading.market.orders import ExitWord
from trading.market.timeframes import MINUTE_MS, to_ms
from trading.store.order_log.records import Leg

SYMBOL = "AAA/USDT"
SOURCE = "turtle@d-1"
BAR_MS = 15 * MINUTE_MS
BEGAN_MS = to_ms(START)
TRAILED = ExitTerms(timeframe="15m", trailing_stop=D("0.02"))
TOLD = ExitTerms(timeframe="15m", exit_source=SOURCE, alert_after_bars=2, leave_after_bars=6)


class HeldWorld(World):
    """One symbol bought at 100 under the terms given; the venue's bars are `highs`, by timeframe and ms."""

    terms = ExitTerms()
    take_profit = None

    def batch(self, *signals, **about):
        only = signal(SYMBOL, exits=self.terms, take_profit=self.take_profit, max_hold_s=7 * 86_400)
        return super().batch(*(signals or (only,)), **about)

    def _first_log(self):
        """Its own: those of worlds with other signals are shared."""
        made_world._FIRST_LOGS.pop((self.symbols, self.users), None)
        try:
            return super()._first_log()
        finally:
            made_world._FIRST_LOGS.pop((self.symbols, self.users), None)

    async def boot(self, switch=None):
        engine = await super().boot(switch)
        engine.desk.public.candles = self.candles
        return engine

    async def candles(self, symbol, timeframe, *, since_ms=None, limit=500):
        self.asked.append((timeframe, (since_ms - BEGAN_MS) // MINUTE_MS))
        step = {"1m": MINUTE_MS, "15m": BAR_MS}[timeframe]
        until_ms = min(since_ms + limit * step, self.clock.now_ms() - step + 1)
        rows = [
            (symbol, at, high, high, high, high, 1.0, high)
            for (name, at), high in sorted(self.highs.items())
            if name == timeframe and since_ms <= at < until_ms
        ]
        return pl.DataFrame(rows, schema=CANDLES, orient="row")


def world_of(tmp_path, terms: ExitTerms, take_profit=None) -> HeldWorld:
    made = type("Held", (HeldWorld,), {"terms": terms, "take_profit": take_profit})
    world = made(tmp_path, symbols=(SYMBOL,))
    world.highs, world.asked = {}, []
    return world


async def steps(world: World, engine, count: int = 1, *, wall_ms: int = 1_100) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(wall_ms)
        world.clock.advance(wall_ms)


async def holding(world: World):
    engine = await world.boot()
    await steps(world, engine, 4)
    (trade,) = engine.desk.log.ledger.open_trades()
    assert trade.open_price == 100
    return engine


def to_bar(world: World, number: int, after_ms: int = 5_000) -> None:
    """Let market time come to shortly after the open of a bar, counted from the entry bar."""
    world.clock.advance(BEGAN_MS + number * BAR_MS + after_ms - world.clock.now_ms())


def reason(engine) -> str | None:
    (trade,) = engine.desk.log.ledger.all_trades()
    return trade.exit_reason


def say(world: World, engine, number: int, signal_id: str | None, *, source=SOURCE, bars=24) -> None:
    """Research speaks of the bar `number`, counted from the entry bar."""
    bar_time = START + timedelta(minutes=15 * number)
    engine.desk.log.write_signal_set(
        replace(
            world.batch(set_id=f"set-00000000000000ee-{number:012x}"),
            signals=(),
            words=(ExitWord(SYMBOL, signal_id),),
            exit_source=source,
            bar_time=bar_time,
            expires_at=bar_time + timedelta(minutes=15 * (1 + bars)),
        )
    )


async def test_a_trailing_stop_follows_closed_bars_and_survives_a_kill(tmp_path):
    """High 110 in the entry bar: the stop is 107.80 (2 % below). Killed, and 107.5 at the restart: sold."""
    world = world_of(tmp_path, TRAILED)
    engine = await holding(world)
    world.highs["1m", BEGAN_MS + MINUTE_MS] = 110.0
    world.set_prices("109")
    await steps(world, engine, 2)
    to_bar(world, 1)
    await steps(world, engine, 2)
    (trade,) = engine.desk.log.ledger.open_trades()
    kept = engine.desk.log.exits.get(trade.trade_id)
    assert (kept.peak, kept.seen_ms) == (D(110), BEGAN_MS + BAR_MS)
    assert world.asked[0] == ("1m", 0)  # the entry bar, from the minute of the fill on
    world.highs.clear()  # whatever the venue shows now: the log knows
    again = await world.boot()
    assert again.exits.reasons.watched(trade).armed.trail == 10_780
    world.set_prices("107.5")
    await steps(world, again, 8)
    assert reason(again) == "trailing_stop"


async def test_a_high_inside_a_running_bar_pulls_no_stop(tmp_path):
    """As in the backtest: 110 now and 107.5 a moment later is no trailing stop, the bar has not closed."""
    world = world_of(tmp_path, TRAILED)
    engine = await holding(world)
    for price in ("110", "107.5"):
        world.set_prices(price)
        await steps(world, engine, 6)
    assert reason(engine) is None


async def test_bars_missed_while_the_engine_was_dead_count(tmp_path):
    """Dead for three bars, the second of them up to 120: the stop is 117.60 as soon as bars are read."""
    world = world_of(tmp_path, TRAILED)
    await holding(world)
    world.highs |= {("15m", BEGAN_MS + n * BAR_MS): high for n, high in ((1, 101.0), (2, 120.0), (3, 119.0))}
    to_bar(world, 4)
    world.set_prices("118")
    engine = await world.boot()
    await steps(world, engine, 1)
    (trade,) = engine.desk.log.ledger.open_trades()
    assert engine.exits.reasons.watched(trade).armed.trail == 11_760
    world.set_prices("117.5")
    await steps(world, engine, 8)
    assert reason(engine) == "trailing_stop"


async def test_a_bar_that_the_venue_shows_late_is_asked_for_again(tmp_path):
    """Nothing 5 s after the close; 20 s later the bar is there, with its high."""
    world = world_of(tmp_path, TRAILED)
    engine = await holding(world)
    to_bar(world, 2)
    world.highs["15m", BEGAN_MS + BAR_MS] = 108.0
    late = world.highs.pop(("15m", BEGAN_MS + BAR_MS))
    await steps(world, engine, 2)
    (trade,) = engine.desk.log.ledger.open_trades()
    assert engine.desk.log.exits.get(trade.trade_id).seen_ms == BEGAN_MS + BAR_MS
    world.highs["15m", BEGAN_MS + BAR_MS] = late
    await steps(world, engine, 4, wall_ms=10_000)
    assert engine.desk.log.exits.get(trade.trade_id).peak == D(108)
    assert engine.desk.log.exits.get(trade.trade_id).seen_ms == BEGAN_MS + 2 * BAR_MS


async def test_a_ladder_comes_down_with_age(tmp_path):
    """10 % at once, 1 % from the third bar on: 102 is left then and not before."""
    terms = ExitTerms(timeframe="15m", ladder=((0, D("0.1")), (1800, D("0.01"))))
    world = world_of(tmp_path, terms)
    engine = await holding(world)
    world.set_prices("102")
    to_bar(world, 1)
    await steps(world, engine, 4)
    assert reason(engine) is None
    again = await world.boot()
    to_bar(world, 2)
    await steps(world, again, 4)
    assert reason(again) == "take_profit"


async def test_an_exit_signal_sells_once_and_keeps_its_lineage(tmp_path):
    """The word of the entry bar says leave: one exit order, and the trade knows which signal told it."""
    world = world_of(tmp_path, TOLD)
    engine = await holding(world)
    to_bar(world, 1)
    say(world, engine, 0, "sig-0000000000000009-aaa")
    await steps(world, engine, 6)
    (trade,) = engine.desk.log.ledger.all_trades()
    assert (trade.is_closed, trade.exit_reason) == (True, "exit_signal")
    assert len(engine.desk.log.orders.find(leg=Leg.CLOSE)) == 1
    kept = engine.desk.log.exits.get(trade.trade_id)
    assert kept.exit_signal_id == "sig-0000000000000009-aaa"
    assert kept.exit_set_id == "set-00000000000000ee-000000000000"
    assert engine.desk.log.sets.live(world.clock.now_ms()) == [SET_ID]  # exits are offered to nobody


@pytest.mark.parametrize(
    ("number", "about"),
    [(-1, {}), (0, {"source": "other@d-1"}), (0, {"source": "turtle@d-2"}), (0, {"bars": 1})],
    ids=["a bar before the entry", "another strategy", "another text of the strategy", "expired"],
)
async def test_words_that_are_not_for_this_trade_sell_nothing(tmp_path, number, about):
    """What a bar before the entry said led to the entry; others' exits end others' trades."""
    world = world_of(tmp_path, TOLD)
    engine = await holding(world)
    to_bar(world, 1)
    say(world, engine, number, "sig-9", **about)
    to_bar(world, 3)
    await steps(world, engine, 6)
    assert reason(engine) is None


async def test_an_exit_signal_that_was_heard_outlives_a_kill_and_its_expiry(tmp_path):
    """Heard, written down, killed before anything was sold; found again after the set has expired: sold."""
    world = world_of(tmp_path, TOLD)
    engine = await holding(world)
    to_bar(world, 1)
    say(world, engine, 0, "sig-9", bars=1)
    await engine.exits.reasons.memory.step()
    assert engine.desk.log.orders.find(leg=Leg.CLOSE) == []
    to_bar(world, 3)
    again = await world.boot()
    await steps(world, again, 6)
    assert reason(again) == "exit_signal"


async def test_an_engine_that_was_dead_hears_what_was_said_meanwhile(tmp_path):
    """The word was written while no engine ran; it has not expired."""
    world = world_of(tmp_path, TOLD)
    engine = await holding(world)
    to_bar(world, 1)
    say(world, engine, 0, "sig-9")
    to_bar(world, 2)
    say(world, engine, 1, None)
    again = await world.boot()
    await steps(world, again, 6)
    assert reason(again) == "exit_signal"


async def test_silence_is_told_after_two_bars_and_left_after_six(tmp_path):
    """Nobody speaks: told once when two bars have closed, held through the fifth, sold with the sixth."""
    world = world_of(tmp_path, TOLD)
    engine = await holding(world)
    to_bar(world, 1)
    await steps(world, engine, 2)
    assert "exit_silence" not in world.mailbox.kinds()
    for number in (2, 3, 4, 5):
        to_bar(world, number)
        await steps(world, engine, 3)
    (told,) = [message for message in world.mailbox.messages.values() if message.kind == "exit_silence"]
    assert told.user_id == "operator"
    assert told.is_alert
    assert "AAA/USDT for 2 bars of 15m" in told.text
    assert "sold after 6 bars" in told.text
    assert reason(engine) is None
    to_bar(world, 6)
    await steps(world, engine, 5)
    assert reason(engine) == "exit_silence"


async def test_a_word_that_says_stay_ends_the_silence(tmp_path):
    """Spoken of at the fourth bar: five bars later nothing is sold, after two the operator is told anew."""
    world = world_of(tmp_path, TOLD)
    engine = await holding(world)
    for number in range(1, 10):
        to_bar(world, number)
        if number == 5:
            say(world, engine, 4, None)
        await steps(world, engine, 3)
    assert reason(engine) is None
    assert world.mailbox.kinds().count("exit_silence") == 2


async def test_after_a_long_outage_research_gets_one_bar_to_speak(tmp_path):
    """Engine and research were dead for 50 bars: told at once, and sold only when a whole bar was silent."""
    world = world_of(tmp_path, TOLD)
    await holding(world)
    to_bar(world, 50)
    engine = await world.boot()
    await steps(world, engine, 4)
    assert world.mailbox.kinds().count("exit_silence") == 1
    assert reason(engine) is None
    to_bar(world, 51, after_ms=0)
    await steps(world, engine, 3)
    assert reason(engine) is None  # 15 minutes from the engine's first look are not over
    to_bar(world, 51, after_ms=30_000)
    await steps(world, engine, 5)
    assert reason(engine) == "exit_silence"


async def test_a_price_far_below_the_stop_after_an_outage_is_sold_at_once_and_told(tmp_path):
    """Stop 95, 80 when the engine is back: two looks, then sold; user and operator read how far it fell."""
    world = world_of(tmp_path, ExitTerms())
    await holding(world)
    world.clock.advance(6 * 3_600_000)
    world.set_prices("80")
    engine = await world.boot()
    await steps(world, engine, 8)
    assert reason(engine) == "stop_loss"
    told = [message for message in world.mailbox.messages.values() if message.kind == "far_below_stop"]
    assert sorted(message.user_id for message in told) == ["operator", "u1"]
    for message in told:
        said = "AAA/USDT of user u1 was at 80 when it was looked at, 15.8% below its stop of 95."
        assert said in message.text


async def test_one_print_far_below_the_stop_is_no_alarm(tmp_path):
    """80 once after six hours, and the next look says 100: nothing sold, nothing told."""
    world = world_of(tmp_path, ExitTerms())
    await holding(world)
    world.clock.advance(6 * 3_600_000)
    engine = await world.boot()
    prices = iter([D(80), D(100)])

    async def quotes(symbols, real=engine.desk.public.quotes):
        world.venue.prices[SYMBOL] = next(prices, D(100))
        return await real(symbols)

    engine.desk.public.quotes = quotes
    await steps(world, engine, 6)
    assert reason(engine) is None
    assert "far_below_stop" not in world.mailbox.kinds()


async def test_a_stop_that_fires_at_its_level_is_no_alarm(tmp_path):
    """94.5 under a stop of 95 is half a per cent: business as usual."""
    world = world_of(tmp_path, ExitTerms())
    engine = await holding(world)
    world.set_prices("94.5")
    await steps(world, engine, 8)
    assert reason(engine) == "stop_loss"
    assert "far_below_stop" not in world.mailbox.kinds()


async def test_plain_trades_ask_for_no_bars_and_read_nothing_again(tmp_path):
    """A world without such rules costs no request."""
    world = world_of(tmp_path, ExitTerms(timeframe="15m"))
    engine = await holding(world)
    to_bar(world, 3)
    await steps(world, engine, 3)
    assert world.asked == []
    body = engine.desk.log.get_signal_set(engine.desk.log.ledger.open_trades()[0].signal_set_id)
    assert json.loads(body.signals[0].exits.to_text())["exit_source"] == ""
