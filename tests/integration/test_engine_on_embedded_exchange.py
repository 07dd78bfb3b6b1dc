"""The engine as a real process against the embedded exchange as a real process, killed again and again."""

import asyncio
import json
import signal
from pathlib import Path

from tests.integration.engine_process import (
    KILLS,
    SEED,
    USERS,
    announce,
    audit,
    cached_trades,
    environment,
    exchange,  # noqa: F401 - a fixture
    is_settled,
    make_signals,
    redis_url,  # noqa: F401 - a fixture
    start,
    wait_until,
)
from trading.store.order_log import OrderLog
from trading.store.order_log.records import PENDING
from trading.users.directory import Directory


def test_engine_killed_with_orders_in_flight_loses_and_doubles_nothing(
    exchange: str,  # noqa: F811 - the fixture
    redis_url: str,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """kill -9 while orders are out, several times; at the end venue and log tell the same story."""
    settings = environment(tmp_path, exchange, SLUICE_REDIS_URL=redis_url)
    log = OrderLog(f"sqlite:///{tmp_path}/w/orders.db")
    Directory(log).ensure_demo(USERS)
    trade = ["trade", "--seed", str(SEED)]
    engine = start(trade, tmp_path / "engine.log", **settings)
    in_flight_at_death = 0

    def beat() -> dict[str, object]:
        found: dict[str, object] = json.loads((tmp_path / "w" / "engine.json").read_text())
        return found

    try:
        for number in range(KILLS):
            batch = asyncio.run(make_signals(exchange, 3, number))
            log.write_signal_set(batch)
            asyncio.run(announce(redis_url, batch.signal_set_id))
            sent = log.intents().height
            wait_until(lambda sent=sent: log.intents().height > sent, 60, "the set is planned")
            wait_until(lambda: log.orders.find(statuses=PENDING), 20, "orders are out")
            engine.end(signal.SIGKILL)
            in_flight_at_death += len(log.orders.find(statuses=PENDING))
            engine = start(trade, tmp_path / "engine.log", **settings)
            wait_until(
                lambda pid=engine.child.pid: beat()["pid"] == pid and is_settled(log), 60, "all is sold again"
            )
        engine.end()
        assert beat()["state"] == "stopped"
        engine = start([*trade, "--until-idle"], tmp_path / "engine.log", **settings)
        assert engine.child.wait(90) == 0
        verdict = asyncio.run(audit(exchange, log))
        assert in_flight_at_death > 0
        assert verdict.accounts == USERS
        assert verdict.orders >= 2 * USERS
        assert (verdict.lost, verdict.doubled, verdict.ledger_breaks) == ([], [], [])
        assert log.closed_trades().height >= USERS
        for user in Directory(log).all():
            mine = log.closed_trades().filter(user_id=user.user_id)["trade_id"]
            assert asyncio.run(cached_trades(redis_url, user.user_id)) == set(mine)
    finally:
        engine.end(signal.SIGKILL)
        log.close()
