"""Faults of the wire: what stands in place of an answer, and what happens to one on its way out."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from trading.simulator.fault_kinds import AFTER
from trading.simulator.faults import Fault, Struck
from trading.simulator.wire import Refusal, Reply

type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

SILENT_BEFORE = frozenset({"timeout_before", "dead_connection"})
_REFUSALS = {
    "maintenance": (503, "Service is under maintenance, please try again later", 503),
    "key_revoked": (10072, "Api key info invalid", 400),
    "no_permission": (700007, "No permission to access the endpoint.", 400),
    "ip_not_allowed": (700006, "IP [127.0.0.1] not in the ip white list", 400),
}


def stand_in(gate: Fault) -> Reply | None:
    """Return what is answered instead of handling; None where nothing is (the caller hangs up or waits)."""
    rule = gate.rule
    if gate.kind == "error":
        return Refusal(rule.code, "fault on purpose", status=rule.status).reply()
    if gate.kind == "rate_limit":
        wait_s = int(rule.number("retry_after_s"))
        status = 418 if rule.number("banned") else 429
        return Refusal(status, "Too Many Requests", status=status, retry_after_s=wait_s).reply()
    known = _REFUSALS.get(gate.kind)
    return None if known is None else Refusal(known[0], known[1], status=known[2]).reply()


def hold_s(fault: Fault) -> float:
    """Return how long a fault keeps a connection silent; infinite for a dead one."""
    return float("inf") if fault.kind == "dead_connection" else fault.rule.number("hold_s")


def silence_after(struck: Struck) -> Fault | None:
    """Return the fault that swallows the answer of a handled request, if any."""
    return struck["timeout_after"]


def cut(struck: Struck, reply: Reply) -> tuple[Reply, int | None]:
    """Return the reply to send and after how many bytes of its body the connection ends (None: not)."""
    for fault in struck:
        if fault.rule.about.phase != AFTER:
            continue
        if fault.kind == "truncated":
            kept = int(len(reply.body) * fault.rule.number("share"))
            return Reply(reply.body[:kept], reply.status, reply.content_type, reply.headers), None
        if fault.kind == "broken_body":
            return reply, int(len(reply.body) * fault.rule.number("share"))
    return reply, None


async def stay_silent(receive: Receive, seconds: float) -> None:
    """Wait until the client gives up, `seconds` at most."""
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait({gone}, timeout=None if seconds == float("inf") else seconds)
    finally:
        gone.cancel()


async def _disconnect(receive: Receive) -> None:
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
