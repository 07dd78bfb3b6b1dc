"""Faults of the streams: silence, drops, delays, doubles and disorder, by the exchange's fault plan."""

import asyncio

from trading.simulator.exchange import Exchange
from trading.simulator.ws_channels import Channel
from trading.simulator.ws_session import Session

ROUTE = "WS"


def deliver(exchange: Exchange, session: Session, channel: Channel, frame: bytes) -> None:
    """Deliver one frame to one connection as the plan says."""
    if session.is_silent:
        return
    fault = exchange.faults.decide(ROUTE, channel.name)
    if fault is None:
        session.feed(frame)
        return
    if fault.kind == "delay":
        asyncio.get_running_loop().call_later(fault.delay_s, session.feed, frame)
    elif fault.kind == "error":
        session.cut()
