"""Fetch one feed over HTTP within hard limits, and from public addresses only. Knows nothing of XML."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from trading.market.errors import SluiceError

_CHUNK = 65_536
_LONGEST_VALIDATOR = 300
# Public by the registry, yet they lead back to private IPv4 addresses or to hosts' own metadata.
_INWARD = tuple(
    ipaddress.ip_network(net)
    for net in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "::/96",
        "fec0::/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
    )
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FeedRefused(SluiceError):
    """A feed that was not read; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may cost: wall seconds in all, bytes of body, redirects followed."""

    timeout_s: float = 10.0
    max_bytes: int = 2_000_000
    max_redirects: int = 3


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of the version it sent last; sent back, it may answer "not modified"."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A feed as it came: `body` is None where it has not changed since `validators` were given out."""

    body: bytes | None
    validators: Validators = Validators()


Fetch = Callable[[str, Validators], Answer]


class FeedFetcher:
    """Fetches feeds; call it with an address.

    Parameters
    ----------
    limits : FetchLimits
    allowed : frozenset of (host, port)
        Private addresses that may be fetched although they are private, such as the embedded desk.
        They count for configured addresses only: a redirect never leads to a private address.

    Notes
    -----
    The host is resolved once, every address of it is checked, and the checked address is the one
    connected to, so a name cannot point elsewhere the second time. Proxies are not used.
    """

    def __init__(
        self, limits: FetchLimits | None = None, allowed: frozenset[tuple[str, int]] = frozenset()
    ) -> None:
        self._limits = limits or FetchLimits()
        self._allowed = allowed

    def __call__(self, url: str, known: Validators = Validators()) -> Answer:
        """Return the body at `url`, or None for it if the server says that it is still the known one.

        Raises
        ------
        FeedRefused
            If the address is not allowed, the answer is not a 200, too big, packed, or too slow.
        """
        deadline = time.monotonic() + self._limits.timeout_s
        allowed = self._allowed
        for _ in range(self._limits.max_redirects + 1):
            target = _Target.parse(url, allowed, deadline)
            try:
                answer, location = _get(target, deadline, self._limits, known)
            except TimeoutError:
                raise FeedRefused(f"no full answer within {self._limits.timeout_s:g} s") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if time.monotonic() >= deadline:
                    raise FeedRefused(f"no full answer within {self._limits.timeout_s:g} s") from None
                raise FeedRefused(f"cannot be read: {type(error).__name__}: {error}") from None
            if location is None:
                return answer
            url, allowed = urljoin(url, location), frozenset()
        raise FeedRefused(f"more than {self._limits.max_redirects} redirects")


@dataclass(frozen=True, slots=True)
class _Target:
    """One vetted address: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @classmethod
    def parse(cls, url: str, allowed: frozenset[tuple[str, int]], deadline: float) -> "_Target":
        try:
            parts = urlsplit(url.strip())
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise FeedRefused("its address is not one") from None
        if parts.scheme not in {"http", "https"}:
            raise FeedRefused(f"its address must begin with http or https, was {parts.scheme or 'nothing'!r}")
        if not parts.hostname or parts.username is not None:
            raise FeedRefused("its address must name a host and no user")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        is_allowed = (parts.hostname, port) in allowed
        address = _vetted(parts.hostname, _resolve(parts.hostname, port, deadline), is_allowed)
        return cls(parts.scheme, parts.hostname, port, address, path)


def _resolve(host: str, port: int, deadline: float) -> list[str]:
    """Return every address of `host`, within the deadline: the system's resolver knows no time limit."""
    found: list[list[str]] = []

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            entries = []
        found.append([str(entry[4][0]).split("%")[0] for entry in entries])

    # A daemon thread, because one that hangs in the resolver cannot be ended.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(max(deadline - time.monotonic(), 0.0))
    if not found:
        raise FeedRefused(f"host {host} was not resolved in time")
    if not found[0]:
        raise FeedRefused(f"host {host} is not known")
    return found[0]


def _vetted(host: str, addresses: list[str], is_allowed: bool) -> str:
    """Return the address to connect to; refuse if any of them is private."""
    for address in addresses:
        ip = ipaddress.ip_address(address)
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        is_inward = any(ip in net for net in _INWARD)
        if not is_allowed and (not ip.is_global or ip.is_multicast or is_inward):
            raise FeedRefused(f"host {host} has the private address {ip}")
    return addresses[0]


def _get(
    target: _Target, deadline: float, limits: FetchLimits, known: Validators
) -> tuple[Answer, str | None]:
    """Return (answer, None), or (an empty one, location) for a redirect."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    link = socket.create_connection((target.address, target.port), timeout=remaining)
    # One timer for the whole answer: a server that sends a byte a second never trips a socket time-out.
    # It holds a second handle, because TLS takes the first one over and hides it.
    handle = link.dup()
    watchdog = threading.Timer(max(deadline - time.monotonic(), 0.0), _shut, [handle])
    watchdog.daemon = True
    watchdog.start()
    try:
        if target.scheme == "https":
            link = ssl.create_default_context().wrap_socket(link, server_hostname=target.host)
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = link
        connection.request("GET", target.path, headers=_HEADERS | _conditions(known))
        answer = connection.getresponse()
        if answer.status in _REDIRECTS and answer.headers.get("Location"):
            return Answer(None), answer.headers["Location"]
        if answer.status == 304 and known != Validators():
            return Answer(None, known), None
        if answer.status != 200:
            raise FeedRefused(f"answered with status {answer.status}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise FeedRefused("answered with a packed body that was not asked for")
        said = Validators(_tame(answer.headers.get("ETag")), _tame(answer.headers.get("Last-Modified")))
        return Answer(_read(answer, deadline, limits), said), None
    finally:
        watchdog.cancel()
        handle.close()
        link.close()


_HEADERS = {
    "User-Agent": "sluice",
    "Accept": "application/rss+xml, application/atom+xml, application/xml, text/xml",
    "Accept-Encoding": "identity",  # a small packed body can unpack to gigabytes
    "Connection": "close",
}


def _conditions(known: Validators) -> dict[str, str]:
    pairs = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in pairs.items() if value is not None}


def _tame(value: str | None) -> str | None:
    """Return a header that can be sent back as it is; None for one that could break the next request."""
    is_tame = (
        value is not None and value.isascii() and value.isprintable() and len(value) <= _LONGEST_VALIDATOR
    )
    return value if is_tame else None


def _shut(link: socket.socket) -> None:
    try:
        link.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed: the answer came in time


def _read(answer: http.client.HTTPResponse, deadline: float, limits: FetchLimits) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > limits.max_bytes:
            raise FeedRefused(f"its body must be at most {limits.max_bytes:,} bytes, was more")
        if time.monotonic() >= deadline:
            raise TimeoutError
    if time.monotonic() >= deadline:  # the watchdog ends a read the same way the end of the body does
        raise TimeoutError
    if answer.length:  # read1 takes a broken connection for the end of the body
        raise FeedRefused(f"broke off {answer.length:,} bytes before its end")
    return bytes(body)
