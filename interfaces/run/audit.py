"""Lost and doubled orders, from the venue's side: what it accepted against what our log holds."""

import asyncio
from dataclasses import dataclass, field

from resources.settings import Settings
from trading.exchange.gateway import AccountGateway
from trading.exchange.pool import GatewayPool
from trading.execution.desk import Desk
from trading.execution.judge import Evidence
from trading.execution.venue_audit import lost_and_doubled
from trading.store.order_log import OrderLog
from trading.users.keys import KeyRing
from trading.users.user import User


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts, and one sentence for each finding."""

    orders: int
    lost: int
    doubled: int
    warnings: list[str] = field(default_factory=list)


def audit_venue(
    settings: Settings, ring: KeyRing, log: OrderLog, *, evidence: Evidence | None = None
) -> Audit:
    """Ask every account of the venue for all its orders and balances and hold them against the log.

    With `evidence` every invariant that can be judged is, else orders and ledger alone.
    """
    return asyncio.run(_audit(settings, ring, log, evidence))


async def _audit(settings: Settings, ring: KeyRing, log: OrderLog, evidence: Evidence | None) -> Audit:
    async with GatewayPool(settings.exchange_settings) as pool:

        def open_account(user: User) -> AccountGateway:
            keys = ring.credentials(user)
            return pool.account(keys.api_key, keys.secret)

        desk = Desk(log, pool.public, open_account)
        await desk.load_markets()
        verdict = await lost_and_doubled(desk, evidence=evidence)
    findings = [*verdict.lost, *verdict.doubled, *verdict.ledger_breaks]
    if evidence is not None:
        findings = verdict.wrongs()
    return Audit(verdict.orders, len(verdict.lost), len(verdict.doubled), findings)
