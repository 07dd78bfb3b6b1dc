from datetime import UTC, datetime
from pathlib import Path

import pytest

from trading.news.feeds import parse_feed, plain
from trading.news.fetch import FeedRefused

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "data" / "news" / "coindesk_2026-08-15.xml"
ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>
<entry><id>tag:x,1</id><title type="html">&lt;b&gt;Bitcoin&lt;/b&gt; &amp;amp; co</title>
<link href="https://example.org/a"/><updated>2024-03-01T12:00:00+02:00</updated></entry></feed>"""


def _rss(items: str, head: str = '<?xml version="1.0"?>') -> bytes:
    return f'{head}<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


def test_rss_and_atom_give_the_same_kind_of_item():
    """Title without markup, link, guid, and the time in UTC."""
    (entry,) = parse_feed("a", ATOM)
    assert (entry.guid, entry.title, entry.link) == ("tag:x,1", "Bitcoin & co", "https://example.org/a")
    assert entry.published == datetime(2024, 3, 1, 10, tzinfo=UTC)
    (entry,) = parse_feed(
        "r", _rss("<item><title>x</title><pubDate>Fri, 01 Mar 2024 12:00:00 +0200</pubDate></item>")
    )
    assert (entry.guid, entry.link, entry.published) == (None, None, datetime(2024, 3, 1, 10, tzinfo=UTC))


def test_a_recorded_feed_is_read_whole():
    """Two items of a real feed, as recorded."""
    if not SAMPLE.exists():
        pytest.skip(f"the recorded feed is not on this machine: {SAMPLE.name}")
    items = parse_feed("coindesk", SAMPLE.read_bytes())
    assert [entry.title for entry in items] == [
        "Robot maker Unitree is going public. Hyperliquid traders see 4x upside from IPO price",
        "Swiss mega-bank UBS ramps up its Bitcoin exposure",
    ]
    assert items[0].published == datetime(2026, 8, 15, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>no</body></html>", b"\x00\xff" * 100, b"{}", b"plain text"]
)
def test_what_is_no_feed_is_refused(body):
    """With a reason, never with a parser's own exception."""
    with pytest.raises(FeedRefused, match="is no RSS or Atom feed"):
        parse_feed("bad", body)


def test_a_body_that_names_a_file_opens_nothing(tmp_path):
    """feedparser opens short strings as paths; ours hands it a stream."""
    secret = tmp_path / "secret.xml"
    secret.write_bytes(_rss("<item><title>secret</title></item>"))
    with pytest.raises(FeedRefused, match="no RSS or Atom"):
        parse_feed("bad", str(secret).encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entity_bombs_are_refused_before_parsing(encoding):
    """A kilobyte that would unpack to gigabytes, in any encoding that XML declares."""
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1 if n else str()};" * 10}">' for n in range(9)
    )
    body = _rss("<item><title>&a8;</title></item>", head=bomb + "]>").decode().encode(encoding)
    with pytest.raises(FeedRefused, match="declares entities"):
        parse_feed("bad", body)


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "//", "https://[bad"]
)
def test_links_that_are_no_web_pages_become_none(link):
    """The item stays; its link is not offered to anyone."""
    (entry,) = parse_feed("a", _rss(f"<item><title>x</title><link>{link}</link></item>"))
    assert entry.link is None


def test_titles_arrive_as_text():
    """Markup, control characters, endless titles."""
    assert (
        plain("<script>alert('x')</script> a&lt;b \u0000\u202e z\u200bw\n\n end") == "alert('x') a<b zw end"
    )
    assert len(plain("A" * 4000)) == 300


def test_items_without_a_title_are_left_out_and_their_number_is_bounded():
    """Nothing to link or score in them; a feed of 10,000 items is cut."""
    assert (
        parse_feed("a", _rss("<item><link>https://example.org</link></item><item><title>x</title></item>"))[
            0
        ].title
        == "x"
    )
    assert len(parse_feed("a", _rss("<item><title>x</title></item>" * 700))) == 500


@pytest.mark.parametrize("date", ["never", "Fri, 99 Foo 2024", "Mon, 01 Jan 0001 00:00:00 GMT", ""])
def test_an_unreadable_date_is_none_or_a_date(date):
    """A source's clock never stops the line."""
    (entry,) = parse_feed("a", _rss(f"<item><title>x</title><pubDate>{date}</pubDate></item>"))
    assert entry.published is None or entry.published.tzinfo is UTC


def test_a_wrongly_declared_encoding_is_read_as_well_as_can_be():
    """Latin-1 bytes under a UTF-8 declaration: the ASCII part survives."""
    body = _rss("<item><title>Caf# lists BTC</title></item>", head='<?xml version="1.0" encoding="utf-8"?>')
    body = body.replace(b"#", b"\xe9")
    (entry,) = parse_feed("a", body)
    assert entry.title.endswith("lists BTC")
