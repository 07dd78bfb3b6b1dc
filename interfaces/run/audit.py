"""Lost and doubled orders, from the venue's side: what it accepted against what our log holds."""

import asyncio
from dataclasses import dataclass, field

from interfaces.run.options import World
from resources.settings import Settings
from trading.exchange.gateway import AccountGateway
from trading.exchange.pool import GatewayPool
from trading.execution.desk import Desk
from trading.execution.venue_audit import lost_and_doubled
from trading.simulator.accounts import demo_credentials
from trading.store.order_log import OrderLog
from trading.users.keys import DemoKeyRing
from trading.users.user import User


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts, and one sentence for each finding."""

    orders: int
    lost: int
    doubled: int
    warnings: list[str] = field(default_factory=list)


def audit_venue(settings: Settings, world: World, log: OrderLog) -> Audit:
    """Ask every account of the venue for all its orders and hold them against the log."""
    return asyncio.run(_audit(settings, world, log))


async def _audit(settings: Settings, world: World, log: OrderLog) -> Audit:
    async with GatewayPool(settings.exchange_settings) as pool:
        ring = DemoKeyRing(lambda number: demo_credentials(world.seed, number))

        def open_account(user: User) -> AccountGateway:
            keys = ring.credentials(user)
            return pool.account(keys.api_key, keys.secret)

        desk = Desk(log, pool.public, open_account)
        await desk.load_markets()
        verdict = await lost_and_doubled(desk)
    findings = [*verdict.lost, *verdict.doubled, *verdict.ledger_breaks]
    return Audit(verdict.orders, len(verdict.lost), len(verdict.doubled), findings)
