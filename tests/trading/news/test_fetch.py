import socket
import time

import pytest

from trading.news.fetch import FeedFetcher, FeedRefused, FetchLimits

QUICK = FetchLimits(timeout_s=0.6, max_bytes=5_000, max_redirects=2)


def _desk(site, limits=QUICK) -> FeedFetcher:
    return FeedFetcher(limits, allowed=frozenset({("127.0.0.1", site.port)}))


def test_an_allowed_private_desk_is_read(site):
    """The embedded exchange's news desk stands on the loopback."""
    site.serve("/feed.xml?a=1", b"<rss/>")
    assert _desk(site)(site.url("/feed.xml?a=1")) == b"<rss/>"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0.0.0.0:{port}/",
    ],
)
def test_private_addresses_are_refused_in_every_spelling(site, url):
    """Nothing is asked of them."""
    site.serve("/", b"secret")
    with pytest.raises(FeedRefused, match=r"private address|is not known"):
        FeedFetcher(QUICK)(url.format(port=site.port))
    assert site.asked == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "must begin with http or https, was 'file'"),
        ("/etc/passwd", "must begin with http or https, was 'nothing'"),
        ("ftp://example.org/x", "was 'ftp'"),
        ("javascript:alert(1)", "was 'javascript'"),
        ("http://", "must name a host"),
        ("http://user:pw@example.org/", "and no user"),
        ("http://example.org:99999/", "its address is not one"),
    ],
)
def test_other_addresses_are_refused_without_a_look(url, why):
    """Local files, other schemes, credentials in the address."""
    with pytest.raises(FeedRefused, match=why):
        FeedFetcher(QUICK)(url)


def test_a_redirect_never_leads_to_a_private_address(site):
    """Even one that may be read when configured: a feed must not choose our targets."""
    site.serve("/away", status=302, Location="/feed.xml")
    site.serve("/feed.xml", b"<rss/>")
    with pytest.raises(FeedRefused, match=r"private address 127\.0\.0\.1"):
        _desk(site)(site.url("/away"))
    assert site.asked == ["/away"]


def test_redirects_are_bounded(site, monkeypatch):
    """A loop ends after the allowed number; here the loopback stands for a public host."""
    monkeypatch.setattr("trading.news.fetch._vetted", lambda host, port, is_allowed: "127.0.0.1")
    site.serve("/loop", status=301, Location="/loop")
    with pytest.raises(FeedRefused, match="more than 2 redirects"):
        _desk(site)(site.url("/loop"))
    assert len(site.asked) == 3


def test_a_body_over_the_limit_is_dropped_early(site):
    """A hundred megabytes announced and begun; a few kilobytes read."""
    sent = []

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1600):
            handler.wfile.write(b"x" * 65_536)
            sent.append(65_536)

    site.pages["/"] = flood
    with pytest.raises(FeedRefused, match="at most 5,000 bytes"):
        _desk(site)(site.url("/"))
    time.sleep(0.1)
    assert sum(sent) < 30_000_000


@pytest.mark.parametrize("where", ["body", "headers"])
def test_a_slow_drip_ends_at_the_time_limit(site, where):
    """A byte every 50 ms never trips a socket time-out; the whole answer has one deadline."""

    def drip(handler):
        if where == "body":
            handler.send_response(200)
            handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.05)

    site.pages["/"] = drip
    began = time.monotonic()
    with pytest.raises(FeedRefused, match=r"no full answer within 0\.6 s"):
        _desk(site)(site.url("/"))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 404}, "status 404"),
        ({"status": 500}, "status 500"),
        ({"body": b"x", "Content_Encoding": "gzip"}, "packed body"),
    ],
)
def test_useless_answers_are_named(site, answer, why):
    """Status and packing; a packed bomb is never opened."""
    site.serve("/", **answer)
    with pytest.raises(FeedRefused, match=why):
        _desk(site)(site.url("/"))


def test_a_dead_host_is_a_reason_and_not_a_crash():
    """Nobody listens: the sentence names the error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    fetch = FeedFetcher(QUICK, allowed=frozenset({("127.0.0.1", port)}))
    with pytest.raises(FeedRefused, match="cannot be read: ConnectionRefusedError"):
        fetch(f"http://127.0.0.1:{port}/")


def test_a_server_that_never_shakes_hands_ends_at_the_time_limit():
    """TLS to a port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        fetch = FeedFetcher(QUICK, allowed=frozenset({("127.0.0.1", port)}))
        began = time.monotonic()
        with pytest.raises(FeedRefused, match=r"no full answer within 0\.6 s"):
            fetch(f"https://127.0.0.1:{port}/")
        assert time.monotonic() - began < 2


def test_a_plain_server_behind_https_is_a_reason(site):
    """No fallback to an unencrypted read."""
    site.serve("/", b"<rss/>")
    with pytest.raises(FeedRefused, match="cannot be read: SSLError"):
        _desk(site)(site.url("/").replace("http:", "https:"))
