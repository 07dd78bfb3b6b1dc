"""One look at 5,000 open positions under every exit rule, against rules that are built anew at each look.

A look is what one price update per symbol asks of the exits: a new bid for each of 100 symbols, and of every
position whether it is left. The peer is the same exit machine asked through `exit_decision`, as the engine
did before levels were worked out once per trade.
"""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from bench.harness import Line, against_peer, measure
from trading.exchange.gateway import Quote
from trading.execution.desk import Desk
from trading.execution.exit_reasons import ExitReasons, rules_of
from trading.market.clock import ManualClock
from trading.market.exit_terms import ExitTerms
from trading.market.symbols import Market
from trading.market.timeframes import from_ms
from trading.risk.exits import PriceBar, exit_decision
from trading.store.order_log import OrderLog
from trading.store.order_log.records import ZERO, Trade

SYMBOLS, POSITIONS, LOOKS = 100, 5_000, 20
LEAST_RATIO = 4.0
AT_MS = 1_767_614_400_000
TERMS = ExitTerms(
    timeframe="15m",
    trailing_stop=Decimal("0.05"),
    trailing_offset=Decimal("0.02"),
    ladder=((0, Decimal("0.08")), (3600, Decimal("0.05")), (7200, Decimal("0.03"))),
    exit_source="turtle@d-1",
)


def run() -> Line:
    """Measure and return one line; `us_per_look` is CPU of ours for one position and one price."""
    trades = [_trade(number) for number in range(POSITIONS)]
    with TemporaryDirectory() as folder:
        log = OrderLog(f"sqlite:///{Path(folder)}/orders.db")
        clock = ManualClock(AT_MS + 1_000_000)
        desk = Desk(log=log, public=SimpleNamespace(clock=clock), open_account=None)  # type: ignore[arg-type]
        desk.markets = {f"S{number}/USDT": _market(number) for number in range(SYMBOLS)}
        reasons = ExitReasons(desk)
        reasons.refresh(trades)
        found = measure(lambda: _look(reasons, trades), repeat=5)
        peer = measure(lambda: _look_anew(desk, trades), repeat=2)
        log.close()
    work = (
        f"{POSITIONS:,} positions of {SYMBOLS} symbols, {LOOKS} prices each: trailing stop, ladder, signals"
    )
    return against_peer(
        "exits",
        work,
        found,
        "rules built at each look",
        peer,
        bound=LEAST_RATIO,
        us_per_look=round(found.cpu_s / (POSITIONS * LOOKS) * 1e6, 2),
        core_share_at_one_price_a_second=round(found.cpu_s / LOOKS, 4),
    )


def _look(reasons: ExitReasons, trades: list[Trade]) -> int:
    left = 0
    for look in range(LOOKS):
        quotes = {f"S{number}/USDT": _quote(number, look) for number in range(SYMBOLS)}
        left += sum(reasons.of(trade, [], quotes[trade.symbol]) is not None for trade in trades)
    assert left == 0
    return left


def _look_anew(desk: Desk, trades: list[Trade]) -> int:
    left = 0
    for look in range(LOOKS):
        quotes = {f"S{number}/USDT": _quote(number, look) for number in range(SYMBOLS)}
        for trade in trades:
            price = PriceBar.at(float(quotes[trade.symbol].bid))
            tick, entry = desk.market(trade.symbol).tick, float(trade.open_price)
            left += exit_decision(rules_of(trade), price, entry=entry, bars_held=1, tick=tick) is not None
    assert left == 0
    return left


def _quote(number: int, look: int) -> Quote:
    bid = Decimal(10_000 + 7 * number + look) / 100
    return Quote(f"S{number}/USDT", bid, bid, Decimal(1), Decimal(1), from_ms(AT_MS))


def _market(number: int) -> Market:
    return Market(
        symbol=f"S{number}/USDT", exchange_id=f"S{number}USDT", base=f"S{number}", quote="USDT", status="1",
        is_scannable=True, is_api_tradable=True, tick=Decimal("0.01"), step=Decimal("0.001"),
        min_amount=ZERO, min_cost=Decimal(1), max_cost=ZERO, maker_fee=ZERO, taker_fee=ZERO,
    )  # fmt: skip


def _trade(number: int) -> Trade:
    symbol = number % SYMBOLS
    return Trade(
        trade_id=f"t{number}", user_id=f"u{number % 1000}", signal_id="s", approval_id="a",
        signal_set_id="set-1", symbol=f"S{symbol}/USDT", mode="paper", is_closed=False, version=1,
        bought=Decimal(1), bought_cost=Decimal(10_000 + 7 * symbol) / 100, sold=ZERO, sold_cost=ZERO,
        base_fees=ZERO, fees_quote=ZERO, fees_unpriced=0, dust=ZERO, pnl_quote=ZERO,
        stop_loss=Decimal("0.05"), take_profit=None, stop_price=ZERO, target_price=None,
        deadline_ms=AT_MS + 10**9, opened_ms=AT_MS + 20_000, closed_ms=None, exit_reason=None,
        held_up=None, exits=TERMS,
    )  # fmt: skip
