"""The dashboard over 2,610 symbols and 1,000 users: viewers of a live page, memory, and a real browser.

One server process as typed; its CPU and memory are read from /proc, so Linux only. Viewers hold an open
stream each and ask for the Live page's data as often as the page does. The browser is Chromium with every
address but 127.0.0.1 blocked. Times in it are wall times: a busy machine makes them several times longer.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench import chromium, ui_peer
from bench.harness import Line

SYMBOLS, USERS, OPEN, VIEWERS, SECONDS = 2_610, 1_000, 300, 200, 15
ASK_EVERY_S = 8.192  # as static/page.js: each 2**13 ms of the pulse
NAME, PASSWORD = "bench", "correct-horse-battery"
NAMES = (NAME, "bench2", "bench3", "bench4")
AT = datetime(2026, 1, 6, 6, tzinfo=UTC)
BAR = timedelta(minutes=15)


def run() -> list[Line]:
    """Measure, and return a line for viewers, memory, the first chart, what was sent, and the table."""
    if not Path("/proc/self/stat").is_file():
        return [_line("ui", "the dashboard", None, 0.0, reason="reads /proc: Linux only")]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _build(home / "bench")
        with _served(home) as (process, port):
            # A stream is bounded by account: viewers are shared by four.
            cookies = [_log_in(port, name) for name in NAMES]
            cookie = cookies[0]
            _visit(port, cookie)
            share, messages = _viewers(process.pid, port, cookies)
            lines = [
                _line(
                    "ui viewers",
                    f"{VIEWERS} viewers, a pulse each second, data each 8 s: share of one core",
                    share,
                    0.5,
                    messages=messages,
                ),
            ]
            lines += _browser(home, port)
            # Last, so that every page has been asked for.
            lines.append(_line("ui memory", "resident after every page, MB", _rss_mb(process.pid), 250.0))
    return lines


def _line(name: str, work: str, figure: float | None, bound: float, **more: Any) -> Line:
    shown = None if figure is None else round(figure, 4)
    ok = None if figure is None else figure <= bound
    return {"name": name, "work": work, "figure": shown, "bound": bound, "ok": ok} | more


def _build(root: Path) -> None:
    """Write a world: prices, verdicts and groups of 2,610 symbols, one with candles; users with positions."""
    import polars as pl

    from trading.store.lake import Lake

    lake = Lake(root / "lake")
    names = [f"S{number:04}/USDT" for number in range(SYMBOLS)]
    step = pl.Series(range(SYMBOLS), dtype=pl.Float64)
    tickers = pl.DataFrame({"symbol": names, "last": step + 1, "bid": step + 0.99, "ask": step + 1.01})
    tickers = tickers.with_columns(
        change_24h=(step % 100) / 1000 - 0.05, volume_quote_24h=(step * 7919) % 1_000_003
    )
    lake.publish("tickers", tickers, key=("symbol",), at=AT)
    verdicts = pl.DataFrame({"symbol": names}).with_columns(
        stage=pl.lit("markets"),
        rule=pl.lit("passed"),
        is_kept=pl.lit(value=True),
        value=step,
        bound=pl.lit(10.0),
        reason=pl.lit("traded in each of the last 24 hours, and its spread is inside the bound"),
    )
    lake.publish("funnel_markets", verdicts, key=("symbol",), at=AT)
    for table, stage, kept in (
        ("liquid_symbols", "prefilter", 1_500),
        ("screened_symbols", "screening", 400),
    ):
        judged = verdicts.with_columns(stage=pl.lit(stage), is_kept=step < kept)
        lake.publish(table, judged, key=("symbol",), at=AT)
    bars = pl.DataFrame({"open_time": [AT - BAR * k for k in range(600, 0, -1)]})
    close = pl.Series(range(600), dtype=pl.Float64).sin() + 10
    bars = bars.with_columns(
        symbol=pl.lit(names[0]), open=close, high=close + 0.5, low=close - 0.5, close=close
    )
    more = dict.fromkeys(("ema_20", "ema_50", "ema_200", "bb_upper", "bb_lower"), close)
    bars = bars.with_columns(volume=close * 3, rsi_14=close * 5, macd_hist=close - 10, **more)
    bars.write_parquet(root.parent / "bars.parquet")
    lake.publish("indicators", bars, key=("symbol", "open_time"), at=AT)
    _people(root, names)


def _people(root: Path, names: list[str]) -> None:
    from trading.market.timeframes import to_ms
    from trading.store.order_log import OrderLog, schema

    log = OrderLog(f"sqlite:///{root / 'orders.db'}")
    with log.database.together():
        for number in range(USERS):
            log.accounts.add(
                {
                    "user_id": f"u{number:04}",
                    "name": f"User {number}",
                    "mode": "paper",
                    "account": "demo:1",
                    "capital": Decimal(1_000),
                    "risk_per_trade": Decimal("0.01"),
                    "max_positions": 3,
                    "daily_loss_limit": Decimal("0.05"),
                    "allowed": [],
                    "blocked": [],
                    "is_paused": False,
                }
            )
    exact = [column.name for column in schema.trades.c if isinstance(column.type, schema.Exact)]
    row = dict.fromkeys(exact, Decimal(1)) | {"sold": Decimal(0), "base_fees": Decimal(0), "dust": Decimal(0)}
    row |= dict.fromkeys(("signal_id", "approval_id", "signal_set_id"), "s")
    row |= {"mode": "paper", "is_closed": False, "version": 1, "fees_unpriced": 0, "closed_ms": None}
    row |= {
        "deadline_ms": to_ms(AT),
        "opened_ms": to_ms(AT),
        "exit_reason": None,
        "held_up": None,
        "exits": None,
    }
    held = [
        row | {"trade_id": f"t{number}", "user_id": f"u{number:04}", "symbol": names[number % 50]}
        for number in range(OPEN)
    ]
    with log.database.write() as connection:
        connection.execute(schema.trades.insert(), held)
    log.close()


@contextmanager
def _served(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    environment = {**os.environ, "SLUICE_HOME": str(home), "SLUICE_WORLD": "bench"}
    command = [sys.executable, "-m", "interfaces.cli", "ui"]
    for name in NAMES:
        subprocess.run(
            [*command, "--account", name, "--role", "operator"],
            input=PASSWORD + "\n",
            text=True,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    with subprocess.Popen(
        [*command, "--port", "0"], text=True, env=environment, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            port = 0
            while not port:
                found = re.search(r"127\.0\.0\.1:(\d+)/", process.stdout.readline())
                port = 0 if found is None else int(found[1])
            _answering(port)
            yield process, port
        finally:
            process.terminate()


def _answering(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the dashboard did not answer within 30 s")


def _log_in(port: int, name: str = NAME) -> str:
    """Return the cookie of a session, taken through the form."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/login")
    answer = connection.getresponse()
    form = answer.headers["set-cookie"].split(";")[0]
    found = re.search(r'name="stamp" value="([^"]+)"', answer.read().decode())
    assert found is not None
    body = urllib.parse.urlencode({"stamp": found[1], "name": name, "password": PASSWORD})
    about = {"Cookie": form, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", body, about)
    answer = connection.getresponse()
    answer.read()
    cookies = [text.split(";")[0] for text in answer.headers.get_all("set-cookie", [])]
    connection.close()
    return next(text for text in cookies if text.startswith("sluice_session"))


def _visit(port: int, cookie: str) -> None:
    """Ask for every page's data once."""
    from interfaces.ui.catalogue import PAGES

    for page in PAGES:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        named = {"symbol": "S0000/USDT", "user": "u0001", "table": "funnel_markets"}
        asked = urllib.parse.urlencode({name: named.get(name, "") for name in page.asks})
        connection.request("GET", f"/api/{page.name}?{asked}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (page.name, body[:200])
        connection.close()


def _viewers(pid: int, port: int, cookies: list[str]) -> tuple[float, int]:
    """Return the server's share of one core while viewers follow, and the messages that all of them got."""
    import selectors

    chosen = selectors.DefaultSelector()
    held = []
    cookie = cookies[0]
    for number in range(VIEWERS):
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/events", headers={"Cookie": cookies[number % len(cookies)]})
        assert connection.sock is not None
        held.append(connection)
        chosen.register(connection.sock, selectors.EVENT_READ)
    time.sleep(2)
    asking = HTTPConnection("127.0.0.1", port)
    _drain(chosen, 0.5, asking, cookie)
    began, cpu = time.monotonic(), _cpu_s(pid)
    messages = _drain(chosen, SECONDS, asking, cookie)
    share = (_cpu_s(pid) - cpu) / (time.monotonic() - began)
    for connection in held:
        connection.close()
    return share, messages


def _drain(chosen: Any, seconds: float, asking: HTTPConnection, cookie: str) -> int:
    """Read streams for so long, asking for the page's data in the viewers' name; return the messages."""
    pause = ASK_EVERY_S / VIEWERS
    seen, now = 0, time.monotonic()
    until, due = now + seconds, now
    while (now := time.monotonic()) < until:
        if now >= due:
            asking.request("GET", "/api/live", headers={"Cookie": cookie})
            asking.getresponse().read()
            due += pause
        for key, _ in chosen.select(max(0.0, min(until, due) - time.monotonic())):
            seen += key.fileobj.recv(65_536).count(b"event: pulse")
    return seen


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024 / 1e6
    )


def _browser(home: Path, port: int) -> list[Line]:
    from interfaces.ui import vendored

    path, missing = chromium.found(), vendored.wrong()
    chart, sent = "first chart in Chromium, wall s from the address", "sent for it, MB"
    sorting = f"{SYMBOLS} rows sorted by each column and searched, slowest ms"
    if path is None or missing:
        reason = "no Chromium on this machine" if path is None else missing[0]
        bounds = ((chart, 4.0), (sent, 1.5), (sorting, 100.0))
        return [_line("ui browser", work, None, bound, reason=reason) for work, bound in bounds]
    base = f"http://127.0.0.1:{port}"
    with chromium.browser(path, home / "profile") as tab:
        tab.size(1280, 900)
        tab.log_in(base, NAME, PASSWORD)
        tab.bytes = tab.wire = 0
        began = time.monotonic()
        tab.go(f"{base}/symbol?symbol=S0000%2FUSDT")
        tab.wait("document.documentElement.dataset.charted", 60)
        took, bytes_sent = time.monotonic() - began, tab.wire
        tab.wire = 0
        tab.go(f"{base}/market?measure=1")
        tab.wait("document.documentElement.dataset.measured", 60)
        tab.wait("document.documentElement.dataset.ready === 'yes'", 60)
        slowest = float(tab.js("document.documentElement.dataset.gridMs"))
        market, outside = (
            tab.wire,
            [url for url in tab.requests if not url.startswith((base, "data:", "about:"))],
        )
    return [
        _line("ui browser", chart, took, 4.0, outside=len(outside)),
        ui_peer.line(home, home / "bars.parquet", took),
        _line("ui browser", sent, bytes_sent / 1e6, 1.5, market_page_mb=round(market / 1e6, 3)),
        _line("ui browser", sorting, slowest, 100.0),
    ]
