"""The page of an x-ray: whole, safe with hostile text, silent on the network, readable without eyes."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from interfaces.xray.page import marks, page, write_page
from trading.market.frames import CANDLES
from trading.news.items import NEWS
from trading.xray.regime import market_regime
from trading.xray.symbol.given import JUDGED, Given
from trading.xray.symbol.view import SymbolXray, xray

START, BAR_MS = datetime(2025, 3, 1, tzinfo=UTC), 900_000
HOSTILE = "<img src=x onerror=alert(1)>\"'</script><b>\u202ee"


def candles(bars: int, name: str, scale: float = 100.0) -> pl.DataFrame:
    close = scale * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.003, bars)))
    columns = {
        "symbol": [name] * bars,
        "open_time": int(START.timestamp() * 1000) + BAR_MS * np.arange(bars),
        "open": close,
        "high": close * 1.001,
        "low": close * 0.999,
        "close": close,
        "volume": np.ones(bars),
        "quote_volume": close,
    }
    return pl.DataFrame(columns).cast(CANDLES)


def view(name: str = "BTC/USDT", bars: int = 800, *, full: bool = True, scale: float = 100.0) -> SymbolXray:
    own = candles(bars, name, scale)
    at = START + timedelta(milliseconds=BAR_MS * bars)
    if not full:
        return xray(Given(name, at, own, BAR_MS, "15m"))
    seen = at - timedelta(hours=3)
    keys = ("item_id", "source", "title", "link", "event", "score")
    told = [
        ("1", HOSTILE, HOSTILE, "javascript:alert(1)", "hack", -0.9),
        ("2", "wire", "Plain words", "https://news.invalid/a?b=1&c=2", None, 0.2),
    ]
    about = {"published": seen, "first_seen": seen, "symbols": [name], "sentiment": 0.1, "mood": "neutral"}
    news = [dict(zip(keys, row, strict=True)) | about | {"effective": at} for row in told]
    peers = {"symbol": [name], "rank": [1], "peer": [HOSTILE], "rho": [-0.5], "bars": [99]}
    groups = {
        "symbol": [name, HOSTILE],
        "cluster": [0, 0],
        "cluster_name": [HOSTILE] * 2,
        "strength": [1.0, 0.5],
        "size": [2, 2],
    }
    judged = [("screening", "volume", 1.0, 2.0, False, HOSTILE), ("screening", "spread", 0.1, 0.2, True, "")]
    signal = {
        "open_time": own["open_time"][-9],
        "is_entry": True,
        "is_exit": False,
        "is_candidate": True,
        "close": 1.0,
    }
    signal |= {
        "score": 0.5,
        "probability": None,
        "threshold": 30.0,
        "threshold_why": "30 × 1",
        "reason": HOSTILE,
    }
    return xray(
        Given(
            name,
            at,
            own,
            BAR_MS,
            "15m",
            ticker={"bid": 1.0, "ask": 1.1, "volume_quote_24h": 5.0},
            regime=market_regime(own),
            peers=pl.DataFrame(peers),
            clusters=pl.DataFrame(groups),
            others=candles(bars, HOSTILE),
            news=pl.DataFrame(news, schema=NEWS),
            signals=pl.DataFrame([signal]),
            judged=pl.DataFrame(judged, schema=JUDGED, orient="row"),
            stake=100.0,
            stake_of=HOSTILE,
            sources={"tickers": HOSTILE},
        )
    )


class Read(HTMLParser):
    """Collects tags with attributes, ids, and what never closed."""

    VOID = ("meta", "input", "br", "img", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("name", ["BTC/USDT", HOSTILE])
def test_hostile_text_stays_text(name):
    """Symbol, headline, source, peer, reason, stake, version ids with markup: no tag or handler of theirs."""
    text = page(view(name))
    read = Read(text)
    assert (read.wrong, read.stack) == ([], [])
    assert {tag for tag, _ in read.tags} & {"img", "b"} <= {"b"}
    assert not [key for _, attributes in read.tags for key in attributes if key.startswith("on")]
    assert text.count("<script") == 2
    assert "onerror=alert" not in re.sub(r"&lt;img src=x onerror=alert\(1\)&gt;", "", text)
    assert "\u202e" not in text
    assert "javascript:" not in text


def test_the_page_asks_nothing_of_any_address():
    """Nothing is loaded; links go to headlines and to parts of the page; the policy allows the one script."""
    text = page(view())
    read = Read(text)
    assert not [attributes for _, attributes in read.tags if "src" in attributes]
    assert not [tag for tag, _ in read.tags if tag in ("link", "iframe", "object", "embed")]
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    assert {link for link in links if not link.startswith("#")} == {"https://news.invalid/a?b=1&c=2"}
    assert "@import" not in text
    assert "url(" not in text
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    policy = next(a["content"] for tag, a in read.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert f"script-src 'sha256-{digest}'" in policy


def test_every_drawing_has_words_and_every_target_is_there():
    """Title and description for readers of screens; ids are unique; no link of the page leads nowhere."""
    text = page(view())
    read = Read(text)
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    drawings = [attributes for tag, attributes in read.tags if tag == "svg"]
    assert len(drawings) >= 14
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set(drawing["aria-labelledby"].split()) <= set(ids)
    targets = {a["href"][1:] for tag, a in read.tags if tag == "a" and a["href"].startswith("#")}
    assert targets <= set(ids)
    assert '<html lang="en">' in text


def test_news_and_signals_are_marked_on_the_bar_in_which_they_fell():
    """First seen three hours before the end of 800 bars: bar 788; the signal on the ninth last bar."""
    found = {(mark.kind, mark.bar) for mark in marks(view())}
    assert found == {("grave", 788), ("news", 788), ("entry", 791)}
    # Two headlines of one bar hang below each other, the grave one on top.
    tops = re.findall(r'class="mark (grave|news)"[^>]*\+ ([\d.]+)rem', page(view()))
    assert set(tops) == {("grave", "0.00"), ("news", "1.15")}


def test_the_script_reads_out_every_bar_of_the_longest_span():
    """672 rows of eight cells, the last one that of the newest bar."""
    text = page(view())
    data = json.loads(re.search(r'id="bars">(.*?)</script>', text, re.DOTALL)[1])
    assert len(data["rows"]) == 672
    assert data["first"] == 128
    assert {len(row) for row in data["rows"]} == {8}
    assert data["rows"][-1][0] == "2025-03-09 07:45"


@pytest.mark.parametrize("bars", [1, 2, 30, 97, 300])
@pytest.mark.parametrize("scale", [1e-12, 100.0, 1e12])
def test_short_histories_and_extreme_prices_make_a_page(bars, scale):
    """No NaN, no infinity, no power of ten in what is drawn or written."""
    text = page(view(bars=bars, full=False, scale=scale))
    assert not re.search(r"\bnan\b|\binf\b", text)
    assert not re.search(r"\de[+−-]\d", re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL))
    assert (Read(text).wrong, Read(text).stack) == ([], [])


def test_a_symbol_without_bars_has_a_page_without_a_chart_or_a_script():
    """What it was judged by and its news are there; nothing is drawn."""
    bare = Given("A/USDT", START, candles(1, "A/USDT").clear(), BAR_MS, "15m", ticker={"last": 2.0})
    text = page(xray(bare))
    assert "no bar of it is stored" in text
    assert "<script" not in text
    assert "<svg" not in text
    assert (Read(text).wrong, Read(text).stack) == ([], [])


def test_a_page_stays_small():
    """800 bars, three spans: less than 400 kB."""
    assert len(page(view()).encode()) < 400_000


def test_a_page_is_written_whole(tmp_path):
    """One file, no temporary one beside it."""
    path = write_page(view(full=False), tmp_path / "deep" / "x.html")
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [each.name for each in path.parent.iterdir()] == ["x.html"]
