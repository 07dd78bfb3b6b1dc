"""The parser's process: same items as the parser itself, whatever a hostile body does to the process."""

import time
from contextlib import suppress
from pathlib import Path

import pytest

from trading.news.feeds import parse_feed
from trading.news.fetch import FeedRefused
from trading.news.parser import FeedParser, ParseLimits

ITEM = (
    "<item><title>Bitcoin &amp; co</title><guid>1</guid><link>https://x.org/1</link>"
    "<pubDate>Fri, 01 Mar 2024 12:00:00 GMT</pubDate>"
    "<description>&lt;b&gt;body&lt;/b&gt;</description></item>"
)


def _rss(items: str) -> bytes:
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()
    )


def test_items_come_through_the_process_unchanged():
    """Field by field what `parse_feed` gives in this process; one process for all feeds of a pass."""
    with FeedParser() as parse:
        first = parse("wire", _rss(ITEM))
        child = parse._child
        second = parse("other", _rss(ITEM * 3))
        assert parse._child is child
    assert first == parse_feed("wire", _rss(ITEM))
    assert first[0].summary == "body"
    assert len(second) == 3
    assert child.returncode is not None


@pytest.mark.parametrize(
    "body", [b"", b"<html/>", b"\x00\xff" * 100, b'<!DOCTYPE x [<!ENTITY a "b">]><rss/>']
)
def test_a_refusal_keeps_its_reason_and_the_process(body):
    """Bad bytes are an answer, not a crash."""
    with FeedParser() as parse:
        with pytest.raises(FeedRefused, match=r"is no RSS or Atom feed|declares entities"):
            parse("bad", body)
        assert len(parse("good", _rss(ITEM))) == 1


@pytest.mark.parametrize(
    "limits",
    [ParseLimits(wall_s=0.2), ParseLimits(cpu_s=0), ParseLimits(memory_bytes=110_000_000)],
    ids=["wall", "cpu", "memory"],
)
def test_a_body_beyond_a_limit_is_refused_and_the_next_feed_is_read(limits):
    """Two megabytes of nested markup; the process ends, the next one serves the next feed."""
    deep = _rss("<item><title>" + "<b>" * 300_000 + "x</title></item>" + ITEM * 5_000)[:2_000_000]
    began = time.monotonic()
    with FeedParser(limits) as parse:
        with pytest.raises(FeedRefused, match="could not be parsed"):
            parse("deep", deep)
        parse._limits = ParseLimits()
        parse._end()
        assert len(parse("good", _rss(ITEM))) == 1
    assert time.monotonic() - began < 20


def test_a_bomb_in_the_parsers_own_limits_ends_in_time_and_memory():
    """The default limits hold for the worst that two megabytes can be: it is read or refused."""
    bodies = (
        _rss("<a>" * 600_000)[:2_000_000],
        _rss("<item><title>" + "&amp;lt;b" * 200_000 + "</title></item>")[:2_000_000],
        _rss("<item><title>x</title></item>" * 70_000)[:2_000_000],
    )
    with FeedParser(ParseLimits(wall_s=3.0, cpu_s=2)) as parse:
        for body in bodies:
            began = time.monotonic()
            with suppress(FeedRefused):
                assert len(parse("bomb", body)) <= 500
            assert time.monotonic() - began < 6


def test_the_process_knows_no_secret_of_ours(monkeypatch):
    """Its environment is made new; keys stay here."""
    monkeypatch.setenv("SLUICE_ADMIN_TOKEN", "secret")
    with FeedParser() as parse:
        parse("wire", _rss(ITEM))
        path = Path(f"/proc/{parse._child.pid}/environ")
        if not path.exists():
            pytest.skip("no /proc on this system to look into the process")
        assert b"secret" not in path.read_bytes()


def test_no_process_is_started_for_nothing():
    """A pass in which no feed changed parses nothing."""
    with FeedParser() as parse:
        assert parse._child is None
