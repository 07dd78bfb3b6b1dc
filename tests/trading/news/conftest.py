"""Feeds, markets, and a web server on the loopback that answers as told and counts what it was asked."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

COINS = {
    "BTC": "Bitcoin",
    "BCH": "Bitcoin Cash",
    "ETH": "Ethereum",
    "NEAR": "NEAR Protocol",
    "ONE": "Harmony",
    "GAS": "Gas",
    "LINK": "ChainLink",
    "OP": "Optimism",
    "ID": "SPACE ID",
    "SUN": "Sun",
    "SEC": "Secret",
    "PEPE": "Pepe",
    "KORA": "Kora Net (planted edge)",
}


@pytest.fixture
def markets() -> pl.DataFrame:
    """What the linker reads of MARKETS; BTC has two pairs."""
    rows = [(f"{base}/USDT", base, "USDT", name) for base, name in COINS.items()]
    rows.append(("BTC/USDC", "BTC", "USDC", "Bitcoin"))
    return pl.DataFrame(rows, schema=["symbol", "base", "quote", "full_name"], orient="row")


class Site:
    """A loopback server: `pages[path]` is a function that writes the answer."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                try:
                    site.pages[self.path](self)
                except (BrokenPipeError, ConnectionResetError):
                    return  # the reader hung up, as it should on what it refuses

            def log_message(self, *arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def serve(self, path: str, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        """Answer `path` with `body`."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        self.pages[path] = answer


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve for one test, on a free port."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()
