"""What users ask of the engine besides trading: close everything, leave; and keys that were replaced.

A request is a row of the order log, so a restart goes on with it. Closing itself is `exits`' matter: it reads
the same rows.
"""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog

from trading.execution.desk import Desk
from trading.execution.wire import Wire
from trading.market.errors import SluiceError
from trading.store.order_log.records import PENDING, Event, IntentStatus, Leg
from trading.store.order_log.user_wishes import Request
from trading.users.gates import CLOSE_ALL, CLOSE_TRADE, LEAVE
from trading.users.leave import remove

_log = structlog.get_logger("execution.requests")

STEP_S = 1.0


class Requests:
    """Carries out what stands in `user_requests`.

    Parameters
    ----------
    exports : Path or None
        Folder for the export of somebody who leaves; None = no export is written.
    forget : callable, optional
        Empties the user's cache.
    """

    def __init__(
        self,
        desk: Desk,
        wire: Wire,
        *,
        exports: Path | None = None,
        forget: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._desk = desk
        self._wire = wire
        self._exports = exports
        self._forget = forget
        self.drop: Callable[[str], None] = lambda _user_id: None  # closes the user's private stream
        self._versions: dict[str, tuple[str, int]] | None = None

    async def step(self) -> int:
        """Look once at all requests; return how many are still open."""
        self._replaced_keys()
        waiting = self._desk.log.wishes.open_requests()
        for request in waiting:
            try:
                await self._carry_out(request)
            except SluiceError as error:  # one user's trouble stops nobody else's request
                _log.warning("request_failed", user=request.user_id, kind=request.kind, error=f"{error!r}")
        return len(self._desk.log.wishes.open_requests()) if waiting else 0

    def _replaced_keys(self) -> None:
        """Open the account anew, with the new key, at the next use."""
        before, self._versions = self._versions, self._desk.log.keys.versions()
        for user_id, version in self._versions.items():
            if before is not None and before.get(user_id) != version:
                self._desk.forget(user_id)

    async def _carry_out(self, request: Request) -> None:
        if request.kind == CLOSE_ALL:
            await self._close_all(request)
        elif request.kind.startswith(f"{CLOSE_TRADE}:"):
            self._close_trade(request, request.kind.partition(":")[2])
        elif request.kind == LEAVE and self._desk.log.leaving.hindrance(request.user_id) is None:
            await self._leave(request)

    async def _close_all(self, request: Request) -> None:
        log, user_id = self._desk.log, request.user_id
        for intent in log.orders.find(user_id=user_id, leg=Leg.OPEN, statuses=PENDING):
            if intent.status is IntentStatus.NEW:
                why = "the user asked to close everything"
                await self._desk.durably(partial(log.orders.void, intent.coid, why))
            else:
                self._wire.unwanted.add(intent.coid)
        if log.ledger.open_trades(user_id) or log.orders.find(user_id=user_id, statuses=PENDING):
            return
        if log.wishes.finish(request.request_id, "everything is closed"):
            payload: dict[str, object] = {}
            event_id = f"{CLOSE_ALL}:{request.request_id}"
            log.outbox.post(Event(event_id, user_id, "close_all_done", payload, self._desk.now_ms()))

    def _close_trade(self, request: Request, trade_id: str) -> None:
        """Say it when the trade is closed; entries of it that are still out are cancelled by its exit."""
        log, user_id = self._desk.log, request.user_id
        if any(trade.trade_id == trade_id for trade in log.ledger.open_trades(user_id)):
            return
        if log.orders.find(trade_id=trade_id, statuses=PENDING):
            return
        if log.wishes.finish(request.request_id, "the trade is closed"):
            payload: dict[str, object] = {"trade_id": trade_id}
            event_id = f"{CLOSE_TRADE}:{request.request_id}"
            log.outbox.post(Event(event_id, user_id, "close_trade_done", payload, self._desk.now_ms()))

    async def _leave(self, request: Request) -> None:
        user_id = request.user_id
        if self._exports is not None:
            export = {"user_id": user_id, "tables": self._desk.log.leaving.everything(user_id)}
            _write_private(self._exports / f"{request.request_id}.json", json.dumps(export, indent=1))
        if self._forget is not None:
            await self._forget(user_id)
        pseudonym = remove(self._desk.log, user_id)
        self._desk.forget(user_id)
        self.drop(user_id)
        _log.info("user_left", pseudonym=pseudonym)


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
