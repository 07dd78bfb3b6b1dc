"""Signal sets of a drill: entries that fill, with exits of the drill's choosing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from interfaces.drill.stage import Stage
from interfaces.drill.venue import Pair
from trading.market.orders import SignalSet, TradeSignal
from trading.store.cache import ShardStreams, connect


@dataclass(frozen=True, slots=True)
class Exits:
    """Where positions are left: fractions of the entry price, and market seconds."""

    stop_loss: Decimal = Decimal("0.015")
    take_profit: Decimal | None = Decimal("0.015")
    max_hold_s: int = 240


def write_set(
    stage: Stage,
    pairs: Sequence[Pair],
    number: int,
    *,
    exits: Exits | None = None,
    lifetime: timedelta = timedelta(hours=2),
    is_announced: bool = True,
) -> SignalSet:
    """Write a set of entries in `pairs` up to 3 % above their asks, and announce it on the stream."""
    exits = exits or Exits()
    now = stage.venue.now()
    batch = SignalSet(
        signal_set_id=f"set-{stage.settings.seed:016x}-{number:012x}",
        created_at=now,
        expires_at=now + lifetime,
        bar_time=now - timedelta(minutes=15),
        timeframe="15m",
        signals=tuple(
            TradeSignal(
                symbol=pair.symbol,
                signal_id=f"sig-{number:016x}-{place:012x}",
                approval_id=f"app-{stage.settings.seed:016x}-{place:012x}",
                limit_price=pair.ask * Decimal("1.03"),
                stop_loss=exits.stop_loss,
                take_profit=exits.take_profit,
                max_hold_s=exits.max_hold_s,
            )
            for place, pair in enumerate(pairs)
        ),
    )
    stage.log.write_signal_set(batch)
    if is_announced and stage.redis_url is not None:
        stage.ask(_announce(stage.redis_url, batch.signal_set_id))
    return batch


async def _announce(url: str, signal_set_id: str) -> None:
    client = connect(url)
    try:
        await ShardStreams(client).add(signal_set_id)
    finally:
        await client.aclose()


def thin(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """Return `count` pairs whose books are thin: less traded than half of the others, yet tradable."""
    middle = len(pairs) // 2
    return list(pairs[middle : middle + count])
