"""From command-line values to a running exchange: world, clock, accounts, saved state."""

import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trading.market.errors import BadInput
from trading.market.timeframes import TIMEFRAMES, to_ms
from trading.simulator.accounts import AccountBook, FeeAsset
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.fault_file import read_fault_file
from trading.simulator.faults import plan_from_json
from trading.simulator.klines import encode_klines
from trading.simulator.levers import read_events
from trading.simulator.limits import LimitSettings
from trading.simulator.serve import serve
from trading.simulator.source import MarketSource
from trading.simulator.state import StateFile
from trading.simulator.synthetic import synthetic

NOW = "now"
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What `sluice exchange serve` was asked for."""

    host: str = "127.0.0.1"
    port: int = 0
    symbols: int = 2610
    seed: int = 7
    edge: bool = True
    candles: Path | None = None
    start: str = ""
    speed: float = 1.0
    rate: float = 50.0
    burst: float | None = None
    json_log: Path | None = None
    state: Path | None = None
    accounts: int = 1000
    fee_asset: str = "quote"
    admin_token: str | None = None
    faults: Path | None = None
    impact: float = 0.3
    durable: bool = False


def launch(asked: Launch) -> None:
    """Make the exchange that was asked for and serve it until told to stop.

    Raises
    ------
    BadInput
        If a date, folder or file is no good; the message is one sentence.
    """
    if asked.durable and asked.state is None:
        raise BadInput("durable answers need a folder to be kept in: give state, too")
    exchange, state = prepare(asked)
    serve(
        exchange,
        host=asked.host,
        port=asked.port,
        state=state,
        json_log=asked.json_log,
        is_durable=asked.durable,
        say=_say,
    )


def prepare(asked: Launch) -> tuple[Exchange, StateFile | None]:
    """Return the exchange, restored from its state folder where it has one."""
    state = StateFile(asked.state) if asked.state is not None else None
    if state is not None:
        state.lock()
    spec = read_fault_file(asked.faults) if asked.faults is not None else {}
    start_ms = start_time_ms(asked.start) if asked.start else None
    saved = state.saved_times() if state is not None else None
    source = _source(asked, start_ms if saved is None else saved[1])
    warm_up(source)
    begin_ms = source.default_start_ms if start_ms is None else start_ms
    if saved is not None:
        begin_ms = saved[0]
    if asked.start == NOW:
        # Making the world took a while; in real time the clock must not start that much late.
        begin_ms = max(begin_ms, start_time_ms(NOW))
    _check_inside(source, begin_ms)
    exchange = make_exchange(
        source,
        MarketClock(begin_ms, asked.speed),
        seed=asked.seed,
        accounts=AccountBook(asked.seed, asked.accounts, fee_asset=_fee_asset(asked.fee_asset)),
        limits=LimitSettings(rate_per_s=asked.rate, burst=asked.burst),
        admin_token=asked.admin_token,
        impact=asked.impact,
    )
    exchange.faults = plan_from_json(spec, seed=asked.seed)
    was_there = state is not None and state.restore(exchange)
    if not was_there:  # a saved market has had its events already
        exchange.levers.schedule(read_events(spec, begin_ms), begin_ms)
    if state is not None:
        exchange.lease = state.lease
        exchange.catch_up()
        state.save(exchange)
    return exchange, state


def warm_up(source: MarketSource) -> None:
    """Ask the market one of each question, so that no request waits for machine code to be compiled."""
    note = threading.Timer(_PATIENCE_S, _note_compiling)
    note.daemon = True
    note.start()
    try:
        symbol, pair = next(iter(source.pairs.items()))
        at_ms = min(source.default_start_ms, source.last_ms or source.default_start_ms)
        source.snapshot(at_ms)
        source.price(symbol, at_ms)
        source.half_spread(symbol, at_ms)
        source.step_path(symbol, at_ms - 60_000, at_ms)
        for name in source.timeframes:
            frame = TIMEFRAMES[name]
            bars = source.bars(symbol, name, at_ms - 3 * frame.ms, at_ms + 1, at_ms)
            encode_klines(bars, frame, pair.price_decimals, pair.amount_decimals)
    finally:
        note.cancel()


def _note_compiling() -> None:
    sys.stderr.write("sluice: compiling the market's kernels; only the first start on a machine does\n")
    sys.stderr.flush()


def start_time_ms(text: str) -> int:
    """Return the market time that `text` names, in ms; ``now`` is this moment.

    Raises
    ------
    BadInput
        If it is no ISO 8601 date or time.
    """
    if text == NOW:
        return to_ms(datetime.now(UTC))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"start must be an ISO 8601 time such as 2026-03-02T00:00Z, was {text!r}") from None
    return to_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _source(asked: Launch, start_ms: int | None) -> MarketSource:
    if asked.candles is not None:
        from trading.simulator.recorded import recorded  # noqa: PLC0415 - Polars is only needed for real candles

        return recorded(asked.candles)
    if start_ms is None:
        return synthetic(asked.seed, asked.symbols, edge=asked.edge)
    try:
        return synthetic(asked.seed, asked.symbols, edge=asked.edge, as_of_ms=start_ms)
    except BadInput as wrong:
        started = f"start must be inside this market's data, was {asked.start or start_ms}"
        raise BadInput(f"{started} with {asked.symbols} symbols: {wrong}") from None


def _check_inside(source: MarketSource, at_ms: int) -> None:
    if at_ms < source.first_ms or (source.last_ms is not None and at_ms > source.last_ms):
        first = datetime.fromtimestamp(source.first_ms / 1000, UTC).isoformat()
        last = "open end"
        if source.last_ms is not None:
            last = datetime.fromtimestamp(source.last_ms / 1000, UTC).isoformat()
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
        raise BadInput(f"start must be inside this market's data, {first} to {last}; was {at}")


def _fee_asset(text: str) -> FeeAsset:
    try:
        return FeeAsset(text)
    except ValueError:
        raise BadInput(f"fee asset must be one of {', '.join(FeeAsset)}, was {text!r}") from None


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
