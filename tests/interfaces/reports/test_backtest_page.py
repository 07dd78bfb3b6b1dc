"""A backtest's page: self-contained, sound, escaped, complete; and the drawings it is made of."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interfaces.reports import drawings
from interfaces.reports.page import page, write_html
from interfaces.reports.report import as_json, evidence, make_report
from interfaces.reports.terminal import FIRST, print_report
from interfaces.reports.wording import duration, quote, shown
from trading.backtest.figures.words import WORDS
from trading.market.errors import BadInput

START = datetime(2026, 1, 1, tzinfo=UTC)
VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = '<script>alert("x")</script>/USDT'


def trades(symbol: str = "A/USDT", count: int = 40) -> pl.DataFrame:
    """Trades of alternating profit, six hours apart, over two months."""
    rows = [
        {
            "symbol": symbol if k % 2 else "B/USDT",
            "open_ts": START + timedelta(hours=36 * k),
            "close_ts": START + timedelta(hours=36 * k + 5),
            "open_rate": 100.0,
            "close_rate": 103.0 if k % 3 else 98.0,
            "amount": 1.0,
            "profit_ratio": 0.03 if k % 3 else -0.02,
            "exit_reason": "roi" if k % 3 else "stop_loss",
            "enter_tag": "dip" if k % 2 else "<b>break</b>",
        }
        for k in range(count)
    ]
    return pl.DataFrame(rows)


def candles(symbols: tuple[str, ...] = ("A/USDT", "B/USDT"), bars: int = 1500) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    frames = []
    for symbol in symbols:
        close = 100 + np.cumsum(rng.normal(0, 0.3, bars))
        opened = np.concatenate([[100.0], close[:-1]])
        top, bottom = np.maximum(opened, close) + 0.2, np.minimum(opened, close) - 0.2
        times = [START + timedelta(hours=k) for k in range(bars)]
        columns = {"open": opened, "high": top, "low": bottom, "close": close, "volume": np.ones(bars)}
        frames.append(pl.DataFrame({"symbol": [symbol] * bars, "ts": times, **columns}))
    return pl.concat(frames)


class Sound(HTMLParser):
    """Collects tags and text; fails on a tag that does not close."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(report) -> Sound:
    found = Sound()
    found.feed(page(report))
    found.close()
    assert found.open == []
    return found


def full(symbol: str = "A/USDT"):
    return make_report(
        trades(symbol),
        candles=candles((symbol, "B/USDT")),
        title="RSI dip",
        cost=0.001,
        other_modes={"freqtrade": trades(symbol).with_columns(pl.col("profit_ratio") + 0.01)},
        notes=["7 entries found no slot."],
    )


@pytest.mark.parametrize("report", [full(), make_report(trades().head(0)), make_report(trades(count=1))])
def test_the_page_is_sound_and_asks_nothing_of_any_other_address(report) -> None:
    """Whole tags, unique ids, no link out, no source, no script, and a policy that forbids them all."""
    found = parsed(report)
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert not {tag for tag, _ in found.tags} & {"script", "img", "link", "iframe", "object"}
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in found.tags)
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)
    text = page(report)
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://", text)


def test_the_page_holds_every_section_and_leads_to_each() -> None:
    """Equity, months, evidence, groups, candles, trades, figures, fill models; a link for each."""
    found = parsed(full())
    ids = {attrs.get("id") for _, attrs in found.tags}
    links = {(attrs.get("href") or "")[1:] for tag, attrs in found.tags if tag == "a"}
    wanted = {"modes", "equity-s", "months", "evidence", "groups", "charts", "trades", "all", "exposure"}
    assert wanted <= ids
    assert wanted <= links
    words = " ".join(" ".join(found.text).split())
    for said in ("40 trades on 2 symbols", "7 entries found no slot.", "stop loss", "freqtrade", "2× costs"):
        assert said in words, said


def test_text_from_outside_is_shown_and_never_run() -> None:
    """A symbol and a tag that are markup stay text."""
    found = parsed(full(HOSTILE))
    assert not {"script"} & {tag for tag, _ in found.tags}
    assert '<script>alert("x")</script>' in " ".join(found.text)
    assert "<b>break</b>" in " ".join(found.text)


def test_every_trade_is_drawn_and_told_when_pointed_at() -> None:
    """Forty marks on two charts, coloured by what they brought."""
    text = page(full())
    assert text.count('class="trade won"') + text.count('class="trade lost"') == 40
    assert text.count('class="trade lost"') == 14
    assert "+3.0" in text
    assert text.count('<svg class="candles"') == 2


def test_long_series_are_thinned_and_keep_their_extremes() -> None:
    """10,000 points become about 800; the highest and the lowest are among them."""
    values = np.random.default_rng(2).normal(0, 1, 10_000)
    values[4321], values[8765] = 9.0, -9.0
    kept = drawings.thinned(list(range(10_000)), values.tolist())
    assert len(kept) <= drawings.MOST_POINTS + 2
    assert {9.0, -9.0} <= {value for _, value in kept}
    assert kept == sorted(kept)


def test_open_positions_are_drawn_and_no_peak_of_them_is_lost() -> None:
    """Forty trades, one at a time, five hours in 36; of many steps the tallest stay."""
    assert "at most 1 at once" in " ".join(parsed(full()).text)
    points = [(float(k), float(k % 3)) for k in range(9000)]
    points[4444] = (4444.0, 17.0)
    kept = drawings.tallest(points)
    assert len(kept) <= drawings.MOST_POINTS + 1
    assert max(count for _, count in kept) == 17.0
    assert kept[-1] == points[-1]


def test_bars_that_are_pooled_keep_open_close_and_extremes() -> None:
    """1,500 bars become 167 of nine each."""
    own = candles(("A/USDT",)).rename({"ts": "time"})
    pooled = drawings.pooled(own)
    assert len(pooled) == 167
    first = own.head(9)
    expected = (first["open"][0], first["high"].max(), first["low"].min(), first["close"][8])
    assert pooled.select("open", "high", "low", "close").row(0) == expected


def test_a_scale_holds_its_values_with_round_marks() -> None:
    """12.14 to 12.49 is no scale from zero; equal values have one too."""
    found = drawings.around([12.14, 12.49])
    assert found.low <= 12.14
    assert found.high >= 12.49
    assert found.low > 11.5
    flat = drawings.around([5.0, 5.0])
    assert flat.low < 5.0 < flat.high


def test_the_page_is_written_whole_and_the_document_is_json(tmp_path: Path) -> None:
    """No temporary file is left; times are ISO once written by the command line's printer."""
    target = write_html(full(), tmp_path / "deep" / "report.html")
    assert target.read_text(encoding="utf-8").endswith("</html>\n")
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    document = json.loads(json.dumps(as_json(full()), default=str))
    assert set(document["figures"]) == set(WORDS)
    assert len(document["trades"]) == 40
    assert document["by_exit_reason"][0]["group"] == "roi"
    assert set(document["modes"]) == {"freqtrade"}


def test_the_same_report_says_the_same_and_too_little_says_nothing() -> None:
    """Seeded; three trades on one day are no evidence of anything."""
    assert evidence(full()) == evidence(full())
    assert evidence(make_report(trades(count=2))) == []


def test_the_terminal_shows_figures_groups_months_and_modes(capsys) -> None:
    """Every figure of the first table is one there is."""
    assert set(FIRST) <= set(WORDS)
    print_report(full())
    printed = capsys.readouterr().out
    for said in (
        "RSI dip",
        "by exit reason",
        "by tag",
        "2026-01",
        "Is it evidence?",
        "freqtrade",
        "7 entries",
    ):
        assert said in printed, said


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ratio", "–"),
        (0.0123, "ratio", "1.23 %"),
        (-0.5, "ratio", "−50.00 %"),
        (5400.0, "duration", "1 h 30 min"),
        (1234.5, "quote", "1,234.50"),
        (-0.00012345, "quote", "−0.0001234"),
        (7, "count", "7"),
        (START, "time", "2026-01-01 00:00"),
    ],
)
def test_figures_are_written_by_their_unit(value, unit, text) -> None:
    """A dash for what is undefined; small money keeps its digits."""
    assert shown(value, unit) == text


def test_spans_and_money_read_naturally() -> None:
    """No zero hours, no minus before nothing."""
    assert [duration(seconds) for seconds in (60, 7200, 90_000, 172_800)] == [
        "1 min",
        "2 h",
        "1 d 1 h",
        "2 d",
    ]
    assert quote(0.0) == "0.00"


def test_a_table_that_is_no_trades_is_refused() -> None:
    """The missing columns are named."""
    with pytest.raises(BadInput, match="trades must have the columns"):
        make_report(pl.DataFrame({"symbol": ["A"]}))
