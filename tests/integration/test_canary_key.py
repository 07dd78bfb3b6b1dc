"""A key with a known marker goes through all that a key goes through; then every file is searched for it.

Linked by the command line, traded with by a real engine process at log level debug, timed out, dropped,
refused, revoked, rotated, exported; a Dagster asset of the same world is materialised meanwhile. Neither key,
nor secret, nor a signature may stand in a file of the world or of Dagster's home, or in what was printed.
"""

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from tests.interfaces.users_stand import KEY, Stand, stand
from tests.trading.simulator.handmade import SEED
from trading.market.orders import SignalSet, TradeSignal
from trading.simulator.faults import plan_from_json
from trading.simulator.key_terms import secret_of
from trading.users.directory import Directory

SECRET = secret_of(SEED, KEY)
SIGNATURE = re.compile(rb"signature=[0-9a-f]{64}")


@pytest.fixture
def at(tmp_path, monkeypatch, capsys) -> Iterator[Stand]:
    with stand(tmp_path, monkeypatch, capsys) as found:
        monkeypatch.setenv("SLUICE_EXCHANGE__TIMEOUT_S", "1")
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
        (tmp_path / "dagster_home").mkdir()
        yield found


def forms(secret: str) -> list[bytes]:
    """The text, its hex, and the middle of its base64 wherever it begins in a longer one."""
    raw = secret.encode()
    shifted = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, raw.hex().encode(), *shifted]


def found_in(root: Path) -> list[str]:
    """Every file under `root` that holds the key, the secret or a signature."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            hits = [form for secret in (KEY, SECRET) for form in forms(secret) if form in body]
            if hits or SIGNATURE.search(body):
                found.append(f"{path.relative_to(root)}: {hits[:1] or 'a signature'}")
    return found


def signals(at: Stand, number: int) -> SignalSet:
    now = at.exchange.clock.now()
    return SignalSet(
        signal_set_id=f"set-00000000000000aa-{number:012x}",
        created_at=now,
        expires_at=now + timedelta(hours=2),
        bar_time=now - timedelta(minutes=15),
        timeframe="15m",
        signals=tuple(
            TradeSignal(
                symbol=symbol,
                signal_id=f"sig-{number:016x}-{symbol[:3].lower()}",
                approval_id=f"app-00000000000000cc-{symbol[:3].lower()}",
                limit_price=Decimal(102),
                stop_loss=Decimal("0.2"),
                take_profit=Decimal("0.2"),
                max_hold_s=3600,
            )
            for symbol in ("AAA/USDT", "BBB/USDT")
        ),
    )


def trade(at: Stand, log: Path, until: Callable[[], object]) -> None:
    """Run the engine as a process of its own, everything it says into `log`, until something is true."""
    command = [sys.executable, "-m", "interfaces.cli", "--log-level", "debug", "trade", "--seed", str(SEED)]
    with log.open("ab") as output:
        engine = subprocess.Popen(
            command,
            env=os.environ | {"SLUICE_LOG_LEVEL": "debug"},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    deadline = time.monotonic() + 120
    try:
        while not until():
            assert engine.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
    finally:
        engine.terminate()
        code = engine.wait(60)
    assert code == 0


def faults(at: Stand) -> None:
    """Orders time out after they were placed, looks at them are cut off, the account's answer is half."""
    kinds = {
        "POST order": "timeout_after",
        "GET order": "drop_after",
        "GET allOrders": "truncated",
        "GET account": "drop_after",
    }
    rules = [{"kind": kind, "route": route, "nth": [1, 3]} for route, kind in kinds.items()]
    at.exchange.faults = plan_from_json({"rules": rules}, seed=1)


def test_key_is_in_no_file_and_no_output(at, tmp_path):
    """Trades with it and fails with it in several ways; the search itself is shown to find a planted copy."""
    logs = at.folder / "logs"
    at.users("master-key")
    at.users("add", "ada", "--capital", "1000")
    key, secret = at.open_key()
    assert (key, secret) == (KEY, SECRET)
    at.users("link", "ada", "--ip-bound", typed=f"{key}\n{'0' * 32}\n")  # a wrong secret first
    assert at.users("link", "ada", "--ip-bound", typed=f"{key}\n{secret}\n") == 0
    logs.mkdir(parents=True)
    with at.log() as log:
        log.write_signal_set(signals(at, 1))
        said = logs / "engine.log"
        trade(at, said, lambda: len(log.ledger.open_trades("ada")) == 2)
        assert set(at.exchange.accounts.known[KEY].wallets) > {"USDT", "AAA"}
        faults(at)
        log.write_signal_set(signals(at, 2))
        at.users("check")
        log.wishes.ask("ada", "close_all")  # two sales, the first of which times out
        trade(at, said, lambda: "OutcomeUnknown" in str(log.intents()["reason"].to_list()))
        at.exchange.faults = plan_from_json({"rules": []}, seed=1)
        at.exchange.accounts.known[KEY].is_revoked = True
        assert at.users("check") == 1
        log.write_signal_set(signals(at, 9))
        trade(at, said, lambda: b"10072" in said.read_bytes())
        assert Directory(log).get("ada").account == "key:mexc"
    assert at.users("rotate") == 0
    at.users("export", "ada", "--to", str(at.folder / "ada.json"))
    at.users("show", "ada", "--timeline")
    materialise(tmp_path / "dagster_home")
    assert found_in(tmp_path) == []
    printed = at.printed.encode()
    assert not any(form in printed for text in (KEY, SECRET) for form in forms(text))
    (at.folder / "planted").write_text(f"url?signature={'a' * 64}")
    (tmp_path / "dagster_home" / "planted").write_bytes(base64.b64encode(b"x" + SECRET.encode() + b"yz"))
    assert len(found_in(tmp_path)) == 2


def materialise(home: Path) -> None:
    """Run an asset that reads this world's order log and asks the exchange, with events kept in `home`."""
    from assets.trade_pool import trade_pool
    from resources.exchange import Exchange
    from resources.order_log import OrderLogResource
    from resources.store import Store

    with dg.DagsterInstance.local_temp(str(home)) as instance:
        done = dg.materialize(
            [trade_pool],
            resources={"store": Store(), "order_log": OrderLogResource(), "exchange": Exchange()},
            instance=instance,
        )
        assert done.success
    assert any(path.stat().st_size for path in home.rglob("*.db"))
