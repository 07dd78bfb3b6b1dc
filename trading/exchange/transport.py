"""How a request travels: one session for the process, the limiter in front, retries for reads only.

Here: connection, time-outs, when to try again. Not here: what is asked (mexc.py, public_api.py) and
what a reply means (errors.py).
"""

import asyncio
import errno
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar

import aiohttp
import certifi
import yarl

from trading.exchange.errors import Reply
from trading.exchange.throttle import Limiter, Priority, chosen_priority
from trading.market.errors import (
    BadPayload,
    Banned,
    ClockDrift,
    ClockSkew,
    ExchangeError,
    NoSuchAddress,
    OutcomeUnknown,
    RateLimited,
    Timeout,
    Unreachable,
)

T = TypeVar("T")

# Reads: wall seconds before the second and third try, each spread by half.
_PAUSES_S = (0.2, 0.6)
_RATE_TRIES = 6
# Shorter than servers keep idle connections (uvicorn: 5 s): an order sent into a connection that the
# server is just closing has an unknown outcome for nothing.
_IDLE_S = 4.0
_SKEW_TRIES = 3


class Transport:
    """One aiohttp session, connector and TLS context, made on first use inside the running loop.

    Parameters
    ----------
    timeout_s : float
        Wall seconds before a request counts as unanswered.
    source_address : str or None
        This machine's address that connections leave from, websockets too; None = the system chooses.
    """

    def __init__(self, *, timeout_s: float, source_address: str | None = None) -> None:
        self.timeout_s = timeout_s
        self.source_address = source_address
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Reply:
        """Send once and return whatever HTTP answer comes.

        `url` is taken as it stands: signed queries must not be re-encoded.

        Raises
        ------
        Unreachable
            If no connection came about, so nothing was sent; or, for a read, if it broke.
        Timeout
            If a read got no whole answer in time.
        OutcomeUnknown
            If a write was sent and no whole answer came.
        """
        target = yarl.URL(url, encoded=True)
        sent_s = time.monotonic()
        try:
            async with self._open().request(
                method, target, headers=headers, data=None if body is None else body.encode()
            ) as response:
                content = await response.read()
                return Reply(response.status, response.headers, content, sent_s, time.monotonic())
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = self._failure(error, method, target)
        # Raised out here: aiohttp's own messages hold the signed URL, and would come along as context.
        raise failure

    def _failure(self, error: Exception, method: str, target: yarl.URL) -> ExchangeError:
        told, is_read = f"{method} {target.path}", method == "GET"
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return Unreachable(f"{told}: no connection to {target.host} within {self.timeout_s} s")
        if isinstance(error, aiohttp.ClientConnectorError):
            reason = error.os_error.strerror if error.os_error else type(error).__name__
            if error.os_error and error.os_error.errno == errno.EADDRNOTAVAIL and self.source_address:
                return NoSuchAddress(f"{told}: {self.source_address} is no address of this machine")
            return Unreachable(f"{told}: no connection to {target.host}: {reason}")
        if isinstance(error, TimeoutError):
            silent = f"no answer within {self.timeout_s} s"
            return Timeout(f"{told}: {silent}") if is_read else OutcomeUnknown(f"{told}: sent, {silent}")
        broken = f"{told}: the connection broke ({type(error).__name__})"
        return Unreachable(broken) if is_read else OutcomeUnknown(broken)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The process's session, for connections that live long (feed/wiring.py needs it)."""
        return self._open()

    async def close(self) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            # One TLS context for all accounts: making one costs 34-57 ms CPU (live.md, section 4).
            context = ssl.create_default_context(cafile=certifi.where())
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    ssl=context,
                    keepalive_timeout=_IDLE_S,
                    local_addr=None if self.source_address is None else (self.source_address, 0),
                ),
                timeout=aiohttp.ClientTimeout(
                    total=self.timeout_s, sock_connect=self.timeout_s, sock_read=self.timeout_s
                ),
                cookie_jar=aiohttp.DummyCookieJar(),  # nothing of one account may stick to another's request
            )
        return self._session


class Caller:
    """Runs attempts under the limiters: reads are tried again, writes are not.

    Parameters
    ----------
    limiters : sequence of Limiter
        All of them must agree before a request goes: the address's, and the key's where there is one.
    on_skew : callable
        Called when the venue refused our timestamp, before signing again.
    """

    def __init__(self, *limiters: Limiter, on_skew: Callable[[], Awaitable[None]]) -> None:
        self._limiters = limiters
        self._on_skew = on_skew

    async def once(self, attempt: Callable[[], Awaitable[T]], *, weight: int, default: Priority) -> T:
        """Return `await attempt()`, called one time whatever comes of it: an order's client id is used up.

        A refused time stamp is looked into, so that the next order is signed right.
        """
        await self._admitted(weight, chosen_priority(default))
        try:
            return await attempt()
        except RateLimited as error:
            self._slow_down(error)
            raise
        except ClockSkew as error:
            if not isinstance(error, ClockDrift):
                with suppress(ExchangeError):
                    await self._on_skew()
            raise

    async def _admitted(self, weight: int, level: Priority) -> None:
        for limiter in self._limiters:
            await limiter.acquire(weight, level)

    def _slow_down(self, error: RateLimited) -> None:
        for limiter in self._limiters:
            limiter.refused(error.retry_after_s)

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        weight: int,
        default: Priority,
        is_write: bool = False,
    ) -> T:
        """Return `await attempt()`, which signs and sends anew each time it is called.

        Raises
        ------
        ExchangeError
            The last error, when trying again is not allowed or did not help.
        """
        level = chosen_priority(default)
        broken = refused = skewed = 0
        while True:
            await self._admitted(weight, level)
            try:
                return await attempt()
            except RateLimited as error:
                self._slow_down(error)
                refused += 1
                if is_write or isinstance(error, Banned) or refused >= _RATE_TRIES:
                    raise
            except ClockSkew as error:
                # Nothing was accepted, so signing again is safe for writes too. Of no use where this
                # machine's clock is off: looking at the time again does not set it.
                skewed += 1
                if isinstance(error, ClockDrift) or skewed >= _SKEW_TRIES:
                    raise
                await self._on_skew()
            except (Unreachable, BadPayload):
                if is_write or broken >= len(_PAUSES_S):
                    raise
                await asyncio.sleep(_PAUSES_S[broken] * random.uniform(0.75, 1.25))
                broken += 1
