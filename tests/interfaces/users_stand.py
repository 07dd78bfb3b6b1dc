"""A world of its own, an embedded exchange inside this process, and `sluice users` as a person types it."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from interfaces.cli.main import run
from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket, pair
from trading.simulator.accounts import AccountBook
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.inside import in_thread
from trading.simulator.key_terms import KeyTerms, open_key
from trading.simulator.limits import LimitSettings
from trading.store.order_log import OrderLog

KEY = "mx0canaryKEY0123456"


@dataclass
class Stand:
    """The world, its exchange, and what was printed last."""

    home: Path
    exchange: Exchange
    url: str
    capsys: Any
    monkeypatch: Any
    printed: str = ""

    @property
    def folder(self) -> Path:
        return self.home / "stand"

    def users(self, *arguments: str, typed: str = "") -> int:
        """Run `sluice users ...` with `typed` as stdin; keeps everything that was printed."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        self.capsys.readouterr()
        code = run(["users", *arguments])
        self.out, self.err = self.capsys.readouterr()
        self.printed += self.out + self.err
        return code

    def json(self, *arguments: str, typed: str = "") -> Any:
        self.users(*arguments, "--json", typed=typed)
        return json.loads(self.out)

    def open_key(self, key: str = KEY, funds: str = "5000", **terms: Any) -> tuple[str, str]:
        """Open a key at the exchange; returns key and secret."""
        money = {"USDT": Decimal(funds), "AAA": Decimal(10)}
        account = open_key(self.exchange.accounts, KeyTerms(key, funds=money, **terms))
        return account.key, account.secret

    @contextmanager
    def log(self) -> Iterator[OrderLog]:
        found = OrderLog(f"sqlite:///{self.folder}/orders.db")
        try:
            yield found
        finally:
            found.close()


@contextmanager
def stand(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Iterator[Stand]:
    """Serve an exchange of three pairs and point the command line at it."""
    market = FakeMarket(pair("AAAUSDT"), pair("BBBUSDT"), pair("CCCUSDT"))
    exchange = make_exchange(
        market,
        MarketClock(START_MS, 1.0),
        seed=SEED,
        accounts=AccountBook(SEED),
        limits=LimitSettings(rate_per_s=0),
    )
    with in_thread(exchange) as url:
        monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("SLUICE_WORLD", "stand")
        monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", url)
        monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "500")
        yield Stand(tmp_path / "home", exchange, url, capsys, monkeypatch)
