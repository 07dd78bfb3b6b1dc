"""Faults of the streams: silence, loss, delay, doubles and disorder, by the exchange's fault plan.

Every message to every connection asks the plan under ``WS <stream>``. Nothing of this runs while the
plan is empty.
"""

import asyncio

from trading.simulator.exchange import Exchange
from trading.simulator.faults import Struck
from trading.simulator.ws_channels import Channel
from trading.simulator.ws_session import Session

METHOD = "WS"
# A swapped message goes out alone when no later one comes: a stream that stopped is `ws_silent`.
SWAP_PATIENCE_S = 5.0


def deliver(exchange: Exchange, session: Session, channel: Channel, frame: bytes) -> None:
    """Deliver one message to one connection as the plan says."""
    if channel.name in session.silent:
        return
    struck = exchange.faults.decide(
        METHOD,
        channel.name,
        symbol=channel.symbol,
        key=session.account_key or "",
        market_ms=exchange.clock.now_ms(),
        wall_s=exchange.wall_s(),
    )
    if struck is None:
        _feed(session, channel, frame)
    elif not _swallowed(exchange, session, channel, frame, struck):
        for one in (frame, frame) if struck["ws_twice"] else (frame,):
            if struck.delay_s > 0:
                _later(struck.delay_s, session, channel, one)
            else:
                _feed(session, channel, one)


def _swallowed(exchange: Exchange, session: Session, channel: Channel, frame: bytes, struck: Struck) -> bool:
    """Do what keeps a message from being sent now; return whether anything did."""
    if struck["ws_silent"]:
        session.silent.add(channel.name)
    elif struck["ws_cut"]:
        session.cut()
    elif struck["ws_key_expired"] and session.listen_key is not None:
        exchange.listen_keys.expire(session.listen_key)
    elif struck["ws_swapped"] and channel.name not in session.held:
        session.held[channel.name] = frame
        _later(SWAP_PATIENCE_S, session, channel, None)
    else:
        return struck["ws_lost"] is not None
    return True


def _later(delay_s: float, session: Session, channel: Channel, frame: bytes | None) -> None:
    asyncio.get_running_loop().call_later(delay_s, _feed, session, channel, frame)


def _feed(session: Session, channel: Channel, frame: bytes | None) -> None:
    if channel.name in session.silent:
        return
    if frame is not None:
        session.feed(frame)
    held = session.held.pop(channel.name, None)
    if held is not None:
        session.feed(held)
