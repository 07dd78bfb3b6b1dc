"""`sluice exchange serve` as a process: what it prints, how it ends, what it remembers, its two clocks."""

import http.client
import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.integration.exchange_process import ROOT, START_S, ExchangeProcess, command, exchange_process
from trading.simulator.accounts import demo_credentials
from trading.simulator.signing import sign

SMALL = ("--symbols", "40", "--rate", "0")


class Signer:
    """A small client on one kept connection, its clock synchronised once, running at `speed`."""

    def __init__(self, running: ExchangeProcess, speed: float, index: int = 1, seed: int = 7) -> None:
        self.link = http.client.HTTPConnection(urlsplit(running.base).netloc, timeout=30)
        self.key, self.secret = demo_credentials(seed, index)
        self.speed = speed
        self.synchronise()

    def synchronise(self) -> None:
        began = time.monotonic()
        self.market_ms = self.ask("GET", "/api/v3/time")[1]["serverTime"]
        self.wall_s = (began + time.monotonic()) / 2

    def now_ms(self) -> int:
        return int(self.market_ms + (time.monotonic() - self.wall_s) * 1000 * self.speed)

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str = ""
    ) -> tuple[int, Any]:
        self.link.request(method, path, body or None, headers or {})
        answer = self.link.getresponse()
        return answer.status, json.loads(answer.read())

    def signed(self, method: str, name: str, **params: Any) -> tuple[int, Any]:
        query = urlencode(params | {"timestamp": self.now_ms()})
        path = f"/api/v3/{name}?{query}&signature={sign(self.secret, query)}"
        return self.ask(method, path, {"X-MEXC-APIKEY": self.key})


def fails(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=START_S, check=False
    )
    return done.returncode, done.stderr


def test_urls_and_one_account_are_printed_first_and_sigterm_ends_it(tmp_path: Path) -> None:
    """The first three lines can be pasted into ccxt; SIGTERM ends with exit code 0."""
    log = tmp_path / "requests.jsonl"
    with exchange_process(*SMALL, "--json-log", str(log), "--seed", "11") as running:
        starts = [line.split(": ")[0] for line in running.lines[:3]]
        assert starts == ["urls", "api_key", "secret"]
        assert (running.key, running.secret) == demo_credentials(11, 1)
        status, body = Signer(running, 1.0, seed=11).signed("GET", "account")
        assert (status, body["balances"]) == (200, [{"asset": "USDT", "free": "10000", "locked": "0"}])
        assert running.stop() == 0
    assert [json.loads(line)["path"] for line in log.read_text().splitlines()][-1] == "/api/v3/account"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--start", "yesterday"), 1, "start must be an ISO 8601 time"),
        (("--start", "1999-01-01"), 1, "inside this market's data"),
        (("--candles", "nowhere/at-all.parquet"), 1, "nowhere/at-all.parquet"),
        (("--fee-asset", "gold"), 1, "fee asset must be one of quote, base, MX"),
        (("--port", "99999"), 2, "--port"),
        (("--symbols", "many"), 2, "--symbols"),
        (("--speed", "-1"), 2, "--speed"),
        (("--nonsense",), 2, "nonsense"),
    ],
)  # fmt: skip
def test_wrong_arguments_get_one_sentence(arguments: tuple[str, ...], code: int, words: str) -> None:
    """Exit 1 for values that are no good, 2 for wrong usage; never a traceback."""
    exit_code, text = fails(*SMALL, *arguments)
    assert (exit_code, words in text, "Traceback" in text) == (code, True, False), text


def test_a_taken_port_gets_one_sentence() -> None:
    """Exit 1 and the port's number."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        exit_code, text = fails(*SMALL, "--port", port)
    assert (exit_code, port in text, "Traceback" in text) == (1, True, False), text


def test_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    """Market time does not go back, the resting order still rests, its money is still locked."""
    arguments = (*SMALL, "--speed", "60", "--state", str(tmp_path / "state"))
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "100"}
    with exchange_process(*arguments) as running:
        signer = Signer(running, 60.0)
        placed = signer.signed("POST", "order", **order)[1]
        before_ms, account = signer.now_ms(), signer.signed("GET", "account")[1]
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 0
    with exchange_process(*arguments) as running:
        signer = Signer(running, 60.0)
        assert signer.market_ms >= before_ms - 1_000
        (open_order,) = signer.signed("GET", "openOrders")[1]
        assert open_order["orderId"] == placed["orderId"]
        assert signer.signed("GET", "account")[1] == account


def test_a_killed_exchange_has_saved_within_seconds(tmp_path: Path) -> None:
    """SIGKILL five seconds after an order: the next run knows the order."""
    arguments = (*SMALL, "--state", str(tmp_path))
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "100"}
    with exchange_process(*arguments) as running:
        placed = Signer(running, 1.0).signed("POST", "order", **order)[1]
        time.sleep(4)
        running.process.kill()
        running.process.wait(20)
    with exchange_process(*arguments) as running:
        (open_order,) = Signer(running, 1.0).signed("GET", "openOrders")[1]
        assert open_order["orderId"] == placed["orderId"]


def test_faults_cut_the_connection_for_real() -> None:
    """drop_after: no byte of an answer, and the order exists; drop_before: it does not."""
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "100"}
    with exchange_process(*SMALL, "--admin-token", "t") as running:
        for kind, count in (("drop_before", 0), ("drop_after", 1)):
            rules = json.dumps({"rules": [{"route": "POST order", "kind": kind}]})
            Signer(running, 1.0).ask("POST", "/sluice/faults", {"X-Sluice-Admin": "t"}, rules)
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                Signer(running, 1.0).signed("POST", "order", **order)
            assert len(Signer(running, 1.0).signed("GET", "openOrders")[1]) == count


def refusals_at_speed_900(calls: int) -> dict[str, int]:
    """Make signed calls of several kinds as fast as one connection goes; count what was refused."""
    refused: dict[str, int] = {}
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "100"}
    kinds: list[tuple[str, str, dict[str, str]]] = [
        ("GET", "account", {}), ("POST", "order/test", order), ("GET", "openOrders", {}),
        ("GET", "myTrades", {"symbol": "ETHUSDT"}),
    ]  # fmt: skip
    with exchange_process(*SMALL, "--speed", "900") as running:
        signer = Signer(running, 900.0)
        for number in range(calls):
            method, name, params = kinds[number % len(kinds)]
            status, body = signer.signed(method, name, **params)
            if status != 200:
                refused[str(body)] = refused.get(str(body), 0) + 1
    return refused


def test_signed_calls_at_speed_900_meet_no_nonce_error() -> None:
    """1,500 calls with a clock synchronised once: none refused."""
    assert refusals_at_speed_900(1_500) == {}


@pytest.mark.slow
def test_ten_thousand_signed_calls_at_speed_900_meet_no_nonce_error() -> None:
    """The full proof of the two clocks: 10,000 signed calls, not one refused."""
    assert refusals_at_speed_900(10_000) == {}
