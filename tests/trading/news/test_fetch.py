import socket
import time

import pytest

from trading.news.fetch import Answer, FeedFetcher, FeedRefused, FetchLimits, Validators

QUICK = FetchLimits(timeout_s=0.6, max_bytes=5_000, max_redirects=2)


def _desk(site, limits=QUICK) -> FeedFetcher:
    return FeedFetcher(limits, allowed=frozenset({("127.0.0.1", site.port)}))


def test_an_allowed_private_desk_is_read(site):
    """The embedded exchange's news desk stands on the loopback."""
    site.serve("/feed.xml?a=1", b"<rss/>")
    assert _desk(site)(site.url("/feed.xml?a=1")) == Answer(b"<rss/>")


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
        "http://[64:ff9b::7f00:1]:{port}/",
        "http://[2002:7f00:1::]:{port}/",
        "http://[::7f00:1]:{port}/",
        "http://[fec0::1]:{port}/",
        "http://192.0.0.192/opc/v1/",
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
    monkeypatch.setattr("trading.news.fetch._vetted", lambda host, addresses, is_allowed: "127.0.0.1")
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


def test_a_name_is_resolved_once_and_the_vetted_address_is_the_one_connected_to(site, monkeypatch):
    """A resolver that says loopback, allowed, then something else: the second word is never asked for."""
    answers = iter(["127.0.0.1", "10.0.0.1"])
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr("trading.news.fetch.socket.getaddrinfo", resolve)
    site.serve("/", b"<rss/>")
    fetch = FeedFetcher(QUICK, allowed=frozenset({("desk.example", site.port)}))
    # create_connection resolves too, but what it is given is an address.
    monkeypatch.setattr("trading.news.fetch.socket.create_connection", _straight)
    assert fetch(f"http://desk.example:{site.port}/").body == b"<rss/>"
    assert asked == ["desk.example"]


def _straight(address, timeout):
    link = socket.socket()
    link.settimeout(timeout)
    link.connect(address)
    return link


def test_one_private_address_among_public_ones_is_refused(monkeypatch):
    """A name with two addresses must not win by the order of the answer."""

    def resolve(host, port, **_):
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "192.168.1.1")]

    monkeypatch.setattr("trading.news.fetch.socket.getaddrinfo", resolve)
    with pytest.raises(FeedRefused, match=r"private address 192\.168\.1\.1"):
        FeedFetcher(QUICK)("http://mixed.example/")


def test_a_resolver_that_hangs_ends_at_the_time_limit(monkeypatch):
    """The system's resolver knows no deadline; the fetch does."""
    monkeypatch.setattr("trading.news.fetch.socket.getaddrinfo", lambda *_, **__: time.sleep(3) or [])
    began = time.monotonic()
    with pytest.raises(FeedRefused, match="not resolved in time"):
        FeedFetcher(QUICK)("http://slow.example/")
    assert time.monotonic() - began < 2


def test_validators_are_sent_back_and_304_has_no_body(site):
    """What the server said last time decides; without it, 304 is a useless answer."""
    seen = []

    def answer(handler):
        seen.append((handler.headers.get("If-None-Match"), handler.headers.get("If-Modified-Since")))
        handler.send_response(304)
        handler.end_headers()

    site.pages["/"] = answer
    known = Validators('"v1"', "Fri, 01 Mar 2024 12:00:00 GMT")
    assert _desk(site)(site.url("/"), known) == Answer(None, known)
    assert seen == [('"v1"', "Fri, 01 Mar 2024 12:00:00 GMT")]
    with pytest.raises(FeedRefused, match="status 304"):
        _desk(site)(site.url("/"))


@pytest.mark.parametrize("tag", ["x" * 400, "a\tb", "caf\xe9"])
def test_a_validator_that_could_break_the_next_request_is_not_kept(site, tag):
    """Too long, control characters, no ASCII."""
    site.serve("/", b"<rss/>", ETag=tag)
    assert _desk(site)(site.url("/")).validators == Validators()


def test_a_body_that_breaks_off_is_no_whole_feed(site):
    """Else its validators were kept, and what was cut off never read again."""

    def cut(handler):
        handler.send_response(200)
        handler.send_header("ETag", '"v1"')
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"<rss>")

    site.pages["/"] = cut
    with pytest.raises(FeedRefused, match="broke off 995 bytes before its end"):
        _desk(site)(site.url("/"))
